//! Frames to messages.
//!
//! For: one frame's bytes in, one [`Message`] out, whatever the bytes. Left out: order of frames, subscriptions, sockets.
//! Always true: no input panics; what is no message is a [`DecodeError`] that says where and why; an unknown channel is
//! [`Message::Unknown`]; an unknown key or symbol is passed over and counted in [`Notes`].

mod convert;
mod envelope;
mod feed;
mod message;
mod notes;
mod symbols;

use std::borrow::Cow;

use serde::Deserialize;

pub use self::{
    convert::{
        ConvertError, balance_of_entry, balance_of_holding, instrument, report, trading_status,
    },
    message::{
        Body, BookHead, Buffers, Kind, Message, Method, Pong, Reply, Rows, TakerOrder, Trade,
        TradesHead,
    },
    notes::Notes,
    symbols::Listing,
};
use self::{
    envelope::{Envelope, Payload},
    feed::{Feed, Whose},
    symbols::Symbols,
};
use super::wire::{
    DecodeError, MaybeInstant, Text, Why, market,
    object::Audit,
    reply::Orders,
    scan::{Scanner, Step},
    time,
};
use crate::engine::event::BookKind;

/// Turns frames into messages. Owns the table of symbols.
#[derive(Clone, Debug)]
pub struct Decoder {
    symbols: Symbols,
    notes: Notes,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that knows no symbol yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            symbols: Symbols::new(),
            notes: Notes::default(),
        }
    }

    /// Makes a symbol known, or changes its precisions from the next frame on.
    pub fn list(&mut self, listing: Listing) {
        self.symbols.set(listing);
    }

    /// What is known of a symbol.
    #[must_use]
    pub fn listing(&self, symbol: &str) -> Option<&Listing> {
        self.symbols.find(symbol)
    }

    /// All known symbols, in the order in which they became known.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        self.symbols.listings()
    }

    /// What was met and is not known.
    #[must_use]
    pub const fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Decodes one frame. Levels and trades go into `buffers`, everything else borrows from `frame`.
    ///
    /// # Errors
    ///
    /// When the frame is no message. What `buffers` hold is then meaningless.
    pub fn decode<'a>(
        &mut self,
        frame: &'a [u8],
        buffers: &mut Buffers,
    ) -> Result<Message<'a>, DecodeError> {
        let text = std::str::from_utf8(frame).map_err(|error| DecodeError {
            at: error.valid_up_to(),
            why: Why::NotText,
        })?;
        let mut scanner = Scanner::new(text);
        let mut envelope = Envelope::default();
        let mut read = None;
        let mut next = scanner.first_key()?;
        while let Some(key) = next {
            match (key.as_ref(), envelope.channel.as_deref()) {
                ("data", Some("book")) if read.is_none() => {
                    read = Some(self.feed().book(&mut scanner, buffers)?);
                }
                ("data", Some("trade")) if read.is_none() => {
                    read = Some(self.feed().trades(&mut scanner, buffers)?);
                }
                (key, _) => envelope.member(key, &mut scanner, &mut self.notes)?,
            }
            next = scanner.next_key()?;
        }
        scanner.end()?;
        if read.is_some() && envelope.data.is_some() {
            return scanner.fail(Why::Twice("data"));
        }
        self.message(envelope, read, &scanner, buffers)
    }

    const fn feed(&mut self) -> Feed<'_> {
        Feed {
            symbols: &self.symbols,
            notes: &mut self.notes,
        }
    }

    fn message<'a>(
        &mut self,
        mut envelope: Envelope<'a>,
        read: Option<Whose<'a>>,
        scanner: &Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Message<'a>> {
        match (envelope.channel.take(), envelope.method.take()) {
            (Some(channel), _) => match channel.as_ref() {
                "book" => self.book(&envelope, read, scanner, buffers),
                "trade" => self.trades(&envelope, read, scanner, buffers),
                _ => self.channel(channel, &envelope, scanner),
            },
            (None, Some(method)) => self.answer(method, envelope),
            (None, None) => match envelope.flood {
                Some(error) => Ok(Message::Flood { error: Text(error) }),
                None => Ok(Message::Unknown {
                    what: Text(Cow::Borrowed("")),
                }),
            },
        }
    }

    fn book<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        read: Option<Whose<'a>>,
        scanner: &Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Message<'a>> {
        let kind = kind(envelope, scanner)?;
        // `channel` came after `data`: the payload is still unread.
        let whose = match (read, envelope.data) {
            (Some(whose), _) => whose,
            (None, Some(data)) => self.feed().book(&mut scanner.moved_to(data.at), buffers)?,
            (None, None) => return scanner.fail(Why::Missing("data")),
        };
        buffers.book.kind = match kind {
            Kind::Snapshot => BookKind::Snapshot,
            Kind::Update => BookKind::Update,
        };
        match whose {
            Whose::Known(listing) => Ok(Message::Book(BookHead {
                instrument: listing.id,
                symbol: listing.symbol,
                kind,
            })),
            Whose::Other(symbol) => Ok(Message::OtherSymbol {
                channel: "book",
                symbol: Text(symbol),
            }),
            Whose::Nobody => scanner.fail(Why::Missing("data")),
        }
    }

    fn trades<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        read: Option<Whose<'a>>,
        scanner: &Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Message<'a>> {
        let kind = kind(envelope, scanner)?;
        let whose = match (read, envelope.data) {
            (Some(whose), _) => whose,
            (None, Some(data)) => self
                .feed()
                .trades(&mut scanner.moved_to(data.at), buffers)?,
            (None, None) => return scanner.fail(Why::Missing("data")),
        };
        let symbol = match whose {
            Whose::Known(listing) => Some(listing.symbol),
            Whose::Nobody => None,
            Whose::Other(symbol) => {
                return Ok(Message::OtherSymbol {
                    channel: "trade",
                    symbol: Text(symbol),
                });
            }
        };
        Ok(Message::Trades(TradesHead { kind, symbol }))
    }

    fn channel<'a>(
        &mut self,
        channel: Cow<'a, str>,
        envelope: &Envelope<'a>,
        scanner: &Scanner<'a>,
    ) -> Step<Message<'a>> {
        let rows = |scanner| data(envelope, scanner);
        Ok(match channel.as_ref() {
            "heartbeat" => Message::Heartbeat,
            "status" => {
                let mut rows: Vec<market::Status<'a>> = self.payload("status", rows(scanner)?)?;
                match (rows.pop(), rows.is_empty()) {
                    (Some(status), true) => Message::Status(Box::new(status)),
                    _ => return scanner.fail(Why::Expected("one element")),
                }
            }
            "ticker" => Message::Ticker(self.rows("ticker", envelope, scanner)?),
            "ohlc" => Message::Ohlc(self.rows("ohlc", envelope, scanner)?),
            "level3" => Message::Level3(self.rows("level3", envelope, scanner)?),
            "instrument" => Message::Instruments {
                kind: kind(envelope, scanner)?,
                data: Box::new(self.payload("instrument", rows(scanner)?)?),
            },
            "executions" => Message::Executions(self.rows("executions", envelope, scanner)?),
            "balances" => match kind(envelope, scanner)? {
                Kind::Snapshot => Message::Holdings(self.rows("balances", envelope, scanner)?),
                Kind::Update => Message::Ledger(self.rows("balances", envelope, scanner)?),
            },
            _ => Message::Unknown {
                what: Text(channel),
            },
        })
    }

    fn rows<'a, T>(
        &mut self,
        place: &str,
        envelope: &Envelope<'a>,
        scanner: &Scanner<'a>,
    ) -> Step<Rows<T>>
    where
        T: Deserialize<'a> + Audit,
    {
        Ok(Rows {
            kind: kind(envelope, scanner)?,
            sequence: envelope.sequence,
            data: self.payload(place, data(envelope, scanner)?)?,
        })
    }

    /// Reads a payload of a known shape and counts its unknown keys.
    fn payload<'a, T: Deserialize<'a> + Audit>(
        &mut self,
        place: &str,
        payload: Payload<'a>,
    ) -> Step<T> {
        let value: T = serde_json::from_str(payload.text).map_err(|error| DecodeError {
            at: payload.at + error.column().saturating_sub(1),
            why: Why::Payload(format!("{place}: {error}")),
        })?;
        value.audit(&mut |key| self.notes.unknown_field(place, key));
        Ok(value)
    }

    fn answer<'a>(&mut self, name: Cow<'a, str>, envelope: Envelope<'a>) -> Step<Message<'a>> {
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
            return Ok(count.map(|count| Body::Count(super::wire::reply::Count::of(count))));
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
                Some(Body::Count(self.payload("cancel", result)?))
            }
            Method::CancelAllOrdersAfter => Some(Body::Timer(
                self.payload("cancel_all_orders_after", result)?,
            )),
            Method::BatchAdd if result.text.starts_with('{') => {
                let orders: Orders<'a> = self.payload("batch_add", result)?;
                Some(Body::Batch(orders.orders))
            }
            Method::BatchAdd => Some(Body::Batch(self.payload("batch_add", result)?)),
            Method::Ping => None,
        })
    }

    fn boxed<'a, T: Deserialize<'a> + Audit>(
        &mut self,
        place: &str,
        payload: Payload<'a>,
    ) -> Step<Box<T>> {
        self.payload(place, payload).map(Box::new)
    }
}

fn data<'a>(envelope: &Envelope<'a>, scanner: &Scanner<'a>) -> Step<Payload<'a>> {
    match envelope.data {
        Some(data) => Ok(data),
        None => scanner.fail(Why::Missing("data")),
    }
}

fn kind(envelope: &Envelope<'_>, scanner: &Scanner<'_>) -> Step<Kind> {
    match envelope.kind.as_deref() {
        Some("snapshot") => Ok(Kind::Snapshot),
        Some("update") => Ok(Kind::Update),
        Some(_) => scanner.fail(Why::Expected("snapshot or update")),
        None => scanner.fail(Why::Missing("type")),
    }
}

#[cfg(test)]
mod tests;
