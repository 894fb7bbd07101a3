//! The gate on the only path to the wire.
//!
//! For: letting an order pass, or saying why not with a stable code and numbers. Left out: strategies (they do not know each other).
//! Always true: only this module can make an [`Approved`]; missing data refuses; orders in flight and unknown count at their worst.

mod limits;
mod rules;

pub use limits::Limits;
pub use rules::{RULES, Rule};

use serde::Serialize;

use super::{
    book::Book,
    command::{Change, NewOrder},
    order::Order,
    orders::Orders,
    position::Position,
    throttle::{Action, Counter, Tier},
};
use crate::{
    engine::account::Account,
    types::{Decimal, Instrument, InstrumentId, Price, Quantity, Side, Timestamp, TradingStatus},
};

/// An order or change that passed every check. Only this module can make one.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// Why the gate refused. The codes are stable: operators alert on them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Code {
    /// The engine is not trading: starting, reconciling, stopping, or its journal failed.
    NotTrading,
    /// The order-entry breaker is open.
    OrderEntryShut,
    /// The venue or the market does not take this order at present.
    VenueStatus,
    /// The pair stands still after an anomaly or a refused look-up.
    PairHalted,
    /// The book is not verified.
    BookStale,
    /// The book has not changed for longer than allowed.
    BookOld,
    /// The price is not on the tick.
    Tick,
    /// The quantity is not a multiple of the lot.
    Lot,
    /// The quantity or the notional is below the venue's minimum.
    Minimum,
    /// The quantity is above `max_order_qty`.
    OrderQty,
    /// The notional is above `max_order_notional`.
    OrderNotional,
    /// The position could grow beyond `max_position`.
    Position,
    /// There would be more than `max_open_orders`.
    OpenOrders,
    /// The price is too far from the book.
    Collar,
    /// The balance does not cover it.
    Balance,
    /// Another order of ours rests where this one would trade.
    SelfTrade,
    /// The trading-rate counter has no room.
    Throttled,
    /// The order to change is not in a state that takes a change.
    NotChangeable,
    /// A number does not fit.
    Overflow,
}

impl Code {
    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTrading => "not_trading",
            Self::OrderEntryShut => "order_entry_shut",
            Self::VenueStatus => "venue_status",
            Self::PairHalted => "pair_halted",
            Self::BookStale => "book_stale",
            Self::BookOld => "book_old",
            Self::Tick => "tick",
            Self::Lot => "lot",
            Self::Minimum => "minimum",
            Self::OrderQty => "order_qty",
            Self::OrderNotional => "order_notional",
            Self::Position => "position",
            Self::OpenOrders => "open_orders",
            Self::Collar => "collar",
            Self::Balance => "balance",
            Self::SelfTrade => "self_trade",
            Self::Throttled => "throttled",
            Self::NotChangeable => "not_changeable",
            Self::Overflow => "overflow",
        }
    }
}

/// A refusal with its numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What it would have been.
    pub value: Decimal,
    /// What is allowed.
    pub limit: Decimal,
    /// When it may be worth asking again, if that is known.
    pub again: Option<Timestamp>,
}

impl Refusal {
    /// A refusal without numbers.
    #[must_use]
    pub const fn plain(code: Code) -> Self {
        Self {
            code,
            value: Decimal::ZERO,
            limit: Decimal::ZERO,
            again: None,
        }
    }

    /// A refusal with a value and its limit.
    #[must_use]
    pub const fn numbers(code: Code, value: Decimal, limit: Decimal) -> Self {
        Self {
            code,
            value,
            limit,
            again: None,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} against {}",
            self.code.as_str(),
            self.value,
            self.limit
        )
    }
}

/// All that a check may look at. Nobody can change anything through it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The present.
    pub now: Timestamp,
    /// Whether the engine trades at all.
    pub trading: bool,
    /// Whether the order-entry breaker lets creates and amends out.
    pub order_entry_open: bool,
    /// What the venue as a whole allows.
    pub venue: TradingStatus,
    /// Whether the pair stands still.
    pub halted: bool,
    /// Which instrument.
    pub id: InstrumentId,
    /// Its rules.
    pub instrument: &'a Instrument,
    /// All instruments, for balances that several share.
    pub instruments: &'a [Instrument],
    /// Its limits.
    pub limits: &'a Limits,
    /// Its book.
    pub book: &'a Book,
    /// When the book last changed.
    pub book_changed: Timestamp,
    /// Our orders.
    pub orders: &'a Orders,
    /// Our position in it.
    pub position: &'a Position,
    /// Our balances.
    pub account: &'a Account,
    /// Its trading-rate counter.
    pub counter: &'a Counter,
    /// The tier of the account.
    pub tier: Tier,
}

/// What a rule judges: a new order, or an order as it would be after a change.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Direction.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// What may still trade: for a change, the new total less the fills.
    pub open: Quantity,
    /// Never takes.
    pub post_only: bool,
    /// The order that is changed.
    pub changes: Option<&'a Order>,
}

impl Wish<'_> {
    fn action(&self, now: Timestamp) -> Action {
        self.changes
            .map_or(Action::Add, |order| Action::Amend(now.since(order.touched)))
    }
}

/// Checks a new order.
///
/// # Errors
///
/// The first rule that refuses.
pub fn check_new(view: &View<'_>, order: NewOrder) -> Result<Approved<NewOrder>, Refusal> {
    let wish = Wish {
        side: order.side,
        price: order.price,
        open: order.qty,
        post_only: order.post_only,
        changes: None,
    };
    pass(view, &wish)?;
    Ok(Approved(order))
}

/// Checks a change of a resting order.
///
/// # Errors
///
/// The first rule that refuses.
pub fn check_change(
    view: &View<'_>,
    order: &Order,
    change: Change,
) -> Result<Approved<Change>, Refusal> {
    if !order.is_settled() {
        return Err(Refusal::plain(Code::NotChangeable));
    }
    let open = change
        .qty
        .checked_sub(order.filled)
        .map_err(|_below_filled| Refusal::plain(Code::NotChangeable))?;
    let wish = Wish {
        side: order.side,
        price: change.price,
        open,
        post_only: change.post_only,
        changes: Some(order),
    };
    pass(view, &wish)?;
    Ok(Approved(change))
}

fn pass(view: &View<'_>, wish: &Wish<'_>) -> Result<(), Refusal> {
    RULES.iter().try_for_each(|(_, rule)| rule(view, wish))
}
#[cfg(test)]
impl<T> Approved<T> {
    /// Something that no check has seen, for tests of what comes after the checks.
    pub(crate) const fn unchecked(value: T) -> Self {
        Self(value)
    }
}
