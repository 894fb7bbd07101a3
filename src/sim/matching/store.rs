//! Orders by number.
//!
//! Always true: an order takes its own room and no more. A table of orders themselves would be half empty after it has grown, and
//! agents have a hundred thousand of them where a thousand pairs are traded.

use std::collections::HashMap;

use super::{OrderKey, exchange::Order};

/// Every order that is remembered.
#[derive(Debug, Default)]
pub(super) struct Orders(HashMap<OrderKey, Box<Order>>);

impl Orders {
    pub(super) fn get(&self, key: &OrderKey) -> Option<&Order> {
        self.0.get(key).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: &OrderKey) -> Option<&mut Order> {
        self.0.get_mut(key).map(Box::as_mut)
    }

    pub(super) fn insert(&mut self, key: OrderKey, order: Order) {
        self.0.insert(key, Box::new(order));
    }

    pub(super) fn remove(&mut self, key: &OrderKey) -> Option<Order> {
        self.0.remove(key).map(|order| *order)
    }
}

#[cfg(test)]
impl std::ops::Index<&OrderKey> for Orders {
    type Output = Order;

    fn index(&self, key: &OrderKey) -> &Order {
        &self.0[key]
    }
}
