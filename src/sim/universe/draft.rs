//! A pair in the making: what a file or the generator says of it, checked into what the exchange needs.

use crate::{
    sim::matching::{AssetSpec, FeeTier, PairSpec},
    types::{AssetCode, Decimal, Fees, Instrument, Price, Quantity, Symbol, TradingStatus},
};

/// Fewest ticks in an opening price, so that there is room for a book below it.
const LEAST_TICKS: f64 = 500.0;

/// What is known of a pair.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Modern codes.
    pub(super) base: String,
    pub(super) quote: String,
    /// REST id, altname, `wsname`.
    pub(super) names: [String; 3],
    pub(super) price_precision: u8,
    pub(super) tick: Decimal,
    pub(super) qty_precision: u8,
    pub(super) lot: Decimal,
    pub(super) qty_min: Decimal,
    pub(super) cost_precision: u8,
    pub(super) cost_min: Decimal,
    /// By volume ascending, from zero.
    pub(super) fees: Vec<FeeTier>,
    pub(super) status: TradingStatus,
}

impl Draft {
    /// The pair, opening at about a price in quote; none if something about it does not fit.
    pub(super) fn listed(self, opening: f64) -> Option<PairSpec> {
        let units = |value: Decimal, scale| i64::try_from(value.mantissa_at(scale)?).ok();
        let qty = |value| Quantity::new(units(value, self.qty_precision)?).ok();
        let tick = Price::new(units(self.tick, self.price_precision)?).ok()?;
        let entry = self.fees.first()?;
        let [rest_id, altname, wsname] = self.names;
        Some(PairSpec {
            opening_price: on_grid(opening, tick, self.price_precision)?,
            instrument: Instrument {
                symbol: Symbol::new(&format!("{}/{}", self.base, self.quote)).ok()?,
                base: AssetCode::new(&self.base).ok()?,
                quote: AssetCode::new(&self.quote).ok()?,
                price_precision: self.price_precision,
                tick,
                qty_precision: self.qty_precision,
                lot: qty(self.lot).filter(|lot| !lot.is_zero())?,
                qty_min: qty(self.qty_min)?,
                cost_precision: self.cost_precision,
                cost_min: self.cost_min,
                fees: Fees {
                    maker: entry.maker,
                    taker: entry.taker,
                },
                status: self.status,
            },
            rest_id,
            altname,
            wsname,
            fees: self.fees,
        })
    }

    /// The same with a tick of five of its last digit.
    pub(super) fn coarse(self) -> Option<Self> {
        let five = Decimal::new(5, 0).ok()?;
        let tick = self.tick.checked_mul(five).ok()?;
        Some(Self { tick, ..self })
    }
}

/// A price in whole ticks with about five digits, enough ticks above zero.
fn on_grid(price: f64, tick: Price, precision: u8) -> Option<Decimal> {
    let ticks = price * 10_f64.powi(i32::from(precision)) / tick.units() as f64;
    let ticks = ticks.max(LEAST_TICKS);
    let coarse = 10_f64.powf((ticks.log10() - 5.0).floor().max(0.0));
    let ticks = (ticks / coarse).round() * coarse;
    // Beyond this a book of the pair would not fit its integers.
    (ticks < 1e12).then_some(())?;
    let units = (ticks as i64).checked_mul(tick.units())?;
    Decimal::new(i128::from(units), precision).ok()
}

/// An asset with the digits that most have.
pub(super) fn usual_asset(code: AssetCode, rest_id: String, altname: String) -> AssetSpec {
    let (decimals, display_decimals) = if super::names::is_fiat(&code) {
        (4, 2)
    } else {
        (10, 5)
    };
    AssetSpec {
        code,
        rest_id,
        altname,
        decimals,
        display_decimals,
    }
}
