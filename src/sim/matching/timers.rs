//! What happens because time passes: orders begin, orders expire, dead man's switches go off.
//!
//! Left out: waiting for it; whoever drives the exchange asks [`Exchange::next_due`] and calls [`Exchange::tick`].
//! Always true: an order that is told expired was in the book until then; a switch goes off once. While nothing can be canceled,
//! nothing is due; what came due meanwhile happens on return.

use std::time::Duration;

use super::{
    AccountId, CancelReason, Exchange, Fact, OrderKey, OrderState, Refusal, Reply, TimeInForce,
    limits::{self, NO_PAIR, WIND},
};
use crate::types::Timestamp;

/// Something that time brings.
enum Due {
    Expiry(OrderKey),
    Switch(AccountId),
    Start(OrderKey),
}

impl Exchange {
    /// The earliest instant at which something is due without being asked for.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.first_due().map(|(at, _)| at)
    }

    /// Whether nothing can be done at all, cancels included.
    pub(super) fn is_frozen(&self) -> bool {
        limits::admits_cancel(self.system).is_err()
    }

    /// The order that expires next where orders can be canceled.
    fn next_expiry(&self) -> Option<(Timestamp, OrderKey)> {
        let mut expiries = self.expiries.iter().copied();
        expiries.find(|(_, key)| {
            let order = self.orders.get(key);
            let status = order.map(|order| self.pair_status(order.state.pair));
            status.is_none_or(|status| limits::admits_cancel(status).is_ok())
        })
    }

    /// Does what is due by `now` and appends what became of it to `facts`.
    pub fn tick(&mut self, now: Timestamp, facts: &mut Vec<Fact>) {
        self.moves.clear();
        while let Some((at, due)) = self.first_due()
            && at <= now
        {
            match due {
                Due::Expiry(key) => {
                    self.expiries.remove(&(at, key));
                    self.end(now, key, CancelReason::Expired, facts);
                }
                Due::Switch(account) => {
                    self.fire_switch(now, account, facts);
                }
                Due::Start(key) => {
                    self.starts.remove(&(at, key));
                    self.begin(now, key, facts);
                    self.follow_up(now, facts);
                }
            }
        }
        self.tell_levels(facts);
    }

    /// What is due first. Of what is due at one instant, orders leave before others begin.
    fn first_due(&self) -> Option<(Timestamp, Due)> {
        if self.is_frozen() {
            return None;
        }
        let expiry = self.next_expiry();
        let expiry = expiry.map(|(at, key)| (at, Due::Expiry(key)));
        let switch = self
            .switches
            .first()
            .map(|(at, account)| (*at, Due::Switch(*account)));
        let start = self.starts.first().filter(|_| !self.starts_held);
        let start = start.map(|(at, key)| (*at, Due::Start(*key)));
        let all = [expiry, switch, start].into_iter().flatten();
        all.min_by_key(|(at, _)| *at)
    }

    /// Cancels what an account has open, except in pairs under maintenance. The switch is off then.
    pub(super) fn fire_switch(
        &mut self,
        now: Timestamp,
        account: AccountId,
        facts: &mut Vec<Fact>,
    ) {
        self.commit(now, Fact::Switch { account, at: None }, facts);
        let _refused = self.cancel_all(now, account, CancelReason::NotAlive, facts);
    }

    /// Winds an account's switch anew, or takes it off.
    pub(super) fn wind_switch(
        &mut self,
        now: Timestamp,
        account: AccountId,
        timeout: Option<Duration>,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        limits::admits_cancel(self.system)?;
        if !self.has_room(now, account, NO_PAIR, WIND) {
            return Err(Refusal::RateLimit);
        }
        self.charge(now, account, NO_PAIR, WIND);
        let at = timeout.map(|timeout| now.after(timeout));
        if self.client(account).is_some() {
            self.commit(now, Fact::Switch { account, at }, facts);
        }
        Ok(Reply::Wound { at })
    }

    pub(super) fn apply_switch(&mut self, account: AccountId, at: Option<Timestamp>) {
        let Some(client) = self.client_mut(account) else {
            return;
        };
        let before = std::mem::replace(&mut client.switch, at);
        if let Some(before) = before {
            self.switches.remove(&(before, account));
        }
        self.switches.extend(at.map(|at| (at, account)));
    }

    /// Notes when an open order expires.
    pub(super) fn watch_expiry(&mut self, order: &OrderState) {
        self.expiries.extend(expiry(order));
    }

    pub(super) fn forget_expiry(&mut self, order: &OrderState) {
        if let Some(entry) = expiry(order) {
            self.expiries.remove(&entry);
        }
    }
}

const fn expiry(order: &OrderState) -> Option<(Timestamp, OrderKey)> {
    match order.time_in_force {
        TimeInForce::Gtd(at) => Some((at, order.key)),
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
    }
}
