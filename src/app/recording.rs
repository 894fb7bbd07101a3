//! Lines of a recording: the frame itself, or an object around it.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::types::{Timestamp, digits};

/// What a line holds.
#[derive(Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// No frame: an empty line, or a header row.
    Nothing,
    /// What the client sent.
    Sent(Cow<'a, [u8]>),
    /// What the venue sent; or what is neither, and will not decode.
    Received(Cow<'a, [u8]>),
}

/// Keys that matter of a line's object. Frames and wrappers both have more.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    #[serde(borrow)]
    frame: Option<&'a RawValue>,
    #[serde(borrow)]
    dir: Option<&'a RawValue>,
    channel: Option<IgnoredAny>,
    method: Option<IgnoredAny>,
    #[serde(rename = "Error")]
    flood: Option<IgnoredAny>,
}

/// Finds the frame of a line.
#[must_use]
pub fn read(line: &[u8]) -> Line<'_> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Line::Nothing;
    }
    // A line that is no object is left to the decoder, which says what is wrong with it.
    let Ok(object) = serde_json::from_slice::<Object<'_>>(line) else {
        return Line::Received(Cow::Borrowed(line));
    };
    let frame = match object.raw.or(object.frame) {
        Some(value) => text(value),
        None if object.channel.is_some() || object.method.is_some() || object.flood.is_some() => {
            Cow::Borrowed(line)
        }
        None => return Line::Nothing,
    };
    if object.dir.is_some_and(|dir| dir.get() == "\"tx\"") {
        return Line::Sent(frame);
    }
    Line::Received(frame)
}

/// When a line says that its frame was received: `rx_ns` in nanoseconds of any clock, or `ts` in seconds.
#[must_use]
pub fn received_at(line: &[u8]) -> Option<Timestamp> {
    let times = serde_json::from_slice::<Times<'_>>(line).ok()?;
    let nanos = |value: &RawValue, digits| digits::fixed(value.get().as_bytes(), digits).ok();
    let rx = times.rx_ns.and_then(|value| nanos(value, 0));
    let nanos = rx.or_else(|| times.ts.and_then(|value| nanos(value, 9)))?;
    Some(Timestamp::from_nanos(nanos))
}

#[derive(Deserialize)]
struct Times<'a> {
    #[serde(borrow)]
    rx_ns: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

/// A frame that is quoted as text, or stands there as an object in its literal digits.
fn text(value: &RawValue) -> Cow<'_, [u8]> {
    match serde_json::from_str::<String>(value.get()) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        Err(_object) => Cow::Borrowed(value.get().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_in_every_form_of_line() {
        let frame = r#"{"channel":"heartbeat","q":1.500}"#;
        let received = Line::Received(Cow::Borrowed(frame.as_bytes()));
        let quoted = serde_json::to_string(frame).unwrap();
        for line in [
            frame.to_owned(),
            format!("  {frame} "),
            format!(r#"{{"ts":1,"raw":{quoted},"channel":"other"}}"#),
            format!(r#"{{"frame":{frame},"dir":"rx"}}"#),
        ] {
            assert_eq!(read(line.as_bytes()), received, "{line}");
        }
        let sent = format!(r#"{{"dir":"tx","frame":{frame}}}"#);
        assert_eq!(
            read(sent.as_bytes()),
            Line::Sent(Cow::Borrowed(frame.as_bytes()))
        );
    }

    #[test]
    fn the_time_of_receipt_is_found_where_there_is_one() {
        let at = |nanos| Some(Timestamp::from_nanos(nanos));
        for (line, expected) in [
            (
                r#"{"ts":1618678133.710264,"raw":"{}"}"#,
                at(1_618_678_133_710_264_000),
            ),
            (
                r#"{"rx_ns": 42889692105400, "frame": {}}"#,
                at(42_889_692_105_400),
            ),
            (r#"{"rx_ns":null,"ts":2}"#, at(2_000_000_000)),
            (r#"{"ts":"yesterday","raw":"{}"}"#, None),
            (r#"{"channel":"heartbeat"}"#, None),
            ("hello", None),
        ] {
            assert_eq!(received_at(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_header_is_no_frame_and_garbage_is_left_to_the_decoder() {
        assert_eq!(read(b""), Line::Nothing);
        assert_eq!(
            read(br#"{"url":"wss://x","symbol":"BTC/USD","depth":10}"#),
            Line::Nothing
        );
        for garbage in [&b"{\"channel\":"[..], b"[1]", b"hello", b"\xff\xfe"] {
            assert_eq!(read(garbage), Line::Received(Cow::Borrowed(garbage)));
        }
    }
}
