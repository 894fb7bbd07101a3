//! What the engine has to tell people: for logs, counters and pictures. Never read by the engine itself, never in the journal.

use super::{
    event::{Fill, Rejection},
    order::End,
    orders::What,
    risk::Refusal,
};
use crate::types::{ClOrdId, InlineText, InstrumentId, OrderId, Price, Quantity, Side, Symbol};

/// One thing worth telling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// The gate refused a strategy's wish.
    Denied {
        /// Which instrument.
        instrument: InstrumentId,
        /// Why.
        refusal: Refusal,
    },
    /// A command that makes, changes or ends an order is on its way.
    Sent {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// Which instrument.
        instrument: InstrumentId,
        /// What is sent.
        what: What,
        /// Direction.
        side: Side,
        /// Limit price that it has or is to have.
        price: Price,
        /// Total quantity likewise.
        qty: Quantity,
    },
    /// A fill of ours.
    Filled {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// Which instrument.
        instrument: InstrumentId,
        /// Direction.
        side: Side,
        /// Price.
        price: Price,
        /// Quantity.
        qty: Quantity,
        /// The fill as told.
        fill: Fill,
    },
    /// An order is live.
    Opened {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// The venue's id.
        order_id: OrderId,
    },
    /// An order is over.
    Ended {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// How.
        end: End,
    },
    /// The venue refused a command.
    Rejected {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// What was refused.
        what: &'static str,
        /// In whose words.
        rejection: Rejection,
    },
    /// A command was not answered; the order is looked up.
    Unanswered {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// What was not answered.
        what: &'static str,
    },
    /// An order of ours that the engine did not know is known now.
    Adopted {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// The venue's id.
        order_id: OrderId,
    },
    /// An open order of ours has no pair to be held in: nothing is traded while it is there.
    Stray {
        /// Which order.
        cl_ord_id: ClOrdId,
        /// The venue's id.
        order_id: OrderId,
        /// Its pair, not configured or with other precisions.
        symbol: Symbol,
    },
    /// A book is no longer to be trusted; a new snapshot is asked for.
    BookStale {
        /// Whose.
        instrument: InstrumentId,
        /// Why.
        why: &'static str,
    },
    /// The units of an instrument changed: it stands still until the next run.
    Outdated {
        /// Which.
        instrument: InstrumentId,
    },
    /// A book is verified again.
    BookVerified {
        /// Whose.
        instrument: InstrumentId,
    },
    /// The account is reconciled: so many orders of ours are open.
    Reconciled {
        /// How many.
        open: usize,
    },
    /// Something that cannot be: recorded, and the pair stops.
    Anomaly(Anomaly),
}

impl Note {
    /// Whether it says that this is on its way.
    pub(super) fn is_sent(&self, id: &ClOrdId, now: What) -> bool {
        matches!(self, Self::Sent { cl_ord_id, what, .. } if cl_ord_id == id && *what == now)
    }
}

/// Something that cannot be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anomaly {
    /// Which instrument; it stands still from now on.
    pub instrument: InstrumentId,
    /// Which order, if one can be named.
    pub cl_ord_id: Option<ClOrdId>,
    /// Stable code.
    pub code: &'static str,
    /// Numbers or names, for a person.
    pub detail: InlineText<96>,
}
