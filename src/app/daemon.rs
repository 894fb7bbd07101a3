//! A run from start to end: tasks under one supervisor, then down in phases.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tracing::{error, info, warn};

use super::{
    driver::Finished,
    launch::{
        DRIVER, JOURNAL, KEY_REFUSED, OBSERVERS, READERS, Running, SIMULATOR, WIRE, launch, signals,
    },
    look::Looks,
    notify, observe,
    park::{Parked, park},
    picture::{Picture, Summary},
    runtimes::Handles,
    signals::{Signals, Stops},
    start::{self, StartError},
};
use crate::{
    config::{Config, Shutdown},
    control::{Board, Stage},
    engine::strategy::Strategy,
    io::{Clock, files::DirLock, rng},
    resilience::{
        Canceled, Deadlines, Place,
        circuit_breaker::CircuitBreaker,
        or_canceled,
        supervisor::{Ended, Failure, Fault, Phase, Straggler, Supervisor},
    },
    types::ClOrdId,
    venue::kraken::{counters::SocketCounters, rest::Rest},
};

/// How a run ended, for the exit code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing of ours rests, as read back.
    Clean,
    /// The time to stop was up; these orders may rest.
    Late(Vec<ClOrdId>),
    /// A task failed; the run was ended in order.
    Failed(String),
    /// The journal failed; the run was ended in order.
    JournalFailed,
    /// The venue refused the key while running.
    KeyRefused(String),
    /// The engine is gone; orders were canceled without it.
    Parked {
        /// What happened.
        reason: String,
        /// Whether nothing of ours rests, as read back.
        clean: bool,
    },
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// Its numbers; none when the engine is gone.
    pub summary: Option<Summary>,
    /// The engine at the end; none when it is gone.
    pub picture: Option<Picture>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Daemon {
    supervisor: Supervisor,
    stops: Stops,
    running: Running,
    board: Arc<Board>,
    http: Option<SocketAddr>,
    shutdown: Shutdown,
    /// How long tasks that were told to stop may take, and how many took longer.
    joins: Deadlines,
    rest: Rest,
    tag: String,
    /// For so long the venue may accept what has been sent.
    ttl: Duration,
    _lock: DirLock,
}

impl Daemon {
    /// Starts everything. `strategies` replaces those of the config's kinds (for tests); `signals` may be left out where
    /// something else cancels `stops`.
    ///
    /// # Errors
    ///
    /// When it was told to stop before the run had begun. The inner ones are those of a run that cannot begin. Nothing has been sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what has been started: tasks with the supervisor, an embedded simulator a moment later. Nothing has been sent.
    pub async fn start(
        config: &Config,
        strategies: Option<Vec<Box<dyn Strategy>>>,
        clock: Clock,
        handles: &Handles,
        stops: Stops,
        signals: Option<Signals>,
    ) -> Result<Result<Self, StartError>, Canceled> {
        let stop = stops.stop.clone();
        let beginning = Self::begin(config, strategies, clock, handles, stops, signals);
        or_canceled(&stop, Box::pin(beginning)).await
    }

    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    async fn begin(
        config: &Config,
        strategies: Option<Vec<Box<dyn Strategy>>>,
        clock: Clock,
        handles: &Handles,
        stops: Stops,
        signals: Option<Signals>,
    ) -> Result<Self, StartError> {
        let seed = rng::entropy().map_err(StartError::Entropy)?;
        let (stop, jitter) = (stops.stop.clone(), rng::stream(seed, 2));
        let mut supervisor = Supervisor::new(stop.clone(), clock.clone(), jitter);
        // Before anything that can take long: it must be possible to stop a start.
        if let Some(heard) = signals {
            self::signals(&mut supervisor, heard, stops.clone());
        }
        let (directory, lock) = start::claim(config)?;
        let (board, http) =
            observe::open(&mut supervisor, &config.http, &clock, &handles.http).await?;
        let started = start::start(config, &directory, strategies, seed, &clock, handles).await?;
        let tag = started.engine.settings().tag.clone();
        let (rest, shutdown) = (started.rest.clone(), config.shutdown.clone());
        let joins = Deadlines::new(config.deadlines.clone());
        let mut running = launch(
            &mut supervisor,
            started,
            stop,
            shutdown.drain,
            clock,
            handles,
        )?;
        board.started(observe::parts(&mut running, &rest, &joins));
        Ok(Self {
            supervisor,
            stops,
            running,
            board,
            http,
            shutdown,
            joins,
            rest,
            tag,
            ttl: config.orders.ttl,
            _lock: lock,
        })
    }

    /// For whoever wants to look at the engine while it runs.
    #[must_use]
    pub fn looks(&self) -> Looks {
        self.running.looks.clone()
    }

    /// Where health and metrics are, unless that is switched off.
    #[must_use]
    pub const fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The circuit breakers, for whoever shows their states.
    #[must_use]
    pub fn breakers(&self) -> Vec<CircuitBreaker> {
        self.running.breakers.clone()
    }

