//! Kraken's fee schedules (published, 2025).

use crate::{sim::matching::FeeTier, types::Decimal};

/// 30-day volume in USD, maker rate, taker rate; the rates in hundredths of a percent.
type FeeRow = (i128, i128, i128);

const SPOT_FEES: &[FeeRow] = &[
    (0, 25, 40),
    (10_000, 20, 35),
    (50_000, 14, 24),
    (100_000, 12, 22),
    (250_000, 8, 20),
    (500_000, 6, 18),
    (1_000_000, 4, 16),
    (2_500_000, 2, 14),
    (5_000_000, 0, 12),
    (10_000_000, 0, 10),
];

const STABLE_FEES: &[FeeRow] = &[
    (0, 20, 20),
    (50_000, 16, 16),
    (100_000, 12, 12),
    (250_000, 8, 8),
    (500_000, 4, 4),
    (1_000_000, 0, 0),
];

/// The schedule of most pairs.
pub(super) fn spot() -> Vec<FeeTier> {
    SPOT_FEES.iter().map(fee).collect()
}

/// The schedule of stablecoins and currencies.
pub(super) fn stable() -> Vec<FeeTier> {
    STABLE_FEES.iter().map(fee).collect()
}

/// The schedule of a pair by its assets.
pub(super) fn of(base: &str, quote: &str) -> Vec<FeeTier> {
    const STABLE: [&str; 6] = ["USDT", "USDC", "DAI", "PYUSD", "TUSD", "EURT"];
    let steady = |code: &str| STABLE.contains(&code) || super::names::is_fiat(code);
    if steady(base) && steady(quote) {
        stable()
    } else {
        spot()
    }
}

fn fee(&(volume, maker, taker): &FeeRow) -> FeeTier {
    let whole = |units, scale| Decimal::new(units, scale).unwrap_or(Decimal::ZERO);
    FeeTier {
        volume: whole(volume, 0),
        maker: whole(maker, 4),
        taker: whole(taker, 4),
    }
}
