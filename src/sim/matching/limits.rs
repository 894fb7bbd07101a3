//! Limits of an account's trading: the rate counter, the cap of open orders, what a status allows.
//!
//! For: the numbers of Kraken's trading limits (docs of June 2026) in continuous time. Left out: limits of REST calls and connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{PairId, Refusal};
use crate::types::{Decimal, Timestamp, TradingStatus};

/// Verification tier of an account.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The lowest.
    Starter,
    /// The usual one of a person.
    Intermediate,
    /// The highest.
    Pro,
}

impl Tier {
    /// The trading rate counter's limit.
    #[must_use]
    pub const fn threshold(self) -> u32 {
        match self {
            Self::Starter => 60,
            Self::Intermediate => 125,
            Self::Pro => 180,
        }
    }

    /// How much the trading rate counter falls in a second.
    #[must_use]
    pub fn decay(self) -> Decimal {
        Decimal::new(i128::from(self.decay_hundredths()), 2).unwrap_or(Decimal::ZERO)
    }

    /// Most open orders in one pair.
    #[must_use]
    pub const fn max_open_orders(self) -> u32 {
        match self {
            Self::Starter => 60,
            Self::Intermediate => 80,
            Self::Pro => 225,
        }
    }

    const fn decay_hundredths(self) -> u32 {
        match self {
            Self::Starter => 100,
            Self::Intermediate => 234,
            Self::Pro => 375,
        }
    }
}

/// Units of a [`RateCounter`] in one point: a decay of 0.01 a second is one unit a nanosecond.
const POINT: u64 = 100_000_000_000;
const POINT_DIGITS: u8 = 11;

/// The trading rate counter of one account in one pair. Falls all the time, exactly.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RateCounter {
    units: u64,
    at: Timestamp,
}

impl RateCounter {
    /// The value at an instant.
    pub(super) fn value(self, now: Timestamp, tier: Tier) -> Decimal {
        let units = self.decayed(now, tier).units;
        Decimal::new(i128::from(units), POINT_DIGITS).unwrap_or(Decimal::ZERO)
    }

    /// Whether `points` more stay within the tier's threshold.
    pub(super) fn has_room(self, now: Timestamp, tier: Tier, points: Points) -> bool {
        let units = self.decayed(now, tier).units;
        units.saturating_add(points.units()) <= u64::from(tier.threshold()) * POINT
    }

    /// Adds `points`, whether they fit or not.
    pub(super) fn charge(&mut self, now: Timestamp, tier: Tier, points: Points) {
        *self = self.decayed(now, tier);
        self.units = self.units.saturating_add(points.units());
    }

    fn decayed(self, now: Timestamp, tier: Tier) -> Self {
        let nanos = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let fallen = nanos.saturating_mul(u64::from(tier.decay_hundredths()));
        Self {
            units: self.units.saturating_sub(fallen),
            at: now.max(self.at),
        }
    }
}

/// What a request costs, in halves of a point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Points(u32);

impl Points {
    pub(super) const NONE: Self = Self(0);
    const HALF: Self = Self(1);

    const fn whole(points: u32) -> Self {
        Self(points * 2)
    }

    pub(super) const fn and(self, more: Self) -> Self {
        Self(self.0 + more.0)
    }

    fn units(self) -> u64 {
        u64::from(self.0) * (POINT / 2)
    }
}

/// Points that adding an order costs.
pub(super) const ADD: Points = Points::whole(1);
/// Points that each order of a batch costs.
pub(super) const ADD_IN_BATCH: Points = Points::HALF;
/// Points that every amend costs.
pub(super) const AMEND: Points = Points::whole(1);
/// Points that every edit costs.
pub(super) const EDIT: Points = Points::whole(1);
/// Points that canceling everything costs in each pair it touches.
pub(super) const CANCEL_ALL: Points = Points::whole(1);
/// Points that winding the dead man's switch costs.
pub(super) const WIND: Points = Points::whole(1);

/// Where requests are counted that concern no pair. That they have a counter of their own is (unconfirmed);
/// Kraken's own client counts them without a pair.
pub(super) const NO_PAIR: PairId = PairId(u32::MAX);

/// Points on top when an order of this age is amended.
pub(super) fn amend_penalty(age: Duration) -> Points {
    by_age(age, &[(5, 3), (10, 2), (15, 1)])
}

/// Points on top when an order of this age is replaced.
pub(super) fn edit_penalty(age: Duration) -> Points {
    by_age(age, &[(5, 6), (10, 5), (15, 4), (45, 2), (90, 1)])
}

/// Points when an order of this age is canceled.
pub(super) fn cancel_penalty(age: Duration) -> Points {
    by_age(age, &[(5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1)])
}

