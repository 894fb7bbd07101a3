//! Our model of the venue's trading-rate counter: one per pair, in continuous time, penalties by order age.
//!
//! For: slowing ourselves before the venue refuses, and keeping room for cancels. Left out: the REST counter (`venue/kraken/rate_limit`).
//! Source: Kraken's trading-rate table (kraken spot docs, 2026-06): add 1, amend 1 + age, cancel by age.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

/// Millionths of a counter point.
type Micro = i64;
const POINT: Micro = 1_000_000;
/// Kept free beside the cancels, for clocks that differ from the venue's.
const MARGIN: Micro = 2 * POINT;

/// Rate tier of the account.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Threshold 60, one point a second back.
    #[default]
    Starter,
    /// Threshold 125, 2.34 points a second back.
    Intermediate,
    /// Threshold 180, 3.75 points a second back.
    Pro,
}

impl Tier {
    /// The tier that has this threshold: the highest one that does not exceed it.
    #[must_use]
    pub const fn from_threshold(threshold: u32) -> Self {
        match threshold {
            0..125 => Self::Starter,
            125..180 => Self::Intermediate,
            180.. => Self::Pro,
        }
    }

    const fn threshold(self) -> Micro {
        match self {
            Self::Starter => 60 * POINT,
            Self::Intermediate => 125 * POINT,
            Self::Pro => 180 * POINT,
        }
    }

    /// Micro-points a second.
    const fn decay(self) -> Micro {
        match self {
            Self::Starter => POINT,
            Self::Intermediate => 2_340_000,
            Self::Pro => 3_750_000,
        }
    }

    /// Open orders that one pair may have.
    #[must_use]
    pub const fn max_open_orders(self) -> u32 {
        match self {
            Self::Starter => 60,
            Self::Intermediate => 80,
            Self::Pro => 225,
        }
    }
}

/// What a transaction on an order of some age costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// A create.
    Add,
    /// A change of an order of this age.
    Amend(Duration),
    /// A cancel of an order of this age.
    Cancel(Duration),
}

impl Action {
    const fn cost(self) -> Micro {
        let points = match self {
            Self::Add => 1,
            Self::Amend(age) => match age.as_secs() {
                0..5 => 4,
                5..10 => 3,
                10..15 => 2,
                15.. => 1,
            },
            Self::Cancel(age) => match age.as_secs() {
                0..5 => 8,
                5..10 => 6,
                10..15 => 5,
                15..45 => 4,
                45..90 => 2,
                90..300 => 1,
                300.. => 0,
            },
        };
        points * POINT
    }
}

/// The counter of one pair.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counter {
    value: Micro,
    at: Timestamp,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            value: 0,
            at: Timestamp::MIN,
        }
    }
}

impl Counter {
    /// Books a transaction that is about to be sent.
    pub fn charge(&mut self, now: Timestamp, tier: Tier, action: Action) {
        self.value = self.value_at(now, tier).saturating_add(action.cost());
        self.at = now;
    }

    /// Notes that the venue refused for the rate: whatever we counted, the counter is full.
    pub fn full(&mut self, now: Timestamp, tier: Tier) {
        self.value = tier.threshold().max(self.value_at(now, tier));
        self.at = now;
    }

    /// Whether a create or amend may go now, leaving room to cancel everything that is live.
    ///
    /// `ages` are those of the pair's live orders; the order in question counts as new afterwards.
    ///
    /// # Errors
    ///
    /// The wait after which it may be asked again.
    pub fn admit(
        &self,
        now: Timestamp,
        tier: Tier,
        action: Action,
        ages: impl Iterator<Item = Duration>,
    ) -> Result<(), Duration> {
        let own_cancel = Action::Cancel(Duration::ZERO).cost();
        let room = ages.fold(own_cancel, |sum, age| {
            sum.saturating_add(Action::Cancel(age).cost())
        });
        // More live orders than the tier can cancel at once: half of the threshold stays for cancels.
        let room = room.min(tier.threshold() / 2);
        self.wait(
            now,
            tier,
            action.cost().saturating_add(room).saturating_add(MARGIN),
        )
    }

