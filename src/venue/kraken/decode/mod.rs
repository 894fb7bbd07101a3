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
mod typed;
mod usual;

use std::borrow::Cow;

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
    envelope::Envelope,
    feed::{Feed, Whose},
    symbols::Symbols,
    typed::is_typed,
};
use super::wire::{
    DecodeError, Text, Why,
    scan::{Scanner, Step},
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
        if let Some((kind, listing)) = usual::book(text, &self.symbols, buffers) {
            return Ok(book_message(kind, &listing, buffers));
        }
        self.decode_any(text, buffers)
    }

    /// Decodes a frame of whatever form.
    fn decode_any<'a>(
        &mut self,
        text: &'a str,
        buffers: &mut Buffers,
    ) -> Result<Message<'a>, DecodeError> {
        let mut scanner = Scanner::new(text);
        let mut envelope = Envelope::default();
        let mut read = None;
        let mut next = scanner.first_key()?;
        while let Some(key) = next {
            match (key.as_ref(), envelope.channel.as_deref()) {
                ("data", Some(_)) if read.is_none() && envelope.data.is_none() => {
                    read = self.early(&mut envelope, &mut scanner, buffers)?;
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

    /// Reads `data` where it stands, if what came before it says how; else leaves it for later.
    fn early<'a>(
        &mut self,
        envelope: &mut Envelope<'a>,
        scanner: &mut Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Option<Read<'a>>> {
        let channel = envelope.channel.as_deref().unwrap_or_default();
        match (channel, kind(envelope, scanner)) {
            ("book", _) => self
                .feed()
                .book(scanner, buffers)
                .map(|whose| Some(Read::Feed(whose))),
            ("trade", _) => self
                .feed()
                .trades(scanner, buffers)
                .map(|whose| Some(Read::Feed(whose))),
            (channel, Ok(kind)) if is_typed(channel) => self
                .typed(channel, kind, scanner)
                .map(|message| Some(Read::Typed(message))),
            _ => envelope
                .member("data", scanner, &mut self.notes)
                .map(|()| None),
        }
    }

    fn message<'a>(
        &mut self,
        mut envelope: Envelope<'a>,
        read: Option<Read<'a>>,
        scanner: &Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Message<'a>> {
        let feed = |read| match read {
            Some(Read::Feed(whose)) => Some(whose),
            Some(Read::Typed(_)) | None => None,
        };
        match (envelope.channel.take(), envelope.method.take(), read) {
            (Some(_), _, Some(Read::Typed(message))) => {
                Ok(message.with_sequence(envelope.sequence))
            }
            (Some(channel), _, read) => match channel.as_ref() {
                "book" => self.book(&envelope, feed(read), scanner, buffers),
                "trade" => self.trades(&envelope, feed(read), scanner, buffers),
                "heartbeat" => Ok(Message::Heartbeat),
                channel if is_typed(channel) => {
                    let Some(data) = envelope.data else {
                        return scanner.fail(Why::Missing("data"));
                    };
                    let kind = kind(&envelope, scanner)?;
                    let message = self.typed(channel, kind, &mut scanner.moved_to(data.at))?;
                    Ok(message.with_sequence(envelope.sequence))
                }
                _ => Ok(Message::Unknown {
                    what: Text(channel),
                }),
            },
            (None, Some(method), _) => self.answer(method, envelope),
            (None, None, _) => Ok(match envelope.flood {
                Some(error) => Message::Flood { error: Text(error) },
                None => Message::Unknown {
                    what: Text(Cow::Borrowed("")),
                },
            }),
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
        match whose {
            Whose::Known(listing) => Ok(book_message(kind, &listing, buffers)),
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
}

/// A payload that was read where it stood.
enum Read<'a> {
    /// Into the buffers.
    Feed(Whose<'a>),
    /// Into a message, but for what follows the payload.
    Typed(Message<'a>),
}

fn book_message<'a>(kind: Kind, listing: &Listing, buffers: &mut Buffers) -> Message<'a> {
    buffers.book.kind = match kind {
        Kind::Snapshot => BookKind::Snapshot,
        Kind::Update => BookKind::Update,
    };
    Message::Book(BookHead {
        instrument: listing.id,
        symbol: listing.symbol,
        kind,
    })
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
