//! Orders meet: price-time priority, self-trade prevention, settlement.
//!
//! Always true: every trade is at the resting order's price; after the last one no side crosses the other.

use super::{
    AccountId, CancelReason, Change, Exchange, Fact, FeeCurrency, FillFact, LedgerFact, Order,
    OrderKey, OrderState, SelfTrade, TradeFact,
    book::{Resting, crosses},
    ids::Prefix,
    money::{Asset, booked, sum},
    orders::rests,
};
use crate::types::{Decimal, ExecId, Liquidity, OrderId, Price, Side, Timestamp};

impl Exchange {
    /// Lets an accepted order trade up to `bound`, and ends it if it may not rest.
    pub(super) fn trade(
        &mut self,
        now: Timestamp,
        taker: OrderKey,
        bound: Option<Price>,
        facts: &mut Vec<Fact>,
    ) {
        while let Some((order, price, maker)) = self.next_match(taker, bound) {
            if self.is_own(&order, maker.account, maker.key) {
                self.prevent(now, &order, maker.key, facts);
            } else {
                self.execute(now, &order, price, maker, facts);
            }
        }
        let over = self
            .orders
            .get(&taker)
            .is_some_and(|order| order.closed_at.is_none() && !rests(&order.state));
        if over {
            self.end(now, taker, CancelReason::Immediate, facts);
        }
        self.note_settled(taker);
    }

    /// Whether an order must not trade with another: both are one client's, placed for the same name.
    pub(super) fn is_own(&self, order: &OrderState, account: AccountId, other: OrderKey) -> bool {
        let name = |other: &Order| other.state.conditions.sub_id;
        account == order.account
            && self.client(account).is_some()
            && self.orders.get(&other).and_then(name) == order.conditions.sub_id
    }

    /// An order meets one of its own account: whom it names leaves.
    fn prevent(
        &mut self,
        now: Timestamp,
        taker: &OrderState,
        maker: OrderKey,
        facts: &mut Vec<Fact>,
    ) {
        let leaving: &[OrderKey] = match taker.conditions.self_trade {
            SelfTrade::CancelNewest => &[taker.key],
            SelfTrade::CancelOldest => &[maker],
            SelfTrade::CancelBoth => &[maker, taker.key],
        };
        for key in leaving {
            self.end(now, *key, CancelReason::SelfTrade, facts);
        }
    }

    /// The taker as it stands, and the resting order that it meets next.
    fn next_match(
        &self,
        taker: OrderKey,
        bound: Option<Price>,
    ) -> Option<(OrderState, Price, Resting)> {
        let order = self.orders.get(&taker)?;
        let state = &order.state;
        if order.closed_at.is_some() || state.filled >= state.qty {
            return None;
        }
        let (price, maker) = self.market(state.pair)?.book.front(state.side.opposite())?;
        crosses(state.side, bound?, price).then(|| (state.clone(), price, maker))
    }

    pub(super) fn execute(
        &mut self,
        now: Timestamp,
        taker: &OrderState,
        price: Price,
        maker: Resting,
        facts: &mut Vec<Fact>,
    ) {
        let qty = taker.qty.saturating_sub(taker.filled).min(maker.remaining);
        let index = usize::try_from(taker.pair.0).unwrap_or(usize::MAX);
        let last_id = self.next.trades.get(index).copied().unwrap_or(0);
        let trade = TradeFact {
            pair: taker.pair,
            trade_id: last_id + 1,
            price,
            qty,
            taker_side: taker.side,
            taker_market: taker.kind == super::OrderKind::Market,
            maker: maker.key,
            taker: taker.key,
            at: now,
        };
        self.commit(now, Fact::Trade(trade.clone()), facts);
        self.settle(&trade, maker.key, Liquidity::Maker, facts);
        self.settle(&trade, taker.key, Liquidity::Taker, facts);
        self.refill(now, maker.key, facts);
    }

