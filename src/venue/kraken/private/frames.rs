//! Commands to WebSocket frames, and answers in the writer's words.

use secrecy::{ExposeSecret, SecretString};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    engine::command::Cancel,
    types::{Instrument, OrderId, Timestamp},
    venue::kraken::{
        encode::{self, Channel, FIRST_OWN_REQUEST},
        lanes::Entry,
    },
};

/// Numbers of the subscriptions.
const EXECUTIONS: u64 = FIRST_OWN_REQUEST;
const BALANCES: u64 = FIRST_OWN_REQUEST + 1;
/// Number of a connection's first ping.
pub(super) const FIRST_PING: u64 = FIRST_OWN_REQUEST + 2;

/// What the reader hands to the writer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reply {
    /// The answer to an order, amend or cancel: the venue's id where it tells it, or its words of refusal.
    Answer {
        /// Number of the command.
        id: u64,
        /// What it says.
        result: Result<Option<OrderId>, String>,
    },
    /// The answer to a ping.
    Pong {
        /// Number of the ping.
        number: u64,
        /// When the venue took it.
        venue_time: Option<Timestamp>,
    },
}

/// The frames that a connection begins with.
pub(super) fn hello(token: &SecretString) -> [Message; 3] {
    let token = Some(token.expose_secret());
    let subscribe = |channel, number| {
        frame(|out| encode::subscribe(channel, std::iter::empty(), token, number, out))
    };
    [
        subscribe(Channel::Executions, EXECUTIONS),
        subscribe(Channel::Balances, BALANCES),
        ping(FIRST_PING),
    ]
}

pub(super) fn ping(number: u64) -> Message {
    frame(|out| encode::ping(number, out))
}

pub(super) fn cancel(cancel: &Cancel, token: &SecretString) -> Message {
    frame(|out| encode::cancel_order(cancel, token.expose_secret(), out))
}

/// Nothing for an instrument that the run does not have.
pub(super) fn entry(
    entry: &Entry,
    instruments: &[Instrument],
    token: &SecretString,
) -> Option<Message> {
    let token = token.expose_secret();
    match entry {
        Entry::Submit(submit) => {
            let instrument = instruments.get(submit.order.get().instrument.index())?;
            Some(frame(|out| {
                encode::add_order(submit, instrument, token, out);
            }))
        }
        Entry::Amend(amend) => {
            let instrument = instruments.get(amend.change.get().instrument.index())?;
            Some(frame(|out| {
                encode::amend_order(amend, instrument, token, out);
            }))
        }
    }
}

/// The encoder writes ASCII, but for the token, which is a text already.
fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Message {
    let mut out = Vec::with_capacity(320);
    write(&mut out);
    match String::from_utf8(out) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}
