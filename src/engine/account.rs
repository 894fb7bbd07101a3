//! Balances as the venue tells them. What our own open orders hold is derived from the orders, never stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Balance;
use crate::types::{AssetCode, Decimal};

/// All balances of the account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Account {
    totals: BTreeMap<AssetCode, Decimal>,
    known: bool,
}

impl Account {
    /// Replaces everything.
    pub fn replace(&mut self, balances: &[Balance]) {
        self.totals = balances
            .iter()
            .map(|balance| (balance.asset, balance.total))
            .collect();
        self.known = true;
    }

    /// Replaces one balance.
    pub fn update(&mut self, balance: &Balance) {
        self.totals.insert(balance.asset, balance.total);
    }

    /// The total of an asset, holds included. `None` before the first complete answer; zero for an asset that it did not name.
    #[must_use]
    pub fn total(&self, asset: &AssetCode) -> Option<Decimal> {
        self.known
            .then(|| self.totals.get(asset).copied().unwrap_or(Decimal::ZERO))
    }

    /// All totals.
    pub fn totals(&self) -> impl Iterator<Item = (&AssetCode, &Decimal)> {
        self.totals.iter()
    }
}
