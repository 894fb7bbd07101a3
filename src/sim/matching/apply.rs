//! Facts change the state. The same code serves the act that makes a fact and the restart that reads it back.
//!
//! Always true: applying the facts of an account's orders, in order, to the state before them gives the state after them.

use super::{
    AccountId, AmendFact, ChangeFact, Exchange, Fact, FillFact, LedgerFact, OrderFact, OrderKey,
    OrderKind, OrderState, Revision, TradeFact,
    account::remember,
    book::{Book, Place, Resting},
    exchange::{Order, OrderStatus},
    ids::Prefix,
    money::sum,
    orders::rests,
    revisions,
};
use crate::types::{Liquidity, Price, Quantity, Timestamp};

impl Exchange {
    /// Makes a fact true and tells it.
    pub(super) fn commit(&mut self, at: Timestamp, fact: Fact, facts: &mut Vec<Fact>) {
        self.apply(at, &fact);
        facts.push(fact);
    }

    /// Makes a fact true. Facts about orders or accounts that are not known change nothing of theirs.
    pub(super) fn apply(&mut self, at: Timestamp, fact: &Fact) {
        self.at = at;
        match fact {
            Fact::Accepted(accepted) => self.apply_accepted(accepted),
            Fact::Trade(trade) => self.apply_trade(trade),
            Fact::Fill(fill) => self.apply_fill(fill),
            Fact::Amended(amend) => self.apply_amended(amend),
            Fact::Changed(change) => self.apply_changed(change),
            Fact::Ledger(entry) => self.apply_ledger(entry),
            Fact::Filled { order } => self.close(at, order, OrderStatus::Closed),
            Fact::Canceled { order, reason } => {
                self.close(at, order, OrderStatus::Canceled { reason: *reason });
            }
            Fact::Switch { account, at } => self.apply_switch(*account, *at),
            // Levels follow from the orders.
            Fact::Level(_) => {}
        }
    }

    fn apply_accepted(&mut self, accepted: &OrderFact) {
        let state = &accepted.order;
        self.next.orders = self.next.orders.max(state.key.0 + 1);
        let Some(account) = self.accounts.get_mut(&state.account) else {
            return;
        };
        account.open.insert(state.key);
        if let Some(client) = &mut account.client {
            *client.open_in.entry(state.pair).or_default() += 1;
            if let Some(name) = state.cl_ord_id {
                client.names.insert(name, state.key);
            }
        }
        let place = self.enter_book(state);
        self.watch_expiry(state);
        self.watch_start(state);
        self.watch_trigger(state);
        self.hold_change(None, Some(state));
        let order = Order {
            state: state.clone(),
            status: OrderStatus::Open,
            closed_at: None,
            trades: Vec::new(),
            revisions: self.first_revision(state, accepted.at),
            place,
        };
        self.orders.insert(state.key, order);
    }

    fn apply_trade(&mut self, trade: &TradeFact) {
        if let Some(market) = self.market_mut(trade.pair) {
            market.last = Some(trade.price);
        }
        self.traded.insert(trade.pair);
        let index = usize::try_from(trade.pair.0).unwrap_or(usize::MAX);
        if let Some(next) = self.next.trades.get_mut(index) {
            *next = (*next).max(trade.trade_id);
        }
        self.reduce(trade.maker, Liquidity::Maker, trade);
        self.reduce(trade.taker, Liquidity::Taker, trade);
    }

    /// One order's part of a trade.
    fn reduce(&mut self, key: OrderKey, role: Liquidity, trade: &TradeFact) {
        let (price, qty) = (trade.price, trade.qty);
        let Some(order) = self.orders.get(&key) else {
            return;
        };
        let (before, place) = (order.state.clone(), order.place);
        let mut after = before.clone();
        after.filled = before.filled.checked_add(qty).unwrap_or(before.qty);
        after.shown = match role {
            Liquidity::Maker => before.shown.saturating_sub(qty),
            Liquidity::Taker => after.fresh(),
        };
        if let Some(market) = self.market(before.pair) {
            after.cost = sum(before.cost, market.terms.cost(price, qty));
        }
        let more = before.notional.checked_add(price.notional(qty));
        after.notional = more.unwrap_or(before.notional);
        self.resize(&after, place);
        self.hold_change(Some(&before), Some(&after));
        if let Some(order) = self.orders.get_mut(&key) {
            order.state = after;
        }
    }

    fn apply_fill(&mut self, fill: &FillFact) {
        if let Some(number) = self.ids.decode(Prefix::Exec, &fill.exec_id) {
            self.next.execs = self.next.execs.max(number + 1);
        }
        if let Some(order) = self.orders.get_mut(&fill.order.key) {
            order.state = fill.order.clone();
            order.trades.push(fill.exec_id);
        }
        let limit = self.rules.history;
        if let Some(client) = self.client_mut(fill.order.account) {
            client.volume.add(fill.at, fill.usd);
            remember(&mut client.fills, fill.clone(), limit);
        }
    }

    fn apply_ledger(&mut self, entry: &LedgerFact) {
        if let Some(number) = self.ids.decode(Prefix::Ledger, &entry.ledger_id) {
            self.next.ledger = self.next.ledger.max(number + 1);
        }
        let limit = self.rules.history;
        if let Some(client) = self.client_mut(entry.account) {
            client.settle(entry.asset, entry.balance);
            remember(&mut client.ledger, entry.clone(), limit);
        }
    }

