//! What one asset is worth in another, by the last prices of this venue.

use crate::{
    sim::matching::{Exchange, PairId, PairSpec},
    types::Decimal,
};

/// Digits of a rate that has to be divided.
const DIGITS: u8 = 15;

/// Units of `to` for one unit of `from`: over one pair, or over the dollar. `None` where no pairs lead there.
pub(super) fn rate(exchange: &Exchange, from: &str, to: &str) -> Option<Decimal> {
    direct(exchange, from, to).or_else(|| {
        let (first, second) = (direct(exchange, from, "USD")?, direct(exchange, "USD", to)?);
        first
            .checked_mul(second)
            .ok()?
            .rounded_toward_zero(DIGITS)
            .ok()
    })
}

fn direct(exchange: &Exchange, from: &str, to: &str) -> Option<Decimal> {
    let one = Decimal::new(1, 0).ok()?;
    if from == to {
        return Some(one);
    }
    let pairs = (0..).map(PairId).zip(&exchange.universe().pairs);
    pairs.into_iter().find_map(|(id, pair)| {
        let instrument = &pair.instrument;
        match (instrument.base.as_str(), instrument.quote.as_str()) {
            names if names == (from, to) => Some(price(exchange, id, pair)),
            names if names == (to, from) => one
                .divided_toward_zero(price(exchange, id, pair), DIGITS)
                .ok(),
            _ => None,
        }
    })
}

/// The last price, or the opening price before the first trade.
fn price(exchange: &Exchange, id: PairId, pair: &PairSpec) -> Decimal {
    let last = exchange.last_price(id);
    last.map_or(pair.opening_price, |price| {
        pair.instrument.price_decimal(price)
    })
}
