//! One pair's part of the public feed: its subscribers, and the frames that they get.
//!
//! Always true: what nobody hears is not written; a subscriber's snapshot is the state that the next update starts from.

use std::collections::BTreeMap;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    checksum::checksum,
    level3::Level3Feed,
    market_frames::{self, Kind, Touch},
    outbox::{Outbox, Topic},
    validate::{Channel, Trigger},
    window::Window,
};
use crate::{
    sim::{
        View,
        faults::FaultHandle,
        matching::{Fact, Move, PairId, TradeFact},
    },
    types::{Instrument, Side, Timestamp, TradingStatus},
};

/// Trades in a snapshot.
const TRADES: usize = 50;
/// Candles in a snapshot.
const CANDLES: usize = 60;

/// One pair's subscribers, and what they were told last.
#[derive(Debug)]
pub(super) struct PairFeed {
    /// Its status as told last.
    pub(super) status: TradingStatus,
    touch: Touch,
    books: BTreeMap<u16, BookFeed>,
    trades: Topic,
    tickers: BTreeMap<Trigger, Topic>,
    ohlc: BTreeMap<u32, Topic>,
    level3: Option<Level3Feed>,
}

#[derive(Debug)]
struct BookFeed {
    bids: Window,
    asks: Window,
    topic: Topic,
}

/// Why a subscription cannot be taken in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// The same one stands.
    Already,
    /// One of another interval stands.
    OtherInterval,
    /// One of another depth stands.
    OtherDepth,
}

/// A wish to hear of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Which pair.
    pub(super) pair: PairId,
    /// Which of its channels.
    pub(super) channel: Channel,
    /// With the present state first.
    pub(super) snapshot: bool,
    /// Acknowledged and then never served: a fault.
    pub(super) silent: bool,
}

/// What one act did to a pair.
#[derive(Debug, Default)]
pub(super) struct Touched<'a> {
    bids: bool,
    asks: bool,
    trades: Vec<&'a TradeFact>,
}

/// What one pair's frames are written from.
pub(super) struct Told<'a> {
    pub(super) now: Timestamp,
    pub(super) view: View<'a>,
    pub(super) pair: PairId,
    pub(super) of: &'a Instrument,
    pub(super) faults: &'a FaultHandle,
}

impl Told<'_> {
    fn checksum(&self) -> u32 {
        let levels = |side| self.view.exchange.levels(self.pair, side);
        checksum(levels(Side::Sell), levels(Side::Buy))
    }

    /// The checksum as this frame shows it.
    pub(super) fn shown(&self, checksum: u32) -> u32 {
        checksum ^ u32::from(self.faults.corrupts(&self.of.symbol))
    }

    fn touch(&self) -> Touch {
        let best = |side| self.view.exchange.best(self.pair, side);
        Touch {
            bid: best(Side::Buy),
            ask: best(Side::Sell),
        }
    }

    fn ticker(&self, kind: Kind) -> String {
        let day = self.view.history.ticker(self.pair, self.now);
        market_frames::ticker(kind, self.of, self.touch(), day.as_ref(), self.now)
    }

    fn trades(&self) -> String {
        let all = self.view.history.trades(self.pair);
        let mut rows: Vec<TradeFact> = all.rev().take(TRADES).collect();
        rows.reverse();
        market_frames::trades(Kind::Snapshot, self.of, rows.iter())
    }

    fn candles(&self, kind: Kind, minutes: u32, count: usize) -> String {
        let mut rows = self.view.history.candles(self.pair, minutes, count);
        rows.reverse();
        market_frames::ohlc(kind, self.of, minutes, rows.iter(), self.now)
    }

    fn book(&self, depth: u16) -> BookFeed {
        let depth = usize::from(depth);
        let window = |side| Window::new(side, depth, self.view.exchange.levels(self.pair, side));
        BookFeed {
            bids: window(Side::Buy),
            asks: window(Side::Sell),
            topic: Topic::default(),
        }
    }
}

impl PairFeed {
    /// A pair that nobody hears of.
    pub(super) fn new(status: TradingStatus) -> Self {
        Self {
            status,
            touch: Touch::default(),
            books: BTreeMap::new(),
            trades: Topic::default(),
            tickers: BTreeMap::new(),
            ohlc: BTreeMap::new(),
            level3: None,
        }
    }

