//! What is traded: names, precisions, minimums, fees.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{AssetCode, Decimal, InvalidDigits, Price, Quantity, Symbol, digits};

/// Position of an instrument in the list that a run was started with. Stable for the run, not beyond.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// The position, for indexing.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the venue lets one do with an instrument.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum TradingStatus {
    /// Everything.
    Online,
    /// Cancels only.
    CancelOnly,
    /// Post-only limit orders and cancels; nothing matches.
    PostOnly,
    /// Limit orders and cancels.
    LimitOnly,
    /// Only what makes a position smaller.
    ReduceOnly,
    /// Nothing, cancels included.
    Maintenance,
    /// Not tradable: delisted, or a status this program does not know.
    Closed,
    /// Listed, and not tradable yet.
    InProgress,
}

/// Fee rates as fractions of the notional: 0.0025 is 0.25 %. A maker rate may be a rebate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fees {
    /// For orders that rested.
    pub maker: Decimal,
    /// For orders that crossed.
    pub taker: Decimal,
}

/// A tradable pair and the rules its orders must keep.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Instrument {
    /// The venue's text for it, modern spelling.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetCode,
    /// What is paid with.
    pub quote: AssetCode,
    /// Fraction digits of a price on the wire and in the book checksum.
    pub price_precision: u8,
    /// Smallest step between two prices of orders. Can be coarser than 10^-`price_precision`.
    pub tick: Price,
    /// Fraction digits of a quantity.
    pub qty_precision: u8,
    /// Smallest step between two quantities of orders.
    pub lot: Quantity,
    /// Least quantity of an order.
    pub qty_min: Quantity,
    /// Fraction digits of costs and fees in quote.
    pub cost_precision: u8,
    /// Least price × quantity of an order, in quote.
    pub cost_min: Decimal,
    /// Fee rates.
    pub fees: Fees,
    /// What the venue allows at present.
    pub status: TradingStatus,
}

/// Digits that are no price of this instrument.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidPrice {
    /// The digits do not fit the precision.
    #[error("price {0}")]
    Digits(#[from] InvalidDigits),
    /// Prices are above zero.
    #[error("price is zero")]
    Zero,
}

/// Digits that are no quantity of this instrument.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("quantity {0}")]
pub struct InvalidQuantity(#[from] InvalidDigits);

impl Instrument {
    /// Reads a price from the wire's digits, exactly.
    ///
    /// # Errors
    ///
    /// Zero, negative, too precise and too large numbers are refused. (The tick is checked on our own orders only.)
    #[inline]
    pub fn price(&self, text: &str) -> Result<Price, InvalidPrice> {
        let units = digits::fixed(text.as_bytes(), self.price_precision)?;
        Price::new(units).map_err(|_zero| InvalidPrice::Zero)
    }

    /// Reads a quantity from the wire's digits, exactly.
    ///
    /// # Errors
    ///
    /// Negative, too precise and too large numbers are refused.
    #[inline]
    pub fn quantity(&self, text: &str) -> Result<Quantity, InvalidQuantity> {
        let units = digits::fixed(text.as_bytes(), self.qty_precision)?;
        Quantity::new(units).map_err(|_negative| InvalidQuantity(InvalidDigits::Negative))
    }

    /// A price as a decimal with exactly `price_precision` fraction digits.
    #[must_use]
    pub fn price_decimal(&self, price: Price) -> Decimal {
        Decimal::new(i128::from(price.units()), self.price_precision).unwrap_or(Decimal::ZERO)
    }

    /// A quantity as a decimal with exactly `qty_precision` fraction digits.
    #[must_use]
    pub fn quantity_decimal(&self, quantity: Quantity) -> Decimal {
        Decimal::new(i128::from(quantity.units()), self.qty_precision).unwrap_or(Decimal::ZERO)
    }

    /// Fraction digits of a [`Notional`](super::Notional) of this instrument.
    #[must_use]
    pub const fn notional_scale(&self) -> u8 {
        self.price_precision + self.qty_precision
    }
}
