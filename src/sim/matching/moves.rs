//! The resting orders one by one, as others may see them, and what each act does to them.
//!
//! For: order-by-order market data. Left out: whose the orders are, and what of them does not show.
//! Always true: applied in order, the moves of an act turn the queues before it into those after it; an order that has still to
//! meet the other side is settled only once it has.

use super::{DepthLevel, Exchange, OrderKey, OrderState, PairId, book::Place};
use crate::types::{OrderId, Price, Quantity, Side, Timestamp};

/// A resting order in its queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queued {
    /// Price of its level.
    pub price: Price,
    /// Its place there: a lower turn is served earlier.
    pub turn: u64,
    /// Public id.
    pub order_id: OrderId,
    /// What shows of it.
    pub qty: Quantity,
    /// When it took its place. Rises with the turn within a price.
    pub since: Timestamp,
}

/// One change of one queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Move {
    /// An order went to the back of its queue. It is in flight until it is settled.
    Entered(PairId, Side, Queued),
    /// Of an order that stays where it is so much shows now; nothing takes it out.
    Resized(PairId, Side, Price, u64, Quantity),
    /// An order has met all that it meets, and rests.
    Settled(PairId, Side, Price, u64),
}

impl Move {
    /// Whose queue.
    #[must_use]
    pub const fn pair(&self) -> PairId {
        match self {
            Self::Entered(pair, ..) | Self::Resized(pair, ..) | Self::Settled(pair, ..) => *pair,
        }
    }
}

impl Exchange {
    /// What the last act, or the last tick, did to the resting orders.
    #[must_use]
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// The resting orders of a side, in the order in which they would be served.
    pub fn queue(&self, pair: PairId, side: Side) -> impl Iterator<Item = Queued> {
        let places = self.market(pair).into_iter();
        let places = places.flat_map(move |market| market.book.places(side));
        places.filter_map(|(place, order)| {
            Some(Queued {
                price: place.price,
                turn: place.turn,
                order_id: self.orders.get(&order.key)?.state.order_id,
                qty: order.remaining,
                since: order.since,
            })
        })
    }

    /// The price levels of a side, best first.
    pub fn depth(&self, pair: PairId, side: Side) -> impl Iterator<Item = DepthLevel> {
        let market = self.market(pair).into_iter();
        market.flat_map(move |market| market.book.depth(side))
    }

    pub(super) fn note_entry(&mut self, order: &OrderState, place: Place) {
        let market = self.market(order.pair);
        let Some(resting) = market.and_then(|market| market.book.at(order.side, place)) else {
            return;
        };
        let queued = Queued {
            price: place.price,
            turn: place.turn,
            order_id: order.order_id,
            qty: resting.remaining,
            since: resting.since,
        };
        self.moves
            .push(Move::Entered(order.pair, order.side, queued));
    }

    pub(super) fn note_size(&mut self, order: &OrderState, place: Place, qty: Quantity) {
        let Place { price, turn } = place;
        self.moves
            .push(Move::Resized(order.pair, order.side, price, turn, qty));
    }

    pub(super) fn note_settled(&mut self, key: OrderKey) {
        if let Some(order) = self.orders.get(&key)
            && let Some(Place { price, turn }) = order.place
        {
            let (pair, side) = (order.state.pair, order.state.side);
            self.moves.push(Move::Settled(pair, side, price, turn));
        }
    }
}
