//! What an order needs next: its deadlines, its cancel, its look-ups. One place decides, one timer an order wakes it.

use std::time::Duration;

use super::{
    command::{Cancel, Command, LookUp},
    core::{Core, Mode},
    note::Note,
    order::{Canceling, ChangeState, End, Order, State},
    orders::What,
    outbox::Outbox,
    throttle::Action,
    timer::Timer,
};
use crate::types::{ClOrdId, Timestamp};

impl Core {
    /// Looks at an order after anything about it changed; sends what is due and sets its timer.
    pub(super) fn tend(&mut self, id: &ClOrdId, out: &mut Outbox) {
        self.give_up_waiting(id, out);
        self.send_cancel(id, out);
        self.send_look_up(id, out);
        self.set_wake(id);
    }

    /// A create or amend whose answer is overdue counts as unanswered, whether or not the edge said so.
    fn give_up_waiting(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let (now, grace) = (self.state.now, self.settings.orders.grace);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if order
            .deadline()
            .is_none_or(|deadline| deadline.after(grace) > now)
        {
            return;
        }
        let what = if order.create_unanswered() {
            What::Create
        } else if order.amend_unanswered() {
            What::Amend
        } else {
            return;
        };
        order.look_up(now);
        out.note(Note::Unanswered {
            cl_ord_id: *id,
            what: what.as_str(),
        });
    }

    /// Everything that was in flight on a lost connection will not be answered.
    pub(super) fn lost(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let (now, grace) = (self.state.now, self.settings.orders.grace);
        let again = now.after(self.settings.orders.cancel_again);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if order.create_unanswered() || order.amend_unanswered() {
            order.look_up_when_over(now, grace);
        }
        if let Some(cancel) = &mut order.cancel
            && cancel.command.take().is_some()
        {
            cancel.again = again;
        }
        self.tend(id, out);
    }

    /// Wants an order gone, from now until the venue says that it is.
    pub(super) fn want_cancel(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let now = self.state.now;
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if !order.is_live() {
            return;
        }
        order.cancel.get_or_insert(Canceling {
            command: None,
            again: now,
            sent: 0,
        });
        self.tend(id, out);
    }

    fn send_cancel(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let (now, tier) = (self.state.now, self.state.tier);
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        if !self.may_cancel() || !wants_cancel_now(order, now) {
            return;
        }
        let (instrument, age, order_id) =
            (order.instrument, now.since(order.touched), order.order_id());
        let Some((_, market)) = self.market_mut(instrument) else {
            return;
        };
        if let Err(wait) = market.counter.admit_cancel(now, tier, age) {
            return self.cancel_again(id, wait);
        }
        market.counter.charge(now, tier, Action::Cancel(age));
        let command = self.state.orders.next_command();
        self.state.orders.fly(command, *id, What::Cancel);
        if let Some(order) = self.state.orders.get_mut(id)
            && let Some(cancel) = &mut order.cancel
        {
            cancel.command = Some(command);
            cancel.sent += 1;
            let (side, price, qty) = (order.side, order.price, order.qty);
            let what = What::Cancel;
            out.note(Note::Sent {
                cl_ord_id: *id,
                instrument,
                what,
                side,
                price,
                qty,
            });
        }
        out.command(Command::Cancel(Cancel {
            id: command,
            cl_ord_id: *id,
            order_id,
        }));
    }

    /// What an earlier run wanted gone waits until it has been found: it may be over. A stop waits for nothing.
    const fn may_cancel(&self) -> bool {
        self.state.reconcile.done || matches!(self.state.mode, Mode::Stopping | Mode::Stopped)
    }

    pub(super) fn cancel_again(&mut self, id: &ClOrdId, wait: Duration) {
        let again = self.state.now.after(wait);
        if let Some(order) = self.state.orders.get_mut(id)
            && let Some(cancel) = &mut order.cancel
        {
            cancel.command = None;
            cancel.again = again;
        }
    }

    fn send_look_up(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let now = self.state.now;
        let known_until = self.known_until();
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let sent = order.sent;
        let Some(look) = &mut order.look else { return };
        if look.asking || look.next > now {
            return;
        }
        look.asking = true;
        let (sent, since) = (
            self.venue_time(sent),
            self.venue_time(sent.max(known_until)),
        );
        out.command(Command::LookUp(LookUp {
            cl_ord_id: *id,
            sent,
            since,
        }));
    }

    fn set_wake(&mut self, id: &ClOrdId) {
        let (grace, may_cancel) = (self.settings.orders.grace, self.may_cancel());
        // What is due and could not be done waits for something else to happen; it must not spin.
        let soonest = self.state.now.after(Duration::from_millis(1));
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let (old, new) = (
            order.wake,
            next_wake(order, grace, may_cancel).map(|at| at.max(soonest)),
        );
        order.wake = new;
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.state.timers.clear(at, Timer::Order(*id));
        }
        if let Some(at) = new {
            self.state.timers.set(at, Timer::Order(*id));
        }
    }

    /// Ends an order and puts it aside.
    pub(super) fn end(&mut self, id: &ClOrdId, end: End, out: &mut Outbox) {
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if !order.end(end) {
            return;
        }
        self.set_wake(id);
        self.state.orders.retire(id);
        out.note(Note::Ended {
            cl_ord_id: *id,
            end,
        });
    }
}

/// One change an order is in flight at a time: a cancel waits for the answer to an amend, never for that to a create.
fn wants_cancel_now(order: &Order, now: Timestamp) -> bool {
    order.is_live()
        && !amending(order)
        && order
            .cancel
            .is_some_and(|cancel| cancel.command.is_none() && cancel.again <= now)
}

const fn amending(order: &Order) -> bool {
    matches!(
        order.state,
        State::Open {
            change: ChangeState::Sent { .. },
            ..
        }
    )
}

fn next_wake(order: &Order, grace: Duration, may_cancel: bool) -> Option<Timestamp> {
    if !order.is_live() {
        return None;
    }
    let waiting = match &order.state {
        State::Pending { deadline, .. } => Some(deadline.after(grace)),
        State::Open {
            change: ChangeState::Sent { deadline, .. },
            ..
        } => Some(deadline.after(grace)),
        State::Open { .. } | State::Unknown { .. } | State::Done { .. } => None,
    };
    let cancel = order
        .cancel
        .filter(|cancel| may_cancel && cancel.command.is_none() && !amending(order))
        .map(|cancel| cancel.again);
    let look = order.look.filter(|look| !look.asking).map(|look| look.next);
    [waiting, cancel, look].into_iter().flatten().min()
}
