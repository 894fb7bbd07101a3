//! The service manager: READY, STATUS, WATCHDOG, STOPPING, and that a start takes longer, over the socket that it names.
//!
//! Always true: the watchdog is fed by an answer of the driver, never by a timer of its own; a driver that hangs feeds nobody.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{look::Looks, picture::Picture};

/// How often the driver is asked when no watchdog asks for more.
const EVERY: Duration = Duration::from_secs(1);
/// How often until it is ready.
const SOON: Duration = Duration::from_millis(10);

/// Tells the service manager how the daemon is, until canceled.
#[derive(Debug)]
pub struct Notify {
    looks: Looks,
    every: Duration,
    watchdog: bool,
}

impl Notify {
    /// A notifier that asks the driver through `looks`. The watchdog's interval comes from the environment of the process.
    #[must_use]
    pub fn new(looks: Looks) -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        // A third: two answers may be late before the service manager loses patience.
        let every = watchdog.map_or(EVERY, |interval| (interval / 3).min(EVERY));
        Self {
            looks,
            every,
            watchdog: watchdog.is_some(),
        }
    }

    /// Works until the token is canceled or the driver has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn run(self, stop: CancellationToken) {
        self.run_with(stop, tell).await;
    }

    async fn run_with(self, stop: CancellationToken, tell: impl Fn(&[NotifyState<'_>]) + Send) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut ticks, mut ready) = (every(SOON), false);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let Some(picture) = self.looks.picture().await else {
                return;
            };
            if picture.ready && !ready {
                ready = true;
                info!("ready: books verified, orders reconciled");
                tell(&[NotifyState::Ready]);
                ticks = every(self.every);
            }
            self.alive(&picture, &tell);
        }
    }

    fn alive(&self, picture: &Picture, tell: &impl Fn(&[NotifyState<'_>])) {
        let line = picture.line();
        let status = NotifyState::Status(&line);
        if self.watchdog {
            tell(&[NotifyState::Watchdog, status]);
        } else {
            tell(&[status]);
        }
    }
}

/// Tells the service manager why the start takes longer, and for how long from now at most.
pub fn starting(why: &str, longest: Duration) {
    let micros = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::ExtendTimeoutUsec(micros),
        NotifyState::Status(why),
    ]);
}

/// Tells the service manager that the daemon is stopping, and why.
pub fn stopping(why: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(why)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::app::look::looks;

    /// How often the watchdog is fed within ten seconds.
    async fn fed(answer: bool) -> usize {
        let (looks, mut wished) = looks();
        let notify = Notify {
            looks,
            every: Duration::from_millis(200),
            watchdog: true,
        };
        let fed = Mutex::new(0);
        let count = |states: &[NotifyState<'_>]| {
            let feeds = |state: &&NotifyState<'_>| matches!(state, NotifyState::Watchdog);
            *fed.lock().unwrap() += states.iter().filter(feeds).count();
        };
        let driver = async {
            while let Some(look) = wished.recv().await {
                if answer {
                    look.send(Picture::sample()).unwrap();
                } else {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            biased;
            () = notify.run_with(CancellationToken::new(), count) => {}
            () = driver => {}
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
        }
        let fed = fed.lock().unwrap();
        *fed
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_does_not_answer_feeds_no_watchdog() {
        assert_eq!(fed(false).await, 0);
        assert!(fed(true).await >= 10);
    }
}
