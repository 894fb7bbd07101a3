//! From an open socket to a connection that is up: the subscriptions are acknowledged, their snapshots told, the first ping answered.
//!
//! Left out: connecting, and what comes afterwards. Always true: each thing that is waited for has a limit of its own, from the moment
//! in which it was owed, and the one that passes first is counted and named.

use futures_util::SinkExt;
use thiserror::Error;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    frames::{FIRST_PING, Reply},
    reader::{Channel, Fault, Heard, Intake},
    writer::Ping,
};
use crate::{
    io::Clock,
    resilience::{Deadlines, Elapsed, Place, within},
    types::Timestamp,
    venue::kraken::socket::Socket,
};

/// What a connection told about itself as it came up.
pub(super) struct Welcome {
    pub(super) ping: Ping,
    /// Venue clock minus ours, in nanoseconds.
    pub(super) offset: Option<i64>,
}

/// Why a connection did not come up.
#[derive(Debug, Error)]
pub(super) enum Unwelcome {
    /// The connection broke as the requests were written.
    #[error(transparent)]
    Write(#[from] tungstenite::Error),
    /// It does not take what is written.
    #[error(transparent)]
    Stuck(#[from] Elapsed),
    /// It was of no use.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Something did not come in time.
    #[error("{0}: {1}")]
    Late(Awaited, Elapsed),
}

/// What must have been heard before a connection is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Awaited {
    Ack(Channel),
    Snapshot(Channel),
    Pong,
}

impl Awaited {
    const fn place(self) -> Place {
        match self {
            Self::Ack(_) => Place::SubscribeAck,
            Self::Snapshot(_) => Place::FirstSnapshot,
            Self::Pong => Place::Answer,
        }
    }
}

impl std::fmt::Display for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ack(channel) | Self::Snapshot(channel) => channel.name(),
            Self::Pong => "pong",
        })
    }
}

/// What is still owed, and when it is due.
struct Owed(Vec<(Awaited, Timestamp)>);

impl Owed {
    /// What the requests of the hello ask for. A snapshot is owed from its acknowledgement on, whatever comes first.
    fn new(now: Timestamp, deadlines: &Deadlines) -> Self {
        let due = |what: Awaited| (what, now.after(deadlines.of(what.place())));
        let acknowledged = [Channel::Executions, Channel::Balances].into_iter();
        let snapshots = acknowledged
            .clone()
            .map(|channel| (Awaited::Snapshot(channel), Timestamp::MAX));
        let acks = acknowledged.map(|channel| due(Awaited::Ack(channel)));
        Self(acks.chain(snapshots).chain([due(Awaited::Pong)]).collect())
    }

    fn next(&self) -> Option<(Awaited, Timestamp)> {
        self.0.iter().min_by_key(|(_, due)| *due).copied()
    }

    fn heard(&mut self, heard: Awaited, now: Timestamp, deadlines: &Deadlines) {
        let before = self.0.len();
        self.0.retain(|(what, _)| *what != heard);
        if self.0.len() < before {
            deadlines.count(heard.place(), true);
        }
        if let Awaited::Ack(channel) = heard {
            let snapshot = Awaited::Snapshot(channel);
            let due = now.after(deadlines.of(snapshot.place()));
            let mut rows = self.0.iter_mut();
            if let Some(row) = rows.find(|(what, _)| *what == snapshot) {
                row.1 = due;
            }
        }
    }
}

/// Writes the hello and reads until nothing is owed any more. `maintenance` is told whether the venue is in one, as often as it says.
///
/// # Cancel safety
///
/// None: a frame may be half told.
pub(super) async fn await_it(
    socket: &mut Socket,
    intake: &mut Intake,
    hello: [Message; 3],
    (clock, deadlines): (&Clock, &Deadlines),
    mut maintenance: impl FnMut(bool),
) -> Result<Welcome, Unwelcome> {
    for frame in hello {
        deadlines.within(Place::Write, socket.send(frame)).await??;
    }
    let mut ping = Ping {
        number: FIRST_PING,
        sent: clock.now(),
        answered: Timestamp::MIN,
    };
    let mut offset = None;
    let mut owed = Owed::new(ping.sent, deadlines);
    while let Some((awaited, due)) = owed.next() {
        let place = awaited.place();
        let left = due.since(clock.now());
        // A venue that never falls silent must not put it off.
        let heard = match left.is_zero() {
            true => None,
            false => within(place, left, intake.next(socket)).await.ok(),
        };
        let Some(heard) = heard else {
            deadlines.count(place, false);
            return Err(Unwelcome::Late(awaited, deadlines.elapsed(place)));
        };
        let heard = match heard? {
            Heard::Subscribed(channel) => Awaited::Ack(channel),
            Heard::Snapshot(channel) => Awaited::Snapshot(channel),
            Heard::Reply(Reply::Pong { venue_time, .. }) => {
                ping.answered = clock.now();
                offset = venue_time.map(|venue| ping.offset(venue));
                Awaited::Pong
            }
            Heard::Status { maintenance: lasts } => {
                maintenance(lasts);
                continue;
            }
            Heard::Other | Heard::Reply(Reply::Answer { .. }) => continue,
        };
        owed.heard(heard, clock.now(), deadlines);
    }
    Ok(Welcome { ping, offset })
}