    fn apply_amended(&mut self, amend: &AmendFact) {
        if let Some(number) = self.ids.decode(Prefix::Exec, &amend.amend_id) {
            self.next.execs = self.next.execs.max(number + 1);
        }
        let after = &amend.order;
        let Some(order) = self.orders.get(&after.key) else {
            return;
        };
        let (before, place) = (order.state.clone(), order.place);
        let place = if after.kind != before.kind || after.qty > before.qty {
            self.leave_book(&before, place);
            // One that waits enters nothing.
            self.enter_book(after)
        } else {
            self.resize(after, place);
            place
        };
        self.hold_change(Some(&before), Some(after));
        let client = self.client(after.account).is_some();
        if let Some(order) = self.orders.get_mut(&after.key) {
            order.state = after.clone();
            order.place = place;
            if client {
                revisions::keep(&mut order.revisions, Revision::amended(amend));
            }
        }
    }

    fn apply_changed(&mut self, change: &ChangeFact) {
        let after = &change.order;
        let Some(order) = self.orders.get(&after.key) else {
            return;
        };
        let before = order.state.clone();
        self.forget_start(&before);
        self.forget_trigger(&before);
        // It stood in no book, or nothing of it did.
        let place = self.enter_book(after);
        self.watch_trigger(after);
        self.hold_change(Some(&before), Some(after));
        if let Some(order) = self.orders.get_mut(&after.key) {
            order.state = after.clone();
            order.place = place;
        }
    }

    /// Ends an order. A client's is remembered, an agent's forgotten.
    fn close(&mut self, at: Timestamp, last: &OrderState, status: OrderStatus) {
        let Some(order) = self.orders.get(&last.key) else {
            return;
        };
        let (before, place) = (order.state.clone(), order.place);
        self.leave_book(&before, place);
        self.forget_expiry(&before);
        self.forget_start(&before);
        self.forget_trigger(&before);
        self.hold_change(Some(&before), None);
        if let Some(order) = self.orders.get_mut(&last.key) {
            order.state = last.clone();
            order.status = status;
            order.closed_at = Some(at);
            order.place = None;
        }
        self.retire(last);
    }

    fn retire(&mut self, order: &OrderState) {
        let limit = self.rules.history;
        let Some(account) = self.accounts.get_mut(&order.account) else {
            return;
        };
        account.open.remove(&order.key);
        let Some(client) = &mut account.client else {
            self.orders.remove(&order.key);
            return;
        };
        if let Some(count) = client.open_in.get_mut(&order.pair) {
            *count = count.saturating_sub(1);
        }
        let Some(forgotten) = remember(&mut client.closed, order.key, limit) else {
            return;
        };
        let name = self
            .orders
            .remove(&forgotten)
            .and_then(|order| order.state.cl_ord_id);
        if let Some(name) = name
            && client.names.get(&name) == Some(&forgotten)
        {
            client.names.remove(&name);
        }
    }

    /// Puts a resting kind of order at the back of its level.
    pub(super) fn enter_book(&mut self, order: &OrderState) -> Option<Place> {
        let OrderKind::Limit(price) = order.kind else {
            return None;
        };
        let remaining = order.visible();
        if !rests(order) || remaining.is_zero() {
            return None;
        }
        let resting = Resting {
            key: order.key,
            account: order.account,
            remaining,
            since: self.at,
        };
        let place = self.touch(order, price)?.insert(order.side, price, resting);
        self.note_entry(order, place);
        Some(place)
    }

    fn leave_book(&mut self, order: &OrderState, place: Option<Place>) {
        let at = self.at;
        if let Some(place) = place
            && let Some(book) = self.touch(order, place.price)
            && book.remove(order.side, place, at)
        {
            self.note_size(order, place, Quantity::ZERO);
        }
    }

    fn resize(&mut self, order: &OrderState, place: Option<Place>) {
        let (remaining, at) = (order.visible(), self.at);
        if let Some(place) = place
            && let Some(book) = self.touch(order, place.price)
            && book.resize(order.side, place, remaining, at)
        {
            self.note_size(order, place, remaining);
        }
    }

    /// The order's book, after noting what the level held before this act.
    fn touch(&mut self, order: &OrderState, price: Price) -> Option<&mut Book> {
        let index = usize::try_from(order.pair.0).ok()?;
        let book = &mut self.markets.get_mut(index)?.book;
        self.touched
            .entry((order.pair, order.side, price))
            .or_insert_with(|| book.total(order.side, price));
        Some(book)
    }

    /// Releases what the order held as it was and keeps back what it needs as it is.
    pub(super) fn hold_change(&mut self, before: Option<&OrderState>, after: Option<&OrderState>) {
        let Some(order) = after.or(before) else {
            return;
        };
        if self.client(order.account).is_none() {
            return;
        }
        for (state, takes) in [(before, false), (after, true)] {
            let Some(state) = state else { continue };
            let held = self
                .market(state.pair)
                .and_then(|market| market.terms.hold(state).ok());
            let Some((asset, amount)) = held else {
                continue;
            };
            let change = if takes { amount } else { amount.negated() };
            self.hold(state.account, asset, change);
        }
    }

    fn hold(
        &mut self,
        account: AccountId,
        asset: crate::types::AssetCode,
        change: crate::types::Decimal,
    ) {
        if let Some(client) = self.client_mut(account) {
            client.hold(asset, change);
        }
    }
}
