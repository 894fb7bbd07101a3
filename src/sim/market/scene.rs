//! What an agent sees of its pair at the moment it acts, and how it asks for something.

use super::listing::{Listing, Step};
use crate::{
    sim::matching::{
        AccountId, Cancel, CancelTarget, Exchange, Extras, NewOrder, OrderKind, Request, SelfTrade,
        Size, TimeInForce,
    },
    types::{OrderId, Quantity, Side, TradingStatus},
};

/// Requests in the making.
pub(super) type Orders = Vec<(AccountId, Request)>;

/// One pair as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) listing: &'a Listing,
    /// Where agents think the highest bid belongs; the lowest ask belongs one step above.
    pub(super) center: Step,
}

/// A resting order of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) id: OrderId,
    pub(super) side: Side,
    pub(super) step: Step,
    /// The number that the agent gave it.
    pub(super) mark: i32,
}

impl Scene<'_> {
    /// Whether the venue takes orders and matches them.
    pub(super) fn is_open(&self) -> bool {
        self.exchange.system_status() == TradingStatus::Online
            && self.exchange.pair_status(self.listing.pair) == TradingStatus::Online
    }

    pub(super) fn best(&self, side: Side) -> Option<Step> {
        let (price, _) = self.exchange.best(self.listing.pair, side)?;
        Some(self.listing.step(price))
    }

    /// The step at a distance from where the best quote of a side belongs.
    pub(super) fn quote(&self, side: Side, distance: Step) -> Step {
        let away = self.listing.half_spread(self.center) + distance;
        match side {
            Side::Buy => self.center - away,
            Side::Sell => self.center + 1 + away,
        }
    }

    /// The wanted step, or the nearest one that takes nothing.
    pub(super) fn passive(&self, side: Side, wanted: Step) -> Step {
        match (side, self.best(side.opposite())) {
            (Side::Buy, Some(ask)) => wanted.min(ask - 1),
            (Side::Sell, Some(bid)) => wanted.max(bid + 1),
            (Side::Buy | Side::Sell, None) => wanted,
        }
    }

    /// Whether a resting order is beyond the center, where it will be hit.
    pub(super) const fn is_exposed(&self, side: Side, step: Step) -> bool {
        match side {
            Side::Buy => step > self.center,
            Side::Sell => step <= self.center,
        }
    }

    /// An agent's resting orders, oldest first.
    pub(super) fn own(&self, account: AccountId) -> impl Iterator<Item = Resting> {
        self.exchange.open_orders(account).filter_map(|order| {
            let OrderKind::Limit(price) = order.state.kind else {
                return None;
            };
            Some(Resting {
                id: order.state.order_id,
                side: order.state.side,
                step: self.listing.step(price),
                mark: order.state.userref.unwrap_or(-1),
            })
        })
    }

    /// An order that rests.
    pub(super) fn rest(&self, side: Side, step: Step, qty: Quantity, mark: i32) -> Option<Request> {
        let kind = OrderKind::Limit(self.listing.price(step)?);
        let mut order = self.order(side, kind, qty);
        order.time_in_force = TimeInForce::Gtc;
        order.userref = Some(mark);
        Some(Request::Place(order))
    }

    /// An order that takes up to a step and is gone.
    pub(super) fn hit(&self, side: Side, limit: Step, qty: Quantity) -> Option<Request> {
        let kind = OrderKind::Limit(self.listing.price(limit)?);
        Some(Request::Place(self.order(side, kind, qty)))
    }

    /// An order that takes what is there.
    pub(super) fn market(&self, side: Side, qty: Quantity) -> Request {
        Request::Place(self.order(side, OrderKind::Market, qty))
    }

    const fn order(&self, side: Side, kind: OrderKind, qty: Quantity) -> NewOrder {
        NewOrder {
            pair: self.listing.pair,
            side,
            kind,
            qty: Size::Base(qty),
            time_in_force: TimeInForce::Ioc,
            post_only: false,
            trigger: None,
            self_trade: SelfTrade::CancelNewest,
            display: None,
            cl_ord_id: None,
            userref: None,
            deadline: None,
            validate: false,
            extras: Extras::NONE,
        }
    }
}

pub(super) const fn cancel(id: OrderId) -> Request {
    Request::Cancel(Cancel {
        target: CancelTarget::Order(id),
    })
}
