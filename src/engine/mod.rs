//! Decisions: pure, synchronous, one event at a time.
//!
//! For: everything that turns what is known into what should be done. [`Engine::handle`] and [`Engine::next_deadline`].
//! Left out: sockets, files, clocks, randomness, wire formats; time arrives as an argument, everything else as an [`Event`].
//! Always true: the same events give the same commands, byte for byte; an order that no risk check passed cannot be built.
#![warn(
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

pub mod account;
pub mod book;
mod checkpoint;
pub mod command;
mod core;
pub mod event;
mod gate;
mod market;
pub mod note;
pub mod order;
pub mod orders;
mod outbox;
mod outcomes;
pub mod position;
mod reconcile;
mod reports;
pub mod risk;
mod settings;
mod status;
pub mod strategy;
mod tend;
pub mod throttle;
mod timer;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use command::Command;
pub use core::{Market, Mode, State};
pub use event::Event;
pub use note::{Anomaly, Note};
pub use outbox::Outbox;
pub use settings::{Adopted, OrderSettings, Settings};
pub use status::{MarketStatus, Status};

use self::{
    core::{Core, Touched},
    order::StrategyId,
    strategy::{Intent, Strategy},
    timer::Timer,
};
use crate::types::Timestamp;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    strategies: Vec<Seat>,
    intents: Vec<Intent>,
}

/// A strategy and when it asked to be called.
#[derive(Debug)]
struct Seat {
    strategy: Box<dyn Strategy>,
    wake: Option<Timestamp>,
}

impl Engine {
    /// An engine that knows nothing yet. Its journal begins at `now`: fills from before are not its own.
    #[must_use]
    pub fn new(now: Timestamp, settings: Settings) -> Self {
        let strategies = settings
            .strategies
            .iter()
            .filter_map(strategy::build)
            .collect();
        Self::with_strategies(now, settings, strategies)
    }

    /// Like [`new`](Self::new), with strategies made by the caller, one for each of the settings.
    #[must_use]
    pub fn with_strategies(
        now: Timestamp,
        settings: Settings,
        strategies: Vec<Box<dyn Strategy>>,
    ) -> Self {
        let state = State::new(now, &settings);
        Self::assemble(Core { settings, state }, strategies)
    }

    fn assemble(core: Core, strategies: Vec<Box<dyn Strategy>>) -> Self {
        let seats = strategies.into_iter().map(|strategy| Seat {
            strategy,
            wake: None,
        });
        Self {
            core,
            strategies: seats.collect(),
            intents: Vec::new(),
        }
    }

    /// Applies one event and writes what should happen next to `out`.
    ///
    /// `now` never goes backwards. Timers that are due fire first.
    pub fn handle(&mut self, now: Timestamp, event: &Event, out: &mut Outbox) {
        self.core.state.now = self.core.state.now.max(now);
        let due = self.core.fire_due(out);
        let touched = due.and(self.core.apply(event, out));
        if touched != Touched::None && self.core.is_trading() {
            self.decide(touched, out);
        }
        self.core.continue_stop(out);
    }

    /// When the engine wants an [`Event::Tick`], if nothing else happens first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.core.state.timers.next()
    }

    /// What the engine is about.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.core.state.mode
    }

    /// What the engine was started with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.core.settings
    }

    fn decide(&mut self, touched: Touched, out: &mut Outbox) {
        for index in 0..self.strategies.len() {
            let Some(settings) = self.core.settings.strategies.get(index) else {
                continue;
            };
            if touched.covers(settings.instrument) {
                self.ask(index, out);
            }
        }
    }

    fn ask(&mut self, index: usize, out: &mut Outbox) {
        let (Some(settings), Some(seat)) = (
            self.core.settings.strategies.get(index),
            self.strategies.get_mut(index),
        ) else {
            return;
        };
        let (me, id) = (
            StrategyId(u16::try_from(index).unwrap_or(u16::MAX)),
            settings.instrument,
        );
        let Some((instrument, market)) = self.core.market(id) else {
            return;
        };
        let state = &self.core.state;
        let view = strategy::View {
            now: state.now,
            me,
            id,
            instrument,
            book: market.book.is_verified().then_some(&market.book),
            orders: &state.orders,
            position: &market.position,
            account: &state.account,
        };
        self.intents.clear();
        seat.strategy.decide(&view, &mut self.intents);
        let mut again = seat.strategy.wake();
        for intent in &self.intents {
            match self.core.grant(me, id, intent, out) {
                Ok(Some(order)) => seat.strategy.placed(intent, order),
                Ok(None) => {}
                Err(refusal) => again = earlier(again, refusal.again),
            }
        }
        reseat(&mut self.core, me, seat, again);
    }
}

/// Moves a strategy's timer.
fn reseat(core: &mut Core, me: StrategyId, seat: &mut Seat, wake: Option<Timestamp>) {
    let now = core.state.now;
    let wake = wake.map(|at| at.max(now.after(std::time::Duration::from_nanos(1))));
    if seat.wake == wake {
        return;
    }
    if let Some(at) = seat.wake {
        core.state.timers.clear(at, Timer::Strategy(me));
    }
    if let Some(at) = wake {
        core.state.timers.set(at, Timer::Strategy(me));
    }
    seat.wake = wake;
}

fn earlier(left: Option<Timestamp>, right: Option<Timestamp>) -> Option<Timestamp> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests;
