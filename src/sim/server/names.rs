//! Spellings of pairs and assets on REST, and of statuses everywhere.
//!
//! For: which pair or asset a parameter means, and under which key the answer carries it.
//! Left out: pairs on the WebSocket, which knows modern symbols only.

use crate::{
    sim::matching::{AssetSpec, PairId, PairSpec, Universe},
    types::TradingStatus,
};

/// A status as the venue spells it.
#[must_use]
pub const fn status(status: TradingStatus) -> &'static str {
    match status {
        TradingStatus::Online => "online",
        TradingStatus::CancelOnly => "cancel_only",
        TradingStatus::PostOnly => "post_only",
        TradingStatus::LimitOnly => "limit_only",
        TradingStatus::ReduceOnly => "reduce_only",
        TradingStatus::Maintenance => "maintenance",
        TradingStatus::Closed => "delisted",
        TradingStatus::InProgress => "work_in_progress",
    }
}

/// A pair as a caller named it.
#[derive(Clone, Debug)]
pub struct NamedPair<'a> {
    /// Which.
    pub id: PairId,
    /// Its listing.
    pub spec: &'a PairSpec,
    /// Key of the answer: the caller's own text if that was a slash form, else the id.
    pub key: String,
}

/// The pair that a text means: id, alternative name, or slash form in either spelling.
#[must_use]
pub fn pair<'a>(universe: &'a Universe, name: &str) -> Option<NamedPair<'a>> {
    let id = universe.find_pair(name)?;
    let spec = universe.pair(id)?;
    let key = if name.contains('/') {
        name.to_owned()
    } else {
        spec.rest_id.clone()
    };
    Some(NamedPair { id, spec, key })
}

/// All pairs under their ids.
pub fn all_pairs(universe: &Universe) -> impl Iterator<Item = NamedPair<'_>> {
    let ids = (0..).map(PairId);
    ids.zip(&universe.pairs).map(|(id, spec)| NamedPair {
        id,
        spec,
        key: spec.rest_id.clone(),
    })
}

/// The asset that a text means: legacy code, alternative name, or modern code.
#[must_use]
pub fn asset<'a>(universe: &'a Universe, name: &str) -> Option<&'a AssetSpec> {
    universe
        .assets
        .iter()
        .find(|asset| asset.rest_id == name || asset.altname == name || asset.code.as_str() == name)
}

/// Legacy code of an asset given by its modern one; an asset that is not listed keeps the modern code.
#[must_use]
pub fn asset_id<'a>(universe: &'a Universe, code: &'a str) -> &'a str {
    universe
        .asset(code)
        .map_or(code, |asset| asset.rest_id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_its_pair_and_only_slash_forms_keep_theirs() {
        let universe = Universe::default_universe();
        for (name, key) in [
            ("XXBTZUSD", "XXBTZUSD"),
            ("XBTUSD", "XXBTZUSD"),
            ("XBT/USD", "XBT/USD"),
            ("BTC/USD", "BTC/USD"),
            ("DOGE/USD", "DOGE/USD"),
            ("XDGUSD", "XDGUSD"),
        ] {
            assert_eq!(pair(&universe, name).unwrap().key, key);
        }
        assert!(pair(&universe, "xbtusd").is_none());
        assert!(pair(&universe, "BTC-USD").is_none());
    }

    #[test]
    fn a_name_that_a_pair_has_goes_before_what_others_read_without_their_slash() {
        let mut universe = Universe::default_universe();
        assert_eq!(universe.find_pair("BTCUSD"), Some(PairId(0)));
        universe.pairs[1].altname = "BTCUSD".to_owned();
        assert_eq!(universe.find_pair("BTCUSD"), Some(PairId(1)));
    }

    #[test]
    fn assets_are_found_by_three_names_and_shown_by_the_oldest() {
        let universe = Universe::default_universe();
        for name in ["XXDG", "XDG", "DOGE"] {
            assert_eq!(asset(&universe, name).unwrap().code.as_str(), "DOGE");
        }
        assert_eq!(asset_id(&universe, "BTC"), "XXBT");
        assert_eq!(asset_id(&universe, "SOL"), "SOL");
        assert_eq!(asset_id(&universe, "NOPE"), "NOPE");
    }
}