fn by_age(age: Duration, steps: &[(u64, u32)]) -> Points {
    let step = steps
        .iter()
        .find(|(below, _)| age < Duration::from_secs(*below));
    step.map_or(Points::NONE, |(_, points)| Points::whole(*points))
}

/// Whether a status lets an order in, or begin that was accepted before: one that takes any price, or one that takes nothing.
/// What a crossing order may do in post-only mode is decided at the book.
///
/// # Errors
///
/// The refusal that belongs to the status.
pub(super) const fn admits(
    status: TradingStatus,
    market: bool,
    post_only: bool,
) -> Result<(), Refusal> {
    match status {
        TradingStatus::Online => Ok(()),
        TradingStatus::LimitOnly if market => Err(Refusal::LimitOnly),
        TradingStatus::LimitOnly => Ok(()),
        TradingStatus::PostOnly if post_only => Ok(()),
        TradingStatus::PostOnly => Err(Refusal::PostOnlyMode),
        TradingStatus::CancelOnly => Err(Refusal::CancelOnly),
        // A cash account has no position that an order could reduce.
        TradingStatus::ReduceOnly => Err(Refusal::ReduceOnly),
        TradingStatus::Maintenance | TradingStatus::Closed | TradingStatus::InProgress => {
            Err(Refusal::Unavailable)
        }
    }
}

/// Whether a status lets a resting order change.
///
/// # Errors
///
/// The refusal that belongs to the status.
pub(super) const fn admits_amend(status: TradingStatus) -> Result<(), Refusal> {
    match status {
        TradingStatus::Online | TradingStatus::LimitOnly | TradingStatus::PostOnly => Ok(()),
        TradingStatus::CancelOnly => Err(Refusal::CancelOnly),
        TradingStatus::ReduceOnly => Err(Refusal::ReduceOnly),
        TradingStatus::Maintenance | TradingStatus::Closed | TradingStatus::InProgress => {
            Err(Refusal::Unavailable)
        }
    }
}

/// Whether a status lets an order go.
///
/// # Errors
///
/// [`Refusal::Unavailable`] when nothing is possible.
pub(super) const fn admits_cancel(status: TradingStatus) -> Result<(), Refusal> {
    match status {
        TradingStatus::Online
        | TradingStatus::LimitOnly
        | TradingStatus::PostOnly
        | TradingStatus::CancelOnly
        | TradingStatus::ReduceOnly => Ok(()),
        TradingStatus::Maintenance | TradingStatus::Closed | TradingStatus::InProgress => {
            Err(Refusal::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_adds_and_ten_seconds_leave_what_the_docs_say() {
        let (start, tier) = (Timestamp::from_secs(1_000), Tier::Intermediate);
        let mut counter = RateCounter::default();
        for _ in 0..50 {
            counter.charge(start, tier, ADD);
        }
        let later = start.after(Duration::from_secs(10));
        assert_eq!(counter.value(later, tier), "26.6".parse().unwrap());
    }

    #[test]
    fn an_amend_after_seven_and_a_cancel_after_thirty_six_seconds_cost_eight() {
        let amended = AMEND.and(amend_penalty(Duration::from_secs(7)));
        let canceled = cancel_penalty(Duration::from_secs(36));
        assert_eq!(ADD.and(amended).and(canceled), Points::whole(8));
    }

    #[test]
    fn penalties_end_exactly_at_their_ages() {
        let just_below = |seconds| Duration::from_secs(seconds) - Duration::from_nanos(1);
        for (seconds, before, after) in [
            (5, 8, 6),
            (10, 6, 5),
            (15, 5, 4),
            (45, 4, 2),
            (90, 2, 1),
            (300, 1, 0),
        ] {
            let (before, after) = (Points::whole(before), Points::whole(after));
            assert_eq!(cancel_penalty(just_below(seconds)), before);
            assert_eq!(cancel_penalty(Duration::from_secs(seconds)), after);
        }
        assert_eq!(amend_penalty(Duration::from_secs(15)), Points::NONE);
    }

    #[test]
    fn room_ends_at_the_threshold_and_comes_back_with_time() {
        let (start, tier) = (Timestamp::from_secs(5), Tier::Starter);
        let mut counter = RateCounter::default();
        counter.charge(start, tier, Points::whole(60));
        let has_room = |millis, points| {
            let later = start.after(Duration::from_millis(millis));
            counter.has_room(later, tier, points)
        };
        assert!(!has_room(0, ADD));
        assert!(!has_room(999, ADD));
        assert!(has_room(1_000, ADD));
        assert!(!has_room(499, ADD_IN_BATCH));
        assert!(has_room(500, ADD_IN_BATCH));
    }
}
