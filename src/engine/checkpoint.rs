//! The whole engine as bytes, and back: for the journal, for recovery, and for a new run that goes on from an old one.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Engine, Seat,
    core::{Core, Market, Mode, Reconciling, State},
    event::{Link, OrderEntry},
    order::{Order, State as OrderState, StrategyId},
    settings::Settings,
    strategy::{self, Strategy},
    timer::{Timer, Timers},
};
use crate::{
    engine::{account::Account, book::Book, orders::Orders, position::Position, throttle::Counter},
    types::{Instrument, InstrumentId, Symbol, Timestamp, TradingStatus},
};

/// A decoded checkpoint, together with the settings of the run that wrote it.
#[derive(Debug)]
pub struct Checkpoint {
    settings: Settings,
    saved: Saved,
}

#[derive(Debug, Deserialize, Serialize)]
struct Saved {
    state: State,
    seats: Vec<(Option<Timestamp>, Vec<u8>)>,
}

/// Bytes that are no checkpoint of this build.
#[derive(Debug, Error)]
#[error("not a checkpoint of this build")]
pub struct CheckpointError(#[from] postcard::Error);

impl CheckpointError {
    /// The encoder's word.
    #[must_use]
    pub fn into_inner(self) -> postcard::Error {
        self.0
    }
}

impl Checkpoint {
    /// Reads what [`Engine::checkpoint`] wrote.
    ///
    /// # Errors
    ///
    /// Bytes of another build.
    pub fn decode(settings: Settings, bytes: &[u8]) -> Result<Self, CheckpointError> {
        Ok(Self {
            settings,
            saved: postcard::from_bytes(bytes)?,
        })
    }

    /// The engine as it was.
    #[must_use]
    pub fn restore(self) -> Engine {
        let strategies = self
            .settings
            .strategies
            .iter()
            .filter_map(strategy::build)
            .collect();
        self.restore_with(strategies)
    }

    /// Like [`restore`](Self::restore), with strategies made by the caller.
    #[must_use]
    pub fn restore_with(self, strategies: Vec<Box<dyn Strategy>>) -> Engine {
        let core = Core {
            settings: self.settings,
            state: self.saved.state,
        };
        let mut engine = Engine::assemble(core, strategies);
        for (seat, (wake, memory)) in engine.strategies.iter_mut().zip(self.saved.seats) {
            seat.wake = wake;
            seat.strategy.restore(&memory);
        }
        engine
    }
}

impl Engine {
    /// Everything the engine knows, as bytes.
    ///
    /// # Errors
    ///
    /// Never for a state that this build made; the encoder's word otherwise.
    pub fn checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        let seats = self
            .strategies
            .iter()
            .map(|seat| (seat.wake, seat.strategy.save()))
            .collect();
        let saved = SavedRef {
            state: &self.core.state,
            seats,
        };
        Ok(postcard::to_stdvec(&saved)?)
    }

    /// Symbols of the orders that may still trade: a new run must list these instruments.
    #[must_use]
    pub fn live_symbols(&self) -> Vec<Symbol> {
        let instruments = &self.core.state.instruments;
        let mut symbols: Vec<_> = self
            .core
            .state
            .orders
            .live()
            .filter_map(|order| instruments.get(order.instrument.index()))
            .map(|instrument| instrument.symbol)
            .collect();
        symbols.sort_unstable();
        symbols.dedup();
        symbols
    }

    /// A new run that goes on from this one: orders, positions, fills seen and strategies' memories stay;
    /// whatever was in flight is unknown, books and balances are to be told anew. A halted pair stays halted, unless the
    /// settings resume it.
    ///
    /// Strategies are matched by name, instruments by symbol.
    #[must_use]
    pub fn succeed(
        self,
        now: Timestamp,
        settings: Settings,
        strategies: Vec<Box<dyn Strategy>>,
    ) -> Self {
        let (old_settings, old) = (self.core.settings, self.core.state);
        let mut state = State::new(now, &settings);
        state.now = now.max(old.now);
        state.reconcile.known_until = old.reconcile.known_until;
        state.anomalies = old.anomalies;
        state.tier = old.tier;
        for (instrument, mut market) in old.instruments.iter().zip(old.markets) {
            market.halted &= !settings.orders.resume.contains(&instrument.symbol);
            carry_market(&mut state, instrument, market, settings.depth);
        }
        let seats = |own| new_seat(own, &old_settings, &settings);
        state.orders = carry_orders(
            old.orders,
            &old.instruments,
            &state.instruments,
            seats,
            now,
            settings.orders.grace,
        );
        for id in state.orders.live_ids() {
            if let Some(order) = state.orders.get_mut(&id) {
                order.wake = Some(now);
                state.timers.set(now, Timer::Order(id));
            }
        }
        let memories: Vec<_> = old_settings
            .strategies
            .iter()
            .zip(self.strategies)
            .map(|(own, seat)| (own.name.clone(), seat.strategy.save()))
            .collect();
        let mut engine = Self::assemble(Core { settings, state }, strategies);
        for (own, seat) in engine
            .core
            .settings
            .strategies
            .iter()
            .zip(&mut engine.strategies)
        {
            remember(own, seat, &memories);
        }
        engine
    }
}

