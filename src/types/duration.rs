//! Spans of time as people write them in a config file: `"250ms"`, `"5s"`, `"1m 30s"`.
//!
//! For: `#[serde(with = "crate::types::duration")]` on a [`Duration`] field.

use std::time::Duration;

use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

static PARSER: SpanParser = SpanParser::new();
static PRINTER: SpanPrinter = SpanPrinter::new();

/// Writes a duration as text.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&PRINTER.unsigned_duration_to_string(duration))
}

/// Reads a duration from text.
///
/// # Errors
///
/// Anything but a text of numbers with units; negative spans.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    PARSER.parse_unsigned_duration(&text).map_err(|error| {
        D::Error::custom(format_args!(
            "{text:?} is no duration such as \"250ms\" or \"1m 30s\": {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq, serde::Serialize)]
    struct Holder {
        #[serde(with = "super")]
        wait: Duration,
    }

    #[test]
    fn durations_read_what_they_write() {
        for (text, wait) in [
            ("250ms", Duration::from_millis(250)),
            ("5s", Duration::from_secs(5)),
            ("1m 30s", Duration::from_secs(90)),
            ("0s", Duration::ZERO),
        ] {
            let read: Holder = toml::from_str(&format!("wait = \"{text}\"")).unwrap();
            assert_eq!(read, Holder { wait });
            assert_eq!(
                toml::to_string(&read).unwrap().trim(),
                format!("wait = \"{text}\"")
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "wait = \"5\"",
            "wait = \"-5s\"",
            "wait = 5",
            "wait = \"soon\"",
        ] {
            assert!(toml::from_str::<Holder>(text).is_err(), "{text}");
        }
    }
}
