//! One recording through session, decoder and books.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use serde::Deserialize;

use super::{
    CUT_ZEROS, DEFAULT_DEPTH,
    instruments::{Precision, Precisions},
    orders::OrderBooks,
    show,
    summary::{BookCounts, Summary},
};
use crate::{
    engine::{
        book::{Book, BookFault, State, Why as StaleWhy},
        event::BookUpdate,
    },
    resilience::deadline,
    types::{InstrumentId, InvalidDigits, Symbol, Timestamp},
    venue::kraken::{
        decode::{Body, BookHead, Buffers, Decoder, Kind, Listing, Message, Method, Reply},
        encode::{Channel, least_book_depth},
        session::{Patience, Session, Topic},
        wire::{DecodeError, Number, Why},
    },
};

/// Most fraction digits that a unit of 64 bits can have.
const FINEST: u8 = 18;

/// Plays one recording.
pub(super) struct Player {
    decoder: Decoder,
    buffers: Buffers,
    session: Session,
    /// By instrument.
    played: BTreeMap<u32, Played>,
    orders: OrderBooks,
    summary: Summary,
}

/// One symbol of a recording.
struct Played {
    source: Source,
    book: Option<Book>,
    counts: BookCounts,
    /// Whether it was told that updates are not verified.
    unproven: bool,
}

/// How a precision is known.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Source {
    /// From an instrument list.
    Told,
    /// From digits; may turn out finer.
    Digits,
    /// From digits, and a checksum agreed.
    Proven,
}

impl Player {
    pub(super) fn new(precisions: &Precisions) -> Self {
        // A session that is never connected waits for nothing.
        let patience = Patience {
            deadlines: deadline::Settings::default(),
            ping: Duration::MAX,
        };
        let mut player = Self {
            decoder: Decoder::new(),
            buffers: Buffers::new(),
            session: Session::new([], patience),
            played: BTreeMap::new(),
            orders: OrderBooks::default(),
            summary: Summary::default(),
        };
        for (symbol, precision) in precisions {
            player.list(symbol, *precision, Source::Told);
        }
        player
    }

    pub(super) fn finish(mut self) -> Summary {
        for listing in self.decoder.listings() {
            let Some(played) = self.played.get(&listing.id.0) else {
                continue;
            };
            if played.book.is_some() {
                self.summary
                    .books
                    .insert(listing.symbol.to_string(), played.counts);
            }
        }
        self.summary.level3 = self.orders.counts();
        self.summary
            .fields
            .clone_from(self.decoder.notes().fields());
        self.summary
    }

    /// What the client sent: a subscribe tells the depth.
    pub(super) fn sent(&mut self, frame: &[u8]) {
        let Ok(request) = serde_json::from_slice::<Request>(frame) else {
            return;
        };
        let Parameters {
            channel,
            symbol,
            depth,
        } = request.params;
        let depth = depth.unwrap_or(DEFAULT_DEPTH);
        let subscribe = request.method == "subscribe";
        for symbol in symbol.into_iter().flatten().filter(|_| subscribe) {
            match (channel.as_str(), Symbol::new(&symbol)) {
                ("book", Ok(symbol)) => self.session.adopt(book_topic(symbol, depth)),
                ("level3", Ok(symbol)) => self.orders.subscribed(&symbol, Some(depth)),
                _ => {}
            }
        }
    }

    /// What the venue sent. Returns the line to show, if lines are shown.
    pub(super) fn received(
        &mut self,
        frame: &[u8],
        line: u64,
        events: bool,
        complain: &mut dyn FnMut(&dyn Display),
    ) -> Option<String> {
        self.summary.frames += 1;
        let message = match self.decode(frame) {
            Ok(message) => message,
            Err(error) => {
                self.summary.errors += 1;
                complain(&error);
                return None;
            }
        };
        if let Message::Unknown { .. } = message {
            self.summary.unknown += 1;
            self.sent(frame);
        } else {
            self.summary.decoded += 1;
        }
        if let Some(channel) = channel(&message) {
            *self.summary.channels.entry(channel).or_default() += 1;
        }
        let book = self.take(&message, complain);
        events.then(|| match (&message, book) {
            (Message::Book(head), Some(shown)) => {
                show::book(line, head, &self.buffers, &shown.listing, shown.state)
            }
            (Message::Trades(head), _) => {
                show::trades(line, head, &self.buffers, self.decoder.listings())
            }
            _ => show::message(line, &message),
        })
    }

