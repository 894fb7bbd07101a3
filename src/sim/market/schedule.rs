//! What is to happen next, in market time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// Tasks by time; those of the same instant in the order in which they were added.
#[derive(Debug)]
pub(super) struct Schedule<T: Ord> {
    heap: BinaryHeap<Reverse<(Duration, u64, T)>>,
    added: u64,
    now: Duration,
}

impl<T: Ord> Schedule<T> {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            added: 0,
            now: Duration::ZERO,
        }
    }

    /// Time of the task taken last.
    pub(super) const fn now(&self) -> Duration {
        self.now
    }

    /// Adds a task; one that is in the past is due at once.
    pub(super) fn at(&mut self, time: Duration, task: T) {
        self.added += 1;
        self.heap
            .push(Reverse((time.max(self.now), self.added, task)));
    }

    /// Adds a task some time from now.
    pub(super) fn after(&mut self, wait: Duration, task: T) {
        self.at(self.now.saturating_add(wait), task);
    }

    /// When the next task is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((time, _, _))| *time)
    }

    /// Takes the next task.
    pub(super) fn take(&mut self) -> Option<T> {
        let Reverse((time, _, task)) = self.heap.pop()?;
        self.now = time;
        Some(task)
    }
}
