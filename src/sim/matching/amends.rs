//! Changes and cancels of resting orders.
//!
//! For: amends in place with the queue rules of the venue, cancels, and what both cost in the rate counter.
//! Always true: an amend keeps the order's ids and fills; a refused one leaves the order as it was.

use super::{
    AccountId, Amend, AmendFact, Amender, CancelReason, CancelTarget, Conditions, Exchange, Fact,
    NewTrigger, Offset, OrderKey, OrderKind, OrderState, PairId, Refusal, Reply, Trigger,
    TriggerKind,
    ids::Prefix,
    limits::{self, AMEND, CANCEL_ALL, Points, amend_penalty, cancel_penalty},
    orders::{check_display, check_price},
};
use crate::types::{Decimal, Price, Quantity, Timestamp};

impl Exchange {
    pub(super) fn amend(
        &mut self,
        now: Timestamp,
        account: AccountId,
        amend: &Amend,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        limits::admits_amend(self.system)?;
        let before = self.find_open(account, &amend.target)?.clone();
        changeable(&before)?;
        limits::admits_amend(self.pair_status(before.pair))?;
        let mut after = OrderState {
            qty: amend.qty.map_or(before.qty, |qty| qty.max(before.filled)),
            amended: true,
            touched: now,
            ..self.rechanged(&before, amend.price, amend.trigger, amend.display)?
        };
        // More shows only once the part that shows is filled.
        after.shown = before.shown.min(after.fresh());
        let ends = after.qty <= after.filled;
        let penalty = penalty(now, &before, ends);
        let room = self.has_room(now, account, before.pair, AMEND.and(penalty));
        if room {
            self.charge(now, account, before.pair, AMEND);
        }
        self.check_change(&before, &after)?;
        if !room {
            return Err(Refusal::RateLimit);
        }
        self.check_amended_funds(&before, &after)?;
        if amend.deadline.is_some_and(|deadline| now > deadline) {
            return Err(Refusal::DeadlineElapsed);
        }
        let waits = after.is_waiting() || after.is_pending();
        let takes = !ends && !waits && self.takes(after.pair, after.side, after.kind);
        if takes && (amend.post_only || after.post_only) {
            return Err(Refusal::PostOnly);
        }
        if takes && self.post_only_mode(after.pair) {
            return Err(Refusal::PostOnlyMode);
        }
        self.charge(now, account, before.pair, penalty);
        Ok(self.carry_out(now, after, ends, facts))
    }

    fn carry_out(
        &mut self,
        now: Timestamp,
        after: OrderState,
        ends: bool,
        facts: &mut Vec<Fact>,
    ) -> Reply {
        let (key, order_id, amend_id) = (after.key, after.order_id, self.next_exec());
        let (pair, waits, pending) = (after.pair, after.is_waiting(), after.is_pending());
        let bound = self.bound(pair, after.side, after.kind);
        let amended = AmendFact {
            order: after,
            amend_id,
            by: Amender::User,
            at: now,
        };
        self.commit(now, Fact::Amended(amended), facts);
        if ends {
            self.end(now, key, CancelReason::AmendedToFilled, facts);
        } else if waits {
            self.traded.insert(pair);
        } else if !pending {
            self.trade(now, key, bound, facts);
        }
        Reply::Amended { amend_id, order_id }
    }

    fn check_change(&self, before: &OrderState, after: &OrderState) -> Result<(), Refusal> {
        let pair = self
            .universe
            .pair(before.pair)
            .ok_or(Refusal::Unavailable)?;
        let prices = |order: &OrderState| {
            let trigger = order.conditions.trigger.map(|trigger| trigger.price);
            (order.kind.limit(), trigger)
        };
        let (old, new) = (prices(before), prices(after));
        // A change of less than a tick is none.
        let tick = pair.instrument.tick;
        let moved = is_moved(old.0, new.0, tick) || is_moved(old.1, new.1, tick);
        let same = after.conditions.display == before.conditions.display;
        if !moved && same && after.qty == before.qty {
            return Err(Refusal::NothingToAmend);
        }
        for price in new.0.into_iter().chain(new.1) {
            check_price(&pair.instrument, price)?;
        }
        check_display(after)?;
        let reference = new.0.or(new.1);
        if after.qty <= after.filled && !after.filled.is_zero() {
            return Ok(());
        }
        self.check_quantity(after.pair, after.qty, reference)
    }

