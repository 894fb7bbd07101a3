//! What the engine is told. Everything it knows arrived in one of these.
//!
//! Amounts that come with their instrument are exact integers ([`Price`], [`Quantity`]); amounts of the account are
//! [`Decimal`]s, because reports may leave out which pair they belong to: the engine, which knows the order, converts them.

use serde::{Deserialize, Serialize};

use super::command::CommandId;
use crate::types::{
    AssetCode, ClOrdId, Decimal, ExecId, InlineText, Instrument, InstrumentId, Liquidity, OrderId,
    Price, Quantity, Side, Symbol, Timestamp, TradingStatus,
};

/// One thing that happened outside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Event {
    /// Time has passed and nothing else happened.
    Tick,
    /// Levels of a book.
    Book(BookUpdate),
    /// A public trade.
    Trade(PublicTrade),
    /// An instrument's rules or status, whole. A change of precision starts its book anew; the pair stands still from then on.
    Instrument(InstrumentId, Box<Instrument>),
    /// The public feed came up, or a connection of it went down, in its place among the books. Down makes every book stale, whether
    /// or not the feed had come up.
    Feed(Link),
    /// What the venue as a whole allows.
    Venue(TradingStatus),
    /// Venue clock minus ours, in nanoseconds.
    ClockOffset(i64),
    /// The private feed came up (subscribed, snapshots delivered) or went down (nothing in flight will be answered).
    Account(Link),
    /// The account's trading-rate threshold, as the venue states it.
    RateThreshold(u32),
    /// Something happened to an order of the account.
    Report(Box<Report>),
    /// All balances.
    Balances(Vec<Balance>),
    /// One balance after a change.
    Balance(Balance),
    /// What became of a command.
    Outcome(Outcome),
    /// The answer to [`Command::LookUp`](super::Command::LookUp).
    LookedUp(Box<LookedUp>),
    /// The answer to [`Command::Reconcile`](super::Command::Reconcile).
    Reconciled(Box<VenueState>),
    /// The venue would not answer a [`Command::Reconcile`](super::Command::Reconcile); to be asked again.
    ReconcileFailed,
    /// Whether creates and amends may be sent, as the order-entry breaker sees it.
    OrderEntry(OrderEntry),
    /// The operator's wish.
    Control(Control),
    /// The journal can no longer be written: from now on only cancels leave.
    JournalFailed,
}

impl Event {
    /// Whether the event comes from the market. Such events may be dropped and resynced; all others never are.
    #[must_use]
    pub const fn is_market(&self) -> bool {
        matches!(self, Self::Tick | Self::Book(_) | Self::Trade(_))
    }
}

/// Whether a connection carries data.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Link {
    /// It does.
    Up,
    /// It does not.
    Down,
}

/// Whether creates and amends may be sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum OrderEntry {
    /// They may.
    Open,
    /// The breaker is open or probing; they would come back unsent.
    Shut,
}

/// What the operator or the supervisor wants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Control {
    /// Strategies stop, our orders are canceled and seen canceled.
    Stop,
}

/// A whole book or the levels that changed. Levels of one frame apply in order, then the checksum holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BookUpdate {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Whole book or change.
    pub kind: BookKind,
    /// Bid levels as they came.
    pub bids: Vec<Level>,
    /// Ask levels as they came.
    pub asks: Vec<Level>,
    /// CRC-32 of the ten best levels of each side after this frame.
    pub checksum: u32,
    /// The venue's time, where it tells it.
    pub at: Option<Timestamp>,
}

impl BookUpdate {
    /// An empty update, to be filled by a decoder and used again.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            instrument: InstrumentId(0),
            kind: BookKind::Update,
            bids: Vec::new(),
            asks: Vec::new(),
            checksum: 0,
            at: None,
        }
    }
}

/// Whole book or change.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum BookKind {
    /// The whole book to the subscribed depth.
    Snapshot,
    /// Levels that changed.
    Update,
}

/// Total quantity at a price. Zero removes the level.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Level {
    /// Price.
    pub price: Price,
    /// Total quantity.
    pub qty: Quantity,
}

/// A trade between two others, or one of ours as the public sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PublicTrade {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Direction of the order that took.
    pub taker_side: Side,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Quantity,
    /// The venue's number; rises by one per book.
    pub trade_id: u64,
    /// The venue's time.
    pub at: Timestamp,
}

/// Something that happened to an order of the account; ours or not. Fields beside the ids are absent where the venue left them out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// The venue's id.
    pub order_id: OrderId,
    /// The client's id.
    pub cl_ord_id: Option<ClOrdId>,
    /// Pair.
    pub symbol: Option<Symbol>,
    /// Direction.
    pub side: Option<Side>,
    /// Total quantity.
    pub order_qty: Option<Decimal>,
    /// Limit price.
    pub limit_price: Option<Decimal>,
    /// Filled so far.
    pub cum_qty: Option<Decimal>,
    /// What happened.
    pub kind: ReportKind,
    /// The venue's time.
    pub at: Timestamp,
}

