//! The exchange as a value that can be written down, and the way back.
//!
//! For: snapshots and restarts. Left out: agents and their orders, which the market brings anew; statuses and tiers' rules, which are configuration.
//! Always true: what is loaded equals what was saved.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    AccountId, Balance, Counters, Exchange, Fact, FillFact, LedgerFact, OrderKey, PairId,
    RateCounter, Tier, Volume,
    account::{Account, Client},
    exchange::Order,
    ids::Ids,
};
use crate::types::{AssetCode, Price, Side, Symbol, Timestamp};

/// Everything that outlives a restart.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Saved {
    /// Seed of the ids.
    pub id_seed: u64,
    /// Numbers that the next new things get.
    pub next: Counters,
    /// The pairs, by position.
    pub markets: Vec<SavedMarket>,
    /// Clients.
    pub accounts: Vec<SavedAccount>,
    /// Clients' open orders, those served first first.
    pub open: Vec<Order>,
}

/// What is kept of a pair.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SavedMarket {
    /// Its symbol.
    pub symbol: Symbol,
    /// Fraction digits of its prices and quantities, without which they mean nothing.
    pub precisions: (u8, u8),
    /// Price of the last trade.
    pub last: Option<Price>,
}

/// What is kept of a client.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SavedAccount {
    /// Whose.
    pub id: AccountId,
    /// Its tier.
    pub tier: Tier,
    /// Its balances. What is held follows from the open orders.
    pub balances: Vec<(AssetCode, Balance)>,
    /// Its trading rate counters.
    pub rates: Vec<(PairId, RateCounter)>,
    /// Its orders that are over, oldest close first.
    pub closed: Vec<Order>,
    /// Its fills, oldest first.
    pub fills: Vec<FillFact>,
    /// Its ledger, oldest first.
    pub ledger: Vec<LedgerFact>,
    /// When its dead man's switch goes off.
    pub switch: Option<Timestamp>,
    /// What it traded.
    pub volume: Volume,
}

/// Why a saved state cannot be loaded.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum LoadError {
    /// The universe no longer has the pair where it was, or counts it in other digits.
    #[error("the saved state has {0} where the universe has something else")]
    Universe(Symbol),
}

impl Exchange {
    /// The state without agents and their orders.
    #[must_use]
    pub fn save(&self) -> Saved {
        let markets = self.universe.pairs.iter().zip(&self.markets);
        let markets = markets.map(|(spec, market)| SavedMarket {
            symbol: spec.instrument.symbol,
            precisions: (
                spec.instrument.price_precision,
                spec.instrument.qty_precision,
            ),
            last: market.last,
        });
        Saved {
            id_seed: self.rules.id_seed,
            next: self.next.clone(),
            markets: markets.collect(),
            accounts: self
                .accounts
                .iter()
                .filter_map(|(id, account)| {
                    let client = account.client.as_deref()?;
                    Some(self.save_client(*id, client))
                })
                .collect(),
            open: self.save_open(),
        }
    }

    fn save_client(&self, id: AccountId, client: &Client) -> SavedAccount {
        SavedAccount {
            id,
            tier: client.tier,
            balances: self.balances(id).collect(),
            rates: self.rates(id).collect(),
            closed: self.closed_orders(id).cloned().collect(),
            fills: client.fills.iter().cloned().collect(),
            ledger: client.ledger.iter().cloned().collect(),
            switch: client.switch,
            volume: client.volume.clone(),
        }
    }

    fn save_open(&self) -> Vec<Order> {
        let sides = self
            .markets
            .iter()
            .flat_map(|market| [Side::Buy, Side::Sell].map(|side| (market, side)));
        let resting = sides.flat_map(|(market, side)| market.book.orders(side));
        let waiting = self.markets.iter().flat_map(|market| &market.waiting);
        let pending = self.starts.iter().map(|(_, key)| key);
        resting
            .map(|(_, resting)| &resting.key)
            .chain(waiting)
            .chain(pending)
            .filter_map(|key| self.orders.get(key))
            .filter(|order| self.is_client(order.state.account))
            .map(|order| Order {
                place: None,
                ..order.clone()
            })
            .collect()
    }

