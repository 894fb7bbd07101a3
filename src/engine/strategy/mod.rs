//! Strategies: look at the state, wish for orders. They change nothing and know nothing of risk.
//!
//! Always true: a strategy sees a verified book or none; its wishes pass the gate or come to nothing.

pub mod grid;
pub mod quoter;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    book::Book,
    order::{Order, StrategyId},
    orders::Orders,
    position::Position,
};
use crate::types::{
    ClOrdId, Instrument, InstrumentId, Price, Quantity, Side, TimeInForce, Timestamp,
};

/// What a strategy may look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The present.
    pub now: Timestamp,
    /// Who looks.
    pub me: StrategyId,
    /// Which instrument.
    pub id: InstrumentId,
    /// Its rules.
    pub instrument: &'a Instrument,
    /// Its book, while it is verified.
    pub book: Option<&'a Book>,
    /// All our orders.
    pub orders: &'a Orders,
    /// Our position in it.
    pub position: &'a Position,
    /// Our balances.
    pub account: &'a Account,
}

impl<'a> View<'a> {
    /// The strategy's own orders that may still trade, by id.
    pub fn own(&self) -> impl Iterator<Item = &'a Order> + use<'a> {
        let me = self.me;
        self.orders
            .live_of(self.id)
            .filter(move |order| order.strategy == Some(me))
    }
}

/// What a strategy wishes for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Intent {
    /// A new order.
    Place {
        /// Direction.
        side: Side,
        /// Limit price.
        price: Price,
        /// Quantity.
        qty: Quantity,
        /// How long.
        time_in_force: TimeInForce,
        /// Never take.
        post_only: bool,
    },
    /// A change of one of its orders, in place.
    Amend {
        /// Which.
        order: ClOrdId,
        /// New limit price.
        price: Price,
        /// New total quantity, fills included.
        qty: Quantity,
    },
    /// An end of one of its orders.
    Cancel {
        /// Which.
        order: ClOrdId,
    },
}

/// Something that wishes for orders of one instrument.
pub trait Strategy: fmt::Debug + Send {
    /// Looks at the state after something changed and appends wishes. The same state gives the same wishes.
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>);

    /// A wish for a new order passed the gate: its id.
    fn placed(&mut self, _intent: &Intent, _order: ClOrdId) {}

    /// When to be called although nothing changed; asked after each `decide`.
    fn wake(&self) -> Option<Timestamp> {
        None
    }

    /// What it remembers, for the checkpoint.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes back what [`save`](Self::save) gave. Memory of another shape is ignored: the strategy starts anew.
    fn restore(&mut self, _saved: &[u8]) {}
}

/// One strategy of a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Settings {
    /// Unique name; its orders are found again by it after a restart.
    pub name: String,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Which it is.
    pub kind: Kind,
}

/// The strategies there are.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Kind {
    /// Two-sided market maker.
    Quoter(quoter::Params),
    /// Ladder of resting orders that turns around at each fill.
    Grid(grid::Params),
    /// Made by the caller of [`Engine::with_strategies`](crate::engine::Engine::with_strategies); a journal of such a run cannot be replayed without it.
    Custom,
}

/// Builds a strategy from its settings; `None` for [`Kind::Custom`].
#[must_use]
pub fn build(settings: &Settings) -> Option<Box<dyn Strategy>> {
    match &settings.kind {
        Kind::Quoter(params) => Some(Box::new(quoter::Quoter::new(*params))),
        Kind::Grid(params) => Some(Box::new(grid::Grid::new(*params))),
        Kind::Custom => None,
    }
}
