//! What happened. Facts are the matching engine's only output beside the reply, in the order in which they became true.

use serde::{Deserialize, Serialize};

use super::{AccountId, OrderKey, OrderKind, PairId, RareConditions, Start, TimeInForce, Trigger};
use crate::types::{
    AssetCode, ClOrdId, Decimal, ExecId, Instrument, Liquidity, Notional, OrderId, Price, Quantity,
    Side, Timestamp,
};

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Fact {
    /// An order was accepted (`pending_new`, then `new`). It may trade or be canceled by the facts that follow.
    Accepted(OrderFact),
    /// Two orders met. One per pair of orders; [`Fact::Fill`]s of accounts follow it.
    Trade(TradeFact),
    /// One account's side of the trade before it (agents have none).
    Fill(FillFact),
    /// An order is completely filled.
    Filled {
        /// The order after its last fill.
        order: OrderState,
    },
    /// An order was changed by its owner.
    Amended(AmendFact),
    /// An order was changed by the engine.
    Changed(ChangeFact),
    /// An order left the book unfilled, in whole or part.
    Canceled {
        /// The order as it ended.
        order: OrderState,
        /// Why.
        reason: CancelReason,
    },
    /// A balance changed (agents have none). Two per fill: base, then quote.
    Ledger(LedgerFact),
    /// The visible total of a price level changed.
    Level(LevelFact),
    /// A client's dead man's switch was wound, taken off, or went off.
    Switch {
        /// Whose.
        account: AccountId,
        /// When it cancels everything; none when it is off.
        at: Option<Timestamp>,
    },
}

/// An order with all that the venue tells about it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderState {
    /// The exchange's number.
    pub key: OrderKey,
    /// Public id, `O…`.
    pub order_id: OrderId,
    /// Owner.
    pub account: AccountId,
    /// Pair.
    pub pair: PairId,
    /// Direction.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Total quantity, fills included.
    pub qty: Quantity,
    /// Filled so far.
    pub filled: Quantity,
    /// What is left of the part that shows, of an order that hides the rest.
    #[serde(default = "none")]
    pub shown: Quantity,
    /// Price × quantity of the fills, in quote, at the pair's `cost_precision`.
    pub cost: Decimal,
    /// Price × quantity of the fills, exactly: what their average price is made of.
    #[serde(default)]
    pub notional: Notional,
    /// Fees so far, in quote.
    pub fee: Decimal,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Post-only.
    pub post_only: bool,
    /// What else was asked for.
    #[serde(default)]
    pub conditions: RareConditions,
    /// Client's id.
    pub cl_ord_id: Option<ClOrdId>,
    /// Client's number.
    pub userref: Option<i32>,
    /// Whether it was ever amended.
    pub amended: bool,
    /// When it was accepted.
    pub opened: Timestamp,
    /// When it was accepted or last amended; the age of the rate penalties.
    pub touched: Timestamp,
}

const fn none() -> Quantity {
    Quantity::ZERO
}

impl OrderState {
    /// What is not filled.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        self.qty.saturating_sub(self.filled)
    }

    /// What others see of it in the book.
    #[must_use]
    pub fn visible(&self) -> Quantity {
        match self.conditions.display {
            Some(_) => self.shown.min(self.remaining()),
            None => self.remaining(),
        }
    }

    /// What it shows when it has shown nothing yet.
    pub(super) fn fresh(&self) -> Quantity {
        let display = self.conditions.display.unwrap_or(Quantity::ZERO);
        display.min(self.remaining())
    }

    /// Whether its time to begin has not come; it is in no book then.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.conditions.start, Some(Start { begun: false, .. }))
    }

    /// Whether it waits for a price, in no book.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.conditions.trigger, Some(Trigger { fired: None, .. }))
    }

    /// Average price of the fills in the pair's digits; none without a fill.
    #[must_use]
    pub fn average_price(&self, of: &Instrument) -> Option<Decimal> {
        let digits = of.price_precision;
        let filled = of.quantity_decimal(self.filled);
        let spent = self.notional.to_decimal(of.notional_scale()).ok()?;
        let quotient = spent.divided_toward_zero(filled, digits + 1).ok()?;
        quotient.rounded_half_up(digits).ok()
    }
}

/// An accepted order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderFact {
    /// The order before any fill.
    pub order: OrderState,
    /// When.
    pub at: Timestamp,
}

