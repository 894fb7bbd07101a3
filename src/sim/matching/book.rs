//! One pair's resting orders, in price-time priority.
//!
//! For: who is next, and what a level holds. Left out: who owns the orders beyond their account, money, ids.
//! Always true: a level's total is the sum of its orders; an empty level does not exist. Finding a price is logarithmic.

use std::collections::BTreeMap;

use super::{AccountId, OrderKey, queue::Queue};
use crate::types::{Price, Quantity, Side, Timestamp};

/// Where an order rests. A later place at the same price is served later.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) price: Price,
    pub(super) turn: u64,
}

/// An order in the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) key: OrderKey,
    pub(super) account: AccountId,
    pub(super) remaining: Quantity,
    /// When it took its place: strictly later than whoever stands before it at its price.
    pub(super) since: Timestamp,
}

#[derive(Clone, Debug, Default)]
struct Level {
    /// Wider than a quantity, so that no number of orders overflows it.
    total: i128,
    queue: Queue,
    /// When it last changed.
    changed: Timestamp,
}

/// A price level with all that others may know of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DepthLevel {
    /// Its price.
    pub price: Price,
    /// Total of what shows.
    pub qty: Quantity,
    /// How many orders.
    pub orders: usize,
    /// When it last changed.
    pub changed: Timestamp,
}

/// Both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    bids: BTreeMap<Price, Level>,
    asks: BTreeMap<Price, Level>,
    next_turn: u64,
}

impl Book {
    /// Puts an order at the back of its level. Its time is moved on if others took their places there at the same instant.
    pub(super) fn insert(&mut self, side: Side, price: Price, mut order: Resting) -> Place {
        let turn = self.next_turn;
        self.next_turn += 1;
        let level = self.side_mut(side).entry(price).or_default();
        level.total += i128::from(order.remaining.units());
        level.changed = order.since;
        if let Some(last) = level.queue.last() {
            order.since = order.since.max(last.since.shifted_nanos(1));
        }
        level.queue.push(turn, order);
        Place { price, turn }
    }

    /// Changes what remains of an order at an instant, without moving it. Nothing left takes it out. Whether anything changed.
    pub(super) fn resize(
        &mut self,
        side: Side,
        place: Place,
        remaining: Quantity,
        at: Timestamp,
    ) -> bool {
        let levels = self.side_mut(side);
        let Some(level) = levels.get_mut(&place.price) else {
            return false;
        };
        let order = level.queue.get_mut(place.turn);
        let Some(order) = order.filter(|order| order.remaining != remaining) else {
            return false;
        };
        level.total += i128::from(remaining.units()) - i128::from(order.remaining.units());
        level.changed = at;
        order.remaining = remaining;
        if remaining.is_zero() {
            level.queue.remove(place.turn);
        }
        if level.queue.is_empty() {
            levels.remove(&place.price);
        }
        true
    }

    /// Takes an order out at an instant. Whether it was there.
    pub(super) fn remove(&mut self, side: Side, place: Place, at: Timestamp) -> bool {
        self.resize(side, place, Quantity::ZERO, at)
    }

    /// The order at a place.
    pub(super) fn at(&self, side: Side, place: Place) -> Option<&Resting> {
        self.side(side).get(&place.price)?.queue.get(place.turn)
    }

    /// The order that is served next.
    pub(super) fn front(&self, side: Side) -> Option<(Price, Resting)> {
        let (price, level) = best(self.side(side), side)?;
        let order = level.queue.first()?;
        Some((*price, *order))
    }

    /// Best price and its total.
    pub(super) fn best(&self, side: Side) -> Option<(Price, Quantity)> {
        best(self.side(side), side).map(|(price, level)| (*price, total(level)))
    }

    /// Total at a price; zero if nothing is there.
    pub(super) fn total(&self, side: Side, price: Price) -> Quantity {
        self.side(side).get(&price).map_or(Quantity::ZERO, total)
    }

