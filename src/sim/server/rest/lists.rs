//! Orders, trades and ledger entries of the caller, by id or page by page.
//!
//! Left out: positions, which a cash account never has.
//! Always true: a page is newest first; `count` is the number of all matches.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use super::{
    call::{Call, PAGE, seconds},
    orders::client_id,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        View,
        matching::{FillFact, LedgerFact, Order, OrderKey, PairSpec},
        server::{
            auth::{Needs, Permission, QueryPeriod},
            names,
            render::{self, Entries, LedgerRow, OrderRow, Trade, TradeRow},
        },
    },
    types::{AssetCode, ClOrdId, ExecId, OrderId, Timestamp},
};

/// Most orders in one query.
const MOST_ORDERS: usize = 50;
/// What lets a key see some orders at least.
pub(super) const EITHER: Needs =
    Needs::Any(&[Permission::QueryOpenTrades, Permission::QueryClosedTrades]);
/// Most trades or ledger entries in one query.
const MOST_ENTRIES: usize = 20;

/// Kinds of ledger entries that the venue has beside trades.
const LEDGER_TYPES: [&str; 17] = [
    "deposit",
    "withdrawal",
    "transfer",
    "margin",
    "adjustment",
    "rollover",
    "credit",
    "settled",
    "staking",
    "dividend",
    "sale",
    "nft_rebate",
    "spend",
    "receive",
    "reward",
    "conversion",
    "custodytransfer",
];

type Orders<'a> = Entries<OrderId, OrderRow<'a>>;

#[derive(Serialize)]
struct Open<'a> {
    open: Orders<'a>,
}

#[derive(Serialize)]
struct Closed<'a> {
    closed: Orders<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// `OpenOrders`.
pub(super) fn open_orders(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryOpenTrades)?;
    let filter = Filter::read(call)?;
    call.state.venue.read(|view| {
        let seen = call.open_orders(view);
        let open = seen.iter().rev().map(AsRef::as_ref);
        let open = open.filter(|order| filter.holds(order));
        let open = render_orders(view, call, open)?;
        result(&Open { open })
    })
}

/// `ClosedOrders`.
pub(super) fn closed_orders(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryClosedTrades)?;
    let filter = Filter::read(call)?;
    let which = call.params.text("closetime").unwrap_or("both");
    let (by_open, by_close) = match which {
        "open" => (true, false),
        "close" => (false, true),
        "both" => (true, true),
        _ => return Err(Failure::argument("closetime")),
    };
    call.state.venue.read(|view| {
        let range = Range::read(call, view)?;
        let seen = call.closed_orders(view);
        let in_range = |order: &Order| {
            let closed = order.closed_at.is_some_and(|at| range.holds(at));
            by_open && range.holds(order.state.opened) || by_close && closed
        };
        let matches = || {
            let closed = seen.iter().rev().map(AsRef::as_ref);
            closed.filter(|order| filter.holds(order) && in_range(order))
        };
        let page = matches().skip(offset(call)?).take(PAGE);
        result(&Closed {
            closed: render_orders(view, call, page)?,
            count: count(call, || matches().count())?,
        })
    })
}

/// `QueryOrders`: by ids, or everything with a client's id or reference. What the key may not see is left out like what is unknown.
pub(super) fn query_orders(call: &Call<'_>) -> Answer {
    call.needs(EITHER)?;
    let ids = call.params.set("txid");
    let filter = Filter::read(call)?;
    if ids.len() > MOST_ORDERS || (ids.is_empty() && filter.is_open()) {
        return Err(Failure::argument("txid"));
    }
    call.state.venue.read(|view| {
        let may_see = |order: &Cow<'_, Order>| call.owner.may(needed(order)) && filter.holds(order);
        let found: Vec<Cow<'_, Order>> = if ids.is_empty() {
            let open = call.open_orders(view).into_iter();
            open.chain(call.closed_orders(view))
                .filter(may_see)
                .take(MOST_ORDERS)
                .collect()
        } else {
            let found = ids.iter().filter_map(|id| call.own_order(view, id));
            found.filter(may_see).collect()
        };
        let found = found.iter().map(AsRef::as_ref);
        result(&render_orders(view, call, found)?)
    })
}

