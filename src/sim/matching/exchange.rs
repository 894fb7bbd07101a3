//! The exchange: all books, all accounts, one entrance.
//!
//! For: the state, how it is read, and the way in, [`Exchange::act`]. Left out: how requests are decided (`orders`, `amends`) and how facts change the state (`apply`).
//! Always true: the state changes by facts only, the same ones that leave; funds and statuses set by the operator are the exception.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    AccountId, CancelReason, Fact, FillFact, LedgerFact, LevelFact, OrderKey, OrderState, PairId,
    Refusal, Reply, Request, Revision, Universe,
    account::{Account, Balance, Client},
    book::{Book, Place},
    ids::{Counters, Ids, Prefix},
    limits::{ADD, ADD_IN_BATCH, RateCounter, Tier},
    money::Terms,
    moves::Move,
    store::Orders,
    volume::Dollars,
};
use crate::types::{
    AssetCode, Decimal, ExecId, OrderId, Price, Quantity, Side, Timestamp, TradingStatus,
};

/// What is settable about the engine.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How far from the best price a market order may trade, as a fraction of it.
    pub market_band: Decimal,
    /// What happens to a post-only order that would take.
    pub post_only: PostOnlyRule,
    /// Closed orders, fills and ledger entries kept for each client.
    pub history: usize,
    /// Scrambles the ids.
    pub id_seed: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            market_band: Decimal::new(5, 2).unwrap_or(Decimal::ZERO),
            post_only: PostOnlyRule::Refuse,
            history: 20_000,
            id_seed: 0x6B72_616B,
        }
    }
}

/// What happens to a post-only order that would take. Both have been seen at the venue.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostOnlyRule {
    /// It is refused.
    #[default]
    Refuse,
    /// It is accepted, then canceled.
    Cancel,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum OrderStatus {
    /// In the book.
    Open,
    /// Completely filled.
    Closed,
    /// Out of the book before that.
    Canceled {
        /// Why.
        reason: CancelReason,
    },
}

/// An order, open or over.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// What the venue tells about it.
    pub state: OrderState,
    /// How it stands.
    pub status: OrderStatus,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
    /// Its fills, oldest first. Agents' orders have none.
    pub trades: Vec<ExecId>,
    /// What it asked for when it was placed, and after its last changes. Agents' orders have none.
    pub revisions: Vec<Revision>,
    #[serde(skip)]
    pub(super) place: Option<Place>,
}

/// One pair's state.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) book: Book,
    pub(super) terms: Terms,
    pub(super) dollars: Dollars,
    pub(super) status: TradingStatus,
    pub(super) last: Option<Price>,
    /// Open orders that wait for a price, oldest first.
    pub(super) waiting: BTreeSet<OrderKey>,
}

/// The matching engine. See the module's documentation.
#[derive(Debug)]
pub struct Exchange {
    pub(super) universe: Universe,
    pub(super) rules: Rules,
    pub(super) ids: Ids,
    pub(super) next: Counters,
    pub(super) system: TradingStatus,
    pub(super) markets: Vec<Market>,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) orders: Orders,
    /// Levels that the present act changed, with their totals before it.
    pub(super) touched: BTreeMap<(PairId, Side, Price), Quantity>,
    /// What the present act did to the resting orders, one by one.
    pub(super) moves: Vec<Move>,
    /// When the fact became true that is being applied.
    pub(super) at: Timestamp,
    /// Pairs that traded in the present act.
    pub(super) traded: BTreeSet<PairId>,
    /// Fills of the present act that leave orders behind, oldest first.
    pub(super) closings: VecDeque<FillFact>,
    /// Orders that have not begun, soonest first.
    pub(super) starts: BTreeSet<(Timestamp, OrderKey)>,
    /// Whether orders wait with their start for a market that is not there yet.
    pub(super) starts_held: bool,
    /// Open orders that expire, soonest first.
    pub(super) expiries: BTreeSet<(Timestamp, OrderKey)>,
    /// Dead man's switches that are wound, soonest first.
    pub(super) switches: BTreeSet<(Timestamp, AccountId)>,
}

