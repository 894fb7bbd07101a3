//! Orders, trades and ledger entries as REST shows them.
//!
//! For: the objects that several endpoints share, with the venue's own mix of strings and numbers.
//! Always true: a number on the wire is written from exact digits, never through a binary float.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::{close, names, order_type::OrderType, report::fee_flag};
use crate::{
    sim::matching::{
        CancelReason, FillFact, LedgerFact, NewTrigger, Offset, Order, OrderKind, OrderState,
        OrderStatus, PairSpec, Reference, Size, TimeInForce, TriggerKind, Universe,
    },
    types::{Decimal, ExecId, Liquidity, Notional, OrderId, Price, Timestamp},
};

/// Why an order asks for something else: its owner wanted it.
pub(super) const AMENDED: &str = "User requested";
/// Why an order asks for something else: it spends an amount of quote, which is worth something else by now.
pub(super) const RESTATED: &str = "Cash order quantity restated";

/// A decimal as a JSON number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(self.0.to_string(), serializer)
    }
}

/// An instant as a JSON number of seconds with six fraction digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = self.0.as_nanos().rem_euclid(1_000_000_000) / 1_000;
        raw(format!("{}.{micros:06}", self.0.as_secs()), serializer)
    }
}

fn raw<S: Serializer>(digits: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(digits)
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

/// A JSON object whose keys keep the order they are given in.
#[derive(Clone, Debug)]
pub(super) struct Entries<K, V>(pub(super) Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<K, V> FromIterator<(K, V)> for Entries<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// A price with at least five fraction digits, as tickers, books and trades have it.
pub(super) fn long_price(pair: &PairSpec, price: Price) -> String {
    long(pair, pair.instrument.price_decimal(price))
}

/// A price that need not be on the pair's grid, in the digits of [`long_price`].
pub(super) fn long(pair: &PairSpec, price: Decimal) -> String {
    let digits = pair.instrument.price_precision.max(5);
    price.rounded_half_up(digits).unwrap_or(price).to_string()
}

/// A price in the pair's own digits.
pub(super) fn price(pair: &PairSpec, price: Price) -> String {
    pair.instrument.price_decimal(price).to_string()
}

/// An amount of quote in the pair's cost digits.
fn cost(pair: &PairSpec, amount: Decimal) -> String {
    let digits = pair.instrument.cost_precision;
    amount
        .rounded_toward_zero(digits)
        .unwrap_or(amount)
        .to_string()
}

/// An order in one line, in the grammar that clients split at blanks: `buy 0.02000000 XBTUSD @ limit 61000.0`.
pub(super) fn order_text(pair: &PairSpec, order: &OrderLine) -> String {
    let quantity = &order.volume;
    let (side, name) = (order.side, &pair.altname);
    let kind = order.kind.name().replace('-', " ");
    let Told { first, second } = &order.prices;
    let prices = match (order.kind.trigger, order.kind.limit) {
        (None, false) => kind,
        (None, true) | (Some(_), false) => format!("{kind} {first}"),
        (Some(_), true) => {
            let waits = kind.trim_end_matches(" limit");
            format!("{waits} {first} -> limit {second}")
        }
    };
    format!("{side} {quantity} {name} @ {prices}")
}

/// What [`order_text`] tells.
#[derive(Clone, Debug)]
pub(super) struct OrderLine {
    pub(super) side: crate::types::Side,
    /// Base, or quote where that was asked for, with eight digits.
    pub(super) volume: String,
    pub(super) kind: OrderType,
    pub(super) prices: Told,
}

/// An order's prices as its owner told them: limit or trigger, and the limit of one with both. Relative ones stay relative.
#[derive(Clone, Debug)]
pub(super) struct Told {
    first: String,
    second: String,
}

impl Told {
    /// The prices of an order that is asked for.
    pub(super) fn asked(
        pair: &PairSpec,
        limit: Option<Price>,
        trigger: Option<&NewTrigger>,
    ) -> Self {
        match trigger {
            None => Self::limit(pair, limit),
            Some(trigger) => Self {
                first: told_offset(pair, trigger.price),
                second: trigger
                    .limit
                    .map_or_else(none, |limit| told_offset(pair, limit)),
            },
        }
    }

    /// The prices of an order that is there.
    fn of(pair: &PairSpec, state: &OrderState) -> Self {
        let limit = state.kind.limit();
        let Some(trigger) = &state.conditions.trigger else {
            return Self::limit(pair, limit);
        };
        let second = trigger.limit.or(limit.map(Offset::At));
        Self {
            first: match trigger.asked {
                Offset::At(_) => price(pair, trigger.price),
                relative @ (Offset::Percent(_) | Offset::Quote(_)) => told_offset(pair, relative),
            },
            second: second.map_or_else(none, |limit| told_offset(pair, limit)),
        }
    }

    /// The limit, or what is waited for.
    pub(super) fn first(&self) -> &str {
        &self.first
    }

    /// The limit of an order that has both.
    pub(super) fn second(&self) -> &str {
        &self.second
    }

    fn limit(pair: &PairSpec, limit: Option<Price>) -> Self {
        Self {
            first: limit.map_or_else(none, |limit| price(pair, limit)),
            second: none(),
        }
    }
}

fn size_of(state: &OrderState) -> Size {
    match state.conditions.cash {
        Some(cash) => Size::Cash(cash),
        None => Size::Base(state.qty),
    }
}

/// How much an order is for, in the digits of a quantity: base, or quote where that was asked for.
pub(super) fn told_volume(pair: &PairSpec, size: Size) -> String {
    match size {
        Size::Base(qty) => pair.instrument.quantity_decimal(qty).to_string(),
        Size::Cash(cash) => {
            let digits = pair.instrument.qty_precision;
            cash.rounded_toward_zero(digits).unwrap_or(cash).to_string()
        }
    }
}

fn none() -> String {
    "0".to_owned()
}

/// A price as it was told; a distance stays one.
pub(super) fn told_offset(pair: &PairSpec, offset: Offset) -> String {
    let sign = |amount: Decimal| if amount.is_negative() { "" } else { "+" };
    match offset {
        Offset::At(at) => price(pair, at),
        Offset::Percent(percent) => {
            let percent = percent.rounded_toward_zero(4).unwrap_or(percent);
            format!("{}{percent}%", sign(percent))
        }
        Offset::Quote(amount) => {
            let digits = pair.instrument.price_precision;
            let amount = amount.rounded_toward_zero(digits).unwrap_or(amount);
            format!("{}{amount}", sign(amount))
        }
    }
}

impl OrderLine {
    /// What is told of an order that is there.
    pub(super) fn of(pair: &PairSpec, state: &OrderState) -> Self {
        Self {
            side: state.side,
            volume: told_volume(pair, size_of(state)),
            kind: OrderType::of(state),
            prices: Told::of(pair, state),
        }
    }
}

/// The order object of `OpenOrders`, `ClosedOrders` and `QueryOrders`.
#[derive(Debug, Serialize)]
pub(super) struct OrderRow<'a> {
    refid: Option<OrderId>,
    userref: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cl_ord_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_sub_id: Option<&'a str>,
    status: &'static str,
    opentm: Seconds,
    starttm: i64,
    expiretm: i64,
    time_in_force: &'static str,
    descr: Descr<'a>,
    vol: String,
    vol_exec: String,
    cost: String,
    fee: String,
    price: String,
    stopprice: String,
    limitprice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<&'static str>,
    misc: String,
    oflags: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trades: Option<Vec<ExecId>>,
    /// Only of orders that are over, and then null where the venue has no reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closetm: Option<Seconds>,
}

#[derive(Debug, Serialize)]
struct Descr<'a> {
    pair: &'a str,
    aclass: &'static str,
    #[serde(rename = "type")]
    side: &'static str,
    ordertype: &'static str,
    price: String,
    price2: String,
    leverage: &'static str,
    order: String,
    close: String,
}

