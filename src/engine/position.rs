//! Positions: the net of our fills, as cash flows, so that nothing is ever divided or rounded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Fill;
use crate::types::{AssetCode, Decimal, Instrument, InvalidDecimal, Price, Quantity, Side, digits};

/// What our fills of one instrument add up to since the journal began.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Position {
    /// Base bought less base sold, in quantity units. Negative is short of where we began.
    base: i128,
    /// Quote received less quote paid, fees apart.
    quote: Option<Decimal>,
    /// Fees, each in its asset.
    fees: BTreeMap<AssetCode, Decimal>,
    /// Fills counted.
    fills: u64,
}

impl Position {
    /// Counts a fill.
    ///
    /// # Errors
    ///
    /// Sums beyond 38 digits; nothing is counted then.
    pub fn apply(&mut self, side: Side, qty: Quantity, fill: &Fill) -> Result<(), InvalidDecimal> {
        let units = i128::from(qty.units());
        let (base, cash) = match side {
            Side::Buy => (units, fill.cost.negated()),
            Side::Sell => (-units, fill.cost),
        };
        let quote = self.cash().checked_add(cash)?;
        let mut fees = self.fees.clone();
        for (asset, fee) in &fill.fees {
            let sum = fees
                .get(asset)
                .copied()
                .unwrap_or(Decimal::ZERO)
                .checked_add(*fee)?;
            fees.insert(*asset, sum);
        }
        self.base += base;
        self.quote = Some(quote);
        self.fees = fees;
        self.fills += 1;
        Ok(())
    }

    /// Moves the net base to the units of a new precision. `None` if that is not exact.
    pub(super) fn rescale(&mut self, from: u8, to: u8) -> Option<()> {
        self.base = digits::rescale_exact(self.base, i32::from(from), i32::from(to)).ok()?;
        Some(())
    }

    /// Net base, in quantity units of the instrument.
    #[must_use]
    pub const fn base_units(&self) -> i128 {
        self.base
    }

    /// Net base as a decimal.
    #[must_use]
    pub fn base(&self, instrument: &Instrument) -> Decimal {
        Decimal::new(self.base, instrument.qty_precision).unwrap_or(Decimal::ZERO)
    }

    /// Quote received less quote paid, fees apart.
    #[must_use]
    pub fn cash(&self) -> Decimal {
        self.quote.unwrap_or(Decimal::ZERO)
    }

    /// Fees by asset.
    #[must_use]
    pub const fn fees(&self) -> &BTreeMap<AssetCode, Decimal> {
        &self.fees
    }

    /// Fills counted.
    #[must_use]
    pub const fn fills(&self) -> u64 {
        self.fills
    }

    /// Profit or loss in quote if the net base were valued at `mark`, after fees paid in quote.
    ///
    /// # Errors
    ///
    /// Sums beyond 38 digits.
    pub fn pnl(&self, instrument: &Instrument, mark: Price) -> Result<Decimal, InvalidDecimal> {
        let value = self
            .base(instrument)
            .checked_mul(instrument.price_decimal(mark))?;
        let fees = self
            .fees
            .get(&instrument.quote)
            .copied()
            .unwrap_or(Decimal::ZERO);
        self.cash().checked_add(value)?.checked_sub(fees)
    }
}
