//! Lengths of time as people write them in settings: `250ms`, `5s`, `10m`, `12h`, `30d`.
//!
//! One whole number and one unit. For `#[serde(with = "crate::types::span")]` on a [`Duration`].

use std::{fmt, time::Duration};

use serde::{Deserializer, Serializer, de};
use thiserror::Error;

/// Units from the longest to the shortest, each in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A text that is no length of time, or one over 584 years.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a length of time, such as \"250ms\", \"5s\", \"10m\", \"12h\" or \"30d\"")]
pub struct InvalidSpan;

/// Reads a length of time.
///
/// # Errors
///
/// Everything but one whole number directly followed by one unit.
pub fn parse(text: &str) -> Result<Duration, InvalidSpan> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(InvalidSpan)?;
    let number: u64 = number.parse().map_err(|_empty_or_large| InvalidSpan)?;
    let (_, nanos) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or(InvalidSpan)?;
    number
        .checked_mul(*nanos)
        .map(Duration::from_nanos)
        .ok_or(InvalidSpan)
}

/// Writes a length of time in the longest unit that holds it exactly.
#[must_use]
pub fn text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)))
        .map_or_else(
            || format!("{nanos}ns"),
            |(name, unit)| format!("{}{name}", nanos / u128::from(*unit)),
        )
}

/// Writes a field.
///
/// # Errors
///
/// What the format refuses.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*duration))
}

/// Reads a field.
///
/// # Errors
///
/// When it is no text, or no length of time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Visitor)
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"250ms\", \"5s\" or \"30d\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(|_invalid| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_they_are_written() {
        for span in ["250ms", "5s", "10m", "12h", "30d", "1500us", "7ns", "0s"] {
            assert_eq!(text(parse(span).unwrap()), span);
        }
        assert_eq!(text(parse("60s").unwrap()), "1m");
    }

    #[test]
    fn anything_else_is_refused() {
        for span in ["", "5", "s", "1.5s", "-5s", "5 s", "5w", "99999999999999d"] {
            assert_eq!(parse(span), Err(InvalidSpan), "{span}");
        }
    }
}
