//! What became of a command, and what follows from it.

use super::{
    command::CommandId,
    core::{Core, Touched},
    event::{Answer, Outcome, RejectReason, Rejection},
    note::Note,
    order::{ChangeState, End, State},
    orders::What,
    outbox::Outbox,
};
use crate::types::{ClOrdId, OrderId};

impl Core {
    pub(super) fn outcome(&mut self, outcome: &Outcome, out: &mut Outbox) -> Touched {
        let Some((id, what)) = self.state.orders.flying(outcome.command) else {
            return Touched::None;
        };
        if !matches!(outcome.answer, Answer::Unanswered) {
            self.state.orders.land(outcome.command);
        }
        let Some(instrument) = self.state.orders.get(&id).map(|order| order.instrument) else {
            return Touched::None;
        };
        if let Answer::Rejected(rejection) = &outcome.answer {
            self.rejected(&id, what, rejection, out);
        }
        match what {
            What::Create => self.create_outcome(&id, &outcome.answer, out),
            What::Amend => self.amend_outcome(&id, outcome.command, &outcome.answer, out),
            What::Cancel => self.cancel_outcome(&id, outcome.command, &outcome.answer),
        }
        self.tend(&id, out);
        Touched::One(instrument)
    }

    fn rejected(&mut self, id: &ClOrdId, what: What, rejection: &Rejection, out: &mut Outbox) {
        let (now, tier) = (self.state.now, self.state.tier);
        let instrument = self.state.orders.get(id).map(|order| order.instrument);
        if rejection.reason == RejectReason::RateLimited
            && let Some((_, market)) = instrument.and_then(|id| self.market_mut(id))
        {
            market.counter.full(now, tier);
        }
        out.note(Note::Rejected {
            cl_ord_id: *id,
            what: what.as_str(),
            rejection: *rejection,
        });
    }

    fn create_outcome(&mut self, id: &ClOrdId, answer: &Answer, out: &mut Outbox) {
        match answer {
            Answer::Accepted {
                order_id: Some(order_id),
            } => self.note_open(id, *order_id, out),
            Answer::Accepted { order_id: None } => {}
            Answer::Rejected(rejection) => self.create_rejected(id, rejection, out),
            Answer::Unsent(_) => self.refuted(id, End::Unsent, out),
            Answer::Unanswered => {
                let (now, grace) = (self.state.now, self.settings.orders.grace);
                let Some(order) = self.state.orders.get_mut(id) else {
                    return;
                };
                if order.create_unanswered() {
                    order.look_up_when_over(now, grace);
                    out.note(Note::Unanswered {
                        cl_ord_id: *id,
                        what: "create",
                    });
                }
            }
        }
    }

    /// An id is given once: if the venue calls it a duplicate, this very order is there.
    fn create_rejected(&mut self, id: &ClOrdId, rejection: &Rejection, out: &mut Outbox) {
        if rejection.reason != RejectReason::DuplicateId {
            return self.refuted(id, End::Rejected, out);
        }
        let now = self.state.now;
        if let Some(order) = self.state.orders.get_mut(id)
            && order.create_unanswered()
        {
            order.look_up(now);
        }
    }

    /// The create certainly had no effect; if reports say otherwise, they win and a person must look.
    fn refuted(&mut self, id: &ClOrdId, end: End, out: &mut Outbox) {
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        match order.state {
            State::Pending { .. } | State::Unknown { .. } => self.end(id, end, out),
            State::Open { .. } => {
                let instrument = order.instrument;
                let detail = "the venue reports an order that it also refused";
                self.anomaly(instrument, Some(*id), "refused_but_open", detail, out);
            }
            State::Done { .. } => {}
        }
    }

    /// Notes that an order is live under the venue's id.
    pub(super) fn note_open(&mut self, id: &ClOrdId, order_id: OrderId, out: &mut Outbox) {
        let now = self.state.now;
        self.state.orders.note_order_id(order_id, *id);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if !order.opened(order_id) {
            return;
        }
        order.look = None;
        order.touched = now;
        if let Some(cancel) = &mut order.cancel
            && cancel.command.is_none()
        {
            cancel.again = now;
        }
        out.note(Note::Opened {
            cl_ord_id: *id,
            order_id,
        });
    }

    /// An answer settles the amend that it answers. One that was settled otherwise is no longer under way: its answer is late.
    fn amend_outcome(
        &mut self,
        id: &ClOrdId,
        command: CommandId,
        answer: &Answer,
        out: &mut Outbox,
    ) {
        let now = self.state.now;
        let (cancel_again, grace) = (
            self.settings.orders.cancel_again,
            self.settings.orders.grace,
        );
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if !order.is_changed_by(command) {
            return;
        }
        match answer {
            Answer::Accepted { .. } => order.change_taken(now),
            Answer::Rejected(rejection) => {
                order.settle_change();
                order.look = None;
                if rejection.reason == RejectReason::UnknownOrder {
                    order.look_up(now.after(cancel_again));
                }
            }
            Answer::Unsent(_) => order.settle_change(),
            Answer::Unanswered => {
                if order.amend_unanswered() {
                    order.look_up_when_over(now, grace);
                    out.note(Note::Unanswered {
                        cl_ord_id: *id,
                        what: "amend",
                    });
                }
            }
        }
    }

    /// An answer to a cancel ends nothing: only the venue's report does. Until then it is repeated.
    fn cancel_outcome(&mut self, id: &ClOrdId, command: CommandId, answer: &Answer) {
        let (now, pause) = (self.state.now, self.settings.orders.cancel_again);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let settled = matches!(
            order.state,
            State::Open {
                change: ChangeState::None,
                ..
            }
        );
        let Some(cancel) = &mut order.cancel else {
            return;
        };
        if cancel.command != Some(command) {
            return;
        }
        cancel.command = None;
        cancel.again = now.after(match answer {
            // The report is under way.
            Answer::Accepted { .. } => pause * 4,
            Answer::Rejected(_) | Answer::Unanswered | Answer::Unsent(_) => pause,
        });
        let gone = matches!(
            answer,
            Answer::Rejected(Rejection {
                reason: RejectReason::UnknownOrder,
                ..
            })
        );
        if gone && settled {
            order.look_up(now.after(pause));
        }
    }
}
