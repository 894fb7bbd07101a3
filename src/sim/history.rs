//! Public history of the market, made of facts: trades, candles, the rolling day, spreads.
//!
//! Left out: the books (they are the exchange's), wire formats. What was before the simulation began is told by `past`, if there is one.
//! Always true: candles and tickers are sums of the trades told; nothing is rounded before it is asked for.

mod candles;
mod day;
mod past;

use std::collections::{BTreeSet, VecDeque};

use self::{
    candles::{Candles, KEPT},
    day::Day,
    past::Past,
};
use super::matching::{Fact, LevelFact, PairId, TradeFact, Universe};
use crate::types::{Price, Quantity, Side, Timestamp};

pub use self::{
    candles::{Candle, INTERVALS},
    day::{Span, Ticker},
};

/// Trades kept for each pair.
const TRADES_KEPT: usize = 5_000;
/// Spreads kept for each pair; the venue tells about 200.
const SPREADS_KEPT: usize = 200;

/// What was traded and quoted.
#[derive(Debug)]
pub struct History {
    pairs: Vec<PairHistory>,
}

/// The best prices from an instant on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spread {
    /// When they became the best.
    pub at: Timestamp,
    /// Highest bid.
    pub bid: Price,
    /// Lowest ask.
    pub ask: Price,
}

#[derive(Debug, Default)]
struct PairHistory {
    trades: VecDeque<TradeFact>,
    candles: Candles,
    day: Day,
    spreads: VecDeque<Spread>,
    bids: BTreeSet<Price>,
    asks: BTreeSet<Price>,
    past: Option<Past>,
}

impl History {
    /// A history in which nothing has happened.
    #[must_use]
    pub fn new(universe: &Universe) -> Self {
        Self {
            pairs: universe
                .pairs
                .iter()
                .map(|_| PairHistory::default())
                .collect(),
        }
    }

    /// A history of pairs that seem to have traded before `now`. The same seed gives the same past.
    #[must_use]
    pub fn with_past(universe: &Universe, seed: u64, now: Timestamp) -> Self {
        let pair = |(id, spec)| {
            let past = Past::new(seed, id, spec, now);
            let mut pair = PairHistory::default();
            if let Some(past) = &past {
                past.tell(&mut pair.day);
            }
            PairHistory { past, ..pair }
        };
        let pairs = (0..).map(PairId).zip(&universe.pairs);
        Self {
            pairs: pairs.map(pair).collect(),
        }
    }

    /// Number of the last trade of each pair's past.
    pub fn trades_before(&self) -> impl Iterator<Item = u64> {
        let before = |pair: &PairHistory| pair.past.as_ref().map_or(0, Past::trades_before);
        self.pairs.iter().map(before)
    }

    /// Takes in what happened at `now`, which never goes backwards.
    pub fn apply(&mut self, now: Timestamp, _universe: &Universe, facts: &[Fact]) {
        let mut quoted: Option<PairId> = None;
        for fact in facts {
            match fact {
                Fact::Trade(trade) => {
                    if let Some(pair) = self.pair_mut(trade.pair) {
                        pair.trade(trade);
                    }
                }
                Fact::Level(level) => {
                    if quoted.is_some_and(|pair| pair != level.pair) {
                        self.note_spread(now, quoted);
                    }
                    quoted = Some(level.pair);
                    if let Some(pair) = self.pair_mut(level.pair) {
                        pair.level(level);
                    }
                }
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
        self.note_spread(now, quoted);
    }

    /// Trades, oldest first; at least the last thousand.
    pub fn trades(&self, pair: PairId) -> impl DoubleEndedIterator<Item = TradeFact> {
        let pair = self.pair(pair).into_iter();
        pair.flat_map(|pair| {
            let past = pair.connected().into_iter().flat_map(Past::trades);
            past.chain(pair.trades.iter().cloned())
        })
    }

    /// Trades after an instant, oldest first.
    pub fn trades_after(&self, pair: PairId, since: Timestamp) -> impl Iterator<Item = TradeFact> {
        let pair = self.pair(pair).into_iter();
        pair.flat_map(move |pair| {
            let past = pair.connected().into_iter();
            let past = past.flat_map(move |past| past.trades_after(since));
            let first = pair.trades.partition_point(|trade| trade.at <= since);
            past.chain(pair.trades.range(first..).cloned())
        })
    }

    /// The last candles of an interval in minutes, newest first, at most `count` and 720. Intervals without a trade have none; other
    /// intervals than [`INTERVALS`] are empty.
    #[must_use]
    pub fn candles(&self, pair: PairId, interval: u32, count: usize) -> Vec<Candle> {
        let Some(pair) = self.pair(pair).filter(|_| INTERVALS.contains(&interval)) else {
            return Vec::new();
        };
        let count = count.min(KEPT);
        let live = pair.candles.of(interval).rev().take(count);
        let mut candles: Vec<Candle> = live.copied().collect();
        if let Some(past) = &pair.past
            && !pair.candles.is_full(interval)
        {
            past.precede(&mut candles, interval, count);
        }
        candles
    }

    /// The last 24 hours, and today. None before the first trade.
    #[must_use]
    pub fn ticker(&self, pair: PairId, now: Timestamp) -> Option<Ticker> {
        self.pair(pair)?.day.ticker(now)
    }

    /// Changes of the best prices, oldest first.
    pub fn spreads(&self, pair: PairId) -> impl DoubleEndedIterator<Item = &Spread> {
        self.pair(pair).into_iter().flat_map(|pair| &pair.spreads)
    }

    fn note_spread(&mut self, now: Timestamp, pair: Option<PairId>) {
        if let Some(pair) = pair.and_then(|pair| self.pair_mut(pair)) {
            pair.note_spread(now);
        }
    }

    fn pair(&self, pair: PairId) -> Option<&PairHistory> {
        self.pairs.get(usize::try_from(pair.0).ok()?)
    }

    fn pair_mut(&mut self, pair: PairId) -> Option<&mut PairHistory> {
        self.pairs.get_mut(usize::try_from(pair.0).ok()?)
    }
}

impl PairHistory {
    /// The past, while no trade since its end has been forgotten.
    fn connected(&self) -> Option<&Past> {
        self.past
            .as_ref()
            .filter(|_| self.trades.len() < TRADES_KEPT)
    }

    fn trade(&mut self, trade: &TradeFact) {
        if self.trades.len() == TRADES_KEPT {
            self.trades.pop_front();
        }
        self.trades.push_back(trade.clone());
        self.candles.add(trade);
        self.day.add(trade);
    }

    fn level(&mut self, level: &LevelFact) {
        let side = match level.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if level.qty == Quantity::ZERO {
            side.remove(&level.price);
        } else {
            side.insert(level.price);
        }
    }

    fn note_spread(&mut self, at: Timestamp) {
        let (Some(&bid), Some(&ask)) = (self.bids.last(), self.asks.first()) else {
            return;
        };
        let same = self
            .spreads
            .back()
            .is_some_and(|last| (last.bid, last.ask) == (bid, ask));
        if same || bid >= ask {
            return;
        }
        if self.spreads.len() == SPREADS_KEPT {
            self.spreads.pop_front();
        }
        self.spreads.push_back(Spread { at, bid, ask });
    }
}

#[cfg(test)]
mod tests;
