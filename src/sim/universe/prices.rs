//! What assets are worth when trading starts, where nobody says.
//!
//! Left out: accuracy. Prices of pairs that share assets agree; listings name no prices, but minimums are worth a few dollars.

use crate::sim::matching::Universe;

/// What a least order is worth, in dollars, as Kraken sets it.
pub(super) const LEAST_ORDER: f64 = 5.0;

/// Dollars for one unit of assets that the built-in list does not price.
const USD: &[(&str, f64)] = &[
    ("USD", 1.0),
    ("GBP", 1.25),
    ("CHF", 1.12),
    ("AUD", 0.63),
    ("CAD", 0.70),
    ("JPY", 0.006_5),
    ("AED", 0.272),
    ("DAI", 1.0),
    ("PYUSD", 1.0),
    ("TUSD", 1.0),
    ("EURT", 1.05),
    ("TBTC", 97_000.0),
    ("WBTC", 97_000.0),
    ("PAXG", 2_650.0),
    ("XMR", 200.0),
    ("XLM", 0.4),
    ("LINK", 21.0),
    ("DOT", 7.0),
    ("AVAX", 38.0),
    ("TRX", 0.25),
    ("ATOM", 6.5),
    ("ETC", 26.0),
    ("ZEC", 55.0),
];

/// Dollars for one unit of an asset, if they are known.
pub(super) fn known(builtin: &Universe, code: &str) -> Option<f64> {
    let table = USD.iter().find(|(asset, _)| *asset == code);
    let listed = || {
        let pair = builtin.find_symbol(&format!("{code}/USD"))?;
        let price = builtin.pair(pair)?.opening_price;
        price.to_string().parse().ok()
    };
    table.map(|(_, usd)| *usd).or_else(listed)
}
