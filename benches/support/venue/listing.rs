//! What the venue says of its pairs: REST answers, and the snapshot of the `instrument` channel. As long as the venue's own.

use std::{collections::BTreeMap, fmt::Write as _};

use tradingd::types::Timestamp;

use crate::frames::{Pair, decimal};

/// Fee tiers of a pair, in 30-day volume and percent.
const FEES: &str = "[[0,0.40],[10000,0.35],[50000,0.24],[100000,0.22],[250000,0.20],[500000,0.18],[1000000,0.16],[2500000,0.14],[5000000,0.12]]";

/// The `result` of every call that the daemon makes, by its name. Nobody has orders.
pub fn answers(pairs: &[Pair]) -> BTreeMap<&'static str, String> {
    let of_pairs = |row: &dyn Fn(&Pair) -> String| object(pairs.iter().map(row));
    let fee = |rate: &str| of_pairs(&|pair| format!(r#""{}":{{"fee":"{rate}"}}"#, id(pair)));
    let assets = assets(pairs).map(|code| {
        format!(r#""{code}":{{"aclass":"currency","altname":"{code}","decimals":10,"display_decimals":5,"status":"enabled"}}"#)
    });
    BTreeMap::from([
        (
            "SystemStatus",
            r#"{"status":"online","timestamp":"2026-11-20T12:00:00Z"}"#.to_owned(),
        ),
        ("Assets", object(assets)),
        ("AssetPairs", of_pairs(&pair_row)),
        (
            "TradeVolume",
            format!(
                r#"{{"currency":"ZUSD","volume":"0.0000","fees":{},"fees_maker":{}}}"#,
                fee("0.4000"),
                fee("0.2500")
            ),
        ),
        (
            "Balance",
            r#"{"BTC":"100.0000000000","USD":"10000000.0000"}"#.to_owned(),
        ),
        (
            "GetWebSocketsToken",
            r#"{"token":"cc3kTqGgX3rPb0f4xSPSfYw2CPp5hxwXKZ6cHDg0Cyw","expires":900}"#.to_owned(),
        ),
        ("OpenOrders", r#"{"open":{}}"#.to_owned()),
        ("ClosedOrders", r#"{"closed":{},"count":0}"#.to_owned()),
        ("TradesHistory", r#"{"trades":{},"count":0}"#.to_owned()),
    ])
}

/// The `result` of `Time`.
pub fn time(now: Timestamp) -> String {
    format!(r#"{{"unixtime":{}}}"#, now.as_secs())
}

/// The snapshot of the `instrument` channel.
pub fn instruments(pairs: &[Pair]) -> String {
    let assets = assets(pairs).map(|code| {
        format!(
            r#"{{"id":"{code}","status":"enabled","precision":10,"precision_display":5,"borrowable":true,"collateral_value":0.90,"margin_rate":0.020000}}"#
        )
    });
    let rows = pairs.iter().map(|pair| {
        let (base, quote) = sides(pair);
        let (price, qty) = (pair.price_precision, pair.qty_precision);
        format!(
            r#"{{"symbol":"{}","base":"{base}","quote":"{quote}","status":"online","qty_precision":{qty},"qty_increment":{},"price_precision":{price},"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.50,"margin_initial":0.20,"position_limit_long":500000,"position_limit_short":300000,"tick_size":{tick},"price_increment":{tick},"qty_min":{}}}"#,
            pair.symbol,
            number(1, qty),
            number(1_000, qty),
            tick = number(1, price),
        )
    });
    format!(
        r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[{}],"pairs":[{}]}}}}"#,
        join(assets),
        join(rows)
    )
}

fn pair_row(pair: &Pair) -> String {
    let (base, quote) = sides(pair);
    let id = id(pair);
    format!(
        r#""{id}":{{"altname":"{id}","wsname":"{}","aclass_base":"currency","base":"{base}","aclass_quote":"currency","quote":"{quote}","execution_venue":"international","lot":"unit","cost_decimals":5,"pair_decimals":{},"lot_decimals":{},"lot_multiplier":1,"leverage_buy":[2,3,4,5],"leverage_sell":[2,3,4,5],"fees":{FEES},"fees_maker":{FEES},"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"{}","costmin":"0.5","tick_size":"{}","status":"online","long_position_limit":250,"short_position_limit":200}}"#,
        pair.symbol,
        pair.price_precision,
        pair.qty_precision,
        number(1_000, pair.qty_precision),
        number(1, pair.price_precision),
    )
}

fn sides(pair: &Pair) -> (&str, &str) {
    pair.symbol.split_once('/').unwrap()
}

fn id(pair: &Pair) -> String {
    pair.symbol.replace('/', "")
}

/// Every asset once.
fn assets(pairs: &[Pair]) -> impl Iterator<Item = &str> {
    let codes = pairs.iter().flat_map(|pair| pair.symbol.split('/'));
    let codes: std::collections::BTreeSet<&str> = codes.collect();
    codes.into_iter()
}

fn number(units: i64, precision: u8) -> String {
    let mut text = String::new();
    decimal(units, precision, &mut text);
    text
}

fn join(items: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for item in items {
        let comma = if out.is_empty() { "" } else { "," };
        write!(out, "{comma}{item}").unwrap();
    }
    out
}

fn object(entries: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", join(entries))
}
