//! The shared, durable exchange.
//!
//! For: one place where requests are decided, remembered, and told, in this order, one at a time.
//! Left out: sockets and waiting. Every method is synchronous and short; the lock is never held across an await.
//! Always true: what is answered or told is in the log already. A venue that cannot write its log refuses everything from then on.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;

use super::{
    history::History,
    log::{Entry, Found, Log, LogError},
    matching::{AccountId, Counters, Exchange, Fact, LoadError, PairId, Refusal, Reply, Request},
};
use crate::{
    io::Clock,
    types::{Price, Timestamp},
};

/// Numbers are reserved in the log so many at a time, so that agents' acts need not be logged.
const BLOCK: u64 = 10_000;
/// Last prices of agents' trades are logged at most this often.
const PRICES_EVERY: Duration = Duration::from_secs(1);

/// A callback on everything that happens.
pub type Listener = Box<dyn FnMut(Timestamp, View<'_>, &[Fact]) + Send>;

/// The venue. Clones are the same venue.
#[derive(Clone)]
pub struct Venue {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

/// The venue at one instant.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Books, orders, accounts.
    pub exchange: &'a Exchange,
    /// Trades, candles, tickers.
    pub history: &'a History,
}

/// Why a venue cannot open.
#[derive(Debug, Error)]
pub enum VenueError {
    /// The log cannot be read or written.
    #[error("venue log")]
    Log(#[from] LogError),
    /// The log is of another universe.
    #[error("venue log does not fit")]
    Load(#[from] LoadError),
}

struct State {
    exchange: Exchange,
    history: History,
    log: Option<Log>,
    listeners: Vec<Listener>,
    facts: Vec<Fact>,
    reserved: Counters,
    prices: Vec<Option<Price>>,
    prices_at: Timestamp,
    failed: bool,
}

impl fmt::Debug for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Venue").finish_non_exhaustive()
    }
}

impl Venue {
    /// Opens the venue over an exchange. What the log's directory holds is put on top of the exchange, then folded into a new snapshot.
    ///
    /// # Errors
    ///
    /// When the log is in use, unreadable, or of another universe.
    pub fn open(
        mut exchange: Exchange,
        history: History,
        log: Option<PathBuf>,
        clock: Clock,
    ) -> Result<Self, VenueError> {
        let log = match log {
            None => None,
            Some(directory) => {
                let (log, found) = Log::open(&directory)?;
                recall(&mut exchange, found)?;
                Some(log)
            }
        };
        let mut state = State {
            reserved: exchange.counters().clone(),
            prices: Vec::new(),
            prices_at: Timestamp::MIN,
            listeners: Vec::new(),
            facts: Vec::new(),
            failed: false,
            exchange,
            history,
            log,
        };
        state.prices = state.last_prices();
        state.fold()?;
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        })
    }

    /// Decides a request.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn act(&self, account: AccountId, request: Request) -> Result<Reply, Refusal> {
        self.act_with(account, request, |_now, _result| {})
    }

    /// Decides a request. `answer` runs after the decision is durable and before its facts are told; they are told before this returns.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn act_with(
        &self,
        account: AccountId,
        request: Request,
        answer: impl FnOnce(Timestamp, &Result<Reply, Refusal>),
    ) -> Result<Reply, Refusal> {
        let mut state = self.lock();
        // Read under the lock, so that time never goes backwards from one act to the next.
        let now = self.clock.now();
        state.act(now, account, request, answer)
    }

    /// Looks at the venue as it is between two acts.
    pub fn read<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        let state = self.lock();
        look(state.view())
    }

    /// Changes what is no request: statuses, accounts. New accounts are durable when this returns.
    pub fn change<T>(&self, change: impl FnOnce(&mut Exchange) -> T) -> T {
        let mut state = self.lock();
        let before = state.exchange.client_count();
        let result = change(&mut state.exchange);
        if state.exchange.client_count() != before {
            state.keep(|state| state.fold());
        }
        result
    }

    /// Hears everything that happens from now on: under the lock, in order, after the history took it in.
    pub fn listen(&self, listener: Listener) {
        self.lock().listeners.push(listener);
    }

    /// The venue's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn act(
        &mut self,
        now: Timestamp,
        account: AccountId,
        request: Request,
        answer: impl FnOnce(Timestamp, &Result<Reply, Refusal>),
    ) -> Result<Reply, Refusal> {
        if self.failed {
            let refused = Err(Refusal::Unavailable);
            answer(now, &refused);
            return refused;
        }
        let mut facts = std::mem::take(&mut self.facts);
        facts.clear();
        let mut result = self.exchange.act(now, account, request, &mut facts);
        self.keep(|state| state.remember(now, account, &facts));
        if self.failed {
            facts.clear();
            result = Err(Refusal::Unavailable);
        }
        self.history.apply(now, self.exchange.universe(), &facts);
        answer(now, &result);
        self.tell(now, &facts);
        self.facts = facts;
        result
    }

    fn tell(&mut self, now: Timestamp, facts: &[Fact]) {
        if facts.is_empty() {
            return;
        }
        let view = View {
            exchange: &self.exchange,
            history: &self.history,
        };
        for listener in &mut self.listeners {
            listener(now, view, facts);
        }
    }

    const fn view(&self) -> View<'_> {
        View {
            exchange: &self.exchange,
            history: &self.history,
        }
    }

    /// Writes what a restart needs of an act. Agents among themselves leave prices and reserved numbers only.
    fn remember(
        &mut self,
        now: Timestamp,
        account: AccountId,
        facts: &[Fact],
    ) -> Result<(), LogError> {
        if self.log.is_none() {
            return Ok(());
        }
        let facts = self.kept(facts);
        let reserved = self.reserve();
        let prices = self.moved_prices(now, !facts.is_empty());
        if facts.is_empty() && reserved.is_none() && prices.is_empty() {
            return Ok(());
        }
        let rates = self.exchange.rates(account);
        let entry = Entry {
            number: 0,
            at: now,
            rates: rates.map(|(pair, rate)| (account, pair, rate)).collect(),
            facts,
            prices,
            reserved,
        };
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        log.append(entry)?;
        if log.is_long() { self.fold() } else { Ok(()) }
    }

    /// Facts about clients, and the trades that they are part of.
    fn kept(&self, facts: &[Fact]) -> Vec<Fact> {
        let own = |account| self.exchange.is_client(account);
        let mut kept = Vec::new();
        let mut trade = None;
        for fact in facts {
            let keep = match fact {
                Fact::Accepted(accepted) => own(accepted.order.account),
                Fact::Amended(amended) => own(amended.order.account),
                Fact::Filled { order } | Fact::Canceled { order, .. } => own(order.account),
                Fact::Ledger(_) => true,
                // A trade is a client's if a fill follows it.
                Fact::Fill(_) => {
                    kept.extend(trade.take());
                    true
                }
                Fact::Trade(_) => {
                    trade = Some(fact.clone());
                    false
                }
                Fact::Level(_) => false,
            };
            if keep {
                kept.push(fact.clone());
            }
        }
        kept
    }

    /// Reserves the next block of numbers if the last one is used up.
    fn reserve(&mut self) -> Option<Counters> {
        if self.exchange.counters().within(&self.reserved) {
            return None;
        }
        self.reserved = self.exchange.counters().ahead(BLOCK);
        Some(self.reserved.clone())
    }

    /// Last prices that changed since they were last written, if it is time.
    fn moved_prices(&mut self, now: Timestamp, at_once: bool) -> Vec<(PairId, Price)> {
        if !at_once && now < self.prices_at.after(PRICES_EVERY) {
            return Vec::new();
        }
        let prices = self.last_prices();
        let pairs = (0..).map(PairId).zip(prices.iter().zip(&self.prices));
        let moved = pairs.filter_map(|(pair, (new, old))| {
            let price = (*new)?;
            (new != old).then_some((pair, price))
        });
        let moved = moved.collect();
        self.prices = prices;
        self.prices_at = now;
        moved
    }

    fn last_prices(&self) -> Vec<Option<Price>> {
        let pairs = (0..).map(PairId).zip(&self.exchange.universe().pairs);
        pairs
            .map(|(pair, _)| self.exchange.last_price(pair))
            .collect()
    }

    /// Folds the log into a snapshot, reserving numbers beyond it.
    fn fold(&mut self) -> Result<(), LogError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        self.reserved = self.exchange.counters().ahead(BLOCK);
        let mut saved = self.exchange.save();
        saved.next = self.reserved.clone();
        log.fold(saved)
    }

    /// Does what must be durable; a failure closes the venue.
    fn keep(&mut self, write: impl FnOnce(&mut Self) -> Result<(), LogError>) {
        if let Err(error) = write(self) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "venue log failed; every request is refused from now on"
            );
            self.failed = true;
        }
    }
}

/// Puts what the log held on top of the exchange.
fn recall(exchange: &mut Exchange, found: Found) -> Result<(), LoadError> {
    if let Some(saved) = found.state {
        exchange.load(saved)?;
    }
    for entry in found.entries {
        let at = entry.at;
        exchange.restore(entry.facts.into_iter().map(|fact| (at, fact)));
        for (account, pair, rate) in entry.rates {
            exchange.restore_rates(account, [(pair, rate)]);
        }
        for (pair, price) in entry.prices {
            exchange.restore_last_price(pair, price);
        }
        if let Some(reserved) = entry.reserved {
            exchange.raise_counters(&reserved);
        }
    }
    Ok(())
}
