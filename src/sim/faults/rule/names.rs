//! Names that a rule may be armed on.

use super::super::kind::ANY;
use crate::sim::server::METHODS;

const PUBLIC: [&str; 8] = [
    "ticker",
    "book",
    "trade",
    "ohlc",
    "instrument",
    "level3",
    "status",
    "heartbeat",
];
const PRIVATE: [&str; 2] = ["executions", "balances"];

/// A channel, or any.
pub(super) fn channel(on: &str) -> Result<String, String> {
    let all = [&PUBLIC[..], &PRIVATE[..]].concat();
    known(on, "channel", &all)
}

/// A private channel, or any.
pub(super) fn private_channel(on: &str) -> Result<String, String> {
    known(on, "private channel", &PRIVATE)
}

/// A method of the sockets, or any.
pub(super) fn method(on: &str) -> Result<String, String> {
    known(on, "method", &METHODS)
}

/// A method of the sockets, an endpoint of REST, or any.
pub(super) fn method_or_endpoint(on: &str) -> Result<String, String> {
    if METHODS.contains(&on) {
        return Ok(on.to_owned());
    }
    endpoint(on)
}

/// An endpoint of REST, or any. Whether the venue has it is not looked up: what it has not can be called too.
pub(super) fn endpoint(on: &str) -> Result<String, String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '/';
    let looks =
        on.starts_with(|first: char| first.is_ascii_uppercase()) && on.chars().all(is_letter);
    if looks || on == ANY {
        return Ok(on.to_owned());
    }
    Err(format!(
        "on: {on:?} is no REST endpoint; they are written as \"AddOrder\", or \"{ANY}\" for any"
    ))
}

/// A pair by its symbol, or any.
pub(super) fn symbol(on: &str) -> Result<String, String> {
    if on.contains('/') || on == ANY {
        return Ok(on.to_owned());
    }
    Err(format!(
        "on: {on:?} is no symbol; they are written as \"BTC/USD\", or \"{ANY}\" for any"
    ))
}

/// A method whose outcome can be kept from being reported, or any.
pub(super) fn reported(on: &str) -> Result<String, String> {
    known(on, "reported method", &["add_order", "amend_order"])
}

fn known(on: &str, what: &str, all: &[&str]) -> Result<String, String> {
    if on == ANY || all.contains(&on) {
        return Ok(on.to_owned());
    }
    Err(format!(
        "on: no {what} is called {on:?}; there are {}, and \"{ANY}\" for any",
        all.join(", ")
    ))
}
