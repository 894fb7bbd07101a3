//! A universe from a file in Kraken's own format.
//!
//! For: the answer of `AssetPairs`, or the snapshot of the channel `instrument`, plain or zstd.
//! Left out: prices, which neither has; margin; what trades elsewhere or in the dark (`:BTNL`, `.d`). What the file does not say
//! is as it is for most pairs: no least cost, the spot fees, a tick of the last digit.
//! Always true: numbers are read from their digits; a pair that does not fit is left out and counted.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{
    draft::{Draft, usual_asset},
    fees, names, prices,
};
use crate::{
    io::lines,
    sim::matching::{AssetSpec, FeeTier, Universe},
    types::{AssetCode, Decimal, TradingStatus},
};

/// Why a file is no universe.
#[derive(Debug, Error)]
pub enum UniverseError {
    /// The file cannot be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{path}: neither an answer of AssetPairs nor a snapshot of instrument; save the whole answer, as JSON"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// No pair of the file can be listed.
    #[error("{path}: no pair that can be listed")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What is around the lists, if anything is.
#[derive(Deserialize)]
struct Envelope<'a> {
    /// Of a snapshot.
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    /// Of an answer.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Instruments {
    assets: Vec<Asset>,
    pairs: Vec<WsPair>,
}

#[derive(Deserialize)]
struct Asset {
    id: String,
    precision: u8,
    precision_display: u8,
}

#[derive(Deserialize)]
struct WsPair {
    base: String,
    quote: String,
    #[serde(default)]
    status: Status,
    price_precision: u8,
    price_increment: Exact,
    qty_precision: u8,
    qty_increment: Exact,
    qty_min: Exact,
    cost_precision: u8,
    cost_min: Option<Exact>,
}

#[derive(Deserialize)]
struct RestPair {
    altname: String,
    wsname: Option<String>,
    base: String,
    quote: String,
    pair_decimals: u8,
    lot_decimals: u8,
    cost_decimals: Option<u8>,
    tick_size: Option<Exact>,
    ordermin: Option<Exact>,
    costmin: Option<Exact>,
    #[serde(default)]
    fees: Vec<[Exact; 2]>,
    #[serde(default)]
    fees_maker: Vec<[Exact; 2]>,
    #[serde(default)]
    status: Status,
}

/// A number by its digits, in quotes or not.
#[derive(Clone, Copy)]
struct Exact(Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(from)?.get();
        let digits = text.trim_matches('"');
        digits.parse().map(Self).map_err(D::Error::custom)
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    #[default]
    Online,
    CancelOnly,
    PostOnly,
    LimitOnly,
    ReduceOnly,
    Maintenance,
    WorkInProgress,
    #[serde(other)]
    Closed,
}

impl From<Status> for TradingStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Online => Self::Online,
            Status::CancelOnly => Self::CancelOnly,
            Status::PostOnly => Self::PostOnly,
            Status::LimitOnly => Self::LimitOnly,
            Status::ReduceOnly => Self::ReduceOnly,
            Status::Maintenance => Self::Maintenance,
            Status::WorkInProgress => Self::InProgress,
            Status::Closed => Self::Closed,
        }
    }
}

/// Reads a universe.
pub(super) fn read(path: &Path, builtin: &Universe) -> Result<Universe, UniverseError> {
    let text = lines::read_to_string(path).map_err(|source| UniverseError::Read {
        path: path.to_owned(),
        source,
    })?;
    let (assets, drafts) = parse(&text).map_err(|source| UniverseError::Form {
        path: path.to_owned(),
        source,
    })?;
    let found = drafts.len();
    let pairs: Vec<_> = priced(drafts, builtin).collect();
    if pairs.is_empty() {
        return Err(UniverseError::Empty {
            path: path.to_owned(),
        });
    }
    tracing::info!(path = %path.display(), pairs = pairs.len(), left_out = found - pairs.len(), "universe read");
    let mut universe = Universe { assets, pairs };
    super::complete(&mut universe);
    Ok(universe)
}

fn parse(text: &str) -> Result<(Vec<AssetSpec>, Vec<Option<Draft>>), serde_json::Error> {
    let Envelope { data, result } = serde_json::from_str(text)?;
    if let Some(data) = data {
        let Instruments { assets, pairs } = serde_json::from_str(data.get())?;
        let assets = assets.into_iter().filter_map(asset).collect();
        return Ok((assets, pairs.into_iter().map(of_socket).collect()));
    }
    let pairs: BTreeMap<String, RestPair> =
        serde_json::from_str(result.map_or(text, RawValue::get))?;
    let assets = pairs.values().flat_map(assets_of).flatten();
    let mut assets: Vec<AssetSpec> = assets.collect();
    assets.sort_by_key(|asset| asset.code);
    assets.dedup_by_key(|asset| asset.code);
    let drafts = pairs.into_iter().map(|(id, pair)| of_rest(id, pair));
    Ok((assets, drafts.collect()))
}

