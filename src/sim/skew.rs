//! A venue's clock that is wrong on purpose.
//!
//! For: clients whose clock and the venue's differ, by a constant or by a step. Left out: which clock it is wrong against.
//! Always true: it never goes backwards; set back, it stands still until the time has caught up with it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::SignedDuration;

use crate::{io::Clock, types::Timestamp};

/// A clock and how far it is off. Clones share both.
#[derive(Clone, Debug)]
pub struct Skew {
    right: Clock,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    nanos: AtomicI64,
    floor: AtomicI64,
}

impl Skew {
    /// A clock that is ahead by so much, or behind.
    #[must_use]
    pub fn new(right: Clock, ahead: SignedDuration) -> Self {
        let shared = Shared {
            nanos: AtomicI64::new(nanos(ahead)),
            floor: AtomicI64::new(i64::MIN),
        };
        Self {
            right,
            shared: Arc::new(shared),
        }
    }

    /// The clock as the venue sees it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let (right, shared) = (self.right.clone(), Arc::clone(&self.shared));
        Clock::new(move || shared.seen(right.now()))
    }

    /// The clock that is right.
    #[must_use]
    pub const fn right(&self) -> &Clock {
        &self.right
    }

    /// By how much it is ahead.
    #[must_use]
    pub fn ahead(&self) -> SignedDuration {
        SignedDuration::from_nanos(self.shared.nanos.load(Ordering::Acquire))
    }

    /// Makes it ahead by so much. Whoever must not see it change in between keeps others from looking.
    pub fn set(&self, ahead: SignedDuration) {
        let now = self.shared.seen(self.right.now());
        self.shared.floor.store(now.as_nanos(), Ordering::Release);
        self.shared.nanos.store(nanos(ahead), Ordering::Release);
    }
}

impl Shared {
    fn seen(&self, now: Timestamp) -> Timestamp {
        let shifted = now.shifted_nanos(self.nanos.load(Ordering::Acquire));
        let floor = Timestamp::from_nanos(self.floor.load(Ordering::Acquire));
        shifted.max(floor)
    }
}

/// As far as the clock reaches, at most.
fn nanos(ahead: SignedDuration) -> i64 {
    let most = match ahead.is_negative() {
        true => i64::MIN,
        false => i64::MAX,
    };
    i64::try_from(ahead.as_nanos()).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stands_still_until_time_has_caught_up() {
        let (right, hand) = Clock::manual(Timestamp::from_secs(1_000));
        let skew = Skew::new(right, SignedDuration::from_secs(10));
        let clock = skew.clock();
        assert_eq!(clock.now(), Timestamp::from_secs(1_010));
        skew.set(SignedDuration::from_secs(7));
        assert_eq!(clock.now(), Timestamp::from_secs(1_010));
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_secs(1_010));
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_secs(1_011));
        skew.set(SignedDuration::from_secs(60));
        assert_eq!(clock.now(), Timestamp::from_secs(1_064));
    }
}
