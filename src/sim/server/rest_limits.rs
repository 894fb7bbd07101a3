//! How often REST may be called: private calls by key, calls that are open at once by key, public calls by address.
//!
//! Left out: the trading counter of the matching engine, which orders and cancels are charged to instead.
//! Always true: counters fall all the time, exactly; what is kept of addresses that went away goes too.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::{sim::matching::Tier, types::Timestamp};

/// What an address or a key may do at once. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RestLimits {
    /// Private calls of one key that are open at the same time.
    pub concurrent: u32,
    /// Public calls of one address in a second.
    pub public_calls: u32,
}

/// How long a client is told to wait that has too many calls open.
pub(super) const THROTTLE: Duration = Duration::from_secs(1);

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

/// What a private call costs (§5.1).
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

/// Calls that are open.
#[derive(Debug, Default)]
pub(super) struct Concurrency(AtomicU32);

/// A place among them, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(Option<&'a AtomicU32>);

impl Slot<'_> {
    /// Takes no place.
    pub(super) const FREE: Self = Self(None);
}

impl Concurrency {
    /// A place, if one of `most` is free. 0 is no limit.
    pub(super) fn enter(&self, most: u32) -> Option<Slot<'_>> {
        let open = self.0.fetch_add(1, Ordering::AcqRel);
        let slot = Slot(Some(&self.0));
        (most == 0 || open < most).then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.0 {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Units of a public counter in one call: a decay of one call a second is one unit a nanosecond.
const PUBLIC_CALL: u64 = 1_000_000_000;
/// Counters kept before those that have fallen to zero are dropped.
const KEPT: usize = 1024;

/// Who is counted: an address, where trades and candles are asked for in a pair each.
type Visitor = (IpAddr, Option<String>);

/// The counters of public calls.
#[derive(Debug, Default)]
pub(super) struct PublicCalls(Mutex<HashMap<Visitor, Falling>>);

/// A counter that falls by so many calls a second.
#[derive(Clone, Copy, Debug, Default)]
struct Falling {
    units: u64,
    at: Timestamp,
}

impl PublicCalls {
    /// Counts a call. False if it is one too many; such a call does not count.
    pub(super) fn charge(&self, now: Timestamp, visitor: Visitor, a_second: u32) -> bool {
        if a_second == 0 {
            return true;
        }
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= KEPT {
            counters.retain(|_, counter| counter.fallen(now, a_second) > 0);
        }
        let counter = counters.entry(visitor).or_default();
        let units = counter.fallen(now, a_second) + PUBLIC_CALL;
        let fits = units <= u64::from(a_second) * PUBLIC_CALL;
        if fits {
            *counter = Falling { units, at: now };
        }
        fits
    }
}

impl Falling {
    fn fallen(self, now: Timestamp, a_second: u32) -> u64 {
        let nanos = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        self.units
            .saturating_sub(nanos.saturating_mul(u64::from(a_second)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn places_are_given_back() {
        let calls = Concurrency::default();
        let (first, second) = (calls.enter(2), calls.enter(2));
        assert!(first.is_some() && second.is_some());
        assert!(calls.enter(2).is_none());
        assert!(calls.enter(2).is_none(), "a refused call takes no place");
        drop(first);
        assert!(calls.enter(2).is_some());
        assert!((0..100).all(|_| calls.enter(0).is_some()));
    }

    #[test]
    fn public_calls_count_by_address_and_where_asked_by_pair() {
        let calls = PublicCalls::default();
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let charge = |millis, address, pair: Option<&str>| {
            let now = START.after(Duration::from_millis(millis));
            calls.charge(now, (address, pair.map(str::to_owned)), 2)
        };
        assert!(charge(0, here, None) && charge(0, here, None));
        assert!(!charge(0, here, None));
        assert!(charge(0, there, None));
        assert!(charge(0, here, Some("XBTUSD")));
        assert!(!charge(499, here, None));
        assert!(charge(500, here, None));
        assert!(!charge(500, here, None));
        assert!(calls.charge(START, (here, None), 0), "no limit");
    }

    #[test]
    fn counters_that_have_fallen_are_forgotten() {
        let calls = PublicCalls::default();
        for n in 0..KEPT {
            assert!(calls.charge(
                START,
                (IpAddr::from([127, 0, 0, 1]), Some(n.to_string())),
                1
            ));
        }
        let later = START.after(Duration::from_secs(1));
        assert!(calls.charge(later, (IpAddr::from([127, 0, 0, 1]), None), 1));
        assert_eq!(calls.0.lock().unwrap().len(), 1);
    }

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
