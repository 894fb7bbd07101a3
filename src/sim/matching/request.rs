//! What can be asked of the matching engine, and what it answers at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    PairId,
    extras::{Close, Extras, FeeCurrency, Start},
    trigger::{NewTrigger, Offset, Trigger},
};
use crate::types::{ClOrdId, Decimal, OrderId, Price, Quantity, Side, Timestamp};

/// Who asks. Agents of the market have accounts too, with funds that never end.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AccountId(pub u32);

/// The exchange's number of an order; larger is later. Its public form is [`OrderId`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct OrderKey(pub u64);

/// A request that may change the state.
#[derive(Clone, Debug)]
pub enum Request {
    /// Places an order, or only checks it.
    Place(NewOrder),
    /// Places one order of a batch.
    PlaceInBatch(NewOrder),
    /// Changes a resting order in place.
    Amend(Amend),
    /// Replaces an open order by a new one.
    Edit(Edit),
    /// Cancels one order.
    Cancel(Cancel),
    /// Cancels one order of a batch, which no rate limit stops.
    CancelInBatch(Cancel),
    /// Cancels every order of the account.
    CancelAll,
    /// Winds the account's dead man's switch: cancels everything after this time, unless it is wound again; none takes it off.
    CancelAllAfter(Option<Duration>),
}

/// How an order prices itself.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum OrderKind {
    /// At this price or better.
    Limit(Price),
    /// At whatever price is there; what finds none within the protection band is canceled.
    Market,
}

impl OrderKind {
    /// The limit, if there is one.
    #[must_use]
    pub const fn limit(self) -> Option<Price> {
        match self {
            Self::Limit(price) => Some(price),
            Self::Market => None,
        }
    }
}

/// How long an order works.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum TimeInForce {
    /// Until it is canceled.
    Gtc,
    /// Until this instant.
    Gtd(Timestamp),
    /// At once, as much as there is.
    Ioc,
    /// At once and whole, or not at all.
    Fok,
}

/// Who leaves when an order would trade with one of its own account.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum SelfTrade {
    /// The order that comes.
    #[default]
    CancelNewest,
    /// The order that rests.
    CancelOldest,
    /// Both.
    CancelBoth,
}

/// What an order asks for beyond side, size and price. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Conditions {
    /// What happens when it meets its own account.
    pub self_trade: SelfTrade,
    /// The price that it waits for.
    pub trigger: Option<Trigger>,
    /// The amount of quote that it spends, of which its quantity follows.
    pub cash: Option<Decimal>,
    /// The most that it shows at a time.
    pub display: Option<Quantity>,
    /// The order that each of its fills leaves behind.
    pub close: Option<Close>,
    /// The order whose fill left this one behind.
    pub parent: Option<OrderId>,
    /// When it begins to work, if not at once.
    pub start: Option<Start>,
    /// Whom the owner places it for. Orders of one account for others may trade with each other.
    pub sub_id: Option<ClOrdId>,
    /// Which currency its fees are taken in.
    pub fee_in: FeeCurrency,
}

/// How much an order is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// So much base.
    Base(Quantity),
    /// As much as this amount of quote buys at the market.
    Cash(Decimal),
}

impl From<Quantity> for Size {
    fn from(qty: Quantity) -> Self {
        Self::Base(qty)
    }
}

/// A new order. The account comes beside it.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Which pair.
    pub pair: PairId,
    /// Which way.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How much.
    pub qty: Size,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Canceled rather than taking.
    pub post_only: bool,
    /// The price that it waits for. Its limit then is what the trigger says, and the kind tells whether there is one.
    pub trigger: Option<NewTrigger>,
    /// What happens when it meets its own account.
    pub self_trade: SelfTrade,
    /// The most that it shows at a time.
    pub display: Option<Quantity>,
    /// The client's id, unique among the account's open orders.
    pub cl_ord_id: Option<ClOrdId>,
    /// The client's free number.
    pub userref: Option<i32>,
    /// The order must not match after this instant.
    pub deadline: Option<Timestamp>,
    /// Check only.
    pub validate: bool,
    /// What few orders ask for.
    pub extras: Extras,
}

impl NewOrder {
    /// Whether it takes any price when it works.
    pub(super) fn is_market(&self) -> bool {
        match &self.trigger {
            Some(trigger) => trigger.limit.is_none(),
            None => self.kind == OrderKind::Market,
        }
    }
}

/// Which order is meant.
#[derive(Clone, Copy, Debug)]
pub enum CancelTarget {
    /// By the venue's id.
    Order(OrderId),
    /// By the client's id.
    Client(ClOrdId),
}