    /// An order with another limit, another price to wait for, another part that shows.
    pub(super) fn rechanged(
        &self,
        before: &OrderState,
        price: Option<Offset>,
        trigger: Option<Offset>,
        display: Option<Quantity>,
    ) -> Result<OrderState, Refusal> {
        if price.is_some() && before.kind.limit().is_none() {
            return Err(Refusal::InvalidLimitPrice);
        }
        if display.is_some() && before.conditions.display.is_none() {
            return Err(Refusal::InvalidDisplay);
        }
        let (trigger, limit) = match before.conditions.trigger {
            Some(old) if before.is_waiting() => self.retriggered(before, old, price, trigger)?,
            // One that has fired waits for nothing any more.
            Some(_) | None if trigger.is_some() => return Err(Refusal::InvalidPrice),
            fired_or_none => match price {
                None => (fired_or_none, None),
                Some(Offset::At(price)) => (fired_or_none, Some(price)),
                Some(Offset::Percent(_) | Offset::Quote(_)) => {
                    return Err(Refusal::InvalidLimitPrice);
                }
            },
        };
        Ok(OrderState {
            kind: limit.map_or(before.kind, OrderKind::Limit),
            conditions: Conditions {
                trigger,
                display: display.or(before.conditions.display),
                ..*before.conditions
            }
            .into(),
            ..before.clone()
        })
    }

    /// Another trigger of an order that waits. A limit at a distance follows it; one that trails keeps the best price that it saw.
    fn retriggered(
        &self,
        before: &OrderState,
        old: Trigger,
        price: Option<Offset>,
        asked: Option<Offset>,
    ) -> Result<(Option<Trigger>, Option<Price>), Refusal> {
        if price.is_none() && asked.is_none() {
            return Ok((Some(old), None));
        }
        let trails = old.kind == TriggerKind::TrailingStop;
        if trails && asked.is_some_and(|asked| !asked.is_distance()) {
            return Err(Refusal::InvalidPrice);
        }
        let new = NewTrigger {
            kind: old.kind,
            reference: old.reference,
            price: asked.unwrap_or(match old.asked {
                // What was resolved stays where it is.
                Offset::Percent(_) | Offset::Quote(_) if !trails => Offset::At(old.price),
                Offset::At(_) | Offset::Percent(_) | Offset::Quote(_) => old.asked,
            }),
            limit: price.or(old.limit).or(before.kind.limit().map(Offset::At)),
        };
        let grid = self.grid(before.pair).ok_or(Refusal::Unavailable)?;
        let from = old.peak.or_else(|| self.last_price(before.pair));
        let placed = new.placed(before.side, from, grid);
        let (trigger, limit) = placed.ok_or(Refusal::InvalidPrice)?;
        let trigger = match asked {
            Some(_) => trigger,
            None => Trigger {
                limit: trigger.limit,
                ..old
            },
        };
        Ok((Some(trigger), limit))
    }

