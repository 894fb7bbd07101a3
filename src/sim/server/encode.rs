//! Writing JSON by hand: exact digits, trailing zeros kept, fields in the venue's order.
//!
//! For: every frame this server sends. Left out: which frames those are. Always true: no number passes through a float.

use std::fmt::{Display, Write as _};

use crate::types::{Decimal, Instrument, Price, Quantity, Timestamp};

/// A JSON text under construction. Commas come by themselves.
#[derive(Debug)]
pub(super) struct Json(String);

impl Json {
    /// An object that is still open.
    pub(super) fn object() -> Self {
        let mut text = String::with_capacity(256);
        text.push('{');
        Self(text)
    }

    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    /// A member's name; its value must follow.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.comma();
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self
    }

    /// A member with a text.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name);
        push_quoted(&mut self.0, value);
        self
    }

    /// A member whose value's display is JSON already: integers, decimals, booleans, ready-made JSON.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.key(name);
        write!(self.0, "{value}").unwrap_or_default();
        self
    }

    /// A member with `units × 10^-precision`, in exactly so many digits.
    pub(super) fn fixed(&mut self, name: &str, units: i64, precision: u8) -> &mut Self {
        self.key(name);
        push_fixed(&mut self.0, units, precision);
        self
    }

    /// A member with a price in the instrument's digits.
    pub(super) fn price(&mut self, name: &str, of: &Instrument, value: Price) -> &mut Self {
        self.fixed(name, value.units(), of.price_precision)
    }

    /// A member with a quantity in the instrument's digits.
    pub(super) fn qty(&mut self, name: &str, of: &Instrument, value: Quantity) -> &mut Self {
        self.fixed(name, value.units(), of.qty_precision)
    }

    /// A member with an amount at a number of digits; what does not fit them is rounded half up.
    pub(super) fn decimal(&mut self, name: &str, value: Decimal, digits: u8) -> &mut Self {
        self.plain(name, value.rounded_half_up(digits).unwrap_or(value))
    }

    /// A member with an instant in microseconds.
    pub(super) fn time(&mut self, name: &str, at: Timestamp) -> &mut Self {
        self.key(name);
        write!(self.0, "\"{}\"", at.rfc3339(6)).unwrap_or_default();
        self
    }

    /// A member with an instant in nanoseconds.
    pub(super) fn time_nanos(&mut self, name: &str, at: Timestamp) -> &mut Self {
        self.key(name);
        write!(self.0, "\"{}\"", at.rfc3339(9)).unwrap_or_default();
        self
    }

    /// Members that are ready made, commas between them.
    pub(super) fn members(&mut self, json: &str) -> &mut Self {
        self.comma();
        self.0.push_str(json);
        self
    }

    /// Opens a member that is an array.
    pub(super) fn open_array(&mut self, name: &str) -> &mut Self {
        self.key(name);
        self.0.push('[');
        self
    }

    /// Opens a member that is an object.
    pub(super) fn open_object(&mut self, name: &str) -> &mut Self {
        self.key(name);
        self.0.push('{');
        self
    }

    /// Opens an object in an array.
    pub(super) fn item(&mut self) -> &mut Self {
        self.comma();
        self.0.push('{');
        self
    }

    /// An element in an array, ready made.
    pub(super) fn element(&mut self, json: &str) -> &mut Self {
        self.comma();
        self.0.push_str(json);
        self
    }

    /// A text in an array.
    pub(super) fn text_element(&mut self, value: &str) -> &mut Self {
        self.comma();
        push_quoted(&mut self.0, value);
        self
    }

    /// Closes an object.
    pub(super) fn close(&mut self) -> &mut Self {
        self.0.push('}');
        self
    }

    /// Closes an array.
    pub(super) fn close_array(&mut self) -> &mut Self {
        self.0.push(']');
        self
    }

    /// Closes the outermost object.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A level of a book: `{"price":…,"qty":…}`.
pub(super) fn push_level(out: &mut Json, of: &Instrument, price: Price, qty: Quantity) {
    out.item().price("price", of, price).qty("qty", of, qty);
    out.close();
}

/// A whole number that is not negative, as its digits.
pub(super) fn push_units(out: &mut String, units: i64) {
    push_fixed(out, units, 0);
}

/// `units × 10^-precision` with exactly `precision` fraction digits.
pub(super) fn push_fixed(out: &mut String, units: i64, precision: u8) {
    if units < 0 {
        out.push('-');
    }
    let mut rest = units.unsigned_abs();
    let mut digits = [b'0'; 40];
    let wanted = usize::from(precision) + 1;
    let mut count = 0;
    for digit in &mut digits {
        if rest == 0 && count >= wanted {
            break;
        }
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
    }
    for (position, digit) in digits.iter().take(count).enumerate().rev() {
        out.push(char::from(*digit));
        if position > 0 && position == usize::from(precision) {
            out.push('.');
        }
    }
}

/// A JSON string, escaped.
pub(super) fn push_quoted(out: &mut String, value: &str) {
    out.push('"');
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if u32::from(control) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(control)).unwrap_or_default();
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_keep_their_trailing_zeros() {
        for (units, precision, want) in [
            (12_000, 8, "0.00012000"),
            (0, 8, "0.00000000"),
            (299_999, 1, "29999.9"),
            (300_010, 1, "30001.0"),
            (42, 0, "42"),
            (0, 0, "0"),
            (-305, 2, "-3.05"),
            (i64::MAX, 10, "922337203.6854775807"),
        ] {
            let mut out = String::new();
            push_fixed(&mut out, units, precision);
            assert_eq!(out, want);
        }
    }

    #[test]
    fn what_is_written_is_json_whatever_the_text_holds() {
        let nasty = "a\"b\\c\nd\u{e9}\u{1}";
        let mut json = Json::object();
        json.text("text", nasty).plain("yes", true);
        json.open_array("rows").item().plain("n", 1).close();
        json.item().close().close_array();
        let read: serde_json::Value = serde_json::from_str(&json.finish()).unwrap();
        assert_eq!(read["text"], nasty);
        assert_eq!(read["rows"].as_array().unwrap().len(), 2);
    }
}
