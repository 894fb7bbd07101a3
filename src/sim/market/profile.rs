//! How busy, deep and wide the market of a pair is, and how much an asset moves.
//!
//! Left out: prices and precisions, which are the universe's. Orders of magnitude are Kraken's of 2024 and 2025.

/// The character of one pair's market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    /// Share of all book updates, relative to other pairs.
    pub(super) weight: f64,
    /// Typical size of a quote at the best price, in USD.
    pub(super) touch_usd: f64,
    /// Typical spread in hundredths of a percent; never less than a tick.
    pub(super) spread_bp: f64,
    /// Makers with a ladder of their own.
    pub(super) makers: u16,
    /// Rungs on each side of a maker's ladder.
    pub(super) rungs: u16,
    /// Orders that each crowd of small traders has open on average, on both sides together.
    pub(super) crowd: usize,
    /// Orders that lie behind all others, on both sides together: what fills a book of 1000 levels.
    pub(super) sleepers: usize,
}

/// A market that few care for: what a pair has whose name says nothing.
const OBSCURE: Profile = Profile {
    weight: 0.1,
    touch_usd: 400.0,
    spread_bp: 12.0,
    makers: 2,
    rungs: 10,
    crowd: 10,
    sleepers: 0,
};

const fn profile(weight: f64, touch_usd: f64, spread_bp: f64) -> Profile {
    let busy = weight >= 10.0;
    Profile {
        weight,
        touch_usd,
        spread_bp,
        makers: if busy { 6 } else { 4 },
        rungs: if busy { 24 } else { 20 },
        crowd: 44,
        sleepers: if busy { 2_600 } else { 0 },
    }
}

/// The profile of a pair by its symbol. Kraken's large pairs have their own; all others are [`OBSCURE`].
pub(super) fn of_pair(symbol: &str) -> Profile {
    match symbol {
        "BTC/USD" => profile(30.0, 6_000.0, 0.0),
        "ETH/USD" => profile(20.0, 5_000.0, 0.05),
        "SOL/USD" => profile(12.0, 3_000.0, 0.5),
        "BTC/EUR" => profile(6.0, 4_000.0, 0.1),
        "XRP/USD" => profile(5.0, 2_500.0, 1.0),
        "ETH/EUR" | "DOGE/USD" => profile(4.0, 2_000.0, 1.5),
        "USDT/USD" => profile(4.0, 20_000.0, 0.1),
        "BTC/USDT" => profile(4.0, 3_000.0, 0.3),
        "ETH/BTC" | "ADA/USD" => profile(3.0, 2_000.0, 1.5),
        "EUR/USD" | "USDC/USD" => profile(2.0, 10_000.0, 0.5),
        "SHIB/USD" | "LTC/USD" | "BCH/EUR" => profile(2.0, 1_500.0, 3.0),
        _ => OBSCURE,
    }
}

/// How much an asset moves against the dollar; bitcoin is 1.
pub(super) fn volatility(asset: &str) -> f64 {
    match asset {
        "USD" => 0.0,
        "USDT" | "USDC" | "DAI" | "PYUSD" | "TUSD" | "USDG" | "USDS" | "RLUSD" | "USDD" => 0.03,
        "EUR" | "GBP" | "CHF" | "CAD" | "AUD" | "JPY" | "AED" | "EURT" | "EURQ" | "EURR" => 0.2,
        "BTC" => 1.0,
        "ETH" => 1.3,
        "LTC" | "BCH" => 1.4,
        "XRP" => 1.6,
        _ => 1.8,
    }
}

/// Whether an asset moves with the rest of the market.
pub(super) fn is_crypto(asset: &str) -> bool {
    volatility(asset) > 0.5
}
