//! What the edge counts about itself; read by telemetry.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::decode::Message;
use crate::resilience::{Deadlines, deadline};

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that is so or not.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// It is so from now on, or not.
    pub fn set(&self, so: bool) {
        self.0.store(so, Ordering::Relaxed);
    }

    /// Whether it is so.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a frame was about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feed {
    /// Books.
    Book,
    /// Public trades.
    Trade,
    /// Rules of instruments.
    Instrument,
    /// What happens to orders.
    Executions,
    /// What happens to balances.
    Balances,
    /// The venue's state.
    Status,
    /// Nothing but that the venue lives.
    Heartbeat,
    /// Answers to requests, pings included.
    Reply,
    /// What this program did not subscribe to, or does not know.
    Other,
}

impl Feed {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Book,
        Self::Trade,
        Self::Instrument,
        Self::Executions,
        Self::Balances,
        Self::Status,
        Self::Heartbeat,
        Self::Reply,
        Self::Other,
    ];

    /// The venue's name of the channel, where it has one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Trade => "trade",
            Self::Instrument => "instrument",
            Self::Executions => "executions",
            Self::Balances => "balances",
            Self::Status => "status",
            Self::Heartbeat => "heartbeat",
            Self::Reply => "reply",
            Self::Other => "other",
        }
    }

    /// What a message is about.
    #[must_use]
    pub const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Book(_) => Self::Book,
            Message::Trades(_) => Self::Trade,
            Message::Instruments { .. } => Self::Instrument,
            Message::Executions(_) => Self::Executions,
            Message::Holdings(_) | Message::Ledger(_) => Self::Balances,
            Message::Status(_) => Self::Status,
            Message::Heartbeat => Self::Heartbeat,
            Message::Pong(_) | Message::Reply(_) | Message::Flood { .. } => Self::Reply,
            Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Level3(_)
            | Message::Unknown { .. } => Self::Other,
        }
    }
}

/// Frames by what they were about.
#[derive(Debug, Default)]
pub struct FeedCounts([Count; Feed::ALL.len()]);

impl FeedCounts {
    /// One more.
    pub fn add(&self, feed: Feed) {
        if let Some(count) = self.0.get(feed as usize) {
            count.add(1);
        }
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self, feed: Feed) -> u64 {
        self.0.get(feed as usize).map_or(0, Count::get)
    }
}

/// Counts of one socket.
#[derive(Debug, Default)]
pub struct SocketCounters {
    /// Whether a connection is up.
    pub up: Flag,
    /// Frames that could be read, by what they were about.
    pub feeds: FeedCounts,
    /// How long to wait where, and limits that passed first.
    pub deadlines: Deadlines,
    /// Data frames received.
    pub frames: Count,
    /// Frames that could not be decoded.
    pub decode_errors: Count,
    /// Frames of a kind that this program does not know.
    pub unknown_frames: Count,
    /// Fields that this program does not know.
    pub unknown_fields: Count,
    /// Connections that came up.
    pub connections: Count,
    /// Attempts to connect that failed.
    pub failed_connections: Count,
    /// Connections lost after they were up.
    pub lost_connections: Count,
    /// Market events dropped because their queue was full.
    pub dropped: Count,
    /// Books subscribed anew because the engine asked.
    pub resyncs: Count,
    /// Requests given up without an answer.
    pub unanswered: Count,
    /// Answers that came after their request was given up.
    pub late_answers: Count,
}

impl SocketCounters {
    /// Nothing counted, of a socket with these limits.
    #[must_use]
    pub fn new(deadlines: &deadline::Settings) -> Self {
        Self {
            deadlines: Deadlines::new(deadlines.clone()),
            ..Self::default()
        }
    }
}