fn asset(row: Asset) -> Option<AssetSpec> {
    let [altname, rest_id] = names::of_asset(&row.id).map(str::to_owned);
    Some(AssetSpec {
        decimals: row.precision,
        display_decimals: row.precision_display,
        ..usual_asset(AssetCode::new(&row.id).ok()?, rest_id, altname)
    })
}

/// The assets of a pair, by its `wsname` and their ids.
fn assets_of(row: &RestPair) -> [Option<AssetSpec>; 2] {
    let names = row.wsname.as_deref().and_then(|name| name.split_once('/'));
    let (base, quote) = names.unzip();
    [(base, &row.base), (quote, &row.quote)].map(|(name, id)| {
        let code = AssetCode::new(names::modern(name?)).ok()?;
        Some(usual_asset(code, id.clone(), name?.to_owned()))
    })
}

fn of_socket(row: WsPair) -> Option<Draft> {
    Some(Draft {
        names: names::of_pair(&row.base, &row.quote),
        fees: fees::of(&row.base, &row.quote),
        base: row.base,
        quote: row.quote,
        price_precision: row.price_precision,
        tick: row.price_increment.0,
        qty_precision: row.qty_precision,
        lot: row.qty_increment.0,
        qty_min: row.qty_min.0,
        cost_precision: row.cost_precision,
        cost_min: row.cost_min.map_or(Decimal::ZERO, |least| least.0),
        status: row.status.into(),
    })
}

fn of_rest(id: String, row: RestPair) -> Option<Draft> {
    if id.contains(':') || id.ends_with(".d") {
        return None;
    }
    let wsname = row.wsname?;
    let (base, quote) = wsname.split_once('/')?;
    let (base, quote) = (
        names::modern(base).to_owned(),
        names::modern(quote).to_owned(),
    );
    let last_digit = |precision| Decimal::new(1, precision).ok();
    let fees = schedule(&row.fees, &row.fees_maker).unwrap_or_else(|| fees::of(&base, &quote));
    Some(Draft {
        base,
        quote,
        price_precision: row.pair_decimals,
        tick: row
            .tick_size
            .map(|tick| tick.0)
            .or_else(|| last_digit(row.pair_decimals))?,
        qty_precision: row.lot_decimals,
        lot: last_digit(row.lot_decimals)?,
        qty_min: row.ordermin.map_or(Decimal::ZERO, |least| least.0),
        cost_precision: row.cost_decimals.unwrap_or(row.pair_decimals.max(5)),
        cost_min: row.costmin.map_or(Decimal::ZERO, |least| least.0),
        fees,
        status: row.status.into(),
        names: [id, row.altname, wsname],
    })
}

/// Volume and percent, for takers and for makers; takers' rates hold for makers where those have none.
fn schedule(taker: &[[Exact; 2]], maker: &[[Exact; 2]]) -> Option<Vec<FeeTier>> {
    let makers = if maker.len() == taker.len() {
        maker
    } else {
        taker
    };
    let fraction = |percent: Exact| {
        let digits = percent.0.scale() + 2;
        Decimal::new(percent.0.mantissa(), digits).ok()
    };
    let step = |([volume, taker], [_, maker]): (&[Exact; 2], &[Exact; 2])| {
        Some(FeeTier {
            volume: volume.0,
            maker: fraction(*maker)?,
            taker: fraction(*taker)?,
        })
    };
    let steps: Option<Vec<FeeTier>> = taker.iter().zip(makers).map(step).collect();
    steps.filter(|steps| steps.first().is_some_and(|first| first.volume.is_zero()))
}

