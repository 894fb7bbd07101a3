//! Rows of `executions` and `balances`: each kind of report with its own set of fields.
//!
//! For: what the venue tells an account (§2.2, §2.3). Left out: who subscribed, sequence numbers.
//! Always true: rows are sparse as the venue's are; follow-up reports leave out symbol, side and quantity.

use super::{
    close::contingent,
    encode::Json,
    order_type::OrderType,
    render::{AMENDED, RESTATED},
};
use crate::{
    sim::{
        View,
        matching::{
            AmendFact, Amender, CancelReason, Change, ChangeFact, FeeCurrency, FillFact,
            LedgerFact, Offset, Order, OrderKind, OrderState, OrderStatus, Reference, TimeInForce,
            Trigger, Universe,
        },
    },
    types::{AssetCode, Decimal, Instrument, Liquidity, Timestamp},
};

/// Fraction digits of amounts in USD.
const USD_DIGITS: u8 = 5;

/// What rows are written from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scribe<'a> {
    /// The venue as it is.
    pub(super) view: View<'a>,
    /// Everything listed.
    pub(super) universe: &'a Universe,
    /// The present instant.
    pub(super) now: Timestamp,
}

impl<'a> Scribe<'a> {
    fn instrument(&self, order: &OrderState) -> Option<&'a Instrument> {
        self.universe.pair(order.pair).map(|pair| &pair.instrument)
    }

    /// Accepted, not in the engine yet.
    pub(super) fn pending_new(&self, order: &OrderState, at: Timestamp) -> Option<String> {
        let of = self.instrument(order)?;
        let mut json = head(order);
        terms(&mut json, of, order);
        json.decimal("cum_cost", Decimal::ZERO, of.cost_precision)
            .decimal("fee_usd_equiv", Decimal::ZERO, USD_DIGITS)
            .text("fee_ccy_pref", fee_flag(order));
        Some(tail(json, "pending_new", "pending_new", at))
    }

    /// Live.
    pub(super) fn live(order: &OrderState, at: Timestamp) -> String {
        tail(head(order), "new", "new", at)
    }

    /// One fill. The status is `partially_filled` even for the last one.
    pub(super) fn trade(&self, fill: &FillFact) -> Option<String> {
        let (order, of) = (&fill.order, self.instrument(&fill.order)?);
        let mut json = head(order);
        self.fill(&mut json, of, fill);
        json.qty("cum_qty", of, order.filled)
            .decimal("cum_cost", order.cost, of.cost_precision)
            .decimal(
                "avg_price",
                order.average_price(of).unwrap_or(Decimal::ZERO),
                of.price_precision,
            );
        Some(tail(json, "trade", "partially_filled", fill.at))
    }

    fn fill(&self, json: &mut Json, of: &Instrument, fill: &FillFact) {
        let order = &fill.order;
        let indicator = match fill.liquidity {
            Liquidity::Maker => "m",
            Liquidity::Taker => "t",
        };
        json.text("exec_id", &fill.exec_id)
            .plain("trade_id", fill.trade_id)
            .text("symbol", &of.symbol)
            .text("side", order.side.as_str())
            .text("order_type", OrderType::of(order).name())
            .qty("last_qty", of, fill.qty)
            .price("last_price", of, fill.price)
            .text("liquidity_ind", indicator)
            .decimal("cost", fill.cost, of.cost_precision);
        json.open_array("fees").item();
        match fill.base_fee {
            Some(fee) => json.text("asset", &of.base).plain("qty", fee),
            None => json
                .text("asset", &of.quote)
                .decimal("qty", fill.fee, of.cost_precision),
        };
        json.close().close_array();
        json.decimal(
            "fee_usd_equiv",
            self.in_usd(&of.quote, order.fee),
            USD_DIGITS,
        );
    }

    /// Completely filled.
    pub(super) fn filled(&self, order: &OrderState) -> Option<String> {
        let of = self.instrument(order)?;
        let mut json = head(order);
        self.totals(&mut json, of, order);
        Some(tail(json, "filled", "filled", self.now))
    }

    /// Changed by its owner.
    pub(super) fn amended(&self, amended: &AmendFact) -> Option<String> {
        let order = &amended.order;
        let of = self.instrument(order)?;
        let mut json = head(order);
        let (kind, reason) = match amended.by {
            Amender::User => ("amended", AMENDED),
            Amender::Venue => ("restated", RESTATED),
        };
        json.plain("amended", true)
            .text("reason", reason)
            .qty("order_qty", of, order.qty);
        if let OrderKind::Limit(price) = order.kind {
            json.price("limit_price", of, price)
                .text("limit_price_type", "static");
        }
        json.qty("cum_qty", of, order.filled);
        if let Some(display) = order.conditions.display {
            json.qty("display_qty", of, display);
        }
        if let Some(trigger) = &order.conditions.trigger {
            triggers(&mut json, of, trigger);
        }
        Some(tail(json, kind, resting(order), amended.at))
    }

    /// Changed by the engine: its trigger moved or fired.
    pub(super) fn changed(&self, changed: &ChangeFact) -> Option<String> {
        let order = &changed.order;
        let of = self.instrument(order)?;
        let mut json = head(order);
        if let Some(trigger) = &order.conditions.trigger {
            triggers(&mut json, of, trigger);
        }
        let kind = match changed.change {
            Change::Triggered | Change::Trailed => "status",
            Change::Started => "new",
            Change::Refilled => {
                json.qty("display_qty_remain", of, order.visible());
                "iceberg_refill"
            }
        };
        if let OrderKind::Limit(price) = order.kind {
            json.price("limit_price", of, price);
        }
        Some(tail(json, kind, resting(order), changed.at))
    }

    /// Gone, unfilled in whole or part.
    pub(super) fn canceled(&self, order: &OrderState, reason: CancelReason) -> Option<String> {
        let of = self.instrument(order)?;
        let mut json = head(order);
        json.text("reason", reason.text())
            .text("cancel_reason", reason.text());
        self.totals(&mut json, of, order);
        let status = ended(reason);
        Some(tail(json, status, status, self.now))
    }

    /// An open order in a snapshot, with all that is known of it.
    pub(super) fn open(&self, order: &OrderState) -> Option<String> {
        let of = self.instrument(order)?;
        let mut json = head(order);
        terms(&mut json, of, order);
        self.totals(&mut json, of, order);
        json.text("fee_ccy_pref", fee_flag(order));
        if order.amended {
            json.plain("amended", true);
        }
        let kind = if order.is_pending() {
            "pending_new"
        } else {
            "new"
        };
        Some(tail(json, kind, resting(order), order.touched))
    }

    /// A fill in a snapshot: with the order's present status, without its totals.
    pub(super) fn past_trade(&self, fill: &FillFact) -> Option<String> {
        let (order, of) = (&fill.order, self.instrument(&fill.order)?);
        let mut json = head(order);
        self.fill(&mut json, of, fill);
        let present = self.view.exchange.order(&order.order_id);
        let status = present.map_or("filled", present_status);
        Some(tail(json, "trade", status, fill.at))
    }

    fn totals(&self, json: &mut Json, of: &Instrument, order: &OrderState) {
        json.qty("cum_qty", of, order.filled)
            .decimal("cum_cost", order.cost, of.cost_precision)
            .decimal(
                "avg_price",
                order.average_price(of).unwrap_or(Decimal::ZERO),
                of.price_precision,
            )
            .decimal(
                "fee_usd_equiv",
                self.in_usd(&of.quote, order.fee),
                USD_DIGITS,
            );
    }

    /// An amount in USD at the last price of its asset; as it is where no price is known.
    fn in_usd(&self, asset: &AssetCode, amount: Decimal) -> Decimal {
        if asset.as_str() == "USD" {
            return amount;
        }
        let rate = || {
            let pair = self.universe.find_symbol(&format!("{asset}/USD"))?;
            let price = self.view.exchange.last_price(pair)?;
            let of = &self.universe.pair(pair)?.instrument;
            amount.checked_mul(of.price_decimal(price)).ok()
        };
        rate().unwrap_or(amount)
    }

    /// A ledger entry.
    pub(super) fn ledger(&self, entry: &LedgerFact) -> String {
        let digits = self.digits(&entry.asset, entry.balance);
        let mut json = Json::object();
        json.text("ledger_id", &entry.ledger_id)
            .text("ref_id", &entry.ref_id)
            .time("timestamp", entry.at)
            .text("type", "trade")
            .text("category", "trade")
            .text("asset", &entry.asset)
            .text("asset_class", "currency")
            .text("wallet_type", "spot")
            .text("wallet_id", "main")
            .decimal("amount", entry.amount, digits)
            .decimal("fee", entry.fee, digits)
            .decimal("balance", entry.balance, digits);
        json.finish()
    }

    /// A balance in a snapshot.
    pub(super) fn balance(&self, asset: &AssetCode, total: Decimal) -> String {
        let digits = self.digits(asset, total);
        let mut json = Json::object();
        json.text("asset", asset)
            .text("asset_class", "currency")
            .decimal("balance", total, digits);
        json.open_array("wallets").item();
        json.text("type", "spot")
            .text("id", "main")
            .decimal("balance", total, digits);
        json.close().close_array();
        json.finish()
    }

    fn digits(&self, asset: &AssetCode, amount: Decimal) -> u8 {
        let spec = self.universe.asset(asset);
        spec.map_or(amount.scale(), |spec| spec.decimals)
    }
}