/// What happened to an order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ReportKind {
    /// Accepted, not yet in the book.
    Pending,
    /// In the book; also the state of a resting order in a snapshot.
    New,
    /// A fill.
    Trade(Fill),
    /// Completely filled.
    Filled,
    /// Over, with what was filled.
    Canceled {
        /// The venue's words.
        reason: InlineText<64>,
    },
    /// Over by its own time.
    Expired,
    /// Changed, by us or by the venue.
    Amended,
    /// Anything else; no consequence.
    Other,
}

/// One fill of one of the account's orders. Unique by `exec_id`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fill {
    /// Unique id.
    pub exec_id: ExecId,
    /// Quantity of this fill.
    pub qty: Decimal,
    /// Price of this fill.
    pub price: Decimal,
    /// What was paid or received for it, in quote.
    pub cost: Decimal,
    /// Maker or taker, where told.
    pub liquidity: Option<Liquidity>,
    /// Fees of this fill, each in its own asset.
    pub fees: Vec<(AssetCode, Decimal)>,
    /// The venue's time.
    pub at: Timestamp,
}

/// An asset's total, holds included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Balance {
    /// Modern code.
    pub asset: AssetCode,
    /// Total.
    pub total: Decimal,
}

/// What became of a command that changes an order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Outcome {
    /// Which command.
    pub command: CommandId,
    /// What became of it.
    pub answer: Answer,
}

/// The four ends of a command.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Answer {
    /// The venue took it.
    Accepted {
        /// The venue's id, where the answer holds it.
        order_id: Option<OrderId>,
    },
    /// The venue refused it; it has certainly had no effect.
    Rejected(Rejection),
    /// It was sent and no answer came, or one that does not tell. It may have taken effect.
    Unanswered,
    /// It never left. It has certainly had no effect.
    Unsent(Unsent),
}

/// A refusal in the venue's words, and what it means.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rejection {
    /// The class.
    pub reason: RejectReason,
    /// The words, cut to fit.
    pub text: InlineText<96>,
}

/// Classes of refusals that call for different reactions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum RejectReason {
    /// Not enough of an asset.
    InsufficientFunds,
    /// Post-only and would have taken.
    PostOnly,
    /// Over a rate limit.
    RateLimited,
    /// Too many open orders.
    OrdersLimit,
    /// The order is over or never was.
    UnknownOrder,
    /// An open order already has this client id.
    DuplicateId,
    /// Below a minimum.
    Minimum,
    /// Off the tick, too precise, or otherwise no price.
    Price,
    /// The market or venue is not in a mode that takes it.
    MarketMode,
    /// The key may not, or the session is void.
    Permission,
    /// The change changes nothing.
    NothingToAmend,
    /// Its deadline had passed.
    Deadline,
    /// Any other certain refusal.
    Other,
}

/// Why a command never left.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Unsent {
    /// No private socket.
    NotConnected,
    /// The order-entry breaker is open.
    BreakerOpen,
    /// Its deadline passed in the queue.
    DeadlinePassed,
    /// A cancel overtook it in the queue.
    Withdrawn,
    /// The program is stopping.
    Stopping,
    /// It could not be recorded.
    Unrecorded,
}

/// What a look-up of one order found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LookedUp {
    /// Which order.
    pub cl_ord_id: ClOrdId,
    /// When the question was put; reports after it win.
    pub asked: Timestamp,
    /// What was found.
    pub found: Found,
}

/// Result of a look-up.
#[expect(
    clippy::large_enum_variant,
    reason = "travels boxed, inside `LookedUp`"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Found {
    /// The venue knows it.
    Order {
        /// Its state.
        order: OrderRecord,
        /// Its fills.
        fills: Vec<(OrderId, Fill)>,
    },
    /// Every place was asked and none knows it.
    Absent,
    /// Some place did not answer; nothing is known.
    Failed,
}

/// An order as the venue's records tell it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderRecord {
    /// The venue's id.
    pub order_id: OrderId,
    /// The client's id.
    pub cl_ord_id: Option<ClOrdId>,
    /// Pair.
    pub symbol: Symbol,
    /// Direction.
    pub side: Side,
    /// Total quantity.
    pub qty: Decimal,
    /// Limit price, where it has one.
    pub limit_price: Option<Decimal>,
    /// Filled so far.
    pub filled: Decimal,
    /// Where it stands.
    pub status: RecordStatus,
    /// When it was opened.
    pub opened: Timestamp,
}

/// Where a recorded order stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum RecordStatus {
    /// Live.
    Open,
    /// Completely filled.
    Filled,
    /// Over before that.
    Canceled,
    /// Over by its own time.
    Expired,
}

/// The account as the venue's records tell it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct VenueState {
    /// When the questions were put.
    pub asked: Timestamp,
    /// All open orders, ours or not.
    pub open: Vec<OrderRecord>,
    /// Orders closed since the instant that was asked for.
    pub closed: Vec<OrderRecord>,
    /// Fills since the instant that was asked for, each with its order.
    pub fills: Vec<(OrderId, Fill)>,
    /// All balances.
    pub balances: Vec<Balance>,
}
