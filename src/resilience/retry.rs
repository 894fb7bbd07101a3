//! Makes a call again after a failure that passes, within a budget that all calls share.
//!
//! For: calls whose type says that making them twice does what making them once does. Waits grow with jitter and are never shorter
//! than the service asks for. Left out: which failures pass, which the caller says; the circuit breaker, which every attempt asks anew.
//! Always true: however calls fail, any stretch of time has at most the reserve and the share of its calls in retries that follow a
//! failure of the service, so that one in trouble does not get a multiple of the usual load. Apart from these, a call has at most one
//! retry at once, after a failure by which nothing is wrong; no budget holds it.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::SeedableRng;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{
    backoff::{self, Backoff, Jitter},
    settings::{Checks, InvalidSettings},
};
use crate::{
    io::rng::Rng,
    types::{Timestamp, span},
};

/// A call that may be made again: twice does what once does.
pub trait Idempotent {}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Nothing: another attempt would fail as well.
    GiveUp,
    /// Nothing, and this one was not even made: a failure before it says more.
    NotMade,
    /// Another at once: it had no effect, and nothing is wrong. A call has one such, which the budget does not see.
    AtOnce,
    /// Another after a wait, no shorter than the service asks for.
    After(Duration),
}

/// How often to try again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Attempts of one call, the first included.
    pub attempts: u32,
    /// The first wait, half of it random; each further attempt doubles it.
    #[serde(with = "span")]
    pub base: Duration,
    /// No wait is longer. A service that asks for more is not asked again.
    #[serde(with = "span")]
    pub max: Duration,
    /// So many retries a hundred calls are allowed.
    pub percent: u32,
    /// And so many beside, which the percentage fills up again.
    pub reserve: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            max: Duration::from_secs(10),
            percent: 20,
            reserve: 10,
        }
    }
}

impl Settings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// No attempt, though the first is one; an empty `base`, which could not be doubled, or one above `max`; more retries than calls.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        checks.some("attempts", self.attempts);
        checks.time("base", self.base);
        checks.at_most(("base", self.base), ("max", self.max));
        checks.percent("percent", self.percent);
        checks.done()
    }
}

/// What happened since the start, and what is left.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Calls, each with all its attempts.
    pub calls: u64,
    /// Attempts after a first one, those at once included.
    pub retries: u64,
    /// Retries that the budget refused.
    pub refused: u64,
    /// Whole retries that the budget holds now. This one falls and rises.
    pub left: u64,
}

/// Makes calls again. One budget for all calls that go through it.
#[derive(Debug)]
pub struct Retry {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Hundredths of a retry that may be taken.
    budget: u64,
    totals: Totals,
    rng: Rng,
}

/// Hundredths in one retry.
const ONE: u64 = 100;

impl Retry {
    /// A retry whose reserve is whole.
    #[must_use]
    pub fn new(settings: Settings, rng: Rng) -> Self {
        let state = State {
            budget: u64::from(settings.reserve) * ONE,
            totals: Totals::default(),
            rng,
        };
        Self {
            settings,
            state: Mutex::new(state),
        }
    }

