//! Signals of the operating system: the first asks for an orderly stop, the second shortens it, the third ends it.
//!
//! For: hearing them, and how long each step of a stop may still take. Left out: the steps; those are the daemon's.
//! A run that already ends for a reason of its own goes on in order at the first signal, as one that was asked does.
//! Always true: a hangup asks and never insists. Shell and kernel each send one when a terminal closes, and nobody meant to hurry.

use std::{fs, future::pending, io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What a step of the stop may still take once somebody has insisted.
const HURRY: Duration = Duration::from_secs(1);
/// What it may still take once somebody wants to leave at once: time to hear of it, and for whoever hangs none to speak of.
const LEAVE: Duration = Duration::from_millis(100);

/// SIGTERM, SIGINT and SIGHUP, from the moment of construction.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None where whoever started the program had it ignored, as `nohup` does.
    hangup: Option<Signal>,
}

/// What the signals cancel, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    /// The root: everybody hears it.
    pub stop: CancellationToken,
    /// The budgets of the stop are cut short.
    pub hurry: CancellationToken,
    /// Leave at once.
    pub abandon: CancellationToken,
    /// Somebody has asked to stop.
    asked: CancellationToken,
}

impl Stops {
    /// Somebody asks to stop: at first in order, whatever may have begun it already, then in haste, then at once.
    pub fn ask(&self) {
        if !self.asked.is_cancelled() {
            self.asked.cancel();
            if self.stop.is_cancelled() {
                info!("stopping already; told again, it hurries");
            } else {
                info!("stopping: strategies stop, orders are canceled");
                self.stop.cancel();
            }
        } else if !self.hurry.is_cancelled() {
            warn!("told while stopping: hurrying");
            self.hurry.cancel();
        } else if !self.abandon.is_cancelled() {
            warn!("told while hurrying: leaving at once; orders may rest");
            self.abandon.cancel();
        }
    }

    /// Ends when a step of the stop has taken long enough: its budget is up, or a second has passed since the second signal, or a tenth
    /// since the third. Where the signal came before the step, that time begins with the step.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; the next one begins its budget anew.
    pub async fn limit(&self, budget: Duration) {
        let left = async {
            self.abandon.cancelled().await;
            sleep(LEAVE).await;
        };
        tokio::select! {
            biased;
            () = left => {}
            () = self.last_words(budget) => {}
        }
    }

    /// The same for the step that tells which orders may rest: it has its second even after the third signal.
    ///
    /// # Cancel safety
    ///
    /// As [`limit`](Self::limit).
    pub async fn last_words(&self, budget: Duration) {
        let insisted = async {
            tokio::select! {
                biased;
                () = self.hurry.cancelled() => {}
                () = self.abandon.cancelled() => {}
            }
            sleep(HURRY).await;
        };
        tokio::select! {
            biased;
            () = insisted => {}
            () = sleep(budget) => {}
        }
    }
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub fn new() -> io::Result<Self> {
        let hangup = if ignores_hangup() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
        })
    }

    /// Waits for signals for as long as it is polled.
    ///
    /// # Cancel safety
    ///
    /// A signal that has not been taken stays pending.
    pub async fn run(mut self, stops: Stops) {
        self.asked().await;
        stops.ask();
        while !stops.abandon.is_cancelled() {
            self.insisted().await;
            stops.ask();
        }
    }

    /// Waits for whatever asks to stop.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn asked(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => pending().await,
            }
        };
        let name = tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = hangup => "SIGHUP",
        };
        info!(signal = name, "signal");
    }

    /// Waits for a signal that somebody sent on purpose.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn insisted(&mut self) {
        let name = tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "signal");
    }
}

/// Whether the program was started with SIGHUP ignored. To listen to it would undo that.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    has_ignored(&status, 1)
}

/// Looks a signal up in the mask of a process's status.
fn has_ignored(status: &str, signal: u32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn whoever_asks_first_asks_for_order_even_where_the_run_ends_by_itself() {
        let told = |stops: &Stops| {
            [&stops.stop, &stops.hurry, &stops.abandon].map(CancellationToken::is_cancelled)
        };
        for by_itself in [false, true] {
            let stops = Stops::default();
            if by_itself {
                stops.stop.cancel();
            }
            stops.ask();
            assert_eq!(told(&stops), [true, false, false], "{by_itself}");
            stops.ask();
            assert_eq!(told(&stops), [true, true, false], "{by_itself}");
            stops.ask();
            assert_eq!(told(&stops), [true; 3], "{by_itself}");
        }
    }

    /// How long a step takes whose budget is ten seconds, and the one that tells, after these signals.
    #[expect(clippy::disallowed_methods, reason = "paused time")]
    async fn taken(stops: &Stops) -> [Duration; 2] {
        let budget = Duration::from_secs(10);
        let begin = Instant::now();
        stops.limit(budget).await;
        let limit = begin.elapsed();
        stops.last_words(budget).await;
        [limit, begin.elapsed() - limit]
    }

    #[tokio::test(start_paused = true)]
    async fn each_signal_leaves_a_step_less_time_and_the_one_that_tells_a_second() {
        let (stops, second) = (Stops::default(), Duration::from_secs(1));
        stops.stop.cancel();
        assert_eq!(taken(&stops).await, [10 * second; 2]);
        stops.hurry.cancel();
        assert_eq!(taken(&stops).await, [second; 2]);
        stops.abandon.cancel();
        assert_eq!(taken(&stops).await, [second / 10, second]);
    }

    #[test]
    fn an_ignored_signal_is_found_in_the_mask() {
        let status = "Name:\ttradingd\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(has_ignored(status, 1) && has_ignored(status, 13));
        assert!(!has_ignored(status, 2) && !has_ignored(status, 15));
        assert!(!has_ignored("", 1) && !has_ignored("SigIgn:\tx\n", 1));
    }
}
