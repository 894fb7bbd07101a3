//! What the engine knows, for pictures, summaries and health. A copy: looking changes nothing.

use super::{
    Engine, Mode,
    book::Book,
    event::{Level, Link, OrderEntry},
    order::Order,
    position::Position,
};
use crate::types::{AssetCode, ClOrdId, Decimal, Instrument, InstrumentId};

/// The engine at one instant.
#[derive(Debug)]
pub struct Status<'a> {
    engine: &'a Engine,
}

/// One instrument at one instant.
#[derive(Debug)]
pub struct MarketStatus<'a> {
    /// Its number.
    pub id: InstrumentId,
    /// Its rules.
    pub instrument: &'a Instrument,
    /// Its book.
    pub book: &'a Book,
    /// Whether it stands still after an anomaly.
    pub halted: bool,
    /// Our position.
    pub position: &'a Position,
}

impl Engine {
    /// A look at everything.
    #[must_use]
    pub const fn status(&self) -> Status<'_> {
        Status { engine: self }
    }
}

impl<'a> Status<'a> {
    /// What the engine is about.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.engine.core.state.mode
    }

    /// Whether the public feed is up.
    #[must_use]
    pub const fn feed(&self) -> Link {
        self.engine.core.state.feed
    }

    /// Whether the private feed is up.
    #[must_use]
    pub const fn account(&self) -> Link {
        self.engine.core.state.account_link
    }

    /// Whether creates and amends leave.
    #[must_use]
    pub const fn order_entry(&self) -> OrderEntry {
        self.engine.core.state.order_entry
    }

    /// Whether an instrument's book agrees with the venue's.
    #[must_use]
    pub fn is_verified(&self, id: InstrumentId) -> bool {
        let market = self.engine.core.state.markets.get(id.index());
        market.is_some_and(|market| market.book.is_verified())
    }

    /// All instruments, those that only earlier runs traded behind the others.
    #[must_use]
    pub fn instruments(&self) -> &'a [Instrument] {
        &self.engine.core.state.instruments
    }

    /// All instruments of the settings.
    pub fn markets(&self) -> impl Iterator<Item = MarketStatus<'a>> + use<'a> {
        self.known_markets().take(self.configured())
    }

    /// Instruments that only earlier runs traded: their positions stay part of the account.
    pub fn former_markets(&self) -> impl Iterator<Item = MarketStatus<'a>> + use<'a> {
        self.known_markets().skip(self.configured())
    }

    const fn configured(&self) -> usize {
        self.engine.core.settings.instruments.len()
    }

    fn known_markets(&self) -> impl Iterator<Item = MarketStatus<'a>> + use<'a> {
        let state = &self.engine.core.state;
        state
            .instruments
            .iter()
            .zip(&state.markets)
            .enumerate()
            .map(|(index, (instrument, market))| MarketStatus {
                id: InstrumentId(u32::try_from(index).unwrap_or(u32::MAX)),
                instrument,
                book: &market.book,
                halted: market.stands_still(),
                position: &market.position,
            })
    }

    /// Orders that may still trade.
    pub fn live_orders(&self) -> impl Iterator<Item = &'a Order> + use<'a> {
        self.engine.core.state.orders.live()
    }

    /// Open orders of ours that have no pair to be held in: while there are any, nothing is traded.
    pub fn strays(&self) -> impl Iterator<Item = &'a ClOrdId> + use<'a> {
        self.engine.core.state.strays.iter()
    }

    /// Ids of the orders that may still trade, strays among them: named when a stop could not end them.
    #[must_use]
    pub fn live_ids(&self) -> Vec<ClOrdId> {
        let held = self.live_orders().map(|order| order.cl_ord_id);
        held.chain(self.strays().copied()).collect()
    }

    /// All balances.
    pub fn balances(&self) -> impl Iterator<Item = (&'a AssetCode, &'a Decimal)> + use<'a> {
        self.engine.core.state.account.totals()
    }

    /// Things that could not be, so far.
    #[must_use]
    pub const fn anomalies(&self) -> u64 {
        self.engine.core.state.anomalies
    }

    /// Ready: reconciled, trading, every book verified.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.mode() == Mode::Trading && self.markets().all(|market| market.book.is_verified())
    }

    /// Best levels of an instrument: bid, ask.
    #[must_use]
    pub fn touch(&self, id: InstrumentId) -> (Option<Level>, Option<Level>) {
        let market = self.engine.core.state.markets.get(id.index());
        market.map_or((None, None), |market| {
            (
                market.book.best_bid().copied(),
                market.book.best_ask().copied(),
            )
        })
    }
}
