//! Changing and canceling orders: `AmendOrder`, `CancelOrder`, `CancelOrderBatch`, `CancelAll`, `CancelAllOrdersAfter`.
//!
//! Always true: an answer counts only what the venue accepted; where nothing was, the first refusal is the answer.

use serde::Serialize;

use super::{
    call::Call,
    orders::{client_id, deadline, volume},
    prices::{self, Setting},
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        matching::{
            Amend, Cancel, CancelTarget, OrderState, PairId, PairSpec, Refusal, Reply, Request,
        },
        server::{
            auth::Needs,
            names,
            order_type::OrderType,
            switch::{self, SwitchTimes},
        },
    },
    types::{ExecId, OrderId},
};

/// Most orders in one batch of cancels.
const LARGEST_BATCH: usize = 50;

#[derive(Serialize)]
struct Amended {
    amend_id: ExecId,
}

/// `AmendOrder`.
pub(super) fn amend(call: &Call<'_>) -> Answer {
    call.needs(Needs::CHANGE)?;
    let params = call.params;
    let target = match (params.text("txid"), params.text("cl_ord_id")) {
        (Some(id), None) => by_id(id)?,
        (None, Some(name)) => CancelTarget::Client(client_id(name)?),
        (Some(_), Some(_)) => return Err(Failure::argument("cl_ord_id")),
        (None, None) => return Err(Failure::argument("txid")),
    };
    let mut amend = Amend {
        post_only: params.flag("post_only")?,
        deadline: deadline(params, call.now)?,
        ..Amend::of(target)
    };
    // Digits have a meaning only in a pair. Without an open order there is none, and the engine says why.
    if let Some((order, pair)) = found(call, &target) {
        if let Some(named) = params.text("pair") {
            is_in(call, named, order.pair)?;
        }
        if params.text("order_qty").is_some() {
            amend.qty = Some(volume(params, "order_qty", &pair)?);
        }
        let last = call
            .state
            .venue
            .read(|view| view.exchange.last_price(order.pair));
        let setting = Setting {
            pair: &pair,
            side: order.side,
            kind: OrderType::of(&order),
            last,
        };
        let limit = params.text("limit_price");
        let limit = limit.map(|text| prices::offset(text, "limit_price", setting));
        amend.price = limit
            .transpose()?
            .map(|limit| setting.limit(limit))
            .transpose()?;
        let trigger = params.text("trigger_price");
        let trigger = trigger.map(|text| prices::offset(text, "trigger_price", setting));
        amend.trigger = trigger.transpose()?;
        if params.text("display_qty").is_some() {
            amend.display = Some(volume(params, "display_qty", &pair)?);
        }
    }
    match call.act(Request::Amend(amend))? {
        Reply::Amended { amend_id, .. } => result(&Amended { amend_id }),
        Reply::Placed { .. }
        | Reply::Valid
        | Reply::Edited { .. }
        | Reply::Canceled { .. }
        | Reply::CanceledAll { .. }
        | Reply::Wound { .. } => Err(Failure::INTERNAL),
    }
}

/// An open order of the caller, with its pair.
pub(super) fn found(call: &Call<'_>, target: &CancelTarget) -> Option<(OrderState, PairSpec)> {
    call.state.venue.read(|view| {
        let mut open = view.exchange.open_orders(call.account());
        let order = open.find(|order| match target {
            CancelTarget::Order(id) => order.state.order_id == *id,
            CancelTarget::Client(name) => order.state.cl_ord_id == Some(*name),
        })?;
        let pair = view.exchange.universe().pair(order.state.pair)?;
        Some((order.state.clone(), pair.clone()))
    })
}

/// Refuses a change that names another pair than its order's.
pub(super) fn is_in(call: &Call<'_>, named: &str, pair: PairId) -> Result<(), Failure> {
    let found = call.state.venue.read(|view| {
        let named = names::pair(view.exchange.universe(), named)?;
        Some(named.id)
    });
    match found {
        None => Err(Failure::UNKNOWN_PAIR),
        Some(id) if id != pair => Err(Failure::argument("pair")),
        Some(_) => Ok(()),
    }
}

