//! Price, quantity and their product, as integers whose unit the instrument fixes.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Decimal;

/// Price of one unit of base, in quote, in units of 10^-`price_precision` of its instrument. Always positive.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Price(i64);

/// An amount of base, in units of 10^-`qty_precision` of its instrument. Never negative; zero removes a book level.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Quantity(i64);

/// Price times quantity, in quote, in units of 10^-(`price_precision` + `qty_precision`). Never negative.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Notional(i128);

/// A number outside what its type holds.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("number out of range")]
pub struct OutOfRange;

impl Price {
    /// A price from its count of units.
    ///
    /// # Errors
    ///
    /// Zero and below.
    pub const fn new(units: i64) -> Result<Self, OutOfRange> {
        if units > 0 {
            Ok(Self(units))
        } else {
            Err(OutOfRange)
        }
    }

    /// The count of units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// What `quantity` costs at this price, exactly. Two 63-bit factors always fit.
    #[must_use]
    pub fn notional(self, quantity: Quantity) -> Notional {
        Notional(i128::from(self.0) * i128::from(quantity.0))
    }

    /// This price moved by a signed count of units.
    ///
    /// # Errors
    ///
    /// A result of zero or below, or beyond the range.
    pub fn shifted(self, units: i64) -> Result<Self, OutOfRange> {
        self.0
            .checked_add(units)
            .ok_or(OutOfRange)
            .and_then(Self::new)
    }

    /// The largest multiple of `tick` that is not above.
    ///
    /// # Errors
    ///
    /// When that is zero.
    pub const fn rounded_down_to(self, tick: Self) -> Result<Self, OutOfRange> {
        Self::new(self.0 - self.0 % tick.0)
    }

    /// The smallest multiple of `tick` that is not below.
    ///
    /// # Errors
    ///
    /// When that does not fit.
    pub fn rounded_up_to(self, tick: Self) -> Result<Self, OutOfRange> {
        match self.0 % tick.0 {
            0 => Ok(self),
            rest => self.shifted(tick.0 - rest),
        }
    }

    /// Whether this is a whole multiple of `tick`.
    #[must_use]
    pub const fn is_multiple_of(self, tick: Self) -> bool {
        self.0 % tick.0 == 0
    }
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A quantity from its count of units.
    ///
    /// # Errors
    ///
    /// Below zero.
    pub const fn new(units: i64) -> Result<Self, OutOfRange> {
        if units >= 0 {
            Ok(Self(units))
        } else {
            Err(OutOfRange)
        }
    }

    /// The count of units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// When it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_add(other.0).map(Self).ok_or(OutOfRange)
    }

    /// The difference.
    ///
    /// # Errors
    ///
    /// When `other` is the larger.
    pub fn checked_sub(self, other: Self) -> Result<Self, OutOfRange> {
        self.0
            .checked_sub(other.0)
            .ok_or(OutOfRange)
            .and_then(Self::new)
    }

    /// The difference, or nothing when `other` is the larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// The largest multiple of `lot` that is not above. A lot of zero counts as one unit.
    #[must_use]
    pub const fn rounded_down_to(self, lot: Self) -> Self {
        if lot.0 == 0 {
            self
        } else {
            Self(self.0 - self.0 % lot.0)
        }
    }
}

impl Notional {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A notional from its count of units.
    ///
    /// # Errors
    ///
    /// Below zero.
    pub const fn new(units: i128) -> Result<Self, OutOfRange> {
        if units >= 0 {
            Ok(Self(units))
        } else {
            Err(OutOfRange)
        }
    }

    /// The count of units.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// When it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_add(other.0).map(Self).ok_or(OutOfRange)
    }

    /// The difference.
    ///
    /// # Errors
    ///
    /// When it does not fit 128 bits.
    pub fn checked_sub(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_sub(other.0).map(Self).ok_or(OutOfRange)
    }

    /// The same amount as a decimal; `scale` is the instrument's `price_precision + qty_precision`.
    ///
    /// # Errors
    ///
    /// A scale that no decimal carries.
    pub fn to_decimal(self, scale: u8) -> Result<Decimal, OutOfRange> {
        Decimal::new(self.0, scale).map_err(|_overflow| OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_tick_and_lot_goes_where_its_name_says() {
        let (price, tick) = (Price::new(1_234_567).unwrap(), Price::new(50).unwrap());
        assert_eq!(price.rounded_down_to(tick), Price::new(1_234_550));
        assert_eq!(price.rounded_up_to(tick), Price::new(1_234_600));
        assert_eq!(
            Price::new(49).unwrap().rounded_down_to(tick),
            Err(OutOfRange)
        );
        assert_eq!(
            Price::new(i64::MAX).unwrap().rounded_up_to(tick),
            Err(OutOfRange)
        );
        assert_eq!(
            Quantity::new(1_099)
                .unwrap()
                .rounded_down_to(Quantity::new(100).unwrap())
                .units(),
            1_000
        );
    }

    #[test]
    fn the_largest_price_times_the_largest_quantity_fits() {
        let (price, quantity) = (
            Price::new(i64::MAX).unwrap(),
            Quantity::new(i64::MAX).unwrap(),
        );
        assert_eq!(
            price.notional(quantity).units(),
            i128::from(i64::MAX) * i128::from(i64::MAX)
        );
        assert_eq!(
            Notional(i128::MAX).checked_add(Notional(1)),
            Err(OutOfRange)
        );
    }

    #[test]
    fn shib_sized_quantities_and_btc_sized_prices_fit_exactly() {
        let shib = super::super::digits::fixed(b"10000000000000.12345", 5).unwrap();
        assert_eq!(
            Quantity::new(shib).unwrap().units(),
            1_000_000_000_000_012_345
        );
        let btc = super::super::digits::fixed(b"123456789.123456789", 9).unwrap();
        assert_eq!(Price::new(btc).unwrap().units(), 123_456_789_123_456_789);
    }
}
