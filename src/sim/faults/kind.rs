//! What can go wrong, as data.
//!
//! For: one word for each thing that goes wrong, grouped by where it is carried out: a socket, a frame on it, a private channel, a
//! request, a REST call. Left out: how often, and by whom it is done. Always true: a fault says all that whoever does it must know.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::part::Part;
use crate::sim::server::Role;

/// Something that goes wrong. A method, endpoint or channel that is named `*` is any.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Something happens to a socket of this role.
    Socket(Role, SocketFault),
    /// A client that connects to a socket of this role is answered with this HTTP status.
    Refuse(Role, u16),
    /// Something happens to a frame of a channel, or of any, on a socket of this role.
    Frame(Role, Option<String>, FrameFault),
    /// A subscription to this channel is acknowledged, and nothing follows. Heartbeats go on.
    Silence(String),
    /// Something is wrong with a private channel.
    Private(String, PrivateFault),
    /// The answer to a request of this method goes wrong.
    Request(String, RequestFault),
    /// Every token is void when a request of this method comes.
    VoidTokens(String),
    /// So much of the order of a request of this method, or of this REST endpoint, is filled: of a new order at once, else just before
    /// the request is decided.
    Fill(String, Part),
    /// The next checksum of this symbol is wrong.
    Checksum(String),
    /// What comes of a request of this method (`add_order`, `amend_order`) is not reported. Later reports of its order come.
    Unreported(String),
    /// A REST call goes wrong; the endpoint is its last path segment: `AddOrder`.
    Rest(String, RestFault),
}

/// What can happen to a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SocketFault {
    /// It ends without a close frame.
    Drop,
    /// Its sending half ends; it still reads.
    HalfClose,
    /// It stays open and says nothing more, heartbeats included.
    Mute,
    /// A frame that is none goes out on it.
    Garbage(Garbage),
    /// It ends with a TCP reset.
    Reset,
    /// It ends with this close code and reason.
    Close(u16, String),
    /// It carries so many bytes a second from now on.
    Slow(u32),
    /// It ends without a close frame, and every dead man's switch that is wound goes off, as if the client had been away too long.
    SwitchOff,
}

/// What can happen to a frame of a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameFault {
    /// It is not sent.
    Lose,
    /// It is sent twice.
    Duplicate,
    /// It is sent late, and so is what comes after it.
    Delay(Delay),
    /// It is sent after the next frame of another subscription. What belongs to one subscription keeps its order.
    Reorder,
    /// Its numbers with a fraction are written with an exponent.
    Exponent,
    /// It has members that nobody knows.
    UnknownFields,
    /// A report that is not an order's first says neither its symbol nor its `cl_ord_id`.
    Sparse,
}

/// What can be wrong with a private channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrivateFault {
    /// A number is left out of its sequence. Nothing is lost.
    SequenceGap,
    /// A snapshot comes in two frames.
    SplitSnapshot,
}

/// What a request gets instead of its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestFault {
    /// Nothing. It is carried out, and its reports come.
    NoAnswer,
    /// Nothing, and it is not carried out.
    Ignore,
    /// An error.
    Error {
        /// The error's text.
        text: String,
        /// Whether it is carried out all the same.
        execute: bool,
    },
    /// The proper answer, late. It is carried out at once.
    Late(Delay),
    /// Its answer has another of the shapes that have been seen.
    Shape {
        /// Which.
        shape: Shape,
        /// The error with which the last order of a batch is refused.
        refusal: Option<String>,
    },
}

/// Shapes of the answer to a batch.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A list with a row for each order; `success` is false if one of them was refused. The usual one.
    Rows,
    /// The same list; `success` is true whatever happened to its orders.
    Lenient,
    /// `{"orders":[…]}`, each with a `success` of its own.
    Nested,
    /// Of `batch_cancel`: no `result`, but `orders_cancelled` beside `success`.
    TopLevel,
}

/// What can be on the wire instead of a frame.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// JSON that ends in the middle.
    Truncated,
    /// A text that is no JSON, as a proxy in front of the venue sends it.
    Text,
    /// Bytes that are no text.
    Binary,
    /// A book frame with numbers that fit nowhere.
    HugeNumbers,
    /// A frame of a channel that does not exist.
    UnknownChannel,
    /// A book frame with wrong types.
    WrongTypes,
}

/// What a REST call gets instead of its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RestFault {
    /// An error in the envelope; the call is not carried out.
    Error(String),
    /// An error in the envelope; the call is carried out.
    DoThenError(String),
    /// An HTTP status with a page; the call is not carried out.
    Status(u16, String),
    /// An HTTP status with a page; the call is carried out.
    DoThenStatus(u16, String),
    /// The call is carried out and never answered.
    DoThenSilence,
    /// The call is neither carried out nor answered.
    Silence,
    /// The connection ends instead of an answer.
    Drop(Ending),
    /// The proper answer, of which the second half is missing when the connection ends.
    Cut,
    /// The proper answer, late.
    Delay(Delay),
    /// The proper answer, at so many bytes a second.
    Slow(u32),
    /// The call waits until another private one has been decided, at most so long: their nonces come in the wrong order.
    Overtaken(Delay),
    /// The call sees its account as it was a while ago.
    Stale(Staleness),
}

/// How a connection ends that gives no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ending {
    /// With a TCP reset.
    pub reset: bool,
    /// The call is carried out all the same.
    pub execute: bool,
}

/// How old an answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Staleness {
    /// Orders, amends and cancels that are younger are not seen.
    pub lag: Delay,
    /// Fills that are younger are not seen.
    pub fill_lag: Delay,
}

/// A length of time between two others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delay {
    /// At least so long.
    pub least: Duration,
    /// At most so long.
    pub most: Duration,
}

impl From<Duration> for Delay {
    fn from(exactly: Duration) -> Self {
        Self {
            least: exactly,
            most: exactly,
        }
    }
}

impl Delay {
    /// The length that a drawn number means, in steps of a millisecond.
    #[must_use]
    pub fn drawn(self, luck: u64) -> Duration {
        let room = self.most.saturating_sub(self.least).as_millis();
        let room = u64::try_from(room).unwrap_or(u64::MAX - 1);
        let step = if room == 0 { 0 } else { luck % (room + 1) };
        self.least.saturating_add(Duration::from_millis(step))
    }
}

/// Whether what a fault is armed on means this.
pub(super) fn means(on: &str, this: &str) -> bool {
    on == this || on == ANY
}

/// Whatever it is.
pub(super) const ANY: &str = "*";
