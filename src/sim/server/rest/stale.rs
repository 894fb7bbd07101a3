//! An account as it was a while ago, for answers that lag on purpose (§8.2).
//!
//! For: orders, fills, ledger and balances of stale calls. Left out: which calls are stale.
//! Always true: without a fault, nothing is copied. What came last comes out first: an older answer is one that was given before.

use std::borrow::Cow;

use super::call::Call;
use crate::{
    sim::{
        View,
        faults::Staleness,
        matching::{FillFact, LedgerFact, Order, OrderKind, OrderStatus, RevisionKind},
    },
    types::{AssetCode, Decimal, OrderId, Timestamp},
};

/// Up to when a call sees its account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon {
    orders: Timestamp,
    fills: Timestamp,
}

impl Horizon {
    /// The horizon of a call that is decided now. One drawn number decides both lags.
    pub(super) fn new(now: Timestamp, staleness: Staleness, luck: u64) -> Self {
        Self {
            orders: now.before(staleness.lag.drawn(luck)),
            fills: now.before(staleness.fill_lag.drawn(luck.rotate_left(32))),
        }
    }
}

impl Call<'_> {
    /// Open orders, oldest first.
    pub(super) fn open_orders<'v>(&self, view: View<'v>) -> Vec<Cow<'v, Order>> {
        let open = view.exchange.open_orders(self.account());
        let Some(_) = self.horizon else {
            return open.map(Cow::Borrowed).collect();
        };
        let all = open.chain(view.exchange.closed_orders(self.account()));
        let seen = all.filter_map(|order| self.seen(view, order));
        let mut open: Vec<_> = seen.filter(|order| order.closed_at.is_none()).collect();
        open.sort_by_key(|order| order.state.key);
        open
    }

    /// Orders that are over, oldest close first.
    pub(super) fn closed_orders<'v>(&self, view: View<'v>) -> Vec<Cow<'v, Order>> {
        let closed = view.exchange.closed_orders(self.account());
        let seen = closed.filter_map(|order| self.seen(view, order));
        seen.filter(|order| order.closed_at.is_some()).collect()
    }

    /// One of the account's orders.
    pub(super) fn own_order<'v>(&self, view: View<'v>, id: &str) -> Option<Cow<'v, Order>> {
        let order = view.exchange.order(&OrderId::new(id).ok()?)?;
        let own = order.state.account == self.account();
        own.then(|| self.seen(view, order)).flatten()
    }

    /// Fills, oldest first.
    pub(super) fn fills<'v>(
        &self,
        view: View<'v>,
    ) -> impl DoubleEndedIterator<Item = &'v FillFact> + use<'v> {
        let until = self.horizon.map_or(Timestamp::MAX, |horizon| horizon.fills);
        let fills = view.exchange.fills(self.account());
        fills.filter(move |fill| fill.at <= until)
    }

    /// Ledger entries, oldest first.
    pub(super) fn ledger<'v>(
        &self,
        view: View<'v>,
    ) -> impl DoubleEndedIterator<Item = &'v LedgerFact> + use<'v> {
        let until = self.horizon.map_or(Timestamp::MAX, |horizon| horizon.fills);
        let entries = view.exchange.ledger(self.account());
        entries.filter(move |entry| entry.at <= until)
    }

    /// A balance, without what came after the horizon.
    pub(super) fn balance(&self, view: View<'_>, asset: AssetCode, total: Decimal) -> Decimal {
        let Some(horizon) = self.horizon else {
            return total;
        };
        let entries = view.exchange.ledger(self.account());
        let later = entries.filter(|entry| entry.asset == asset && entry.at > horizon.fills);
        later.fold(total, |total, entry| {
            let before = total.checked_sub(entry.amount);
            let before = before.and_then(|total| total.checked_add(entry.fee));
            before.unwrap_or(total)
        })
    }

    /// An order as it is seen; none that did not exist yet.
    fn seen<'v>(&self, view: View<'v>, order: &'v Order) -> Option<Cow<'v, Order>> {
        let Some(horizon) = self.horizon else {
            return Some(Cow::Borrowed(order));
        };
        if order.state.opened > horizon.orders {
            return None;
        }
        let mut past = order.clone();
        let over = match order.status {
            OrderStatus::Open => None,
            OrderStatus::Closed => order.closed_at.filter(|at| *at <= horizon.fills),
            OrderStatus::Canceled { .. } => order.closed_at.filter(|at| *at <= horizon.orders),
        };
        if over.is_none() {
            (past.status, past.closed_at) = (OrderStatus::Open, None);
        }
        revert(&mut past, horizon.orders);
        let fills = view.exchange.fills(self.account());
        let of_order = fills.filter(|fill| fill.order.key == order.state.key);
        for fill in of_order.rev().filter(|fill| fill.at > horizon.fills) {
            undo(&mut past, fill);
        }
        Some(Cow::Owned(past))
    }
}

/// Gives an order back what it asked for at an instant.
fn revert(order: &mut Order, until: Timestamp) {
    let mut newest_first = order.revisions.iter().rev();
    let Some(then) = newest_first.find(|revision| revision.at <= until) else {
        return;
    };
    let state = &mut order.state;
    state.qty = then.qty;
    state.post_only = then.post_only;
    state.conditions.display = then.display;
    state.amended = then.kind != RevisionKind::Original;
    if let Some(limit) = then.limit {
        state.kind = OrderKind::Limit(limit);
    }
    if let (Some(trigger), Some(price)) = (&mut state.conditions.trigger, then.trigger) {
        trigger.price = price;
    }
}

/// Takes an order's last fill out of it.
fn undo(order: &mut Order, fill: &FillFact) {
    let state = &mut order.state;
    state.filled = state.filled.saturating_sub(fill.qty);
    let less = |from: Decimal, part: Decimal| from.checked_sub(part).unwrap_or(from);
    state.cost = less(state.cost, fill.cost);
    state.fee = less(state.fee, fill.fee);
    let notional = state.notional.checked_sub(fill.price.notional(fill.qty));
    state.notional = notional.unwrap_or(state.notional);
    order.trades.retain(|id| *id != fill.exec_id);
}
