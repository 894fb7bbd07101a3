//! What must hold of books: each one's turn, and what readers of facts and of moves see of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{fixture::*, *};
use crate::types::{Price, Quantity, Side, Timestamp};

const SIDES: [(u32, Side); 4] = [
    (0, Side::Buy),
    (0, Side::Sell),
    (1, Side::Buy),
    (1, Side::Sell),
];

/// Whose turn comes when, kept by the venue's words: a new order, a new price and a higher quantity go to the back.
#[derive(Default)]
pub(super) struct Turns {
    next: u64,
    orders: BTreeMap<OrderKey, (OrderState, u64)>,
}

impl Turns {
    pub(super) fn follow(&mut self, facts: &[(Timestamp, Fact)]) {
        for (_, fact) in facts {
            let order = match fact {
                Fact::Accepted(accepted) => &accepted.order,
                Fact::Amended(amend) => &amend.order,
                Fact::Changed(change) if change.change == Change::Refilled => {
                    self.next += 1;
                    let entry = (change.order.clone(), self.next);
                    self.orders.insert(change.order.key, entry);
                    continue;
                }
                Fact::Changed(change) => &change.order,
                Fact::Trade(_)
                | Fact::Fill(_)
                | Fact::Filled { .. }
                | Fact::Canceled { .. }
                | Fact::Ledger(_)
                | Fact::Switch { .. }
                | Fact::Level(_) => continue,
            };
            let stays = self
                .orders
                .get(&order.key)
                .filter(|(old, _)| {
                    let idle = |order: &OrderState| order.is_waiting() || order.is_pending();
                    let waited = idle(old) && !idle(order);
                    !waited && old.kind == order.kind && old.qty >= order.qty
                })
                .map(|(_, turn)| *turn);
            self.next += 1;
            let turn = stays.unwrap_or(self.next);
            self.orders.insert(order.key, (order.clone(), turn));
        }
    }

    pub(super) fn hold_in(&self, exchange: &Exchange) {
        for (pair, side) in SIDES {
            let resting = exchange.resting(PairId(pair), side);
            let seen: Vec<_> = resting.map(|(price, key, _, _)| (price, key)).collect();
            let mut expected = seen.clone();
            expected.sort_by_key(|(price, key)| {
                let better = if side == Side::Buy {
                    -price.units()
                } else {
                    price.units()
                };
                (better, self.orders[key].1)
            });
            assert_eq!(seen, expected);
        }
    }
}

/// What rested before an act, in the order in which it must be served.
pub(super) struct Queues(BTreeMap<(u32, Side), Vec<(OrderKey, i64)>>);

impl Queues {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let queue = |(pair, side)| {
            let resting = exchange.resting(PairId(pair), side);
            let queue = resting
                .map(|(_, key, _, left)| (key, left.units()))
                .collect();
            ((pair, side), queue)
        };
        Self(SIDES.map(queue).into_iter().collect())
    }

    pub(super) fn are_served_in_order(mut self, facts: &[(Timestamp, Fact)]) {
        // An order that goes to the market in the middle of an act stands in no queue of before it.
        // Neither does the next part of an iceberg, nor what a fill leaves behind.
        let triggered = |fact: &Fact| match fact {
            Fact::Changed(change) => change.change != Change::Trailed,
            Fact::Accepted(accepted) => accepted.order.conditions.parent.is_some(),
            Fact::Trade(_)
            | Fact::Fill(_)
            | Fact::Filled { .. }
            | Fact::Amended(_)
            | Fact::Canceled { .. }
            | Fact::Ledger(_)
            | Fact::Level(_)
            | Fact::Switch { .. } => false,
        };
        if facts.iter().any(|(_, fact)| triggered(fact)) {
            return;
        }
        for (_, fact) in facts {
            if let Fact::Canceled { order, .. } = fact
                && let Some(queue) = self.0.get_mut(&(order.pair.0, order.side))
            {
                queue.retain(|(key, _)| *key != order.key);
            }
            let Fact::Trade(trade) = fact else { continue };
            let side = (trade.pair.0, trade.taker_side.opposite());
            let queue = self.0.get_mut(&side).unwrap();
            let (first, left) = queue.first_mut().unwrap();
            assert_eq!(trade.maker, *first, "out of turn");
            *left -= trade.qty.units();
            assert!(*left >= 0);
            if *left == 0 {
                queue.remove(0);
            }
        }
    }
}

