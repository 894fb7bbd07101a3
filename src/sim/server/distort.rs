//! Frames that look otherwise than usual, and are still what the venue may send.
//!
//! For: faults that change the look of a frame. Left out: frames that are none (`link`).
//! Always true: what comes out is JSON with the same data, or with what the fault takes away missing.

use std::fmt::Write as _;

/// The channel of a frame of this server.
pub(super) fn channel(frame: &str) -> &str {
    value(frame, "\"channel\":\"").unwrap_or_default()
}

/// What keeps its order: the channel and, of public ones, the symbol.
pub(super) fn subscription(frame: &str) -> (&str, &str) {
    let channel = channel(frame);
    let symbol = match channel {
        "executions" | "balances" | "instrument" => "",
        _ => value(frame, "\"symbol\":\"").unwrap_or_default(),
    };
    (channel, symbol)
}

/// Whether a frame has a number with a fraction.
pub(super) fn has_fraction(frame: &str) -> bool {
    pieces(frame).any(|piece| matches!(piece, Piece::Number(digits) if digits.contains('.')))
}

/// Numbers with a fraction, written with an exponent: `5.1e-05`.
pub(super) fn with_exponents(frame: &str) -> String {
    let mut out = String::with_capacity(frame.len() + 32);
    for piece in pieces(frame) {
        match piece {
            Piece::Number(digits) if digits.contains('.') => push_exponent(&mut out, digits),
            Piece::Number(text) | Piece::Other(text) => out.push_str(text),
        }
    }
    out
}

/// Members that nobody knows, beside and within the data.
pub(super) fn with_unknown_fields(frame: &str) -> String {
    const STRANGE: &str = r#""feature_flags":{"beta":[1,null,{}]},"#;
    let mut out = frame.replacen('{', &format!("{{{STRANGE}"), 1);
    for data in ["\"data\":[{", "\"data\":{"] {
        out = out.replacen(data, &format!("{data}{STRANGE}"), 1);
    }
    out
}

/// Whether a frame reports something of an order that was reported before.
pub(super) fn is_follow_up(frame: &str) -> bool {
    let update = frame.starts_with("{\"channel\":\"executions\",\"type\":\"update\"");
    let kind = value(frame, "\"exec_type\":\"");
    update && kind.is_some_and(|kind| !matches!(kind, "pending_new" | "new"))
}

/// A report without its symbol and `cl_ord_id`.
pub(super) fn sparse(frame: &str) -> String {
    without(&without(frame, "symbol"), "cl_ord_id")
}

/// The text after a member's opening, up to its closing quote.
fn value<'a>(frame: &'a str, opening: &str) -> Option<&'a str> {
    let (_, rest) = frame.split_once(opening)?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Without the members of this name, whose values are texts without quotes in them.
fn without(frame: &str, name: &str) -> String {
    let opening = format!("\"{name}\":\"");
    let mut out = String::with_capacity(frame.len());
    let mut rest = frame;
    while let Some((before, after)) = rest.split_once(&opening) {
        let Some((_, after)) = after.split_once('"') else {
            break;
        };
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix(',') {
            after
        } else {
            // It was the last member: its comma goes too.
            if out.ends_with(',') {
                out.pop();
            }
            after
        };
    }
    out.push_str(rest);
    out
}

enum Piece<'a> {
    Number(&'a str),
    Other(&'a str),
}

/// A frame cut into its numbers and what is between them. What is in quotes is no number.
fn pieces(frame: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '.');
        let number = rest.starts_with(is_number);
        let end = if number {
            rest.find(|letter: char| !is_number(letter))
        } else {
            next_number(rest)
        };
        let (piece, left) = rest.split_at(end.unwrap_or(rest.len()));
        rest = left;
        Some(if number {
            Piece::Number(piece)
        } else {
            Piece::Other(piece)
        })
    })
}

/// Where the next number begins that is not in quotes.
fn next_number(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(position, letter)| {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '-' | '0'..='9' if !quoted => return Some(position),
            _ => {}
        }
        None
    })
}

/// Decimal digits with an exponent of at least two digits, as C and Python print them.
fn push_exponent(out: &mut String, digits: &str) {
    let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    out.push_str(sign);
    let Some((first, rest)) = significant
        .split_at_checked(1)
        .filter(|(first, _)| !first.is_empty())
    else {
        out.push_str("0e+00");
        return;
    };
    let zeros = all.len() - significant.len();
    let rest = rest.trim_end_matches('0');
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let (places, skipped) = (whole.len(), zeros + 1);
    let (sign, size) = if places >= skipped {
        ('+', places - skipped)
    } else {
        ('-', skipped - places)
    };
    write!(out, "e{sign}{size:02}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_fraction_get_an_exponent_and_keep_their_value() {
        for (plain, exponent) in [
            ("0.00005100", "5.1e-05"),
            ("60000.1", "6.00001e+04"),
            ("0.50000000", "5e-01"),
            ("-12.30", "-1.23e+01"),
            ("0.00000000", "0e+00"),
            ("123", "123"),
        ] {
            let frame = format!(r#"{{"price":{plain},"at":"2026-09-01T08:00:04.250000Z"}}"#);
            let written = with_exponents(&frame);
            let wanted = format!(r#"{{"price":{exponent},"at":"2026-09-01T08:00:04.250000Z"}}"#);
            assert_eq!(written, wanted);
            let [before, after]: [serde_json::Value; 2] =
                [&frame, &written].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(before["price"].as_f64(), after["price"].as_f64());
        }
    }

    #[test]
    fn a_sparse_report_is_json_without_symbol_and_name() {
        let report = r#"{"channel":"executions","type":"update","data":[{"order_id":"O1","symbol":"BTC/USD","exec_type":"trade","cl_ord_id":"a"}],"sequence":7}"#;
        assert!(is_follow_up(report));
        assert!(!is_follow_up(&report.replace("trade", "pending_new")));
        assert_eq!(
            sparse(report),
            r#"{"channel":"executions","type":"update","data":[{"order_id":"O1","exec_type":"trade"}],"sequence":7}"#
        );
    }

    #[test]
    fn unknown_members_are_added_outside_and_inside() {
        for frame in [
            r#"{"channel":"trade","data":[{"a":1},{"a":2}]}"#,
            r#"{"channel":"instrument","data":{"a":1}}"#,
        ] {
            let strange: serde_json::Value =
                serde_json::from_str(&with_unknown_fields(frame)).unwrap();
            assert!(strange["feature_flags"].is_object());
            let data = &strange["data"];
            assert!(data.get(0).unwrap_or(data)["feature_flags"].is_object());
        }
    }

    #[test]
    fn a_frame_tells_what_must_keep_its_order() {
        let book = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[]}]}"#;
        assert_eq!(subscription(book), ("book", "BTC/USD"));
        let report = r#"{"channel":"executions","data":[{"symbol":"BTC/USD"}]}"#;
        assert_eq!(subscription(report), ("executions", ""));
    }
}
