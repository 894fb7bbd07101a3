//! The queues of one pair, kept step by step beside the exchange's.
//!
//! For: the state after each change of an act, which the exchange itself has left behind by the time that anybody is told.
//! Left out: depths, frames. Always true: between two acts it equals the exchange's; an order that is still in flight is not in it,
//! so its sides never cross.

use std::{collections::BTreeMap, ops::Bound};

use crate::{
    sim::{
        matching::{Exchange, Move, PairId, Queued},
        server::checksum,
    },
    types::{Price, Quantity, Side},
};

/// The orders of one price, in the order in which they would be served.
pub(super) type Queue = BTreeMap<u64, Queued>;

/// What happened to an order that others see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Event {
    /// It is new in the book, or at the back of its queue again.
    Add,
    /// So much less, or more, of it shows.
    Modify,
    /// It left its queue.
    Delete,
}

/// What became of the price level with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Level {
    /// It is new.
    Came,
    /// Others hold it.
    Stayed,
    /// It is gone.
    Went,
}

/// One visible change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) event: Event,
    pub(super) side: Side,
    /// The order after it; before it where it is gone.
    pub(super) order: Queued,
    pub(super) level: Level,
}

/// Both sides.
#[derive(Debug)]
pub(super) struct Replica {
    bids: Ladder,
    asks: Ladder,
    in_flight: BTreeMap<(Side, Price, u64), Queued>,
}

/// One side.
#[derive(Debug)]
pub(super) struct Ladder {
    side: Side,
    levels: BTreeMap<Price, Queue>,
}

impl Replica {
    /// The queues of a pair as they stand between two acts.
    pub(super) fn new(exchange: &Exchange, pair: PairId) -> Self {
        let ladder = |side| {
            let mut levels: BTreeMap<Price, Queue> = BTreeMap::new();
            for order in exchange.queue(pair, side) {
                let queue = levels.entry(order.price).or_default();
                queue.insert(order.turn, order);
            }
            Ladder { side, levels }
        };
        Self {
            bids: ladder(Side::Buy),
            asks: ladder(Side::Sell),
            in_flight: BTreeMap::new(),
        }
    }

    /// Makes a move. What others see of it, if anything.
    pub(super) fn take(&mut self, one: &Move) -> Option<Step> {
        match *one {
            Move::Entered(_, side, order) => {
                let place = (side, order.price, order.turn);
                self.in_flight.insert(place, order);
                None
            }
            Move::Resized(_, side, price, turn, qty) => {
                let place = (side, price, turn);
                let Some(order) = self.in_flight.get_mut(&place) else {
                    return self.ladder_mut(side).resize(price, turn, qty);
                };
                order.qty = qty;
                if qty.is_zero() {
                    self.in_flight.remove(&place);
                }
                None
            }
            Move::Settled(_, side, price, turn) => {
                let order = self.in_flight.remove(&(side, price, turn))?;
                Some(self.ladder_mut(side).add(order))
            }
        }
    }

    /// The checksum of the best ten levels.
    pub(super) fn checksum(&self) -> u32 {
        checksum::of_orders(self.asks.queues(), self.bids.queues())
    }

    /// The orders of a level.
    pub(super) fn level(&self, side: Side, price: Price) -> Option<&Queue> {
        self.ladder(side).levels.get(&price)
    }

    /// A side.
    pub(super) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

impl Ladder {
    /// How many levels there are.
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// Levels, best first.
    pub(super) fn levels(&self) -> impl Iterator<Item = (Price, &Queue)> {
        let (bids, asks) = match self.side {
            Side::Buy => (Some(self.levels.iter().rev()), None),
            Side::Sell => (None, Some(self.levels.iter())),
        };
        let bids = bids.into_iter().flatten();
        let levels = bids.chain(asks.into_iter().flatten());
        levels.map(|(price, queue)| (*price, queue))
    }

    fn queues(&self) -> impl Iterator<Item = impl Iterator<Item = (Price, Quantity)>> {
        self.levels().take(super::SUMMED).map(sizes)
    }

    /// Whether the first price is served before the second.
    pub(super) fn is_better(&self, first: Price, second: Price) -> bool {
        match self.side {
            Side::Buy => first > second,
            Side::Sell => first < second,
        }
    }

    /// The level next behind a price.
    pub(super) fn behind(&self, price: Price) -> Option<Price> {
        match self.side {
            Side::Buy => self.below(price),
            Side::Sell => self.above(price),
        }
    }

    /// The level next before a price.
    pub(super) fn before(&self, price: Price) -> Option<Price> {
        match self.side {
            Side::Buy => self.above(price),
            Side::Sell => self.below(price),
        }
    }

    /// The level behind all others.
    pub(super) fn last(&self) -> Option<Price> {
        let level = match self.side {
            Side::Buy => self.levels.first_key_value(),
            Side::Sell => self.levels.last_key_value(),
        };
        level.map(|(price, _)| *price)
    }

    fn above(&self, price: Price) -> Option<Price> {
        let beyond = (Bound::Excluded(price), Bound::Unbounded);
        self.levels.range(beyond).next().map(|(price, _)| *price)
    }

    fn below(&self, price: Price) -> Option<Price> {
        self.levels
            .range(..price)
            .next_back()
            .map(|(price, _)| *price)
    }

    fn add(&mut self, order: Queued) -> Step {
        let queue = self.levels.entry(order.price).or_default();
        let level = if queue.is_empty() {
            Level::Came
        } else {
            Level::Stayed
        };
        queue.insert(order.turn, order);
        Step {
            event: Event::Add,
            side: self.side,
            order,
            level,
        }
    }

    fn resize(&mut self, price: Price, turn: u64, qty: Quantity) -> Option<Step> {
        let queue = self.levels.get_mut(&price)?;
        let order = queue.get_mut(&turn)?;
        let (event, side) = (Event::Modify, self.side);
        if !qty.is_zero() {
            order.qty = qty;
            let (order, level) = (*order, Level::Stayed);
            return Some(Step {
                event,
                side,
                order,
                level,
            });
        }
        let order = queue.remove(&turn)?;
        let level = if queue.is_empty() {
            self.levels.remove(&price);
            Level::Went
        } else {
            Level::Stayed
        };
        Some(Step {
            event: Event::Delete,
            side,
            order,
            level,
        })
    }
}

fn sizes((_, queue): (Price, &Queue)) -> impl Iterator<Item = (Price, Quantity)> {
    queue.values().map(|order| (order.price, order.qty))
}
