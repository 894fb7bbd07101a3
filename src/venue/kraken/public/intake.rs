//! Public frames to events and to news for the session. Never waits.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{
    engine::{Event, event::BookUpdate},
    resilience::queue,
    types::{Instrument, InstrumentId, Symbol, Timestamp, TradingStatus},
    venue::kraken::{
        counters::{Feed, SocketCounters},
        decode::{
            self, Body, BookHead, Buffers, Decoder, Kind, Listing, Message, Method, Reply,
            TradesHead,
        },
        encode::Channel,
        error,
        session::{Ack, Granting, Session, Topic},
        wire::market,
    },
};

/// Room for the levels of an ordinary frame, per side.
const ROOM: usize = 16;

/// Reads the frames of the public socket.
#[derive(Debug)]
pub(super) struct Intake {
    decoder: Decoder,
    buffers: Buffers,
    market: mpsc::Sender<Event>,
    /// Applied books come back with their room, so that the next one need not allocate.
    spares: mpsc::Receiver<BookUpdate>,
    counters: Arc<SocketCounters>,
    /// The rules as the engine knows them.
    instruments: Vec<Instrument>,
    depth: u16,
    venue: Option<TradingStatus>,
    /// Events that must not be dropped.
    events: VecDeque<Event>,
    /// Something was dropped, and whoever reads the queue has not caught up since.
    is_behind: bool,
}

/// What a frame means for the task.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// The session has changed.
    pub(super) changed: bool,
    /// Whether the venue is in maintenance, where it says.
    pub(super) maintenance: Option<bool>,
    /// Nobody takes market events any more.
    pub(super) abandoned: bool,
}

impl Intake {
    pub(super) fn new(
        instruments: &[Instrument],
        depth: u16,
        (market, spares): (mpsc::Sender<Event>, mpsc::Receiver<BookUpdate>),
        counters: Arc<SocketCounters>,
    ) -> Self {
        let mut decoder = Decoder::new();
        for (id, instrument) in (0..).zip(instruments) {
            decoder.list(listing(InstrumentId(id), instrument));
        }
        Self {
            decoder,
            buffers: Buffers::new(),
            market,
            spares,
            counters,
            instruments: instruments.to_vec(),
            depth,
            venue: None,
            events: VecDeque::new(),
            is_behind: false,
        }
    }

    /// The topic of an instrument's book.
    pub(super) fn book(&self, id: InstrumentId) -> Option<Topic> {
        let instrument = self.instruments.get(id.index())?;
        Some(self.book_of(instrument.symbol))
    }

    const fn book_of(&self, symbol: Symbol) -> Topic {
        Topic {
            channel: Channel::Book { depth: self.depth },
            symbol: Some(symbol),
        }
    }

    /// The queue of books and trades, and of what must keep its place among them.
    pub(super) const fn market(&self) -> &mpsc::Sender<Event> {
        &self.market
    }

    /// The next event that must not be dropped.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes a frame in.
    pub(super) fn frame(&mut self, frame: &[u8], now: Timestamp, session: &mut Session) -> Heard {
        self.counters.frames.add(1);
        let known = self.decoder.notes().unknown_fields();
        // Taken out, so that a message that borrows from the frame leaves the rest free.
        let mut buffers = std::mem::take(&mut self.buffers);
        let heard = match self.decoder.decode(frame, &mut buffers) {
            Ok(message) => {
                self.counters.feeds.add(Feed::of(&message));
                self.message(message, &mut buffers, now, session)
            }
            Err(error) => {
                self.counters.decode_errors.add(1);
                tracing::warn!(%error, "public frame that cannot be read");
                Heard::default()
            }
        };
        self.buffers = buffers;
        let unknown = self.decoder.notes().unknown_fields() - known;
        if unknown > 0 {
            self.counters.unknown_fields.add(unknown);
        }
        heard
    }

