//! Frames of the public channels, written from the state of the venue.
//!
//! Left out: who gets them and when. Always true: each function writes one whole frame; rows have the venue's fields in its order.

use super::{
    encode::{Json, push_level},
    names,
    window::Level,
};
use crate::{
    sim::{
        history::{Candle, Ticker},
        matching::{AssetSpec, PairSpec, TradeFact, Universe},
    },
    types::{Decimal, Instrument, Price, Quantity, Timestamp, TradingStatus},
};

/// Snapshot or update.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The state as it is.
    Snapshot,
    /// What changed.
    Update,
}

impl Kind {
    /// The name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update => "update",
        }
    }
}

/// A frame that is still open.
pub(super) fn frame(channel: &str, kind: Kind) -> Json {
    let mut json = Json::object();
    json.text("channel", channel).text("type", kind.name());
    json
}

/// `status`, which greets every connection. Under maintenance it does not say whose it is.
pub(super) fn status(system: TradingStatus, connection: u64, notices: &str) -> String {
    let mut json = frame("status", Kind::Update);
    json.open_array("data").item();
    json.text("api_version", "v2");
    if system != TradingStatus::Maintenance {
        json.plain("connection_id", connection);
    }
    json.text("system", names::status(system))
        .text("version", "2.0.10");
    if let Some(members) = notices
        .strip_prefix('{')
        .and_then(|all| all.strip_suffix('}'))
    {
        json.members(members);
    }
    json.close().close_array();
    json.finish()
}

/// What a `book` frame says about one pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Book<'a> {
    /// Bids, best first.
    pub(super) bids: &'a [Level],
    /// Asks, best first.
    pub(super) asks: &'a [Level],
    /// Of the book after this frame.
    pub(super) checksum: u32,
}

/// `book`
pub(super) fn book(kind: Kind, of: &Instrument, book: Book<'_>, now: Timestamp) -> String {
    let mut json = frame("book", kind);
    json.open_array("data").item().text("symbol", &of.symbol);
    for (name, levels) in [("bids", book.bids), ("asks", book.asks)] {
        json.open_array(name);
        for (price, qty) in levels {
            push_level(&mut json, of, *price, *qty);
        }
        json.close_array();
    }
    json.plain("checksum", book.checksum).time("timestamp", now);
    json.close().close_array();
    json.finish()
}

/// `trade`; rows oldest first.
pub(super) fn trades<'a>(
    kind: Kind,
    of: &Instrument,
    rows: impl Iterator<Item = &'a TradeFact>,
) -> String {
    let mut json = frame("trade", kind);
    json.open_array("data");
    for trade in rows {
        let order_type = if trade.taker_market {
            "market"
        } else {
            "limit"
        };
        json.item()
            .text("symbol", &of.symbol)
            .text("side", trade.taker_side.as_str())
            .price("price", of, trade.price)
            .qty("qty", of, trade.qty)
            .text("ord_type", order_type)
            .plain("trade_id", trade.trade_id)
            .time("timestamp", trade.at)
            .close();
    }
    json.close_array();
    json.finish()
}

/// Best price and size of each side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Touch {
    /// Best bid.
    pub(super) bid: Option<Level>,
    /// Best ask.
    pub(super) ask: Option<Level>,
}

/// `ticker`. Without a trade in a day the figures are zero.
pub(super) fn ticker(
    kind: Kind,
    of: &Instrument,
    touch: Touch,
    day: Option<&Ticker>,
    now: Timestamp,
) -> String {
    let mut json = frame("ticker", kind);
    json.open_array("data").item().text("symbol", &of.symbol);
    level(&mut json, of, ["bid", "bid_qty"], touch.bid);
    level(&mut json, of, ["ask", "ask_qty"], touch.ask);
    let price = |json: &mut Json, name, value: Option<Price>| {
        let value = value.map_or(Decimal::ZERO, |value| of.price_decimal(value));
        json.decimal(name, value, of.price_precision);
    };
    price(&mut json, "last", day.map(|of| of.last));
    let day_volume = day.map_or(Quantity::ZERO, |of| of.day.volume);
    json.qty("volume", of, day_volume);
    price(&mut json, "vwap", day.map(|of| of.day.vwap));
    price(&mut json, "low", day.map(|of| of.day.low));
    price(&mut json, "high", day.map(|of| of.day.high));
    json.fixed("change", day.map_or(0, Ticker::change), of.price_precision);
    let percent = day.map_or(Decimal::ZERO, Ticker::change_pct);
    json.decimal("change_pct", percent, 2);
    json.plain("trades", day.map_or(0, |of| of.day.trades));
    json.time("timestamp", now);
    json.close().close_array();
    json.finish()
}

