//! New orders: the checks, in the venue's order, and the way into the book.
//!
//! Left out: the wire's own checks (field types, decimals, names), which come before.
//! Always true: an order that is accepted can be paid in full, whatever it trades with.

use super::{
    AccountId, CancelReason, Exchange, Fact, NewOrder, OrderFact, OrderKey, OrderKind, OrderState,
    PairId, PostOnlyRule, Refusal, Reply, TimeInForce,
    book::crosses,
    exchange::Market,
    ids::Prefix,
    limits::{self, ADD, Tier},
};
use crate::types::{
    AssetCode, Decimal, Instrument, Price, Quantity, Side, Timestamp, TradingStatus,
};

impl Exchange {
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        account: AccountId,
        order: &NewOrder,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        limits::admits(self.system, order)?;
        limits::admits(self.pair_status(order.pair), order)?;
        let room = self.has_room(now, account, order.pair, ADD);
        if room && !order.validate {
            self.charge(now, account, order.pair, ADD);
        }
        self.check_values(account, order)?;
        self.check_name(account, order)?;
        if !room {
            return Err(Refusal::RateLimit);
        }
        self.check_open_orders(account, order.pair)?;
        self.check_funds(account, order)?;
        if order.deadline.is_some_and(|deadline| now > deadline) {
            return Err(Refusal::DeadlineElapsed);
        }
        let takes = order.post_only && self.takes(order.pair, order.side, order.kind);
        if takes && self.rules.post_only == PostOnlyRule::Refuse {
            return Err(Refusal::PostOnly);
        }
        if order.validate {
            return Ok(Reply::Valid);
        }
        let state = self.new_state(now, account, order);
        let (key, order_id) = (state.key, state.order_id);
        let bound = self.bound(order);
        let refused = if takes {
            Some(CancelReason::PostOnly)
        } else {
            self.unfillable(account, order, bound)
        };
        let accepted = OrderFact {
            order: state,
            at: now,
        };
        self.commit(now, Fact::Accepted(accepted), facts);
        match refused {
            Some(reason) => {
                self.end(now, key, reason, facts);
            }
            None => self.trade(now, key, bound, facts),
        }
        Ok(Reply::Placed { order_id })
    }

    /// Whether a fill-or-kill order finds too little to be filled whole. Orders of its own account fill nothing.
    fn unfillable(
        &self,
        account: AccountId,
        order: &NewOrder,
        bound: Option<Price>,
    ) -> Option<CancelReason> {
        if order.time_in_force != TimeInForce::Fok {
            return None;
        }
        let mut missing = order.qty;
        for (price, _, owner, offered) in self.resting(order.pair, order.side.opposite()) {
            if missing.is_zero() || !bound.is_some_and(|bound| crosses(order.side, bound, price)) {
                break;
            }
            if owner != account {
                missing = missing.saturating_sub(offered);
            }
        }
        (!missing.is_zero()).then_some(CancelReason::Unfillable)
    }

    fn new_state(&self, now: Timestamp, account: AccountId, order: &NewOrder) -> OrderState {
        let zero = self
            .universe
            .pair(order.pair)
            .and_then(|pair| Decimal::new(0, pair.instrument.cost_precision).ok())
            .unwrap_or(Decimal::ZERO);
        OrderState {
            key: OrderKey(self.next.orders),
            order_id: self.ids.encode(Prefix::Order, self.next.orders),
            account,
            pair: order.pair,
            side: order.side,
            kind: order.kind,
            qty: order.qty,
            filled: Quantity::ZERO,
            cost: zero,
            fee: zero,
            time_in_force: order.time_in_force,
            post_only: order.post_only,
            conditions: order.conditions,
            cl_ord_id: order.cl_ord_id,
            userref: order.userref,
            amended: false,
            opened: now,
            touched: now,
        }
    }

    fn check_values(&self, account: AccountId, order: &NewOrder) -> Result<(), Refusal> {
        let pair = self.universe.pair(order.pair).ok_or(Refusal::Unavailable)?;
        let reference = match order.kind {
            OrderKind::Limit(price) => Some(price),
            OrderKind::Market => self
                .best(order.pair, order.side.opposite())
                .map(|(price, _)| price)
                .or_else(|| self.last_price(order.pair)),
        };
        if let OrderKind::Limit(price) = order.kind {
            check_price(&pair.instrument, price)?;
        }
        if self.client(account).is_none() {
            return check_lot(&pair.instrument, order.qty);
        }
        self.check_quantity(order.pair, order.qty, reference)
    }

    /// Lot and minimums. Without a reference price the cost has no minimum.
    pub(super) fn check_quantity(
        &self,
        pair: PairId,
        qty: Quantity,
        reference: Option<Price>,
    ) -> Result<(), Refusal> {
        let spec = self.universe.pair(pair).ok_or(Refusal::Unavailable)?;
        let instrument = &spec.instrument;
        if qty.is_zero() || qty < instrument.qty_min {
            return Err(Refusal::VolumeMinimum);
        }
        check_lot(instrument, qty)?;
        let (Some(price), Some(market)) = (reference, self.market(pair)) else {
            return Ok(());
        };
        let cost = market
            .terms
            .notional(price, qty)
            .map_err(|_overflow| Refusal::InvalidPrice)?;
        if cost < instrument.cost_min {
            return Err(Refusal::CostMinimum);
        }
        Ok(())
    }

    fn check_name(&self, account: AccountId, order: &NewOrder) -> Result<(), Refusal> {
        let (Some(client), Some(name)) = (self.client(account), order.cl_ord_id) else {
            return Ok(());
        };
        let open = client
            .names
            .get(&name)
            .and_then(|key| self.orders.get(key))
            .is_some_and(|order| order.closed_at.is_none());
        if open {
            return Err(Refusal::DuplicateClOrdId);
        }
        Ok(())
    }

    fn check_open_orders(&self, account: AccountId, pair: PairId) -> Result<(), Refusal> {
        let Some(client) = self.client(account) else {
            return Ok(());
        };
        let open = client.open_in.get(&pair).copied().unwrap_or(0);
        if open >= client.tier.max_open_orders() {
            return Err(Refusal::OrdersLimit);
        }
        Ok(())
    }

    fn check_funds(&self, account: AccountId, order: &NewOrder) -> Result<(), Refusal> {
        let (Some(client), Some(market)) = (self.client(account), self.market(order.pair)) else {
            return Ok(());
        };
        let (asset, needed) = self
            .needed(market, order)
            .ok_or(Refusal::InsufficientFunds)?;
        if needed > client.available(asset) {
            return Err(Refusal::InsufficientFunds);
        }
        Ok(())
    }

    /// The most that an order can take out of the account; nothing if that is no number.
    fn needed(&self, market: &Market, order: &NewOrder) -> Option<(AssetCode, Decimal)> {
        let terms = &market.terms;
        if order.side == Side::Sell {
            return Some((terms.base.code, terms.base_hold(order.qty).ok()?));
        }
        let cost = match order.kind {
            OrderKind::Limit(price) => terms.notional(price, order.qty).ok()?,
            OrderKind::Market => market_cost(market, order.qty, self.bound(order)?)?,
        };
        let hold = terms.quote_hold(cost, order.post_only).ok()?;
        Some((terms.quote.code, hold))
    }

    /// Whether an order of this kind would take from the book as it stands.
    pub(super) fn takes(&self, pair: PairId, side: Side, kind: OrderKind) -> bool {
        match (kind, self.best(pair, side.opposite())) {
            (OrderKind::Market, _) => true,
            (OrderKind::Limit(_), None) => false,
            (OrderKind::Limit(limit), Some((best, _))) => crosses(side, limit, best),
        }
    }

    /// The worst price at which an order may trade: its limit, or the edge of the protection band.
    /// A market order that finds an empty side has none.
    fn bound(&self, order: &NewOrder) -> Option<Price> {
        let OrderKind::Limit(price) = order.kind else {
            let (best, _) = self.best(order.pair, order.side.opposite())?;
            return Some(self.band_edge(order.side, best));
        };
        Some(price)
    }

    fn band_edge(&self, side: Side, best: Price) -> Price {
        let width = Decimal::new(i128::from(best.units()), 0)
            .and_then(|best| best.checked_mul(self.rules.market_band))
            .and_then(|width| width.rounded_toward_zero(0))
            .ok()
            .and_then(|width| i64::try_from(width.mantissa()).ok())
            .unwrap_or(0);
        let edge = match side {
            Side::Buy => best.shifted(width),
            Side::Sell => best.shifted(width.saturating_neg()),
        };
        edge.unwrap_or(best)
    }

    /// Whether the account may spend `points` in a pair now. Agents always may.
    pub(super) fn has_room(
        &self,
        now: Timestamp,
        account: AccountId,
        pair: PairId,
        points: u32,
    ) -> bool {
        self.client(account).is_none_or(|client| {
            let counter = client.rates.get(&pair).copied().unwrap_or_default();
            counter.has_room(now, client.tier, points)
        })
    }

    pub(super) fn charge(&mut self, now: Timestamp, account: AccountId, pair: PairId, points: u32) {
        if let Some(client) = self.client_mut(account) {
            let tier: Tier = client.tier;
            client
                .rates
                .entry(pair)
                .or_default()
                .charge(now, tier, points);
        }
    }

    /// Whether matching stands still in a pair.
    pub(super) fn post_only_mode(&self, pair: PairId) -> bool {
        [self.system, self.pair_status(pair)].contains(&TradingStatus::PostOnly)
    }
}

