//! Objects of the wire as structs: every known key a field, every other key remembered by name.
//!
//! For: reading what the venue sends without losing anything in silence, in one pass, with the place of every mistake. serde's
//! derive either refuses a frame for a new key or hides it, its `flatten` cannot carry exact digits, and its way to them
//! (`RawValue`) reads each number twice: measured, 3.5 times `IgnoredAny` where this is about 2. serde remains the yardstick: tests
//! read every row both ways.
//! Always true: an unknown key is no error, and [`Audit::audit`] names it.

use std::{borrow::Cow, fmt, num::NonZeroU64};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::{
    error::Why,
    scan::{Scanner, Step},
};
use crate::types::{Decimal, InvalidDecimal, Timestamp, digits};

/// Names the keys that a message carried and no field took.
pub(in super::super) trait Audit {
    /// Calls `note` once for each such key.
    fn audit(&self, _note: &mut dyn FnMut(&str)) {}
}

/// Declares a struct for an object of the wire: `b"key" => field: Type`. Fields of type `Option` may be absent or null.
///
/// Keys are bytes because a match over bytes compiles to a tree, and one over texts to a chain of comparisons.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident<$lt:lifetime> { $($(#[$field_meta:meta])* $key:literal => $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[allow(unreachable_pub, reason = "a test declares objects of its own")]
        pub struct $name<$lt> {
            $($(#[$field_meta])* pub $field: $type,)+
            pub(in crate::venue::kraken) unknown: Vec<String>,
            pub(in crate::venue::kraken) lifetime: std::marker::PhantomData<&$lt ()>,
        }

        impl<$lt> $crate::venue::kraken::wire::object::Read<$lt> for $name<$lt> {
            fn read(
                scanner: &mut $crate::venue::kraken::wire::scan::Scanner<$lt>,
            ) -> $crate::venue::kraken::wire::scan::Step<Self> {
                use $crate::venue::kraken::wire::object::{Field, Read, key_text, once, present};
                $(let mut $field: Option<$type> = None;)+
                let mut unknown = Vec::new();
                let mut next = scanner.first_key()?;
                while let Some(key) = next {
                    match key.as_bytes() {
                        $($key => {
                            once(scanner, $field.is_some(), const { key_text($key) })?;
                            $field = Some(Read::read(scanner)?);
                        })+
                        _ => {
                            unknown.push(key.into_owned());
                            scanner.skip()?;
                        }
                    }
                    next = scanner.next_key()?;
                }
                Ok($name {
                    $($field: match $field {
                        Some(value) => value,
                        None => present(scanner, Field::absent(), const { key_text($key) })?,
                    },)+
                    unknown,
                    lifetime: std::marker::PhantomData,
                })
            }
        }

        // The same by serde, for tests to compare with.
        #[cfg(test)]
        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Keys<$lt>(std::marker::PhantomData<&$lt ()>);
                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Keys<$lt> {
                    type Value = $name<$lt>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        use $crate::venue::kraken::wire::object::{Field, Text, key_text};
                        $(let mut $field: Option<$type> = None;)+
                        let mut unknown = Vec::new();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match key.as_str().as_bytes() {
                                $($key => {
                                    if $field.is_some() {
                                        return Err(serde::de::Error::duplicate_field(const { key_text($key) }));
                                    }
                                    $field = Some(map.next_value()?);
                                })+
                                _ => {
                                    unknown.push(key.as_str().to_owned());
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($name {
                            $($field: match $field {
                                Some(value) => value,
                                None => Field::absent()
                                    .ok_or_else(|| serde::de::Error::missing_field(const { key_text($key) }))?,
                            },)+
                            unknown,
                            lifetime: std::marker::PhantomData,
                        })
                    }
                }
                deserializer.deserialize_map(Keys(std::marker::PhantomData))
            }
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                use $crate::venue::kraken::wire::object::{Field as _, key_text};
                let mut map = serializer.serialize_map(None)?;
                $(if !self.$field.is_absent() {
                    map.serialize_entry(const { key_text($key) }, &self.$field)?;
                })+
                map.end()
            }
        }

        impl $crate::venue::kraken::wire::object::Audit for $name<'_> {
            fn audit(&self, note: &mut dyn FnMut(&str)) {
                for key in &self.unknown {
                    note(key);
                }
                $($crate::venue::kraken::wire::object::Audit::audit(&self.$field, note);)+
            }
        }

        impl $crate::venue::kraken::wire::object::Field for $name<'_> {}
    };
}
pub(in super::super) use object;