    /// What the sockets count: public, private.
    #[must_use]
    pub fn counters(&self) -> (Arc<SocketCounters>, Arc<SocketCounters>) {
        let Running {
            public, private, ..
        } = &self.running;
        (Arc::clone(public), Arc::clone(private))
    }

    /// How many tasks did not end in time after they had been told to stop, at [`Place::Join`].
    #[must_use]
    pub fn joins(&self) -> Deadlines {
        self.joins.clone()
    }

    /// Runs until it is told to stop or cannot go on, then takes everything down in order.
    ///
    /// # Cancel safety
    ///
    /// None: dropped, tasks end where they are and orders may rest. Cancel its [`Stops`] instead.
    pub async fn run(mut self) -> Report {
        let failure = match self.supervisor.run().await {
            Ended::Canceled | Ended::Done => None,
            Ended::Failed(failure) => Some(failure),
        };
        if let Some(failure) = &failure {
            error!(reason = %failure, "cannot go on");
        }
        notify::stopping(
            failure
                .as_ref()
                .map_or("stopping", |_| "stopping after a failure"),
        );
        match failure {
            Some(failure) if WIRE.contains(&failure.task) => Box::pin(self.without_wire()).await,
            failure => self.wind_down(failure).await,
        }
    }

    /// The engine stops its strategies and cancels what is ours; the wire stays up meanwhile.
    async fn wind_down(mut self, failure: Option<Failure>) -> Report {
        self.stops.stop.cancel();
        self.board.enter(Stage::Settling);
        if !self.settled().await {
            return Box::pin(self.without_wire()).await;
        }
        self.stop_turning().await;
        let Ok(finished) = self.running.turning.finished.try_recv() else {
            // It broke or hung at the very end: nobody knows what rests.
            return Box::pin(self.parked()).await;
        };
        let synced = self.take_down().await;
        let failure = failure.or_else(|| self.supervisor.failures().first().cloned());
        let verdict = verdict(&finished, failure, synced);
        self.report(verdict, Some(finished))
    }

    /// Waits until the engine has stopped, or must not be waited for any longer. False when it is gone, or what carries its commands is.
    async fn settled(&mut self) -> bool {
        let turning = &mut self.running.turning;
        let patience = self.stops.limit(self.shutdown.park);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                biased;
                () = turning.drained.cancelled() => return true,
                // It answers only after it has drained; before that it can only be gone.
                _gone = &mut turning.finished => return false,
                failure = self.supervisor.attend() => if WIRE.contains(&failure.task) {
                    return false;
                },
                () = &mut patience, if !turning.give_up.is_cancelled() => {
                    warn!("the time to stop is up");
                    turning.give_up.cancel();
                }
            }
        }
    }

    /// The sockets stop, and what they left is handled.
    async fn stop_turning(&mut self) {
        self.board.enter(Stage::Readers);
        self.stop_phase(READERS).await;
        self.board.enter(Stage::Driver);
        let limit = self.stops.last_words(self.shutdown.drain);
        let late = self.supervisor.stop_phase(DRIVER, limit).await;
        self.missed(&late);
    }

    /// What is left once the driver has ended. Whether all of the journal was synced.
    async fn take_down(&mut self) -> bool {
        self.board.enter(Stage::Ending);
        let synced = self.stop_phase(JOURNAL).await;
        for phase in [OBSERVERS, SIMULATOR] {
            self.stop_phase(phase).await;
        }
        synced
    }

    /// What does not end in time is aborted, named in the log, and counted. Whether everything ended.
    async fn stop_phase(&mut self, phase: Phase) -> bool {
        let limit = self.stops.limit(self.joins.of(Place::Join));
        let late = self.supervisor.stop_phase(phase, limit).await;
        self.missed(&late);
        late.is_empty()
    }

    fn missed(&self, late: &[Straggler]) {
        for _straggler in late {
            self.joins.count(Place::Join, false);
        }
    }

    /// The engine, or what carries its commands, is gone: what carries our tag is canceled without it.
    async fn without_wire(mut self) -> Report {
        // A driver that still turns ends in order and seals its journal.
        self.running.turning.give_up.cancel();
        // And not before: the engine would ask for cancels that nobody carries.
        self.stops.stop.cancel();
        self.stop_turning().await;
        self.parked().await
    }

    /// Nothing turns any more: the orders are parked, and the rest is taken down.
    async fn parked(mut self) -> Report {
        error!("parking orders over REST");
        self.board.enter(Stage::Parking);
        let parked = {
            let limit = self.stops.limit(self.shutdown.park);
            let mut parking = pin!(park(&self.rest, &self.tag, self.ttl, limit));
            loop {
                tokio::select! {
                    biased;
                    parked = &mut parking => break parked,
                    // Told in the log; what is parked needs none of them.
                    _failure = self.supervisor.attend() => {}
                }
            }
        };
        self.take_down().await;
        let verdict = parked_verdict(self.cause().as_ref(), parked == Parked::Clean);
        let finished = self.running.turning.finished.try_recv().ok();
        self.report(verdict, finished)
    }

    /// What began it. Who merely ended early had lost those it worked for.
    fn cause(&self) -> Option<Failure> {
        let failures = self.supervisor.failures();
        let broke = |failure: &&Failure| !matches!(failure.fault, Fault::EndedEarly);
        let cause = failures.iter().find(broke).or(failures.first());
        cause.cloned()
    }

    fn report(&self, verdict: Verdict, finished: Option<Finished>) -> Report {
        let frames = self.running.public.frames.get() + self.running.private.frames.get();
        let picture = finished.map(|finished| finished.picture);
        let summary = picture.as_ref().map(|picture| Summary::of(picture, frames));
        Report {
            verdict,
            summary,
            picture,
        }
    }
}

