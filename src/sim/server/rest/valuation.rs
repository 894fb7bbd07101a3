//! What one asset is worth in another, by the last prices of this venue; where it lists no pair of them, by opening prices that it knows.

use std::sync::LazyLock;

use crate::{
    sim::matching::{Exchange, PairId, PairSpec, Universe},
    types::Decimal,
};

/// What can be listed.
static KNOWN: LazyLock<Universe> = LazyLock::new(Universe::default_universe);

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
    let listed = (0..).map(PairId).zip(&exchange.universe().pairs);
    let listed = listed.map(|(id, pair)| (pair, Some(id)));
    let known = KNOWN.pairs.iter().map(|pair| (pair, None));
    listed.chain(known).find_map(|(pair, id)| {
        let instrument = &pair.instrument;
        let price = || price(exchange, id, pair);
        match (instrument.base.as_str(), instrument.quote.as_str()) {
            names if names == (from, to) => Some(price()),
            names if names == (to, from) => one.divided_toward_zero(price(), DIGITS).ok(),
            _ => None,
        }
    })
}

/// The last price, or the opening price before the first trade.
fn price(exchange: &Exchange, id: Option<PairId>, pair: &PairSpec) -> Decimal {
    let last = id.and_then(|id| exchange.last_price(id));
    last.map_or(pair.opening_price, |price| {
        pair.instrument.price_decimal(price)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::matching::Rules;

    #[test]
    fn what_is_not_listed_is_worth_its_opening_price() {
        let mut universe = Universe::default_universe();
        universe.pairs.truncate(1);
        let exchange = Exchange::new(universe, Rules::default());
        let rate = |from, to| rate(&exchange, from, to).map(|rate| rate.to_string());
        assert_eq!(rate("EUR", "USD").as_deref(), Some("1.05"));
        assert_eq!(rate("DOGE", "USD").as_deref(), Some("0.36"));
        assert_eq!(rate("EUR", "BTC").unwrap()[..10], *"0.00001082");
        assert_eq!(rate("NOSUCH", "USD"), None);
    }
}
