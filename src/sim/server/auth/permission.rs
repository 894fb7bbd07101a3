//! What a key may do.

use serde::{Deserialize, Serialize};

/// One permission, in the venue's spelling.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Balances, fees.
    QueryFunds,
    /// Deposits; the simulator has none.
    AddFunds,
    /// Withdrawals; the simulator has none, but a client may refuse a key that has it.
    WithdrawFunds,
    /// Earning; the simulator has none.
    EarnFunds,
    /// Open orders and positions.
    QueryOpenTrades,
    /// Orders and trades that are over.
    QueryClosedTrades,
    /// Placing and changing orders.
    ModifyTrades,
    /// Canceling orders.
    CloseTrades,
    /// The ledger.
    QueryLedger,
    /// Exports; the simulator has none.
    ExportData,
    /// Tokens for the private socket.
    CreateWsToken,
    /// New addresses to withdraw to; the simulator has none.
    AddWithdrawAddress,
    /// Other addresses to withdraw to; the simulator has none.
    UpdateWithdrawAddress,
}

impl Permission {
    /// Everything that trading needs; no withdrawals.
    pub const TRADING: [Self; 7] = [
        Self::QueryFunds,
        Self::QueryOpenTrades,
        Self::QueryClosedTrades,
        Self::ModifyTrades,
        Self::CloseTrades,
        Self::QueryLedger,
        Self::CreateWsToken,
    ];
}

/// Which permissions something needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::sim::server) enum Needs {
    /// Each of these.
    All(&'static [Permission]),
    /// One of these.
    Any(&'static [Permission]),
}

impl Needs {
    /// Placing orders.
    pub(in crate::sim::server) const PLACE: Self = Self::All(&[Permission::ModifyTrades]);
    /// Changing orders in place, and taking them out.
    pub(in crate::sim::server) const CHANGE: Self =
        Self::Any(&[Permission::ModifyTrades, Permission::CloseTrades]);
    /// Batches of new orders, and orders that take the place of others.
    pub(in crate::sim::server) const REPLACE: Self =
        Self::All(&[Permission::ModifyTrades, Permission::CloseTrades]);

    /// Whether `may` grants enough.
    pub(in crate::sim::server) fn met(self, may: impl Fn(Permission) -> bool) -> bool {
        match self {
            Self::All(needed) => needed.iter().all(|one| may(*one)),
            Self::Any(enough) => enough.iter().any(|one| may(*one)),
        }
    }
}