    /// Levels, best first.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Quantity)> {
        self.ordered(side)
            .map(|(price, level)| (*price, total(level)))
    }

    /// Levels, best first, with all that others may know of them.
    pub(super) fn depth(&self, side: Side) -> impl Iterator<Item = DepthLevel> {
        self.ordered(side).map(|(price, level)| DepthLevel {
            price: *price,
            qty: total(level),
            orders: level.queue.len(),
            changed: level.changed,
        })
    }

    /// Orders in the order in which they would be served.
    pub(super) fn orders(&self, side: Side) -> impl Iterator<Item = (Price, &Resting)> {
        self.places(side).map(|(place, order)| (place.price, order))
    }

    /// The same, with their places.
    pub(super) fn places(&self, side: Side) -> impl Iterator<Item = (Place, &Resting)> {
        self.ordered(side).flat_map(|(price, level)| {
            let place = |turn| Place {
                price: *price,
                turn,
            };
            level
                .queue
                .iter()
                .map(move |(turn, order)| (place(turn), order))
        })
    }

    /// Orders at one price, in the order in which they would be served.
    pub(super) fn queue(&self, side: Side, price: Price) -> impl Iterator<Item = &Resting> {
        let level = self.side(side).get(&price);
        let orders = level.into_iter().flat_map(|level| level.queue.iter());
        orders.map(|(_, order)| order)
    }

    fn ordered(&self, side: Side) -> impl Iterator<Item = (&Price, &Level)> {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.bids.iter().rev()), None),
            Side::Sell => (None, Some(self.asks.iter())),
        };
        bids.into_iter().flatten().chain(asks.into_iter().flatten())
    }

    const fn side(&self, side: Side) -> &BTreeMap<Price, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

/// Whether an order of `side` at `limit` takes from the other side at `price`.
pub(super) fn crosses(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => limit >= price,
        Side::Sell => limit <= price,
    }
}

fn best(levels: &BTreeMap<Price, Level>, side: Side) -> Option<(&Price, &Level)> {
    match side {
        Side::Buy => levels.last_key_value(),
        Side::Sell => levels.first_key_value(),
    }
}

fn total(level: &Level) -> Quantity {
    let units = i64::try_from(level.total).unwrap_or(i64::MAX);
    Quantity::new(units).unwrap_or(Quantity::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Timestamp = Timestamp::from_secs(2);

    fn price(units: i64) -> Price {
        Price::new(units).unwrap()
    }

    fn resting(key: u64, units: i64) -> Resting {
        Resting {
            key: OrderKey(key),
            account: AccountId(0),
            remaining: Quantity::new(units).unwrap(),
            since: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn better_prices_come_first_and_then_earlier_orders() {
        let mut book = Book::default();
        book.insert(Side::Buy, price(10), resting(1, 5));
        book.insert(Side::Buy, price(11), resting(2, 5));
        let early = book.insert(Side::Buy, price(11), resting(3, 7));
        book.insert(Side::Sell, price(13), resting(4, 1));
        book.insert(Side::Sell, price(12), resting(5, 1));
        let keys = |book: &Book, side| {
            book.orders(side)
                .map(|(_, order)| order.key.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&book, Side::Buy), [2, 3, 1]);
        assert_eq!(keys(&book, Side::Sell), [5, 4]);
        assert_eq!(book.best(Side::Buy).unwrap().1.units(), 12);
        book.resize(Side::Buy, early, Quantity::new(1).unwrap(), LATER);
        assert_eq!(book.total(Side::Buy, price(11)).units(), 6);
        book.remove(Side::Buy, early, LATER);
        assert_eq!(keys(&book, Side::Buy), [2, 1]);
    }

    #[test]
    fn an_empty_level_is_gone() {
        let mut book = Book::default();
        let place = book.insert(Side::Sell, price(12), resting(5, 1));
        book.remove(Side::Sell, place, LATER);
        assert_eq!(book.best(Side::Sell), None);
        assert_eq!(book.levels(Side::Sell).count(), 0);
    }

    #[test]
    fn times_at_a_price_rise_in_the_order_of_the_queue_and_a_level_knows_its_last_change() {
        let mut book = Book::default();
        let first = book.insert(Side::Sell, price(12), resting(1, 5));
        for key in 2..5 {
            book.insert(Side::Sell, price(12), resting(key, 5));
        }
        book.insert(Side::Sell, price(13), resting(5, 5));
        let nanos = |book: &Book| {
            let orders = book.orders(Side::Sell);
            orders
                .map(|(_, order)| order.since.as_nanos() - 1_000_000_000)
                .collect::<Vec<_>>()
        };
        assert_eq!(nanos(&book), [0, 1, 2, 3, 0]);
        book.resize(Side::Sell, first, Quantity::new(1).unwrap(), LATER);
        assert_eq!(nanos(&book), [0, 1, 2, 3, 0], "who stays keeps the time");
        let levels: Vec<DepthLevel> = book.depth(Side::Sell).collect();
        assert_eq!((levels[0].orders, levels[0].qty.units()), (4, 16));
        assert_eq!(levels[0].changed, LATER);
        assert_eq!(levels[1].changed, Timestamp::from_secs(1));
    }
}
