//! What the private socket still owes an answer for. Pure.
//!
//! For: the queue of orders and amends that are not yet written, and the requests that are written and not yet answered.
//! Left out: bytes, sockets, waiting. Always true: each command that comes in leaves as exactly one outcome; a request whose bytes may
//! have left ends as *unsent* under no circumstances.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::super::lanes::Entry;
use crate::{
    engine::{
        command::{Cancel, CommandId},
        event::{Answer, Outcome, Unsent},
    },
    types::Timestamp,
};

/// Queue, requests in flight, and outcomes to be told. `P` is what a written order or amend holds until its end.
#[derive(Debug)]
pub(super) struct Desk<P> {
    waiting: VecDeque<Entry>,
    in_flight: BTreeMap<CommandId, InFlight<P>>,
    outcomes: VecDeque<Outcome>,
    patience: Duration,
}

#[derive(Debug)]
struct InFlight<P> {
    sent: Timestamp,
    /// Orders and amends hold one, cancels do not.
    permit: Option<P>,
}

impl<P> Desk<P> {
    /// An empty desk; requests are given up after `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            in_flight: BTreeMap::new(),
            outcomes: VecDeque::new(),
            patience,
        }
    }

    /// Takes an order or amend into the queue.
    pub(super) fn take(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
    }

    /// Takes a cancel in. What still waits for that order never leaves; where that was its create, the cancel is done and
    /// nothing remains to be written.
    pub(super) fn cancel(&mut self, cancel: Cancel) -> Option<Cancel> {
        let (withdrawn, others): (VecDeque<_>, _) = self
            .waiting
            .drain(..)
            .partition(|entry| entry.cl_ord_id() == cancel.cl_ord_id);
        self.waiting = others;
        let mut was_create = false;
        for entry in withdrawn {
            was_create |= matches!(entry, Entry::Submit(_));
            self.settle(entry.id(), Answer::Unsent(Unsent::Withdrawn));
        }
        if was_create {
            self.settle(cancel.id, Answer::Accepted { order_id: None });
            return None;
        }
        Some(cancel)
    }

    /// The next order or amend to write. Those whose deadline has passed come back unsent instead. `venue_now` is the venue's time.
    pub(super) fn next_entry(&mut self, venue_now: Timestamp) -> Option<Entry> {
        self.drop_late(venue_now);
        self.waiting.pop_front()
    }

    /// Brings those back unsent whose deadline has passed. The engine counts an order as in flight for longer than that, so what still
    /// waits is bounded by what risk lets be open, however long nothing can be written.
    pub(super) fn drop_late(&mut self, venue_now: Timestamp) {
        let is_late = |entry: &mut Entry| entry.deadline() <= venue_now;
        while let Some(entry) = self.waiting.pop_front_if(is_late) {
            self.settle(entry.id(), Answer::Unsent(Unsent::DeadlinePassed));
        }
    }

    /// Notes that a request's first byte is about to leave.
    pub(super) fn sending(&mut self, id: CommandId, permit: Option<P>, now: Timestamp) {
        self.in_flight.insert(id, InFlight { sent: now, permit });
    }

    /// Takes the answer to a request in and gives back what it held. Nothing for one that is unknown or was given up.
    pub(super) fn answered(&mut self, id: CommandId, answer: Answer) -> Option<Option<P>> {
        let request = self.in_flight.remove(&id)?;
        self.settle(id, answer);
        Some(request.permit)
    }

    /// Gives up the requests that waited too long. Gives back what they held.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<P> {
        let patience = self.patience;
        let late = |sent: Timestamp| sent.after(patience) <= now;
        let expired = self
            .in_flight
            .extract_if(.., |_, request| late(request.sent));
        let expired: Vec<_> = expired.collect();
        let mut permits = Vec::new();
        for (id, request) in expired {
            self.settle(id, Answer::Unanswered);
            permits.extend(request.permit);
        }
        permits
    }

    /// When the next request is to be given up.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let sent = self.in_flight.values().map(|request| request.sent).min()?;
        Some(sent.after(self.patience))
    }

    /// The connection is gone: what was written is unanswered, what was not is unsent.
    pub(super) fn lost(&mut self, unsent: Unsent) {
        for (id, _request) in std::mem::take(&mut self.in_flight) {
            self.settle(id, Answer::Unanswered);
        }
        for entry in std::mem::take(&mut self.waiting) {
            self.settle(entry.id(), Answer::Unsent(unsent));
        }
    }

    /// Notes what became of a command that never was, or no longer is, on this desk.
    pub(super) fn settle(&mut self, command: CommandId, answer: Answer) {
        self.outcomes.push_back(Outcome { command, answer });
    }

    /// The next outcome to tell.
    pub(super) fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// Number of requests that wait for their answer.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::kraken::testing::{amend, cancel, submit};

    const PATIENCE: Duration = Duration::from_secs(5);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn outcomes(desk: &mut Desk<&'static str>) -> Vec<(u64, Answer)> {
        std::iter::from_fn(|| desk.next_outcome())
            .map(|outcome| (outcome.command.0, outcome.answer))
            .collect()
    }

    const ACCEPTED: Answer = Answer::Accepted { order_id: None };
    const WITHDRAWN: Answer = Answer::Unsent(Unsent::Withdrawn);

    #[test]
    fn a_cancel_withdraws_a_create_that_still_waits_and_is_then_done() {
        let mut desk = Desk::new(PATIENCE);
        for entry in [
            submit(1, "a", at(1_000)),
            submit(2, "b", at(1_000)),
            amend(3, "a", at(1_000)),
        ] {
            desk.take(entry);
        }
        assert_eq!(desk.cancel(cancel(4, "a")), None);
        assert_eq!(
            outcomes(&mut desk),
            [(1, WITHDRAWN), (3, WITHDRAWN), (4, ACCEPTED)]
        );
        assert_eq!(desk.next_entry(at(0)).unwrap().id(), CommandId(2));
    }

    #[test]
    fn a_cancel_of_a_written_create_goes_out_and_takes_waiting_amends_with_it() {
        let mut desk = Desk::new(PATIENCE);
        desk.take(submit(1, "a", at(1_000)));
        let entry = desk.next_entry(at(0)).unwrap();
        desk.sending(entry.id(), Some("permit"), at(0));
        desk.take(amend(2, "a", at(1_000)));
        assert_eq!(desk.cancel(cancel(3, "a")), Some(cancel(3, "a")));
        assert_eq!(outcomes(&mut desk), [(2, WITHDRAWN)]);
        assert!(desk.next_entry(at(0)).is_none());
    }

    #[test]
    fn a_deadline_that_passes_in_the_queue_keeps_the_order_home() {
        let mut desk = Desk::new(PATIENCE);
        desk.take(submit(1, "a", at(1_000)));
        assert!(desk.next_entry(at(1_000)).is_none());
        let passed = Answer::Unsent(Unsent::DeadlinePassed);
        assert_eq!(outcomes(&mut desk), [(1, passed)]);
    }

    #[test]
    fn of_what_cannot_be_written_only_what_is_in_time_stays() {
        let mut desk: Desk<&str> = Desk::new(PATIENCE);
        for id in 1..=1_000 {
            desk.take(submit(id, "a", at(id as i64)));
            desk.drop_late(at(id as i64 - 5));
            assert!(desk.waiting.len() <= 5, "{}", desk.waiting.len());
        }
        let passed = Answer::Unsent(Unsent::DeadlinePassed);
        assert_eq!(
            outcomes(&mut desk),
            Vec::from_iter((1..=995).map(|id| (id, passed)))
        );
    }

    #[test]
    fn silence_ends_as_unanswered_and_a_late_answer_changes_nothing() {
        let mut desk = Desk::new(PATIENCE);
        desk.sending(CommandId(1), Some("permit"), at(0));
        desk.sending(CommandId(2), None, at(100));
        assert_eq!(desk.next_due(), Some(at(5_000)));
        assert_eq!(desk.expire(at(4_999)), Vec::<&str>::new());
        assert_eq!(desk.expire(at(5_000)), ["permit"]);
        assert_eq!(outcomes(&mut desk), [(1, Answer::Unanswered)]);
        assert_eq!(desk.answered(CommandId(1), ACCEPTED), None);
        assert_eq!(desk.next_outcome(), None);
        assert_eq!(desk.next_due(), Some(at(5_100)));
    }

    #[test]
    fn a_lost_connection_leaves_written_requests_unanswered_and_waiting_ones_unsent() {
        let mut desk = Desk::new(PATIENCE);
        desk.sending(CommandId(1), Some("permit"), at(0));
        desk.take(submit(2, "b", at(1_000)));
        desk.lost(Unsent::NotConnected);
        let unsent = Answer::Unsent(Unsent::NotConnected);
        assert_eq!(outcomes(&mut desk), [(1, Answer::Unanswered), (2, unsent)]);
        assert_eq!(desk.answered(CommandId(1), ACCEPTED), None);
    }

    #[test]
    fn an_answer_gives_the_permit_back_once() {
        let mut desk = Desk::new(PATIENCE);
        desk.sending(CommandId(1), Some("permit"), at(7));
        assert_eq!(desk.answered(CommandId(1), ACCEPTED), Some(Some("permit")));
        assert_eq!(desk.answered(CommandId(1), ACCEPTED), None);
        assert_eq!(outcomes(&mut desk), [(1, ACCEPTED)]);
    }
}
