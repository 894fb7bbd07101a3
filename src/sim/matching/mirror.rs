//! A market that is mirrored: what rests and trades elsewhere, brought into the book by one agent.
//!
//! For: levels and trades of another venue among clients' orders. Left out: what the other book is as a whole, and when it may be
//! believed (`sim::market` keeps that). Not asked: whether the pair takes orders, since the mirror is how it comes to.
//! Always true: no client's order loses its place. What a level gains comes behind everyone who is there; what it loses goes from
//! the back, so that whoever waits is never helped by a cancel that may have been behind him. A trade takes from the front.

use super::{
    AccountId, AmendFact, Amender, CancelReason, Exchange, Fact, OrderFact, OrderKey, OrderKind,
    OrderState, PairId, TimeInForce,
    book::{Resting, crosses},
    fresh::Bare,
};
use crate::types::{Price, Quantity, Side, Timestamp};

/// A price level of the mirrored market.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MirroredLevel {
    /// Bids are `Buy`, asks `Sell`.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// All that rests there; zero when the level is gone.
    pub qty: Quantity,
}

/// A trade of the mirrored market.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MirroredTrade {
    /// Direction of the order that took.
    pub taker_side: Side,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Quantity,
    /// Whether the order that took was a market order.
    pub market: bool,
    /// The part that met orders which the book has lost already, from before some client's order.
    pub gone: Quantity,
    /// What rests at the price in the mirrored market, as far as it has told.
    pub level: Quantity,
}

/// Whose orders the mirrored ones are, and where.
#[derive(Clone, Copy, Debug)]
struct Mirror {
    now: Timestamp,
    agent: AccountId,
    pair: PairId,
}

impl Exchange {
    /// Gives levels the size that they have in the mirrored market. What grows beyond a client's price trades with it first.
    /// Tells how much was lost from before a client's order, where anything was.
    pub fn mirror_levels(
        &mut self,
        now: Timestamp,
        agent: AccountId,
        pair: PairId,
        levels: &[MirroredLevel],
        facts: &mut Vec<Fact>,
    ) -> Vec<MirroredLevel> {
        let mirror = Mirror { now, agent, pair };
        self.moves.clear();
        let mut lost = Vec::new();
        // All that leaves goes first: what comes then can meet clients only.
        for level in levels {
            let ahead = self.shrink(mirror, level, facts);
            if !ahead.is_zero() {
                lost.push(MirroredLevel {
                    qty: ahead,
                    ..*level
                });
            }
        }
        for level in levels {
            self.grow(mirror, level, facts);
        }
        self.follow_up(now, facts);
        self.tell_levels(facts);
        lost
    }

    /// Lets a trade of the mirrored market happen: clients' orders at better prices and those ahead at its price are part of it.
    /// The level is then as large as the mirrored one again, with what the trade took added at the back.
    pub fn mirror_trade(
        &mut self,
        now: Timestamp,
        agent: AccountId,
        pair: PairId,
        trade: &MirroredTrade,
        facts: &mut Vec<Fact>,
    ) {
        let mirror = Mirror { now, agent, pair };
        self.moves.clear();
        let kind = if trade.market {
            OrderKind::Market
        } else {
            OrderKind::Limit(trade.price)
        };
        let side = trade.taker_side;
        let taker = OrderState {
            time_in_force: TimeInForce::Ioc,
            ..self.mirrored(mirror, side, kind, trade.qty)
        };
        let key = taker.key;
        self.admit(now, taker, facts);
        self.meet(mirror, key, trade, trade.gone.min(trade.qty), facts);
        while let Some((taker, price, maker)) = self.next_in_the_way(mirror, key, trade) {
            self.execute(now, &taker, price, maker, facts);
        }
        self.meet(mirror, key, trade, self.left(key), facts);
        let level = MirroredLevel {
            side: side.opposite(),
            price: trade.price,
            qty: trade.level,
        };
        self.grow(mirror, &level, facts);
        self.follow_up(now, facts);
        self.tell_levels(facts);
    }

    /// Takes from the back of a level what the mirrored one does not hold. Tells how much of it was ahead of others.
    fn shrink(&mut self, mirror: Mirror, level: &MirroredLevel, facts: &mut Vec<Fact>) -> Quantity {
        let queue = self.queued_at(mirror.pair, level.side, level.price);
        let held = held(&queue, mirror.agent);
        let mut excess = held.saturating_sub(level.qty);
        let (mut ahead, mut others) = (Quantity::ZERO, false);
        for order in queue.iter().rev() {
            if order.account != mirror.agent {
                others = true;
                continue;
            }
            let taken = excess.min(order.remaining);
            if taken.is_zero() {
                break;
            }
            excess = excess.saturating_sub(taken);
            if others {
                ahead = ahead.checked_add(taken).unwrap_or(ahead);
            }
            if taken == order.remaining {
                self.end(mirror.now, order.key, CancelReason::User, facts);
            } else if let Some(state) = self.orders.get(&order.key).map(|order| &order.state) {
                let qty = state.qty.saturating_sub(taken);
                self.resize_mirrored(mirror.now, order.key, qty, facts);
            }
        }
        ahead
    }

