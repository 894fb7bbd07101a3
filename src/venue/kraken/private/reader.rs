//! The reading side of the private socket.
//!
//! For: frames to events, in order, and answers to the writer. Left out: what is owed an answer (the desk's).
//! Always true: an event waits for room in the account queue, and the socket waits with it; nothing of the account is dropped. A frame or
//! row that cannot be read is followed by a new connection, since what it held is then told again. Neither channel speaks while nothing
//! happens to the account, so that silence of one is no fault once its snapshot is there: a frame that is lost leaves a gap in the numbers,
//! and a report that never comes is found by look-ups and reconciliation.

use std::sync::Arc;

use futures_util::StreamExt;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::frames::Reply;
use crate::{
    engine::Event,
    resilience::{Elapsed, Place},
    types::OrderId,
    venue::kraken::{
        counters::{Feed, SocketCounters},
        decode::{self, Body, Buffers, ConvertError, Decoder, Kind, Message, Method, Rows},
    },
};

/// Why reading ended.
#[derive(Debug, Error)]
pub(super) enum Fault {
    /// The venue closed the connection.
    #[error("closed by the venue")]
    Closed,
    /// The connection broke.
    #[error("broken: {0}")]
    Broken(#[from] tungstenite::Error),
    /// Nothing came for too long.
    #[error(transparent)]
    Silent(#[from] Elapsed),
    /// Frames were lost.
    #[error("{channel} frames lost: {got} came after {last}")]
    Gap {
        /// Of which channel.
        channel: &'static str,
        /// Number of the last frame.
        last: u64,
        /// Number of this one.
        got: u64,
    },
    /// A row that cannot be read.
    #[error("row that cannot be read: {0}")]
    Unreadable(ConvertError),
    /// A subscription was refused, in the venue's words.
    #[error("subscription refused: {0}")]
    Refused(String),
    /// The engine or the writer is gone.
    #[error("nobody listens")]
    Abandoned,
}

/// What a frame was, beside the events that it made.
#[derive(Debug, Default)]
pub(super) enum Heard {
    /// Nothing that anybody waits for.
    #[default]
    Other,
    /// What the venue says of itself.
    Status {
        /// It is in maintenance.
        maintenance: bool,
    },
    /// An answer to a request of the writer.
    Reply(Reply),
    /// A subscription was made.
    Subscribed(Channel),
    /// A channel's snapshot was told.
    Snapshot(Channel),
}

/// The channels of the private socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Channel {
    /// What happens to orders.
    Executions,
    /// What happens to balances.
    Balances,
}

impl Channel {
    /// The venue's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Executions => "executions",
            Self::Balances => "balances",
        }
    }
}

/// Turns frames into events.
pub(super) struct Intake {
    decoder: Decoder,
    buffers: Buffers,
    account: mpsc::Sender<Event>,
    counters: Arc<SocketCounters>,
    numbers: Numbers,
}

impl Intake {
    /// For one connection.
    pub(super) fn new(account: mpsc::Sender<Event>, counters: Arc<SocketCounters>) -> Self {
        Self {
            decoder: Decoder::new(),
            buffers: Buffers::new(),
            account,
            counters,
            numbers: Numbers::default(),
        }
    }

    /// Takes the next frame of a socket in.
    ///
    /// # Errors
    ///
    /// When the connection is of no more use.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half told.
    pub(super) async fn next<S>(&mut self, socket: &mut S) -> Result<Heard, Fault>
    where
        S: futures_util::Stream<Item = Result<Frame, tungstenite::Error>> + Unpin,
    {
        let deadlines = &self.counters.deadlines;
        let frame = deadlines.within(Place::Idle, socket.next()).await?;
        match frame.ok_or(Fault::Closed)?? {
            Frame::Text(text) => self.frame(text.as_str().as_bytes()).await,
            Frame::Binary(bytes) => self.frame(&bytes).await,
            Frame::Close(_) => Err(Fault::Closed),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Ok(Heard::Other),
        }
    }

    async fn frame(&mut self, frame: &[u8]) -> Result<Heard, Fault> {
        self.counters.frames.add(1);
        let known = self.decoder.notes().unknown_fields();
        let told = match self.decoder.decode(frame, &mut self.buffers) {
            Ok(message) => {
                self.counters.feeds.add(Feed::of(&message));
                self.numbers.read(message)?
            }
            Err(error) => {
                // If it held a report, the gap in the numbers will tell.
                self.counters.decode_errors.add(1);
                tracing::warn!(%error, "private frame that cannot be read");
                Told::default()
            }
        };
        let unknown = self.decoder.notes().unknown_fields() - known;
        self.counters.unknown_fields.add(unknown);
        self.counters.unknown_frames.add(u64::from(told.unknown));
        for event in told.events {
            let sent = self.account.send(event).await;
            sent.map_err(|_closed| Fault::Abandoned)?;
        }
        match told.unreadable {
            Some(error) => {
                self.counters.decode_errors.add(1);
                Err(Fault::Unreadable(error))
            }
            None => Ok(told.heard),
        }
    }
}

