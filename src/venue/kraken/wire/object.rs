//! Objects of the wire as structs: every known key a field, every other key remembered by name.
//!
//! For: reading what the venue sends without losing anything in silence. serde's own `deny_unknown_fields` would refuse a frame
//! for a new key, and ignoring keys would hide them; `flatten` cannot carry `RawValue`.
//! Always true: an unknown key is no error, and [`Audit::audit`] names it.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use serde_json::value::RawValue;

use crate::types::{Decimal, InvalidDecimal, Timestamp, digits};

/// Names the keys that a message carried and no field took.
pub(in super::super) trait Audit {
    /// Calls `note` once for each such key.
    fn audit(&self, _note: &mut dyn FnMut(&str)) {}
}

/// Declares a struct for an object of the wire: `"key" => field: Type`. Fields of type `Option` may be absent or null.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident<$lt:lifetime> { $($(#[$field_meta:meta])* $key:literal => $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
        #[allow(unreachable_pub, reason = "a test declares objects of its own")]
        pub struct $name<$lt> {
            $(
                $(#[$field_meta])*
                #[serde(rename = $key, skip_serializing_if = "crate::venue::kraken::wire::object::Field::is_absent")]
                pub $field: $type,
            )+
            #[serde(skip)]
            pub(in crate::venue::kraken) unknown: Vec<String>,
            #[serde(skip)]
            pub(in crate::venue::kraken) lifetime: std::marker::PhantomData<&$lt ()>,
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Keys<$lt>(std::marker::PhantomData<&$lt ()>);
                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Keys<$lt> {
                    type Value = $name<$lt>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        $(let mut $field: Option<$type> = None;)+
                        let mut unknown = Vec::new();
                        while let Some(key) = map.next_key::<crate::venue::kraken::wire::object::Text<'de>>()? {
                            match key.as_str() {
                                $($key if $field.is_none() => $field = Some(map.next_value()?),)+
                                $($key => return Err(serde::de::Error::duplicate_field($key)),)+
                                other => {
                                    unknown.push(other.to_owned());
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($name {
                            $($field: match $field {
                                Some(value) => value,
                                None => crate::venue::kraken::wire::object::Field::absent()
                                    .ok_or_else(|| serde::de::Error::missing_field($key))?,
                            },)+
                            unknown,
                            lifetime: std::marker::PhantomData,
                        })
                    }
                }
                deserializer.deserialize_map(Keys(std::marker::PhantomData))
            }
        }

        impl crate::venue::kraken::wire::object::Audit for $name<'_> {
            fn audit(&self, note: &mut dyn FnMut(&str)) {
                for key in &self.unknown {
                    note(key);
                }
                $(crate::venue::kraken::wire::object::Audit::audit(&self.$field, note);)+
            }
        }

        impl crate::venue::kraken::wire::object::Field for $name<'_> {}
    };
}
pub(in super::super) use object;

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

impl<T: Audit> Audit for Option<T> {
    fn audit(&self, note: &mut dyn FnMut(&str)) {
        if let Some(value) = self {
            value.audit(note);
        }
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

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Borrow<'a> {
            type Value = Text<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow(PhantomData))
    }
}

/// A number in its literal digits; some are sent as strings, and both forms are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
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
            .map(Self)
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
            "name" => name: Text<'a>,
            /// A number.
            "type" => kind: Option<Number>,
            /// More.
            "rows" => rows: Option<Vec<Row<'a>>>,
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
            assert_eq!(number.0.to_string(), want);
        }
        for text in ["0E-60", "1.5000000000000000000000000000000000"] {
            assert!(serde_json::from_str::<Number>(text).is_ok(), "{text}");
        }
        for text in ["\"\"", "\"a\"", "{}", "[]", "null", "\"1.\""] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }
}