/// The start of every row.
fn head(order: &OrderState) -> Json {
    let mut json = Json::object();
    json.text("order_id", &order.order_id);
    if let Some(cl_ord_id) = &order.cl_ord_id {
        json.text("cl_ord_id", cl_ord_id);
    }
    json.plain("order_userref", order.userref.unwrap_or(0));
    if let Some(parent) = &order.conditions.parent {
        json.text("ord_ref_id", parent);
    }
    if let Some(sub_id) = &order.conditions.sub_id {
        json.text("sender_sub_id", sub_id);
    }
    json
}

/// The end of every row.
fn tail(mut json: Json, exec_type: &str, order_status: &str, at: Timestamp) -> String {
    json.text("exec_type", exec_type)
        .text("order_status", order_status)
        .time("timestamp", at);
    json.finish()
}

/// What the order asks for.
fn terms(json: &mut Json, of: &Instrument, order: &OrderState) {
    json.text("symbol", &of.symbol)
        .text("side", order.side.as_str())
        .text("order_type", OrderType::of(order).name())
        .qty("order_qty", of, order.qty);
    if let Some(display) = order.conditions.display {
        json.qty("display_qty", of, display)
            .qty("display_qty_remain", of, order.visible());
    }
    if let Some(cash) = order.conditions.cash {
        json.decimal("cash_order_qty", cash, of.cost_precision);
    }
    if let OrderKind::Limit(price) = order.kind {
        json.price("limit_price", of, price)
            .text("limit_price_type", "static");
    }
    let (time_in_force, expires) = match order.time_in_force {
        TimeInForce::Gtc => ("GTC", None),
        TimeInForce::Gtd(at) => ("GTD", Some(at)),
        TimeInForce::Ioc => ("IOC", None),
        TimeInForce::Fok => ("FOK", None),
    };
    match &order.conditions.trigger {
        Some(trigger) => {
            json.price("stop_price", of, trigger.price);
            triggers(json, of, trigger);
        }
        None => {
            json.decimal("stop_price", Decimal::ZERO, of.price_precision);
        }
    }
    json.text("time_in_force", time_in_force);
    if let Some(start) = order.conditions.start {
        json.time("effective_time", start.at);
    }
    if let Some(at) = expires {
        json.time("expire_time", at);
    }
    if let Some(close) = &order.conditions.close {
        contingent(json, of, close);
    }
    if order.post_only {
        json.plain("post_only", true);
    }
}