#[derive(Serialize)]
struct Count {
    count: usize,
}

/// `CancelOrder`: by id, by a comma list of ids, by user reference, or by the client's id.
pub(super) fn cancel(call: &Call<'_>) -> Answer {
    call.needs(Needs::CHANGE)?;
    let ids = call.params.list("txid");
    let names = call.params.list("cl_ord_id");
    match (ids.is_empty(), names.is_empty()) {
        (true, true) => Err(Failure::argument("txid")),
        (false, false) => Err(Failure::argument("cl_ord_id")),
        _ => cancel_each(call, &ids, &names, Request::Cancel),
    }
}

/// `CancelOrderBatch`.
pub(super) fn cancel_batch(call: &Call<'_>) -> Answer {
    call.needs(Needs::CHANGE)?;
    let ids = call.params.list("orders");
    let names = call.params.list("cl_ord_ids");
    if !(1..=LARGEST_BATCH).contains(&(ids.len() + names.len())) {
        return Err(Failure::argument("orders"));
    }
    cancel_each(call, &ids, &names, Request::CancelInBatch)
}

/// `CancelAll`.
pub(super) fn cancel_all(call: &Call<'_>) -> Answer {
    call.needs(Needs::CHANGE)?;
    match call.act(Request::CancelAll)? {
        Reply::CanceledAll { count } => result(&Count {
            count: usize::try_from(count).unwrap_or(usize::MAX),
        }),
        Reply::Placed { .. }
        | Reply::Valid
        | Reply::Amended { .. }
        | Reply::Edited { .. }
        | Reply::Canceled { .. }
        | Reply::Wound { .. } => Err(Failure::INTERNAL),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wound {
    current_time: String,
    trigger_time: String,
}

/// `CancelAllOrdersAfter`.
pub(super) fn cancel_all_after(call: &Call<'_>) -> Answer {
    call.needs(Needs::CHANGE)?;
    let seconds: Option<u64> = call.number("timeout")?;
    let seconds = seconds.ok_or_else(|| Failure::argument("timeout"))?;
    let timeout = switch::timeout(seconds).map_err(Failure::text)?;
    call.act(Request::CancelAllAfter(timeout))?;
    let SwitchTimes { current, trigger } = SwitchTimes::new(call.now, timeout);
    result(&Wound {
        current_time: current,
        trigger_time: trigger,
    })
}

fn cancel_each(
    call: &Call<'_>,
    ids: &[&str],
    names: &[&str],
    ask: fn(Cancel) -> Request,
) -> Answer {
    // All are read before the first is canceled, so that a malformed list does nothing.
    let (mut targets, mut count, mut first) = (Vec::new(), 0, None);
    for id in ids {
        match id.parse::<i32>().map(|userref| by_userref(call, userref)) {
            Ok(Ok(marked)) => targets.extend(marked),
            // Like an id that nothing has: the others are canceled.
            Ok(Err(unknown)) => first = first.or(Some(unknown)),
            Err(_no_number) => targets.push(by_id(id)?),
        }
    }
    for name in names {
        targets.push(CancelTarget::Client(client_id(name)?));
    }
    for target in targets {
        match call.act(ask(Cancel { target })) {
            Ok(_reply) => count += 1,
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    match first {
        Some(failure) if count == 0 => Err(failure),
        Some(_) | None => result(&Count { count }),
    }
}

pub(super) fn by_id(id: &str) -> Result<CancelTarget, Failure> {
    let id = OrderId::new(id).map_err(|_not_an_id| Failure::from(Refusal::InvalidOrder))?;
    Ok(CancelTarget::Order(id))
}

/// Every open order with this reference; none is an error.
pub(super) fn by_userref(call: &Call<'_>, userref: i32) -> Result<Vec<CancelTarget>, Failure> {
    let targets: Vec<CancelTarget> = call.state.venue.read(|view| {
        view.exchange
            .open_orders(call.account())
            .filter(|order| order.state.userref == Some(userref))
            .map(|order| CancelTarget::Order(order.state.order_id))
            .collect()
    });
    if targets.is_empty() {
        return Err(Refusal::UnknownOrder.into());
    }
    Ok(targets)
}