    /// An order of which nothing shows any more shows its next part, behind all others of its price.
    fn refill(&mut self, now: Timestamp, key: OrderKey, facts: &mut Vec<Fact>) {
        let Some(order) = self
            .orders
            .get(&key)
            .filter(|order| order.closed_at.is_none())
        else {
            return;
        };
        let state = &order.state;
        if !state.visible().is_zero() {
            return;
        }
        let shown = state.fresh();
        let order = OrderState {
            shown,
            ..state.clone()
        };
        self.changed(now, order, Change::Refilled, facts);
        self.note_settled(key);
    }

    /// One side of a trade: fill, end of the order if that was all, two ledger entries.
    fn settle(
        &mut self,
        trade: &TradeFact,
        key: OrderKey,
        liquidity: Liquidity,
        facts: &mut Vec<Fact>,
    ) {
        let Some(mut order) = self.orders.get(&key).map(|order| order.state.clone()) else {
            return;
        };
        let fill = self
            .client(order.account)
            .and_then(|_| self.fill(trade, &mut order, liquidity));
        if let Some(fill) = &fill {
            self.commit(trade.at, Fact::Fill(fill.clone()), facts);
            self.note_closing(fill);
        }
        if order.filled >= order.qty {
            let filled = Fact::Filled { order };
            self.commit(trade.at, filled, facts);
        }
        if let Some(fill) = &fill {
            self.book_fill(fill, facts);
        }
    }

    fn fill(
        &self,
        trade: &TradeFact,
        order: &mut OrderState,
        liquidity: Liquidity,
    ) -> Option<FillFact> {
        let terms = &self.market(order.pair)?.terms;
        let cost = terms.cost(trade.price, trade.qty);
        let rate = self.fee_rate(trade.at, order.account, order.pair, liquidity);
        let fee = terms.fee(cost, rate);
        order.fee = sum(order.fee, fee);
        Some(FillFact {
            order: order.clone(),
            exec_id: self.next_exec(),
            trade_id: trade.trade_id,
            price: trade.price,
            qty: trade.qty,
            cost,
            fee,
            base_fee: (order.conditions.fee_in == FeeCurrency::Base)
                .then(|| terms.base_fee(trade.qty, rate)),
            usd: self.in_dollars(order.pair, cost),
            liquidity,
            at: trade.at,
        })
    }

    fn book_fill(&mut self, fill: &FillFact, facts: &mut Vec<Fact>) {
        let Some(terms) = self.market(fill.order.pair).map(|market| market.terms) else {
            return;
        };
        let (base, cost) = (terms.base_amount(fill.qty), fill.cost);
        let (base, cost) = match fill.order.side {
            Side::Buy => (base, cost.negated()),
            Side::Sell => (base.negated(), cost),
        };
        let (base_fee, fee) = match fill.base_fee {
            Some(fee) => (fee, Decimal::ZERO),
            None => (Decimal::ZERO, fill.fee),
        };
        self.book_entry(fill, terms.base, base, base_fee, facts);
        self.book_entry(fill, terms.quote, cost, fee, facts);
    }

    fn book_entry(
        &mut self,
        fill: &FillFact,
        asset: Asset,
        amount: Decimal,
        fee: Decimal,
        facts: &mut Vec<Fact>,
    ) {
        let account = fill.order.account;
        let (amount, fee) = (booked(amount, asset), booked(fee, asset));
        let before = self
            .client(account)
            .map_or(Decimal::ZERO, |client| client.total(asset.code));
        let entry = LedgerFact {
            account,
            ledger_id: self.ids.encode(Prefix::Ledger, self.next.ledger),
            ref_id: fill.exec_id,
            asset: asset.code,
            amount,
            fee,
            balance: sum(sum(before, amount), fee.negated()),
            at: fill.at,
        };
        self.commit(fill.at, Fact::Ledger(entry), facts);
    }

    /// Takes an order out of the market for a reason.
    pub(super) fn end(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        reason: CancelReason,
        facts: &mut Vec<Fact>,
    ) -> Option<OrderId> {
        let order = self.orders.get(&key)?.state.clone();
        let id = order.order_id;
        self.commit(now, Fact::Canceled { order, reason }, facts);
        Some(id)
    }

    pub(super) fn next_exec(&self) -> ExecId {
        self.ids.encode(Prefix::Exec, self.next.execs)
    }
}
