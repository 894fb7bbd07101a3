//! What stands around every payload.

use std::borrow::Cow;

use super::Notes;
use crate::venue::kraken::wire::{
    Why,
    scan::{Scanner, Step},
};

/// Keys of a frame's outermost object. Payloads stay unread: their text, and where it begins.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) channel: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) data: Option<Payload<'a>>,
    pub(super) sequence: Option<u64>,
    pub(super) timestamp: Option<Cow<'a, str>>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) req_id: Option<u64>,
    pub(super) success: Option<bool>,
    pub(super) result: Option<Payload<'a>>,
    pub(super) error: Option<Cow<'a, str>>,
    pub(super) symbol: Option<Cow<'a, str>>,
    pub(super) status: Option<Cow<'a, str>>,
    pub(super) warnings: Option<Payload<'a>>,
    pub(super) orders_cancelled: Option<u64>,
    pub(super) time_in: Option<Cow<'a, str>>,
    pub(super) time_out: Option<Cow<'a, str>>,
    pub(super) flood: Option<Cow<'a, str>>,
    pub(super) is_request: bool,
}

/// An unread value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

impl<'a> Envelope<'a> {
    /// Reads the value of one key.
    pub(super) fn member(
        &mut self,
        key: &str,
        scanner: &mut Scanner<'a>,
        notes: &mut Notes,
    ) -> Step<()> {
        match key {
            "channel" => text(scanner, &mut self.channel, "channel"),
            "type" => text(scanner, &mut self.kind, "type"),
            "method" => text(scanner, &mut self.method, "method"),
            "error" => text(scanner, &mut self.error, "error"),
            "symbol" => text(scanner, &mut self.symbol, "symbol"),
            "status" => text(scanner, &mut self.status, "status"),
            "time_in" => text(scanner, &mut self.time_in, "time_in"),
            "time_out" => text(scanner, &mut self.time_out, "time_out"),
            "timestamp" => text(scanner, &mut self.timestamp, "timestamp"),
            "Error" => text(scanner, &mut self.flood, "Error"),
            "data" => payload(scanner, &mut self.data, "data"),
            "result" => payload(scanner, &mut self.result, "result"),
            "warnings" => payload(scanner, &mut self.warnings, "warnings"),
            "sequence" => number(scanner, &mut self.sequence, "sequence"),
            "req_id" => number(scanner, &mut self.req_id, "req_id"),
            "orders_cancelled" => number(scanner, &mut self.orders_cancelled, "orders_cancelled"),
            "success" => {
                self.success = Some(scanner.boolean()?);
                Ok(())
            }
            "params" => {
                self.is_request = true;
                scanner.skip().map(|_params| ())
            }
            unknown => {
                notes.unknown_field("frame", unknown);
                scanner.skip().map(|_value| ())
            }
        }
    }
}

fn text<'a>(
    scanner: &mut Scanner<'a>,
    target: &mut Option<Cow<'a, str>>,
    key: &'static str,
) -> Step<()> {
    if target.is_some() {
        return scanner.fail(Why::Twice(key));
    }
    *target = scanner.string_or_null()?;
    Ok(())
}

fn payload<'a>(
    scanner: &mut Scanner<'a>,
    target: &mut Option<Payload<'a>>,
    key: &'static str,
) -> Step<()> {
    if target.is_some() {
        return scanner.fail(Why::Twice(key));
    }
    scanner.peek();
    let at = scanner.at();
    let text = scanner.skip()?;
    *target = (text != "null").then_some(Payload { at, text });
    Ok(())
}

fn number(scanner: &mut Scanner<'_>, target: &mut Option<u64>, key: &'static str) -> Step<()> {
    if target.is_some() {
        return scanner.fail(Why::Twice(key));
    }
    *target = if scanner.peek() == Some(b'n') {
        scanner.skip().map(|_null| None)?
    } else {
        Some(scanner.unsigned(key)?)
    };
    Ok(())
}
