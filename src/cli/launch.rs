//! One run of the daemon, from a config to an exit code: what `run` and `demo` share.

use std::{sync::Arc, time::Duration};

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    Exit,
    screen::{self, Extra},
};
use crate::{
    app::{
        Daemon, Looks, Report, Runtimes, Signals, StartError, Stops, Summary, Verdict, clock,
        keys::KeyError, telemetry::Lines,
    },
    config::{Config, VenueKind},
    resilience::{Canceled, circuit_breaker::CircuitBreaker},
    types::Chain,
    venue::kraken::counters::SocketCounters,
};

/// How a run is started.
pub(super) struct Launch {
    pub(super) config: Config,
    /// Stops by itself after this time of trading.
    pub(super) limit: Option<Duration>,
    /// Shows a picture on the terminal, with these log lines.
    pub(super) screen: Option<Lines>,
}

/// What came of a run.
pub(super) struct Outcome {
    pub(super) exit: Exit,
    pub(super) summary: Option<Summary>,
    /// What to tell when it did not end well.
    pub(super) reason: Option<String>,
}

/// Runs the daemon to its end on runtimes of its own.
pub(super) fn launch(launch: Launch) -> std::io::Result<Outcome> {
    no_core_dump();
    let runtimes = Runtimes::new()?;
    let (handles, stops) = (runtimes.handles(), Stops::default());
    let abandon = stops.abandon.clone();
    runtimes.run(&abandon, async move {
        let clock = clock::system();
        let signals = Signals::new()?;
        let hearing = stops.clone();
        let starting = Daemon::start(
            &launch.config,
            None,
            clock,
            &handles,
            stops.clone(),
            Some(signals),
        );
        let daemon = match starting.await {
            Ok(Ok(daemon)) => daemon,
            Ok(Err(error)) => return Ok(refused(&error)),
            Err(Canceled) => {
                return Ok(Outcome {
                    exit: Exit::Clean,
                    summary: None,
                    reason: None,
                });
            }
        };
        let ended = CancellationToken::new();
        let picture = picture(
            &launch,
            daemon.looks(),
            daemon.counters(),
            daemon.breakers(),
            hearing.clone(),
            ended.clone(),
        );
        let watchdog = end_after(launch.limit, hearing);
        let running = async {
            let report = daemon.run().await;
            ended.cancel();
            report
        };
        let (report, (), ()) = tokio::join!(running, picture, async {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = watchdog => {}
            }
        });
        Ok(outcome(report))
    })
}

/// A core dump would hold the key.
fn no_core_dump() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        warn!(%error, "core dumps cannot be switched off");
    }
}

/// Stops the run after a time, if there is one.
///
/// # Cancel safety
///
/// Dropping the future leaves the run without this end.
async fn end_after(limit: Option<Duration>, stops: Stops) {
    match limit {
        Some(limit) => {
            sleep(limit).await;
            stops.stop.cancel();
        }
        None => std::future::pending().await,
    }
}

async fn picture(
    launch: &Launch,
    looks: Looks,
    (public, private): (Arc<SocketCounters>, Arc<SocketCounters>),
    breakers: Vec<CircuitBreaker>,
    stops: Stops,
    ended: CancellationToken,
) {
    let Some(lines) = launch.screen.clone() else {
        return;
    };
    let venue = venue(&launch.config);
    let extra = move || Extra {
        frames: public.frames.get() + private.frames.get(),
        breakers: breakers.iter().map(shown).collect(),
        venue: venue.clone(),
    };
    // The first press stops in order, the next ones hurry.
    let press = move || stops.ask();
    if let Err(error) = screen::show(looks, extra, lines, press, ended).await {
        warn!(%error, "the picture cannot be shown");
    }
}

/// A breaker's name and state.
pub(super) fn shown(breaker: &CircuitBreaker) -> (String, String) {
    let snapshot = breaker.snapshot();
    (snapshot.name.to_owned(), snapshot.state.as_str().to_owned())
}

