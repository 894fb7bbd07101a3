//! A market that happens elsewhere, kept in step: its books among the clients' orders, its trades as they come.
//!
//! For: what is known of each mirrored book, and whether it may be traded on. Left out: where it comes from (sockets, recordings),
//! whether it is right (whoever reads it proves that), how a level becomes orders (the matching engine does).
//! Always true: after each event a pair's book is the mirrored one and the clients' orders, but for what clients took since a level
//! was last told. A pair whose book may be wrong or old takes cancels only, until a new one is in.
//!
//! What a client could not know is decided against it, where that is possible. A level that shrinks loses what is behind the client
//! first. Of a trade that is told after the level that it shrank, so much is held to have met what was ahead of the client. In the
//! client's favor is that the other market does not know of it: nobody there reacts to its orders, and what it takes is there again
//! with the next word about that level.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    sim::matching::{AccountId, Exchange, Fact, MirroredLevel, MirroredTrade, PairId},
    types::{InstrumentId, Price, Quantity, Side, Timestamp, TradingStatus},
};

/// Whose the mirrored orders are.
pub(in crate::sim) const AGENT: AccountId = AccountId(0xF000_0000);
/// For so long a trade may still be told that a level has shrunk by.
const LAG: Duration = Duration::from_secs(1);

/// A price and what rests there.
pub type Quote = (Price, Quantity);

/// One thing that the mirrored market tells. Instruments are positions in the list that the feed was started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Upstream {
    /// The whole book, verified.
    Book {
        /// Which pair.
        instrument: InstrumentId,
        /// Levels a side that are told of; what falls behind them is not heard of again.
        depth: usize,
        /// Bids.
        bids: Vec<Quote>,
        /// Asks.
        asks: Vec<Quote>,
    },
    /// Levels that changed, in order; zero is gone. The book is verified with them.
    Levels {
        /// Which pair.
        instrument: InstrumentId,
        /// Bids.
        bids: Vec<Quote>,
        /// Asks.
        asks: Vec<Quote>,
    },
    /// A trade.
    Trade {
        /// Which pair.
        instrument: InstrumentId,
        /// Direction of the order that took.
        taker_side: Side,
        /// Price.
        price: Price,
        /// Quantity.
        qty: Quantity,
        /// Whether the order that took was a market order.
        market: bool,
    },
    /// What may be done in a pair there.
    Status {
        /// Which pair.
        instrument: InstrumentId,
        /// What may be done.
        status: TradingStatus,
    },
    /// A pair's book may be wrong; a whole one will follow.
    Stale {
        /// Which pair.
        instrument: InstrumentId,
    },
    /// Nothing is heard any more; whole books will follow.
    Down,
}

/// All mirrored pairs.
#[derive(Debug)]
pub(in crate::sim) struct Mirror {
    pairs: Vec<Reflected>,
}

/// One pair as it is known from there.
#[derive(Debug)]
struct Reflected {
    pair: PairId,
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
    depth: usize,
    /// Whether the book is a verified one, and whether there ever was one.
    fresh: bool,
    begun: bool,
    status: TradingStatus,
    /// What levels lost from before a client's order, and when.
    gone: BTreeMap<(Side, Price), (Quantity, Timestamp)>,
}

/// What an event is applied to.
struct Stage<'a> {
    now: Timestamp,
    exchange: &'a mut Exchange,
    facts: &'a mut Vec<Fact>,
}

impl Mirror {
    /// Pairs by their position in the feed's list, with what may be done in them there. They take cancels only from now on.
    pub(in crate::sim) fn new(
        pairs: impl IntoIterator<Item = (PairId, TradingStatus)>,
        exchange: &mut Exchange,
    ) -> Self {
        exchange.open_agent(AGENT);
        let reflected = |(pair, status)| Reflected {
            pair,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            depth: 0,
            fresh: false,
            begun: false,
            status,
            gone: BTreeMap::new(),
        };
        let mirror = Self {
            pairs: pairs.into_iter().map(reflected).collect(),
        };
        for pair in &mirror.pairs {
            pair.set_status(exchange);
        }
        mirror
    }

    /// Whether every pair has had a book.
    pub(in crate::sim) fn has_begun(&self) -> bool {
        self.pairs.iter().all(|pair| pair.begun)
    }

    /// Makes true here what was told. Whether the status of a pair has changed.
    pub(in crate::sim) fn take(
        &mut self,
        now: Timestamp,
        told: Upstream,
        exchange: &mut Exchange,
        facts: &mut Vec<Fact>,
    ) -> bool {
        let mut stage = Stage {
            now,
            exchange,
            facts,
        };
        match told {
            Upstream::Down => {
                let mut changed = false;
                for pair in &mut self.pairs {
                    changed |= pair.stale(stage.exchange);
                }
                changed
            }
            Upstream::Stale { instrument } => self
                .pair(instrument)
                .is_some_and(|pair| pair.stale(stage.exchange)),
            Upstream::Status { instrument, status } => self.pair(instrument).is_some_and(|pair| {
                pair.status = status;
                pair.set_status(stage.exchange)
            }),
            Upstream::Book {
                instrument,
                depth,
                bids,
                asks,
            } => self
                .pair(instrument)
                .is_some_and(|pair| pair.book(depth, &bids, &asks, &mut stage)),
            Upstream::Levels {
                instrument,
                bids,
                asks,
            } => {
                if let Some(pair) = self.fresh(instrument) {
                    pair.levels(&bids, &asks, &mut stage);
                }
                false
            }
            Upstream::Trade {
                instrument,
                taker_side,
                price,
                qty,
                market,
            } => {
                if let Some(pair) = self.fresh(instrument) {
                    pair.trade(taker_side, (price, qty), market, &mut stage);
                }
                false
            }
        }
    }

