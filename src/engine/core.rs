//! The engine's state and the order in which an event works through it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    book::Book,
    command::{Command, Reconcile},
    event::{Control, Event, Link, OrderEntry},
    note::{Anomaly, Note},
    orders::Orders,
    outbox::Outbox,
    position::Position,
    settings::Settings,
    throttle::{Counter, Tier},
    timer::{Timer, Timers},
};
use crate::types::{
    ClOrdId, InlineText, Instrument, InstrumentId, Price, Timestamp, TradingStatus,
};

/// What the engine is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Mode {
    /// Nothing is sent before the account is reconciled.
    Syncing,
    /// Strategies run.
    Trading,
    /// Strategies have stopped; our orders are being canceled.
    Stopping,
    /// No order of ours rests, as read back from the venue.
    Stopped,
}

/// One instrument as the engine sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Market {
    /// Its book.
    pub book: Book,
    /// When the book last changed.
    pub changed: Timestamp,
    /// Price of the last public trade.
    pub last_trade: Option<Price>,
    /// Stands still after an anomaly.
    pub halted: bool,
    /// Its units changed in this run: stands still until the next one, which begins with the new ones.
    pub outdated: bool,
    /// What our fills add up to.
    pub position: Position,
    /// Our model of its trading-rate counter.
    pub counter: Counter,
}

impl Market {
    /// Whether nothing is placed or changed in it.
    pub(super) const fn stands_still(&self) -> bool {
        self.halted || self.outdated
    }

    /// Whether it must not be forgotten when its pair is no longer configured.
    pub(super) fn has_past(&self) -> bool {
        self.halted || self.position.fills() > 0
    }
}

/// Everything that the engine knows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct State {
    pub(super) now: Timestamp,
    pub(super) mode: Mode,
    pub(super) feed: Link,
    pub(super) account_link: Link,
    pub(super) order_entry: OrderEntry,
    pub(super) venue: TradingStatus,
    pub(super) clock_offset: i64,
    pub(super) journal_failed: bool,
    pub(super) tier: Tier,
    /// Those of the settings, then those that an earlier run traded and this one does not.
    pub(super) instruments: Vec<Instrument>,
    pub(super) markets: Vec<Market>,
    pub(super) orders: Orders,
    /// Open orders of ours that have no pair to be held in, as of the last reconciliation. While there are any, nothing is traded.
    pub(super) strays: BTreeSet<ClOrdId>,
    pub(super) account: Account,
    pub(super) balances_changed: Timestamp,
    pub(super) timers: Timers,
    pub(super) reconcile: Reconciling,
    pub(super) anomalies: u64,
}

/// Where the reading of the account stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Reconciling {
    /// A question is out.
    pub(super) asking: bool,
    /// The question that is out was put before something that makes it worthless.
    pub(super) again: bool,
    /// This run has read the account.
    pub(super) done: bool,
    /// When the last reconciliation was asked for: everything before this instant is known.
    pub(super) known_until: Timestamp,
}

/// Settings and state; the strategies stand beside it, so that they can look while they are being called.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) state: State,
}

/// Whose strategies should look after an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Touched {
    None,
    One(InstrumentId),
    All,
}

impl Touched {
    pub(super) const fn covers(self, id: InstrumentId) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => one.0 == id.0,
            Self::All => true,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, touched) | (touched, Self::None) => touched,
            (left, right) if left == right => left,
            _ => Self::All,
        }
    }
}

impl Core {
    pub(super) fn market(&self, id: InstrumentId) -> Option<(&Instrument, &Market)> {
        self.state
            .instruments
            .get(id.index())
            .zip(self.state.markets.get(id.index()))
    }

    pub(super) fn market_mut(&mut self, id: InstrumentId) -> Option<(&Instrument, &mut Market)> {
        let index = id.index();
        self.state
            .instruments
            .get(index)
            .zip(self.state.markets.get_mut(index))
    }

    pub(super) fn symbol_id(&self, symbol: &str) -> Option<InstrumentId> {
        let position = self
            .state
            .instruments
            .iter()
            .position(|instrument| &*instrument.symbol == symbol)?;
        u32::try_from(position).ok().map(InstrumentId)
    }