fn level(json: &mut Json, of: &Instrument, names: [&str; 2], level: Option<Level>) {
    let [price_name, qty_name] = names;
    let price = level.map_or(Decimal::ZERO, |(price, _)| of.price_decimal(price));
    json.decimal(price_name, price, of.price_precision);
    json.qty(qty_name, of, level.map_or(Quantity::ZERO, |(_, qty)| qty));
}

/// `ohlc`; candles oldest first.
pub(super) fn ohlc<'a>(
    kind: Kind,
    of: &Instrument,
    minutes: u32,
    candles: impl Iterator<Item = &'a Candle>,
    now: Timestamp,
) -> String {
    let length = std::time::Duration::from_secs(u64::from(minutes) * 60);
    let mut json = frame("ohlc", kind);
    json.time_nanos("timestamp", now).open_array("data");
    for candle in candles {
        json.item()
            .text("symbol", &of.symbol)
            .price("open", of, candle.open)
            .price("high", of, candle.high)
            .price("low", of, candle.low)
            .price("close", of, candle.close)
            .plain("trades", candle.trades)
            .qty("volume", of, candle.volume)
            .price("vwap", of, candle.vwap())
            .time_nanos("interval_begin", candle.begin)
            .plain("interval", minutes)
            .time("timestamp", candle.begin.after(length))
            .close();
    }
    json.close_array();
    json.finish()
}

/// `instrument` with everything listed.
pub(super) fn instruments(universe: &Universe, status: impl Fn(usize) -> TradingStatus) -> String {
    let mut json = frame("instrument", Kind::Snapshot);
    json.open_object("data").open_array("assets");
    for asset in &universe.assets {
        push_asset(&mut json, asset);
    }
    json.close_array().open_array("pairs");
    for (position, pair) in universe.pairs.iter().enumerate() {
        push_pair(&mut json, pair, status(position));
    }
    json.close_array().close();
    json.finish()
}

/// `instrument` with one pair whose status changed.
pub(super) fn instrument(of: &PairSpec, status: TradingStatus) -> String {
    let mut json = frame("instrument", Kind::Update);
    json.open_object("data");
    json.open_array("assets").close_array().open_array("pairs");
    push_pair(&mut json, of, status);
    json.close_array().close();
    json.finish()
}

fn push_asset(json: &mut Json, asset: &AssetSpec) {
    json.item()
        .text("id", &asset.code)
        .text("status", "enabled")
        .plain("precision", asset.decimals)
        .plain("precision_display", asset.display_decimals)
        .plain("borrowable", false)
        // Sent for every asset: 0.00 where `borrowable` is false (a capture of 2024).
        .plain("collateral_value", "0.00")
        .close();
}

fn push_pair(json: &mut Json, pair: &PairSpec, status: TradingStatus) {
    let of = &pair.instrument;
    let tick = of.price_decimal(of.tick).normalized();
    json.item()
        .text("symbol", &of.symbol)
        .text("base", &of.base)
        .text("quote", &of.quote)
        .text("status", names::status(status))
        .plain("qty_precision", of.qty_precision)
        .plain("qty_increment", of.quantity_decimal(of.lot).normalized())
        .plain("qty_min", of.quantity_decimal(of.qty_min).normalized())
        .plain("price_precision", of.price_precision)
        .plain("price_increment", tick)
        .plain("tick_size", tick)
        .plain("cost_precision", of.cost_precision)
        .plain("cost_min", of.cost_min)
        .plain("marginable", false)
        .plain("has_index", pair.has_index())
        .close();
}