    /// Decodes; learns from the digits what no list told.
    fn decode<'a>(&mut self, frame: &'a [u8]) -> Result<Message<'a>, DecodeError> {
        let passed_over = self.decoder.notes().other_symbols();
        let first = self.decoder.decode(frame, &mut self.buffers);
        let finer = matches!(
            &first,
            Err(DecodeError {
                why: Why::Number {
                    source: InvalidDigits::TooPrecise(_),
                    ..
                },
                ..
            })
        );
        let strange = self.decoder.notes().other_symbols() > passed_over;
        if (finer || strange) && self.learn(frame) {
            return self.decoder.decode(frame, &mut self.buffers);
        }
        first
    }

    /// Takes precisions from a frame's own digits. Whether anything was learnt.
    fn learn(&mut self, frame: &[u8]) -> bool {
        let Ok(frame) = serde_json::from_slice::<Digits>(frame) else {
            return false;
        };
        let mut learnt = false;
        for row in &frame.data {
            let seen = row.precision();
            let known = self.decoder.listing(&row.symbol).copied();
            let wanted = match known {
                None => seen,
                Some(listing) => Precision {
                    price: listing.price_precision.max(seen.price),
                    qty: listing.qty_precision.max(seen.qty),
                },
            };
            let told = known
                .and_then(|listing| self.played.get(&listing.id.0))
                .map(|played| played.source);
            if told != Some(Source::Told) && wanted.price.max(wanted.qty) <= FINEST {
                learnt |= self.list(&row.symbol, wanted, Source::Digits);
            }
        }
        learnt
    }

    /// Makes a symbol known, or changes its precision. Whether that is news.
    fn list(&mut self, name: &str, precision: Precision, source: Source) -> bool {
        let Ok(symbol) = Symbol::new(name) else {
            return false;
        };
        let known = self.decoder.listing(name).copied();
        let next = u32::try_from(self.decoder.listings().len()).unwrap_or(u32::MAX);
        let listing = Listing {
            id: known.map_or(InstrumentId(next), |known| known.id),
            symbol,
            price_precision: precision.price,
            qty_precision: precision.qty,
        };
        let played = self.played.entry(listing.id.0).or_insert_with(|| Played {
            source,
            book: None,
            counts: BookCounts::default(),
            unproven: false,
        });
        if let (Some(known), Some(book)) = (known, &mut played.book) {
            change_precision(book, &known, &listing, played.source);
        }
        if known != Some(listing) || source == Source::Told {
            played.source = source;
        }
        self.decoder.list(listing);
        known != Some(listing)
    }

    /// Does with a message what the daemon does with it, as far as books are concerned.
    fn take(
        &mut self,
        message: &Message<'_>,
        complain: &mut dyn FnMut(&dyn Display),
    ) -> Option<Shown> {
        match message {
            Message::Book(head) => self.book(head, complain),
            Message::Reply(reply) => {
                self.reply(reply);
                None
            }
            Message::Instruments { data, .. } => {
                for pair in data.pairs.iter().flatten() {
                    let (price, qty) = (pair.price_precision, pair.qty_precision);
                    self.list(pair.symbol.as_str(), Precision { price, qty }, Source::Told);
                }
                None
            }
            Message::Level3(rows) => {
                for row in &rows.data {
                    let told = self.told(row.symbol.as_str());
                    self.orders.apply(rows.kind, row, told, complain);
                }
                None
            }
            Message::Status(_)
            | Message::Heartbeat
            | Message::Pong(_)
            | Message::Flood { .. }
            | Message::Trades(_)
            | Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Executions(_)
            | Message::Holdings(_)
            | Message::Ledger(_)
            | Message::Unknown { .. } => None,
        }
    }

    /// The precision of a symbol that a list told.
    fn told(&self, symbol: &str) -> Option<Precision> {
        let listing = self.decoder.listing(symbol)?;
        let played = self.played.get(&listing.id.0)?;
        (played.source == Source::Told).then_some(Precision {
            price: listing.price_precision,
            qty: listing.qty_precision,
        })
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        let (true, Some(Body::Subscribed(result))) = (reply.success, &reply.body) else {
            return;
        };
        let symbol = result
            .symbol
            .as_ref()
            .map(|symbol| Symbol::new(symbol.as_str()));
        let asked = result.depth.and_then(|depth| u16::try_from(depth).ok());
        let symbol = match (result.channel.as_str(), symbol) {
            ("book", Some(Ok(symbol))) => symbol,
            ("level3", Some(Ok(symbol))) if reply.method == Method::Subscribe => {
                return self.orders.subscribed(&symbol, asked);
            }
            ("level3", Some(Ok(symbol))) => return self.orders.left(&symbol),
            _ => return,
        };
        let known = self.session.book_depth(&symbol).unwrap_or(DEFAULT_DEPTH);
        let depth = asked.unwrap_or(known);
        let topic = book_topic(symbol, depth);
        if reply.method == Method::Subscribe {
            return self.session.adopt(topic);
        }
        self.session.release(&topic);
        let listing = self.decoder.listing(&symbol);
        let played = listing.and_then(|listing| self.played.get_mut(&listing.id.0));
        if let Some(book) = played.and_then(|played| played.book.as_mut()) {
            book.restart(book.depth());
        }
    }

    fn book(&mut self, head: &BookHead, complain: &mut dyn FnMut(&dyn Display)) -> Option<Shown> {
        let update = &self.buffers.book;
        let listing = self.decoder.listing(&head.symbol).copied()?;
        let played = self.played.get_mut(&listing.id.0)?;
        let longest = update.bids.len().max(update.asks.len());
        let book = played
            .book
            .get_or_insert_with(|| Book::new(usize::from(DEFAULT_DEPTH)));
        if head.kind == Kind::Snapshot {
            let told = self.session.book_depth(&head.symbol).map(usize::from);
            let depth = told
                .filter(|depth| *depth >= longest)
                .or(least_book_depth(longest))
                .unwrap_or(longest);
            book.restart(depth);
            let topic = book_topic(head.symbol, u16::try_from(depth).unwrap_or(DEFAULT_DEPTH));
            self.session.delivered(Timestamp::MIN, &topic);
        }
        let (result, finer) = prove(book, update, &listing, played.source);
        let state = book.state();
        match head.kind {
            Kind::Snapshot => played.counts.snapshots += 1,
            Kind::Update => played.counts.updates += 1,
        }
        match result {
            Ok(()) => {
                played.counts.checksum_ok += 1;
                if played.source == Source::Digits {
                    played.source = Source::Proven;
                }
            }
            Err(BookFault::NoSnapshot) => {
                if !std::mem::replace(&mut played.unproven, true) {
                    complain(&format_args!(
                        "{}: updates without a good book before them are not verified",
                        head.symbol
                    ));
                }
            }
            Err(fault @ (BookFault::Checksum { .. } | BookFault::Crossed { .. })) => {
                played.counts.checksum_failed += 1;
                complain(&format_args!("{}: {fault}", head.symbol));
            }
        }
        if let Some(finer) = finer {
            self.decoder.list(finer);
        }
        Some(Shown { listing, state })
    }
}

