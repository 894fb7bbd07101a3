//! How full a bounded queue is, seen from outside.
//!
//! For: operators, who want to know of a queue before it is full. Left out: queues (tokio's), and what happens to one that is full.
//! Always true: looking keeps no queue open, and whoever fills or empties it pays one relaxed load while no mark is broken.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc::Sender;

/// The most that ever waited in a queue. Clones are the same mark.
#[derive(Clone, Debug, Default)]
pub struct Mark(Arc<AtomicUsize>);

impl Mark {
    /// So many wait now.
    pub fn note(&self, waiting: usize) {
        if waiting > self.0.load(Ordering::Relaxed) {
            self.0.fetch_max(waiting, Ordering::Relaxed);
        }
    }

    /// The most so far.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A look at one queue.
pub struct Gauge {
    /// Which queue.
    pub name: &'static str,
    /// Its room.
    pub capacity: usize,
    mark: Mark,
    waiting: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Gauge {
    /// A look at the queue behind a sender; who fills or empties the queue notes its mark.
    #[must_use]
    pub fn new<T: Send + 'static>(name: &'static str, queue: &Sender<T>, mark: Mark) -> Self {
        // A strong one would keep the queue open, and tasks end because their queue has closed.
        let weak = queue.downgrade();
        let waiting = move || {
            let queue = weak.upgrade();
            queue.map_or(0, |queue| waiting(&queue))
        };
        Self {
            name,
            capacity: queue.max_capacity(),
            mark,
            waiting: Box::new(waiting),
        }
    }

    /// A look at a queue that always stands like this.
    #[cfg(test)]
    pub(crate) fn still(name: &'static str, capacity: usize, waiting: usize, most: usize) -> Self {
        let mark = Mark::default();
        mark.note(most);
        Self {
            name,
            capacity,
            mark,
            waiting: Box::new(move || waiting),
        }
    }

    /// How many wait now; none once the queue is closed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        (self.waiting)()
    }

    /// The most that waited so far.
    #[must_use]
    pub fn most(&self) -> usize {
        self.mark.get().max(self.waiting())
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .field("waiting", &self.waiting())
            .field("most", &self.most())
            .finish()
    }
}

/// How many wait in a queue, or have a place reserved in it.
#[must_use]
pub fn waiting<T>(queue: &Sender<T>) -> usize {
    queue.max_capacity() - queue.capacity()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_mark_stays_where_the_queue_once_stood() {
        let (sender, mut receiver) = mpsc::channel(4);
        let mark = Mark::default();
        let gauge = Gauge::new("test", &sender, mark.clone());
        for _ in 0..3 {
            sender.try_send(()).unwrap();
            mark.note(waiting(&sender));
        }
        receiver.try_recv().unwrap();
        mark.note(waiting(&sender));
        assert_eq!((gauge.capacity, gauge.waiting(), gauge.most()), (4, 2, 3));
    }

    #[test]
    fn looking_keeps_no_queue_open() {
        let (sender, mut receiver) = mpsc::channel::<()>(4);
        let gauge = Gauge::new("test", &sender, Mark::default());
        drop(sender);
        assert_eq!(gauge.waiting(), 0);
        assert_eq!(
            receiver.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
    }
}