/// A public trade.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TradeFact {
    /// Pair.
    pub pair: PairId,
    /// Number in this book, rising by one.
    pub trade_id: u64,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Quantity,
    /// Direction of the order that took.
    pub taker_side: Side,
    /// Whether the order that took was a market order.
    pub taker_market: bool,
    /// The resting order.
    pub maker: OrderKey,
    /// The order that took.
    pub taker: OrderKey,
    /// When.
    pub at: Timestamp,
}

/// One account's fill.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FillFact {
    /// The order after this fill.
    pub order: OrderState,
    /// Id of the fill, `T…`.
    pub exec_id: ExecId,
    /// Number of the public trade.
    pub trade_id: u64,
    /// Price.
    pub price: Price,
    /// Quantity of this fill.
    pub qty: Quantity,
    /// Price × quantity in quote, at `cost_precision`.
    pub cost: Decimal,
    /// Fee of this fill, in quote, at `cost_precision`.
    pub fee: Decimal,
    /// The fee in base, if it was taken in that.
    pub base_fee: Option<Decimal>,
    /// Cost in USD at the prices of the moment: what counts for the account's volume.
    pub usd: Decimal,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// When.
    pub at: Timestamp,
}

/// A change of what an order asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AmendFact {
    /// The order after the change.
    pub order: OrderState,
    /// Id of the change, `T…`.
    pub amend_id: ExecId,
    /// Who changed it.
    pub by: Amender,
    /// When.
    pub at: Timestamp,
}

/// Who changed what an order asks for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Amender {
    /// Its owner.
    User,
    /// The engine, which had to.
    Venue,
}

/// A change by the engine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChangeFact {
    /// The order after the change.
    pub order: OrderState,
    /// What was done.
    pub change: Change,
    /// When.
    pub at: Timestamp,
}

/// What the engine did to an order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Change {
    /// The price that it waited for came.
    Triggered,
    /// The price that it waits for moved with the market.
    Trailed,
    /// The part that showed was filled, and the next one shows.
    Refilled,
    /// Its time to begin came.
    Started,
}

/// A ledger entry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LedgerFact {
    /// Whose.
    pub account: AccountId,
    /// Id of the entry, `L…`.
    pub ledger_id: ExecId,
    /// The fill it belongs to.
    pub ref_id: ExecId,
    /// Modern asset code.
    pub asset: AssetCode,
    /// Signed change without the fee.
    pub amount: Decimal,
    /// Fee on top; the balance falls by it.
    pub fee: Decimal,
    /// Balance after the entry.
    pub balance: Decimal,
    /// When.
    pub at: Timestamp,
}

/// A price level after a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LevelFact {
    /// Pair.
    pub pair: PairId,
    /// Bids are `Buy`, asks `Sell`.
    pub side: Side,
    /// Price of the level.
    pub price: Price,
    /// Total quantity now; zero when the level is gone.
    pub qty: Quantity,
}

/// Why an order was canceled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum CancelReason {
    /// `User requested`
    User,
    /// `Post only order`: it would have taken.
    PostOnly,
    /// The rest of an immediate-or-cancel or market order.
    Immediate,
    /// It would have traded against an order of the same account.
    SelfTrade,
    /// Amended to no more than its filled quantity.
    AmendedToFilled,
    /// A fill-or-kill order that the book could not fill.
    Unfillable,
    /// Its time was over.
    Expired,
    /// The account's dead man's switch went off.
    NotAlive,
    /// When its price came, the account could not pay for it.
    Funds,
    /// Another took its place.
    Replaced,
    /// A fill left it behind when the account had as many open orders as it may.
    OrdersLimit,
    /// When its time to begin came, the market was closed to it.
    MarketStatus,
    /// When its time to begin came, it was too small.
    Minimum,
    /// Its pair left the market.
    Delisted,
}

impl CancelReason {
    /// The venue's text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::User | Self::AmendedToFilled => "User requested",
            Self::PostOnly => "Post only order",
            Self::Immediate => "Immediate or cancel",
            Self::Unfillable => "Fill or kill",
            Self::Expired => "Order expired",
            Self::NotAlive => "Cancel all orders after",
            Self::Funds => "Insufficient funds",
            Self::Replaced => "Order replaced",
            Self::SelfTrade => "Cannot trade with self",
            Self::OrdersLimit => "Orders limit exceeded",
            Self::MarketStatus => "Market unavailable",
            Self::Minimum => "Order minimum not met",
            Self::Delisted => "Market delisted",
        }
    }
}
