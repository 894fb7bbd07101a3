//! A pair as agents see it: prices in steps of a tick, sizes in dollars.
//!
//! Always true: every price that leaves is a multiple of the tick and every quantity one of the lot.

use super::{
    dice::Dice,
    profile::{self, Profile},
};
use crate::{
    sim::matching::{PairId, PairSpec, Universe},
    types::{AssetCode, Decimal, Price, Quantity},
};

/// A price counted in ticks of its pair.
pub(super) type Step = i64;

/// Share of the price that a ladder covers on each side, if that is enough ticks.
const LADDER_DEPTH: f64 = 0.008;
/// Fewest ticks that a ladder covers on each side.
const LADDER_TICKS: f64 = 200.0;
/// Share of sizes that are round, as people like them.
const ROUND_SIZES: f64 = 0.3;

/// What agents need to know of a pair.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) pair: PairId,
    pub(super) base: AssetCode,
    pub(super) quote: AssetCode,
    pub(super) profile: Profile,
    /// Price at which trading starts when nothing is known, in quote.
    pub(super) opening: f64,
    tick: i64,
    /// Price units in one unit of quote.
    price_scale: f64,
    lot: i64,
    least: i64,
    /// Quantity units that one dollar buys at the opening.
    qty_per_usd: f64,
}

impl Listing {
    pub(super) fn new(universe: &Universe, pair: PairId) -> Option<Self> {
        let spec = universe.pair(pair)?;
        let instrument = &spec.instrument;
        let quote_usd = usd(universe, &instrument.quote);
        let opening = float(spec.opening_price);
        let qty_scale = 10_f64.powi(i32::from(instrument.qty_precision));
        Some(Self {
            pair,
            base: instrument.base,
            quote: instrument.quote,
            profile: profile::of_pair(&instrument.symbol),
            opening,
            tick: instrument.tick.units(),
            price_scale: 10_f64.powi(i32::from(instrument.price_precision)),
            lot: instrument.lot.units().max(1),
            least: least(spec, qty_scale),
            qty_per_usd: qty_scale / (opening * quote_usd),
        })
    }

    /// The step at or below a price in quote.
    pub(super) fn step_of(&self, value: f64) -> Step {
        (value * self.price_scale / self.tick as f64).floor() as Step
    }

    pub(super) fn value(&self, step: Step) -> f64 {
        step as f64 * self.tick as f64 / self.price_scale
    }

    pub(super) const fn step(&self, price: Price) -> Step {
        price.units() / self.tick
    }

    /// The price of a step; none below the first.
    pub(super) fn price(&self, step: Step) -> Option<Price> {
        Price::new(step.checked_mul(self.tick)?).ok()
    }

    /// Steps between the middle and the quote nearest to it.
    pub(super) fn half_spread(&self, center: Step) -> Step {
        let spread = center as f64 * self.profile.spread_bp / 10_000.0;
        ((spread - 1.0).max(0.0) / 2.0).round() as Step
    }

    /// How much the price moves; bitcoin in dollars is 1.
    pub(super) fn volatility(&self) -> f64 {
        profile::volatility(&self.base).hypot(profile::volatility(&self.quote))
    }

    /// Steps that a ladder covers on each side.
    pub(super) fn depth(&self, center: Step) -> f64 {
        (center as f64 * LADDER_DEPTH).max(LADDER_TICKS)
    }

    /// A quantity worth about so many dollars, often a round one, never below the minimum.
    pub(super) fn size(&self, usd: f64, dice: &mut Dice) -> Quantity {
        let mut units = (usd * self.qty_per_usd).max(self.least as f64);
        if dice.chance(ROUND_SIZES) {
            let step = 10_f64.powf(units.log10().floor() - 1.0).max(1.0);
            units = (units / step).ceil() * step;
        }
        self.whole_lots(units as i64)
    }

    /// A quantity in whole lots, at least one.
    pub(super) fn whole_lots(&self, units: i64) -> Quantity {
        let lots = (units / self.lot).max(1);
        Quantity::new(lots.saturating_mul(self.lot)).unwrap_or(Quantity::ZERO)
    }
}

/// The least quantity that the venue takes, with room for the price to fall.
fn least(spec: &PairSpec, qty_scale: f64) -> i64 {
    let instrument = &spec.instrument;
    let by_cost = float(instrument.cost_min) / float(spec.opening_price) * qty_scale * 1.5;
    instrument.qty_min.units().max(by_cost.ceil() as i64)
}

/// Dollars for one unit of an asset at the opening; 1 if it has no market in dollars.
fn usd(universe: &Universe, asset: &str) -> f64 {
    universe
        .find_symbol(&format!("{asset}/USD"))
        .and_then(|pair| universe.pair(pair))
        .map_or(1.0, |spec| float(spec.opening_price))
}

/// A decimal as a float, for behavior only.
fn float(decimal: Decimal) -> f64 {
    decimal.mantissa() as f64 / 10_f64.powi(i32::from(decimal.scale()))
}