impl Exchange {
    /// An exchange without accounts and orders.
    #[must_use]
    pub fn new(universe: Universe, rules: Rules) -> Self {
        let market = |pair| Market {
            book: Book::default(),
            terms: Terms::new(&universe, pair),
            dollars: Dollars::of(&universe, pair),
            status: pair.instrument.status,
            last: None,
            waiting: BTreeSet::new(),
        };
        let markets: Vec<Market> = universe.pairs.iter().map(market).collect();
        Self {
            ids: Ids::new(rules.id_seed),
            next: Counters::new(markets.len()),
            system: TradingStatus::Online,
            accounts: BTreeMap::new(),
            orders: Orders::default(),
            touched: BTreeMap::new(),
            moves: Vec::new(),
            at: Timestamp::MIN,
            traded: BTreeSet::new(),
            closings: VecDeque::new(),
            starts: BTreeSet::new(),
            starts_held: false,
            expiries: BTreeSet::new(),
            switches: BTreeSet::new(),
            universe,
            rules,
            markets,
        }
    }

    /// Opens a client's account with funds. One that is there already keeps what it has, and has this tier from now on.
    pub fn open_account(&mut self, id: AccountId, tier: Tier, funds: &[(AssetCode, Decimal)]) {
        if let Some(client) = self.client_mut(id) {
            client.tier = tier;
            return;
        }
        if self.accounts.contains_key(&id) {
            return;
        }
        let mut client = Client::new(tier);
        for (asset, amount) in funds {
            let decimals = self.universe.asset(asset).map(|asset| asset.decimals);
            let decimals = decimals.unwrap_or(amount.scale());
            client.settle(
                *asset,
                amount.rounded_toward_zero(decimals).unwrap_or(*amount),
            );
        }
        let account = Account {
            client: Some(Box::new(client)),
            ..Account::default()
        };
        self.accounts.insert(id, account);
    }

    /// Opens a market agent's account: endless funds, no counters, no ledger. One that is there already stays as it is.
    pub fn open_agent(&mut self, id: AccountId) {
        self.accounts.entry(id).or_default();
    }

    /// Decides a request and appends what became of it to `facts`. A refusal changes nothing but the rate counter.
    ///
    /// # Errors
    ///
    /// The refusal, as the venue orders its checks.
    pub fn act(
        &mut self,
        now: Timestamp,
        account: AccountId,
        request: Request,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        if !self.accounts.contains_key(&account) {
            return Err(Refusal::Unavailable);
        }
        self.moves.clear();
        let result = match request {
            Request::Place(order) => self.place(now, account, &order, ADD, facts),
            Request::PlaceInBatch(order) => self.place(now, account, &order, ADD_IN_BATCH, facts),
            Request::Amend(amend) => self.amend(now, account, &amend, facts),
            Request::Edit(edit) => self.edit(now, account, &edit, facts),
            Request::Cancel(cancel) => self.cancel(now, account, &cancel.target, facts),
            Request::CancelInBatch(cancel) => {
                self.cancel_anyway(now, account, &cancel.target, facts)
            }
            Request::CancelAll => self.cancel_all(now, account, CancelReason::User, facts),
            Request::CancelAllAfter(timeout) => self.wind_switch(now, account, timeout, facts),
        };
        self.follow_up(now, facts);
        self.tell_levels(facts);
        result
    }

    /// What is listed.
    #[must_use]
    pub const fn universe(&self) -> &Universe {
        &self.universe
    }

    /// Price levels, best first.
    pub fn levels(&self, pair: PairId, side: Side) -> impl Iterator<Item = (Price, Quantity)> {
        self.market(pair)
            .into_iter()
            .flat_map(move |market| market.book.levels(side))
    }

    /// Orders in the order in which they would be served, with their prices.
    pub fn resting(
        &self,
        pair: PairId,
        side: Side,
    ) -> impl Iterator<Item = (Price, OrderKey, AccountId, Quantity)> {
        self.market(pair)
            .into_iter()
            .flat_map(move |market| market.book.orders(side))
            .map(|(price, order)| (price, order.key, order.account, order.remaining))
    }

    /// The best level.
    #[must_use]
    pub fn best(&self, pair: PairId, side: Side) -> Option<(Price, Quantity)> {
        self.market(pair)?.book.best(side)
    }

    /// Price of the last trade.
    #[must_use]
    pub fn last_price(&self, pair: PairId) -> Option<Price> {
        self.market(pair)?.last
    }