/// What lets a key see an order, by its state.
pub(super) const fn needed(order: &Order) -> Permission {
    if order.closed_at.is_some() {
        Permission::QueryClosedTrades
    } else {
        Permission::QueryOpenTrades
    }
}

fn render_orders<'a>(
    view: View<'a>,
    call: &Call<'_>,
    orders: impl Iterator<Item = &'a Order>,
) -> Result<Orders<'a>, Failure> {
    let wanted = call.params.flag("trades")?;
    let mut trades = wanted.then(|| trades_of(view, call)).transpose()?;
    let rows = orders.filter_map(|order| {
        let pair = view.exchange.universe().pair(order.state.pair)?;
        let trades = trades.as_mut().map(|trades| {
            let known = trades.remove(&order.state.key);
            known.unwrap_or_else(|| order.trades.clone())
        });
        Some((order.state.order_id, render::order(pair, order, trades)))
    });
    Ok(rows.collect())
}

/// The trades of each order, as `TradesHistory` tells them to one who asks with the same parameters.
fn trades_of(view: View<'_>, call: &Call<'_>) -> Result<BTreeMap<OrderKey, Vec<ExecId>>, Failure> {
    let merge = call.params.flag_or("consolidate_taker", true)?;
    let fills = call.fills(view);
    let mut trades: BTreeMap<OrderKey, Vec<ExecId>> = BTreeMap::new();
    for (_, trade) in consolidated(view, fills, merge) {
        let of_order = trades.entry(trade.first().order.key).or_default();
        of_order.push(trade.first().exec_id);
    }
    Ok(trades)
}

/// Which orders are asked for by the client's own marks.
struct Filter {
    cl_ord_id: Option<ClOrdId>,
    userref: Option<i32>,
}

impl Filter {
    fn read(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(Self {
            cl_ord_id: call.params.text("cl_ord_id").map(client_id).transpose()?,
            userref: call.number("userref")?,
        })
    }

    const fn is_open(&self) -> bool {
        self.cl_ord_id.is_none() && self.userref.is_none()
    }

    fn holds(&self, order: &Order) -> bool {
        let state = &order.state;
        let named = self.cl_ord_id.is_none_or(|id| state.cl_ord_id == Some(id));
        let marked = self
            .userref
            .is_none_or(|number| state.userref.unwrap_or(0) == number);
        named && marked
    }
}

#[derive(Serialize)]
struct Trades<'a> {
    trades: Entries<ExecId, TradeRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// `TradesHistory`. Fills that one order took are told as one trade unless the caller asks otherwise.
pub(super) fn trades_history(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryClosedTrades)?;
    let any = match call.params.text("type").unwrap_or("all") {
        "all" | "no position" => true,
        "any position" | "closed position" | "closing position" => false,
        _ => return Err(Failure::argument("type")),
    };
    let merge = call.params.flag_or("consolidate_taker", true)?;
    call.state.venue.read(|view| {
        let range = Range::read(call, view)?;
        let fills = call.fills(view);
        let trades = consolidated(
            view,
            fills.filter(|fill| any && range.holds(fill.at)),
            merge,
        );
        let page = trades.iter().rev().skip(offset(call)?).take(PAGE).cloned();
        result(&Trades {
            trades: render_trades(call, view, page)?,
            count: count(call, || trades.len())?,
        })
    })
}

