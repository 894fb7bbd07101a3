//! Books order by order, for the proof of `level3` frames.
//!
//! For: what a client must keep of that channel, and its checksum: CRC-32 over the orders of the best ten levels, in queue order.
//! Left out: the daemon, which does not use the channel. Always true: digits are exact; a book that was wrong once is proven
//! again only from the next snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::{CUT_ZEROS, DEFAULT_DEPTH, Precision, summary::BookCounts};
use crate::{
    types::{Decimal, Timestamp},
    venue::kraken::{
        decode::Kind,
        wire::{
            Instant,
            market::{Level3, Level3Order},
        },
    },
};

/// Depths that the channel can be subscribed to at.
const DEPTHS: [usize; 3] = [10, 100, 1000];
/// Levels a side that the checksum covers.
const SUMMED: usize = 10;

/// All symbols of one recording.
#[derive(Debug, Default)]
pub(super) struct OrderBooks {
    books: BTreeMap<String, OrderBook>,
    depths: BTreeMap<String, usize>,
}

/// One symbol.
#[derive(Debug)]
struct OrderBook {
    depth: usize,
    bids: Ladder,
    asks: Ladder,
    digits: Precision,
    /// Whether it was right after the last frame.
    sound: bool,
    /// Whether it was told that updates are not verified.
    unproven: bool,
    counts: BookCounts,
}

/// Queues by price.
type Ladder = BTreeMap<Decimal, Vec<Order>>;

#[derive(Debug)]
struct Order {
    id: String,
    qty: Decimal,
    /// When it took its place. Captures of 2026 list the orders of one frame in no order; their times tell it.
    at: Option<Timestamp>,
}

impl OrderBooks {
    /// A subscription at a depth was asked for or acknowledged; without a depth, what was known stays.
    pub(super) fn subscribed(&mut self, symbol: &str, depth: Option<u16>) {
        let known = self.depths.get(symbol).copied();
        let depth = depth.map(usize::from).or(known);
        let depth = depth.unwrap_or(usize::from(DEFAULT_DEPTH));
        self.depths.insert(symbol.to_owned(), depth);
    }

    /// A subscription ended.
    pub(super) fn left(&mut self, symbol: &str) {
        self.depths.remove(symbol);
        if let Some(book) = self.books.get_mut(symbol) {
            book.sound = false;
        }
    }

    /// Applies one row of a frame and proves its checksum. Without `told` the precision is that of the digits.
    pub(super) fn apply(
        &mut self,
        kind: Kind,
        row: &Level3<'_>,
        told: Option<Precision>,
        complain: &mut dyn FnMut(&dyn Display),
    ) {
        let symbol = row.symbol.as_str();
        let book = self.books.entry(symbol.to_owned());
        let book = book.or_insert_with(OrderBook::new);
        match kind {
            Kind::Snapshot => {
                let known = self.depths.get(symbol).copied();
                book.restart(row, known);
                book.counts.snapshots += 1;
            }
            Kind::Update => book.counts.updates += 1,
        }
        if !book.sound {
            if !std::mem::replace(&mut book.unproven, true) {
                complain(&format_args!(
                    "{symbol}: level3 updates without a good book before them are not verified"
                ));
            }
            return;
        }
        book.follow(row);
        let computed = book.proven(row.checksum, told, kind);
        if computed == row.checksum {
            book.counts.checksum_ok += 1;
        } else {
            book.sound = false;
            book.counts.checksum_failed += 1;
            let want = row.checksum;
            complain(&format_args!(
                "{symbol}: level3 checksum {computed} where the venue has {want}"
            ));
        }
    }

    /// The counts of each symbol.
    pub(super) fn counts(&self) -> BTreeMap<String, BookCounts> {
        let books = self.books.iter();
        books
            .map(|(symbol, book)| (symbol.clone(), book.counts))
            .collect()
    }
}

impl OrderBook {
    fn new() -> Self {
        Self {
            depth: usize::from(DEFAULT_DEPTH),
            bids: Ladder::new(),
            asks: Ladder::new(),
            digits: Precision { price: 0, qty: 0 },
            sound: false,
            unproven: false,
            counts: BookCounts::default(),
        }
    }

