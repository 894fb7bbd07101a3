//! One small function a rule, in the order in which they are asked: cheapest and most general first.

use super::{Code, Refusal, View, Wish};
use crate::types::{AssetCode, Decimal, InvalidDecimal, Quantity, Side, TradingStatus};

/// A rule: passes, or says why not.
pub type Rule = fn(&View<'_>, &Wish<'_>) -> Result<(), Refusal>;

/// All rules with their names.
pub const RULES: [(&str, Rule); 16] = [
    ("trading", trading),
    ("order_entry", order_entry),
    ("venue_status", venue_status),
    ("pair_halted", pair_halted),
    ("book_verified", book_verified),
    ("book_age", book_age),
    ("tick_and_lot", tick_and_lot),
    ("minimums", minimums),
    ("order_qty", order_qty),
    ("order_notional", order_notional),
    ("position", position),
    ("open_orders", open_orders),
    ("collar", collar),
    ("self_trade", self_trade),
    ("balance", balance),
    ("throttle", throttle),
];

fn refuse_if(condition: bool, code: Code) -> Result<(), Refusal> {
    if condition {
        Err(Refusal::plain(code))
    } else {
        Ok(())
    }
}

fn at_most(value: Decimal, limit: Decimal, code: Code) -> Result<(), Refusal> {
    if value > limit {
        Err(Refusal::numbers(code, value, limit))
    } else {
        Ok(())
    }
}

fn overflow(_error: InvalidDecimal) -> Refusal {
    Refusal::plain(Code::Overflow)
}

fn trading(view: &View<'_>, _: &Wish<'_>) -> Result<(), Refusal> {
    refuse_if(!view.trading, Code::NotTrading)
}

fn order_entry(view: &View<'_>, _: &Wish<'_>) -> Result<(), Refusal> {
    refuse_if(!view.order_entry_open, Code::OrderEntryShut)
}

fn venue_status(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let takes = |status| match status {
        // Every order of ours has a limit price.
        TradingStatus::Online | TradingStatus::LimitOnly => true,
        TradingStatus::PostOnly => wish.post_only,
        TradingStatus::ReduceOnly => reduces(view, wish),
        TradingStatus::CancelOnly
        | TradingStatus::Maintenance
        | TradingStatus::Closed
        | TradingStatus::InProgress => false,
    };
    refuse_if(
        !takes(view.venue) || !takes(view.instrument.status),
        Code::VenueStatus,
    )
}

/// Whether the order, filled, leaves a smaller position on the same side of zero.
fn reduces(view: &View<'_>, wish: &Wish<'_>) -> bool {
    let held = view.position.base_units();
    let wanted = i128::from(wish.open.units());
    match wish.side {
        Side::Buy => held <= -wanted,
        Side::Sell => held >= wanted,
    }
}

fn pair_halted(view: &View<'_>, _: &Wish<'_>) -> Result<(), Refusal> {
    refuse_if(view.halted, Code::PairHalted)
}

fn book_verified(view: &View<'_>, _: &Wish<'_>) -> Result<(), Refusal> {
    refuse_if(!view.book.is_verified(), Code::BookStale)
}

fn book_age(view: &View<'_>, _: &Wish<'_>) -> Result<(), Refusal> {
    let age = view.now.since(view.book_changed);
    refuse_if(age > view.limits.max_book_age, Code::BookOld)
}

fn tick_and_lot(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    refuse_if(!wish.price.is_multiple_of(view.instrument.tick), Code::Tick)?;
    let lot = view.instrument.lot;
    refuse_if(wish.open.rounded_down_to(lot) != wish.open, Code::Lot)
}

fn minimums(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let (instrument, qty) = (view.instrument, wish.open);
    if qty < instrument.qty_min || qty.is_zero() {
        let (value, limit) = (
            instrument.quantity_decimal(qty),
            instrument.quantity_decimal(instrument.qty_min),
        );
        return Err(Refusal::numbers(Code::Minimum, value, limit));
    }
    let cost = notional(view, wish)?;
    if cost < instrument.cost_min {
        return Err(Refusal::numbers(Code::Minimum, cost, instrument.cost_min));
    }
    Ok(())
}

fn notional(view: &View<'_>, wish: &Wish<'_>) -> Result<Decimal, Refusal> {
    wish.price
        .notional(wish.open)
        .to_decimal(view.instrument.notional_scale())
        .map_err(|_overflow| Refusal::plain(Code::Overflow))
}

fn order_qty(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let Some(limit) = view.limits.max_order_qty else {
        return Ok(());
    };
    at_most(
        view.instrument.quantity_decimal(wish.open),
        limit,
        Code::OrderQty,
    )
}

fn order_notional(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let Some(limit) = view.limits.max_order_notional else {
        return Ok(());
    };
    at_most(notional(view, wish)?, limit, Code::OrderNotional)
}

/// The position if this and everything open on its side were filled and nothing on the other.
fn position(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let Some(limit) = view.limits.max_position else {
        return Ok(());
    };
    let replaced = wish
        .changes
        .map_or(Quantity::ZERO, |order| order.open_qty());
    let open = view.orders.open_units(view.id, wish.side) - i128::from(replaced.units());
    // While the change is not settled the worse of old and new counts.
    let added = open + i128::from(wish.open.max(replaced).units());
    let worst = match wish.side {
        Side::Buy => view.position.base_units() + added,
        Side::Sell => view.position.base_units() - added,
    };
    let precision = view.instrument.qty_precision;
    let worst = Decimal::new(worst, precision).map_err(overflow)?;
    let toward_zero = match wish.side {
        Side::Buy => !worst.is_negative() && worst > limit,
        Side::Sell => worst.is_negative() && worst.abs() > limit,
    };
    if toward_zero {
        Err(Refusal::numbers(Code::Position, worst, limit))
    } else {
        Ok(())
    }
}