/// What is shown beside a book frame.
struct Shown {
    listing: Listing,
    state: State,
}

/// Applies a frame. A first checksum that fails on a precision guessed from digits is tried with finer ones.
fn prove(
    book: &mut Book,
    update: &BookUpdate,
    listing: &Listing,
    source: Source,
) -> (Result<(), BookFault>, Option<Listing>) {
    let result = book.apply(update);
    if source != Source::Digits || !matches!(result, Err(BookFault::Checksum { .. })) {
        return (result, None);
    }
    for price in 0..=CUT_ZEROS.min(FINEST.saturating_sub(listing.price_precision)) {
        for qty in 0..=CUT_ZEROS.min(FINEST.saturating_sub(listing.qty_precision)) {
            let mut trial = book.clone();
            if trial.refine(price, qty).is_ok() && trial.verify(update.checksum).is_ok() {
                *book = trial;
                let finer = Listing {
                    price_precision: listing.price_precision + price,
                    qty_precision: listing.qty_precision + qty,
                    ..*listing
                };
                return (Ok(()), Some(finer));
            }
        }
    }
    (result, None)
}

/// A book whose precision turns out finer than its digits showed is rewritten; any other change needs a snapshot, as in the daemon.
fn change_precision(book: &mut Book, old: &Listing, new: &Listing, source: Source) {
    if (old.price_precision, old.qty_precision) == (new.price_precision, new.qty_precision) {
        return;
    }
    let price = new.price_precision.checked_sub(old.price_precision);
    let qty = new.qty_precision.checked_sub(old.qty_precision);
    match (price, qty) {
        (Some(price), Some(qty)) if source != Source::Told && book.refine(price, qty).is_ok() => {}
        _ => book.quarantine(StaleWhy::Precision),
    }
}

