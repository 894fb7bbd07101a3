//! Books over REST other than `Depth`: order by order, and grouped.
//!
//! For: `Level3` and `GroupedBook` as documented in May 2026. Always true: what does not show in the book does not show here.

use serde::Serialize;

use super::{
    call::{Call, number},
    public::Query,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        View,
        matching::{PairSpec, Queued},
        server::{
            auth::Permission,
            names::{self, NamedPair},
            render::{long, long_price},
        },
    },
    types::{Decimal, Side},
};

/// Depths of `Level3`; 0 is all there is.
const ORDER_DEPTHS: [usize; 6] = [0, 10, 25, 100, 250, 1000];
/// Depth of `Level3` where none is asked for.
const ORDER_DEPTH: usize = 100;
/// Depths of `GroupedBook`.
const GROUPED_DEPTHS: [usize; 5] = [10, 25, 100, 250, 1000];
/// Ticks that `GroupedBook` puts together.
const GROUPINGS: [i64; 9] = [1, 5, 10, 25, 50, 100, 250, 500, 1000];

#[derive(Serialize)]
struct OrderBook<'a> {
    pair: &'a str,
    bids: Vec<OrderRow>,
    asks: Vec<OrderRow>,
}

#[derive(Serialize)]
struct OrderRow {
    price: String,
    qty: String,
    order_id: String,
    /// Nanoseconds since 1970.
    timestamp: i64,
}

/// `Level3`: the best levels of the book, order by order.
pub(super) fn level3(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryOpenTrades)?;
    let depth = call.number("depth")?.unwrap_or(ORDER_DEPTH);
    if !ORDER_DEPTHS.contains(&depth) {
        return Err(Failure::argument("depth"));
    }
    let name = call.params.text("pair");
    let name = name.ok_or_else(|| Failure::argument("pair"))?;
    call.state.venue.read(|view| {
        let named = names::pair(view.exchange.universe(), name);
        let named = named.ok_or(Failure::UNKNOWN_PAIR)?;
        result(&OrderBook {
            pair: &named.spec.instrument.symbol,
            bids: orders(view, &named, Side::Buy, depth),
            asks: orders(view, &named, Side::Sell, depth),
        })
    })
}

fn orders(view: View<'_>, named: &NamedPair<'_>, side: Side, depth: usize) -> Vec<OrderRow> {
    let (mut levels, mut last) = (0, None);
    let within = |order: &Queued| {
        if last != Some(order.price) {
            last = Some(order.price);
            levels += 1;
        }
        depth == 0 || levels <= depth
    };
    let queue = view.exchange.queue(named.id, side).take_while(within);
    let row = |order: Queued| OrderRow {
        price: long_price(named.spec, order.price),
        qty: named
            .spec
            .instrument
            .quantity_decimal(order.qty)
            .to_string(),
        order_id: order.order_id.to_string(),
        timestamp: order.since.as_nanos(),
    };
    queue.map(row).collect()
}

#[derive(Serialize)]
struct GroupedBook<'a> {
    pair: &'a str,
    grouping: i64,
    bids: Vec<Group>,
    asks: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    price: String,
    qty: String,
}

/// `GroupedBook`: levels put together to so many ticks, bids downward and asks upward.
pub(super) fn grouped(query: &Query<'_>) -> Answer {
    let depth = number(query.params, "depth")?.unwrap_or(10);
    if !GROUPED_DEPTHS.contains(&depth) {
        return Err(Failure::argument("depth"));
    }
    let grouping = number(query.params, "grouping")?.unwrap_or(1);
    if !GROUPINGS.contains(&grouping) {
        return Err(Failure::argument("grouping"));
    }
    query.state.venue.read(|view| {
        let named = query.pair(view)?;
        let side = |side| groups(view, &named, side, (depth, grouping));
        result(&GroupedBook {
            pair: &named.spec.instrument.symbol,
            grouping,
            bids: side(Side::Buy),
            asks: side(Side::Sell),
        })
    })
}

fn groups(
    view: View<'_>,
    named: &NamedPair<'_>,
    side: Side,
    (depth, grouping): (usize, i64),
) -> Vec<Group> {
    let of = &named.spec.instrument;
    let step = of.tick.units().saturating_mul(grouping).max(1);
    let mut groups: Vec<(i64, i128)> = Vec::new();
    for (price, qty) in view.exchange.levels(named.id, side) {
        let down = price.units() - price.units().rem_euclid(step);
        let units = match side {
            Side::Sell if down < price.units() => down.saturating_add(step),
            Side::Buy | Side::Sell => down,
        };
        let full = groups.len() == depth;
        match groups.last_mut() {
            Some((last, sum)) if *last == units => *sum += i128::from(qty.units()),
            Some(_) if full => break,
            _ => groups.push((units, i128::from(qty.units()))),
        }
    }
    let groups = groups.into_iter();
    groups.map(|group| shown(named.spec, group)).collect()
}

fn shown(pair: &PairSpec, (units, sum): (i64, i128)) -> Group {
    let of = &pair.instrument;
    let exact = |mantissa, digits| Decimal::new(mantissa, digits).unwrap_or(Decimal::ZERO);
    Group {
        price: long(pair, exact(units.into(), of.price_precision)),
        qty: exact(sum, of.qty_precision).to_string(),
    }
}