    /// Makes a call, and again while `next` says so and the budget lasts.
    ///
    /// # Errors
    ///
    /// The failure of the last attempt that was made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt under way; none follows it.
    pub async fn call<'a, C, F, T, E>(
        &self,
        call: &'a C,
        mut attempt: impl FnMut(&'a C) -> F,
        next: impl Fn(&E) -> Next,
    ) -> Result<T, E>
    where
        C: Idempotent,
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = self.begin();
        let (mut attempts, mut was_at_once, mut before) = (1, false, None);
        loop {
            let error = match attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let least = match next(&error) {
                Next::GiveUp => return Err(error),
                Next::NotMade => return Err(before.unwrap_or(error)),
                Next::AtOnce if !was_at_once => {
                    was_at_once = true;
                    self.state().totals.retries += 1;
                    continue;
                }
                Next::AtOnce => Duration::ZERO,
                Next::After(least) => least,
            };
            if attempts >= self.settings.attempts || least > self.settings.max || !self.take() {
                return Err(error);
            }
            // It was never up, so the time says nothing.
            let wait = backoff.next_delay_of_at_least(Timestamp::MIN, least);
            sleep(wait).await;
            attempts += 1;
            before = Some(error);
        }
    }

    /// What happened since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.state();
        Totals {
            left: state.budget / ONE,
            ..state.totals
        }
    }

    /// Counts a call, which earns its share of a retry, and gives it waits of its own.
    fn begin(&self) -> Backoff {
        let full = u64::from(self.settings.reserve) * ONE;
        let mut state = self.state();
        state.totals.calls += 1;
        state.budget = (state.budget + u64::from(self.settings.percent)).min(full);
        let waits = backoff::Settings {
            base: self.settings.base,
            max: self.settings.max,
            minimum: Duration::ZERO,
            jitter: Jitter::Equal,
            first_at_once: false,
            ..backoff::Settings::default()
        };
        Backoff::new(waits, Rng::from_rng(&mut state.rng))
    }

    /// Takes one retry from the budget, if it is there.
    fn take(&self) -> bool {
        let mut state = self.state();
        match state.budget.checked_sub(ONE) {
            Some(rest) => {
                state.budget = rest;
                state.totals.retries += 1;
                true
            }
            None => {
                state.totals.refused += 1;
                false
            }
        }
    }

    /// A panic elsewhere cannot leave the numbers half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeSet, future::ready};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        io::{Clock, rng},
        resilience::circuit_breaker::{self, CircuitBreaker, Outcome, State},
    };

    struct Question;
    impl Idempotent for Question {}

    fn retry(change: impl FnOnce(&mut Settings)) -> Retry {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.validate().unwrap();
        Retry::new(settings, rng::stream(1, 0))
    }

    /// A call whose every attempt ends like this: how many there were, how long it took.
    async fn ask(retry: &Retry, next: Next) -> (u32, Duration) {
        let made = Cell::new(0);
        let started = now();
        let attempt = |_: &Question| {
            made.set(made.get() + 1);
            ready(Err::<(), ()>(()))
        };
        retry.call(&Question, attempt, |()| next).await.unwrap_err();
        (made.get(), now() - started)
    }

    #[expect(clippy::disallowed_methods, reason = "tests turn tokio's time")]
    fn now() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    fn millis(range: std::ops::RangeInclusive<u64>, took: Duration) -> bool {
        range.contains(&u64::try_from(took.as_millis()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_with_jitter_until_the_attempts_are_used_up() {
        let retry = retry(|settings| settings.attempts = 4);
        let mut waits = BTreeSet::new();
        for _call in 0..3 {
            let (made, took) = ask(&retry, Next::After(Duration::ZERO)).await;
            assert_eq!(made, 4);
            // Without jitter it would be 3.5 s. A timer ends at the next whole millisecond.
            assert!(millis(1_750..=3_499, took), "{took:?}");
            waits.insert(took);
        }
        assert_eq!(waits.len(), 3, "each call has jitter of its own: {waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_s_own_wait_is_kept_and_a_long_one_is_not_waited_for() {
        let retry = retry(|settings| settings.attempts = 2);
        let (made, took) = ask(&retry, Next::After(Duration::from_secs(10))).await;
        assert!(
            made == 2 && millis(10_000..=10_001, took),
            "{made} {took:?}"
        );
        let (made, took) = ask(&retry, Next::After(Duration::from_millis(10_001))).await;
        assert_eq!((made, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_not_tried_again() {
        let retry = retry(|_settings| {});
        assert_eq!(ask(&retry, Next::GiveUp).await.0, 1);
        assert_eq!(ask(&retry, Next::NotMade).await.0, 1);
        assert_eq!(retry.totals().retries, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_retry_a_call_is_at_once_and_needs_no_budget() {
        let retry = retry(|settings| settings.reserve = 0);
        assert_eq!(ask(&retry, Next::AtOnce).await, (2, Duration::ZERO));
        let totals = retry.totals();
        assert_eq!((totals.retries, totals.refused), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_gets_the_reserve_and_then_a_share_of_the_calls() {
        let retry = retry(|_settings| {});
        let mut made = 0;
        for _call in 0..100 {
            made += ask(&retry, Next::After(Duration::ZERO)).await.0;
        }
        let totals = retry.totals();
        assert_eq!((totals.calls, totals.retries), (100, u64::from(made) - 100));
        assert!((25..=30).contains(&totals.retries), "{totals:?}");
        assert!(totals.refused > 70, "{totals:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_that_opens_ends_the_retries_with_the_failure_that_opened_it() {
        let (clock, _hands) = Clock::manual(Timestamp::from_secs(0));
        let thresholds = circuit_breaker::Settings {
            consecutive_failures: 2,
            ..circuit_breaker::Settings::default()
        };
        let breaker = CircuitBreaker::new("test", thresholds, clock, rng::stream(1, 1));
        let retry = retry(|settings| settings.attempts = 9);
        let attempt = |_: &Question| {
            let admitted = breaker.admit();
            let made = admitted.map(|permit| permit.record(Outcome::Failure));
            ready(Err::<(), _>(made.map_or("rejected", |()| "down")))
        };
        let next = |error: &&str| match *error {
            "rejected" => Next::NotMade,
            _ => Next::After(Duration::ZERO),
        };
        let result = retry.call(&Question, attempt, next).await;
        assert_eq!(result, Err("down"));
        assert_eq!(breaker.snapshot().state, State::Open);
        assert_eq!(breaker.snapshot().totals.failed, 2, "each attempt asks it");
    }

    #[test]
    fn senseless_settings_are_named_all_at_once() {
        let cases = [
            ("attempts = 0", "attempts: must be at least 1"),
            ("base = \"0s\"", "base: must be longer than nothing"),
            (
                "max = \"1ms\"",
                "base: base (500ms) must not be longer than max (1ms)",
            ),
            (
                "attempts = 0\npercent = 101",
                "attempts: must be at least 1; percent: must be at most 100",
            ),
        ];
        for (text, expected) in cases {
            let settings: Settings = toml::from_str(text).unwrap();
            assert_eq!(settings.validate().unwrap_err().to_string(), expected);
        }
        assert_eq!(Settings::default().validate(), Ok(()));
    }

    proptest! {
        #[test]
        fn no_stretch_has_more_retries_than_reserve_and_share(
            percent in 0_u32..=100,
            reserve in 0_u32..5,
            steps in prop::collection::vec(any::<bool>(), 1..100),
        ) {
            let retry = retry(|settings| (settings.percent, settings.reserve) = (percent, reserve));
            // Whether each step was a call, and whether it was a retry that passed.
            let steps: Vec<(bool, bool)> = steps
                .into_iter()
                .map(|is_call| if is_call { retry.begin(); (true, false) } else { (false, retry.take()) })
                .collect();
            for from in 0..steps.len() {
                let (mut calls, mut retries) = (0, 0);
                for (call, retried) in &steps[from..] {
                    calls += u64::from(*call);
                    retries += u64::from(*retried);
                    prop_assert!(retries * 100 <= u64::from(reserve) * 100 + calls * u64::from(percent));
                }
            }
        }
    }
}
