//! Placing orders: `AddOrder`, `AddOrderBatch`.
//!
//! For: the wire's own checks, with the venue's texts, and the order text that clients read back.
//! Left out: minimums, ticks, funds, limits, which the matching engine decides; what waits for a price before it trades (`prices` reads it).
//! Always true: what cannot be carried out as asked is refused, never carried out differently.

use std::time::Duration;

use serde::Serialize;

use super::{
    call::{Call, instant},
    extras,
    params::Params,
    prices::{self, Setting},
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        matching::{
            FeeCurrency, NewOrder, OrderKind, PairSpec, Reply, Request, SelfTrade, Size,
            TimeInForce,
        },
        server::{
            auth::Needs,
            batch, close, names,
            order_type::{OrderType, Unusable},
            render::{OrderLine, Told, order_text, told_volume},
            terms,
        },
    },
    types::{ClOrdId, Decimal, OrderId, Quantity, Side, Timestamp},
};

/// Least time from now to a deadline on REST.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(2);
/// Most time from now to a deadline.
const LONGEST_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Descr {
    order: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<String>,
}

#[derive(Serialize)]
struct Added {
    descr: Descr,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<[OrderId; 1]>,
}

/// An order that passed the wire's checks, and how it reads.
struct Parsed {
    order: NewOrder,
    descr: Descr,
}

/// `AddOrder`.
pub(super) fn add(call: &Call<'_>) -> Answer {
    call.needs(Needs::PLACE)?;
    let parsed = parse(call.params, call)?;
    let reply = call.act(Request::Place(parsed.order))?;
    result(&Added {
        descr: parsed.descr,
        txid: placed(&reply).map(|id| [id]),
    })
}

#[derive(Serialize)]
struct Batch {
    orders: Vec<BatchRow>,
}

#[derive(Default, Serialize)]
struct BatchRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    descr: Option<Descr>,
    /// In a batch it stands beside the description.
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// `AddOrderBatch`: all orders are right in themselves, or none is placed.
pub(super) fn add_batch(call: &Call<'_>) -> Answer {
    call.needs(Needs::REPLACE)?;
    let rows = call.params.rows("orders");
    if !(2..=15).contains(&rows.len()) {
        return Err(Failure::argument("orders"));
    }
    let parse_row = |mut row: Params| {
        row.inherit(
            call.params,
            &["pair", "deadline", "validate", "asset_class"],
        );
        parse(&row, call)
    };
    let parsed: Result<Vec<Parsed>, Failure> = rows.into_iter().map(parse_row).collect();
    let parsed = parsed?;
    let asked = parsed.iter().map(|parsed| &parsed.order);
    if let Some(refusal) = batch::spoiled(&call.state.venue, call.account(), asked) {
        return Err(refusal.into());
    }
    let orders = parsed.into_iter().map(|parsed| {
        let reply = call.act(Request::PlaceInBatch(parsed.order));
        match reply {
            Ok(reply) => {
                let Descr { order, close } = parsed.descr;
                let descr = Some(Descr { order, close: None });
                BatchRow {
                    txid: placed(&reply),
                    descr,
                    close,
                    error: None,
                }
            }
            Err(Failure(text)) => BatchRow {
                error: Some(text.into_owned()),
                ..BatchRow::default()
            },
        }
    });
    result(&Batch {
        orders: orders.collect(),
    })
}

const fn placed(reply: &Reply) -> Option<OrderId> {
    match reply {
        Reply::Placed { order_id } => Some(*order_id),
        Reply::Valid
        | Reply::Amended { .. }
        | Reply::Edited { .. }
        | Reply::Canceled { .. }
        | Reply::CanceledAll { .. }
        | Reply::Wound { .. } => None,
    }
}

