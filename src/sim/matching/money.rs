//! What an order costs, pays and holds.
//!
//! For: every sum of money in the engine, at the digits of its asset.
//! Left out: whose money it is, and which rate its fee has.
//! Always true: what moves is rounded toward zero and what is held away from zero, so a hold covers every fill of its order, however it is cut up.

use super::{FeeCurrency, FeeTier, OrderKind, OrderState, PairSpec, Start, Universe};
use crate::types::{AssetCode, Decimal, InvalidDecimal, Price, Quantity, Side};

/// An asset with the digits of its ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub(super) code: AssetCode,
    pub(super) decimals: u8,
}

/// A pair's money rules, looked up once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) base: Asset,
    pub(super) quote: Asset,
    /// The highest rates of the schedule: volume may be gone when an order fills.
    maker: Decimal,
    taker: Decimal,
    qty_precision: u8,
    notional_scale: u8,
    cost_precision: u8,
}

impl Terms {
    pub(super) fn new(universe: &Universe, pair: &PairSpec) -> Self {
        let instrument = &pair.instrument;
        let asset = |code: AssetCode, otherwise| Asset {
            code,
            decimals: universe
                .asset(&code)
                .map_or(otherwise, |asset| asset.decimals),
        };
        let highest = |rate: fn(&FeeTier) -> Decimal| pair.fees.iter().map(rate).max();
        Self {
            base: asset(instrument.base, instrument.qty_precision),
            quote: asset(instrument.quote, instrument.cost_precision),
            maker: highest(|step| step.maker).unwrap_or(instrument.fees.maker),
            taker: highest(|step| step.taker).unwrap_or(instrument.fees.taker),
            qty_precision: instrument.qty_precision,
            notional_scale: instrument.notional_scale(),
            cost_precision: instrument.cost_precision,
        }
    }

    /// Price × quantity at the pair's cost precision, as fills tell it. The ledger may keep fewer digits.
    pub(super) fn cost(&self, price: Price, qty: Quantity) -> Decimal {
        self.notional(price, qty)
            .and_then(|exact| exact.rounded_toward_zero(self.cost_precision))
            .unwrap_or(Decimal::ZERO)
    }

    /// Price × quantity, exactly.
    ///
    /// # Errors
    ///
    /// When the digits do not fit.
    pub(super) fn notional(&self, price: Price, qty: Quantity) -> Result<Decimal, InvalidDecimal> {
        Decimal::new(price.notional(qty).units(), self.notional_scale)
    }

    /// The fee on a cost at a rate, at the pair's cost precision.
    pub(super) fn fee(&self, cost: Decimal, rate: Decimal) -> Decimal {
        cost.checked_mul(rate)
            .and_then(|exact| exact.rounded_toward_zero(self.cost_precision))
            .unwrap_or(Decimal::ZERO)
    }

    /// The same fee in base, in the digits of its ledger.
    pub(super) fn base_fee(&self, qty: Quantity, rate: Decimal) -> Decimal {
        self.base_amount(qty)
            .checked_mul(rate)
            .map_or(Decimal::ZERO, |exact| booked(exact, self.base))
    }

    /// A quantity of base, exactly.
    pub(super) fn base_amount(&self, qty: Quantity) -> Decimal {
        Decimal::new(i128::from(qty.units()), self.qty_precision).unwrap_or(Decimal::ZERO)
    }

    /// What an open order keeps back.
    ///
    /// # Errors
    ///
    /// When the sum does not fit.
    pub(super) fn hold(&self, order: &OrderState) -> Result<(AssetCode, Decimal), InvalidDecimal> {
        let remaining = order.qty.saturating_sub(order.filled);
        let waiting = order.conditions.trigger.filter(|_| order.is_waiting());
        match (order.side, order.kind, waiting) {
            // A market order is over before anyone else acts, unless it waits for its price or its time.
            (_, OrderKind::Market, None) if !order.is_pending() => {
                Ok((self.quote.code, Decimal::ZERO))
            }
            (Side::Buy, OrderKind::Market, None) => {
                let cost = match (order.conditions.cash, order.conditions.start) {
                    (Some(cash), _) => cash,
                    (
                        None,
                        Some(Start {
                            price: Some(price), ..
                        }),
                    ) => self.notional(price, remaining)?,
                    (None, _) => Decimal::ZERO,
                };
                Ok((self.quote.code, self.quote_hold(order, cost)?))
            }
            (Side::Buy, OrderKind::Market, Some(trigger)) => {
                let cost = self.notional(trigger.price, remaining)?;
                Ok((self.quote.code, self.quote_hold(order, cost)?))
            }
            (Side::Sell, OrderKind::Market | OrderKind::Limit(_), _) => {
                Ok((self.base.code, self.base_hold(order, remaining)?))
            }
            (Side::Buy, OrderKind::Limit(price), _) => {
                let cost = self.notional(price, remaining)?;
                Ok((self.quote.code, self.quote_hold(order, cost)?))
            }
        }
    }

    /// What selling `qty` of an order keeps back: that, and the highest fee that may come on top.
    ///
    /// # Errors
    ///
    /// When the sum does not fit.
    pub(super) fn base_hold(
        &self,
        order: &OrderState,
        qty: Quantity,
    ) -> Result<Decimal, InvalidDecimal> {
        let fee = self.highest_fee(order, FeeCurrency::Base);
        with_fee(self.base_amount(qty), fee)?.rounded_away_from_zero(self.base.decimals)
    }

    /// What buying for `cost` with an order keeps back: the cost, and the highest fee that may come on top.
    ///
    /// # Errors
    ///
    /// When the sum does not fit.
    pub(super) fn quote_hold(
        &self,
        order: &OrderState,
        cost: Decimal,
    ) -> Result<Decimal, InvalidDecimal> {
        let fee = self.highest_fee(order, FeeCurrency::Quote);
        with_fee(cost, fee)?.rounded_away_from_zero(self.quote.decimals)
    }

    /// The highest rate that an order may have to pay in a currency.
    fn highest_fee(&self, order: &OrderState, currency: FeeCurrency) -> Decimal {
        if order.conditions.fee_in != currency {
            return Decimal::ZERO;
        }
        let highest = if order.post_only {
            self.maker
        } else {
            self.maker.max(self.taker)
        };
        highest.max(Decimal::ZERO)
    }
}

fn with_fee(amount: Decimal, rate: Decimal) -> Result<Decimal, InvalidDecimal> {
    amount.checked_add(amount.checked_mul(rate)?)
}

/// An amount as the ledger books it.
pub(super) fn booked(amount: Decimal, asset: Asset) -> Decimal {
    amount
        .rounded_toward_zero(asset.decimals)
        .unwrap_or(Decimal::ZERO)
}

/// A sum of amounts that are known to fit: all of them passed [`Terms::hold`] or lie in an account.
pub(super) fn sum(left: Decimal, right: Decimal) -> Decimal {
    left.checked_add(right).unwrap_or(left)
}