/// Ticks.
pub(super) fn check_price(instrument: &Instrument, price: Price) -> Result<(), Refusal> {
    if price.is_multiple_of(instrument.tick) {
        Ok(())
    } else {
        Err(Refusal::TickSize)
    }
}

/// Lots. All that binds an agent: recorded trades play at their sizes, whatever the minimum is by now.
fn check_lot(instrument: &Instrument, qty: Quantity) -> Result<(), Refusal> {
    if qty.is_zero() {
        return Err(Refusal::VolumeMinimum);
    }
    if qty.rounded_down_to(instrument.lot) != qty {
        return Err(Refusal::TickSize);
    }
    Ok(())
}

/// What buying `qty` at once costs, up to `bound`; what the book does not offer costs nothing.
fn market_cost(market: &Market, qty: Quantity, bound: Price) -> Option<Decimal> {
    let (mut left, mut cost) = (qty, Decimal::ZERO);
    for (price, offered) in market.book.levels(Side::Sell) {
        if left.is_zero() || !crosses(Side::Buy, bound, price) {
            break;
        }
        let taken = left.min(offered);
        cost = cost
            .checked_add(market.terms.notional(price, taken).ok()?)
            .ok()?;
        left = left.saturating_sub(taken);
    }
    Some(cost)
}

/// Whether what an order does not take at once stays in the book.
pub(super) fn rests(order: &OrderState) -> bool {
    let may = matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtd(_));
    may && order.kind != OrderKind::Market
}
