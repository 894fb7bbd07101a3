//! What the engine wants done. The edges do it and tell what became of it.

use serde::{Deserialize, Serialize};

use super::{orders::What, risk::Approved};
use crate::types::{ClOrdId, InstrumentId, OrderId, Price, Quantity, Side, TimeInForce, Timestamp};

/// Number of a command. Rises by one; is the request id on the wire, so that an answer names its command.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct CommandId(pub u64);

/// One thing to do. Commands are compared byte for byte when a journal is verified.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum Command {
    /// Place an order, at most once, ever.
    Submit(Submit),
    /// Change a resting order in place.
    Amend(Amend),
    /// Cancel an order of ours.
    Cancel(Cancel),
    /// Find out what became of an order.
    LookUp(LookUp),
    /// Read the account's orders, fills and balances.
    Reconcile(Reconcile),
    /// Drop a book and take a new snapshot.
    Resync(InstrumentId),
}

impl Command {
    /// Whether the command can only make exposure smaller. Such commands have a lane of their own.
    #[must_use]
    pub const fn reduces_risk(&self) -> bool {
        matches!(self, Self::Cancel(_))
    }

    /// Whether the command makes or changes an order. Such commands never leave unrecorded.
    #[must_use]
    pub const fn makes_order(&self) -> bool {
        matches!(self, Self::Submit(_) | Self::Amend(_))
    }

    /// Its number, its order and what it does to it; `None` for questions.
    #[must_use]
    pub const fn order(&self) -> Option<(CommandId, ClOrdId, What)> {
        match self {
            Self::Submit(submit) => Some((submit.id, submit.cl_ord_id, What::Create)),
            Self::Amend(amend) => Some((amend.id, amend.change.get().cl_ord_id, What::Amend)),
            Self::Cancel(cancel) => Some((cancel.id, cancel.cl_ord_id, What::Cancel)),
            Self::LookUp(_) | Self::Reconcile(_) | Self::Resync(_) => None,
        }
    }
}

/// Places an order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Submit {
    /// Number of the command.
    pub id: CommandId,
    /// The order's own id, never used before.
    pub cl_ord_id: ClOrdId,
    /// What risk let pass.
    pub order: Approved<NewOrder>,
    /// The venue must not match it after this instant (venue time).
    pub deadline: Timestamp,
}

/// An order as a strategy wants it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NewOrder {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Direction.
    pub side: Side,
    /// Limit price.
    pub price: Price,
    /// Quantity.
    pub qty: Quantity,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Never take.
    pub post_only: bool,
}

/// Changes a resting order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Amend {
    /// Number of the command.
    pub id: CommandId,
    /// What risk let pass.
    pub change: Approved<Change>,
    /// The change must not take effect after this instant (venue time).
    pub deadline: Timestamp,
}

/// The values an order is to have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Change {
    /// Which order.
    pub cl_ord_id: ClOrdId,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// New limit price.
    pub price: Price,
    /// New total quantity, fills included.
    pub qty: Quantity,
    /// Refuse if the new price would take.
    pub post_only: bool,
}

/// Cancels an order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Cancel {
    /// Number of the command.
    pub id: CommandId,
    /// The order's own id.
    pub cl_ord_id: ClOrdId,
    /// The venue's id, once known.
    pub order_id: Option<OrderId>,
}

/// Asks what became of an order whose create or amend was not answered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LookUp {
    /// Which order.
    pub cl_ord_id: ClOrdId,
    /// When its create was sent (venue time): an order of this id that was opened well before is another.
    pub sent: Timestamp,
    /// What the venue recorded before this instant is known (venue time), give or take how late its records are.
    pub since: Timestamp,
}

/// Asks for the whole account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reconcile {
    /// Orders closed and fills made since this instant are wanted (venue time).
    pub since: Timestamp,
}