fn parse(params: &Params, call: &Call<'_>) -> Result<Parsed, Failure> {
    let name = params
        .text("pair")
        .ok_or_else(|| Failure::argument("pair"))?;
    let (pair, spec) = call.state.venue.read(|view| {
        let named = names::pair(view.exchange.universe(), name).ok_or(Failure::UNKNOWN_PAIR)?;
        Ok::<_, Failure>((named.id, named.spec.clone()))
    })?;
    let side = side(params)?;
    let kind = order_type(params)?;
    refuse_unsupported(params)?;
    let (cl_ord_id, userref) = own_ids(params)?;
    let Flags {
        post_only,
        in_quote,
        fee_in,
    } = flags(params, kind)?;
    let last = call.state.venue.read(|view| view.exchange.last_price(pair));
    let setting = Setting {
        pair: &spec,
        side,
        kind,
        last,
    };
    let prices = prices::read(params, setting)?;
    let extras = extras::read(params, setting, call.now, fee_in.unwrap_or_default())?;
    let order = NewOrder {
        pair,
        side,
        kind: prices.limit.map_or(OrderKind::Market, OrderKind::Limit),
        qty: size(params, &spec, in_quote)?,
        time_in_force: time_in_force(params, kind, call.now, extras.start)?,
        post_only,
        trigger: prices.trigger,
        self_trade: self_trade(params)?,
        display: display(params, &spec, kind)?,
        cl_ord_id,
        userref,
        deadline: deadline(params, call.now)?,
        validate: params.flag("validate")?,
        extras,
    };
    if post_only && matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
        return Err(Failure::argument("timeinforce"));
    }
    let line = OrderLine {
        side,
        volume: told_volume(&spec, order.qty),
        kind,
        prices: Told::asked(&spec, order.kind.limit(), order.trigger.as_ref()),
    };
    let descr = Descr {
        order: order_text(&spec, &line),
        close: extras.close.map(|template| close::text(&spec, &template)),
    };
    Ok(Parsed { order, descr })
}

fn side(params: &Params) -> Result<Side, Failure> {
    match params.text("type") {
        Some("buy") => Ok(Side::Buy),
        Some("sell") => Ok(Side::Sell),
        Some(_) | None => Err(Failure::argument("type")),
    }
}

fn order_type(params: &Params) -> Result<OrderType, Failure> {
    let name = params.text("ordertype").unwrap_or_default();
    OrderType::read(name).map_err(|unusable| match unusable {
        Unusable::NotSimulated => Failure::FEATURE,
        Unusable::Unknown => Failure::argument("ordertype"),
    })
}

/// What a cash account may not ask for.
fn refuse_unsupported(params: &Params) -> Result<(), Failure> {
    if params.flag("reduce_only")? {
        return Err(Failure::text("EOrder:Reduce only:No position exists"));
    }
    if !matches!(params.text("leverage"), None | Some("none" | "0")) {
        return Err(Failure::text("EOrder:Cannot open position"));
    }
    Ok(())
}

fn self_trade(params: &Params) -> Result<SelfTrade, Failure> {
    match params.text("stptype") {
        None | Some("cancel-newest") => Ok(SelfTrade::CancelNewest),
        Some("cancel-oldest") => Ok(SelfTrade::CancelOldest),
        Some("cancel-both") => Ok(SelfTrade::CancelBoth),
        Some(_) => Err(Failure::argument("stptype")),
    }
}

fn own_ids(params: &Params) -> Result<(Option<ClOrdId>, Option<i32>), Failure> {
    let userref: Option<i32> = super::call::number(params, "userref")?;
    let userref = userref.filter(|number| *number != 0);
    let cl_ord_id = params.text("cl_ord_id").map(client_id).transpose()?;
    if cl_ord_id.is_some() && userref.is_some() {
        return Err(Failure::argument("cl_ord_id"));
    }
    Ok((cl_ord_id, userref))
}

/// Reads a client's id.
pub(super) fn client_id(text: &str) -> Result<ClOrdId, Failure> {
    terms::client_id(text).ok_or_else(|| Failure::argument("cl_ord_id"))
}

/// What `oflags` says.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    post_only: bool,
    /// The volume is an amount of quote.
    in_quote: bool,
    fee_in: Option<FeeCurrency>,
}

fn flags(params: &Params, kind: OrderType) -> Result<Flags, Failure> {
    let mut flags = Flags::default();
    for flag in params.list("oflags") {
        match flag {
            "post" if kind.limit => flags.post_only = true,
            "viqc" if kind == OrderType::MARKET => flags.in_quote = true,
            "fcib" if flags.fee_in != Some(FeeCurrency::Quote) => {
                flags.fee_in = Some(FeeCurrency::Base);
            }
            "fciq" if flags.fee_in != Some(FeeCurrency::Base) => {
                flags.fee_in = Some(FeeCurrency::Quote);
            }
            // Market protection cannot be switched off.
            "nompp" => {}
            _ => return Err(Failure::argument("oflags")),
        }
    }
    Ok(flags)
}

