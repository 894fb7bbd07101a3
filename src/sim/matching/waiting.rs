//! Orders that wait for a price, and what happens when it comes.
//!
//! Always true: a waiting order is in no book and holds what it will need; it fires once; one at a time, the oldest first, since
//! each may move the price for the next.

#[cfg(test)]
mod tests;

use super::{
    CancelReason, Change, ChangeFact, Exchange, Fact, OrderKey, OrderKind, OrderState, PairId,
    Trigger, trigger::Grid,
};
use crate::types::{Price, Side, Timestamp};

impl Exchange {
    /// Lets an act lead to what it leads to: fills leave orders behind and triggers see the trades, until nothing more happens.
    pub(super) fn follow_up(&mut self, now: Timestamp, facts: &mut Vec<Fact>) {
        loop {
            if let Some(fill) = self.closings.pop_front() {
                self.leave_behind(now, &fill, facts);
            } else if let Some(pair) = self.traded.pop_first() {
                self.fire_next(now, pair, facts);
            } else {
                return;
            }
        }
    }

    /// Lets a pair's triggers see that it traded; one of them may fire.
    fn fire_next(&mut self, now: Timestamp, pair: PairId, facts: &mut Vec<Fact>) {
        let Some(last) = self.last_price(pair) else {
            return;
        };
        self.trail(now, pair, last, facts);
        if let Some(key) = self.next_met(pair, last) {
            self.fire(now, key, last, facts);
            // The others look again, whether it traded or not.
            self.traded.insert(pair);
        }
    }

    fn trail(&mut self, now: Timestamp, pair: PairId, last: Price, facts: &mut Vec<Fact>) {
        let Some(grid) = self.grid(pair) else { return };
        let moved: Vec<OrderState> = self
            .waiting_in(pair)
            .filter_map(|(order, trigger)| {
                let (trigger, limit) = trigger.trailed(order.side, last, grid)?;
                Some(with_trigger(order, trigger, limit))
            })
            .collect();
        for order in moved {
            self.changed(now, order, Change::Trailed, facts);
        }
    }

    fn next_met(&self, pair: PairId, last: Price) -> Option<OrderKey> {
        let mut waiting = self.waiting_in(pair);
        waiting
            .find(|(order, trigger)| trigger.is_met(order.side, last))
            .map(|(order, _)| order.key)
    }

    /// The order goes to the market, under its own id.
    pub(super) fn fire(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        last: Price,
        facts: &mut Vec<Fact>,
    ) {
        let Some(order) = self.orders.get(&key).map(|order| order.state.clone()) else {
            return;
        };
        let Some(trigger) = order.conditions.trigger else {
            return;
        };
        let fired = Trigger {
            fired: Some((last, now)),
            ..trigger
        };
        let after = with_trigger(&order, fired, None);
        let refused = self.refused_when_fired(&after);
        self.changed(now, after.clone(), Change::Triggered, facts);
        match refused {
            Some(reason) => {
                self.end(now, key, reason, facts);
            }
            None => self.trade(
                now,
                key,
                self.bound(after.pair, after.side, after.kind),
                facts,
            ),
        }
    }

    /// A market order may find prices by now that its owner cannot pay.
    fn refused_when_fired(&self, order: &OrderState) -> Option<CancelReason> {
        if order.post_only && self.takes(order.pair, order.side, order.kind) {
            return Some(CancelReason::PostOnly);
        }
        let (market, client) = (self.market(order.pair)?, self.client(order.account)?);
        if (order.side, order.kind) != (Side::Buy, OrderKind::Market) {
            return None;
        }
        let waiting = OrderState {
            conditions: super::Conditions {
                trigger: order.conditions.trigger.map(|trigger| Trigger {
                    fired: None,
                    ..trigger
                }),
                ..*order.conditions
            }
            .into(),
            ..order.clone()
        };
        let (asset, held) = market.terms.hold(&waiting).ok()?;
        let needed = self.market_hold(market, order)?;
        let has = super::money::sum(client.available(asset), held);
        (needed > has).then_some(CancelReason::Funds)
    }

    pub(super) fn changed(
        &mut self,
        at: Timestamp,
        order: OrderState,
        change: Change,
        facts: &mut Vec<Fact>,
    ) {
        let fact = ChangeFact { order, change, at };
        self.commit(at, Fact::Changed(fact), facts);
    }

    fn waiting_in(&self, pair: PairId) -> impl Iterator<Item = (&OrderState, Trigger)> {
        let waiting = self
            .market(pair)
            .into_iter()
            .flat_map(|market| &market.waiting);
        waiting.filter_map(|key| {
            let order = &self.orders.get(key)?.state;
            Some((order, order.conditions.trigger?))
        })
    }

    pub(super) fn grid(&self, pair: PairId) -> Option<Grid> {
        let instrument = &self.universe.pair(pair)?.instrument;
        Some(Grid {
            digits: instrument.price_precision,
            tick: instrument.tick,
        })
    }

    /// Notes an open order that waits for a price.
    pub(super) fn watch_trigger(&mut self, order: &OrderState) {
        if order.is_waiting()
            && !order.is_pending()
            && let Some(market) = self.market_mut(order.pair)
        {
            market.waiting.insert(order.key);
        }
    }

    pub(super) fn forget_trigger(&mut self, order: &OrderState) {
        if let Some(market) = self.market_mut(order.pair) {
            market.waiting.remove(&order.key);
        }
    }
}

fn with_trigger(order: &OrderState, trigger: Trigger, limit: Option<Price>) -> OrderState {
    OrderState {
        kind: limit.map_or(order.kind, OrderKind::Limit),
        conditions: super::Conditions {
            trigger: Some(trigger),
            ..*order.conditions
        }
        .into(),
        ..order.clone()
    }
}