    /// An order by its public id: open, or over and still remembered. Agents' orders are forgotten when they are over.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        let number = self.ids.decode(Prefix::Order, id)?;
        self.orders.get(&OrderKey(number))
    }

    /// Open orders, oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        self.accounts
            .get(&account)
            .into_iter()
            .flat_map(|account| &account.open)
            .filter_map(|key| self.orders.get(key))
    }

    /// Orders that are over, oldest close first.
    pub fn closed_orders(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Order> {
        self.client(account)
            .into_iter()
            .flat_map(|client| &client.closed)
            .filter_map(|key| self.orders.get(key))
    }

    /// Fills, oldest first.
    pub fn fills(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &FillFact> {
        self.client(account)
            .into_iter()
            .flat_map(|client| &client.fills)
    }

    /// Ledger entries, oldest first.
    pub fn ledger(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &LedgerFact> {
        self.client(account)
            .into_iter()
            .flat_map(|client| &client.ledger)
    }

    /// Balances, by asset.
    pub fn balances(&self, account: AccountId) -> impl Iterator<Item = (AssetCode, Balance)> {
        self.client(account)
            .into_iter()
            .flat_map(|client| &client.balances)
            .map(|(asset, balance)| (*asset, *balance))
    }

    /// What may be done in a pair. One that is not listed is closed.
    #[must_use]
    pub fn pair_status(&self, pair: PairId) -> TradingStatus {
        self.market(pair)
            .map_or(TradingStatus::Closed, |market| market.status)
    }

    /// Sets what may be done in a pair.
    pub fn set_pair_status(&mut self, pair: PairId, status: TradingStatus) {
        if let Some(market) = self.market_mut(pair) {
            market.status = status;
        }
    }

    /// What may be done at all.
    #[must_use]
    pub const fn system_status(&self) -> TradingStatus {
        self.system
    }

    /// Sets what may be done at all.
    pub const fn set_system_status(&mut self, status: TradingStatus) {
        self.system = status;
    }

    /// A client's tier. Agents have none.
    #[must_use]
    pub fn tier(&self, account: AccountId) -> Option<Tier> {
        self.client(account).map(|client| client.tier)
    }

    /// The trading rate counter of an account in a pair.
    #[must_use]
    pub fn counter(&self, now: Timestamp, account: AccountId, pair: PairId) -> Decimal {
        let counter = self.client(account).and_then(|client| {
            let counter = client.rates.get(&pair)?;
            Some(counter.value(now, client.tier))
        });
        counter.unwrap_or(Decimal::ZERO)
    }

    /// Numbers that the next new things get.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.next
    }

    /// All trading rate counters of an account.
    pub fn rates(&self, account: AccountId) -> impl Iterator<Item = (PairId, RateCounter)> {
        self.client(account)
            .into_iter()
            .flat_map(|client| &client.rates)
            .map(|(pair, counter)| (*pair, *counter))
    }

    pub(super) fn market(&self, pair: PairId) -> Option<&Market> {
        self.markets.get(usize::try_from(pair.0).ok()?)
    }

    pub(super) fn market_mut(&mut self, pair: PairId) -> Option<&mut Market> {
        self.markets.get_mut(usize::try_from(pair.0).ok()?)
    }

    pub(super) fn client(&self, account: AccountId) -> Option<&Client> {
        self.accounts.get(&account)?.client.as_deref()
    }

    pub(super) fn client_mut(&mut self, account: AccountId) -> Option<&mut Client> {
        self.accounts.get_mut(&account)?.client.as_deref_mut()
    }

    /// Tells what became of the levels: those that shrank first, so that no reader sees a crossed book on the way.
    pub(super) fn tell_levels(&mut self, facts: &mut Vec<Fact>) {
        let touched = std::mem::take(&mut self.touched);
        let total = |(pair, side, price): (PairId, Side, Price)| {
            self.market(pair)
                .map_or(Quantity::ZERO, |market| market.book.total(side, price))
        };
        for grew in [false, true] {
            let changed = touched.iter().filter_map(|(level, before)| {
                let qty = total(*level);
                (qty != *before && (qty > *before) == grew).then_some((*level, qty))
            });
            facts.extend(changed.map(|((pair, side, price), qty)| {
                Fact::Level(LevelFact {
                    pair,
                    side,
                    price,
                    qty,
                })
            }));
        }
    }
}
