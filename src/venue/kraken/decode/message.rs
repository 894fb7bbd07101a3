//! What a frame decodes to.

use serde::Serialize;

use crate::{
    engine::event::{BookUpdate, PublicTrade},
    types::{InstrumentId, Symbol},
    venue::kraken::wire::{
        MaybeInstant, Text, account, market,
        reply::{Amended, Canceled, Count, Edited, Placed, Subscribed, Timer},
    },
};

/// One frame, understood. Borrows from the frame, but for books and trades, which are in [`Buffers`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message<'a> {
    /// The engine's state.
    Status(Box<market::Status<'a>>),
    /// Nothing else to say.
    Heartbeat,
    /// The answer to a ping.
    Pong(Pong),
    /// The answer to any other request.
    Reply(Box<Reply<'a>>),
    /// Requests come too fast.
    Flood {
        /// The venue's words.
        error: Text<'a>,
    },
    /// A level-2 frame, now in [`Buffers::book`].
    Book(BookHead),
    /// Public trades, now in [`Buffers::trades`].
    Trades(TradesHead),
    /// A book or trades of a symbol that is not in the table; passed over.
    OtherSymbol {
        /// `book` or `trade`.
        channel: &'static str,
        /// Whose.
        symbol: Text<'a>,
    },
    /// Best prices.
    Ticker(Rows<market::Ticker<'a>>),
    /// Candles.
    Ohlc(Rows<market::Candle<'a>>),
    /// Order-by-order books.
    Level3(Rows<market::Level3<'a>>),
    /// Assets and pairs.
    Instruments {
        /// All, or those that changed.
        kind: Kind,
        /// Both lists.
        data: Box<market::Instruments<'a>>,
    },
    /// What happened to orders.
    Executions(Rows<account::Execution<'a>>),
    /// All balances.
    Holdings(Rows<account::Holding<'a>>),
    /// Changes of balances.
    Ledger(Rows<account::Entry<'a>>),
    /// A channel or method that this program does not know, or a client's request.
    Unknown {
        /// Which.
        what: Text<'a>,
    },
}

impl Message<'_> {
    /// The same, with the number that stood behind its rows.
    pub(super) fn with_sequence(mut self, number: Option<u64>) -> Self {
        match &mut self {
            Message::Executions(Rows { sequence, .. }) => *sequence = number,
            Message::Holdings(Rows { sequence, .. }) => *sequence = number,
            Message::Ledger(Rows { sequence, .. }) => *sequence = number,
            Message::Status(_)
            | Message::Heartbeat
            | Message::Pong(_)
            | Message::Reply(_)
            | Message::Flood { .. }
            | Message::Book(_)
            | Message::Trades(_)
            | Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Level3(_)
            | Message::Instruments { .. }
            | Message::Unknown { .. } => {}
        }
        self
    }
}

/// Snapshot or update.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything.
    Snapshot,
    /// What changed.
    Update,
}

/// Rows of a channel.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Rows<T> {
    /// Everything, or what changed.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Number of the frame within its subscription: `executions` and `balances`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The rows.
    pub data: Vec<T>,
}

/// Whose level-2 frame it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct BookHead {
    /// Instrument.
    #[serde(skip)]
    pub instrument: InstrumentId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Snapshot or update.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// Whose trades they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct TradesHead {
    /// Snapshot (trades of the past) or update.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Symbol of the last row, if any.
    pub symbol: Option<Symbol>,
}

/// A public trade and the kind of order that took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trade {
    /// The trade.
    pub public: PublicTrade,
    /// The taker's order, where told.
    pub order: Option<TakerOrder>,
}

/// Kind of a taker's order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TakerOrder {
    /// With a limit.
    Limit,
    /// Without.
    Market,
}

/// Room for the two busiest payloads, to be used again for the next frame.
#[derive(Clone, Debug)]
pub struct Buffers {
    /// The book of the last [`Message::Book`].
    pub book: BookUpdate,
    /// The trades of the last [`Message::Trades`].
    pub trades: Vec<Trade>,
}

impl Buffers {
    /// Empty buffers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            book: BookUpdate::empty(),
            trades: Vec::new(),
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// The answer to a ping.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Pong {
    /// Which ping.
    pub req_id: Option<u64>,
    /// When the venue took it.
    pub time_in: MaybeInstant,
    /// When the venue answered.
    pub time_out: MaybeInstant,
}

/// The answer to a request. A batch may fail and still hold rows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reply<'a> {
    /// What was asked for.
    pub method: Method,
    /// Which request.
    pub req_id: Option<u64>,
    /// Whether it was granted; an absent `success` counts as refused.
    pub success: bool,
    /// The venue's words, when refused.
    pub error: Option<Text<'a>>,
    /// Which symbol was refused.
    pub symbol: Option<Text<'a>>,
    /// Seen as `error` beside some refusals.
    pub status: Option<Text<'a>>,
    /// What came of it.
    pub body: Option<Body<'a>>,
    /// When the venue took it.
    pub time_in: MaybeInstant,
    /// When the venue answered.
    pub time_out: MaybeInstant,
}

/// A method of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum Method {
    Subscribe,
    Unsubscribe,
    Ping,
    AddOrder,
    AmendOrder,
    EditOrder,
    CancelOrder,
    CancelAll,
    CancelAllOrdersAfter,
    BatchAdd,
    BatchCancel,
}

impl Method {
    /// The method of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "subscribe" => Self::Subscribe,
            "unsubscribe" => Self::Unsubscribe,
            "ping" => Self::Ping,
            "add_order" => Self::AddOrder,
            "amend_order" => Self::AmendOrder,
            "edit_order" => Self::EditOrder,
            "cancel_order" => Self::CancelOrder,
            "cancel_all" => Self::CancelAll,
            "cancel_all_orders_after" => Self::CancelAllOrdersAfter,
            "batch_add" => Self::BatchAdd,
            "batch_cancel" => Self::BatchCancel,
            _ => return None,
        })
    }
}

/// What came of a request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body<'a> {
    /// A subscription was made or ended.
    Subscribed(Box<Subscribed<'a>>),
    /// An order was placed.
    Placed(Box<Placed<'a>>),
    /// An order was changed in place.
    Amended(Box<Amended<'a>>),
    /// An order was replaced.
    Edited(Box<Edited<'a>>),
    /// A cancel was taken.
    Canceled(Box<Canceled<'a>>),
    /// So many orders were canceled.
    Count(Count<'a>),
    /// The dead man's switch was set.
    Timer(Timer<'a>),
    /// Orders of a batch, in the order of the request.
    Batch(Vec<Placed<'a>>),
}
