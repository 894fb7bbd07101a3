//! What anyone may ask about the venue: time, status, listings.
//!
//! Left out: tokenized assets and the second execution venue: there are none, so those questions get an empty map.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    RestState,
    params::Params,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        View,
        matching::{AssetSpec, FeeTier, PairSpec},
        notices::{Maintenance, Told},
        server::{
            names::{self, NamedPair},
            render::{Entries, Number},
        },
    },
    types::{Decimal, Timestamp},
};

/// A public call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    pub(super) state: &'a RestState,
    pub(super) now: Timestamp,
    pub(super) params: &'a Params,
}

impl Query<'_> {
    /// The one pair asked for.
    pub(super) fn pair<'v>(&self, view: View<'v>) -> Result<NamedPair<'v>, Failure> {
        let name = self.params.text("pair");
        let name = name.ok_or_else(|| Failure::argument("pair"))?;
        names::pair(view.exchange.universe(), name).ok_or(Failure::UNKNOWN_PAIR)
    }

    /// The pairs asked for, each key once; all of them if none is named.
    pub(super) fn pairs<'v>(&self, view: View<'v>) -> Result<Vec<NamedPair<'v>>, Failure> {
        let universe = view.exchange.universe();
        let names = self.params.list("pair");
        if names.is_empty() {
            return Ok(names::all_pairs(universe).collect());
        }
        let find = |name| names::pair(universe, name).ok_or(Failure::UNKNOWN_PAIR);
        let mut pairs: Vec<NamedPair<'v>> =
            names.into_iter().map(find).collect::<Result<_, _>>()?;
        let mut keys = BTreeSet::new();
        pairs.retain(|named| keys.insert(named.key.clone()));
        Ok(pairs)
    }

    fn modern(&self) -> bool {
        self.params.text("assetVersion") == Some("1")
    }

    fn tokenized(&self, name: &str) -> bool {
        self.params.text(name) == Some("tokenized_asset")
    }
}

#[derive(Serialize)]
struct Time {
    unixtime: i64,
    rfc1123: String,
}

/// `Time`.
pub(super) fn time(query: &Query<'_>) -> Answer {
    let unixtime = query.now.as_secs();
    let instant = jiff::Timestamp::from_second(unixtime).unwrap_or_default();
    result(&Time {
        unixtime,
        rfc1123: instant.strftime("%a, %d %b %y %H:%M:%S +0000").to_string(),
    })
}

#[derive(Serialize)]
struct SystemStatus {
    status: &'static str,
    timestamp: String,
    #[serde(flatten)]
    notices: Told,
}

/// `SystemStatus`.
pub(super) fn system_status(query: &Query<'_>) -> Answer {
    let status = query.state.venue.read(|view| view.exchange.system_status());
    result(&SystemStatus {
        status: names::status(status),
        timestamp: query.now.rfc3339(0).to_string(),
        notices: query.state.venue.notices().told(query.now, 0),
    })
}

#[derive(Serialize)]
struct Schedule {
    events: Vec<Maintenance>,
}

/// `MaintenanceSchedule`.
pub(super) fn maintenance_schedule(query: &Query<'_>) -> Answer {
    let events = query.state.venue.notices().schedule(query.now);
    result(&Schedule { events })
}

#[derive(Serialize)]
struct AssetRow<'a> {
    aclass: &'static str,
    altname: &'a str,
    decimals: u8,
    display_decimals: u8,
    status: &'static str,
}

/// `Assets`.
pub(super) fn assets(query: &Query<'_>) -> Answer {
    if query.tokenized("aclass") {
        return result(&Entries::<(), ()>(Vec::new()));
    }
    let names = query.params.list("asset");
    query.state.venue.read(|view| {
        let universe = view.exchange.universe();
        let find = |name| names::asset(universe, name).ok_or(Failure::text("EQuery:Unknown asset"));
        let mut assets: Vec<&AssetSpec> = if names.is_empty() {
            universe.assets.iter().collect()
        } else {
            names.into_iter().map(find).collect::<Result<_, _>>()?
        };
        let mut codes = BTreeSet::new();
        assets.retain(|asset| codes.insert(asset.code));
        let rows = assets.into_iter().map(|asset| {
            let key = if query.modern() {
                asset.code.as_str()
            } else {
                &asset.rest_id
            };
            let row = AssetRow {
                aclass: "currency",
                altname: &asset.altname,
                decimals: asset.decimals,
                display_decimals: asset.display_decimals,
                status: "enabled",
            };
            (key, row)
        });
        result(&rows.collect::<Entries<_, _>>())
    })
}

