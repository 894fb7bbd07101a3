//! placeholder until encode is merged
use crate::{
    engine::command::Cancel,
    types::{Instrument, OrderId, Timestamp},
    venue::kraken::lanes::Entry,
};
use secrecy::{ExposeSecret, SecretString};
#[derive(Debug)]
pub(super) enum Reply {
    Answer {
        id: u64,
        result: Result<Option<OrderId>, String>,
    },
    Pong {
        number: u64,
        venue_time: Option<Timestamp>,
    },
}
pub(super) fn ping(number: u64) -> String {
    format!(r#"{{"method":"ping","req_id":{number}}}"#)
}
pub(super) fn cancel(cancel: &Cancel, token: &SecretString) -> String {
    format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["{}"],"token":"{}"}},"req_id":{}}}"#,
        cancel.cl_ord_id,
        token.expose_secret(),
        cancel.id.0
    )
}
pub(super) fn entry(
    entry: &Entry,
    _instruments: &[Instrument],
    token: &SecretString,
) -> Option<String> {
    let m = match entry {
        Entry::Submit(_) => "add_order",
        Entry::Amend(_) => "amend_order",
    };
    Some(format!(
        r#"{{"method":"{m}","params":{{"cl_ord_id":"{}","token":"{}"}},"req_id":{}}}"#,
        entry.cl_ord_id(),
        token.expose_secret(),
        entry.id().0
    ))
}
pub(super) fn subscribe(channel: &str, token: &SecretString, number: u64) -> String {
    let flags = if channel == "executions" {
        r#""snap_orders":true,"snap_trades":true,"#
    } else {
        ""
    };
    format!(
        r#"{{"method":"subscribe","params":{{"channel":"{channel}",{flags}"token":"{}"}},"req_id":{number}}}"#,
        token.expose_secret()
    )
}

pub(super) fn hello(token: &SecretString, ping_number: u64) -> [String; 3] {
    [
        subscribe("executions", token, 1),
        subscribe("balances", token, 2),
        ping(ping_number),
    ]
}
