//! The service manager: READY, STATUS, WATCHDOG, STOPPING, and that a start takes longer, over the socket that it names.
//!
//! Always true: the watchdog is fed by an answer of the driver while the tasks that carry its commands turn, never by a timer of its own:
//! where one of them hangs, nobody is fed.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{look::Looks, picture::Picture};
use crate::resilience::Watcher;

/// How often the driver is asked when no watchdog asks for more.
const EVERY: Duration = Duration::from_secs(1);
/// How often until it is ready.
const SOON: Duration = Duration::from_millis(10);

/// Tells the service manager how the daemon is, until canceled.
#[derive(Debug)]
pub struct Notify {
    looks: Looks,
    /// Of the tasks without which an answer of the driver is worth nothing.
    watchers: Vec<Watcher>,
    every: Duration,
    watchdog: bool,
}

impl Notify {
    /// A notifier that asks the driver through `looks`, and looks at what carries its commands. The watchdog's interval comes from the
    /// environment of the process.
    #[must_use]
    pub fn new(looks: Looks, watchers: [Watcher; 2]) -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        // A third: two answers may be late before the service manager loses patience.
        let every = watchdog.map_or(EVERY, |interval| (interval / 3).min(EVERY));
        Self {
            looks,
            watchers: watchers.into(),
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

    async fn run_with(mut self, stop: CancellationToken, tell: impl Fn(&[NotifyState<'_>]) + Send) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut ticks, mut ready, mut hung) = (every(SOON), false, None);
        loop {
            let now = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                now = ticks.tick() => now,
            };
            let Some(picture) = self.looks.picture().await else {
                return;
            };
            if picture.ready && !ready {
                ready = true;
                info!("ready: books verified, orders reconciled");
                tell(&[NotifyState::Ready]);
                ticks = every(self.every);
            }
            let before = hung;
            hung = self.hung(now);
            if let Some(task) = hung.filter(|_| hung != before) {
                error!(task, "makes no progress: the watchdog is not fed");
            }
            self.alive(&picture, hung, &tell);
        }
    }

    /// The first task that hangs. All of them are looked at, so that each turns before the next look.
    fn hung(&mut self, now: Instant) -> Option<&'static str> {
        let mut hung = None;
        for watcher in &mut self.watchers {
            if !watcher.goes_on(now) {
                hung = hung.or(Some(watcher.task));
            }
        }
        hung
    }

    fn alive(
        &self,
        picture: &Picture,
        hung: Option<&'static str>,
        tell: &impl Fn(&[NotifyState<'_>]),
    ) {
        let line = match hung {
            Some(task) => format!("{task} makes no progress"),
            None => picture.line(),
        };
        let status = NotifyState::Status(&line);
        if self.watchdog && hung.is_none() {
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
    use std::{future::pending, sync::Mutex};

    use tokio::time::sleep;

    use super::*;
    use crate::{app::look::looks, resilience::Progress};

    /// How often the watchdog is fed within ten seconds, five times a second at best, beside a task that does this and whose turns take
    /// no more than three.
    async fn fed(answer: bool, task: impl AsyncFnOnce(Progress)) -> usize {
        let (looks, mut wished) = looks();
        let progress = Progress::default();
        let notify = Notify {
            looks,
            watchers: vec![progress.watcher("test", Duration::from_secs(3))],
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
                    pending::<()>().await;
                }
            }
        };
        let task = async {
            task(progress).await;
            pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = notify.run_with(CancellationToken::new(), count) => {}
            () = driver => {}
            () = task => {}
            () = sleep(Duration::from_secs(10)) => {}
        }
        let fed = fed.lock().unwrap();
        *fed
    }

    /// A task that waits for work.
    async fn idle(progress: Progress) {
        loop {
            progress.wished().await;
            progress.turn();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_does_not_answer_feeds_no_watchdog() {
        assert_eq!(fed(false, idle).await, 0);
        assert!(fed(true, idle).await >= 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_stops_the_feeding_though_the_driver_answers() {
        let hangs = async |progress: Progress| {
            progress.turn();
            pending::<()>().await;
            drop(progress);
        };
        let fed_first = fed(true, hangs).await;
        assert!((10..20).contains(&fed_first), "{fed_first}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_slow_within_its_limits_or_has_ended_stops_no_feeding() {
        let slow = async |progress: Progress| {
            loop {
                sleep(Duration::from_secs(2)).await;
                progress.turn();
            }
        };
        assert!(fed(true, slow).await >= 50);
        assert!(fed(true, async |progress| drop(progress)).await >= 50);
    }
}
