//! Our own copy of the venue's REST counter, so that its limit is not met.
//!
//! For: how long a call must wait for its turn (§5.1). Left out: the trading counter per pair, which is the
//! engine's. Always true: reads leave `HEADROOM` unused, so that a call that cannot wait still passes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

/// Points that reads leave for calls that do not wait.
const HEADROOM: u64 = 2;
/// Points are counted in billionths, so that decay over nanoseconds is exact.
const POINT: u64 = 1_000_000_000;

/// What the account's verification level allows.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 15 points, 0.33 a second.
    #[default]
    Starter,
    /// 20 points, 0.5 a second.
    Intermediate,
    /// 20 points, 1 a second.
    Pro,
}

impl Tier {
    const fn limit(self) -> u64 {
        match self {
            Self::Starter => 15 * POINT,
            Self::Intermediate | Self::Pro => 20 * POINT,
        }
    }

    /// Billionths of a point that decay in a second.
    const fn decay(self) -> u64 {
        match self {
            Self::Starter => 330_000_000,
            Self::Intermediate => 500_000_000,
            Self::Pro => POINT,
        }
    }
}

/// The REST counter of one key.
#[derive(Clone, Debug)]
pub struct Counter {
    tier: Tier,
    value: u64,
    at: Timestamp,
    /// No call before this instant, as the venue said.
    paused_until: Timestamp,
}

impl Counter {
    /// A counter at zero.
    #[must_use]
    pub const fn new(tier: Tier) -> Self {
        Self {
            tier,
            value: 0,
            at: Timestamp::MIN,
            paused_until: Timestamp::MIN,
        }
    }

    /// Charges a call that can wait, or says how long it must.
    ///
    /// # Errors
    ///
    /// The wait, after which to ask again.
    pub fn charge(&mut self, now: Timestamp, cost: u32) -> Result<(), Duration> {
        self.decay(now);
        if now < self.paused_until {
            return Err(self.paused_until.since(now));
        }
        let cost = u64::from(cost) * POINT;
        let room = self.tier.limit() - HEADROOM * POINT;
        let over = (self.value + cost).saturating_sub(room);
        if cost > 0 && over > 0 && self.value > 0 {
            return Err(self.time_to_decay(over.min(self.value)));
        }
        self.value += cost;
        Ok(())
    }

    /// Charges a call that does not wait.
    pub fn charge_at_once(&mut self, now: Timestamp, cost: u32) {
        self.decay(now);
        self.value = self.value.saturating_add(u64::from(cost) * POINT);
    }

    /// The venue refused a call for its rate: our copy was too low.
    pub fn refused(&mut self, now: Timestamp) {
        self.decay(now);
        self.value = self.value.max(self.tier.limit());
    }

    /// The venue named an instant before which it takes nothing.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    fn decay(&mut self, now: Timestamp) {
        let nanos = now.since(self.at).as_nanos();
        let gone = nanos.saturating_mul(u128::from(self.tier.decay())) / u128::from(POINT);
        self.value = self
            .value
            .saturating_sub(u64::try_from(gone).unwrap_or(u64::MAX));
        self.at = self.at.max(now);
    }

    fn time_to_decay(&self, points: u64) -> Duration {
        let nanos = u128::from(points) * u128::from(POINT) / u128::from(self.tier.decay()) + 1;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn reads_wait_before_the_limit_and_leave_headroom() {
        let mut counter = Counter::new(Tier::Starter);
        for _ in 0..13 {
            counter.charge(at(0), 1).unwrap();
        }
        let wait = counter.charge(at(0), 1).unwrap_err();
        assert!(wait > Duration::from_secs(3) && wait < Duration::from_millis(3_100));
        assert_eq!(counter.charge(at(0).after(wait), 1), Ok(()));
    }

    #[test]
    fn calls_without_cost_never_wait() {
        let mut counter = Counter::new(Tier::Starter);
        counter.refused(at(0));
        assert_eq!(counter.charge(at(0), 0), Ok(()));
        assert!(counter.charge(at(0), 1).is_err());
    }

    #[test]
    fn a_refusal_teaches_that_the_counter_is_full() {
        let mut counter = Counter::new(Tier::Pro);
        counter.refused(at(0));
        let wait = counter.charge(at(0), 2).unwrap_err();
        assert!(wait >= Duration::from_secs(4) && wait < Duration::from_secs(5));
    }

    #[test]
    fn a_pause_holds_until_its_instant() {
        let mut counter = Counter::new(Tier::Pro);
        counter.pause(at(9));
        assert_eq!(counter.charge(at(4), 1), Err(Duration::from_secs(5)));
        assert_eq!(counter.charge(at(9), 1), Ok(()));
    }

    /// The venue's counter as §5.1 words it, kept separately; every schedule we allow stays under its limit.
    #[test]
    fn no_schedule_that_we_allow_exceeds_the_venues_limit() {
        for (tier, limit, decay) in [
            (Tier::Starter, 15.0, 0.33),
            (Tier::Intermediate, 20.0, 0.5),
            (Tier::Pro, 20.0, 1.0),
        ] {
            let (mut counter, mut theirs, mut now) = (Counter::new(tier), 0.0_f64, at(0));
            for call in 0..500_u32 {
                let cost = 1 + call % 2;
                if let Err(wait) = counter.charge(now, cost) {
                    now = now.after(wait);
                    theirs = (theirs - wait.as_secs_f64() * decay).max(0.0);
                    counter.charge(now, cost).unwrap();
                }
                theirs += f64::from(cost);
                assert!(theirs <= limit, "{tier:?} call {call}: {theirs}");
            }
        }
    }
}
