//! What an order asked for over time: when it was placed, and after every change of that.
//!
//! Left out: fills, and prices that follow the market by themselves.
//! Always true: the first is the original; of many changes the latest are kept.

use serde::{Deserialize, Serialize};

use super::{AmendFact, Amender, Exchange, OrderState};
use crate::types::{ExecId, Price, Quantity, Timestamp};

/// Changes kept of an order.
const MOST: usize = 100;

/// What an order asked for from an instant on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Revision {
    /// How it came to that.
    pub kind: RevisionKind,
    /// Total quantity, fills included.
    pub qty: Quantity,
    /// What was not filled then.
    pub remaining: Quantity,
    /// The most that it showed at a time.
    pub display: Option<Quantity>,
    /// Its limit.
    pub limit: Option<Price>,
    /// The price that it waited for.
    pub trigger: Option<Price>,
    /// Post-only.
    pub post_only: bool,
    /// Since when.
    pub at: Timestamp,
}

/// How an order came to ask for something.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum RevisionKind {
    /// It was placed so.
    Original,
    /// It was changed.
    Amended {
        /// By whom.
        by: Amender,
        /// Id of the change.
        amend_id: ExecId,
    },
}

impl Revision {
    fn of(order: &OrderState, kind: RevisionKind, at: Timestamp) -> Self {
        Self {
            kind,
            qty: order.qty,
            remaining: order.remaining(),
            display: order.conditions.display,
            limit: order.kind.limit(),
            trigger: order.conditions.trigger.map(|trigger| trigger.price),
            post_only: order.post_only,
            at,
        }
    }

    pub(super) fn amended(amend: &AmendFact) -> Self {
        let (by, amend_id) = (amend.by, amend.amend_id);
        let kind = RevisionKind::Amended { by, amend_id };
        Self::of(&amend.order, kind, amend.at)
    }
}

impl Exchange {
    /// Where an accepted order's history begins. Nobody asks for an agent's.
    pub(super) fn first_revision(&self, order: &OrderState, at: Timestamp) -> Vec<Revision> {
        let client = self.client(order.account).is_some();
        let original = client.then(|| Revision::of(order, RevisionKind::Original, at));
        original.into_iter().collect()
    }
}

/// Adds a change. The oldest one goes when there are too many, the original never.
pub(super) fn keep(revisions: &mut Vec<Revision>, new: Revision) {
    if revisions.len() > MOST {
        revisions.remove(1);
    }
    revisions.push(new);
}
