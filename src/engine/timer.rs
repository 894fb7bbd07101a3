//! When the engine wants to be called although nothing happened.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::order::StrategyId;
use crate::types::{ClOrdId, Timestamp};

/// What is due.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) enum Timer {
    /// An order wants a look: its deadline, a look-up, a repeated cancel.
    Order(ClOrdId),
    /// A strategy asked to be called.
    Strategy(StrategyId),
    /// The account is to be read again.
    Reconcile,
}

/// All timers, earliest first.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    /// Sets a timer.
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// Takes a timer back that was set for `at`.
    pub(super) fn clear(&mut self, at: Timestamp, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    /// The earliest instant.
    #[must_use]
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Whether the account is to be read again at some instant.
    pub(super) fn has_reconcile(&self) -> bool {
        self.0.iter().any(|(_, timer)| *timer == Timer::Reconcile)
    }

    /// Takes back every wish to read the account again.
    pub(super) fn clear_reconcile(&mut self) {
        self.0.retain(|(_, timer)| *timer != Timer::Reconcile);
    }

    /// Takes out the earliest timer that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, _) = self.0.first()?;
        if *at > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
