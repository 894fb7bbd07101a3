//! The counter of private REST calls, one for each key, in continuous time.
//!
//! Left out: the trading counter of the matching engine, which orders and cancels are charged to instead.

use crate::{sim::matching::Tier, types::Timestamp};

/// Units of a counter in one call: a decay of 0.01 a second is one unit a nanosecond.
const CALL: u64 = 100_000_000_000;

/// Calls that a key has made, less what has decayed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallCounter {
    units: u64,
    at: Timestamp,
}

impl CallCounter {
    /// Adds a call's cost if it fits. One that does not fit still fills the counter up, so that insisting prolongs the wait.
    pub(super) fn charge(&mut self, now: Timestamp, tier: Tier, cost: u32) -> bool {
        let nanos = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let decayed = self
            .units
            .saturating_sub(nanos.saturating_mul(decay_hundredths(tier)));
        let wanted = decayed.saturating_add(u64::from(cost) * CALL);
        let full = most_calls(tier) * CALL;
        self.units = wanted.min(full);
        self.at = now.max(self.at);
        // What costs nothing is never refused.
        cost == 0 || wanted <= full
    }
}

/// What a private call costs (`kraken-api.md` §5.1).
pub(super) fn cost(endpoint: &str) -> u32 {
    match endpoint {
        "Ledgers" | "TradesHistory" => 2,
        "AddOrder" | "AmendOrder" | "EditOrder" | "CancelOrder" | "AddOrderBatch"
        | "CancelOrderBatch" => 0,
        _ => 1,
    }
}

const fn most_calls(tier: Tier) -> u64 {
    match tier {
        Tier::Starter => 15,
        Tier::Intermediate | Tier::Pro => 20,
    }
}

const fn decay_hundredths(tier: Tier) -> u64 {
    match tier {
        Tier::Starter => 33,
        Tier::Intermediate => 50,
        Tier::Pro => 100,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_full_counter_lets_a_call_through_once_its_cost_has_decayed() {
        for (tier, most, wait) in [
            (Tier::Starter, 15, Duration::from_nanos(3_030_303_031)),
            (Tier::Intermediate, 20, Duration::from_secs(2)),
            (Tier::Pro, 20, Duration::from_secs(1)),
        ] {
            let mut counter = CallCounter::default();
            assert!((0..most).all(|_| counter.charge(START, tier, 1)));
            let mut early = counter;
            let just_before = START.after(wait - Duration::from_nanos(1));
            assert!(!early.charge(just_before, tier, 1), "{tier:?}");
            assert!(counter.charge(START.after(wait), tier, 1), "{tier:?}");
        }
    }

    #[test]
    fn calls_while_limited_prolong_the_wait() {
        let mut counter = CallCounter::default();
        assert!((0..20).all(|_| counter.charge(START, Tier::Pro, 1)));
        let half = Duration::from_millis(500);
        assert!(!counter.charge(START.after(half), Tier::Pro, 1));
        assert!(!counter.charge(START.after(half * 2), Tier::Pro, 1));
        assert!(counter.charge(START.after(half * 4), Tier::Pro, 1));
    }

    #[test]
    fn history_costs_two_and_orders_cost_nothing() {
        let mut counter = CallCounter::default();
        for _ in 0..7 {
            assert!(counter.charge(START, Tier::Starter, cost("Ledgers")));
        }
        assert!(!counter.charge(START, Tier::Starter, cost("TradesHistory")));
        assert!(counter.charge(START, Tier::Starter, cost("AddOrder")));
        assert!(!counter.charge(START, Tier::Starter, cost("CancelAll")));
    }
}
