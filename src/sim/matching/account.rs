//! Accounts: balances, holds, open orders, and what is remembered of those that are over.
//!
//! For: everything the venue keeps for one owner. Left out: the orders themselves, which the exchange keeps by number.
//! Always true: what is held is the sum of what the open orders hold; the books of a client are as long as the rules allow, oldest out first.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{FillFact, LedgerFact, OrderKey, PairId, Volume, limits::RateCounter, limits::Tier};
use crate::types::{AssetCode, ClOrdId, Decimal, Timestamp};

/// A balance at the asset's digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Balance {
    /// All there is.
    pub total: Decimal,
    /// The part that open orders keep back.
    pub held: Decimal,
}

impl Balance {
    /// What a new order may use.
    #[must_use]
    pub fn available(&self) -> Decimal {
        self.total.checked_sub(self.held).unwrap_or(Decimal::ZERO)
    }
}

/// An owner of orders.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) open: BTreeSet<OrderKey>,
    /// Absent for agents, who have endless funds and no limits.
    pub(super) client: Option<Box<Client>>,
}

/// What only clients have.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) tier: Tier,
    pub(super) balances: BTreeMap<AssetCode, Balance>,
    pub(super) rates: BTreeMap<PairId, RateCounter>,
    pub(super) open_in: BTreeMap<PairId, u32>,
    /// The latest order of each client id; earlier ones of the same id are over.
    pub(super) names: HashMap<ClOrdId, OrderKey>,
    pub(super) closed: VecDeque<OrderKey>,
    pub(super) fills: VecDeque<FillFact>,
    pub(super) ledger: VecDeque<LedgerFact>,
    pub(super) volume: Volume,
    /// When the dead man's switch goes off.
    pub(super) switch: Option<Timestamp>,
}

impl Client {
    pub(super) fn new(tier: Tier) -> Self {
        Self {
            tier,
            balances: BTreeMap::new(),
            rates: BTreeMap::new(),
            open_in: BTreeMap::new(),
            names: HashMap::new(),
            closed: VecDeque::new(),
            fills: VecDeque::new(),
            ledger: VecDeque::new(),
            volume: Volume::default(),
            switch: None,
        }
    }

    pub(super) fn available(&self, asset: AssetCode) -> Decimal {
        self.balances
            .get(&asset)
            .map_or(Decimal::ZERO, Balance::available)
    }

    /// Keeps back more, or less when `change` is negative.
    pub(super) fn hold(&mut self, asset: AssetCode, change: Decimal) {
        if change.is_zero() {
            return;
        }
        let balance = self.balance_mut(asset, change);
        balance.held = super::money::sum(balance.held, change);
    }

    /// Books a new total.
    pub(super) fn settle(&mut self, asset: AssetCode, total: Decimal) {
        self.balance_mut(asset, total).total = total;
    }

    pub(super) fn total(&self, asset: AssetCode) -> Decimal {
        self.balances
            .get(&asset)
            .map_or(Decimal::ZERO, |balance| balance.total)
    }

    fn balance_mut(&mut self, asset: AssetCode, like: Decimal) -> &mut Balance {
        self.balances.entry(asset).or_insert_with(|| {
            let zero = Decimal::new(0, like.scale()).unwrap_or(Decimal::ZERO);
            Balance {
                total: zero,
                held: zero,
            }
        })
    }
}

/// Appends, and drops from the front what the limit no longer holds.
pub(super) fn remember<T>(kept: &mut VecDeque<T>, new: T, limit: usize) -> Option<T> {
    kept.push_back(new);
    if kept.len() > limit {
        kept.pop_front()
    } else {
        None
    }
}