/// The pairs that can be listed, opening where their assets are worth it.
fn priced(
    drafts: Vec<Option<Draft>>,
    builtin: &Universe,
) -> impl Iterator<Item = crate::sim::matching::PairSpec> {
    let mut usd: BTreeMap<String, f64> = BTreeMap::new();
    for draft in drafts.iter().flatten() {
        for code in [&draft.base, &draft.quote] {
            if let Some(known) = prices::known(builtin, code) {
                usd.insert(code.clone(), known);
            }
        }
        let least: f64 = draft.qty_min.to_string().parse().unwrap_or(0.0);
        let guess = if least > 0.0 {
            prices::LEAST_ORDER / least
        } else {
            1.0
        };
        usd.entry(draft.base.clone()).or_insert(guess);
    }
    drafts.into_iter().flatten().filter_map(move |draft| {
        let worth = |code| usd.get(code).copied().unwrap_or(1.0);
        let opening = worth(&draft.base) / worth(&draft.quote);
        draft.listed(opening)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::matching::{PairId, PairSpec};

    fn load(text: &str) -> Result<Universe, UniverseError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("universe.json");
        std::fs::write(&path, text).unwrap();
        read(&path, &Universe::default_universe())
    }

    /// A universe of the recordings, if they are there.
    fn shared(name: &str) -> Option<Universe> {
        let path = crate::io::captures::shared(name)?;
        Some(read(&path, &Universe::default_universe()).unwrap())
    }

    fn pair<'a>(universe: &'a Universe, name: &str) -> &'a PairSpec {
        universe.pair(universe.find_pair(name).unwrap()).unwrap()
    }

    fn check_soundness(universe: &Universe) {
        for (id, pair) in (0..).map(PairId).zip(&universe.pairs) {
            let of = &pair.instrument;
            assert_eq!(universe.find_symbol(&of.symbol), Some(id));
            for name in [&pair.rest_id, &pair.altname, &pair.wsname] {
                assert_eq!(universe.find_pair(name), Some(id), "{name}");
            }
            assert!(universe.asset(&of.base).is_some() && universe.asset(&of.quote).is_some());
            assert_eq!(universe.asset(&of.base).unwrap().code, of.base);
            assert!(pair.opening_price.mantissa_at(of.price_precision).unwrap() >= 500);
        }
    }

    #[test]
    fn an_answer_of_asset_pairs_is_read_to_its_last_digit() {
        let universe = load(
            r#"{"error":[],"result":{
            "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","cost_decimals":5,"pair_decimals":1,
                "lot_decimals":8,"fees":[[0,0.40],[10000,0.35]],"fees_maker":[[0,0.25],[10000,0.2]],"ordermin":"0.00005",
                "costmin":"0.5","tick_size":"0.5","status":"post_only","leverage_buy":[2]},
            "XBTUSD:BTNL":{"altname":"XBTUSD:BTNL","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8},
            "XXBTZUSD.d":{"altname":"XBTUSD.d","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8}}}"#,
        )
        .unwrap();
        assert_eq!(universe.pairs.len(), 1);
        let pair = pair(&universe, "BTC/USD");
        let of = &pair.instrument;
        assert_eq!((of.tick.units(), of.qty_min.units()), (5, 5_000));
        assert_eq!((of.status, of.cost_precision), (TradingStatus::PostOnly, 5));
        assert_eq!(of.fees.taker, "0.004".parse().unwrap());
        assert_eq!(pair.fees[1].maker, "0.002".parse().unwrap());
        assert_eq!(pair.opening_price, "97000".parse().unwrap());
        assert_eq!(universe.asset("BTC").unwrap().rest_id, "XXBT");
    }

    #[test]
    fn a_snapshot_of_instruments_gets_the_old_names_too() {
        let universe = load(
            r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"DOGE","status":"enabled","precision":8,"precision_display":2}],
            "pairs":[{"symbol":"DOGE/BTC","base":"DOGE","quote":"BTC","status":"online","qty_precision":8,"qty_increment":1E-8,"qty_min":50,
            "price_precision":8,"price_increment":0.00000001,"tick_size":1E-8,"cost_precision":10,"cost_min":0.00002,"marginable":false}]}}"#,
        )
        .unwrap();
        let pair = pair(&universe, "XXDGXXBT");
        assert_eq!(
            (pair.altname.as_str(), pair.wsname.as_str()),
            ("XDGXBT", "XDG/XBT")
        );
        assert_eq!(pair.instrument.lot.units(), 1);
        assert_eq!(universe.asset("DOGE").unwrap().decimals, 8);
        assert_eq!(universe.asset("BTC").unwrap().altname, "XBT");
    }

    #[test]
    fn statuses_are_read_and_those_that_nobody_knows_are_not_tradable() {
        for (word, status) in [
            ("limit_only", TradingStatus::LimitOnly),
            ("work_in_progress", TradingStatus::InProgress),
            ("delisted", TradingStatus::Closed),
            ("asleep", TradingStatus::Closed),
        ] {
            let told: Status = serde_json::from_value(word.into()).unwrap();
            assert_eq!(TradingStatus::from(told), status, "{word}");
        }
    }

    #[test]
    fn other_files_are_refused_with_what_to_do() {
        for (text, told) in [
            ("no json", "save the whole answer"),
            (
                r#"{"result":{"XXBTZUSD":{"altname":"XBTUSD"}}}"#,
                "save the whole answer",
            ),
            (r#"{"error":[],"result":{}}"#, "no pair that can be listed"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(
                error.contains(told) && error.contains("universe.json"),
                "{error}"
            );
        }
        let missing = read(Path::new("/nowhere/at/all"), &Universe::default_universe());
        assert!(matches!(missing, Err(UniverseError::Read { .. })));
    }

    #[test]
    fn krakens_own_lists_are_read_whole() {
        if let Some(universe) = shared("ws-v2/instrument_snapshot_full.json.zst") {
            assert_eq!((universe.pairs.len(), universe.assets.len()), (683, 296));
            check_soundness(&universe);
            assert_eq!(pair(&universe, "XXBTZUSD").instrument.price_precision, 1);
            assert_eq!(pair(&universe, "PEPE/USD").instrument.tick.units(), 1);
        }
        if let Some(universe) = shared("rest/AssetPairs_full_20210417.json.zst") {
            // 304, of which eleven trade in the dark.
            assert_eq!(universe.pairs.len(), 293);
            check_soundness(&universe);
            for pair in &universe.pairs {
                let of = &pair.instrument;
                let names = [&pair.rest_id, &pair.altname, &pair.wsname].map(String::as_str);
                assert_eq!(names::of_pair(&of.base, &of.quote), names);
            }
        }
    }
}