fn open_orders(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    if wish.changes.is_some() {
        return Ok(());
    }
    let open = view.orders.live_of(view.id).count() as u64 + 1;
    let limit = view.limits.max_open_orders.min(view.tier.max_open_orders());
    let number = |count: u64| Decimal::new(i128::from(count), 0).unwrap_or(Decimal::ZERO);
    at_most(number(open), number(u64::from(limit)), Code::OpenOrders)
}

/// A passive price may not be far below its own side, an aggressive one not far beyond the other.
fn collar(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let (Some(bid), Some(ask)) = (view.book.best_bid(), view.book.best_ask()) else {
        return Err(Refusal::plain(Code::BookStale));
    };
    let price = i128::from(wish.price.units());
    let (bid, ask) = (i128::from(bid.price.units()), i128::from(ask.price.units()));
    let share = |of: i128, ppm: u32| of * i128::from(ppm) / 1_000_000;
    let (passive, aggressive) = (
        view.limits.collar_passive_ppm,
        view.limits.collar_aggressive_ppm,
    );
    let (low, high) = match wish.side {
        Side::Buy => (bid - share(bid, passive), ask + share(ask, aggressive)),
        Side::Sell => (bid - share(bid, aggressive), ask + share(ask, passive)),
    };
    if (low..=high).contains(&price) {
        return Ok(());
    }
    let edge = if price < low { low } else { high };
    let scale = view.instrument.price_precision;
    let decimal = |units| Decimal::new(units, scale).map_err(overflow);
    Err(Refusal::numbers(
        Code::Collar,
        decimal(price)?,
        decimal(edge)?,
    ))
}

/// No order may meet another of ours, nor one whose change is not settled at its worst price.
fn self_trade(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let meets = view
        .orders
        .live_of(view.id)
        .filter(|order| order.side != wish.side)
        .find(|order| match wish.side {
            Side::Buy => wish.price >= order.worst_price(),
            Side::Sell => wish.price <= order.worst_price(),
        });
    let Some(order) = meets else { return Ok(()) };
    let decimal = |price| view.instrument.price_decimal(price);
    Err(Refusal::numbers(
        Code::SelfTrade,
        decimal(wish.price),
        decimal(order.worst_price()),
    ))
}

/// What this and all live orders may need of the asset that it pays with.
fn balance(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let asset = match wish.side {
        Side::Buy => view.instrument.quote,
        Side::Sell => view.instrument.base,
    };
    let Some(total) = view.account.total(&asset) else {
        return Err(Refusal::plain(Code::Balance));
    };
    let mut needed = need(
        view.instrument,
        wish.side,
        wish.price.notional(wish.open),
        wish.open,
    )
    .map_err(overflow)?;
    for order in view.orders.live() {
        if wish
            .changes
            .is_some_and(|changed| changed.cl_ord_id == order.cl_ord_id)
        {
            continue;
        }
        let held = held_by(view, order, &asset).map_err(overflow)?;
        needed = needed.checked_add(held).map_err(overflow)?;
    }
    at_most(needed, total, Code::Balance)
}

fn held_by(
    view: &View<'_>,
    order: &crate::engine::order::Order,
    asset: &AssetCode,
) -> Result<Decimal, InvalidDecimal> {
    let Some(instrument) = view.instruments.get(order.instrument.index()) else {
        return Ok(Decimal::ZERO);
    };
    let pays = match order.side {
        Side::Buy => instrument.quote,
        Side::Sell => instrument.base,
    };
    if pays != *asset {
        return Ok(Decimal::ZERO);
    }
    let open = order.open_qty();
    need(
        instrument,
        order.side,
        order.worst_price().notional(open),
        open,
    )
}

/// What an order of this side needs of the asset that it pays with, fees included.
fn need(
    instrument: &crate::types::Instrument,
    side: Side,
    notional: crate::types::Notional,
    open: Quantity,
) -> Result<Decimal, InvalidDecimal> {
    match side {
        Side::Sell => Ok(instrument.quantity_decimal(open)),
        Side::Buy => {
            let cost = notional
                .to_decimal(instrument.notional_scale())
                .map_err(|_overflow| InvalidDecimal::Overflow)?;
            let fee = cost.checked_mul(instrument.fees.taker.max(Decimal::ZERO))?;
            cost.checked_add(fee)
        }
    }
}

fn throttle(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    let changed = wish.changes.map(|order| order.cl_ord_id);
    let ages = view
        .orders
        .live_of(view.id)
        .filter(|order| Some(order.cl_ord_id) != changed)
        .map(|order| view.now.since(order.touched));
    view.counter
        .admit(view.now, view.tier, wish.action(view.now), ages)
        .map_err(|wait| Refusal {
            again: Some(view.now.after(wait)),
            ..Refusal::numbers(
                Code::Throttled,
                Decimal::new(i128::from(view.counter.points(view.now, view.tier)), 0)
                    .unwrap_or(Decimal::ZERO),
                Decimal::ZERO,
            )
        })
}