    fn pair(&mut self, instrument: InstrumentId) -> Option<&mut Reflected> {
        self.pairs.get_mut(instrument.index())
    }

    /// A pair whose book is a verified one. What is told of others means nothing until the next whole book.
    fn fresh(&mut self, instrument: InstrumentId) -> Option<&mut Reflected> {
        self.pair(instrument).filter(|pair| pair.fresh)
    }
}

impl Reflected {
    /// Whether the status has changed.
    fn stale(&mut self, exchange: &mut Exchange) -> bool {
        self.fresh = false;
        self.gone.clear();
        self.set_status(exchange)
    }

    /// Whether the status has changed.
    fn set_status(&self, exchange: &mut Exchange) -> bool {
        let less = matches!(
            self.status,
            TradingStatus::Maintenance | TradingStatus::Closed | TradingStatus::InProgress
        );
        // What allows less than a stale book does holds whether it is stale or not.
        let status = if self.fresh || less {
            self.status
        } else {
            TradingStatus::CancelOnly
        };
        let changed = exchange.pair_status(self.pair) != status;
        exchange.set_pair_status(self.pair, status);
        changed
    }

    /// A whole book takes the place of what was known. Whether the status has changed.
    fn book(
        &mut self,
        depth: usize,
        bids: &[Quote],
        asks: &[Quote],
        stage: &mut Stage<'_>,
    ) -> bool {
        let mut touched = BTreeSet::new();
        touched.extend(self.bids.keys().map(|price| (Side::Buy, *price)));
        touched.extend(self.asks.keys().map(|price| (Side::Sell, *price)));
        self.bids.clear();
        self.asks.clear();
        self.gone.clear();
        self.depth = depth;
        self.set(bids, asks, &mut touched);
        self.reflect(&touched, stage);
        // A restart of the feed says nothing of what traded meanwhile.
        self.gone.clear();
        (self.fresh, self.begun) = (true, true);
        self.set_status(stage.exchange)
    }

    fn levels(&mut self, bids: &[Quote], asks: &[Quote], stage: &mut Stage<'_>) {
        let mut touched = BTreeSet::new();
        self.set(bids, asks, &mut touched);
        self.reflect(&touched, stage);
    }

    /// Notes levels, then drops those that lie deeper than is told of.
    fn set(&mut self, bids: &[Quote], asks: &[Quote], touched: &mut BTreeSet<(Side, Price)>) {
        for (side, quotes) in [(Side::Buy, bids), (Side::Sell, asks)] {
            let known = match side {
                Side::Buy => &mut self.bids,
                Side::Sell => &mut self.asks,
            };
            for (price, qty) in quotes {
                touched.insert((side, *price));
                if qty.is_zero() {
                    known.remove(price);
                } else {
                    known.insert(*price, *qty);
                }
            }
            while known.len() > self.depth {
                let deepest = match side {
                    Side::Buy => known.pop_first(),
                    Side::Sell => known.pop_last(),
                };
                touched.extend(deepest.map(|(price, _)| (side, price)));
            }
        }
    }

    fn reflect(&mut self, touched: &BTreeSet<(Side, Price)>, stage: &mut Stage<'_>) {
        let level = |(side, price): &(Side, Price)| MirroredLevel {
            side: *side,
            price: *price,
            qty: self.known(*side, *price),
        };
        let levels: Vec<MirroredLevel> = touched.iter().map(level).collect();
        let Stage {
            now,
            exchange,
            facts,
        } = stage;
        let lost = exchange.mirror_levels(*now, AGENT, self.pair, &levels, facts);
        self.gone.retain(|_, (_, at)| now.since(*at) <= LAG);
        for level in lost {
            let key = (level.side, level.price);
            let before = self.gone.get(&key).map_or(Quantity::ZERO, |(qty, _)| *qty);
            let qty = before.checked_add(level.qty).unwrap_or(before);
            self.gone.insert(key, (qty, *now));
        }
    }

    fn trade(
        &mut self,
        taker_side: Side,
        (price, qty): Quote,
        market: bool,
        stage: &mut Stage<'_>,
    ) {
        let side = taker_side.opposite();
        let trade = MirroredTrade {
            taker_side,
            price,
            qty,
            market,
            gone: self.explain(side, price, qty, stage.now),
            level: self.known(side, price),
        };
        let Stage {
            now,
            exchange,
            facts,
        } = stage;
        exchange.mirror_trade(*now, AGENT, self.pair, &trade, facts);
    }

    /// The part of a trade that a level has shrunk by already, from before a client.
    fn explain(&mut self, side: Side, price: Price, qty: Quantity, now: Timestamp) -> Quantity {
        let Some((gone, at)) = self.gone.get_mut(&(side, price)) else {
            return Quantity::ZERO;
        };
        if now.since(*at) > LAG {
            return Quantity::ZERO;
        }
        let explained = qty.min(*gone);
        *gone = gone.saturating_sub(explained);
        explained
    }

    fn known(&self, side: Side, price: Price) -> Quantity {
        let known = match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        };
        known.get(&price).copied().unwrap_or(Quantity::ZERO)
    }
}

#[cfg(test)]
mod tests;