    fn check_amended_funds(&self, before: &OrderState, after: &OrderState) -> Result<(), Refusal> {
        let (Some(client), Some(market)) = (self.client(before.account), self.market(before.pair))
        else {
            return Ok(());
        };
        let held = market.terms.hold(before);
        let needed = market.terms.hold(after);
        let (Ok((asset, held)), Ok((_, needed))) = (held, needed) else {
            return Err(Refusal::InsufficientFunds);
        };
        let more = needed
            .checked_sub(held)
            .map_err(|_overflow| Refusal::InsufficientFunds)?;
        if more > Decimal::ZERO && more > client.available(asset) {
            return Err(Refusal::InsufficientFunds);
        }
        Ok(())
    }

    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        account: AccountId,
        target: &CancelTarget,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        let order = self.find_cancelable(account, target)?;
        let points = cancel_penalty(now.since(order.touched));
        if !self.has_room(now, account, order.pair, points) {
            return Err(Refusal::RateLimit);
        }
        self.cancel_anyway(now, account, target, facts)
    }

    /// Cancels an order and charges for it, even if that goes over the limit.
    pub(super) fn cancel_anyway(
        &mut self,
        now: Timestamp,
        account: AccountId,
        target: &CancelTarget,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        let order = self.find_cancelable(account, target)?;
        let (key, pair, order_id) = (order.key, order.pair, order.order_id);
        let points = cancel_penalty(now.since(order.touched));
        self.charge(now, account, pair, points);
        self.end(now, key, CancelReason::User, facts);
        Ok(Reply::Canceled { order_id })
    }

    fn find_cancelable(
        &self,
        account: AccountId,
        target: &CancelTarget,
    ) -> Result<&OrderState, Refusal> {
        limits::admits_cancel(self.system)?;
        let order = self.find_open(account, target)?;
        limits::admits_cancel(self.pair_status(order.pair))?;
        Ok(order)
    }

    /// Cancels what the account has open, except in pairs under maintenance. Never refused for its rate.
    pub(super) fn cancel_all(
        &mut self,
        now: Timestamp,
        account: AccountId,
        reason: CancelReason,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        limits::admits_cancel(self.system)?;
        let open: Vec<(OrderKey, PairId)> = self
            .open_orders(account)
            .map(|order| (order.state.key, order.state.pair))
            .filter(|(_, pair)| limits::admits_cancel(self.pair_status(*pair)).is_ok())
            .collect();
        let mut pairs: Vec<PairId> = open.iter().map(|(_, pair)| *pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        // What the venue does by itself costs nothing.
        let charged = pairs.into_iter().filter(|_| reason == CancelReason::User);
        for pair in charged {
            self.charge(now, account, pair, CANCEL_ALL);
        }
        for (key, _) in &open {
            self.end(now, *key, reason, facts);
        }
        let count = u32::try_from(open.len()).unwrap_or(u32::MAX);
        Ok(Reply::CanceledAll { count })
    }

    /// The open order that is meant, if it is the account's.
    pub(super) fn find_open(
        &self,
        account: AccountId,
        target: &CancelTarget,
    ) -> Result<&OrderState, Refusal> {
        let key = match target {
            CancelTarget::Order(id) => self.ids.decode(Prefix::Order, id).map(OrderKey),
            CancelTarget::Client(name) => self
                .client(account)
                .and_then(|client| client.names.get(name).copied()),
        };
        let key = key
            .filter(|key| key.0 < self.next.orders)
            .ok_or(Refusal::InvalidOrder)?;
        let Some(order) = self.orders.get(&key) else {
            return Err(Refusal::UnknownOrder);
        };
        if order.state.account != account {
            return Err(Refusal::InvalidOrder);
        }
        if order.closed_at.is_some() {
            return Err(Refusal::UnknownOrder);
        }
        Ok(&order.state)
    }
}

/// An order that leaves others behind stays as it is.
pub(super) fn changeable(order: &OrderState) -> Result<(), Refusal> {
    match order.conditions.close {
        Some(_) => Err(Refusal::InvalidOrder),
        None => Ok(()),
    }
}

fn is_moved(old: Option<Price>, new: Option<Price>, tick: Price) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => (old.units() - new.units()).abs() >= tick.units(),
        _ => old != new,
    }
}

/// Points that depend on the order's age. Amending to what is filled pays for the cancel too.
fn penalty(now: Timestamp, order: &OrderState, ends: bool) -> Points {
    let age = now.since(order.touched);
    let cancel = if ends {
        cancel_penalty(age)
    } else {
        Points::NONE
    };
    amend_penalty(age).and(cancel)
}