    /// Refuses what stands already.
    pub(super) fn check(&self, id: u64, channel: Channel) -> Result<(), Taken> {
        let taken = match channel {
            Channel::Ticker(trigger) => self
                .tickers
                .get(&trigger)
                .is_some_and(|topic| topic.has(id)),
            Channel::Book(depth) => self
                .books
                .get(&depth)
                .is_some_and(|book| book.topic.has(id)),
            Channel::Trade => self.trades.has(id),
            Channel::Ohlc(minutes) => {
                let standing = self.ohlc.iter().find(|(_, topic)| topic.has(id));
                if standing.is_some_and(|(standing, _)| *standing != minutes) {
                    return Err(Taken::OtherInterval);
                }
                standing.is_some()
            }
            Channel::Level3(depth) => {
                let standing = self.level3.as_ref().and_then(|feed| feed.depth_of(id));
                if standing.is_some_and(|standing| standing != depth) {
                    return Err(Taken::OtherDepth);
                }
                standing.is_some()
            }
            Channel::Instrument
            | Channel::Heartbeat
            | Channel::Executions(_)
            | Channel::Balances => false,
        };
        if taken { Err(Taken::Already) } else { Ok(()) }
    }

    /// Registers a subscriber and writes the snapshot for it, if it wants one.
    pub(super) fn take_in(
        &mut self,
        told: &Told<'_>,
        outbox: &Outbox,
        wish: Wish,
    ) -> Option<String> {
        let (outbox, silent) = (outbox.clone(), wish.silent);
        let wanted = wish.snapshot && !silent;
        match wish.channel {
            Channel::Ticker(trigger) => {
                self.touch = told.touch();
                self.tickers.entry(trigger).or_default().add(outbox, silent);
                wanted.then(|| told.ticker(Kind::Snapshot))
            }
            Channel::Book(depth) => {
                let book = self.books.entry(depth).or_insert_with(|| told.book(depth));
                book.topic.add(outbox, silent);
                wanted.then(|| book.snapshot(told))
            }
            Channel::Trade => {
                self.trades.add(outbox, silent);
                wanted.then(|| told.trades())
            }
            Channel::Ohlc(minutes) => {
                self.ohlc.entry(minutes).or_default().add(outbox, silent);
                wanted.then(|| told.candles(Kind::Snapshot, minutes, CANDLES))
            }
            Channel::Level3(depth) => {
                let new = || Level3Feed::new(told.view.exchange, told.pair);
                let feed = self.level3.get_or_insert_with(new);
                feed.add(depth, outbox, silent);
                wanted.then(|| feed.snapshot(told, depth))
            }
            Channel::Instrument
            | Channel::Heartbeat
            | Channel::Executions(_)
            | Channel::Balances => None,
        }
    }

    /// Ends a subscription. False if there was none.
    pub(super) fn unsubscribe(&mut self, id: u64, channel: Channel) -> bool {
        let removed = match channel {
            Channel::Ticker(trigger) => {
                let topic = self.tickers.get_mut(&trigger);
                topic.is_some_and(|topic| topic.remove(id))
            }
            Channel::Book(depth) => {
                let book = self.books.get_mut(&depth);
                book.is_some_and(|book| book.topic.remove(id))
            }
            Channel::Trade => self.trades.remove(id),
            Channel::Ohlc(minutes) => {
                let topic = self.ohlc.get_mut(&minutes);
                topic.is_some_and(|topic| topic.remove(id))
            }
            Channel::Level3(depth) => {
                let feed = self.level3.as_mut();
                feed.is_some_and(|feed| feed.remove(id, depth))
            }
            Channel::Instrument
            | Channel::Heartbeat
            | Channel::Executions(_)
            | Channel::Balances => false,
        };
        self.tidy();
        removed
    }

    /// Forgets a connection.
    pub(super) fn leave(&mut self, id: u64) {
        self.trades.remove(id);
        for topic in self.tickers.values_mut().chain(self.ohlc.values_mut()) {
            topic.remove(id);
        }
        for book in self.books.values_mut() {
            book.topic.remove(id);
        }
        if let Some(feed) = &mut self.level3 {
            feed.leave(id);
        }
        self.tidy();
    }

