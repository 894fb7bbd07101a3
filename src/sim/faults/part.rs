//! A part of an order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use crate::types::Decimal;

/// A fraction above 0 and up to 1, written as a text: `"0.5"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part(Decimal);

/// A text that is no part.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a part is a fraction above \"0\" and up to \"1\", as a text")]
pub struct InvalidPart;

impl Part {
    /// The fraction.
    #[must_use]
    pub const fn fraction(self) -> Decimal {
        self.0
    }
}

impl FromStr for Part {
    type Err = InvalidPart;

    fn from_str(text: &str) -> Result<Self, InvalidPart> {
        let fraction: Decimal = text.parse().map_err(|_malformed| InvalidPart)?;
        let one = Decimal::new(1, 0).map_err(|_impossible| InvalidPart)?;
        if fraction > Decimal::ZERO && fraction <= one {
            Ok(Self(fraction))
        } else {
            Err(InvalidPart)
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
