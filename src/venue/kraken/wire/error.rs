//! Why a frame is no message.

use std::fmt;

use thiserror::Error;

use crate::types::InvalidDigits;

/// A frame that is no message: where, and why. The connection is none the worse for it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{why} at byte {at}")]
pub struct DecodeError {
    /// Offset into the frame, in bytes.
    pub at: usize,
    /// What is wrong there.
    pub why: Why,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// Not UTF-8: a binary frame.
    NotText,
    /// Other than what JSON, or this message, has there.
    Expected(&'static str),
    /// Nested deeper than any message.
    TooDeep,
    /// A key twice in one object.
    Twice(&'static str),
    /// A key that the message must have.
    Missing(&'static str),
    /// A number that does not fit.
    Number {
        /// Its key.
        field: &'static str,
        /// What is wrong with it.
        source: InvalidDigits,
    },
    /// A price of zero.
    ZeroPrice,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::Twice(field) => write!(f, "second `{field}`"),
            Self::Missing(field) => write!(f, "no `{field}`"),
            Self::Number { field, source } => write!(f, "`{field}`: {source}"),
            Self::ZeroPrice => f.write_str("price is zero"),
        }
    }
}
