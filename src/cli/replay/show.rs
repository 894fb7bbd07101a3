//! Messages as JSON lines. Levels and trades, which the decoder keeps in its buffers, are written with their exact digits.

use serde::Serialize;
use serde_json::json;

use crate::{
    engine::{book::State, event::Level},
    types::{Decimal, Timestamp},
    venue::kraken::decode::{BookHead, Buffers, Listing, Message, Trade, TradesHead},
};

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    line: u64,
    #[serde(flatten)]
    message: &'a T,
}

/// A message that holds everything itself.
pub(super) fn message(line: u64, message: &Message<'_>) -> String {
    serde_json::to_string(&Line { line, message }).unwrap_or_default()
}

/// A book frame, and what the book was after it.
pub(super) fn book(
    line: u64,
    head: &BookHead,
    buffers: &Buffers,
    listing: &Listing,
    state: State,
) -> String {
    let levels = |levels: &[Level]| -> Vec<[String; 2]> {
        levels
            .iter()
            .map(|level| {
                let price = text(level.price.units(), listing.price_precision);
                [price, text(level.qty.units(), listing.qty_precision)]
            })
            .collect()
    };
    let update = &buffers.book;
    json!({
        "line": line, "message": "book", "type": head.kind, "symbol": head.symbol,
        "bids": levels(&update.bids), "asks": levels(&update.asks), "checksum": update.checksum,
        "timestamp": update.at.map(stamp), "verified": matches!(state, State::Verified),
    })
    .to_string()
}

/// Trades; each is listed under its own symbol.
pub(super) fn trades(
    line: u64,
    head: &TradesHead,
    buffers: &Buffers,
    listings: &[Listing],
) -> String {
    let row = |trade: &Trade| {
        let public = trade.public;
        let listing = listings
            .iter()
            .find(|listing| listing.id == public.instrument)?;
        Some(json!({
            "symbol": listing.symbol, "side": public.taker_side.as_str(), "ord_type": trade.order,
            "price": text(public.price.units(), listing.price_precision),
            "qty": text(public.qty.units(), listing.qty_precision),
            "trade_id": public.trade_id, "timestamp": stamp(public.at),
        }))
    };
    let rows: Vec<_> = buffers.trades.iter().filter_map(row).collect();
    json!({ "line": line, "message": "trades", "type": head.kind, "data": rows }).to_string()
}

fn text(units: i64, precision: u8) -> String {
    Decimal::new(i128::from(units), precision)
        .map_or_else(|_| units.to_string(), |number| number.to_string())
}

fn stamp(at: Timestamp) -> String {
    at.rfc3339(9).to_string()
}
