//! The level-2 book of one instrument, proven by its checksum after every frame.
//!
//! For: applying frames as the venue means them (levels in order, then the cut to the subscribed depth, then the checksum of the ten
//! best), and saying whether what is held may be traded on. Left out: asking for a new snapshot, which the engine does.
//! Always true: a [`State::Verified`] book is strictly ordered, not crossed, and agreed with the venue's checksum after the last frame.
//! In steady state nothing is allocated.
//!
//! A checksum covers each number's digits at the instrument's precision without point and leading zeros. That is the
//! decimal text of the count of units, so the book needs no precision of its own.

mod ladder;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::ladder::{Ladder, SLOT, TOP};
use super::event::{BookKind, BookUpdate, Level};
use crate::types::{OutOfRange, Price, Side, digits};

/// Room for the checksum text of both sides, and for the first slot to be copied whole.
const TEXT: usize = (2 * TOP + 1) * SLOT;

/// A level-2 book.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Record", into = "Record")]
pub struct Book {
    depth: usize,
    bids: Ladder,
    asks: Ladder,
    state: State,
    checksum: u32,
}

/// Whether a book may be traded on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum State {
    /// No snapshot has come yet.
    Waiting,
    /// Agrees with the venue.
    Verified,
    /// Does not, or may not; waits for a snapshot.
    Stale {
        /// What happened.
        why: Why,
    },
}

/// Why a book is stale.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Why {
    /// Its checksum differed from the venue's.
    Checksum,
    /// Its best bid was at or above its best ask.
    Crossed,
    /// The feed went down, or frames were dropped.
    Feed,
    /// The instrument's precision changed.
    Precision,
}

/// Why a frame left no verified book.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BookFault {
    /// The checksum differs. The book is now stale.
    #[error("checksum {computed} where the venue has {expected}")]
    Checksum {
        /// The venue's.
        expected: u32,
        /// Ours.
        computed: u32,
    },
    /// The best bid is at or above the best ask. The book is now stale.
    #[error("crossed: bid {} at or above ask {}", bid.units(), ask.units())]
    Crossed {
        /// Best bid.
        bid: Price,
        /// Best ask.
        ask: Price,
    },
    /// An update to a book that still waits for a snapshot. It was passed over; nothing new has happened.
    #[error("no snapshot yet")]
    NoSnapshot,
}

/// What a checkpoint holds of a book.
#[derive(Deserialize, Serialize)]
struct Record {
    depth: usize,
    bids: Vec<Level>,
    asks: Vec<Level>,
    state: State,
}

impl From<Record> for Book {
    fn from(record: Record) -> Self {
        let mut book = Self::new(record.depth);
        book.bids.replace(&record.bids, record.depth);
        book.asks.replace(&record.asks, record.depth);
        book.compute();
        book.state = record.state;
        book
    }
}

impl From<Book> for Record {
    fn from(book: Book) -> Self {
        Self {
            depth: book.depth,
            bids: book.bids().copied().collect(),
            asks: book.asks().copied().collect(),
            state: book.state,
        }
    }
}

impl PartialEq for Book {
    /// Equal content; caches do not count.
    fn eq(&self, other: &Self) -> bool {
        self.depth == other.depth
            && self.state == other.state
            && self.bids.live() == other.bids.live()
            && self.asks.live() == other.asks.live()
    }
}

impl Eq for Book {}

impl Book {
    /// A book that waits for its snapshot. `depth` is the number of levels subscribed to.
    #[must_use]
    pub const fn new(depth: usize) -> Self {
        Self {
            depth,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            state: State::Waiting,
            checksum: 0,
        }
    }

    /// Applies one frame whole and proves the result.
    ///
    /// # Errors
    ///
    /// A [`BookFault`]; see there what the book is afterwards.
    pub fn apply(&mut self, update: &BookUpdate) -> Result<(), BookFault> {
        match (update.kind, self.state) {
            (BookKind::Snapshot, _) => {
                self.bids.replace(&update.bids, self.depth);
                self.asks.replace(&update.asks, self.depth);
            }
            (BookKind::Update, State::Verified) => {
                for level in &update.bids {
                    self.bids.set(*level);
                }
                for level in &update.asks {
                    self.asks.set(*level);
                }
                self.bids.truncate(self.depth);
                self.asks.truncate(self.depth);
            }
            (BookKind::Update, State::Waiting | State::Stale { .. }) => {
                return Err(BookFault::NoSnapshot);
            }
        }
        self.verify(update.checksum)
    }

    /// Compares the book with the venue's checksum and sets the state.
    ///
    /// # Errors
    ///
    /// A wrong checksum, or a crossed book.
    pub fn verify(&mut self, expected: u32) -> Result<(), BookFault> {
        let computed = self.compute();
        if computed != expected {
            self.state = State::Stale { why: Why::Checksum };
            return Err(BookFault::Checksum { expected, computed });
        }
        if let (Some(bid), Some(ask)) = (self.best_bid(), self.best_ask())
            && bid.price >= ask.price
        {
            let (bid, ask) = (bid.price, ask.price);
            self.state = State::Stale { why: Why::Crossed };
            return Err(BookFault::Crossed { bid, ask });
        }
        self.state = State::Verified;
        Ok(())
    }

    /// Takes the book out of use until the next snapshot. A book that waits keeps waiting.
    pub const fn quarantine(&mut self, why: Why) {
        if !matches!(self.state, State::Waiting) {
            self.state = State::Stale { why };
        }
    }

    /// Empties the book; it waits for a snapshot of `depth` levels.
    pub fn restart(&mut self, depth: usize) {
        self.depth = depth;
        self.bids.clear();
        self.asks.clear();
        self.state = State::Waiting;
    }

    /// Rewrites the book in units finer by so many digits, for a precision that turns out finer. The state stays.
    ///
    /// # Errors
    ///
    /// When a number no longer fits; the book is then stale.
    pub fn refine(&mut self, price_digits: u8, qty_digits: u8) -> Result<(), OutOfRange> {
        let factor = |count: u8| digits::POWERS.get(usize::from(count)).copied();
        let scaled = match (factor(price_digits), factor(qty_digits)) {
            (Some(price), Some(qty)) => self
                .bids
                .scale(price, qty)
                .and_then(|()| self.asks.scale(price, qty)),
            _ => Err(OutOfRange),
        };
        if scaled.is_err() {
            self.restart(self.depth);
        }
        scaled
    }

    /// Whether the book may be traded on.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the book agreed with the venue after the last frame.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    /// Number of levels subscribed to.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The highest bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<&Level> {
        self.bids.best()
    }

    /// The lowest ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<&Level> {
        self.asks.best()
    }

    /// Bids, highest first.
    pub fn bids(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.bids.live().iter().rev()
    }

    /// Asks, lowest first.
    pub fn asks(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.asks.live().iter().rev()
    }

    /// Levels of the side that rests there: bids of buyers, asks of sellers; best first.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = &Level> {
        match side {
            Side::Buy => self.bids.live().iter().rev(),
            Side::Sell => self.asks.live().iter().rev(),
        }
    }

    /// CRC-32 of the ten best asks, then the ten best bids.
    fn compute(&mut self) -> u32 {
        if self.asks.is_touched() || self.bids.is_touched() {
            let mut text = [0; TEXT];
            let start = self.bids.copy_top(&mut text, TEXT);
            let start = self.asks.copy_top(&mut text, start);
            self.checksum = crc32fast::hash(text.get(start..).unwrap_or_default());
        }
        self.checksum
    }
}

#[cfg(test)]
mod tests;