/// The venue, in a few words.
pub(super) fn venue(config: &Config) -> String {
    let name = match config.venue.kind {
        VenueKind::Sim => "simulated Kraken",
        VenueKind::Paper => "Kraken's market, simulated orders",
        VenueKind::Live => "Kraken, live",
    };
    match &config.venue.rest {
        Some(address) => format!("{name}, at {address}"),
        None if config.venue.embeds_simulator() => format!("{name}, built in"),
        None => name.to_owned(),
    }
}

/// A run that did not begin.
fn refused(error: &StartError) -> Outcome {
    let exit = match error {
        StartError::Held(_) => Exit::Instance,
        StartError::State { .. } | StartError::Key(KeyError::Nonce(_)) => Exit::NoJournal,
        StartError::Unreachable { .. } => Exit::Unreachable,
        StartError::KeyRefused(_) | StartError::Key(_) => Exit::Key,
        StartError::Plan(_) | StartError::NoStateDirectory => Exit::Config,
        StartError::Tls(_) | StartError::Address(_) | StartError::NoAccount => Exit::Config,
        StartError::Client(_) | StartError::Http { .. } => Exit::Config,
        StartError::Unlisted { .. } => Exit::Config,
        StartError::Simulator(error) if error.key().is_some() => Exit::Config,
        StartError::Simulator(error) if error.is_unreachable() => Exit::Unreachable,
        StartError::Recover(_) => Exit::NoJournal,
        StartError::Simulator(_)
        | StartError::Thread(_)
        | StartError::Entropy(_)
        | StartError::Catalog(_) => Exit::Failure,
    };
    Outcome {
        exit,
        summary: None,
        reason: Some(Chain(error).to_string()),
    }
}

fn outcome(report: Report) -> Outcome {
    let (exit, reason) = match report.verdict {
        Verdict::Clean => (Exit::Clean, None),
        Verdict::Late(orders) if orders.is_empty() => {
            let reason =
                "stopped late: every order had ended, and the venue was not seen to confirm it";
            (Exit::Late, Some(reason.to_owned()))
        }
        Verdict::Late(orders) => {
            let names: Vec<String> = orders.iter().map(ToString::to_string).collect();
            error!(orders = %names.join(", "), "orders may rest");
            (
                Exit::Late,
                Some(format!("stopped late; may rest: {}", names.join(", "))),
            )
        }
        Verdict::Failed(reason) => (Exit::Failure, Some(reason)),
        Verdict::JournalFailed => (
            Exit::JournalWrite,
            Some("the journal cannot be written or synced".to_owned()),
        ),
        Verdict::KeyRefused(reason) => (Exit::Key, Some(reason)),
        Verdict::Parked {
            reason,
            clean: true,
        } => (
            Exit::Invariant,
            Some(format!("{reason}; orders were canceled")),
        ),
        Verdict::Parked {
            reason,
            clean: false,
        } => (Exit::Invariant, Some(format!("{reason}; orders may rest"))),
    };
    Outcome {
        exit,
        summary: report.summary,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit code after this verdict, and what is told.
    fn ends(verdict: Verdict) -> (u8, String) {
        let report = Report {
            verdict,
            summary: None,
            picture: None,
        };
        let Outcome { exit, reason, .. } = outcome(report);
        (exit.code(), reason.unwrap_or_default())
    }

    #[test]
    fn every_verdict_has_the_exit_code_that_is_documented_for_it() {
        let reason = || "it broke".to_owned();
        let parked = |clean| {
            let reason = reason();
            Verdict::Parked { reason, clean }
        };
        let order = "td-1".parse().unwrap();
        let journal = "the journal cannot be written or synced";
        for (verdict, code, told) in [
            (Verdict::Clean, 0, ""),
            (Verdict::Failed(reason()), 1, "it broke"),
            (parked(true), 70, "it broke; orders were canceled"),
            (parked(false), 70, "it broke; orders may rest"),
            (Verdict::JournalFailed, 74, journal),
            (
                Verdict::Late(vec![order]),
                75,
                "stopped late; may rest: td-1",
            ),
            (
                Verdict::Late(Vec::new()),
                75,
                "stopped late: every order had ended, and the venue was not seen to confirm it",
            ),
            (Verdict::KeyRefused(reason()), 77, "it broke"),
        ] {
            assert_eq!(ends(verdict), (code, told.to_owned()));
        }
    }
}
