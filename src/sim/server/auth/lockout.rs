//! The lockout of those who fail again and again.
//!
//! Always true: whoever succeeds starts anew; calls while locked out make it longer, as the venue says.

use std::time::Duration;

use crate::types::Timestamp;

/// When somebody is locked out, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LockoutRule {
    /// Failures in a row that lead to it. 0 is never.
    pub failures: u32,
    /// Its length; failures that lie as far apart do not add up.
    pub length: Duration,
}

impl LockoutRule {
    /// Nobody is ever locked out.
    pub const NEVER: Self = Self {
        failures: 0,
        length: Duration::ZERO,
    };
}

/// The failures of one key, or of one address with unknown keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Failures {
    in_row: u32,
    last: Timestamp,
    until: Option<Timestamp>,
}

impl Failures {
    /// Whether a call now meets a lockout, which it prolongs.
    pub(super) fn lock_out(&mut self, now: Timestamp, rule: LockoutRule) -> bool {
        match self.until {
            Some(until) if now < until => {
                self.until = Some(now.after(rule.length));
                true
            }
            Some(_over) => {
                *self = Self::default();
                false
            }
            None => false,
        }
    }

    /// Counts a failure; the last one that is allowed begins the lockout.
    pub(super) fn count(&mut self, now: Timestamp, rule: LockoutRule) {
        if self.is_stale(now, rule) {
            *self = Self::default();
        }
        self.in_row += 1;
        self.last = now;
        if rule.failures > 0 && self.in_row >= rule.failures {
            self.until = Some(now.after(rule.length));
        }
    }

    /// Whether nothing of it matters any more.
    pub(super) fn is_stale(&self, now: Timestamp, rule: LockoutRule) -> bool {
        let end = self.until.unwrap_or(self.last.after(rule.length));
        self.in_row == 0 || end <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LockoutRule = LockoutRule {
        failures: 3,
        length: Duration::from_secs(900),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn the_third_failure_locks_out_for_fifteen_minutes() {
        let mut failures = Failures::default();
        for second in 0..3 {
            assert!(!failures.lock_out(at(second), RULE));
            failures.count(at(second), RULE);
        }
        let mut patient = failures;
        assert!(failures.lock_out(at(901), RULE));
        assert!(!patient.lock_out(at(902), RULE));
        assert_eq!(patient, Failures::default(), "and begins anew");
        assert!(failures.lock_out(at(1_800), RULE), "insisting prolongs it");
        assert!(!failures.lock_out(at(2_700), RULE));
    }

    #[test]
    fn failures_that_lie_far_apart_do_not_add_up() {
        let mut failures = Failures::default();
        for minutes in [0, 15, 30, 45, 46] {
            failures.count(at(minutes * 60), RULE);
        }
        assert!(!failures.lock_out(at(46 * 60), RULE));
        failures.count(at(47 * 60), RULE);
        assert!(failures.lock_out(at(47 * 60), RULE));
    }

    #[test]
    fn zero_failures_never_lock_out() {
        let mut failures = Failures::default();
        let rule = LockoutRule {
            failures: 0,
            ..RULE
        };
        for _ in 0..1_000 {
            failures.count(at(0), rule);
        }
        assert!(!failures.lock_out(at(0), rule));
    }
}
