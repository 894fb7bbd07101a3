//! Everything but books and trades: payloads as typed structs.

use std::borrow::Cow;

use super::{
    Body, Decoder, Kind, Message, Method, Pong, Reply, Rows,
    envelope::{Envelope, Payload},
};
use crate::venue::kraken::wire::{
    DecodeError, MaybeInstant, Text, Why, market,
    object::{Audit, Read},
    reply::{Count, Orders},
    scan::{Scanner, Step},
    time,
};

/// Whether [`Decoder::typed`] knows a channel.
pub(super) fn is_typed(channel: &str) -> bool {
    matches!(
        channel,
        "status" | "ticker" | "ohlc" | "level3" | "instrument" | "executions" | "balances"
    )
}

impl Decoder {
    /// Reads the payload at the scanner's place, for one of the typed channels.
    pub(super) fn typed<'a>(
        &mut self,
        channel: &str,
        kind: Kind,
        scanner: &mut Scanner<'a>,
    ) -> Step<Message<'a>> {
        Ok(match (channel, kind) {
            ("status", _) => {
                let mut rows: Vec<market::Status<'a>> = self.payload("status", scanner)?;
                match (rows.pop(), rows.is_empty()) {
                    (Some(status), true) => Message::Status(Box::new(status)),
                    _ => return scanner.fail(Why::Expected("one element")),
                }
            }
            ("ticker", _) => Message::Ticker(self.rows("ticker", kind, scanner)?),
            ("ohlc", _) => Message::Ohlc(self.rows("ohlc", kind, scanner)?),
            ("level3", _) => Message::Level3(self.rows("level3", kind, scanner)?),
            ("executions", _) => Message::Executions(self.rows("executions", kind, scanner)?),
            ("balances", Kind::Snapshot) => {
                Message::Holdings(self.rows("balances", kind, scanner)?)
            }
            ("balances", Kind::Update) => Message::Ledger(self.rows("balances", kind, scanner)?),
            (_, _) => Message::Instruments {
                kind,
                data: Box::new(self.payload("instrument", scanner)?),
            },
        })
    }

    fn rows<'a, T>(&mut self, place: &str, kind: Kind, scanner: &mut Scanner<'a>) -> Step<Rows<T>>
    where
        T: Read<'a> + Audit,
    {
        Ok(Rows {
            kind,
            sequence: None,
            data: self.payload(place, scanner)?,
        })
    }

    /// Reads a value of a known shape and counts its unknown keys.
    fn payload<'a, T: Read<'a> + Audit>(
        &mut self,
        place: &str,
        scanner: &mut Scanner<'a>,
    ) -> Step<T> {
        let value = T::read(scanner)?;
        value.audit(&mut |key| self.notes.unknown_field(place, key));
        Ok(value)
    }

    pub(super) fn answer<'a>(
        &mut self,
        name: Cow<'a, str>,
        envelope: Envelope<'a>,
    ) -> Step<Message<'a>> {
        let moment =
            |text: Option<Cow<'a, str>>| MaybeInstant(text.and_then(|text| time::lenient(&text)));
        if name == "pong" {
            return Ok(Message::Pong(Pong {
                req_id: envelope.req_id,
                time_in: moment(envelope.time_in),
                time_out: moment(envelope.time_out),
            }));
        }
        let (Some(method), false) = (Method::named(&name), envelope.is_request) else {
            return Ok(Message::Unknown { what: Text(name) });
        };
        let body = self.body(method, &envelope)?;
        Ok(Message::Reply(Box::new(Reply {
            method,
            req_id: envelope.req_id,
            success: envelope.success.unwrap_or(false),
            error: envelope.error.map(Text),
            symbol: envelope.symbol.map(Text),
            status: envelope.status.map(Text),
            body,
            time_in: moment(envelope.time_in),
            time_out: moment(envelope.time_out),
        })))
    }

    fn body<'a>(&mut self, method: Method, envelope: &Envelope<'a>) -> Step<Option<Body<'a>>> {
        let Some(result) = envelope.result else {
            // `batch_cancel` was seen to answer so, without a result.
            let count = envelope.orders_cancelled;
            return Ok(count.map(|count| Body::Count(Count::of(count))));
        };
        Ok(match method {
            Method::Subscribe | Method::Unsubscribe => {
                Some(Body::Subscribed(self.boxed("subscribe", result)?))
            }
            Method::AddOrder => Some(Body::Placed(self.boxed("add_order", result)?)),
            Method::AmendOrder => Some(Body::Amended(self.boxed("amend_order", result)?)),
            Method::EditOrder => Some(Body::Edited(self.boxed("edit_order", result)?)),
            Method::CancelOrder => Some(Body::Canceled(self.boxed("cancel_order", result)?)),
            Method::CancelAll | Method::BatchCancel => {
                Some(Body::Count(self.result("cancel", result)?))
            }
            Method::CancelAllOrdersAfter => {
                Some(Body::Timer(self.result("cancel_all_orders_after", result)?))
            }
            Method::BatchAdd if result.text.starts_with('{') => {
                let orders: Orders<'a> = self.result("batch_add", result)?;
                Some(Body::Batch(orders.orders))
            }
            Method::BatchAdd => Some(Body::Batch(self.result("batch_add", result)?)),
            Method::Ping => None,
        })
    }

    fn boxed<'a, T: Read<'a> + Audit>(&mut self, place: &str, result: Payload<'a>) -> Step<Box<T>> {
        self.result(place, result).map(Box::new)
    }

    fn result<'a, T: Read<'a> + Audit>(&mut self, place: &str, result: Payload<'a>) -> Step<T> {
        self.payload(place, &mut Scanner::new(result.text))
            .map_err(|error| DecodeError {
                at: result.at + error.at,
                ..error
            })
    }
}
