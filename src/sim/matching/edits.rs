//! Replacing an order by a new one in one act.
//!
//! Always true: the old order is there as long as the new one is refused; never both.

use super::{
    AccountId, CancelReason, Edit, Exchange, Fact, OrderState, Refusal, Reply,
    amends::changeable,
    fresh::Bare,
    limits::{self, EDIT, edit_penalty},
};
use crate::types::{Quantity, Timestamp};

impl Exchange {
    pub(super) fn edit(
        &mut self,
        now: Timestamp,
        account: AccountId,
        edit: &Edit,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refusal> {
        limits::admits_amend(self.system)?;
        let before = self.find_open(account, &edit.target)?.clone();
        changeable(&before)?;
        limits::admits_amend(self.pair_status(before.pair))?;
        let penalty = edit_penalty(now.since(before.touched));
        let room = self.has_room(now, account, before.pair, EDIT.and(penalty));
        if room && !edit.validate {
            self.charge(now, account, before.pair, EDIT);
        }
        let after = self.edited(now, &before, edit)?;
        self.check_values(&after)?;
        if !room {
            return Err(Refusal::RateLimit);
        }
        self.check_funds(&after, self.held_by(&before))?;
        if edit.deadline.is_some_and(|deadline| now > deadline) {
            return Err(Refusal::DeadlineElapsed);
        }
        if self.is_refused_post_only(&after) {
            return Err(Refusal::PostOnly);
        }
        if edit.validate {
            return Ok(Reply::Valid);
        }
        self.charge(now, account, before.pair, penalty);
        let (order_id, original) = (after.order_id, before.order_id);
        self.end(now, before.key, CancelReason::Replaced, facts);
        self.enter(now, after, None, facts);
        Ok(Reply::Edited { order_id, original })
    }

    /// The order that takes the old one's place, if it can: fills stay with the old one.
    ///
    /// # Errors
    ///
    /// An order that cannot be edited, or not so.
    pub fn edited(
        &self,
        now: Timestamp,
        before: &OrderState,
        edit: &Edit,
    ) -> Result<OrderState, Refusal> {
        let fired = before.conditions.trigger.is_some() && !before.is_waiting();
        let qty = edit.qty.unwrap_or(before.qty);
        if fired || qty <= before.filled {
            return Err(Refusal::InvalidOrder);
        }
        let changed = self.rechanged(before, edit.price, edit.trigger, edit.display)?;
        let qty = qty.saturating_sub(before.filled);
        let bare = Bare {
            account: before.account,
            pair: before.pair,
            side: before.side,
            kind: changed.kind,
            qty,
        };
        let display = changed.conditions.display;
        Ok(OrderState {
            shown: display.unwrap_or(Quantity::ZERO).min(qty),
            time_in_force: before.time_in_force,
            post_only: edit.post_only,
            conditions: changed.conditions,
            userref: edit.userref.or(before.userref),
            ..self.fresh(now, bare)
        })
    }
}