/// The currency of an order's fees, as flags name it.
pub(super) fn fee_flag(order: &OrderState) -> &'static str {
    match order.conditions.fee_in {
        FeeCurrency::Quote => "fciq",
        FeeCurrency::Base => "fcib",
    }
}

/// What an order waits for.
fn triggers(json: &mut Json, of: &Instrument, trigger: &Trigger) {
    json.open_object("triggers").text(
        "reference",
        match trigger.reference {
            Reference::Last => "last",
            Reference::Index => "index",
        },
    );
    let (kind, asked) = match trigger.asked {
        Offset::At(_) => ("static", None),
        Offset::Percent(percent) => ("pct", Some(percent)),
        Offset::Quote(amount) => ("quote", Some(amount)),
    };
    match asked {
        Some(asked) => json.plain("price", asked),
        None => json.price("price", of, trigger.price),
    };
    json.text("price_type", kind)
        .price("actual_price", of, trigger.price);
    if let Some(peak) = trigger.peak {
        json.price("peak_price", of, peak);
    }
    match trigger.fired {
        Some((last, at)) => json
            .price("last_price", of, last)
            .text("status", "triggered")
            .time("timestamp", at),
        None => json.text("status", "untriggered"),
    };
    json.close();
}

fn resting(order: &OrderState) -> &'static str {
    if order.is_pending() {
        "pending_new"
    } else if order.filled.is_zero() {
        "new"
    } else {
        "partially_filled"
    }
}

fn present_status(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Open => resting(&order.state),
        OrderStatus::Closed => "filled",
        OrderStatus::Canceled { reason } => ended(reason),
    }
}

/// The status of an order that left the book for a reason.
const fn ended(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Expired => "expired",
        CancelReason::User
        | CancelReason::PostOnly
        | CancelReason::Immediate
        | CancelReason::SelfTrade
        | CancelReason::AmendedToFilled
        | CancelReason::Unfillable
        | CancelReason::Funds
        | CancelReason::Replaced
        | CancelReason::OrdersLimit
        | CancelReason::MarketStatus
        | CancelReason::Minimum
        | CancelReason::Delisted
        | CancelReason::NotAlive => "canceled",
    }
}
