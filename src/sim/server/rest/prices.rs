//! Prices of an order over REST: plain ones, and those that are told from the last trade's (`+5%`, `-150`, `#3%`).

use super::{params::Params, reply::Failure};
use crate::{
    sim::{
        matching::{NewTrigger, Offset, PairSpec, Reference, TriggerKind},
        server::{order_type::OrderType, refusal::too_many_decimals},
    },
    types::{Decimal, Price, Side},
};

/// What the prices of an order come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    /// The limit of an order that waits for nothing.
    pub(super) limit: Option<Price>,
    /// What an order waits for, with its limit.
    pub(super) trigger: Option<NewTrigger>,
}

/// The order that the prices belong to, and where the market is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) pair: &'a PairSpec,
    pub(super) side: Side,
    pub(super) kind: OrderType,
    pub(super) last: Option<Price>,
}

/// Reads `price`, `price2` and `trigger`.
///
/// # Errors
///
/// Prices that are missing, none, or beside nothing.
pub(super) fn read(params: &Params, at: Setting<'_>) -> Result<Prices, Failure> {
    let Some(kind) = at.kind.trigger else {
        let limit = match at.kind.limit {
            false => None,
            true => Some(at.settled(asked(params, "price", at)?)?),
        };
        let trigger = None;
        return Ok(Prices { limit, trigger });
    };
    let reference = match params.text("trigger") {
        None | Some("last") => Reference::Last,
        Some("index") => Reference::Index,
        Some(_) => return Err(Failure::argument("trigger")),
    };
    let price = asked(params, "price", at)?;
    let trailing = kind == TriggerKind::TrailingStop;
    if trailing && !price.is_distance() {
        return Err(Failure::argument("price"));
    }
    let limit = match (at.kind.limit, trailing) {
        (false, _) => None,
        // It follows the trigger, so it is told from there.
        (true, true) => match asked(params, "price2", at)? {
            Offset::At(_) => return Err(Failure::argument("price2")),
            distance @ (Offset::Percent(_) | Offset::Quote(_)) => Some(distance),
        },
        // From the last trade's, not from the trigger's.
        (true, false) => Some(Offset::At(at.settled(asked(params, "price2", at)?)?)),
    };
    let trigger = NewTrigger {
        kind,
        reference,
        price,
        limit,
    };
    Ok(Prices {
        limit: None,
        trigger: Some(trigger),
    })
}

impl Setting<'_> {
    /// The price that an offset from the last trade's comes to.
    pub(super) fn settled(self, offset: Offset) -> Result<Price, Failure> {
        let of = &self.pair.instrument;
        offset
            .from(self.last, of.price_precision, of.tick)
            .ok_or(Failure::text("EOrder:Invalid price"))
    }

    /// A limit: one that follows a trailing trigger stays a distance.
    pub(super) fn limit(self, offset: Offset) -> Result<Offset, Failure> {
        match self.kind.trigger {
            Some(TriggerKind::TrailingStop) => Ok(offset),
            Some(TriggerKind::StopLoss | TriggerKind::TakeProfit) | None => {
                self.settled(offset).map(Offset::At)
            }
        }
    }

    /// The sign that `#` stands for: limits and profits lie on the good side of the market, stops on the bad one.
    const fn away(self) -> bool {
        let below = matches!(
            (self.kind.trigger, self.side),
            (None | Some(TriggerKind::TakeProfit), Side::Buy)
                | (
                    Some(TriggerKind::StopLoss | TriggerKind::TrailingStop),
                    Side::Sell
                )
        );
        !below
    }
}

fn asked(params: &Params, name: &str, at: Setting<'_>) -> Result<Offset, Failure> {
    named(params, name, name, at)
}

/// Reads one price that refusals know by another name.
pub(super) fn named(
    params: &Params,
    key: &str,
    name: &str,
    at: Setting<'_>,
) -> Result<Offset, Failure> {
    let text = params.text(key).ok_or_else(|| Failure::argument(name))?;
    offset(text, name, at)
}

/// Reads one price.
pub(super) fn offset(text: &str, name: &str, at: Setting<'_>) -> Result<Offset, Failure> {
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'+') => (Some(true), &text[1..]),
        Some(b'-') => (Some(false), &text[1..]),
        Some(b'#') => (Some(at.away()), &text[1..]),
        _ => (None, text),
    };
    let (digits, percent) = match rest.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let amount = super::orders::plain(digits).ok_or_else(|| Failure::argument(name))?;
    let signed = |up: bool| if up { amount } else { amount.negated() };
    match (sign, percent) {
        (Some(up), true) => Ok(Offset::Percent(signed(up))),
        (Some(up), false) => Ok(Offset::Quote(signed(up))),
        (None, true) => Err(Failure::argument(name)),
        (None, false) => absolute(amount, name, at.pair).map(Offset::At),
    }
}

/// A price in the pair's units.
pub(super) fn absolute(price: Decimal, name: &str, pair: &PairSpec) -> Result<Price, Failure> {
    if price.is_zero() {
        return Err(Failure::text("EOrder:Invalid price:Invalid price argument"));
    }
    let digits = pair.instrument.price_precision;
    if price.normalized().scale() > digits {
        return Err(Failure(too_many_decimals(&pair.instrument).into()));
    }
    let units = price
        .mantissa_at(digits)
        .and_then(|units| i64::try_from(units).ok());
    let price = units.and_then(|units| Price::new(units).ok());
    price.ok_or_else(|| Failure::argument(name))
}
