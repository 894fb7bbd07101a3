//! An order that nothing has happened to yet.

use super::{
    AccountId, Exchange, OrderKey, OrderKind, OrderState, PairId, RareConditions, TimeInForce,
    ids::Prefix,
};
use crate::types::{Decimal, Notional, Quantity, Side, Timestamp};

/// The least that an order says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    pub(super) account: AccountId,
    pub(super) pair: PairId,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) qty: Quantity,
}

impl Exchange {
    /// An order under the next number that asks for nothing more. The number is taken when it is accepted.
    pub(super) fn fresh(&self, now: Timestamp, bare: Bare) -> OrderState {
        let Bare {
            account,
            pair,
            side,
            kind,
            qty,
        } = bare;
        let digits = self
            .universe
            .pair(pair)
            .map(|pair| pair.instrument.cost_precision);
        let zero = Decimal::new(0, digits.unwrap_or_default()).unwrap_or(Decimal::ZERO);
        OrderState {
            key: OrderKey(self.next.orders),
            order_id: self.ids.encode(Prefix::Order, self.next.orders),
            account,
            pair,
            side,
            kind,
            qty,
            filled: Quantity::ZERO,
            shown: Quantity::ZERO,
            cost: zero,
            notional: Notional::ZERO,
            fee: zero,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            conditions: RareConditions::default(),
            cl_ord_id: None,
            userref: None,
            amended: false,
            opened: now,
            touched: now,
        }
    }
}
