//! One pair's public trades since the start, packed.
//!
//! For: paging through all of them, from any instant. Left out: who traded. Always true: numbers rise and times never fall; only whole
//! chunks of the oldest trades are forgotten, and it is known that they were.

use std::collections::VecDeque;

use crate::{
    sim::matching::{OrderKey, PairId, TradeFact},
    types::{Price, Quantity, Side, Timestamp},
};

/// Trades that are kept, and forgotten, together.
pub(super) const CHUNK: usize = 1_024;

/// A trade in 32 bytes.
#[derive(Clone, Copy, Debug)]
struct Packed {
    at: Timestamp,
    price: Price,
    qty: Quantity,
    /// The trade's number times four, plus one for a seller who took and two for a market order.
    number: u64,
}

/// The trades of one pair, oldest first.
#[derive(Debug, Default)]
pub(super) struct Trades {
    chunks: VecDeque<Vec<Packed>>,
    forgotten: bool,
}

impl Packed {
    fn new(trade: &TradeFact) -> Self {
        let sold = u64::from(trade.taker_side == Side::Sell);
        let market = u64::from(trade.taker_market) << 1;
        Self {
            at: trade.at,
            price: trade.price,
            qty: trade.qty,
            number: trade.trade_id << 2 | market | sold,
        }
    }

    const fn unpacked(self, pair: PairId) -> TradeFact {
        TradeFact {
            pair,
            trade_id: self.number >> 2,
            price: self.price,
            qty: self.qty,
            taker_side: if self.number & 1 == 1 {
                Side::Sell
            } else {
                Side::Buy
            },
            taker_market: self.number & 2 == 2,
            maker: OrderKey(0),
            taker: OrderKey(0),
            at: self.at,
        }
    }
}

impl Trades {
    /// Takes the next one in.
    pub(super) fn push(&mut self, trade: &TradeFact) {
        let packed = Packed::new(trade);
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(packed),
            _ => self.chunks.push_back(vec![packed]),
        }
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Forgets the oldest chunk, unless it is the only one. How many trades those were.
    pub(super) fn forget(&mut self) -> usize {
        if self.chunks.len() < 2 {
            return 0;
        }
        self.forgotten = true;
        self.chunks.pop_front().map_or(0, |chunk| chunk.len())
    }

    /// Whether any were forgotten.
    pub(super) const fn is_cut(&self) -> bool {
        self.forgotten
    }

    /// All of them.
    pub(super) fn all(&self, pair: PairId) -> impl DoubleEndedIterator<Item = TradeFact> {
        let trades = self.chunks.iter().flatten();
        trades.map(move |packed| packed.unpacked(pair))
    }

    /// Those after an instant.
    pub(super) fn after(&self, pair: PairId, since: Timestamp) -> impl Iterator<Item = TradeFact> {
        let over = |chunk: &Vec<Packed>| chunk.last().is_none_or(|last| last.at <= since);
        let first = self.chunks.partition_point(over);
        let trades = self.chunks.range(first..).flatten();
        let trades = trades.skip_while(move |packed| packed.at <= since);
        trades.map(move |packed| packed.unpacked(pair))
    }
}
