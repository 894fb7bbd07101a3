//! What the dead man's switch is asked and answers, on both wires (§2.8).

use std::time::Duration;

use crate::types::Timestamp;

/// A timeout is shorter than a day.
const DAY: u64 = 86_400;

/// The text of a timeout that is too long.
pub(super) const ABOVE_MAX: &str = "EGeneral:Invalid timeout argument:above max";

/// A timeout in seconds; zero takes the switch off.
///
/// # Errors
///
/// One that is too long.
pub(super) const fn timeout(seconds: u64) -> Result<Option<Duration>, &'static str> {
    match seconds {
        0 => Ok(None),
        seconds if seconds < DAY => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(ABOVE_MAX),
    }
}

/// The instants of an answer, in whole seconds; the present one is rounded up.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct SwitchTimes {
    pub(super) current: String,
    pub(super) trigger: String,
}

impl SwitchTimes {
    pub(super) fn new(now: Timestamp, timeout: Option<Duration>) -> Self {
        let part = now.since(Timestamp::from_secs(now.as_secs()));
        let whole = if part.is_zero() {
            now
        } else {
            Timestamp::from_secs(now.as_secs() + 1)
        };
        let text = |at: Timestamp| at.rfc3339(0).to_string();
        Self {
            current: text(whole),
            // A switch that is off has this in place of a time.
            trigger: timeout.map_or_else(|| "0".to_owned(), |timeout| text(whole.after(timeout))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_and_at_most_one_late() {
        let now = Timestamp::parse("2026-09-01T08:03:09.100001Z").unwrap();
        let wound = SwitchTimes::new(now, timeout(60).unwrap());
        assert_eq!(wound.current, "2026-09-01T08:03:10Z");
        assert_eq!(wound.trigger, "2026-09-01T08:04:10Z");
        let off = SwitchTimes::new(now, timeout(0).unwrap());
        assert_eq!(
            (off.current.as_str(), off.trigger.as_str()),
            ("2026-09-01T08:03:10Z", "0")
        );
    }

    #[test]
    fn a_day_is_too_long() {
        assert!(timeout(86_399).is_ok());
        assert_eq!(timeout(86_400), Err(ABOVE_MAX));
    }
}