/// What a frame has to tell.
#[derive(Debug, Default)]
struct Told {
    heard: Heard,
    events: Vec<Event>,
    unreadable: Option<ConvertError>,
    unknown: bool,
}

impl Told {
    fn heard(heard: Heard) -> Self {
        Self {
            heard,
            ..Self::default()
        }
    }

    /// Rows turned into events. What cannot be read in a snapshot is passed over, since it would come again and again.
    fn rows<T>(
        rows: &Rows<T>,
        channel: Channel,
        convert: impl Fn(&T) -> Result<Option<Event>, ConvertError>,
    ) -> Self {
        let (mut told, snapshot) = (Self::default(), rows.kind == Kind::Snapshot);
        for row in &rows.data {
            match convert(row) {
                Ok(event) => told.events.extend(event),
                Err(error) => {
                    tracing::error!(%error, ?channel, "row that cannot be read");
                    told.unreadable = (!snapshot).then_some(error);
                }
            }
        }
        if snapshot {
            told.heard = Heard::Snapshot(channel);
        }
        told
    }
}

/// Numbers of the last frames of the numbered channels.
#[derive(Debug, Default)]
struct Numbers {
    executions: Option<u64>,
    balances: Option<u64>,
}

impl Numbers {
    fn read(&mut self, message: Message<'_>) -> Result<Told, Fault> {
        Ok(match message {
            Message::Executions(rows) => {
                follow("executions", &mut self.executions, rows.sequence)?;
                Told::rows(&rows, Channel::Executions, |row| {
                    Ok(Some(Event::Report(Box::new(decode::report(row)?))))
                })
            }
            Message::Holdings(rows) => {
                follow("balances", &mut self.balances, rows.sequence)?;
                let balances = rows.data.iter().map(decode::balance_of_holding);
                let told = Told::heard(Heard::Snapshot(Channel::Balances));
                match balances.collect() {
                    Ok(balances) => Told {
                        events: vec![Event::Balances(balances)],
                        ..told
                    },
                    Err(error) => Told {
                        unreadable: Some(error),
                        ..told
                    },
                }
            }
            Message::Ledger(rows) => {
                follow("balances", &mut self.balances, rows.sequence)?;
                Told::rows(&rows, Channel::Balances, |row| {
                    Ok(decode::balance_of_entry(row)?.map(Event::Balance))
                })
            }
            Message::Reply(reply) => answer(&reply)?,
            Message::Pong(pong) => Told::heard(Heard::Reply(Reply::Pong {
                number: pong.req_id.unwrap_or(0),
                venue_time: pong.time_in.0,
            })),
            Message::Status(status) => Told::heard(Heard::Status {
                maintenance: status.system.as_str() == "maintenance",
            }),
            Message::Flood { error } => {
                tracing::warn!(error = error.as_str(), "requests come too fast");
                Told::default()
            }
            Message::Heartbeat => Told::default(),
            Message::Book(_)
            | Message::Trades(_)
            | Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Level3(_)
            | Message::Instruments { .. }
            | Message::Unknown { .. } => Told {
                unknown: true,
                ..Told::default()
            },
        })
    }
}

/// Checks that no frame of a subscription is missing.
fn follow(channel: &'static str, last: &mut Option<u64>, number: Option<u64>) -> Result<(), Fault> {
    let Some(got) = number else { return Ok(()) };
    match last.replace(got) {
        Some(last) if got != last + 1 => Err(Fault::Gap { channel, last, got }),
        Some(_) | None => Ok(()),
    }
}

fn answer(reply: &decode::Reply<'_>) -> Result<Told, Fault> {
    let text = || {
        reply
            .error
            .as_ref()
            .map_or("", |text| text.as_str())
            .to_owned()
    };
    match (reply.method, reply.req_id) {
        (Method::Subscribe, _) if !reply.success => Err(Fault::Refused(text())),
        (Method::Subscribe, _) => Ok(subscribed(reply.body.as_ref())),
        (Method::AddOrder | Method::AmendOrder | Method::CancelOrder, Some(id)) => {
            let result = match (reply.success, &reply.body) {
                (false, _) => Err(text()),
                (true, Some(Body::Placed(placed))) => {
                    let order_id = placed.order_id.as_ref();
                    Ok(order_id.and_then(|id| OrderId::new(id.as_str()).ok()))
                }
                (true, _) => Ok(None),
            };
            Ok(Told::heard(Heard::Reply(Reply::Answer { id, result })))
        }
        (method, _) => {
            tracing::debug!(?method, "reply that nobody waits for");
            Ok(Told::default())
        }
    }
}

fn subscribed(body: Option<&Body<'_>>) -> Told {
    let Some(Body::Subscribed(subscribed)) = body else {
        return Told::default();
    };
    let channel = match subscribed.channel.as_str() {
        "executions" => Channel::Executions,
        "balances" => Channel::Balances,
        _ => return Told::default(),
    };
    let threshold = subscribed.maxratecount.map(Event::RateThreshold);
    Told {
        events: threshold.into_iter().collect(),
        ..Told::heard(Heard::Subscribed(channel))
    }
}
