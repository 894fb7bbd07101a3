//! What few orders ask for over REST: `close[…]`, `starttm`, `sender_sub_id` (§3.4).

use super::{
    call::instant,
    params::{Param, Params},
    prices::{self, Setting},
    reply::Failure,
};
use crate::{
    sim::{
        matching::{Close, Extras, FeeCurrency, Offset, TriggerKind},
        server::{
            order_type::OrderType,
            terms::{self, NO_NAME_WITH_CLOSE},
        },
    },
    types::Timestamp,
};

/// Reads them. `at` is of the order itself.
///
/// # Errors
///
/// Values that are none; a close of an order with a client's id.
pub(super) fn read(
    params: &Params,
    at: Setting<'_>,
    now: Timestamp,
    fee_in: FeeCurrency,
) -> Result<Extras, Failure> {
    let sub_id = params.text("sender_sub_id");
    Ok(Extras {
        close: close(params, at)?,
        start: start(params, now)?,
        sub_id: sub_id
            .map(|text| terms::client_id(text).ok_or_else(|| Failure::argument("sender_sub_id")))
            .transpose()?,
        fee_in,
    })
}

fn close(params: &Params, at: Setting<'_>) -> Result<Option<Close>, Failure> {
    let close = match params.get("close") {
        None => return Ok(None),
        Some(Param::Map(close)) if close.is_empty() => return Ok(None),
        Some(Param::Text(text)) if text.is_empty() => return Ok(None),
        Some(Param::Map(close)) => close,
        Some(Param::Text(_) | Param::List(_)) => return Err(Failure::argument("close")),
    };
    if params.text("cl_ord_id").is_some() {
        return Err(Failure::text(NO_NAME_WITH_CLOSE));
    }
    // Only these three count; whatever else is in there is passed over, as everywhere.
    let named = close.text("ordertype").and_then(OrderType::read_close);
    let kind = named.ok_or_else(|| Failure::argument("close[ordertype]"))?;
    let at = Setting {
        side: at.side.opposite(),
        kind,
        ..at
    };
    let price = prices::named(close, "price", "close[price]", at)?;
    let Some(trigger) = kind.trigger else {
        return Ok(Some(Close {
            trigger: None,
            limit: Some(price),
            follows: false,
        }));
    };
    let trailing = trigger == TriggerKind::TrailingStop;
    if trailing && !price.is_distance() {
        return Err(Failure::argument("close[price]"));
    }
    let limit = || match prices::named(close, "price2", "close[price2]", at)? {
        Offset::At(_) if trailing => Err(Failure::argument("close[price2]")),
        limit @ (Offset::At(_) | Offset::Percent(_) | Offset::Quote(_)) => Ok(limit),
    };
    Ok(Some(Close {
        trigger: Some((trigger, price)),
        limit: kind.limit.then(limit).transpose()?,
        follows: trailing,
    }))
}

/// When the order begins: in Unix seconds, or so many seconds from now. What is over is now.
fn start(params: &Params, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let at = instant(params, "starttm", now)?;
    match at {
        Some(at) if !terms::is_start(at, now) => Err(Failure::argument("starttm")),
        at => Ok(at),
    }
}