#[derive(Serialize)]
struct PairRow<'a> {
    altname: &'a str,
    wsname: &'a str,
    aclass_base: &'static str,
    base: &'a str,
    aclass_quote: &'static str,
    quote: &'a str,
    execution_venue: &'static str,
    lot: &'static str,
    cost_decimals: u8,
    pair_decimals: u8,
    lot_decimals: u8,
    lot_multiplier: u8,
    leverage_buy: [u8; 0],
    leverage_sell: [u8; 0],
    fees: Vec<[Number; 2]>,
    fees_maker: Vec<[Number; 2]>,
    fee_volume_currency: &'static str,
    margin_call: u8,
    margin_stop: u8,
    ordermin: String,
    costmin: String,
    tick_size: String,
    status: &'static str,
}

/// What `info` leaves of a pair.
#[derive(Serialize)]
#[serde(untagged)]
enum PairInfo<'a> {
    Info(Box<PairRow<'a>>),
    Leverage {
        leverage_buy: [u8; 0],
        leverage_sell: [u8; 0],
    },
    Fees {
        fees: Vec<[Number; 2]>,
        fees_maker: Vec<[Number; 2]>,
        fee_volume_currency: &'static str,
    },
    Margin {
        margin_call: u8,
        margin_stop: u8,
    },
}

impl<'a> PairInfo<'a> {
    fn new(info: &str, row: PairRow<'a>) -> Result<Self, Failure> {
        Ok(match info {
            "info" => Self::Info(Box::new(row)),
            "leverage" => Self::Leverage {
                leverage_buy: row.leverage_buy,
                leverage_sell: row.leverage_sell,
            },
            "fees" => Self::Fees {
                fees: row.fees,
                fees_maker: row.fees_maker,
                fee_volume_currency: row.fee_volume_currency,
            },
            "margin" => Self::Margin {
                margin_call: row.margin_call,
                margin_stop: row.margin_stop,
            },
            _ => return Err(Failure::argument("info")),
        })
    }
}

/// `AssetPairs`.
pub(super) fn asset_pairs(query: &Query<'_>) -> Answer {
    let info = query.params.text("info").unwrap_or("info");
    let elsewhere = query.params.text("execution_venue") == Some("bitnomial_exchange");
    if query.tokenized("aclass_base") || elsewhere {
        return result(&Entries::<(), ()>(Vec::new()));
    }
    query.state.venue.read(|view| {
        let modern = query.modern();
        let rows = query.pairs(view)?.into_iter().map(|named| {
            let row = PairInfo::new(info, pair_row(view, &named, modern))?;
            let key = if modern {
                named.spec.instrument.symbol.to_string()
            } else {
                named.key
            };
            Ok::<_, Failure>((key, row))
        });
        result(&rows.collect::<Result<Entries<_, _>, _>>()?)
    })
}

fn pair_row<'a>(view: View<'a>, named: &NamedPair<'a>, modern: bool) -> PairRow<'a> {
    let (pair, universe) = (named.spec, view.exchange.universe());
    let instrument = &pair.instrument;
    let code = |code: &'a str| {
        if modern {
            code
        } else {
            names::asset_id(universe, code)
        }
    };
    PairRow {
        altname: &pair.altname,
        wsname: if modern {
            &instrument.symbol
        } else {
            &pair.wsname
        },
        aclass_base: "currency",
        base: code(&instrument.base),
        aclass_quote: "currency",
        quote: code(&instrument.quote),
        execution_venue: "international",
        lot: "unit",
        cost_decimals: instrument.cost_precision,
        pair_decimals: instrument.price_precision,
        lot_decimals: instrument.qty_precision,
        lot_multiplier: 1,
        leverage_buy: [],
        leverage_sell: [],
        fees: schedule(pair, |tier| tier.taker),
        fees_maker: schedule(pair, |tier| tier.maker),
        fee_volume_currency: "ZUSD",
        margin_call: 80,
        margin_stop: 40,
        ordermin: instrument
            .quantity_decimal(instrument.qty_min)
            .normalized()
            .to_string(),
        costmin: instrument.cost_min.normalized().to_string(),
        tick_size: instrument
            .price_decimal(instrument.tick)
            .normalized()
            .to_string(),
        status: names::status(view.exchange.pair_status(named.id)),
    }
}

/// Steps of volume and percent.
fn schedule(pair: &PairSpec, rate: fn(&FeeTier) -> Decimal) -> Vec<[Number; 2]> {
    let percent = |tier: &FeeTier| {
        let hundred = Decimal::new(100, 0)?;
        rate(tier).checked_mul(hundred)
    };
    let step = |tier: &FeeTier| {
        let percent = percent(tier).unwrap_or(Decimal::ZERO).normalized();
        [Number(tier.volume.normalized()), Number(percent)]
    };
    pair.fees.iter().map(step).collect()
}