    /// Takes over a saved state. Accounts that it does not know stay as they are; the others become what they were.
    ///
    /// # Errors
    ///
    /// When the universe has changed under the saved positions.
    pub fn load(&mut self, saved: Saved) -> Result<(), LoadError> {
        self.check_universe(&saved)?;
        self.rules.id_seed = saved.id_seed;
        self.ids = Ids::new(saved.id_seed);
        self.next.raise(&saved.next);
        for (market, old) in self.markets.iter_mut().zip(&saved.markets) {
            market.last = old.last;
        }
        for account in saved.accounts {
            self.load_account(account);
        }
        for order in saved.open {
            self.load_open(order);
        }
        self.touched.clear();
        self.moves.clear();
        self.traded.clear();
        Ok(())
    }

    fn check_universe(&self, saved: &Saved) -> Result<(), LoadError> {
        let mut pairs = self.universe.pairs.iter().map(|pair| &pair.instrument);
        for market in &saved.markets {
            let same = pairs.next().is_some_and(|now| {
                now.symbol == market.symbol
                    && (now.price_precision, now.qty_precision) == market.precisions
            });
            if !same {
                return Err(LoadError::Universe(market.symbol));
            }
        }
        Ok(())
    }

    fn load_account(&mut self, saved: SavedAccount) {
        // The tier is configuration; what is configured now counts.
        let tier = self.tier(saved.id).unwrap_or(saved.tier);
        let mut client = Client::new(tier);
        for (asset, balance) in saved.balances {
            client.settle(asset, balance.total);
        }
        client.rates.extend(saved.rates);
        client.fills.extend(saved.fills);
        client.ledger.extend(saved.ledger);
        client.volume = saved.volume;
        for order in saved.closed {
            let key = order.state.key;
            client.closed.push_back(key);
            name(&mut client, &order);
            self.orders.insert(key, order);
        }
        let account = Account {
            client: Some(Box::new(client)),
            ..Account::default()
        };
        self.accounts.insert(saved.id, account);
        self.apply_switch(saved.id, saved.switch);
    }

    fn load_open(&mut self, mut order: Order) {
        self.at = order.state.touched;
        order.place = self.enter_book(&order.state);
        self.watch_expiry(&order.state);
        self.watch_start(&order.state);
        self.watch_trigger(&order.state);
        self.hold_change(None, Some(&order.state));
        let (key, pair) = (order.state.key, order.state.pair);
        if let Some(account) = self.accounts.get_mut(&order.state.account) {
            account.open.insert(key);
            if let Some(client) = &mut account.client {
                *client.open_in.entry(pair).or_default() += 1;
                name(client, &order);
            }
        }
        self.orders.insert(key, order);
    }

    /// Rebuilds the state from facts and the instants at which they became true, on top of what is there.
    /// Equal to the state that wrote them, except for rate counters ([`Exchange::restore_rates`]) and agents' orders.
    pub fn restore(&mut self, facts: impl IntoIterator<Item = (Timestamp, Fact)>) {
        for (at, fact) in facts {
            self.apply(at, &fact);
        }
        self.touched.clear();
        self.moves.clear();
        self.traded.clear();
    }

    /// Sets an account's trading rate counters, which no fact tells.
    pub fn restore_rates(
        &mut self,
        account: AccountId,
        rates: impl IntoIterator<Item = (PairId, RateCounter)>,
    ) {
        if let Some(client) = self.client_mut(account) {
            client.rates.extend(rates);
        }
    }

    /// Sets a pair's last price, when the trade itself is not among the facts.
    pub fn restore_last_price(&mut self, pair: PairId, price: Price) {
        if let Some(market) = self.market_mut(pair) {
            market.last = Some(price);
        }
    }

    /// Raises the numbers of new things to at least these.
    pub fn raise_counters(&mut self, to: &Counters) {
        self.next.raise(to);
    }

    /// How many clients have accounts.
    #[must_use]
    pub fn client_count(&self) -> usize {
        let accounts = self.accounts.values();
        accounts.filter(|account| account.client.is_some()).count()
    }

    /// Whether an account is a client's.
    #[must_use]
    pub fn is_client(&self, account: AccountId) -> bool {
        self.client(account).is_some()
    }
}

/// Remembers which order bears a client id. The latest wins.
fn name(client: &mut Client, order: &Order) {
    if let Some(name) = order.state.cl_ord_id {
        let latest: &mut OrderKey = client.names.entry(name).or_insert(order.state.key);
        *latest = (*latest).max(order.state.key);
    }
}
