//! Numbers of REST bodies, which come as text or as JSON numbers, to exact values.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::types::{Decimal, Timestamp};

/// An exact decimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amount(pub Decimal);

/// An instant in seconds since the epoch, with a fraction.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Seconds(pub Timestamp);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let digits = raw.get().trim_matches('"');
        digits.parse().map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Amount(seconds) = Amount::deserialize(deserializer)?;
        let nanos = seconds
            .rounded_toward_zero(9)
            .ok()
            .and_then(|nanos| i64::try_from(nanos.mantissa()).ok())
            .ok_or_else(|| de::Error::custom("instant out of range"))?;
        Ok(Self(Timestamp::from_nanos(nanos)))
    }
}

/// Displays an instant as whole seconds since the epoch, rounded down.
#[derive(Clone, Copy, Debug)]
pub struct WholeSeconds(pub Timestamp);

impl fmt::Display for WholeSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_read_alike_and_exactly() {
        for json in ["\"0.10\"", "0.10"] {
            let Amount(amount) = serde_json::from_str(json).unwrap();
            assert_eq!(amount.to_string(), "0.10");
        }
        assert!(serde_json::from_str::<Amount>("\"+5%\"").is_err());
        assert!(serde_json::from_str::<Amount>("null").is_err());
    }

    #[test]
    fn instants_keep_their_fraction() {
        let Seconds(at) = serde_json::from_str("1788249660.1234").unwrap();
        assert_eq!(at.as_nanos(), 1_788_249_660_123_400_000);
        let Seconds(at) = serde_json::from_str("1788249660.12345678901").unwrap();
        assert_eq!(at.as_nanos(), 1_788_249_660_123_456_789);
        assert!(serde_json::from_str::<Seconds>("1e30").is_err());
    }
}