/// Renders an order, with its trades if it has any and they are asked for.
pub(super) fn order<'a>(
    pair: &'a PairSpec,
    order: &'a Order,
    trades: Option<Vec<ExecId>>,
) -> OrderRow<'a> {
    let state = &order.state;
    let instrument = &pair.instrument;
    let filled = instrument.quantity_decimal(state.filled);
    let trigger = state.conditions.trigger;
    let fired = trigger.is_some_and(|trigger| trigger.fired.is_some());
    let (status, reason) = match order.status {
        OrderStatus::Open if state.is_pending() => ("pending", None),
        OrderStatus::Open => ("open", None),
        OrderStatus::Closed => ("closed", Some(None)),
        OrderStatus::Canceled {
            reason: reason @ CancelReason::Expired,
        } => ("expired", Some(Some(reason.text()))),
        OrderStatus::Canceled { reason } => ("canceled", Some(Some(reason.text()))),
    };
    OrderRow {
        refid: state.conditions.parent,
        userref: state.userref.unwrap_or(0),
        cl_ord_id: state.cl_ord_id.as_deref(),
        sender_sub_id: state.conditions.sub_id.as_deref(),
        status,
        opentm: Seconds(state.opened),
        starttm: state.conditions.start.map_or(0, |start| start.at.as_secs()),
        expiretm: match state.time_in_force {
            TimeInForce::Gtd(at) => at.as_secs(),
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => 0,
        },
        time_in_force: match state.time_in_force {
            TimeInForce::Gtc => "gtc",
            TimeInForce::Gtd(_) => "gtd",
            TimeInForce::Ioc => "ioc",
            TimeInForce::Fok => "fok",
        },
        descr: description(pair, state),
        vol: told_volume(pair, size_of(state)),
        vol_exec: filled.to_string(),
        cost: cost(pair, state.cost),
        fee: cost(pair, state.fee),
        price: state
            .average_price(&pair.instrument)
            .map_or_else(zero, |price| price.to_string()),
        stopprice: trigger.map_or_else(zero, |trigger| long_price(pair, trigger.price)),
        limitprice: match (fired, state.kind) {
            (true, OrderKind::Limit(limit)) => long_price(pair, limit),
            (true | false, OrderKind::Limit(_) | OrderKind::Market) => zero(),
        },
        trigger: trigger.map(|trigger| match trigger.reference {
            Reference::Last => "last",
            Reference::Index => "index",
        }),
        misc: misc(state),
        oflags: [
            Some(fee_flag(state)),
            state.post_only.then_some("post"),
            state.conditions.cash.map(|_| "viqc"),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(","),
        trades: trades.filter(|trades| !trades.is_empty()),
        reason,
        closetm: order.closed_at.map(Seconds),
    }
}

