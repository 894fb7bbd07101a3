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
    tell: fn(&[NotifyState<'_>]),
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
            tell,
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
                (self.tell)(&[NotifyState::Ready]);
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
            (self.tell)(&[NotifyState::Watchdog, status]);
        } else {
            (self.tell)(&[status]);
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::task::JoinSet;

    use super::*;
    use crate::{
        app::tally::Tally,
        engine::{Engine, OrderSettings, Settings, throttle::Tier},
        types::Timestamp,
    };

    thread_local! {
        static FED: Cell<u32> = const { Cell::new(0) };
    }

    fn count(state: &[NotifyState<'_>]) {
        let fed = state
            .iter()
            .any(|told| matches!(told, NotifyState::Watchdog));
        FED.set(FED.get() + u32::from(fed));
    }

    fn picture() -> Picture {
        let settings = Settings {
            tag: "td".to_owned(),
            epoch: 1,
            instruments: Vec::new(),
            depth: 10,
            orders: OrderSettings::default(),
            limits: Vec::new(),
            tier: Tier::Pro,
            strategies: Vec::new(),
        };
        let tally = Tally::new(&settings);
        let now = Timestamp::from_secs(1_000);
        Picture {
            ready: true,
            ..Picture::of(&Engine::new(now, settings), &tally, now)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_hangs_feeds_no_watchdog_although_the_notifier_runs() {
        let (looks, mut looked) = mpsc::channel::<Look>(4);
        let notify = Notify {
            watchdog: true,
            tell: count,
            ..Notify::new(looks)
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(notify.run(CancellationToken::new()));
        for answered in 1..=3 {
            let asked = tokio::time::timeout(Duration::from_secs(60), looked.recv());
            let look = asked.await.expect("it asks no more").unwrap();
            assert_eq!(FED.get(), answered - 1, "fed before the driver answered");
            look.send(picture()).unwrap();
        }
        // The driver takes no more questions; the time of many watchdogs passes.
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(FED.get(), 3);
    }
}
