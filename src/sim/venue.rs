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
use tokio::sync::watch;

use super::{
    history::History,
    log::{Entry, Found, Log, LogError},
    matching::{AccountId, Counters, Exchange, Fact, LoadError, PairId, Refusal, Reply, Request},
    notices::Notices,
    refused::Refused,
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
    due: watch::Receiver<Option<Timestamp>>,
    notices: Notices,
    refused: Refused,
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
    due: watch::Sender<Option<Timestamp>>,
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
        let (told, due) = watch::channel(None);
        let mut state = State {
            due: told,
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
        state.tell_due();
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            clock,
            due,
            notices: Notices::default(),
            refused: Refused::default(),
        })
    }

    /// When something is due that nobody asks for, as it changes: then [`elapse`](Self::elapse) is to be called.
    #[must_use]
    pub fn due(&self) -> watch::Receiver<Option<Timestamp>> {
        self.due.clone()
    }

    /// Does what is due by now.
    pub fn elapse(&self) {
        let mut state = self.lock();
        let now = self.clock.now();
        state.elapse(now);
        state.tell_due();
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
        // What has expired by now meets nobody, however late its timer is.
        state.elapse(now);
        let result = state.act(now, account, request, answer);
        state.tell_due();
        result
    }

    /// Lets something happen that no account asked for, as one act: it is remembered and told like everything else.
    /// Nothing happens once the log has failed.
    pub fn intervene<T>(
        &self,
        happen: impl FnOnce(Timestamp, &mut Exchange, &mut Vec<Fact>) -> T,
    ) -> Option<T> {
        let mut state = self.lock();
        let now = self.clock.now();
        state.elapse(now);
        let result = state.carry(now, None, happen, |_now, _result| {});
        state.tell_due();
        result
    }

    /// Looks at the venue as it is between two acts.
    pub fn read<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        let state = self.lock();
        look(state.view())
    }

    /// Changes what is no request: statuses, accounts, what is held. New accounts are durable when this returns.
    pub fn change<T>(&self, change: impl FnOnce(&mut Exchange) -> T) -> T {
        let mut state = self.lock();
        let before = state.exchange.client_count();
        let result = change(&mut state.exchange);
        if state.exchange.client_count() != before {
            state.keep(|state| state.fold());
        }
        state.tell_due();
        result
    }

    /// Lets every dead man's switch that is wound go off, and says how many that were.
    pub fn fire_switches(&self) -> usize {
        let fired = self.intervene(|now, exchange, facts| exchange.fire_switches(now, facts));
        fired.unwrap_or(0)
    }

    /// What is announced of maintenance and emergencies.
    #[must_use]
    pub const fn notices(&self) -> &Notices {
        &self.notices
    }

    /// How often each limit refused a client.
    #[must_use]
    pub const fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Hears everything that happens from now on: under the lock, in order, after the history took it in.
    /// A listener must not call the venue; it would wait for itself.
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
        let unavailable = Err(Refusal::Unavailable);
        let result = self.carry(
            now,
            Some(account),
            |now, exchange, facts| exchange.act(now, account, request, facts),
            |now, result| answer(now, result.unwrap_or(&unavailable)),
        );
        result.unwrap_or(unavailable)
    }

    fn elapse(&mut self, now: Timestamp) {
        if self.exchange.next_due().is_some_and(|due| due <= now) {
            let tick =
                |now, exchange: &mut Exchange, facts: &mut Vec<Fact>| exchange.tick(now, facts);
            self.carry(now, None, tick, |_now, _result| {});
        }
    }

    /// The one way in which something happens: it is remembered, then answered, then told. None, and nothing is told, when it cannot
    /// be remembered; from then on nothing happens.
    fn carry<T>(
        &mut self,
        now: Timestamp,
        account: Option<AccountId>,
        happen: impl FnOnce(Timestamp, &mut Exchange, &mut Vec<Fact>) -> T,
        answer: impl FnOnce(Timestamp, Option<&T>),
    ) -> Option<T> {
        if self.failed {
            answer(now, None);
            return None;
        }
        let mut facts = std::mem::take(&mut self.facts);
        facts.clear();
        let result = happen(now, &mut self.exchange, &mut facts);
        self.keep(|state| state.remember(now, account, &facts));
        if self.failed {
            facts.clear();
        }
        self.history.apply(now, self.exchange.universe(), &facts);
        let result = Some(result).filter(|_| !self.failed);
        answer(now, result.as_ref());
        self.tell(now, &facts);
        self.facts = facts;
        result
    }

    fn tell_due(&self) {
        // Nothing comes due any more where nothing happens any more.
        let next = self.exchange.next_due().filter(|_| !self.failed);
        self.due.send_if_modified(|told| {
            let changed = *told != next;
            *told = next;
            changed
        });
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
        account: Option<AccountId>,
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
        let rates = account.into_iter().flat_map(|account| {
            let rates = self.exchange.rates(account);
            rates.map(move |(pair, rate)| (account, pair, rate))
        });
        let entry = Entry {
            number: 0,
            at: now,
            rates: rates.collect(),
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
                Fact::Changed(changed) => own(changed.order.account),
                Fact::Filled { order } | Fact::Canceled { order, .. } => own(order.account),
                Fact::Ledger(_) | Fact::Switch { .. } => true,
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
        let moved: Vec<_> = moved.collect();
        if !moved.is_empty() {
            self.prices = prices;
            self.prices_at = now;
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rand::RngExt;

    use super::*;
    use crate::{
        sim::matching::{NewOrder, Rules, Saved, TimeInForce, fixture::*},
        types::{OrderId, Side, TradingStatus},
    };

    const CENT: i64 = 1_000_000;

    fn venue(directory: Option<&Path>) -> (Venue, crate::io::clock::ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let exchange = exchange(Rules::default());
        let history = History::new(exchange.universe());
        let venue = Venue::open(exchange, history, directory.map(Path::to_owned), clock);
        (venue.unwrap(), hand)
    }

    fn place(venue: &Venue, account: AccountId, order: NewOrder) -> OrderId {
        match venue.act(account, Request::Place(order)) {
            Ok(Reply::Placed { order_id }) => order_id,
            other => panic!("{other:?}"),
        }
    }

    /// What a restart must keep: numbers may be skipped, never repeated.
    fn saved(venue: &Venue) -> Saved {
        Saved {
            next: Counters::default(),
            ..venue.read(|view| view.exchange.save())
        }
    }

    #[test]
    fn a_venue_that_is_dropped_without_farewell_comes_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let (first, hand) = venue(Some(directory.path()));
        place(&first, AGENT, limit(Side::Sell, 610_000, 3 * CENT));
        let partly = place(&first, ALICE, limit(Side::Buy, 610_000, 4 * CENT));
        let resting = place(&first, BOB, limit(Side::Sell, 611_000, CENT));
        hand.advance(Duration::from_secs(400));
        let gone = place(&first, BOB, limit(Side::Buy, 600_000, CENT));
        let cancel = crate::sim::matching::Cancel {
            target: crate::sim::matching::CancelTarget::Order(gone),
        };
        first.act(BOB, Request::Cancel(cancel)).unwrap();
        let (before, top) = (saved(&first), first.read(|v| v.exchange.counters().clone()));
        drop(first);
        for _ in 0..2 {
            let (again, _hand) = venue(Some(directory.path()));
            assert_eq!(saved(&again), before);
            again.read(|view| {
                assert_eq!(
                    view.exchange.best(BTC_USD, Side::Buy),
                    Some((price(610_000), qty(CENT)))
                );
                assert_eq!(view.exchange.order(&partly).unwrap().trades.len(), 1);
                assert_eq!(view.exchange.order(&resting).unwrap().closed_at, None);
                assert!(top.within(view.exchange.counters()));
            });
        }
        let (again, _hand) = venue(Some(directory.path()));
        let new = place(&again, ALICE, limit(Side::Buy, 500_000, CENT));
        assert!(![partly, resting, gone].contains(&new));
    }

    #[test]
    fn prices_go_on_from_the_last_trade_among_agents() {
        let directory = tempfile::tempdir().unwrap();
        let (first, hand) = venue(Some(directory.path()));
        for at in [610_000, 611_000] {
            hand.advance(Duration::from_secs(2));
            place(&first, AGENT, limit(Side::Sell, at, CENT));
            place(&first, AGENT, limit(Side::Buy, at, CENT));
        }
        let trades = first.read(|view| view.exchange.counters().clone());
        drop(first);
        let (again, _hand) = venue(Some(directory.path()));
        again.read(|view| {
            assert_eq!(view.exchange.last_price(BTC_USD), Some(price(611_000)));
            assert!(trades.within(view.exchange.counters()));
        });
    }

    #[test]
    fn the_answer_comes_before_the_facts_and_both_before_the_return() {
        let (venue, _hand) = venue(None);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        venue.listen(Box::new(move |_now, view, facts| {
            let bid = view.exchange.best(BTC_USD, Side::Buy);
            let text = format!("{} facts, bid {}", facts.len(), bid.is_some());
            listener.lock().unwrap().push(text);
        }));
        let answered = Arc::clone(&heard);
        let order = Request::Place(limit(Side::Buy, 600_000, CENT));
        let result = venue.act_with(ALICE, order, |_now, result| {
            answered
                .lock()
                .unwrap()
                .push(format!("ok {}", result.is_ok()));
        });
        assert!(result.is_ok());
        assert_eq!(*heard.lock().unwrap(), ["ok true", "2 facts, bid true"]);
    }

    #[test]
    fn an_account_opened_later_survives_too() {
        let directory = tempfile::tempdir().unwrap();
        let (first, _hand) = venue(Some(directory.path()));
        let carol = AccountId(7);
        first.change(|exchange| {
            let funds = [(asset("USD"), decimal("5"))];
            exchange.open_account(carol, crate::sim::matching::Tier::Starter, &funds);
            exchange.set_system_status(TradingStatus::CancelOnly);
        });
        drop(first);
        let (again, _hand) = venue(Some(directory.path()));
        again.read(|view| {
            let balances: Vec<_> = view.exchange.balances(carol).collect();
            assert_eq!(balances[0].1.total, decimal("5"));
            assert_eq!(view.exchange.system_status(), TradingStatus::Online);
        });
    }

    /// Wound before, in the snapshot or in the entries since.
    #[test]
    fn a_dead_mans_switch_goes_off_although_its_time_came_while_the_venue_was_away() {
        let directory = tempfile::tempdir().unwrap();
        let (first, _hand) = venue(Some(directory.path()));
        let id = place(&first, ALICE, limit(Side::Buy, 600_000, CENT));
        first
            .act(
                ALICE,
                Request::CancelAllAfter(Some(Duration::from_secs(60))),
            )
            .unwrap();
        drop(first);
        for restarts in 1..=2 {
            let (again, hand) = venue(Some(directory.path()));
            assert!(again.due().borrow().is_some(), "restart {restarts}");
            if restarts == 2 {
                hand.advance(Duration::from_secs(61));
                again.elapse();
                let closed = again.read(|view| view.exchange.order(&id).unwrap().closed_at);
                assert!(closed.is_some());
                assert_eq!(*again.due().borrow(), None, "once");
            }
        }
        let (again, _hand) = venue(Some(directory.path()));
        assert_eq!(*again.due().borrow(), None, "off for good");
    }

    #[test]
    fn a_newer_due_time_replaces_the_one_before() {
        let (venue, _hand) = venue(None);
        let mut due = venue.due();
        let mut last = None;
        for seconds in [90, 60, 30] {
            let at = venue.clock().now().after(Duration::from_secs(seconds));
            let order = NewOrder {
                time_in_force: TimeInForce::Gtd(at),
                ..limit(Side::Buy, 600_000, CENT)
            };
            place(&venue, ALICE, order);
            last = Some(at);
        }
        assert_eq!(*due.borrow_and_update(), last, "the first that is due");
        assert!(!due.has_changed().unwrap(), "the others are not told");
    }

    #[test]
    fn a_log_of_another_universe_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(venue(Some(directory.path())));
        let mut other = universe();
        other.pairs.reverse();
        let (history, exchange) = (History::new(&other), Exchange::new(other, Rules::default()));
        let (clock, _hand) = Clock::manual(Timestamp::from_secs(0));
        let opened = Venue::open(exchange, history, Some(directory.path().to_owned()), clock);
        assert!(matches!(opened, Err(VenueError::Load(_))));
    }

    #[test]
    fn a_venue_that_cannot_write_refuses_and_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (venue, _hand) = venue(Some(directory.path()));
        let told = Arc::new(Mutex::new(0));
        let count = Arc::clone(&told);
        venue.listen(Box::new(move |_now, _view, _facts| {
            *count.lock().unwrap() += 1
        }));
        if let Some(log) = &mut venue.lock().log {
            log.break_file();
        }
        for _ in 0..2 {
            let order = Request::Place(limit(Side::Buy, 600_000, CENT));
            assert_eq!(venue.act(ALICE, order), Err(Refusal::Unavailable));
        }
        assert_eq!(*told.lock().unwrap(), 0);
    }

    /// The file breaks while a switch is wound: neither the switch nor the operator gets anything done, and no timer asks again.
    #[test]
    fn a_venue_that_cannot_write_lets_nothing_happen_by_itself() {
        for by_time in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let (venue, hand) = venue(Some(directory.path()));
            place(&venue, ALICE, limit(Side::Buy, 600_000, CENT));
            let wind = Request::CancelAllAfter(Some(Duration::from_secs(60)));
            venue.act(ALICE, wind).unwrap();
            let told = Arc::new(Mutex::new(0));
            let count = Arc::clone(&told);
            venue.listen(Box::new(move |_now, _view, _facts| {
                *count.lock().unwrap() += 1
            }));
            if let Some(log) = &mut venue.lock().log {
                log.break_file();
            }
            for _ in 0..2 {
                if by_time {
                    hand.advance(Duration::from_secs(61));
                    venue.elapse();
                } else {
                    assert_eq!(venue.fire_switches(), 0);
                }
                assert_eq!(*told.lock().unwrap(), 0, "by time: {by_time}");
                assert_eq!(*venue.due().borrow(), None, "by time: {by_time}");
            }
        }
    }

    /// One random request of a client or an agent near 61,000.
    fn random(rng: &mut crate::io::rng::Rng, venue: &Venue) -> (AccountId, Request) {
        use crate::sim::matching::{
            Amend, Cancel, CancelTarget, Close, Extras, Offset, TriggerKind,
        };
        let account = [ALICE, BOB, AGENT][rng.random_range(0..3)];
        let at = rng.random_range(609_990..610_010);
        let units = rng.random_range(10_000..5_000_000);
        let open = venue.read(|view| {
            let mut open = view.exchange.open_orders(account);
            open.next().map(|order| order.state.order_id)
        });
        let target = open.map(CancelTarget::Order);
        let request = match (rng.random_range(0..10), target) {
            (0, Some(target)) => Request::Cancel(Cancel { target }),
            (1..4, Some(target)) => Request::Amend(Amend {
                qty: Some(qty(units)),
                price: Some(Offset::At(price(at))),
                ..Amend::of(target)
            }),
            (side, _) => {
                let side = if side % 2 == 0 { Side::Buy } else { Side::Sell };
                let close = rng.random_bool(0.3).then_some(Close {
                    trigger: Some((TriggerKind::StopLoss, Offset::Percent(decimal("-0.001")))),
                    limit: Some(Offset::Quote(decimal("-0.1"))),
                    follows: true,
                });
                let ahead = Duration::from_secs(rng.random_range(1..60));
                let extras = Extras {
                    close,
                    start: rng
                        .random_bool(0.2)
                        .then(|| venue.clock().now().after(ahead)),
                    sub_id: rng.random_bool(0.2).then(|| name("desk")),
                    ..Extras::NONE
                };
                Request::Place(NewOrder {
                    extras,
                    ..limit(side, at, units)
                })
            }
        };
        (account, request)
    }

    #[test]
    fn after_random_trading_the_log_holds_all_that_clients_have() {
        for seed in 0..20 {
            let mut rng = crate::io::rng::stream(seed, 0);
            let directory = tempfile::tempdir().unwrap();
            let (first, hand) = venue(Some(directory.path()));
            let mut accepted = 0;
            for _ in 0..300 {
                hand.advance(Duration::from_millis(rng.random_range(0..9_000)));
                let (account, request) = random(&mut rng, &first);
                accepted += u32::from(first.act(account, request).is_ok());
            }
            assert!(accepted > 100, "seed {seed}");
            // Points of refused requests are not worth a write.
            let without_rates = |venue: &Venue| {
                let mut saved = saved(venue);
                saved
                    .accounts
                    .iter_mut()
                    .for_each(|account| account.rates.clear());
                saved
            };
            let (before, top) = (
                without_rates(&first),
                first.read(|v| v.exchange.counters().clone()),
            );
            drop(first);
            let (again, _hand) = venue(Some(directory.path()));
            assert!(without_rates(&again) == before, "seed {seed}");
            assert!(top.within(&again.read(|v| v.exchange.counters().clone())));
        }
    }
}
