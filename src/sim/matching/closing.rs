//! Orders that fills leave behind: the conditional close.
//!
//! For: every fill of an order with a template makes an order of its own, the other way, of the filled quantity. It is accepted like
//! any other, costs no points of the rate counter, and need not reach the minimums, which its owner cannot choose.
//! Left out: the template's meaning (`extras`).
//! Always true: it comes after the act that filled its parent, never in the middle of it; what cannot be paid, or is one open order
//! too many, is told and canceled.

#[cfg(test)]
mod tests;

use super::{
    CancelReason, Conditions, Exchange, Fact, FillFact, OrderKind, OrderState, Refusal,
    fresh::Bare, orders::check_price,
};
use crate::types::{Decimal, Price, Timestamp};

impl Exchange {
    /// Notes that a fill leaves an order behind, once its act is through.
    pub(super) fn note_closing(&mut self, fill: &FillFact) {
        if fill.order.conditions.close.is_some() {
            self.closings.push_back(fill.clone());
        }
    }

    /// Places what a fill leaves behind. Without a price there is nothing to place: a distance may lead below zero by now.
    pub(super) fn leave_behind(&mut self, now: Timestamp, fill: &FillFact, facts: &mut Vec<Fact>) {
        if let Some(order) = self.closing(now, fill) {
            let refused = self.refused_closing(&order);
            self.enter(now, order, refused, facts);
        }
    }

    fn closing(&self, now: Timestamp, fill: &FillFact) -> Option<OrderState> {
        let parent = &fill.order;
        let close = parent.conditions.close?;
        let side = parent.side.opposite();
        let grid = self.grid(parent.pair)?;
        let (trigger, limit) = close.placed(side, Some(fill.price), grid)?;
        let conditions = Conditions {
            self_trade: parent.conditions.self_trade,
            trigger,
            parent: Some(parent.order_id),
            sub_id: parent.conditions.sub_id,
            fee_in: parent.conditions.fee_in,
            ..Conditions::default()
        };
        let bare = Bare {
            account: parent.account,
            pair: parent.pair,
            side,
            kind: limit.map_or(OrderKind::Market, OrderKind::Limit),
            qty: fill.qty,
        };
        Some(self.with_payable_fee(OrderState {
            conditions: conditions.into(),
            userref: parent.userref,
            ..self.fresh(now, bare)
        }))
    }

    fn refused_closing(&self, order: &OrderState) -> Option<CancelReason> {
        if self.check_open_orders(order.account, order.pair).is_err() {
            return Some(CancelReason::OrdersLimit);
        }
        let unpaid = self.check_funds(order, Decimal::ZERO).is_err();
        unpaid.then_some(CancelReason::Funds)
    }

    /// The template's prices, as they would be if the order were filled at its own price or the last one.
    pub(super) fn check_close(
        &self,
        order: &OrderState,
        own: Option<Price>,
    ) -> Result<(), Refusal> {
        let Some(close) = order.conditions.close else {
            return Ok(());
        };
        let pair = self.universe.pair(order.pair).ok_or(Refusal::Unavailable)?;
        let grid = self.grid(order.pair).ok_or(Refusal::Unavailable)?;
        let filled_at = own.or_else(|| self.last_price(order.pair));
        let placed = close.placed(order.side.opposite(), filled_at, grid);
        let (trigger, limit) = placed.ok_or(Refusal::InvalidPrice)?;
        let trigger = trigger.map(|trigger| trigger.price);
        for price in limit.into_iter().chain(trigger) {
            check_price(&pair.instrument, price)?;
        }
        Ok(())
    }
}
