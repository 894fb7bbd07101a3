//! How often each of the venue's limits refused somebody.
//!
//! For: whoever judges how well a client keeps to them. Left out: the limits, and refusals that a fault made up.
//! Always true: one refusal is counted once, where it is decided, whatever becomes of the answer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::matching::Refusal;

/// A limit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Limit {
    /// The trading counter of an account in a pair: `EOrder:Rate limit exceeded`.
    Trading,
    /// Open orders of an account in a pair: `EOrder:Orders limit exceeded`.
    OpenOrders,
    /// REST calls of a key, public ones of an address, subscriptions order by order: `EAPI:Rate limit exceeded`.
    Calls,
    /// REST calls of a key at the same time: `EService:Throttled`.
    CallsAtOnce,
    /// Attempts to connect: HTTP 429.
    Connections,
    /// Requests a second of a public socket: `Exceeded msg rate`.
    Requests,
}

impl Limit {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Trading,
        Self::OpenOrders,
        Self::Calls,
        Self::CallsAtOnce,
        Self::Connections,
        Self::Requests,
    ];

    /// The name that the control endpoint shows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trading => "trading",
            Self::OpenOrders => "open_orders",
            Self::Calls => "calls",
            Self::CallsAtOnce => "calls_at_once",
            Self::Connections => "connections",
            Self::Requests => "requests",
        }
    }

    /// The limit that a refusal of the exchange is about, if it is one's.
    pub(super) fn of(refusal: Refusal) -> Option<Self> {
        [
            (Refusal::RateLimit, Self::Trading),
            (Refusal::OrdersLimit, Self::OpenOrders),
        ]
        .into_iter()
        .find_map(|(of, limit)| (of == refusal).then_some(limit))
    }
}

/// The counts. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Refused(Arc<[AtomicU64; Limit::ALL.len()]>);

impl Refused {
    /// A limit refused.
    pub(super) fn note(&self, limit: Limit) {
        if let Some(count) = self.0.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a limit refused.
    #[must_use]
    pub fn of(&self, limit: Limit) -> u64 {
        let count = self.0.get(limit as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often each limit refused.
    pub fn counts(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::ALL.into_iter().map(|limit| (limit, self.of(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_counted_under_its_own_name() {
        let refused = Refused::default();
        for (times, limit) in (1..).zip(Limit::ALL) {
            (0..times).for_each(|_| refused.note(limit));
        }
        let expected = Limit::ALL.into_iter().zip(1..);
        assert!(refused.clone().counts().eq(expected));
        let mut names = Limit::ALL.map(Limit::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn of_the_exchanges_refusals_only_two_are_a_limits() {
        assert_eq!(Limit::of(Refusal::RateLimit), Some(Limit::Trading));
        assert_eq!(Limit::of(Refusal::OrdersLimit), Some(Limit::OpenOrders));
        assert_eq!(Limit::of(Refusal::InsufficientFunds), None);
    }
}