/// The verdict on a driver that has finished; `synced` is whether somebody has seen its journal's last sync.
fn verdict(finished: &Finished, failure: Option<Failure>, synced: bool) -> Verdict {
    if !finished.verified && !finished.live.is_empty() {
        return Verdict::Late(finished.live.clone());
    }
    if finished.journal_failed || !synced {
        return Verdict::JournalFailed;
    }
    match failure {
        Some(failure) if is_key_refused(&failure) => Verdict::KeyRefused(failure.to_string()),
        Some(failure) => Verdict::Failed(failure.to_string()),
        None if !finished.verified => Verdict::Late(Vec::new()),
        None => {
            info!("stopped: no order of ours rests");
            Verdict::Clean
        }
    }
}

fn is_key_refused(failure: &Failure) -> bool {
    match &failure.fault {
        Fault::Error(error) => error.class == Some(KEY_REFUSED),
        Fault::Panic(_) | Fault::Aborted | Fault::EndedEarly => false,
    }
}

/// The verdict when orders had to be parked: after a broken engine an invariant broke; otherwise only its wire did.
fn parked_verdict(cause: Option<&Failure>, clean: bool) -> Verdict {
    let reason = cause.map_or_else(|| "the driver is gone".to_owned(), ToString::to_string);
    let Some(cause) = cause.filter(|cause| cause.task != "driver") else {
        return Verdict::Parked { reason, clean };
    };
    let orders = if clean {
        "orders were canceled"
    } else {
        "orders may rest"
    };
    let reason = format!("{reason}; {orders}");
    if is_key_refused(cause) {
        Verdict::KeyRefused(reason)
    } else {
        Verdict::Failed(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::supervisor::{Escalation, TaskError};

    fn failure(task: &'static str, fault: Fault) -> Failure {
        let why = Escalation::Fatal;
        Failure { task, fault, why }
    }

    fn refused() -> Fault {
        Fault::Error(TaskError::of_class(KEY_REFUSED, "refused").into())
    }

    fn panicked() -> Fault {
        Fault::Panic("at the disco".to_owned())
    }

    /// The engine's own failure is the only broken invariant; without its wire, orders are parked all the same.
    #[test]
    fn what_began_it_decides_the_verdict_when_orders_are_parked() {
        let parked = |task, fault, clean| parked_verdict(Some(&failure(task, fault)), clean);
        for clean in [true, false] {
            let orders = if clean { "were canceled" } else { "may rest" };
            let verdict = parked("driver", panicked(), clean);
            assert!(matches!(verdict, Verdict::Parked { clean: told, .. } if told == clean));
            let verdict = parked("queries", panicked(), clean);
            assert!(matches!(verdict, Verdict::Failed(why) if why.ends_with(orders)));
            let verdict = parked("private_socket", refused(), clean);
            assert!(matches!(verdict, Verdict::KeyRefused(why) if why.ends_with(orders)));
        }
        assert!(matches!(parked_verdict(None, true), Verdict::Parked { .. }));
    }

    /// Orders that may rest come before everything else, the record before what ended the run.
    #[test]
    fn a_driver_that_finished_has_the_verdict_of_what_matters_most() {
        let order: ClOrdId = "td-1".parse().unwrap();
        let of = |rests: bool, verified, journal_failed, fault: Option<Fault>, synced| {
            let finished = Finished {
                picture: Picture::sample(),
                live: rests.then_some(order).into_iter().collect(),
                verified,
                journal_failed,
            };
            verdict(&finished, fault.map(|fault| failure("http", fault)), synced)
        };
        let late = Verdict::Late(vec![order]);
        assert_eq!(of(true, false, true, Some(refused()), false), late);
        let journal = Verdict::JournalFailed;
        assert_eq!(of(false, true, true, Some(refused()), true), journal);
        assert_eq!(of(false, true, false, Some(refused()), false), journal);
        let verdict = of(false, true, false, Some(refused()), true);
        assert!(matches!(verdict, Verdict::KeyRefused(_)));
        let verdict = of(false, false, false, Some(panicked()), true);
        assert!(matches!(verdict, Verdict::Failed(_)));
        let late = Verdict::Late(Vec::new());
        assert_eq!(of(false, false, false, None, true), late);
        assert_eq!(of(false, true, false, None, true), Verdict::Clean);
    }
}
