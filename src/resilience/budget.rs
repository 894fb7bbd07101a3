//! So many attempts in so long a time, and no more.
//!
//! For: staying below a limit that somebody else enforces on connections, whatever our own retries would like.
//! Left out: waiting, and why an attempt is made.
//! Always true: no window of the given length, wherever it starts, holds more attempts than allowed.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::settings::{Checks, InvalidSettings};
use crate::{
    io::Clock,
    types::{Timestamp, span},
};

/// How many attempts in how long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Attempts allowed in any window.
    pub attempts: u16,
    /// Length of the window.
    #[serde(with = "span")]
    pub window: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempts: 100,
            window: Duration::from_secs(600),
        }
    }
}

impl Settings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// No attempts, which allows none at all; an empty window, which does not limit.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        checks.some("attempts", self.attempts.into());
        checks.time("window", self.window);
        checks.done()
    }
}

/// The window is full.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("attempt budget is spent until {next_at}")]
pub struct Spent {
    /// When the next attempt is allowed, if nobody else takes it.
    pub next_at: Timestamp,
}

/// The attempts of the last window.
#[derive(Clone, Debug)]
pub struct Budget {
    settings: Settings,
    /// Oldest first; never longer than the allowance.
    taken: VecDeque<Timestamp>,
    refused: u64,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            taken: VecDeque::with_capacity(usize::from(settings.attempts)),
            settings,
            refused: 0,
        }
    }

    /// Takes one attempt.
    ///
    /// # Errors
    ///
    /// When the window that ends now holds as many as are allowed.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Spent> {
        let next_at = self.next_at(now);
        if next_at > now {
            self.refused = self.refused.saturating_add(1);
            return Err(Spent { next_at });
        }
        self.taken.push_back(now);
        Ok(())
    }

    /// Counts an attempt as refused that asked for the instant first, and waits for it.
    pub const fn held(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// The earliest instant at which an attempt is allowed; `now` if one is allowed at once.
    pub fn next_at(&mut self, now: Timestamp) -> Timestamp {
        let window = self.settings.window;
        while self
            .taken
            .front()
            .is_some_and(|oldest| oldest.after(window) <= now)
        {
            self.taken.pop_front();
        }
        if self.taken.len() < usize::from(self.settings.attempts) {
            return now;
        }
        self.taken
            .front()
            .map_or(Timestamp::MAX, |oldest| oldest.after(window))
    }

    /// Attempts left in the window that ends now.
    pub fn left(&mut self, now: Timestamp) -> usize {
        self.next_at(now);
        usize::from(self.settings.attempts).saturating_sub(self.taken.len())
    }

    /// How often an attempt was refused or held, since the start.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

/// One budget for several tasks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared {
    budget: Arc<Mutex<Budget>>,
    clock: Clock,
}

impl Shared {
    /// A full budget that several tasks draw on.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self {
            budget: Arc::new(Mutex::new(Budget::new(settings))),
            clock,
        }
    }

    /// Takes one attempt.
    ///
    /// # Errors
    ///
    /// When the window that ends now holds as many as are allowed.
    pub fn take(&self) -> Result<(), Spent> {
        let now = self.clock.now();
        self.with(|budget| budget.take(now))
    }

    /// Reads or changes the budget under its lock.
    pub fn with<T>(&self, look: impl FnOnce(&mut Budget) -> T) -> T {
        look(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn settings(attempts: u16, seconds: u64) -> Settings {
        Settings {
            attempts,
            window: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn window_slides_attempt_by_attempt() {
        let mut budget = Budget::new(settings(2, 10));
        budget.take(at(0)).unwrap();
        budget.take(at(4)).unwrap();
        assert_eq!(budget.take(at(9)), Err(Spent { next_at: at(10) }));
        budget.take(at(10)).unwrap();
        assert_eq!(budget.take(at(10)), Err(Spent { next_at: at(14) }));
        assert_eq!(
            (budget.refused(), budget.left(at(13)), budget.left(at(14))),
            (2, 0, 1)
        );
    }

    #[test]
    fn asking_takes_nothing() {
        let mut budget = Budget::new(settings(1, 10));
        assert_eq!(budget.next_at(at(0)), at(0));
        assert_eq!(budget.next_at(at(0)), at(0));
        assert_eq!(budget.left(at(0)), 1);
    }

    #[test]
    fn tasks_draw_on_one_budget() {
        let (clock, hands) = Clock::manual(at(0));
        let shared = Shared::new(settings(1, 10), clock);
        let other = shared.clone();
        shared.take().unwrap();
        assert_eq!(other.take(), Err(Spent { next_at: at(10) }));
        hands.advance(Duration::from_secs(10));
        other.take().unwrap();
    }

    #[test]
    fn senseless_settings_are_named_all_at_once() {
        for (settings, expected) in [
            (settings(0, 1), "attempts: must be at least 1"),
            (settings(1, 0), "window: must be longer than nothing"),
            (
                settings(0, 0),
                "attempts: must be at least 1; window: must be longer than nothing",
            ),
        ] {
            assert_eq!(settings.validate().unwrap_err().to_string(), expected);
        }
        assert_eq!(Settings::default().validate(), Ok(()));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_allowed(attempts in 1_u16..6, gaps in prop::collection::vec(0_i64..5, 1..200)) {
            let mut budget = Budget::new(settings(attempts, 10));
            let mut now = 0;
            let mut taken: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                let before = taken.iter().filter(|then| now - **then < 10).count();
                match budget.take(at(now)) {
                    Ok(()) => {
                        prop_assert!(before < usize::from(attempts));
                        taken.push(now);
                    }
                    Err(spent) => {
                        prop_assert_eq!(before, usize::from(attempts));
                        prop_assert!(spent.next_at > at(now));
                        let mut later = budget.clone();
                        prop_assert_eq!(later.next_at(spent.next_at), spent.next_at);
                    }
                }
            }
        }
    }
}