/// The queues as a reader of moves sees them.
pub(in super::super) struct Seen(BTreeMap<(u32, Side), BTreeMap<(Price, u64), Queued>>);

impl Seen {
    pub(in super::super) fn of(exchange: &Exchange) -> Self {
        let queue = |(pair, side)| {
            let queue = exchange.queue(PairId(pair), side);
            let queue = queue.map(|order| ((order.price, order.turn), order));
            ((pair, side), queue.collect())
        };
        Self(SIDES.map(queue).into_iter().collect())
    }

    pub(in super::super) fn moves_to(mut self, exchange: &Exchange) {
        let mut in_flight = BTreeSet::new();
        for step in exchange.moves() {
            match *step {
                Move::Entered(pair, side, order) => {
                    in_flight.insert((pair, side, order.price, order.turn));
                    let queue = self.0.get_mut(&(pair.0, side)).unwrap();
                    let place = (order.price, order.turn);
                    let behind = queue.range(..place).next_back();
                    let behind = behind.filter(|((price, _), _)| *price == order.price);
                    assert!(behind.is_none_or(|(_, last)| last.since < order.since));
                    assert!(queue.insert(place, order).is_none());
                }
                Move::Resized(pair, side, price, turn, left) => {
                    let queue = self.0.get_mut(&(pair.0, side)).unwrap();
                    if left.is_zero() {
                        queue.remove(&(price, turn)).unwrap();
                        in_flight.remove(&(pair, side, price, turn));
                    } else {
                        queue.get_mut(&(price, turn)).unwrap().qty = left;
                    }
                }
                Move::Settled(pair, side, price, turn) => {
                    in_flight.remove(&(pair, side, price, turn));
                }
            }
        }
        assert!(in_flight.is_empty(), "unsettled: {in_flight:?}");
        assert_eq!(self.0, Self::of(exchange).0);
    }
}

/// The book as a reader of level facts sees it.
#[derive(Default)]
pub(super) struct Shadow {
    levels: BTreeMap<(u32, Side), BTreeMap<Price, Quantity>>,
}

impl Shadow {
    pub(super) fn follow(&mut self, facts: &[(Timestamp, Fact)]) {
        for (_, fact) in facts {
            let Fact::Level(level) = fact else { continue };
            let side = self.levels.entry((level.pair.0, level.side)).or_default();
            if level.qty.is_zero() {
                assert!(side.remove(&level.price).is_some(), "an absent level went");
            } else {
                side.insert(level.price, level.qty);
            }
            self.uncrossed(level.pair.0);
        }
    }

    fn uncrossed(&self, pair: u32) {
        let bid = self
            .levels
            .get(&(pair, Side::Buy))
            .and_then(|side| side.last_key_value());
        let ask = self
            .levels
            .get(&(pair, Side::Sell))
            .and_then(|side| side.first_key_value());
        if let (Some((bid, _)), Some((ask, _))) = (bid, ask) {
            assert!(bid < ask, "crossed at {bid:?} {ask:?}");
        }
    }

    pub(super) fn equals(&self, exchange: &Exchange) {
        for pair in 0..2 {
            for side in [Side::Buy, Side::Sell] {
                let mut seen: Vec<_> = exchange.levels(PairId(pair), side).collect();
                seen.sort();
                let shadow = self.levels.get(&(pair, side));
                let shadow: Vec<_> = shadow
                    .into_iter()
                    .flatten()
                    .map(|(p, q)| (*p, *q))
                    .collect();
                assert_eq!(seen, shadow);
                let mut sums = BTreeMap::new();
                for (price, key, _, remaining) in exchange.resting(PairId(pair), side) {
                    let order = &exchange.orders[&key].state;
                    assert_eq!(order.visible(), remaining);
                    assert!(!remaining.is_zero(), "nothing shows");
                    *sums.entry(price).or_insert(0) += remaining.units();
                }
                let sums: Vec<_> = sums.into_iter().map(|(p, q)| (p, qty(q))).collect();
                assert_eq!(sums, seen, "levels are the sums of their orders");
            }
        }
    }
}