#[derive(Serialize)]
struct SavedRef<'a> {
    state: &'a State,
    seats: Vec<(Option<Timestamp>, Vec<u8>)>,
}

fn remember(own: &strategy::Settings, seat: &mut Seat, memories: &[(String, Vec<u8>)]) {
    if let Some((_, memory)) = memories.iter().find(|(name, _)| *name == own.name) {
        seat.strategy.restore(memory);
    }
}

/// A pair that is not configured any more keeps its place behind the others: its position is part of the account, it may
/// come back, and orders or fills of it may still turn up. It has no limits, so nothing is placed in it.
fn carry_market(state: &mut State, old: &Instrument, market: Market, depth: u16) {
    match index_of(&state.instruments, old) {
        Some(index) => go_on(state, index, old, market),
        None if market.has_past() => {
            state.instruments.push(old.clone());
            let book = Book::new(usize::from(depth));
            state.markets.push(Market { book, ..market });
        }
        None => {}
    }
}

fn index_of(instruments: &[Instrument], wanted: &Instrument) -> Option<usize> {
    let same = |instrument: &Instrument| instrument.symbol == wanted.symbol;
    instruments.iter().position(same)
}

fn go_on(state: &mut State, index: usize, old: &Instrument, market: Market) {
    let (Some(new), Some(slot)) = (state.instruments.get(index), state.markets.get_mut(index))
    else {
        return;
    };
    slot.position = market.position;
    slot.counter = market.counter;
    slot.halted = market.halted;
    if slot
        .position
        .rescale(old.qty_precision, new.qty_precision)
        .is_none()
    {
        slot.halted = true;
    }
}

/// Orders under the new numbers of their instruments and strategies; what was in flight is unknown.
fn carry_orders(
    mut orders: Orders,
    old_instruments: &[Instrument],
    instruments: &[Instrument],
    seat: impl Fn(StrategyId) -> Option<StrategyId>,
    now: Timestamp,
    grace: Duration,
) -> Orders {
    orders.new_epoch();
    orders.for_each_mut(|order| {
        let old = old_instruments.get(order.instrument.index());
        let index = old
            .and_then(|old| index_of(instruments, old))
            .and_then(|index| u32::try_from(index).ok());
        // An instrument without a past gets a number that leads nowhere; it holds no live order.
        order.instrument = InstrumentId(index.unwrap_or(u32::MAX));
        if let (Some(old), Some(new)) = (old, instruments.get(order.instrument.index())) {
            // Inexact amounts stay in the old units; reconciliation then finds the difference.
            let _kept = order.rescale(old, new);
        }
        order.strategy = order.strategy.and_then(&seat);
        unsettle(order, now, grace);
    });
    orders
}

fn new_seat(old: StrategyId, from: &Settings, to: &Settings) -> Option<StrategyId> {
    let name = &from.strategies.get(usize::from(old.0))?.name;
    let index = to.strategies.iter().position(|own| own.name == *name)?;
    u16::try_from(index).ok().map(StrategyId)
}

fn unsettle(order: &mut Order, now: Timestamp, grace: Duration) {
    if let Some(look) = &mut order.look {
        look.asking = false;
        look.next = now;
    }
    if order.create_unanswered() || order.amend_unanswered() {
        order.look_up_when_over(now, grace);
    } else if matches!(order.state, OrderState::Open { ended: Some(_), .. }) {
        order.look_up(now);
    }
    if let Some(cancel) = &mut order.cancel {
        cancel.command = None;
        cancel.again = now;
    }
    order.wake = None;
}

impl State {
    pub(super) fn new(now: Timestamp, settings: &Settings) -> Self {
        let market = |_: &Instrument| Market {
            book: Book::new(usize::from(settings.depth)),
            changed: Timestamp::MIN,
            last_trade: None,
            halted: false,
            outdated: false,
            position: Position::default(),
            counter: Counter::default(),
        };
        Self {
            now,
            mode: Mode::Syncing,
            feed: Link::Down,
            account_link: Link::Down,
            order_entry: OrderEntry::Open,
            venue: TradingStatus::Online,
            clock_offset: 0,
            journal_failed: false,
            tier: settings.tier,
            instruments: settings.instruments.clone(),
            markets: settings.instruments.iter().map(market).collect(),
            orders: Orders::beginning(now),
            strays: BTreeSet::new(),
            account: Account::default(),
            balances_changed: Timestamp::MIN,
            timers: Timers::default(),
            reconcile: Reconciling {
                asking: false,
                again: false,
                done: false,
                known_until: now,
            },
            anomalies: 0,
        }
    }
}
