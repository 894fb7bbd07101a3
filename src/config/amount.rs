//! Numbers that are written as text, so that not a digit is lost.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::types::Decimal;

/// An exact amount above zero: `"0.25"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount(Decimal);

/// A text that is no amount.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("not an amount above zero, such as \"0.25\"")]
pub struct InvalidAmount;

impl Amount {
    /// The value.
    #[must_use]
    pub const fn get(self) -> Decimal {
        self.0
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let value: Decimal = text.parse().map_err(|_malformed| InvalidAmount)?;
        if value.is_zero() || value.is_negative() {
            return Err(InvalidAmount);
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share from 0 % to 100 %, exact to a part in a million: `"0.05%"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Percent {
    ppm: u32,
}

/// A text that is no share.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("not a share from \"0%\" to \"100%\" with at most four decimals, such as \"0.05%\"")]
pub struct InvalidPercent;

impl Percent {
    /// A share of so many parts per million; 100 % if it is more.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Self {
        let ppm = if ppm > 1_000_000 { 1_000_000 } else { ppm };
        Self { ppm }
    }

    /// Parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.ppm
    }
}

impl FromStr for Percent {
    type Err = InvalidPercent;

    fn from_str(text: &str) -> Result<Self, InvalidPercent> {
        let digits = text.strip_suffix('%').ok_or(InvalidPercent)?;
        let units = crate::types::digits::fixed(digits.trim_end().as_bytes(), 4);
        let ppm = units.map_err(|_malformed| InvalidPercent)?;
        u32::try_from(ppm)
            .ok()
            .filter(|ppm| *ppm <= 1_000_000)
            .map(|ppm| Self { ppm })
            .ok_or(InvalidPercent)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.ppm / 10_000, self.ppm % 10_000);
        let rest = format!("{rest:04}");
        match rest.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            rest => write!(f, "{whole}.{rest}%"),
        }
    }
}

/// Reads a text and nothing else; a number without quotes is a wrong type.
pub(super) struct Text<T> {
    expecting: &'static str,
    marker: std::marker::PhantomData<T>,
}

impl<T> Text<T> {
    pub(super) const fn new(expecting: &'static str) -> Self {
        Self {
            expecting,
            marker: std::marker::PhantomData,
        }
    }
}

impl<T: FromStr> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse()
            .map_err(|_malformed| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

macro_rules! as_text {
    ($type:ty, $expecting:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text::<Self>::new($expecting))
            }
        }
    };
}
pub(super) use as_text;

as_text!(Amount, "an amount above zero in quotes, such as \"0.25\"");
as_text!(
    Percent,
    "a share in quotes with at most four decimals, such as \"0.05%\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_exact_and_read_as_they_are_written() {
        for (text, ppm) in [
            ("0%", 0),
            ("2%", 20_000),
            ("0.05%", 500),
            ("100%", 1_000_000),
        ] {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(percent.ppm(), ppm);
            assert_eq!(percent.to_string(), text);
        }
        for text in ["2", "0.00001%", "100.1%", "-1%", "%", "two%", ""] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_above_zero() {
        assert_eq!("59.94".parse::<Amount>().unwrap().to_string(), "59.94");
        for text in ["0", "0.00", "-1", "", "1,5", "x"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }
}