    /// Empties the book for a snapshot, which tells the depth where nothing else did.
    fn restart(&mut self, row: &Level3<'_>, known: Option<usize>) {
        let levels = |side: &Option<Vec<Level3Order<'_>>>| {
            let prices = side.iter().flatten();
            let prices = prices.map(|order| order.limit_price.decimal());
            prices.collect::<BTreeSet<_>>().len()
        };
        let longest = levels(&row.bids).max(levels(&row.asks));
        let least = DEPTHS.into_iter().find(|depth| *depth >= longest);
        let known = known.filter(|depth| *depth >= longest);
        self.depth = known.or(least).unwrap_or(longest);
        self.bids.clear();
        self.asks.clear();
        self.sound = true;
    }

    fn follow(&mut self, row: &Level3<'_>) {
        for order in row.bids.iter().chain(&row.asks).flatten() {
            let (price, qty) = (order.limit_price.decimal(), order.order_qty.decimal());
            self.digits.price = self.digits.price.max(price.scale());
            self.digits.qty = self.digits.qty.max(qty.scale());
        }
        for order in row.bids.iter().flatten() {
            apply(&mut self.bids, order);
        }
        for order in row.asks.iter().flatten() {
            apply(&mut self.asks, order);
        }
        while self.bids.len() > self.depth {
            self.bids.pop_first();
        }
        while self.asks.len() > self.depth {
            self.asks.pop_last();
        }
    }

    /// The checksum. Where it is not the one wanted, a snapshot may have lost zeros that nothing told of: finer digits are tried.
    fn proven(&mut self, wanted: u32, told: Option<Precision>, kind: Kind) -> u32 {
        let plain = self.checksum(told.unwrap_or(self.digits));
        if plain == wanted || told.is_some() || kind == Kind::Update {
            return plain;
        }
        for price in 0..=CUT_ZEROS {
            for qty in 0..=CUT_ZEROS {
                let finer = Precision {
                    price: self.digits.price + price,
                    qty: self.digits.qty + qty,
                };
                if self.checksum(finer) == wanted {
                    self.digits = finer;
                    return wanted;
                }
            }
        }
        plain
    }

    fn checksum(&self, digits: Precision) -> u32 {
        let asks = self.asks.iter().take(SUMMED);
        let levels = asks.chain(self.bids.iter().rev().take(SUMMED));
        let mut text = String::new();
        for (price, queue) in levels {
            for order in queue {
                push(&mut text, *price, digits.price);
                push(&mut text, order.qty, digits.qty);
            }
        }
        crc32fast::hash(text.as_bytes())
    }
}

/// An order that is new or gone, or has another size. One at another price than before goes to the back there.
fn apply(ladder: &mut Ladder, order: &Level3Order<'_>) {
    let (price, qty) = (order.limit_price.decimal(), order.order_qty.decimal());
    let (id, event) = (order.order_id.as_str(), order.event.as_ref());
    let queue = ladder.entry(price).or_default();
    let found = queue.iter().position(|known| known.id == id);
    match (event.map(|event| event.as_str()), found) {
        (Some("delete"), Some(position)) => {
            queue.remove(position);
        }
        (Some("delete"), None) => {}
        (_, Some(position)) => {
            if let Some(known) = queue.get_mut(position) {
                known.qty = qty;
            }
        }
        (event, None) => {
            let at = order.timestamp.map(|Instant(at)| at);
            let place = queue.partition_point(|known| at.is_none() || known.at <= at);
            let id = id.to_owned();
            queue.insert(place, Order { id, qty, at });
            if event == Some("modify") {
                leave_elsewhere(ladder, price, order.order_id.as_str());
            }
        }
    }
    if ladder.get(&price).is_some_and(Vec::is_empty) {
        ladder.remove(&price);
    }
}

fn leave_elsewhere(ladder: &mut Ladder, price: Decimal, id: &str) {
    ladder.retain(|level, queue| {
        if *level != price {
            queue.retain(|order| order.id != id);
        }
        !queue.is_empty()
    });
}

/// The number's digits without point and leading zeros.
fn push(text: &mut String, number: Decimal, digits: u8) {
    match number.mantissa_at(digits) {
        Some(0) | None => {}
        Some(units) => text.push_str(&units.to_string()),
    }
}