    /// Whether a cancel may go now.
    ///
    /// # Errors
    ///
    /// The wait after which it may be asked again.
    pub fn admit_cancel(&self, now: Timestamp, tier: Tier, age: Duration) -> Result<(), Duration> {
        self.wait(now, tier, Action::Cancel(age).cost())
    }

    fn wait(&self, now: Timestamp, tier: Tier, wanted: Micro) -> Result<(), Duration> {
        let excess = self.value_at(now, tier).saturating_add(wanted) - tier.threshold();
        if excess <= 0 {
            return Ok(());
        }
        let millis = excess.saturating_mul(1_000) / tier.decay() + 1;
        Err(Duration::from_millis(
            u64::try_from(millis).unwrap_or(u64::MAX),
        ))
    }

    fn value_at(&self, now: Timestamp, tier: Tier) -> Micro {
        let micros = i64::try_from(now.since(self.at).as_micros()).unwrap_or(i64::MAX);
        let decayed = micros.saturating_mul(tier.decay() / 10_000) / 100;
        self.value.saturating_sub(decayed).max(0)
    }

    /// The counter now, in whole points rounded up.
    #[must_use]
    pub fn points(&self, now: Timestamp, tier: Tier) -> u32 {
        let points = (self.value_at(now, tier) + POINT - 1) / POINT;
        u32::try_from(points).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000).after(Duration::from_secs(seconds))
    }

    #[test]
    fn the_worked_example_of_the_documentation() {
        let mut counter = Counter::default();
        for _ in 0..50 {
            counter.charge(at(0), Tier::Intermediate, Action::Add);
        }
        assert_eq!(counter.value_at(at(10), Tier::Intermediate), 26_600_000);
        let mut counter = Counter::default();
        counter.charge(at(0), Tier::Starter, Action::Add);
        counter.charge(at(0), Tier::Starter, Action::Amend(Duration::from_secs(7)));
        counter.charge(
            at(0),
            Tier::Starter,
            Action::Cancel(Duration::from_secs(36)),
        );
        assert_eq!(counter.points(at(0), Tier::Starter), 8);
    }

    #[test]
    fn room_for_the_cancels_of_all_live_orders_is_kept() {
        let mut counter = Counter::default();
        let ages = || std::iter::repeat_n(Duration::ZERO, 2);
        let mut sent = 0;
        while counter
            .admit(at(0), Tier::Starter, Action::Amend(Duration::ZERO), ages())
            .is_ok()
        {
            counter.charge(at(0), Tier::Starter, Action::Amend(Duration::ZERO));
            sent += 1;
        }
        assert_eq!(
            sent, 8,
            "8 × 4 = 32 points; the next 4, 24 for cancels and the margin would be 62"
        );
        for _ in 0..2 {
            assert!(
                counter
                    .admit_cancel(at(0), Tier::Starter, Duration::ZERO)
                    .is_ok()
            );
            counter.charge(at(0), Tier::Starter, Action::Cancel(Duration::ZERO));
        }
    }

    #[test]
    fn the_wait_that_is_told_is_long_enough_and_not_too_long() {
        let mut counter = Counter::default();
        counter.full(at(0), Tier::Pro);
        let wait = counter
            .admit(at(0), Tier::Pro, Action::Add, std::iter::empty())
            .expect_err("the counter is full");
        let then = at(0).after(wait);
        assert!(
            counter
                .admit(then, Tier::Pro, Action::Add, std::iter::empty())
                .is_ok()
        );
        let early = then.before(Duration::from_millis(20));
        assert!(
            counter
                .admit(early, Tier::Pro, Action::Add, std::iter::empty())
                .is_err()
        );
    }
}