/// `QueryTrades`.
pub(super) fn query_trades(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryClosedTrades)?;
    let ids = wanted(call, "txid")?;
    let merge = call.params.flag_or("consolidate_taker", true)?;
    call.state.venue.read(|view| {
        let asked = |fill: &FillFact| ids.contains(&fill.exec_id.as_str());
        let mut found = Vec::new();
        for (pair, trade) in consolidated(view, call.fills(view), merge) {
            // The id of several fills means all of them, unless others of them are asked for beside it: then each is meant alone.
            match trade.fills() {
                [first, rest @ ..] if asked(first) && !rest.iter().any(|fill| asked(fill)) => {
                    found.push((pair, trade));
                }
                fills => {
                    let alone = fills.iter().filter(|fill| asked(fill));
                    found.extend(alone.map(|fill| (pair, Trade::new(pair, fill))));
                }
            }
        }
        result(&render_trades(call, view, found.into_iter())?)
    })
}

/// Trades with their pairs, oldest first.
fn consolidated<'a>(
    view: View<'a>,
    fills: impl Iterator<Item = &'a FillFact>,
    merge: bool,
) -> Vec<(&'a PairSpec, Trade<'a>)> {
    let mut trades: Vec<(&PairSpec, Trade<'_>)> = Vec::new();
    for fill in fills {
        let Some(pair) = view.exchange.universe().pair(fill.order.pair) else {
            continue;
        };
        // What an order takes at once follows each other in the history.
        let merged = merge
            && trades
                .last_mut()
                .is_some_and(|(_, last)| last.absorb(pair, fill));
        if !merged {
            trades.push((pair, Trade::new(pair, fill)));
        }
    }
    trades
}

fn render_trades<'a>(
    call: &Call<'_>,
    view: View<'a>,
    page: impl Iterator<Item = (&'a PairSpec, Trade<'a>)>,
) -> Result<Entries<ExecId, TradeRow<'a>>, Failure> {
    let page: Vec<_> = page.collect();
    let mut ledgers = call.params.flag("ledgers")?.then(|| {
        let fills = page.iter().flat_map(|(_, trade)| trade.fills());
        ledgers_of(call, view, fills.map(|fill| fill.exec_id))
    });
    let rows = page.into_iter().map(|(pair, trade)| {
        let entries = ledgers.as_mut().map(|ledgers| {
            let of_fill = |fill: &&FillFact| ledgers.remove(&fill.exec_id);
            let entries = trade.fills().iter().filter_map(of_fill);
            entries.flatten().collect()
        });
        (trade.first().exec_id, trade.row(pair, entries))
    });
    Ok(rows.collect())
}

/// The ledger entries of some fills, in one walk through the ledger.
fn ledgers_of(
    call: &Call<'_>,
    view: View<'_>,
    fills: impl Iterator<Item = ExecId>,
) -> BTreeMap<ExecId, Vec<ExecId>> {
    let mut ledgers: BTreeMap<ExecId, Vec<ExecId>> = fills.map(|id| (id, Vec::new())).collect();
    for entry in view.exchange.ledger(call.account()) {
        if let Some(ids) = ledgers.get_mut(&entry.ref_id) {
            ids.push(entry.ledger_id);
        }
    }
    ledgers
}

#[derive(Serialize)]
struct Ledger<'a> {
    ledger: Entries<ExecId, LedgerRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// `Ledgers`.
pub(super) fn ledgers(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryLedger)?;
    // Nothing but trades happens here.
    let any = match call.params.text("type").unwrap_or("all") {
        "all" | "trade" => true,
        kind if LEDGER_TYPES.contains(&kind) => false,
        _ => return Err(Failure::argument("type")),
    };
    call.state.venue.read(|view| {
        let assets = assets(call, view)?;
        let range = Range::read(call, view)?;
        let wanted = |entry: &&LedgerFact| {
            any && range.holds(entry.at) && (assets.is_empty() || assets.contains(&entry.asset))
        };
        let matches = || call.ledger(view).rev().filter(wanted);
        let page = matches().skip(offset(call)?).take(PAGE);
        result(&Ledger {
            ledger: render_ledger(view, page),
            count: count(call, || matches().count())?,
        })
    })
}