    fn message(
        &mut self,
        message: Message<'_>,
        buffers: &mut Buffers,
        now: Timestamp,
        session: &mut Session,
    ) -> Heard {
        match message {
            Message::Book(head) => self.take_book(head, buffers, now, session),
            Message::Trades(head) if head.kind == Kind::Snapshot => past_trades(head, now, session),
            Message::Trades(_) => self.take_trades(buffers),
            Message::Reply(reply) => self.take_reply(&reply, now, session),
            Message::Instruments { kind, data } => self.take_rules(kind, &data, now, session),
            Message::Status(status) => self.take_status(status.system.as_str()),
            Message::Flood { error } => {
                tracing::warn!(error = error.as_str(), "requests come too fast");
                Heard::default()
            }
            Message::Unknown { what } => {
                self.counters.unknown_frames.add(1);
                tracing::debug!(what = what.as_str(), "public frame of an unknown kind");
                Heard::default()
            }
            Message::Heartbeat
            | Message::Pong(_)
            | Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Level3(_)
            | Message::Executions(_)
            | Message::Holdings(_)
            | Message::Ledger(_) => Heard::default(),
        }
    }

    /// A book that finds no room is dropped and taken anew: what is dropped may lie deeper than the checksum reaches.
    fn take_book(
        &mut self,
        head: BookHead,
        buffers: &mut Buffers,
        now: Timestamp,
        session: &mut Session,
    ) -> Heard {
        let topic = self.book_of(head.symbol);
        let snapshot = head.kind == Kind::Snapshot;
        if snapshot {
            session.delivered(now, &topic);
        } else {
            session.spoke(now, &topic);
        }
        let book = std::mem::replace(&mut buffers.book, self.spare());
        let offered = self.offer(Event::Book(book));
        if offered == Offered::Dropped {
            session.resync(now, &topic);
        }
        Heard {
            changed: snapshot || offered == Offered::Dropped,
            abandoned: offered == Offered::Abandoned,
            ..Heard::default()
        }
    }

    fn spare(&mut self) -> BookUpdate {
        self.spares.try_recv().unwrap_or_else(|_none| {
            let mut update = BookUpdate::empty();
            update.bids.reserve(ROOM);
            update.asks.reserve(ROOM);
            update
        })
    }

    /// A trade that finds no room is dropped and counted. None can be asked for again, and the book does not need it.
    fn take_trades(&mut self, buffers: &Buffers) -> Heard {
        let mut abandoned = false;
        for trade in &buffers.trades {
            abandoned |= self.offer(Event::Trade(trade.public)) == Offered::Abandoned;
        }
        Heard {
            abandoned,
            ..Heard::default()
        }
    }

    fn offer(&mut self, event: Event) -> Offered {
        match self.market.try_send(event) {
            Ok(()) => {
                // Until what was offered now waits alone.
                self.is_behind = self.is_behind && queue::waiting(&self.market) > 1;
                Offered::Taken
            }
            Err(TrySendError::Full(_)) => {
                self.counters.dropped.add(1);
                if !std::mem::replace(&mut self.is_behind, true) {
                    tracing::warn!(
                        "the queue of market events is full, dropping until there is room"
                    );
                }
                Offered::Dropped
            }
            Err(TrySendError::Closed(_)) => Offered::Abandoned,
        }
    }

    fn take_reply(&self, reply: &Reply<'_>, now: Timestamp, session: &mut Session) -> Heard {
        let (Method::Subscribe | Method::Unsubscribe, Some(req_id)) = (reply.method, reply.req_id)
        else {
            return Heard::default();
        };
        let granted = match &reply.body {
            Some(Body::Subscribed(subscribed)) => subscribed.symbol.as_ref(),
            Some(_) | None => None,
        };
        let symbol = granted.or(reply.symbol.as_ref()).map(|text| text.as_str());
        let error = reply.error.as_ref().map_or("", |text| text.as_str());
        let answer = if reply.success {
            Granting::Granted
        } else if error::refuses_for_good(error) {
            tracing::error!(?symbol, error, "the venue refuses a subscription");
            Granting::Refused
        } else {
            tracing::warn!(?symbol, error, "the venue refuses a subscription for now");
            Granting::NotNow
        };
        let ack = Ack {
            req_id,
            symbol,
            answer,
        };
        Heard {
            changed: session.acknowledged(now, ack),
            ..Heard::default()
        }
    }

