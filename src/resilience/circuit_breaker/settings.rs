//! The thresholds of one breaker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Mode;
use crate::types::span;

/// Thresholds. A rule whose threshold is 0 is off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How the breaker works from the start.
    pub mode: Mode,
    /// How far back calls count.
    #[serde(with = "span")]
    pub window: Duration,
    /// Into how many buckets the window is cut. It slides by one bucket at a time.
    pub buckets: u16,
    /// Rates mean nothing before the window holds so many calls.
    pub minimum_calls: u32,
    /// Opens when so many percent of the window's calls failed.
    pub failure_percent: u8,
    /// A call that takes so long is slow.
    #[serde(with = "span")]
    pub slow_call: Duration,
    /// Opens when so many percent of the window's calls were slow.
    pub slow_percent: u8,
    /// Opens after so many failures in a row, however many calls there were before.
    pub consecutive_failures: u32,
    /// The first open time, before jitter; each further opening doubles it.
    #[serde(with = "span")]
    pub open_for: Duration,
    /// No open time is longer.
    #[serde(with = "span")]
    pub open_for_max: Duration,
    /// After being closed for so long, open times start over.
    #[serde(with = "span")]
    pub stable_after: Duration,
    /// Half-open lets so many probes pass, and closes when all of them worked.
    pub probes: u32,
    /// Probes that have not ended after so long count as hung, and the breaker opens again.
    #[serde(with = "span")]
    pub half_open_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Automatic,
            window: Duration::from_secs(60),
            buckets: 12,
            minimum_calls: 10,
            failure_percent: 50,
            slow_call: Duration::from_secs(5),
            slow_percent: 80,
            consecutive_failures: 5,
            open_for: Duration::from_secs(2),
            open_for_max: Duration::from_secs(120),
            stable_after: Duration::from_secs(300),
            probes: 2,
            half_open_for: Duration::from_secs(15),
        }
    }
}

/// Why thresholds make no sense.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidSettings {
    /// A share above the whole.
    #[error("failure_percent and slow_percent must be at most 100")]
    AboveHundred,
    /// A window that cannot be cut.
    #[error("buckets must be at least 1 and window at least as many milliseconds")]
    NoWindow,
    /// The cap must not be below what it caps, and an open time must be one.
    #[error("open_for must be longer than nothing and at most open_for_max")]
    OpenTime,
    /// Nothing could ever close it.
    #[error("probes must be at least 1 and half_open_for longer than nothing")]
    NoProbes,
}

impl Settings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first thing that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        if self.failure_percent > 100 || self.slow_percent > 100 {
            return Err(InvalidSettings::AboveHundred);
        }
        if self.buckets == 0 || self.window.as_millis() < u128::from(self.buckets) {
            return Err(InvalidSettings::NoWindow);
        }
        if self.open_for.is_zero() || self.open_for > self.open_for_max {
            return Err(InvalidSettings::OpenTime);
        }
        if self.probes == 0 || self.half_open_for.is_zero() {
            return Err(InvalidSettings::NoProbes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sound_and_read_back() {
        let settings = Settings::default();
        settings.validate().unwrap();
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Settings>("windw = \"5s\"").is_err());
    }

    #[test]
    fn senseless_thresholds_are_named() {
        let cases = [
            ("failure_percent = 101", InvalidSettings::AboveHundred),
            ("slow_percent = 101", InvalidSettings::AboveHundred),
            ("buckets = 0", InvalidSettings::NoWindow),
            ("window = \"5ms\"", InvalidSettings::NoWindow),
            ("open_for = \"0s\"", InvalidSettings::OpenTime),
            ("open_for_max = \"1s\"", InvalidSettings::OpenTime),
            ("probes = 0", InvalidSettings::NoProbes),
            ("half_open_for = \"0s\"", InvalidSettings::NoProbes),
        ];
        for (text, expected) in cases {
            let settings: Settings = toml::from_str(text).unwrap();
            assert_eq!(settings.validate(), Err(expected), "{text}");
        }
    }
}
