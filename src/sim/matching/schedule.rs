//! Orders that begin later.
//!
//! For: an order with a start in the future is accepted, paid for and counted like any other, but in no book, until its time comes.
//! Then it meets the checks that depend on the market, as if it were placed at that instant.
//! Always true: it begins once; before that it neither trades nor is seen nor watches a price.

#[cfg(test)]
mod tests;

use super::{
    AmendFact, Amender, CancelReason, Change, Conditions, Exchange, Fact, NewTrigger, Offset,
    OrderKey, OrderKind, OrderState, PairId, Start, limits,
};
use crate::types::{Price, Side, Timestamp};

impl Exchange {
    /// A start in the future, and the price that pays for a market order until then: the worst that it would meet now.
    pub(super) fn start(&self, pair: PairId, side: Side, at: Timestamp) -> Start {
        let worst = self.bound(pair, side, OrderKind::Market);
        Start {
            at,
            begun: false,
            price: worst.or_else(|| self.last_price(pair)),
        }
    }

    /// An order's time has come.
    pub(super) fn begin(&mut self, now: Timestamp, key: OrderKey, facts: &mut Vec<Fact>) {
        let Some(before) = self.orders.get(&key).map(|order| order.state.clone()) else {
            return;
        };
        let before = self.recounted(now, before, facts);
        let after = self.begun(now, &before);
        let refused = self.refused_at_start(&before, &after);
        self.changed(now, after, Change::Started, facts);
        self.set_off(now, key, refused, facts);
    }

    /// An order that spends an amount of quote buys what that is worth now.
    fn recounted(
        &mut self,
        now: Timestamp,
        order: OrderState,
        facts: &mut Vec<Fact>,
    ) -> OrderState {
        let cash = order.conditions.cash;
        let bought = cash.and_then(|cash| self.bought_for(order.pair, cash));
        let Some(qty) = bought.filter(|qty| *qty != order.qty && !qty.is_zero()) else {
            return order;
        };
        let order = OrderState {
            qty,
            amended: true,
            ..order
        };
        let restated = AmendFact {
            order: order.clone(),
            amend_id: self.next_exec(),
            by: Amender::Venue,
            at: now,
        };
        self.commit(now, Fact::Amended(restated), facts);
        order
    }

    /// The order as it works. What it waits for lies where it would if it were placed now.
    fn begun(&self, now: Timestamp, order: &OrderState) -> OrderState {
        let placed = order.conditions.trigger.and_then(|trigger| {
            let limit = trigger.limit.or(order.kind.limit().map(Offset::At));
            let new = NewTrigger {
                kind: trigger.kind,
                reference: trigger.reference,
                price: trigger.asked,
                limit,
            };
            let grid = self.grid(order.pair)?;
            new.placed(order.side, self.last_price(order.pair), grid)
        });
        let limit: Option<Price> = placed.and_then(|(_, limit)| limit);
        OrderState {
            kind: limit.map_or(order.kind, OrderKind::Limit),
            conditions: Conditions {
                trigger: placed
                    .map(|(trigger, _)| trigger)
                    .or(order.conditions.trigger),
                start: order.conditions.start.map(|start| Start {
                    begun: true,
                    ..start
                }),
                ..*order.conditions
            }
            .into(),
            touched: now,
            ..order.clone()
        }
    }

    fn refused_at_start(&self, before: &OrderState, after: &OrderState) -> Option<CancelReason> {
        for status in [self.system, self.pair_status(after.pair)] {
            let market = after.kind == OrderKind::Market;
            if limits::admits(status, market, after.post_only).is_err() {
                return Some(CancelReason::MarketStatus);
            }
        }
        if self.check_values(after).is_err() {
            return Some(CancelReason::Minimum);
        }
        if self.is_refused_post_only(after) {
            return Some(CancelReason::PostOnly);
        }
        if self.check_funds(after, self.held_by(before)).is_err() {
            return Some(CancelReason::Funds);
        }
        self.unfillable(after)
    }

    /// Holds all orders that have not begun, or lets them begin when they are due.
    pub const fn hold_starts(&mut self, held: bool) {
        self.starts_held = held;
    }

    /// Notes when an open order begins.
    pub(super) fn watch_start(&mut self, order: &OrderState) {
        self.starts.extend(pending(order));
    }

    pub(super) fn forget_start(&mut self, order: &OrderState) {
        if let Some(entry) = pending(order) {
            self.starts.remove(&entry);
        }
    }
}

fn pending(order: &OrderState) -> Option<(Timestamp, OrderKey)> {
    let start = order.conditions.start.filter(|start| !start.begun)?;
    Some((start.at, order.key))
}
