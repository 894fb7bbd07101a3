//! Public history of the market, made of facts: trades, candles, the rolling day, spreads.
//!
//! Left out: the books (they are the exchange's), wire formats. What was before the simulation began is told by `past`, if there is one.
//! Always true: candles and tickers are sums of the trades told; nothing is rounded before it is asked for.

mod candles;
mod day;
mod past;
mod trades;

use std::collections::{BTreeSet, VecDeque};

use self::{
    candles::{Candles, KEPT},
    day::Day,
    past::Past,
    trades::Trades,
};
use super::matching::{Fact, LevelFact, PairId, TradeFact, Universe};
use crate::types::{Price, Quantity, Side, Timestamp};

pub use self::{
    candles::{Candle, INTERVALS},
    day::{Span, Ticker},
};

/// Most trades kept, of all pairs together: 128 MiB of them. After that the pair with the most loses its oldest.
const TRADES_KEPT: usize = 1 << 22;
/// Spreads kept for each pair; the venue tells about 200.
const SPREADS_KEPT: usize = 200;

/// What was traded and quoted.
#[derive(Debug)]
pub struct History {
    pairs: Vec<PairHistory>,
    /// Trades since the start that are kept, and the most that may be.
    trades: usize,
    most_trades: usize,
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
    trades: Trades,
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
        let pairs = universe.pairs.iter();
        Self::of(pairs.map(|_| PairHistory::default()))
    }

    fn of(pairs: impl Iterator<Item = PairHistory>) -> Self {
        Self {
            pairs: pairs.collect(),
            trades: 0,
            most_trades: TRADES_KEPT,
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
        Self::of(pairs.map(pair))
    }

    /// Forgets what seems to have been before in these pairs.
    pub fn forget(&mut self, pairs: &[PairId]) {
        for pair in pairs {
            if let Some(history) = self.pair_mut(*pair) {
                *history = PairHistory::default();
            }
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
                Fact::Trade(trade) => self.trade(trade),
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

    /// Trades, oldest first, without a gap: the past and all since, or the latest of them where there were too many to keep.
    /// Whose they were is not kept.
    pub fn trades(&self, id: PairId) -> impl DoubleEndedIterator<Item = TradeFact> {
        let pair = self.pair(id).into_iter();
        pair.flat_map(move |pair| {
            let past = pair.connected().into_iter().flat_map(Past::trades);
            past.chain(pair.trades.all(id))
        })
    }

    /// Trades after an instant, oldest first.
    pub fn trades_after(&self, id: PairId, since: Timestamp) -> impl Iterator<Item = TradeFact> {
        let pair = self.pair(id).into_iter();
        pair.flat_map(move |pair| {
            let past = pair.connected().into_iter();
            let past = past.flat_map(move |past| past.trades_after(since));
            past.chain(pair.trades.after(id, since))
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

    /// The last changes of the best prices, oldest first. Those of the past lie around its trades.
    #[must_use]
    pub fn spreads(&self, pair: PairId) -> Vec<Spread> {
        let Some(pair) = self.pair(pair) else {
            return Vec::new();
        };
        let room = SPREADS_KEPT.saturating_sub(pair.spreads.len());
        let past = pair.past.as_ref().map(|past| past.spreads(room));
        let mut spreads = past.unwrap_or_default();
        spreads.extend(&pair.spreads);
        spreads
    }

    fn trade(&mut self, trade: &TradeFact) {
        let Some(pair) = self.pair_mut(trade.pair) else {
            return;
        };
        pair.trade(trade);
        self.trades += 1;
        if self.trades > self.most_trades {
            let longest = self
                .pairs
                .iter_mut()
                .max_by_key(|pair| pair.trades.chunks());
            self.trades -= longest.map_or(0, |pair| pair.trades.forget());
        }
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
        self.past.as_ref().filter(|_| !self.trades.is_cut())
    }

    fn trade(&mut self, trade: &TradeFact) {
        self.trades.push(trade);
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
