//! The thresholds of one breaker.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    super::settings::{Checks, InvalidSettings},
    Mode,
};
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

impl Settings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// A share above the whole; a window that cannot be cut; an open time that is none, or above its cap; probes that could never
    /// close it.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        checks.some("buckets", self.buckets.into());
        let cut = self.window.as_millis() >= u128::from(self.buckets);
        checks.both(cut, ["window", "buckets"], || {
            let (window, buckets) = (span::text(self.window), self.buckets);
            format!("window ({window}) must have at least 1ms for each of its buckets ({buckets})")
        });
        checks.percent("failure_percent", self.failure_percent.into());
        checks.percent("slow_percent", self.slow_percent.into());
        checks.time("open_for", self.open_for);
        checks.at_most(
            ("open_for", self.open_for),
            ("open_for_max", self.open_for_max),
        );
        checks.some("probes", self.probes);
        checks.time("half_open_for", self.half_open_for);
        checks.done()
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
    fn senseless_thresholds_are_named_all_at_once() {
        let cases = [
            (
                "failure_percent = 101",
                "failure_percent: must be at most 100",
            ),
            ("slow_percent = 101", "slow_percent: must be at most 100"),
            ("buckets = 0", "buckets: must be at least 1"),
            (
                "window = \"5ms\"",
                "window: window (5ms) must have at least 1ms for each of its buckets (12)",
            ),
            ("open_for = \"0s\"", "open_for: must be longer than nothing"),
            (
                "open_for_max = \"1s\"",
                "open_for: open_for (2s) must not be longer than open_for_max (1s)",
            ),
            (
                "probes = 0\nhalf_open_for = \"0s\"",
                "probes: must be at least 1; half_open_for: must be longer than nothing",
            ),
        ];
        for (text, expected) in cases {
            let settings: Settings = toml::from_str(text).unwrap();
            assert_eq!(settings.validate().unwrap_err().to_string(), expected);
        }
    }
}
