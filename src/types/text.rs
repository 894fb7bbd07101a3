//! Names and ids: short ASCII texts, stored in place, copied freely, ordered by their bytes.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// An ASCII text of at most `N` bytes, without allocation.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InlineText<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

/// A text that does not fit: too long, empty, or not printable ASCII.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a printable ASCII text of 1 to {0} characters")]
pub struct TextTooLong(usize);

/// A venue's text for an instrument, in its modern spelling: `BTC/USD`.
pub type Symbol = InlineText<24>;
/// An asset's modern code: `BTC`, `USD`.
pub type AssetCode = InlineText<16>;
/// The client's id of an order. Ours are at most 18 characters; other clients' may be UUIDs.
pub type ClOrdId = InlineText<36>;
/// The venue's id of an order.
pub type OrderId = InlineText<24>;
/// The venue's id of one fill of one of our orders. Unique; the public trade number is another thing.
pub type ExecId = InlineText<24>;

impl<const N: usize> InlineText<N> {
    /// Takes a text of 1 to `N` printable ASCII characters.
    ///
    /// # Errors
    ///
    /// Every other text.
    pub fn new(text: &str) -> Result<Self, TextTooLong> {
        let mut bytes = [0; N];
        let fits = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let (Some(target), true, Ok(length)) =
            (bytes.get_mut(..text.len()), fits, u8::try_from(text.len()))
        else {
            return Err(TextTooLong(N));
        };
        target.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length })
    }

    /// As much of a text as fits: cut at `N` bytes, every byte that is not printable ASCII as `?`, nothing as `-`.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let mut bytes = [0; N];
        let mut length = 0;
        let text = if text.is_empty() { "-" } else { text };
        for (slot, byte) in bytes.iter_mut().zip(text.bytes()).take(255) {
            *slot = if byte.is_ascii_graphic() || byte == b' ' {
                byte
            } else {
                b'?'
            };
            length += 1;
        }
        Self { bytes, length }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The bytes of the text. Costs less than the text, whose encoding is proven each time.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl<const N: usize> Deref for InlineText<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> Borrow<str> for InlineText<N> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> FromStr for InlineText<N> {
    type Err = TextTooLong;

    fn from_str(text: &str) -> Result<Self, TextTooLong> {
        Self::new(text)
    }
}

impl<const N: usize> fmt::Display for InlineText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for InlineText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for InlineText<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for InlineText<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_do_not_fit_are_refused() {
        assert!(AssetCode::new("").is_err());
        assert!(AssetCode::new("seventeen letters").is_err());
        assert!(AssetCode::new("caf\u{e9}").is_err());
        assert!(AssetCode::new("a\nb").is_err());
        assert_eq!(AssetCode::new("BTC").unwrap().as_str(), "BTC");
    }
}