/// A change in place. Absent values stay.
#[derive(Clone, Debug)]
pub struct Amend {
    /// Which order.
    pub target: CancelTarget,
    /// New total quantity, fills included.
    pub qty: Option<Quantity>,
    /// New limit: a price, or how far it is from what the order waits for.
    pub price: Option<Offset>,
    /// New price to wait for.
    pub trigger: Option<Offset>,
    /// New most that it shows at a time.
    pub display: Option<Quantity>,
    /// Refuse the change if the new price would take.
    pub post_only: bool,
    /// The change must not take effect after this instant.
    pub deadline: Option<Timestamp>,
}

impl Amend {
    /// One that changes nothing yet.
    #[must_use]
    pub const fn of(target: CancelTarget) -> Self {
        Self {
            target,
            qty: None,
            price: None,
            trigger: None,
            display: None,
            post_only: false,
            deadline: None,
        }
    }
}

/// A replacement. Absent values stay.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which order.
    pub target: CancelTarget,
    /// New total quantity, the old order's fills included.
    pub qty: Option<Quantity>,
    /// New limit: a price, or how far it is from what the order waits for.
    pub price: Option<Offset>,
    /// New price to wait for.
    pub trigger: Option<Offset>,
    /// New most that it shows at a time.
    pub display: Option<Quantity>,
    /// Whether the new order is post-only; it does not inherit that.
    pub post_only: bool,
    /// The new order's free number.
    pub userref: Option<i32>,
    /// The replacement must not take effect after this instant.
    pub deadline: Option<Timestamp>,
    /// Check only.
    pub validate: bool,
}

impl Edit {
    /// One that changes nothing yet.
    #[must_use]
    pub const fn of(target: CancelTarget) -> Self {
        Self {
            target,
            qty: None,
            price: None,
            trigger: None,
            display: None,
            post_only: false,
            userref: None,
            deadline: None,
            validate: false,
        }
    }
}

/// A cancel.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// Which order.
    pub target: CancelTarget,
}

/// The answer to a request that was accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The order is in.
    Placed {
        /// The venue's id.
        order_id: OrderId,
    },
    /// The order would be accepted.
    Valid,
    /// The order was changed.
    Amended {
        /// Id of the change.
        amend_id: crate::types::ExecId,
        /// The venue's id of the order.
        order_id: OrderId,
    },
    /// A new order has taken the place of another.
    Edited {
        /// The venue's id of the new one.
        order_id: OrderId,
        /// The venue's id of the old one.
        original: OrderId,
    },
    /// The order will be gone.
    Canceled {
        /// The venue's id of the order.
        order_id: OrderId,
    },
    /// So many orders will be gone.
    CanceledAll {
        /// How many.
        count: u32,
    },
    /// The dead man's switch is wound, or off.
    Wound {
        /// When it cancels everything.
        at: Option<Timestamp>,
    },
}

/// Why a request was refused; the server words it as the venue does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// `EGeneral:Invalid arguments:volume minimum not met`
    VolumeMinimum,
    /// `EOrder:Cost minimum not met`
    CostMinimum,
    /// `EOrder:Tick size check failed`
    TickSize,
    /// `EGeneral:Invalid arguments:cl_ord_id not unique`
    DuplicateClOrdId,
    /// `EOrder:Rate limit exceeded`
    RateLimit,
    /// `EOrder:Orders limit exceeded`
    OrdersLimit,
    /// `EOrder:Insufficient funds`
    InsufficientFunds,
    /// `EService:Deadline elapsed`
    DeadlineElapsed,
    /// `EOrder:Post only order`
    PostOnly,
    /// `EOrder:Unknown order`: it existed and is over.
    UnknownOrder,
    /// `EOrder:Invalid order`: it never existed.
    InvalidOrder,
    /// `EOrder:No amendable parameters specified`
    NothingToAmend,
    /// `EOrder:Invalid price`: one that leads nowhere.
    InvalidPrice,
    /// `EGeneral:Invalid arguments:volume`: quote that buys nothing this way.
    InvalidVolume,
    /// `EGeneral:Invalid arguments:display_qty`
    InvalidDisplay,
    /// `EGeneral:Invalid arguments:Index unavailable`: a trigger by an index that the pair has not got.
    NoIndex,
    /// `EOrder:Invalid limit price`: one where none belongs.
    InvalidLimitPrice,
    /// `EService:Market in cancel_only mode`
    CancelOnly,
    /// `EService:Market in post_only mode`
    PostOnlyMode,
    /// `EService:Market in limit_only mode`
    LimitOnly,
    /// `EOrder:Reduce only:No position exists`: the market only lets positions be reduced.
    ReduceOnly,
    /// `EService:Unavailable`: maintenance.
    Unavailable,
}