/// `QueryLedgers`.
pub(super) fn query_ledgers(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryLedger)?;
    let ids = wanted(call, "id")?;
    call.state.venue.read(|view| {
        let entries = call.ledger(view);
        let found = entries.filter(|entry| ids.contains(&entry.ledger_id.as_str()));
        result(&render_ledger(view, found))
    })
}

/// The assets asked for; none means all.
fn assets(call: &Call<'_>, view: View<'_>) -> Result<Vec<AssetCode>, Failure> {
    let names = call.params.list("asset");
    let names = names.into_iter().filter(|name| *name != "all");
    let code = |name| {
        names::asset(view.exchange.universe(), name)
            .map(|asset| asset.code)
            .ok_or(Failure::text("EQuery:Unknown asset"))
    };
    names.map(code).collect()
}

fn render_ledger<'a>(
    view: View<'a>,
    entries: impl Iterator<Item = &'a LedgerFact>,
) -> Entries<ExecId, LedgerRow<'a>> {
    let universe = view.exchange.universe();
    entries
        .map(|entry| (entry.ledger_id, render::ledger(universe, entry)))
        .collect()
}

/// `OpenPositions`: none. The venue answers a list then, though positions that there are come in a map unless they are consolidated.
pub(super) fn open_positions(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryOpenTrades)?;
    result(&[(); 0])
}

fn wanted<'a>(call: &Call<'a>, name: &str) -> Result<Vec<&'a str>, Failure> {
    let ids = call.params.list(name);
    if (1..=MOST_ENTRIES).contains(&ids.len()) {
        Ok(ids)
    } else {
        Err(Failure::argument(name))
    }
}

fn offset(call: &Call<'_>) -> Result<usize, Failure> {
    Ok(call.number("ofs")?.unwrap_or(0))
}

fn count(call: &Call<'_>, all: impl FnOnce() -> usize) -> Result<Option<usize>, Failure> {
    Ok((!call.params.flag("without_count")?).then(all))
}

/// When an order was opened, a trade made, a ledger entry written.
fn time_of(call: &Call<'_>, view: View<'_>, id: &str) -> Option<Timestamp> {
    if let Some(order) = call.own_order(view, id) {
        return Some(order.state.opened);
    }
    let (mut fills, mut entries) = (call.fills(view), call.ledger(view));
    let fill = fills.find(|fill| *fill.exec_id == *id);
    let at = fill.map(|fill| fill.at);
    at.or_else(|| {
        let entry = entries.find(|entry| *entry.ledger_id == *id);
        entry.map(|entry| entry.at)
    })
}

/// `start` exclusive, `end` inclusive.
struct Range {
    after: Timestamp,
    until: Timestamp,
}

impl Range {
    /// Reads both ends: seconds, or the id of something of the caller's. 0 is no end.
    fn read(call: &Call<'_>, view: View<'_>) -> Result<Self, Failure> {
        let end = |name: &str, open: Timestamp| {
            let Some(text) = call.params.text(name).filter(|text| *text != "0") else {
                return Ok(open);
            };
            let at = seconds(text).or_else(|| time_of(call, view, text));
            at.ok_or_else(|| Failure::argument(name))
        };
        let range = Self {
            after: end("start", Timestamp::MIN)?,
            until: end("end", Timestamp::MAX)?,
        };
        range.within(call.owner.key.query)
    }

    /// A key that may look at a part of the past only sees no more. Ends outside of it are refused, as clients tell.
    fn within(self, period: QueryPeriod) -> Result<Self, Failure> {
        let (from, to) = (period.from, period.to);
        let too_early = from.is_some_and(|from| self.after != Timestamp::MIN && self.after < from);
        let too_late = to.is_some_and(|to| self.until != Timestamp::MAX && self.until > to);
        if too_early || too_late {
            return Err(Failure::text("EGeneral:Invalid arguments"));
        }
        Ok(Self {
            after: from.map_or(self.after, |from| self.after.max(from)),
            until: to.map_or(self.until, |to| self.until.min(to)),
        })
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.after < at && at <= self.until
    }
}