    /// Tells the engine of every instrument whose rules or status are others than it knows.
    fn take_rules(
        &mut self,
        kind: Kind,
        data: &market::Instruments<'_>,
        now: Timestamp,
        session: &mut Session,
    ) -> Heard {
        for pair in data.pairs.iter().flatten() {
            let Some(id) = self
                .decoder
                .listing(pair.symbol.as_str())
                .map(|known| known.id)
            else {
                continue;
            };
            let Some(known) = self.instruments.get_mut(id.index()) else {
                continue;
            };
            match decode::instrument(pair, known.fees) {
                Ok(told) if told == *known => {}
                Ok(told) => {
                    self.decoder.list(listing(id, &told));
                    known.clone_from(&told);
                    self.events.push_back(Event::Instrument(id, Box::new(told)));
                }
                Err(error) => {
                    self.counters.decode_errors.add(1);
                    tracing::error!(%error, symbol = %known.symbol, "rules that cannot be read");
                }
            }
        }
        if kind == Kind::Snapshot {
            let topic = Topic {
                channel: Channel::Instrument,
                symbol: None,
            };
            session.delivered(now, &topic);
        }
        Heard {
            changed: kind == Kind::Snapshot,
            ..Heard::default()
        }
    }

    fn take_status(&mut self, word: &str) -> Heard {
        let status = decode::trading_status(word);
        if self.venue.replace(status) != Some(status) {
            self.events.push_back(Event::Venue(status));
        }
        Heard {
            maintenance: Some(status == TradingStatus::Maintenance),
            ..Heard::default()
        }
    }
}

/// Trades from before the subscription are none that we have to know; that they come shows that the channel speaks.
fn past_trades(head: TradesHead, now: Timestamp, session: &mut Session) -> Heard {
    let channel = Channel::Trade;
    match head.symbol {
        Some(symbol) => {
            let symbol = Some(symbol);
            session.delivered(now, &Topic { channel, symbol });
        }
        None => session.delivered_nothing(now, channel),
    }
    Heard {
        changed: true,
        ..Heard::default()
    }
}

/// What became of an event of the market.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Offered {
    Taken,
    Dropped,
    Abandoned,
}

