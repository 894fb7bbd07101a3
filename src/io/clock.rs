//! A handle to the clock, and a clock that tests turn by hand.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::types::Timestamp;

/// Tells the time. Cheap to clone; every clone tells the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock over any source. The source must never go backwards.
    pub fn new(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// A clock that stands still until its [`ManualClock`] is turned.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let nanos = Arc::new(AtomicI64::new(start.as_nanos()));
        let source = Arc::clone(&nanos);
        (
            Self::new(move || Timestamp::from_nanos(source.load(Ordering::Acquire))),
            ManualClock(nanos),
        )
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Turns a [`Clock::manual`] clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.0.fetch_add(nanos, Ordering::AcqRel);
    }
}
