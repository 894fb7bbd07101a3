//! Names that a rule may be armed on.

use super::super::kind::ANY;
use crate::sim::server::{METHODS, rest::is_endpoint};

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
const ABOUT_ORDERS: [&str; 12] = [
    "add_order",
    "amend_order",
    "edit_order",
    "cancel_order",
    "batch_add",
    "batch_cancel",
    "AddOrder",
    "AmendOrder",
    "EditOrder",
    "CancelOrder",
    "AddOrderBatch",
    "CancelOrderBatch",
];
const LAGGING: [&str; 8] = [
    "OpenOrders",
    "ClosedOrders",
    "QueryOrders",
    "TradesHistory",
    "QueryTrades",
    "Ledgers",
    "QueryLedgers",
    "Balance",
];

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

/// A method whose answer can come apart from what it does, or any.
pub(super) fn answered(on: &str) -> Result<String, String> {
    // The acknowledgement of a subscription and its data belong together.
    let late = |method: &&str| !matches!(*method, "subscribe" | "unsubscribe");
    let methods: Vec<&str> = METHODS.into_iter().filter(late).collect();
    known(on, "method that can be late", &methods)
}

/// A method or an endpoint that is about single orders, or any.
pub(super) fn about_orders(on: &str) -> Result<String, String> {
    known(on, "method or endpoint about single orders", &ABOUT_ORDERS)
}

/// An endpoint that can lag, or any.
pub(super) fn lagging(on: &str) -> Result<String, String> {
    known(on, "endpoint that can lag", &LAGGING)
}

/// An endpoint of REST, or any.
pub(super) fn endpoint(on: &str) -> Result<String, String> {
    if on == ANY || is_endpoint(on) {
        return Ok(on.to_owned());
    }
    Err(format!(
        "on: {on:?} is no REST endpoint; it is the last part of its path, as in \"AddOrder\", or \"{ANY}\" for any"
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
