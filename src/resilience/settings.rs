//! What is wrong with settings, key by key.
//!
//! For: settings that check themselves and know nothing of where they were written. Left out: the place, which whoever read them knows.
//! Always true: everything that is wrong is told at once, each by its own key.

use std::{fmt, time::Duration};

use thiserror::Error;

use crate::types::span;

/// A setting that cannot be meant.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{key}: {reason}")]
pub struct InvalidSetting {
    /// Its key.
    pub key: &'static str,
    /// A second key, where two do not fit together: either can be the one to change.
    pub other: Option<&'static str>,
    /// Why, to be read after the key. Of two keys it names both, with their values.
    pub reason: String,
}

/// Settings that cannot be meant: all that is wrong with them, at least one thing.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct InvalidSettings(pub Vec<InvalidSetting>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, invalid) in self.0.iter().enumerate() {
            f.write_str(if number > 0 { "; " } else { "" })?;
            invalid.fmt(f)?;
        }
        Ok(())
    }
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<InvalidSetting>);

impl Checks {
    pub(crate) fn add(&mut self, key: &'static str, reason: impl Into<String>) {
        self.0.push(InvalidSetting {
            key,
            other: None,
            reason: reason.into(),
        });
    }

    pub(crate) fn require(&mut self, holds: bool, key: &'static str, reason: &str) {
        if !holds {
            self.add(key, reason);
        }
    }

    /// A count of at least one.
    pub(crate) fn some(&mut self, key: &'static str, count: u32) {
        self.require(count > 0, key, "must be at least 1");
    }

    /// A time that passes.
    pub(crate) fn time(&mut self, key: &'static str, time: Duration) {
        self.require(!time.is_zero(), key, "must be longer than nothing");
    }

    /// A share of the whole.
    pub(crate) fn percent(&mut self, key: &'static str, percent: u32) {
        self.require(percent <= 100, key, "must be at most 100");
    }

    /// A time that another one caps.
    pub(crate) fn at_most(
        &mut self,
        shorter: (&'static str, Duration),
        cap: (&'static str, Duration),
    ) {
        let ((key, time), (other, most)) = (shorter, cap);
        self.both(time <= most, [key, other], || {
            let (time, most) = (span::text(time), span::text(most));
            format!("{key} ({time}) must not be longer than {other} ({most})")
        });
    }

    /// Two that do not fit together; the reason names both, with their values.
    pub(crate) fn both(
        &mut self,
        holds: bool,
        keys: [&'static str; 2],
        reason: impl FnOnce() -> String,
    ) {
        let [key, other] = keys;
        if !holds {
            self.0.push(InvalidSetting {
                key,
                other: Some(other),
                reason: reason(),
            });
        }
    }

    pub(crate) fn done(self) -> Result<(), InvalidSettings> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(InvalidSettings(self.0))
        }
    }
}
