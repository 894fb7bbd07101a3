//! What the simulated venue lists: by default, from a file, and as many more as are wanted.
//!
//! For: names, precisions, minimums and fee schedules as Kraken publishes them (instrument list of 2025, fee schedule of 2025), at present-day prices.
//! Left out: margin, indexes, pairs of other venues. Always true: prices of pairs that share assets agree with each other.

mod draft;
mod extra;
mod fees;
pub(super) mod file;
mod names;
mod prices;

use std::path::Path;

use super::matching::{AssetSpec, PairSpec, Universe};
use crate::types::{AssetCode, Decimal, Fees, Instrument, Price, Quantity, Symbol, TradingStatus};

/// Modern code, REST id, REST altname, decimals, decimals for display.
type AssetRow = (&'static str, &'static str, &'static str, u8, u8);

const ASSETS: &[AssetRow] = &[
    ("USD", "ZUSD", "USD", 4, 2),
    ("EUR", "ZEUR", "EUR", 4, 2),
    ("BTC", "XXBT", "XBT", 10, 5),
    ("ETH", "XETH", "ETH", 10, 5),
    ("SOL", "SOL", "SOL", 10, 5),
    ("XRP", "XXRP", "XRP", 8, 5),
    ("DOGE", "XXDG", "XDG", 8, 2),
    ("SHIB", "SHIB", "SHIB", 5, 0),
    ("ADA", "ADA", "ADA", 8, 6),
    ("LTC", "XLTC", "LTC", 10, 5),
    ("BCH", "BCH", "BCH", 10, 5),
    ("USDT", "USDT", "USDT", 8, 4),
    ("USDC", "USDC", "USDC", 8, 4),
];

/// One listed pair, in the venue's words.
struct PairRow {
    symbol: &'static str,
    /// REST id, altname, `wsname`.
    names: [&'static str; 3],
    /// Digits of price, quantity, cost.
    digits: [u8; 3],
    /// Least quantity, least cost.
    least: [&'static str; 2],
    schedule: Schedule,
    opening: &'static str,
}

/// Which fee schedule a pair has.
#[derive(Clone, Copy)]
enum Schedule {
    Spot,
    /// Stablecoins and currencies.
    Stable,
}

const fn row(
    symbol: &'static str,
    names: [&'static str; 3],
    digits: [u8; 3],
    least: [&'static str; 2],
    opening: &'static str,
) -> PairRow {
    PairRow {
        symbol,
        names,
        digits,
        least,
        schedule: Schedule::Spot,
        opening,
    }
}

const fn stable(row: PairRow) -> PairRow {
    PairRow {
        schedule: Schedule::Stable,
        ..row
    }
}

#[rustfmt::skip]
const PAIRS: &[PairRow] = &[
    row("BTC/USD", ["XXBTZUSD", "XBTUSD", "XBT/USD"], [1, 8, 5], ["0.00005", "0.5"], "97000"),
    row("ETH/USD", ["XETHZUSD", "ETHUSD", "ETH/USD"], [2, 8, 5], ["0.002", "0.5"], "3400"),
    row("SOL/USD", ["SOLUSD", "SOLUSD", "SOL/USD"], [2, 8, 5], ["0.02", "0.5"], "190"),
    row("XRP/USD", ["XXRPZUSD", "XRPUSD", "XRP/USD"], [5, 8, 8], ["2", "0.5"], "2.4"),
    row("DOGE/USD", ["XDGUSD", "XDGUSD", "XDG/USD"], [7, 8, 9], ["13", "0.5"], "0.36"),
    row("SHIB/USD", ["SHIBUSD", "SHIBUSD", "SHIB/USD"], [8, 5, 5], ["200000", "0.5"], "0.0000245"),
    row("ADA/USD", ["ADAUSD", "ADAUSD", "ADA/USD"], [6, 8, 6], ["5", "0.5"], "0.95"),
    row("LTC/USD", ["XLTCZUSD", "LTCUSD", "LTC/USD"], [2, 8, 5], ["0.05", "0.5"], "104"),
    stable(row("USDT/USD", ["USDTZUSD", "USDTUSD", "USDT/USD"], [5, 8, 8], ["5", "0.5"], "0.9998")),
    stable(row("USDC/USD", ["USDCUSD", "USDCUSD", "USDC/USD"], [4, 8, 8], ["5", "0.5"], "1")),
    stable(row("EUR/USD", ["ZEURZUSD", "EURUSD", "EUR/USD"], [5, 8, 5], ["0.5", "0.5"], "1.05")),
    row("BTC/EUR", ["XXBTZEUR", "XBTEUR", "XBT/EUR"], [1, 8, 5], ["0.00005", "0.45"], "92380.9"),
    row("ETH/EUR", ["XETHZEUR", "ETHEUR", "ETH/EUR"], [2, 8, 5], ["0.002", "0.45"], "3238.09"),
    row("BCH/EUR", ["BCHEUR", "BCHEUR", "BCH/EUR"], [2, 8, 5], ["0.01", "0.45"], "430"),
    row("ETH/BTC", ["XETHXXBT", "ETHXBT", "ETH/XBT"], [5, 8, 10], ["0.002", "0.00002"], "0.03505"),
    row("BTC/USDT", ["XBTUSDT", "XBTUSDT", "XBT/USDT"], [1, 8, 5], ["0.00005", "0.5"], "97019.4"),
];

/// The pairs of a file, or those of the built-in list where the path is empty.
///
/// # Errors
///
/// When the file is no universe.
pub(super) fn known(file: &Path) -> Result<Universe, file::UniverseError> {
    let builtin = Universe::default_universe();
    if file.as_os_str().is_empty() {
        return Ok(builtin);
    }
    file::read(file, &builtin)
}

/// Lists so many pairs that do not exist.
pub(super) fn extend(universe: &mut Universe, count: u32, seed: u64) {
    extra::add(universe, count, seed);
}

/// Adds the assets that pairs have and the list has not.
fn complete(universe: &mut Universe) {
    let builtin = ASSETS.iter().map(asset);
    let builtin: Vec<AssetSpec> = builtin.collect();
    for pair in &universe.pairs {
        for code in [pair.instrument.base, pair.instrument.quote] {
            if universe.assets.iter().any(|asset| asset.code == code) {
                continue;
            }
            let known = builtin.iter().find(|asset| asset.code == code);
            let [altname, rest_id] = names::of_asset(&code).map(str::to_owned);
            let usual = || draft::usual_asset(code, rest_id, altname);
            universe.assets.push(known.cloned().unwrap_or_else(usual));
        }
    }
}

impl Universe {
    /// The default list of assets and pairs.
    #[must_use]
    pub fn default_universe() -> Self {
        Self {
            assets: ASSETS.iter().map(asset).collect(),
            pairs: PAIRS.iter().map(pair).collect(),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the table is constant and a test reads all of it"
)]
fn asset((code, rest_id, altname, decimals, display_decimals): &AssetRow) -> AssetSpec {
    AssetSpec {
        code: AssetCode::new(code).expect("asset code"),
        rest_id: (*rest_id).to_owned(),
        altname: (*altname).to_owned(),
        decimals: *decimals,
        display_decimals: *display_decimals,
    }
}

fn pair(row: &PairRow) -> PairSpec {
    let [rest_id, altname, wsname] = row.names.map(str::to_owned);
    let fees = match row.schedule {
        Schedule::Spot => fees::spot(),
        Schedule::Stable => fees::stable(),
    };
    PairSpec {
        instrument: instrument(row, &fees),
        rest_id,
        altname,
        wsname,
        fees,
        opening_price: decimal(row.opening),
    }
}

#[expect(
    clippy::expect_used,
    reason = "the table is constant and a test reads all of it"
)]
fn instrument(row: &PairRow, fees: &[super::matching::FeeTier]) -> Instrument {
    let (base, quote) = row.symbol.split_once('/').expect("symbol");
    let [price_precision, qty_precision, cost_precision] = row.digits;
    let [qty_min, cost_min] = row.least;
    let entry = fees.first().expect("fees");
    let least = decimal(qty_min).mantissa_at(qty_precision);
    Instrument {
        symbol: Symbol::new(row.symbol).expect("symbol"),
        base: AssetCode::new(base).expect("base"),
        quote: AssetCode::new(quote).expect("quote"),
        price_precision,
        tick: Price::new(1).expect("tick"),
        qty_precision,
        lot: Quantity::new(1).expect("lot"),
        qty_min: least
            .and_then(|units| i64::try_from(units).ok())
            .and_then(|units| Quantity::new(units).ok())
            .expect("least quantity"),
        cost_precision,
        cost_min: decimal(cost_min),
        fees: Fees {
            maker: entry.maker,
            taker: entry.taker,
        },
        status: TradingStatus::Online,
    }
}

#[expect(
    clippy::expect_used,
    reason = "the table is constant and a test reads all of it"
)]
fn decimal(text: &str) -> Decimal {
    text.parse().expect("decimal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_by_each_of_its_names_and_its_assets_are_listed() {
        let universe = Universe::default_universe();
        for (index, pair) in universe.pairs.iter().enumerate() {
            let instrument = &pair.instrument;
            let id = universe.find_symbol(&instrument.symbol).unwrap();
            assert_eq!(id.0 as usize, index);
            for name in [&pair.rest_id, &pair.altname, &pair.wsname] {
                assert_eq!(universe.find_pair(name), Some(id), "{name}");
            }
            assert!(universe.asset(&instrument.base).is_some());
            assert!(universe.asset(&instrument.quote).is_some());
            assert!(pair.fees.is_sorted_by(|a, b| a.volume < b.volume));
            assert_eq!(pair.fees[0].volume, Decimal::ZERO);
            let opening = pair
                .opening_price
                .rounded_toward_zero(instrument.price_precision);
            assert_eq!(opening.unwrap(), pair.opening_price);
        }
    }

    #[test]
    fn known_pairs_have_their_published_precisions() {
        let universe = Universe::default_universe();
        let digits = |symbol: &str| {
            let pair = universe
                .pair(universe.find_symbol(symbol).unwrap())
                .unwrap();
            let instrument = &pair.instrument;
            (instrument.price_precision, instrument.qty_precision)
        };
        assert_eq!(digits("BTC/USD"), (1, 8));
        assert_eq!(digits("ETH/USD"), (2, 8));
        assert_eq!(digits("SOL/USD"), (2, 8));
        assert_eq!(digits("SHIB/USD"), (8, 5));
        assert_eq!(
            universe.find_pair("XDG/USD"),
            universe.find_symbol("DOGE/USD")
        );
        assert_eq!(universe.asset("DOGE").unwrap().rest_id, "XXDG");
    }
}
