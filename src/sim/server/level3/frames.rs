//! Frames of `level3`.
//!
//! Always true: a change comes before the orders that it uncovers, so that a reader that cuts after each row loses none of them;
//! an order that is gone is told with the size that it had.

use super::replica::{Event, Queue, Replica, Step};
use crate::{
    sim::{
        matching::Queued,
        server::{
            encode::Json,
            market_frames::{self, Kind},
            pair_feed::Told,
        },
    },
    types::{Side, Timestamp},
};

/// A change, and the level that moved into view with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) step: &'a Step,
    pub(super) uncovered: Option<&'a Queue>,
}

const SIDES: [(&str, Side); 2] = [("bids", Side::Buy), ("asks", Side::Sell)];

/// The orders of the best levels.
pub(super) fn snapshot(told: &Told<'_>, replica: &Replica, depth: usize, checksum: u32) -> String {
    write(told, Kind::Snapshot, checksum, |json, side| {
        for (_, queue) in replica.ladder(side).levels().take(depth) {
            for order in queue.values() {
                row(json, told, None, order, order.since);
            }
        }
    })
}

/// One change.
pub(super) fn update(told: &Told<'_>, written: Written<'_>, checksum: u32) -> String {
    let Written { step, uncovered } = written;
    write(told, Kind::Update, checksum, |json, side| {
        if side != step.side {
            return;
        }
        let (name, at) = match step.event {
            Event::Add => ("add", step.order.since),
            Event::Modify => ("modify", step.order.since),
            Event::Delete => ("delete", told.now),
        };
        row(json, told, Some(name), &step.order, at);
        for order in uncovered.into_iter().flat_map(Queue::values) {
            row(json, told, Some("add"), order, order.since);
        }
    })
}

fn write(told: &Told<'_>, kind: Kind, checksum: u32, rows: impl Fn(&mut Json, Side)) -> String {
    let mut json = market_frames::frame("level3", kind);
    json.open_array("data")
        .item()
        .text("symbol", &told.of.symbol);
    for (name, side) in SIDES {
        json.open_array(name);
        rows(&mut json, side);
        json.close_array();
    }
    json.plain("checksum", checksum)
        .time_nanos("timestamp", told.now);
    json.close().close_array();
    json.finish()
}

fn row(json: &mut Json, told: &Told<'_>, event: Option<&str>, order: &Queued, at: Timestamp) {
    json.item();
    if let Some(event) = event {
        json.text("event", event);
    }
    json.text("order_id", &order.order_id)
        .price("limit_price", told.of, order.price)
        .qty("order_qty", told.of, order.qty)
        .time_nanos("timestamp", at)
        .close();
}
