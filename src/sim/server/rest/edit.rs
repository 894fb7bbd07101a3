//! `EditOrder`: an order replaced by a new one (§2.6, §3.4).

use serde::Serialize;

use super::{
    call::Call,
    changes::{by_id, by_userref, found, is_in},
    orders::{deadline, volume},
    params::Params,
    prices::{self, Setting},
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        matching::{CancelTarget, Edit, OrderState, PairSpec, Refusal, Reply, Request},
        server::{
            auth::Needs,
            order_type::OrderType,
            render::{OrderLine, order_text},
        },
    },
    types::OrderId,
};

#[derive(Serialize)]
struct Descr {
    order: String,
}

#[derive(Serialize)]
struct Edited {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<OrderId>,
    originaltxid: OrderId,
    volume: String,
    price: String,
    price2: String,
    orders_cancelled: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    newuserref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    olduserref: Option<String>,
    descr: Descr,
}

/// `EditOrder`.
pub(super) fn edit(call: &Call<'_>) -> Answer {
    call.needs(Needs::REPLACE)?;
    let params = call.params;
    let named = params
        .text("pair")
        .ok_or_else(|| Failure::argument("pair"))?;
    let target = target(call)?;
    let Some((order, pair)) = found(call, &target) else {
        // The engine says whether it ever was.
        return Err(refusal(call, target));
    };
    is_in(call, named, order.pair)?;
    let edit = read(call, target, &order, &pair)?;
    let (validate, userref) = (edit.validate, edit.userref);
    let reply = call.act(Request::Edit(edit.clone()))?;
    let txid = match reply {
        Reply::Edited { order_id, .. } => Some(order_id),
        Reply::Valid => None,
        Reply::Placed { .. }
        | Reply::Amended { .. }
        | Reply::Canceled { .. }
        | Reply::CanceledAll { .. }
        | Reply::Wound { .. } => return Err(Failure::INTERNAL),
    };
    let new = call.state.venue.read(|view| match txid {
        Some(id) => view.exchange.order(&id).map(|new| new.state.clone()),
        None => view.exchange.edited(call.now, &order, &edit).ok(),
    });
    let line = OrderLine::of(&pair, new.as_ref().unwrap_or(&order));
    result(&Edited {
        status: "ok",
        txid,
        originaltxid: order.order_id,
        volume: line.volume.clone(),
        price: line.prices.first().to_owned(),
        price2: line.prices.second().to_owned(),
        orders_cancelled: u8::from(!validate),
        newuserref: userref.map(|number| number.to_string()),
        olduserref: order.userref.map(|number| number.to_string()),
        descr: Descr {
            order: order_text(&pair, &line),
        },
    })
}

/// The order by its id, or by a reference that one order alone has.
fn target(call: &Call<'_>) -> Result<CancelTarget, Failure> {
    let id = call.params.text("txid");
    let id = id.ok_or_else(|| Failure::argument("txid"))?;
    let Ok(userref) = id.parse::<i32>() else {
        return by_id(id);
    };
    match by_userref(call, userref)?[..] {
        [one] => Ok(one),
        _ => Err(Refusal::InvalidOrder.into()),
    }
}

fn refusal(call: &Call<'_>, target: CancelTarget) -> Failure {
    let nothing = Edit {
        validate: true,
        ..Edit::of(target)
    };
    let refused = call.act(Request::Edit(nothing));
    refused.err().unwrap_or(Failure::INTERNAL)
}

fn read(
    call: &Call<'_>,
    target: CancelTarget,
    order: &OrderState,
    pair: &PairSpec,
) -> Result<Edit, Failure> {
    let params = call.params;
    let kind = OrderType::of(order);
    let last = call
        .state
        .venue
        .read(|view| view.exchange.last_price(order.pair));
    let setting = Setting {
        pair,
        side: order.side,
        kind,
        last,
    };
    let offset = |name: &str| {
        let text = params.text(name);
        text.map(|text| prices::offset(text, name, setting))
            .transpose()
    };
    let (price, price2) = (offset("price")?, offset("price2")?);
    let (limit, trigger) = match kind.trigger {
        None => (price, None),
        Some(_) => (price2, price),
    };
    let qty = params.text("volume");
    let userref: Option<i32> = super::call::number(params, "userref")?;
    Ok(Edit {
        target,
        qty: qty.map(|_| volume(params, "volume", pair)).transpose()?,
        price: limit.map(|limit| setting.limit(limit)).transpose()?,
        trigger,
        display: params
            .text("displayvol")
            .map(|_| volume(params, "displayvol", pair))
            .transpose()?,
        post_only: is_post_only(params)?,
        userref,
        deadline: deadline(params, call.now)?,
        validate: params.flag("validate")?,
    })
}

fn is_post_only(params: &Params) -> Result<bool, Failure> {
    match params.list("oflags")[..] {
        [] => Ok(false),
        ["post"] => Ok(true),
        _ => Err(Failure::argument("oflags")),
    }
}
