//! How long to wait before the next attempt.
//!
//! For: reconnects and restarts. The wait doubles with each attempt, up to a cap, and is jittered so that many
//! clients of one server do not return together.
//! Left out: waiting itself, and whether to try at all ([`super::circuit_breaker`], [`super::budget`]).
//! Always true: the count of attempts falls back only after the thing has stayed up for a while, so what flaps waits ever longer.

use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::settings::{Checks, InvalidSettings};
use crate::{
    io::rng::Rng,
    types::{Timestamp, span},
};

/// How a wait is spread.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// Anything from nothing to the whole wait; spreads best.
    Full,
    /// Half of the wait, and anything up to the other half; never returns almost at once.
    Equal,
    /// None, for tests and for loops that are alone.
    None,
}

/// How waits grow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The first wait before jitter; each further attempt doubles it.
    #[serde(with = "span")]
    pub base: Duration,
    /// No wait before jitter is longer.
    #[serde(with = "span")]
    pub max: Duration,
    /// No wait after jitter is shorter, but for a first one at once.
    #[serde(with = "span")]
    pub minimum: Duration,
    /// How waits are spread.
    pub jitter: Jitter,
    /// Whether the first attempt after a stable time waits not at all.
    pub first_at_once: bool,
    /// How long the thing must have been up before the waits start over.
    #[serde(with = "span")]
    pub stable_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            max: Duration::from_secs(30),
            minimum: Duration::from_millis(100),
            jitter: Jitter::Equal,
            first_at_once: true,
            stable_after: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// An empty `base`, which could not be doubled; a `base` or `minimum` above `max`.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        checks.time("base", self.base);
        checks.at_most(("base", self.base), ("max", self.max));
        checks.at_most(("minimum", self.minimum), ("max", self.max));
        checks.done()
    }
}

/// The waits of one thing that is tried again and again.
#[derive(Clone, Debug)]
pub struct Backoff {
    settings: Settings,
    rng: Rng,
    attempts: u32,
    up_since: Option<Timestamp>,
}

impl Backoff {
    /// A backoff before its first attempt.
    #[must_use]
    pub const fn new(settings: Settings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            attempts: 0,
            up_since: None,
        }
    }

    /// Notes that the thing works since `now`. Whether it was for long is seen when it fails.
    pub const fn up(&mut self, now: Timestamp) {
        self.up_since = Some(now);
    }

    /// Notes that the thing failed, and says how long to wait before the next attempt.
    pub fn next_delay(&mut self, now: Timestamp) -> Duration {
        let stable = self.settings.stable_after;
        if self
            .up_since
            .take()
            .is_some_and(|up| now.since(up) >= stable)
        {
            self.attempts = 0;
        }
        let attempt = self.attempts;
        self.attempts = attempt.saturating_add(1);
        if self.settings.first_at_once && attempt == 0 {
            return Duration::ZERO;
        }
        let doublings = attempt.saturating_sub(u32::from(self.settings.first_at_once));
        let whole = grown(self.settings.base, self.settings.max, doublings);
        let spread = match self.settings.jitter {
            Jitter::Full => up_to(&mut self.rng, whole),
            Jitter::Equal => equal_jitter(&mut self.rng, whole),
            Jitter::None => whole,
        };
        spread.max(self.settings.minimum)
    }

    /// Like [`Backoff::next_delay`], for a failure that asks for a longer wait, such as announced maintenance.
    pub fn next_delay_of_at_least(&mut self, now: Timestamp, least: Duration) -> Duration {
        self.next_delay(now).max(least)
    }

    /// Attempts since the thing was last stable.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// `base`, doubled so many times, at most `max`.
pub(super) fn grown(base: Duration, max: Duration, doublings: u32) -> Duration {
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(max)
}

/// Half of `whole`, and anything up to the other half.
pub(super) fn equal_jitter(rng: &mut Rng, whole: Duration) -> Duration {
    let half = whole / 2;
    half.saturating_add(up_to(rng, whole.saturating_sub(half)))
}

fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.random_range(0..=nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::io::rng;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn backoff(jitter: Jitter, first_at_once: bool) -> Backoff {
        let settings = Settings {
            jitter,
            first_at_once,
            ..Settings::default()
        };
        settings.validate().unwrap();
        Backoff::new(settings, rng::stream(7, 0))
    }

    fn millis(backoff: &mut Backoff, attempts: usize) -> Vec<u128> {
        (0..attempts)
            .map(|_attempt| backoff.next_delay(NOW).as_millis())
            .collect()
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        assert_eq!(
            millis(&mut backoff(Jitter::None, false), 8),
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
        );
    }

    #[test]
    fn first_retry_is_at_once_and_only_the_first() {
        assert_eq!(
            millis(&mut backoff(Jitter::None, true), 4),
            [0, 500, 1_000, 2_000]
        );
    }

    #[test]
    fn waits_stay_capped_after_any_number_of_attempts() {
        let mut backoff = backoff(Jitter::None, false);
        backoff.attempts = u32::MAX;
        assert_eq!(backoff.next_delay(NOW), Duration::from_secs(30));
        assert_eq!(backoff.next_delay(NOW), Duration::from_secs(30));
    }

    #[test]
    fn waits_start_over_only_after_a_stable_time() {
        let mut backoff = backoff(Jitter::None, true);
        assert_eq!(millis(&mut backoff, 3), [0, 500, 1_000]);
        backoff.up(NOW);
        let flapped = NOW.after(Duration::from_secs(59));
        assert_eq!(backoff.next_delay(flapped), Duration::from_secs(2));
        backoff.up(flapped);
        let stable = flapped.after(Duration::from_secs(60));
        assert_eq!(backoff.next_delay(stable), Duration::ZERO);
        // Not up again in between: the stable time before counts once.
        assert_eq!(backoff.next_delay(stable), Duration::from_millis(500));
    }

    #[test]
    fn a_failure_may_ask_for_a_longer_wait_even_the_first_time() {
        let least = Duration::from_secs(5);
        assert_eq!(
            backoff(Jitter::Full, true).next_delay_of_at_least(NOW, least),
            least
        );
    }

    #[test]
    fn same_seed_waits_the_same() {
        let waits = || millis(&mut backoff(Jitter::Full, false), 20);
        assert_eq!(waits(), waits());
    }

    #[test]
    fn senseless_settings_are_named_all_at_once() {
        let cases = [
            ("base = \"0s\"", "base: must be longer than nothing"),
            (
                "max = \"200ms\"",
                "base: base (500ms) must not be longer than max (200ms)",
            ),
            (
                "minimum = \"1m\"",
                "minimum: minimum (1m) must not be longer than max (30s)",
            ),
            (
                "base = \"0s\"\nminimum = \"1m\"",
                "base: must be longer than nothing; minimum: minimum (1m) must not be longer than max (30s)",
            ),
        ];
        for (text, expected) in cases {
            let settings: Settings = toml::from_str(text).unwrap();
            assert_eq!(settings.validate().unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_bounds(seed: u64, doublings in 0_u32..40) {
            let mut rng = rng::stream(seed, 0);
            let whole = grown(Duration::from_millis(500), Duration::from_secs(30), doublings);
            let equal = equal_jitter(&mut rng, whole);
            prop_assert!(equal >= whole / 2 && equal <= whole);
            prop_assert!(up_to(&mut rng, whole) <= whole);
        }

        #[test]
        fn no_wait_is_below_the_minimum(seed: u64) {
            let settings = Settings { jitter: Jitter::Full, first_at_once: false, ..Settings::default() };
            let minimum = settings.minimum;
            let mut backoff = Backoff::new(settings, rng::stream(seed, 0));
            for _attempt in 0..10 {
                prop_assert!(backoff.next_delay(NOW) >= minimum);
            }
        }
    }
}