const fn book_topic(symbol: Symbol, depth: u16) -> Topic {
    Topic {
        channel: Channel::Book { depth },
        symbol: Some(symbol),
    }
}

/// The channel of a message, as the venue names it.
const fn channel(message: &Message<'_>) -> Option<&'static str> {
    Some(match message {
        Message::Status(_) => "status",
        Message::Heartbeat => "heartbeat",
        Message::Book(_) => "book",
        Message::Trades(_) => "trade",
        Message::OtherSymbol { channel, .. } => channel,
        Message::Ticker(_) => "ticker",
        Message::Ohlc(_) => "ohlc",
        Message::Level3(_) => "level3",
        Message::Instruments { .. } => "instrument",
        Message::Executions(_) => "executions",
        Message::Holdings(_) | Message::Ledger(_) => "balances",
        Message::Pong(_) | Message::Reply(_) | Message::Flood { .. } | Message::Unknown { .. } => {
            return None;
        }
    })
}

/// What matters of a client's request.
#[derive(Deserialize)]
struct Request {
    method: String,
    params: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    channel: String,
    symbol: Option<Symbols>,
    depth: Option<u16>,
}

/// Symbols of a request; orders name one, subscriptions many.
#[derive(Deserialize)]
#[serde(untagged)]
enum Symbols {
    One(String),
    Many(Vec<String>),
}

impl IntoIterator for Symbols {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Self::One(symbol) => vec![symbol].into_iter(),
            Self::Many(symbols) => symbols.into_iter(),
        }
    }
}

/// The numbers of a `book` or `trade` frame, for their digits alone.
#[derive(Deserialize)]
struct Digits {
    data: Vec<DigitsRow>,
}

#[derive(Deserialize)]
struct DigitsRow {
    symbol: String,
    #[serde(default)]
    bids: Vec<DigitsLevel>,
    #[serde(default)]
    asks: Vec<DigitsLevel>,
    price: Option<Number>,
    qty: Option<Number>,
}

#[derive(Deserialize)]
struct DigitsLevel {
    price: Number,
    qty: Number,
}

impl DigitsRow {
    /// The most fraction digits of each kind of number.
    fn precision(&self) -> Precision {
        let levels = || self.bids.iter().chain(&self.asks);
        let prices = levels().map(|level| level.price).chain(self.price);
        let qtys = levels().map(|level| level.qty).chain(self.qty);
        let most = |numbers: &mut dyn Iterator<Item = Number>| {
            numbers
                .map(|number| number.decimal().scale())
                .max()
                .unwrap_or(0)
        };
        Precision {
            price: most(&mut { prices }),
            qty: most(&mut { qtys }),
        }
    }
}
