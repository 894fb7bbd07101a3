//! What the simulated venue lists: assets, pairs, fee schedules.

use serde::{Deserialize, Serialize};

use crate::types::{AssetCode, Decimal, Instrument};

/// Position of a pair in [`Universe::pairs`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct PairId(pub u32);

/// An asset with its three spellings.
#[derive(Clone, Debug)]
pub struct AssetSpec {
    /// Modern code, used on the WebSocket: `BTC`.
    pub code: AssetCode,
    /// REST map key: `XXBT`.
    pub rest_id: String,
    /// REST alternative name: `XBT`.
    pub altname: String,
    /// Fraction digits of ledger and balances.
    pub decimals: u8,
    /// Fraction digits recommended for display.
    pub display_decimals: u8,
}

/// One step of a fee schedule: rates as fractions from a 30-day volume on.
#[derive(Clone, Copy, Debug)]
pub struct FeeTier {
    /// Least 30-day volume in USD.
    pub volume: Decimal,
    /// Maker rate; 0.0025 is 0.25 %.
    pub maker: Decimal,
    /// Taker rate.
    pub taker: Decimal,
}

/// A pair with its spellings and rules.
#[derive(Clone, Debug)]
pub struct PairSpec {
    /// Modern symbol, precisions, tick, lot, minimums, entry-tier fees, status.
    pub instrument: Instrument,
    /// REST map key: `XXBTZUSD`.
    pub rest_id: String,
    /// REST alternative name: `XBTUSD`.
    pub altname: String,
    /// REST `wsname`: `XBT/USD`.
    pub wsname: String,
    /// Fee schedule, by volume ascending; the first step starts at zero.
    pub fees: Vec<FeeTier>,
    /// Price at which trading starts when nothing is known, in quote.
    pub opening_price: Decimal,
}

impl PairSpec {
    /// Whether other venues' prices make an index of it: those of a coin in dollars or euros do, those of a coin in another coin
    /// and of what stands for a currency do not.
    #[must_use]
    pub fn has_index(&self) -> bool {
        const CURRENCIES: [&str; 9] = [
            "USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY", "USDT", "USDC",
        ];
        let Instrument { base, quote, .. } = &self.instrument;
        ["USD", "EUR"].contains(&quote.as_str()) && !CURRENCIES.contains(&base.as_str())
    }
}

/// Everything listed.
#[derive(Clone, Debug)]
pub struct Universe {
    /// All assets.
    pub assets: Vec<AssetSpec>,
    /// All pairs; [`PairId`] is the position.
    pub pairs: Vec<PairSpec>,
}

impl Universe {
    /// A pair by position.
    #[must_use]
    pub fn pair(&self, id: PairId) -> Option<&PairSpec> {
        self.pairs.get(id.0 as usize)
    }

    /// A pair by any of its spellings: modern symbol, REST id, altname, `wsname`; else by the modern symbol without its slash, which
    /// may read as another pair's name.
    #[must_use]
    pub fn find_pair(&self, name: &str) -> Option<PairId> {
        let is_named = |pair: &PairSpec| {
            pair.instrument.symbol.as_bytes() == name.as_bytes()
                || pair.rest_id == name
                || pair.altname == name
                || pair.wsname == name
        };
        let is_joined = |pair: &PairSpec| {
            let Instrument { base, quote, .. } = &pair.instrument;
            name.strip_prefix(base.as_str()) == Some(quote.as_str())
        };
        let named = self.pairs.iter().position(is_named);
        let position = named.or_else(|| self.pairs.iter().position(is_joined))?;
        u32::try_from(position).ok().map(PairId)
    }

    /// A pair by its modern symbol only, as the WebSocket wants it.
    #[must_use]
    pub fn find_symbol(&self, symbol: &str) -> Option<PairId> {
        let position = self
            .pairs
            .iter()
            .position(|pair| pair.instrument.symbol.as_bytes() == symbol.as_bytes())?;
        u32::try_from(position).ok().map(PairId)
    }

    /// An asset by its modern code.
    #[must_use]
    pub fn asset(&self, code: &str) -> Option<&AssetSpec> {
        self.assets
            .iter()
            .find(|asset| asset.code.as_bytes() == code.as_bytes())
    }
}
