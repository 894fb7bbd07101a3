//! Whether a task goes on, seen from outside.
//!
//! For: a watchdog that is fed only while each task that matters turns. A task counts its turns; one that waits for work is woken by
//! whoever looks, and turns once more. Left out: what a turn is, and what becomes of a task that hangs.
//! Always true: a turn costs one relaxed add; looking keeps no task alive, and one that has ended is waited for no more.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// The turns of one task. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    turns: AtomicU64,
    wish: Notify,
}

impl Progress {
    /// The task has come so far.
    pub fn turn(&self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until somebody wants to see a turn. For the last branch of the `select!` in which the task waits for work.
    ///
    /// # Cancel safety
    ///
    /// A wish that was not heard stays for the next call.
    pub async fn wished(&self) {
        self.0.wish.notified().await;
    }

    /// Looks at the task from outside. By its own limits no turn takes longer than `limit`.
    #[must_use]
    pub fn watcher(&self, task: &'static str, limit: Duration) -> Watcher {
        Watcher {
            task,
            limit,
            progress: Arc::downgrade(&self.0),
            last: None,
        }
    }
}

/// Looks at one task.
#[derive(Clone, Debug)]
pub struct Watcher {
    /// Which task.
    pub task: &'static str,
    limit: Duration,
    progress: Weak<Inner>,
    /// The turns as they were last seen to move, and when.
    last: Option<(u64, Instant)>,
}

impl Watcher {
    /// Whether the task goes on: no look has found it at one turn for longer than a turn may take. If it waits for work, it turns
    /// before the next look.
    pub fn goes_on(&mut self, now: Instant) -> bool {
        let Some(progress) = self.progress.upgrade() else {
            return true;
        };
        let turns = progress.turns.load(Ordering::Relaxed);
        progress.wish.notify_one();
        match self.last {
            Some((seen, since)) if seen == turns => now.duration_since(since) <= self.limit,
            Some(_) | None => {
                self.last = Some((turns, now));
                true
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "paused time")]
mod tests {
    use futures_util::poll;
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);
    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_for_work_turns_when_it_is_looked_at() {
        let progress = Progress::default();
        let mut watcher = progress.watcher("test", Duration::ZERO);
        for _ in 0..10 {
            for _look in 0..2 {
                assert!(watcher.goes_on(Instant::now()));
            }
            assert!(poll!(Box::pin(progress.wished())).is_ready());
            assert!(poll!(Box::pin(progress.wished())).is_pending(), "one turn");
            progress.turn();
            advance(SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_hangs_once_a_turn_takes_longer_than_it_may() {
        let progress = Progress::default();
        let mut watcher = progress.watcher("test", LIMIT);
        let mut seen = Vec::new();
        for second in 0..10 {
            if second == 5 {
                progress.turn();
            }
            seen.push(watcher.goes_on(Instant::now()));
            advance(SECOND).await;
        }
        let (well, hangs) = ([true; 4], [false]);
        assert_eq!(seen, [&well[..], &hangs, &well, &hangs].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_ended_is_not_waited_for() {
        let progress = Progress::default();
        let mut watcher = progress.watcher("test", LIMIT);
        assert!(watcher.goes_on(Instant::now()));
        advance(2 * LIMIT).await;
        assert!(!watcher.goes_on(Instant::now()));
        drop(progress);
        assert!(watcher.goes_on(Instant::now()));
    }
}