    /// What nobody hears is not written.
    fn tidy(&mut self) {
        self.tickers.retain(|_, topic| !topic.is_empty());
        self.ohlc.retain(|_, topic| !topic.is_empty());
        self.books.retain(|_, book| !book.topic.is_empty());
        self.level3.take_if(|feed| feed.is_empty());
    }

    /// Whether anybody hears of its orders one by one.
    pub(super) const fn tells_orders(&self) -> bool {
        self.level3.is_some()
    }

    /// Tells what an act did to its orders. `moves` may be of other pairs too.
    pub(super) fn publish_orders(&mut self, told: &Told<'_>, moves: &[Move]) {
        if let Some(feed) = &mut self.level3 {
            feed.publish(told, moves.iter().filter(|one| one.pair() == told.pair));
        }
    }

    /// Tells what an act did.
    pub(super) fn publish(&mut self, told: &Told<'_>, touched: &Touched<'_>) {
        let traded = !touched.trades.is_empty();
        if traded && !self.trades.is_empty() {
            let rows = touched.trades.iter().copied();
            let frame = market_frames::trades(Kind::Update, told.of, rows);
            self.trades.send(&frame.into());
        }
        if !self.books.is_empty() && (touched.bids || touched.asks) {
            let checksum = told.checksum();
            for book in self.books.values_mut() {
                book.publish(told, touched, checksum);
            }
        }
        self.publish_ticker(told, traded);
        if traded {
            for (minutes, topic) in &self.ohlc {
                topic.send(&told.candles(Kind::Update, *minutes, 1).into());
            }
        }
    }

    fn publish_ticker(&mut self, told: &Told<'_>, traded: bool) {
        if self.tickers.is_empty() {
            return;
        }
        let touch = told.touch();
        let moved = touch != self.touch;
        self.touch = touch;
        let mut frame: Option<Utf8Bytes> = None;
        for (trigger, topic) in &self.tickers {
            let due = match trigger {
                Trigger::Trades => traded,
                Trigger::Bbo => moved,
            };
            if due {
                topic.send(frame.get_or_insert_with(|| told.ticker(Kind::Update).into()));
            }
        }
    }
}

impl BookFeed {
    fn snapshot(&self, told: &Told<'_>) -> String {
        let book = market_frames::Book {
            bids: self.bids.levels(),
            asks: self.asks.levels(),
            checksum: told.shown(told.checksum()),
        };
        market_frames::book(Kind::Snapshot, told.of, book, told.now)
    }

    fn publish(&mut self, told: &Told<'_>, touched: &Touched<'_>, checksum: u32) {
        let changes = |window: &mut Window, side, touched: bool| {
            if touched {
                window.advance(told.view.exchange.levels(told.pair, side))
            } else {
                Vec::new()
            }
        };
        let bids = changes(&mut self.bids, Side::Buy, touched.bids);
        let asks = changes(&mut self.asks, Side::Sell, touched.asks);
        if bids.is_empty() && asks.is_empty() {
            return;
        }
        let book = market_frames::Book {
            bids: &bids,
            asks: &asks,
            checksum: told.shown(checksum),
        };
        let frame = market_frames::book(Kind::Update, told.of, book, told.now);
        self.topic.send(&frame.into());
    }
}

/// What an act did, pair by pair.
pub(super) fn touched(facts: &[Fact]) -> BTreeMap<PairId, Touched<'_>> {
    let mut pairs: BTreeMap<PairId, Touched<'_>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Level(level) => {
                let touched = pairs.entry(level.pair).or_default();
                match level.side {
                    Side::Buy => touched.bids = true,
                    Side::Sell => touched.asks = true,
                }
            }
            Fact::Trade(trade) => pairs.entry(trade.pair).or_default().trades.push(trade),
            Fact::Accepted(_)
            | Fact::Changed(_)
            | Fact::Fill(_)
            | Fact::Filled { .. }
            | Fact::Amended(_)
            | Fact::Canceled { .. }
            | Fact::Ledger(_)
            | Fact::Switch { .. } => {}
        }
    }
    pairs
}
