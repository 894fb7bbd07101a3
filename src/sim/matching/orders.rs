//! New orders: the checks, in the venue's order, and the way into the book.
//!
//! Left out: the wire's own checks (field types, decimals, names), which come before.
//! Always true: an order that is accepted can be paid in full, whatever it trades with.

use super::{
    AccountId, CancelReason, Conditions, Exchange, Fact, FeeCurrency, NewOrder, OrderFact,
    OrderKey, OrderKind, OrderState, PairId, PostOnlyRule, Reference, Refusal, Reply, Size,
    TimeInForce,
    book::crosses,
    exchange::Market,
    fresh::Bare,
    limits::{self, Points, Tier},
    money::sum,
};
use crate::types::{
    AssetCode, Decimal, Instrument, Price, Quantity, Side, Timestamp, TradingStatus,
};

/// What a resting order can give.
struct Offer {
    price: Price,
    key: OrderKey,
    account: AccountId,
    qty: Quantity,
}

impl Exchange {
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        account: AccountId,
        order: &NewOrder,
        cost: Points,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        for status in [self.system, self.pair_status(order.pair)] {
            limits::admits(status, order.is_market(), order.post_only)?;
        }
        let room = self.has_room(now, account, order.pair, cost);
        if room && !order.validate {
            self.charge(now, account, order.pair, cost);
        }
        let state = self.new_state(now, account, order)?;
        let state = self.with_payable_fee(state);
        self.check_values(&state)?;
        self.check_name(&state)?;
        if !room {
            return Err(Refusal::RateLimit);
        }
        self.check_open_orders(account, order.pair)?;
        self.check_funds(&state, Decimal::ZERO)?;
        if order.deadline.is_some_and(|deadline| now > deadline) {
            return Err(Refusal::DeadlineElapsed);
        }
        let takes = self.is_refused_post_only(&state);
        if takes && self.rules.post_only == PostOnlyRule::Refuse {
            return Err(Refusal::PostOnly);
        }
        if order.validate {
            return Ok(Reply::Valid);
        }
        let order_id = state.order_id;
        let refused = if takes {
            Some(CancelReason::PostOnly)
        } else {
            self.unfillable(&state)
        };
        self.enter(now, state, refused, facts);
        Ok(Reply::Placed { order_id })
    }

    /// An accepted order goes where it belongs: out again, into the book, or to those that wait.
    pub(super) fn enter(
        &mut self,
        now: Timestamp,
        order: OrderState,
        refused: Option<CancelReason>,
        facts: &mut Vec<Fact>,
    ) {
        let (key, pending) = (order.key, order.is_pending());
        self.commit(now, Fact::Accepted(OrderFact { order, at: now }), facts);
        if !pending || refused.is_some() {
            self.set_off(now, key, refused, facts);
        }
    }

    /// An order begins to work, unless it is refused.
    pub(super) fn set_off(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        refused: Option<CancelReason>,
        facts: &mut Vec<Fact>,
    ) {
        let Some(order) = self.orders.get(&key).map(|order| &order.state) else {
            return;
        };
        let (pair, waits) = (order.pair, order.is_waiting());
        // Whether it rests already or not, the other side is as it was.
        let bound = self.bound(pair, order.side, order.kind);
        match refused {
            Some(reason) => {
                self.end(now, key, reason, facts);
            }
            // Its price may be there already.
            None if waits => {
                self.traded.insert(pair);
            }
            None => self.trade(now, key, bound, facts),
        }
    }

    pub(super) fn is_refused_post_only(&self, order: &OrderState) -> bool {
        let works = !order.is_waiting() && !order.is_pending();
        order.post_only && works && self.takes(order.pair, order.side, order.kind)
    }

    /// Whether a fill-or-kill order finds too little to be filled whole. Orders of its own account fill nothing.
    pub(super) fn unfillable(&self, order: &OrderState) -> Option<CancelReason> {
        if order.time_in_force != TimeInForce::Fok || order.is_pending() {
            return None;
        }
        let bound = self.bound(order.pair, order.side, order.kind);
        let mut missing = order.qty;
        for offer in self.offers(order.pair, order.side.opposite()) {
            let in_reach = bound.is_some_and(|bound| crosses(order.side, bound, offer.price));
            if missing.is_zero() || !in_reach {
                break;
            }
            if !self.is_own(order, offer.account, offer.key) {
                missing = missing.saturating_sub(offer.qty);
            }
        }
        (!missing.is_zero()).then_some(CancelReason::Unfillable)
    }

    /// The order as it will stand. A trigger gets its price; one that has none is refused.
    fn new_state(
        &self,
        now: Timestamp,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<OrderState, Refusal> {
        let pair = self.universe.pair(order.pair).ok_or(Refusal::Unavailable)?;
        let (trigger, kind) = match order.trigger {
            None => (None, order.kind),
            Some(new) if new.reference == Reference::Index && !pair.has_index() => {
                return Err(Refusal::NoIndex);
            }
            Some(new) => {
                let last = self.last_price(order.pair);
                let grid = self.grid(order.pair).ok_or(Refusal::Unavailable)?;
                let placed = new.placed(order.side, last, grid);
                let (trigger, limit) = placed.ok_or(Refusal::InvalidPrice)?;
                (
                    Some(trigger),
                    limit.map_or(OrderKind::Market, OrderKind::Limit),
                )
            }
        };
        let start = order.extras.start.filter(|at| *at > now);
        let qty = match order.qty {
            Size::Base(qty) => qty,
            Size::Cash(cash) => {
                let plain = (order.side, kind, trigger) == (Side::Buy, OrderKind::Market, None);
                let bought = plain.then(|| self.bought_for(order.pair, cash));
                bought.flatten().ok_or(Refusal::InvalidVolume)?
            }
        };
        let bare = Bare {
            account,
            pair: order.pair,
            side: order.side,
            kind,
            qty,
        };
        Ok(OrderState {
            shown: order.display.unwrap_or(Quantity::ZERO).min(qty),
            time_in_force: order.time_in_force,
            post_only: order.post_only,
            conditions: Conditions {
                self_trade: order.self_trade,
                trigger,
                cash: match order.qty {
                    Size::Base(_) => None,
                    Size::Cash(cash) => Some(cash),
                },
                display: order.display,
                close: order.extras.close,
                parent: None,
                start: start.map(|at| self.start(order.pair, order.side, at)),
                sub_id: order.extras.sub_id,
                fee_in: order.extras.fee_in,
            }
            .into(),
            cl_ord_id: order.cl_ord_id,
            userref: order.userref,
            ..self.fresh(now, bare)
        })
    }

    /// What an amount of quote buys at the market now, within the protection band.
    pub(super) fn bought_for(&self, pair: PairId, cash: Decimal) -> Option<Quantity> {
        let market = self.market(pair)?;
        let instrument = &self.universe.pair(pair)?.instrument;
        let bound = self.bound(pair, Side::Buy, OrderKind::Market)?;
        let (mut left, mut bought) = (cash, Quantity::ZERO);
        for Offer { price, qty, .. } in self.offers(pair, Side::Sell) {
            if !crosses(Side::Buy, bound, price) {
                break;
            }
            let cost = market.terms.notional(price, qty).ok()?;
            if cost > left {
                let part = left
                    .divided_toward_zero(instrument.price_decimal(price), instrument.qty_precision);
                let units = i64::try_from(part.ok()?.mantissa()).ok()?;
                bought = bought.checked_add(Quantity::new(units).ok()?).ok()?;
                break;
            }
            left = left.checked_sub(cost).ok()?;
            bought = bought.checked_add(qty).ok()?;
        }
        Some(bought.rounded_down_to(instrument.lot))
    }

    pub(super) fn check_values(&self, order: &OrderState) -> Result<(), Refusal> {
        let pair = self.universe.pair(order.pair).ok_or(Refusal::Unavailable)?;
        let trigger = order.conditions.trigger.map(|trigger| trigger.price);
        let limit = match order.kind {
            OrderKind::Limit(price) => Some(price),
            OrderKind::Market => None,
        };
        for price in limit.into_iter().chain(trigger) {
            check_price(&pair.instrument, price)?;
        }
        check_display(order)?;
        self.check_close(order, limit.or(trigger))?;
        if self.client(order.account).is_none() {
            return check_lot(&pair.instrument, order.qty);
        }
        let reference = limit.or(trigger).or_else(|| {
            self.best(order.pair, order.side.opposite())
                .map(|(price, _)| price)
                .or_else(|| self.last_price(order.pair))
        });
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

    fn check_name(&self, order: &OrderState) -> Result<(), Refusal> {
        let (Some(client), Some(name)) = (self.client(order.account), order.cl_ord_id) else {
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

    pub(super) fn check_open_orders(
        &self,
        account: AccountId,
        pair: PairId,
    ) -> Result<(), Refusal> {
        let Some(client) = self.client(account) else {
            return Ok(());
        };
        let open = client.open_in.get(&pair).copied().unwrap_or(0);
        if open >= client.tier.max_open_orders() {
            return Err(Refusal::OrdersLimit);
        }
        Ok(())
    }

    /// Whether the account can pay, with what is held for an order that goes.
    pub(super) fn check_funds(&self, order: &OrderState, freed: Decimal) -> Result<(), Refusal> {
        let (Some(client), Some(market)) = (self.client(order.account), self.market(order.pair))
        else {
            return Ok(());
        };
        let (asset, needed) = self
            .needed(market, order)
            .ok_or(Refusal::InsufficientFunds)?;
        if needed > sum(client.available(asset), freed) {
            return Err(Refusal::InsufficientFunds);
        }
        Ok(())
    }

    /// A fee on top of what is sold is taken in quote if the account has not got it in base: the preference is a wish.
    pub(super) fn with_payable_fee(&self, mut order: OrderState) -> OrderState {
        let on_top = order.side == Side::Sell && order.conditions.fee_in == FeeCurrency::Base;
        if on_top && self.check_funds(&order, Decimal::ZERO).is_err() {
            order.conditions.fee_in = FeeCurrency::Quote;
        }
        order
    }

    /// What an open order keeps back.
    pub(super) fn held_by(&self, order: &OrderState) -> Decimal {
        let held = self
            .market(order.pair)
            .and_then(|market| market.terms.hold(order).ok());
        held.map_or(Decimal::ZERO, |(_, held)| held)
    }

    /// The most that an order can take out of the account; nothing if that is no number.
    fn needed(&self, market: &Market, order: &OrderState) -> Option<(AssetCode, Decimal)> {
        let terms = &market.terms;
        match (order.side, order.kind) {
            (Side::Sell, _) => Some((terms.base.code, terms.base_hold(order, order.qty).ok()?)),
            (Side::Buy, OrderKind::Market) if !order.is_waiting() && !order.is_pending() => {
                let hold = self.market_hold(market, order)?;
                Some((terms.quote.code, hold))
            }
            (Side::Buy, OrderKind::Market | OrderKind::Limit(_)) => terms.hold(order).ok(),
        }
    }

    /// What buying at the market now takes at most.
    pub(super) fn market_hold(&self, market: &Market, order: &OrderState) -> Option<Decimal> {
        let bound = self.bound(order.pair, Side::Buy, OrderKind::Market);
        let cost = bound.map_or(Some(Decimal::ZERO), |bound| {
            self.market_cost(market, order.pair, order.qty, bound)
        })?;
        market.terms.quote_hold(order, cost).ok()
    }

    /// What buying `qty` at once costs, up to `bound`; what the book does not offer costs nothing.
    fn market_cost(
        &self,
        market: &Market,
        pair: PairId,
        qty: Quantity,
        bound: Price,
    ) -> Option<Decimal> {
        let (mut left, mut cost) = (qty, Decimal::ZERO);
        for offer in self.offers(pair, Side::Sell) {
            if left.is_zero() || !crosses(Side::Buy, bound, offer.price) {
                break;
            }
            let taken = left.min(offer.qty);
            let notional = market.terms.notional(offer.price, taken).ok()?;
            cost = cost.checked_add(notional).ok()?;
            left = left.saturating_sub(taken);
        }
        Some(cost)
    }

    /// What rests on a side, best first, with what does not show.
    fn offers(&self, pair: PairId, side: Side) -> impl Iterator<Item = Offer> {
        self.resting(pair, side)
            .map(|(price, key, account, shown)| {
                let order = self.orders.get(&key);
                Offer {
                    price,
                    key,
                    account,
                    qty: order.map_or(shown, |order| order.state.remaining()),
                }
            })
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
    pub(super) fn bound(&self, pair: PairId, side: Side, kind: OrderKind) -> Option<Price> {
        let OrderKind::Limit(price) = kind else {
            let (best, _) = self.best(pair, side.opposite())?;
            return Some(self.band_edge(side, best));
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
        points: Points,
    ) -> bool {
        self.client(account).is_none_or(|client| {
            let counter = client.rates.get(&pair).copied().unwrap_or_default();
            counter.has_room(now, client.tier, points)
        })
    }

    pub(super) fn charge(
        &mut self,
        now: Timestamp,
        account: AccountId,
        pair: PairId,
        points: Points,
    ) {
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

/// What shows is a fifteenth of what is left at least. The rest of an order that trades at once hides nowhere.
pub(super) fn check_display(order: &OrderState) -> Result<(), Refusal> {
    let Some(display) = order.conditions.display else {
        return Ok(());
    };
    let left = i128::from(order.remaining().units());
    let enough = i128::from(display.units()) * 15 >= left && display <= order.qty;
    let plain = order.conditions.trigger.is_none() && order.kind.limit().is_some();
    if enough && plain && !display.is_zero() {
        Ok(())
    } else {
        Err(Refusal::InvalidDisplay)
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

/// Whether what an order does not take at once stays in the book.
pub(super) fn rests(order: &OrderState) -> bool {
    let may = matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtd(_));
    let works = !order.is_waiting() && !order.is_pending();
    may && order.kind != OrderKind::Market && works
}
