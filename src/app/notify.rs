//! The service manager: READY, STATUS, WATCHDOG, STOPPING, over the socket that it names.
//!
//! Always true: the watchdog is fed by an answer of the driver, never by a timer of its own; a driver that hangs feeds nobody.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{driver::Look, picture::Picture};

/// How often the driver is asked when no watchdog asks for more.
const EVERY: Duration = Duration::from_secs(1);
/// How often until it is ready.
const SOON: Duration = Duration::from_millis(10);

/// Tells the service manager how the daemon is, until canceled.
#[derive(Debug)]
pub struct Notify {
    looks: mpsc::Sender<Look>,
    every: Duration,
    watchdog: bool,
}

impl Notify {
    /// A notifier that asks the driver through `looks`. The watchdog's interval comes from the environment of the process.
    #[must_use]
    pub fn new(looks: mpsc::Sender<Look>) -> Self {
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
            let Some(picture) = self.look().await else {
                return;
            };
            if picture.ready && !ready {
                ready = true;
                info!("ready: books verified, orders reconciled");
                tell(&[NotifyState::Ready]);
                ticks = every(self.every);
            }
            self.alive(&picture);
        }
    }

    async fn look(&self) -> Option<Picture> {
        let (answer, answered) = oneshot::channel();
        self.looks.send(answer).await.ok()?;
        answered.await.ok()
    }

    fn alive(&self, picture: &Picture) {
        let line = picture.line();
        let status = NotifyState::Status(&line);
        if self.watchdog {
            tell(&[NotifyState::Watchdog, status]);
        } else {
            tell(&[status]);
        }
    }
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