    /// Adds at the back of a level what the mirrored one holds beyond it.
    fn grow(&mut self, mirror: Mirror, level: &MirroredLevel, facts: &mut Vec<Fact>) {
        let queue = self.queued_at(mirror.pair, level.side, level.price);
        let missing = level.qty.saturating_sub(held(&queue, mirror.agent));
        if missing.is_zero() {
            return;
        }
        let last = queue.last().filter(|last| last.account == mirror.agent);
        if let Some(last) = last.and_then(|last| self.orders.get(&last.key)) {
            let (key, qty) = (last.state.key, last.state.qty.checked_add(missing));
            if let Ok(qty) = qty {
                // It goes to the back, which is where it stands.
                self.resize_mirrored(mirror.now, key, qty, facts);
                self.note_settled(key);
            }
            return;
        }
        let kind = OrderKind::Limit(level.price);
        let order = self.mirrored(mirror, level.side, kind, missing);
        self.enter(mirror.now, order, None, facts);
    }

    fn resize_mirrored(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        qty: Quantity,
        facts: &mut Vec<Fact>,
    ) {
        let Some(order) = self.orders.get(&key) else {
            return;
        };
        let order = OrderState {
            qty,
            amended: true,
            touched: now,
            ..order.state.clone()
        };
        let amended = AmendFact {
            order,
            amend_id: self.next_exec(),
            by: Amender::Venue,
            at: now,
        };
        self.commit(now, Fact::Amended(amended), facts);
    }

    /// The taker as it stands, and whom the trade meets next: what is mirrored at better prices was gone by then.
    fn next_in_the_way(
        &self,
        mirror: Mirror,
        taker: OrderKey,
        trade: &MirroredTrade,
    ) -> Option<(OrderState, Price, Resting)> {
        let taker = &self.orders.get(&taker)?.state;
        let book = &self.market(mirror.pair)?.book;
        let (price, maker) = book
            .orders(taker.side.opposite())
            .take_while(|(price, _)| crosses(taker.side, trade.price, *price))
            .find(|(price, order)| *price == trade.price || order.account != mirror.agent)?;
        Some((taker.clone(), price, *maker))
    }

    /// Lets the taker meet an order that comes for this alone, past everyone who waits.
    fn meet(
        &mut self,
        mirror: Mirror,
        taker: OrderKey,
        trade: &MirroredTrade,
        qty: Quantity,
        facts: &mut Vec<Fact>,
    ) {
        let (side, kind) = (trade.taker_side.opposite(), OrderKind::Limit(trade.price));
        if qty.is_zero() {
            return;
        }
        let maker = self.mirrored(mirror, side, kind, qty);
        let resting = Resting {
            key: maker.key,
            account: mirror.agent,
            remaining: qty,
            since: mirror.now,
        };
        self.admit(mirror.now, maker, facts);
        if let Some(taker) = self.orders.get(&taker).map(|order| order.state.clone()) {
            self.execute(mirror.now, &taker, trade.price, resting, facts);
        }
    }

    fn admit(&mut self, now: Timestamp, order: OrderState, facts: &mut Vec<Fact>) {
        self.commit(now, Fact::Accepted(OrderFact { order, at: now }), facts);
    }

    /// What an order still wants; nothing once it is over.
    fn left(&self, key: OrderKey) -> Quantity {
        let order = self.orders.get(&key);
        order.map_or(Quantity::ZERO, |order| order.state.remaining())
    }

    fn queued_at(&self, pair: PairId, side: Side, price: Price) -> Vec<Resting> {
        self.market(pair)
            .map(|market| market.book.queue(side, price).copied().collect())
            .unwrap_or_default()
    }

    fn mirrored(&self, mirror: Mirror, side: Side, kind: OrderKind, qty: Quantity) -> OrderState {
        let bare = Bare {
            account: mirror.agent,
            pair: mirror.pair,
            side,
            kind,
            qty,
        };
        self.fresh(mirror.now, bare)
    }
}

/// What an account has in a queue.
fn held(queue: &[Resting], account: AccountId) -> Quantity {
    let own = queue.iter().filter(|order| order.account == account);
    own.fold(Quantity::ZERO, |sum, order| {
        sum.checked_add(order.remaining).unwrap_or(sum)
    })
}

#[cfg(test)]
mod tests;