    /// Works an event into the state. Says whose strategies should look.
    pub(super) fn apply(&mut self, event: &Event, out: &mut Outbox) -> Touched {
        match event {
            Event::Tick => Touched::None,
            Event::Book(update) => self.book(update, out),
            Event::Trade(trade) => {
                if let Some((_, market)) = self.market_mut(trade.instrument) {
                    market.last_trade = Some(trade.price);
                }
                Touched::None
            }
            Event::Instrument(id, instrument) => self.instrument(*id, instrument, out),
            Event::Feed(link) => self.feed(*link, out),
            Event::Venue(status) => {
                self.state.venue = *status;
                Touched::All
            }
            Event::ClockOffset(nanos) => {
                self.state.clock_offset = *nanos;
                Touched::None
            }
            Event::Account(link) => self.account_link(*link, out),
            Event::RateThreshold(threshold) => {
                self.state.tier = Tier::from_threshold(*threshold);
                Touched::All
            }
            Event::Report(report) => self.report(report, out),
            Event::Balances(balances) => {
                self.state.account.replace(balances);
                self.state.balances_changed = self.state.now;
                Touched::All
            }
            Event::Balance(balance) => {
                self.state.account.update(balance);
                self.state.balances_changed = self.state.now;
                Touched::All
            }
            Event::Outcome(outcome) => self.outcome(outcome, out),
            Event::LookedUp(looked_up) => self.looked_up(looked_up, out),
            Event::Reconciled(venue) => self.reconciled(venue, out),
            Event::ReconcileFailed => {
                self.state.reconcile.asking = false;
                let again = self.state.now.after(std::time::Duration::from_secs(1));
                self.state.timers.set(again, Timer::Reconcile);
                Touched::None
            }
            Event::OrderEntry(order_entry) => {
                self.state.order_entry = *order_entry;
                Touched::All
            }
            Event::Control(Control::Stop) => self.stop(out),
            Event::JournalFailed => {
                self.state.journal_failed = true;
                self.stop(out)
            }
        }
    }

    /// Fires what is due. Says whose strategies should look.
    pub(super) fn fire_due(&mut self, out: &mut Outbox) -> Touched {
        let mut touched = Touched::None;
        while let Some(timer) = self.state.timers.pop_due(self.state.now) {
            match timer {
                Timer::Order(id) => {
                    if let Some(order) = self.state.orders.get_mut(&id) {
                        order.wake = None;
                    }
                    self.tend(&id, out);
                }
                Timer::Strategy(id) => {
                    let settings = self.settings.strategies.get(usize::from(id.0));
                    touched = touched
                        .and(settings.map_or(Touched::None, |own| Touched::One(own.instrument)));
                }
                Timer::Reconcile => self.ask_reconcile(out),
            }
        }
        touched
    }

    fn account_link(&mut self, link: Link, out: &mut Outbox) -> Touched {
        self.state.account_link = link;
        match link {
            Link::Up => {
                self.state.reconcile.again = self.state.reconcile.asking;
                self.ask_reconcile(out);
            }
            Link::Down => {
                if self.state.mode == Mode::Trading {
                    self.state.mode = Mode::Syncing;
                }
                for id in self.state.orders.live_ids() {
                    self.lost(&id, out);
                }
            }
        }
        Touched::None
    }

    pub(super) fn ask_reconcile(&mut self, out: &mut Outbox) {
        if self.state.reconcile.asking {
            return;
        }
        self.state.reconcile.asking = true;
        let since = self.venue_time(self.known_until());
        out.command(Command::Reconcile(Reconcile { since }));
    }

    /// Until when the venue's records are known for certain: they may be told late.
    pub(super) fn known_until(&self) -> Timestamp {
        let slack = std::time::Duration::from_secs(120);
        self.state.reconcile.known_until.before(slack)
    }

    pub(super) const fn venue_time(&self, ours: Timestamp) -> Timestamp {
        ours.shifted_nanos(self.state.clock_offset)
    }

    fn stop(&mut self, out: &mut Outbox) -> Touched {
        if matches!(self.state.mode, Mode::Stopping | Mode::Stopped) {
            return Touched::None;
        }
        self.state.mode = Mode::Stopping;
        self.state.timers.clear_reconcile();
        for id in self.state.orders.live_ids() {
            self.want_cancel(&id, out);
        }
        Touched::None
    }

    /// While stopping: once nothing of ours is live, the venue is asked whether it agrees.
    pub(super) fn continue_stop(&mut self, out: &mut Outbox) {
        let quiet = self.state.orders.live_count() == 0 && !self.state.reconcile.asking;
        let waiting = self.state.mode == Mode::Stopping && !self.state.timers.has_reconcile();
        if quiet && waiting {
            self.ask_reconcile(out);
        }
    }

    /// Counts something that cannot be, tells it, and halts its pair.
    pub(super) fn anomaly(
        &mut self,
        instrument: InstrumentId,
        order: Option<ClOrdId>,
        code: &'static str,
        detail: &str,
        out: &mut Outbox,
    ) {
        self.state.anomalies += 1;
        if let Some((_, market)) = self.market_mut(instrument) {
            market.halted = true;
        }
        let detail = InlineText::lossy(detail);
        out.note(Note::Anomaly(Anomaly {
            instrument,
            cl_ord_id: order,
            code,
            detail,
        }));
    }
}