const ZERO: &str = "0.00000";

fn zero() -> String {
    ZERO.to_owned()
}

fn description<'a>(pair: &'a PairSpec, state: &OrderState) -> Descr<'a> {
    let line = OrderLine::of(pair, state);
    let order = order_text(pair, &line);
    let Told { first, second } = line.prices;
    Descr {
        pair: &pair.altname,
        aclass: "forex",
        side: state.side.as_str(),
        ordertype: line.kind.name(),
        price: first,
        price2: second,
        leverage: "none",
        order,
        close: state
            .conditions
            .close
            .map_or_else(String::new, |template| close::text(pair, &template)),
    }
}

fn misc(state: &OrderState) -> String {
    let fired = state
        .conditions
        .trigger
        .filter(|trigger| trigger.fired.is_some());
    let fired = fired.map(|trigger| match trigger.kind {
        TriggerKind::StopLoss | TriggerKind::TrailingStop => "stopped",
        TriggerKind::TakeProfit => "touched",
    });
    let partial = !state.filled.is_zero() && state.filled < state.qty;
    let words = [
        fired,
        partial.then_some("partial"),
        state.amended.then_some("amended"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// The trade object of `TradesHistory` and `QueryTrades`.
#[derive(Debug, Serialize)]
pub(super) struct TradeRow<'a> {
    ordertxid: OrderId,
    postxid: String,
    pair: &'a str,
    aclass: &'static str,
    time: Seconds,
    #[serde(rename = "type")]
    side: &'static str,
    ordertype: &'static str,
    tradeordertype: &'static str,
    price: String,
    cost: String,
    fee: String,
    vol: String,
    margin: &'static str,
    leverage: &'static str,
    misc: &'static str,
    trade_id: u64,
    maker: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledgers: Option<Vec<ExecId>>,
}

/// One or more fills of an order, told as one trade.
#[derive(Clone, Debug)]
pub(super) struct Trade<'a> {
    /// The first one names the trade.
    fills: SmallVec<[&'a FillFact; 1]>,
    qty: Decimal,
    cost: Decimal,
    notional: Notional,
    fee: Decimal,
}

impl<'a> Trade<'a> {
    /// A fill by itself.
    pub(super) fn new(pair: &PairSpec, fill: &'a FillFact) -> Self {
        Self {
            fills: smallvec![fill],
            qty: pair.instrument.quantity_decimal(fill.qty),
            cost: fill.cost,
            notional: fill.price.notional(fill.qty),
            fee: fill.fee,
        }
    }

    /// The fill that names the trade.
    pub(super) fn first(&self) -> &'a FillFact {
        self.fills[0]
    }

    /// All of them, oldest first.
    pub(super) fn fills(&self) -> &[&'a FillFact] {
        &self.fills
    }

    /// Takes in a fill if it is one more that the same order took. True if so.
    pub(super) fn absorb(&mut self, pair: &PairSpec, fill: &'a FillFact) -> bool {
        let first = self.first();
        let takers = [first.liquidity, fill.liquidity] == [Liquidity::Taker; 2];
        if !takers || first.order.key != fill.order.key {
            return false;
        }
        let more = Trade::new(pair, fill);
        let sums = (
            self.qty.checked_add(more.qty),
            self.cost.checked_add(more.cost),
            self.fee.checked_add(more.fee),
        );
        let (Ok(qty), Ok(cost), Ok(fee)) = sums else {
            return false;
        };
        let Ok(notional) = self.notional.checked_add(more.notional) else {
            return false;
        };
        (self.qty, self.cost, self.fee) = (qty, cost, fee);
        self.notional = notional;
        self.fills.push(fill);
        true
    }

    /// Renders the trade.
    pub(super) fn row(&self, pair: &'a PairSpec, ledgers: Option<Vec<ExecId>>) -> TradeRow<'a> {
        let fill = self.first();
        let price = if self.fills.len() == 1 {
            long_price(pair, fill.price)
        } else {
            let exact = self.notional.to_decimal(pair.instrument.notional_scale());
            let average = exact
                .ok()
                .and_then(|exact| exact.divided_toward_zero(self.qty, 12).ok());
            average.map_or_else(zero, |price| long(pair, price))
        };
        TradeRow {
            ordertxid: fill.order.order_id,
            postxid: position_id(&fill.order.order_id),
            pair: &pair.rest_id,
            aclass: "forex",
            time: Seconds(fill.at),
            side: fill.order.side.as_str(),
            ordertype: OrderType::of(&fill.order).name(),
            tradeordertype: OrderType::of(&fill.order).executed().name(),
            price,
            cost: cost(pair, self.cost),
            fee: cost(pair, self.fee),
            vol: self.qty.to_string(),
            margin: ZERO,
            leverage: "0",
            misc: "",
            trade_id: fill.trade_id,
            maker: fill.liquidity == Liquidity::Maker,
            ledgers,
        }
    }
}

/// Id under which an order's first terms are listed beside its changes.
pub(super) fn id_of_original(order: &OrderId) -> String {
    position_id(order)
}

/// Cash accounts have no positions; rows carry an id all the same, one for each order.
fn position_id(order: &OrderId) -> String {
    format!("T{}", order.get(1..).unwrap_or_default())
}

/// The entry object of `Ledgers` and `QueryLedgers`.
#[derive(Debug, Serialize)]
pub(super) struct LedgerRow<'a> {
    refid: ExecId,
    time: Seconds,
    #[serde(rename = "type")]
    kind: &'static str,
    subtype: &'static str,
    aclass: &'static str,
    asset: &'a str,
    amount: String,
    fee: String,
    balance: String,
}

/// Renders a ledger entry.
pub(super) fn ledger<'a>(universe: &'a Universe, entry: &'a LedgerFact) -> LedgerRow<'a> {
    LedgerRow {
        refid: entry.ref_id,
        time: Seconds(entry.at),
        kind: "trade",
        subtype: "",
        aclass: "currency",
        asset: names::asset_id(universe, &entry.asset),
        amount: entry.amount.to_string(),
        fee: entry.fee.to_string(),
        balance: entry.balance.to_string(),
    }
}
