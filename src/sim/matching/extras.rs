//! What few orders ask for: an order that closes what they fill, a start in the future, a scope of self-trade prevention, the
//! currency of fees.
//!
//! Left out: what becomes of it (`closing`, `schedule`, `trading`, `money`).

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::trigger::{Grid, NewTrigger, Offset, Reference, Trigger, TriggerKind};
use crate::types::{ClOrdId, Price, Side, Timestamp};

/// What a new order asks for beyond the usual. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extras {
    /// The order that each of its fills leaves behind.
    pub close: Option<Close>,
    /// When it begins to work; at once if that is over.
    pub start: Option<Timestamp>,
    /// Whom the owner places it for.
    pub sub_id: Option<ClOrdId>,
    /// Which currency its fees are taken in.
    pub fee_in: FeeCurrency,
}

impl Extras {
    /// Nothing.
    pub const NONE: Self = Self {
        close: None,
        start: None,
        sub_id: None,
        fee_in: FeeCurrency::Quote,
    };
}

/// The order that a fill leaves behind: the other way, of the filled quantity. Distances are from the fill's price.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Close {
    /// What it waits for; none for a plain limit order.
    pub trigger: Option<(TriggerKind, Offset)>,
    /// Its limit, unless it goes to the market.
    pub limit: Option<Offset>,
    /// Whether a limit that is a distance is one from the price waited for.
    pub follows: bool,
}

impl Close {
    /// What the order waits for and its limit, after a fill at a price. Nothing where a price is missing.
    pub(super) fn placed(
        &self,
        side: Side,
        filled_at: Option<Price>,
        grid: Grid,
    ) -> Option<(Option<Trigger>, Option<Price>)> {
        let settled = |limit: Offset| limit.from(filled_at, grid.digits, grid.tick);
        let Some((kind, price)) = self.trigger else {
            return Some((None, Some(settled(self.limit?)?)));
        };
        let limit = match self.limit {
            Some(limit) if !self.follows => Some(Offset::At(settled(limit)?)),
            limit => limit,
        };
        let new = NewTrigger {
            kind,
            reference: Reference::Last,
            price,
            limit,
        };
        let (trigger, limit) = new.placed(side, filled_at, grid)?;
        Some((Some(trigger), limit))
    }
}

/// When an order begins to work.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// Whether it has.
    pub begun: bool,
    /// The price at which a market order that buys is paid for until then.
    pub price: Option<Price>,
}

/// Which currency an order's fees are taken in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum FeeCurrency {
    /// What is paid with.
    #[default]
    Quote,
    /// What is bought or sold.
    Base,
}