/// What an iceberg shows; nothing else hides anything.
fn display(params: &Params, pair: &PairSpec, kind: OrderType) -> Result<Option<Quantity>, Failure> {
    match (params.text("displayvol"), kind.iceberg) {
        // Clients with a default for each field send 0 where they mean nothing.
        (None | Some("0"), false) => Ok(None),
        (Some(_) | None, true) => volume(params, "displayvol", pair).map(Some),
        (Some(_), false) => Err(Failure::argument("displayvol")),
    }
}

/// How much: base, or with `viqc` quote, in which surplus decimals are cut too.
fn size(params: &Params, pair: &PairSpec, in_quote: bool) -> Result<Size, Failure> {
    if !in_quote {
        return volume(params, "volume", pair).map(Size::Base);
    }
    let cash = params.text("volume").and_then(plain);
    let cut = cash.and_then(|cash| {
        cash.rounded_toward_zero(pair.instrument.cost_precision)
            .ok()
    });
    cut.map(Size::Cash)
        .ok_or_else(|| Failure::argument("volume"))
}

fn time_in_force(
    params: &Params,
    kind: OrderType,
    now: Timestamp,
    start: Option<Timestamp>,
) -> Result<TimeInForce, Failure> {
    let expiry = expiry(params, now, start)?;
    let named = params.text("timeinforce").map(str::to_ascii_uppercase);
    match (named.as_deref(), expiry) {
        // A time of expiry says it all.
        (Some("GTD") | None, Some(at)) => Ok(TimeInForce::Gtd(at)),
        (Some("GTC") | None, None) => Ok(TimeInForce::Gtc),
        (Some("IOC"), None) => Ok(TimeInForce::Ioc),
        (Some("FOK"), None) if kind == OrderType::LIMIT => Ok(TimeInForce::Fok),
        (Some("GTD"), None) | (Some("GTC" | "IOC" | "FOK"), Some(_)) => {
            Err(Failure::argument("expiretm"))
        }
        _ => Err(Failure::argument("timeinforce")),
    }
}

/// When the order expires: after it has begun, and not too soon nor too late.
fn expiry(
    params: &Params,
    now: Timestamp,
    start: Option<Timestamp>,
) -> Result<Option<Timestamp>, Failure> {
    match instant(params, "expiretm", now)? {
        None => Ok(None),
        Some(at) if terms::is_expiry(at, start, now) => Ok(Some(at)),
        Some(_) => Err(Failure::argument("expiretm")),
    }
}

/// A quantity; surplus decimals are cut, as the venue does.
pub(super) fn volume(params: &Params, name: &str, pair: &PairSpec) -> Result<Quantity, Failure> {
    let read = |text| {
        let amount = plain(text)?;
        let cut = amount.rounded_toward_zero(pair.instrument.qty_precision);
        let units = i64::try_from(cut.ok()?.mantissa()).ok()?;
        Quantity::new(units).ok()
    };
    params
        .text(name)
        .and_then(read)
        .ok_or_else(|| Failure::argument(name))
}

/// An amount in plain notation. The venue refuses exponents and signs.
pub(super) fn plain(text: &str) -> Option<Decimal> {
    let digits = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.then(|| text.parse().ok()).flatten()
}

/// An optional deadline, at least two seconds and at most a minute ahead. One that has passed is for the engine to refuse.
pub(super) fn deadline(params: &Params, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = params.text("deadline") else {
        return Ok(None);
    };
    let invalid = || Failure::argument("deadline");
    let deadline = Timestamp::parse(text).map_err(|_malformed| invalid())?;
    let allowed = now.after(SHORTEST_DEADLINE)..=now.after(LONGEST_DEADLINE);
    if deadline < now || allowed.contains(&deadline) {
        return Ok(Some(deadline));
    }
    Err(invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_lie_two_seconds_to_a_minute_ahead_or_in_the_past() {
        let now = Timestamp::parse("2026-09-01T08:00:00Z").unwrap();
        let read = |text: &str| {
            let form = format!("deadline={text}");
            deadline(&Params::from_form(form.as_bytes()), now)
        };
        assert_eq!(read(""), Ok(None));
        for good in ["08:00:02Z", "08:01:00Z", "07:59:59.999Z"] {
            assert!(read(&format!("2026-09-01T{good}")).unwrap().is_some());
        }
        for bad in ["2026-09-01T08:00:01.999Z", "2026-09-01T08:01:00.001Z", "5"] {
            assert_eq!(read(bad), Err(Failure::argument("deadline")), "{bad}");
        }
    }
}