/// Reads a value at a scanner's place.
pub(in super::super) trait Read<'a>: Sized {
    /// Reads the value and passes it.
    fn read(scanner: &mut Scanner<'a>) -> Step<Self>;
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(scanner: &mut Scanner<'a>) -> Step<Self> {
        if scanner.peek() == Some(b'n') {
            return scanner.skip().map(|_null| None);
        }
        T::read(scanner).map(Some)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Box<T> {
    fn read(scanner: &mut Scanner<'a>) -> Step<Self> {
        T::read(scanner).map(Self::new)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(scanner: &mut Scanner<'a>) -> Step<Self> {
        let mut items = Self::new();
        let mut more = scanner.first_item()?;
        while more {
            items.push(T::read(scanner)?);
            more = scanner.next_item()?;
        }
        Ok(items)
    }
}

impl Read<'_> for bool {
    fn read(scanner: &mut Scanner<'_>) -> Step<Self> {
        scanner.boolean()
    }
}

macro_rules! integer {
    ($($type:ty),+) => {
        $(impl Read<'_> for $type {
            fn read(scanner: &mut Scanner<'_>) -> Step<Self> {
                let at = scanner.here();
                let digits = scanner.number()?;
                digits.parse().or_else(|_| scanner.moved_to(at).fail(Why::Expected("a whole number that fits")))
            }
        })+
    };
}
integer!(u8, u32, u64, i64);

/// Refuses a key that was met before.
pub(in super::super) fn once(scanner: &Scanner<'_>, met: bool, key: &'static str) -> Step<()> {
    if met {
        return scanner.fail(Why::Twice(key));
    }
    Ok(())
}

/// Refuses the absence of a key.
pub(in super::super) fn present<T>(
    scanner: &Scanner<'_>,
    value: Option<T>,
    key: &'static str,
) -> Step<T> {
    match value {
        Some(value) => Ok(value),
        None => scanner.fail(Why::Missing(key)),
    }
}

/// The text of a key.
pub(in super::super) const fn key_text(key: &'static [u8]) -> &'static str {
    match std::str::from_utf8(key) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// What a field may be when its key is absent.
pub(in super::super) trait Field: Sized {
    /// The value of an absent key, if it may be absent.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the value stands for an absent key.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Field for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Field for Vec<T> {}

impl<T> Field for Box<T> {}

impl<T: Audit> Audit for Option<T> {
    fn audit(&self, note: &mut dyn FnMut(&str)) {
        if let Some(value) = self {
            value.audit(note);
        }
    }
}

impl<T: Audit> Audit for Box<T> {
    fn audit(&self, note: &mut dyn FnMut(&str)) {
        self.as_ref().audit(note);
    }
}

impl<T: Audit> Audit for Vec<T> {
    fn audit(&self, note: &mut dyn FnMut(&str)) {
        for item in self {
            item.audit(note);
        }
    }
}

macro_rules! plain {
    ($($type:ty),+) => {
        $(impl Audit for $type {} impl Field for $type {})+
    };
}
plain!(
    bool,
    u8,
    u32,
    u64,
    i64,
    Text<'_>,
    Number,
    Instant,
    MaybeInstant
);

/// A text, borrowed from the frame unless it holds an escape.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Text<'a>(pub(in super::super) Cow<'a, str>);

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> Read<'a> for Text<'a> {
    #[inline(never)]
    fn read(scanner: &mut Scanner<'a>) -> Step<Self> {
        scanner.string().map(Self)
    }
}

#[cfg(test)]
impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Text(Cow::Owned(text)))
    }
}

/// A number in its literal digits; some are sent as strings, and both forms are read.
///
/// Packed, and with room for `None`: rows have a score of them, most absent, and rows are moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Number {
    high: i64,
    low: u64,
    /// One more than the scale. As wide as the others, so that no move is of odd size.
    places: NonZeroU64,
}

impl Number {
    /// The number as a decimal with the digits that were read.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        let mantissa = i128::from(self.high) << 64 | i128::from(self.low);
        let scale = u8::try_from(self.places.get() - 1).unwrap_or(u8::MAX);
        Decimal::new(mantissa, scale).unwrap_or(Decimal::ZERO)
    }
}