const fn listing(id: InstrumentId, instrument: &Instrument) -> Listing {
    Listing {
        id,
        symbol: instrument.symbol,
        price_precision: instrument.price_precision,
        qty_precision: instrument.qty_precision,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        resilience::deadline,
        venue::kraken::{encode::FIRST_OWN_REQUEST, session::Patience, testing::instrument},
    };

    fn status(word: &str) -> String {
        format!(
            r#"{{"channel":"status","type":"update","data":[{{"api_version":"v2","connection_id":1,"system":"{word}","version":"2.0.10"}}]}}"#
        )
    }

    /// One that reads for a session of these topics, with room for so many events.
    fn reading(topics: &[Topic], room: usize) -> (Intake, Session, mpsc::Receiver<Event>) {
        let patience = Patience {
            deadlines: deadline::Settings::default(),
            ping: Duration::from_secs(60),
        };
        let ((market, events), (_spares, spares)) = (mpsc::channel(room), mpsc::channel(1));
        let intake = Intake::new(&[instrument()], 10, (market, spares), Arc::default());
        (
            intake,
            Session::new(topics.iter().copied(), patience),
            events,
        )
    }

    #[test]
    fn what_the_text_of_a_refusal_means_decides_whether_the_subscription_is_asked_for_again() {
        let topic = Topic {
            channel: Channel::Trade,
            symbol: Some(instrument().symbol),
        };
        for (text, again) in [
            ("Currency pair not supported BTC/USD", false),
            ("Subscription depth not supported", false),
            ("EGeneral:Permission denied", false),
            ("EGeneral:Too many requests", true),
            ("EService:Unavailable", true),
            ("never heard of", true),
        ] {
            let (mut intake, mut session, _events) = reading(&[topic], 1);
            let now = Timestamp::from_secs(1_000);
            session.connected(now);
            session.poll(now, &mut Vec::new()).unwrap();
            let frame = format!(
                r#"{{"error":"{text}","method":"subscribe","req_id":{FIRST_OWN_REQUEST},"success":false,"symbol":"BTC/USD","time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}}"#
            );
            assert!(intake.frame(frame.as_bytes(), now, &mut session).changed);
            let (later, mut wishes) = (now.after(Duration::from_secs(9)), Vec::new());
            session.heard(later);
            session.poll(later, &mut wishes).unwrap();
            assert_eq!(!wishes.is_empty(), again, "{text}");
        }
    }

    #[test]
    fn trades_of_the_past_show_that_the_channel_speaks_and_are_told_to_nobody() {
        let topic = Topic {
            channel: Channel::Trade,
            symbol: Some(instrument().symbol),
        };
        let row = r#"{"symbol":"BTC/USD","side":"buy","price":61234.6,"qty":0.01000000,"ord_type":"market","trade_id":90000001,"timestamp":"2026-09-01T08:00:07.000001Z"}"#;
        for (rows, silences) in [(Some(row), 0), (Some(""), 0), (None, 1)] {
            let (mut intake, mut session, mut events) = reading(&[topic], 1);
            let now = Timestamp::from_secs(1_000);
            session.connected(now);
            session.poll(now, &mut Vec::new()).unwrap();
            let ack = format!(
                r#"{{"method":"subscribe","req_id":{FIRST_OWN_REQUEST},"result":{{"channel":"trade","snapshot":true,"symbol":"BTC/USD"}},"success":true,"time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}}"#
            );
            let snapshot = rows
                .map(|rows| format!(r#"{{"channel":"trade","type":"snapshot","data":[{rows}]}}"#));
            for frame in std::iter::once(ack).chain(snapshot) {
                assert!(intake.frame(frame.as_bytes(), now, &mut session).changed);
            }
            assert!(events.try_recv().is_err(), "told");
            let later = now.after(deadline::Settings::default().first_snapshot);
            session.heard(later);
            session.poll(later, &mut Vec::new()).unwrap();
            assert_eq!(session.silences().count(), silences, "{rows:?}");
        }
    }

    const TRADE: &[u8] = br#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":61234.6,"qty":0.01000000,"ord_type":"market","trade_id":90000001,"timestamp":"2026-09-01T08:00:07.000001Z"}]}"#;

    #[test]
    fn a_run_of_drops_lasts_until_the_queue_was_empty() {
        let (mut intake, mut session, mut events) = reading(&[], 2);
        let mut trade = || {
            intake.frame(TRADE, Timestamp::from_secs(1), &mut session);
            (intake.counters.dropped.get(), intake.is_behind)
        };
        assert_eq!([trade(), trade()], [(0, false); 2]);
        assert_eq!([trade(), trade()], [(1, true), (2, true)]);
        events.try_recv().unwrap();
        assert_eq!(trade(), (2, true), "another waits before it");
        while events.try_recv().is_ok() {}
        assert_eq!(trade(), (2, false));
    }

    #[test]
    fn each_word_of_the_status_channel_is_the_status_that_it_says() {
        for (word, expected) in [
            ("online", TradingStatus::Online),
            ("maintenance", TradingStatus::Maintenance),
            ("cancel_only", TradingStatus::CancelOnly),
            ("post_only", TradingStatus::PostOnly),
            ("limit_only", TradingStatus::LimitOnly),
            ("never heard of", TradingStatus::Closed),
        ] {
            let (mut intake, mut session, _events) = reading(&[], 1);
            let frame = status(word);
            let heard = intake.frame(frame.as_bytes(), Timestamp::from_secs(1), &mut session);
            assert_eq!(intake.next_event(), Some(Event::Venue(expected)), "{word}");
            assert_eq!(heard.maintenance, Some(word == "maintenance"), "{word}");
            intake.frame(frame.as_bytes(), Timestamp::from_secs(2), &mut session);
            assert_eq!(intake.next_event(), None, "{word} again");
        }
    }
}