impl From<Decimal> for Number {
    fn from(decimal: Decimal) -> Self {
        let bytes = decimal.mantissa().to_le_bytes();
        let (low, high) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self {
            high: i64::from_le_bytes(high.try_into().unwrap_or_default()),
            low: u64::from_le_bytes(*low),
            places: NonZeroU64::MIN.saturating_add(decimal.scale().into()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.decimal())
    }
}

impl Read<'_> for Number {
    #[inline(never)]
    fn read(scanner: &mut Scanner<'_>) -> Step<Self> {
        let at = scanner.here();
        let number = if scanner.peek() == Some(b'"') {
            decimal(&scanner.string()?)
        } else {
            decimal(scanner.number()?)
        };
        number.map(Self::from).or_else(|_| {
            scanner
                .moved_to(at)
                .fail(Why::Expected("a number that fits"))
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let digits = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        decimal(digits)
            .map(Self::from)
            .map_err(|error| de::Error::custom(format_args!("{error}: {text:.40}")))
    }
}

/// Reads a decimal; plain notation of up to 18 digits without going through 128 bits.
fn decimal(text: &str) -> Result<Decimal, InvalidDecimal> {
    let bytes = text.as_bytes();
    let (negative, number) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    let (mut mantissa, mut scale, mut point) = (0_i64, 0_u8, false);
    let plain = (1..=19).contains(&number.len())
        && number.first() != Some(&b'.')
        && number.last() != Some(&b'.')
        && number.iter().all(|byte| match byte {
            b'0'..=b'9' => {
                mantissa = mantissa
                    .wrapping_mul(10)
                    .wrapping_add(i64::from(byte - b'0'));
                scale += u8::from(point);
                true
            }
            b'.' => !std::mem::replace(&mut point, true),
            _ => false,
        });
    if !plain || (number.len() == 19 && !point) {
        return text
            .parse()
            .or_else(|error| without_zeros(bytes).ok_or(error));
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    Decimal::new(i128::from(mantissa), scale)
}

/// A number with more fraction digits than a decimal carries, if those are all zeros: `0E-60`.
fn without_zeros(text: &[u8]) -> Option<Decimal> {
    let (mut mantissa, mut scale) = digits::parse(text).ok()?;
    let longest = i32::from(Decimal::MAX_SCALE);
    while scale > longest && mantissa % 10 == 0 {
        scale = if mantissa == 0 { longest } else { scale - 1 };
        mantissa /= 10;
    }
    Decimal::new(mantissa, u8::try_from(scale).ok()?).ok()
}

/// An instant, as RFC 3339.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Instant(pub Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.rfc3339(9))
    }
}

impl Read<'_> for Instant {
    #[inline(never)]
    fn read(scanner: &mut Scanner<'_>) -> Step<Self> {
        scanner.instant().map(Self)
    }
}

#[cfg(test)]
impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        super::time::instant(text.as_str())
            .map(Self)
            .ok_or_else(|| de::Error::custom(format_args!("not an RFC 3339 instant: {text:.40}")))
    }
}

/// An instant where the venue also writes things that are none, `"0"` for one; kept as `None`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaybeInstant(pub Option<Timestamp>);

impl Serialize for MaybeInstant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(instant) => serializer.collect_str(&instant.rfc3339(9)),
            None => serializer.serialize_none(),
        }
    }
}

impl Read<'_> for MaybeInstant {
    fn read(scanner: &mut Scanner<'_>) -> Step<Self> {
        let raw = scanner.skip()?;
        Ok(Self(super::time::lenient(raw.trim_matches('"'))))
    }
}

#[cfg(test)]
impl<'de> Deserialize<'de> for MaybeInstant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(super::time::lenient(raw.trim_matches('"'))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        /// For the tests.
        Row<'a> {
            /// A name.
            b"name" => name: Text<'a>,
            /// A number.
            b"type" => kind: Option<Number>,
            /// More.
            b"rows" => rows: Option<Vec<Row<'a>>>,
        }
    }

    #[test]
    fn unknown_keys_are_named_at_every_depth() {
        let row: Row<'_> = serde_json::from_str(
            r#"{"x":[1],"name":"a\n","rows":[{"name":"b","y":{"name":0},"type":null}]}"#,
        )
        .unwrap();
        let mut names = Vec::new();
        row.audit(&mut |name| names.push(name.to_owned()));
        assert_eq!(names, ["x", "y"]);
        assert_eq!(row.name.as_str(), "a\n");
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"name":"a\n","rows":[{"name":"b"}]}"#
        );
    }

    #[test]
    fn missing_doubled_and_mistyped_keys_are_errors() {
        for (text, word) in [
            (r#"{"type":1}"#, "missing field `name`"),
            (r#"{"name":"a","name":"b"}"#, "duplicate field `name`"),
            (r#"{"name":1}"#, "invalid type"),
            (r#"{"name":"a","type":true}"#, "not a decimal number"),
            (r#"{"name":"a","type":1e400}"#, "overflow"),
            ("[]", "expected an object"),
        ] {
            let error = serde_json::from_str::<Row<'_>>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_keep_their_digits_in_either_form() {
        for (text, want) in [
            ("0.10000000", "0.10000000"),
            ("\"1.50\"", "1.50"),
            ("5.1e-05", "0.000051"),
            ("-0.0", "0.0"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("9999999999999999999", "9999999999999999999"),
            ("999999999999999999.9", "999999999999999999.9"),
        ] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(number.decimal().to_string(), want);
        }
        for text in ["0E-60", "1.5000000000000000000000000000000000"] {
            assert!(serde_json::from_str::<Number>(text).is_ok(), "{text}");
        }
        for text in ["\"\"", "\"a\"", "{}", "[]", "null", "\"1.\""] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }
}
