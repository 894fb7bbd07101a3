//! Whether orders and amends may be written: the order-entry breaker, and the probes that close it.
//!
//! Always true: a probe is a harmless read together with a ping, never an order, and works when both are answered; a read that
//! waits for its turn under our own rate limit says nothing; while the breaker is not closed, no order is admitted, not even as
//! its probe.

use std::time::Duration;

use crate::{
    engine::event::{Answer, OrderEntry, RejectReason},
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Permit as Leave, Snapshot, State},
    types::Timestamp,
};

/// Pause after a probe that was not admitted.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Pause after a probe that said nothing.
const VOID_PAUSE: Duration = Duration::from_secs(1);

/// What a written order, amend or cancel holds until its end. Dropped, it counts as nothing.
#[derive(Debug)]
pub(super) struct Permit(Leave);

/// The breaker as the writer uses it.
#[derive(Debug)]
pub(super) struct Gate {
    breaker: CircuitBreaker,
    /// Counts cancels, and stops none.
    cancels: CircuitBreaker,
    probe: Option<Probe>,
    /// Probes so far.
    probes: u64,
    patience: Duration,
    /// No probe before this: one was not admitted.
    not_before: Timestamp,
    told: OrderEntry,
}

/// A probe that is out.
#[derive(Debug)]
struct Probe {
    number: u64,
    leave: Leave,
    /// The ping must be answered by then. The read has limits of its own.
    due: Timestamp,
    read: bool,
    ponged: bool,
}

impl Gate {
    /// A probe whose ping is not answered within `patience` has failed.
    pub(super) const fn new(
        breaker: CircuitBreaker,
        cancels: CircuitBreaker,
        patience: Duration,
    ) -> Self {
        Self {
            breaker,
            cancels,
            probe: None,
            probes: 0,
            patience,
            not_before: Timestamp::MIN,
            told: OrderEntry::Open,
        }
    }

    fn entry(&self) -> OrderEntry {
        entry(&self.breaker.snapshot())
    }

    /// Leave to write one order or amend, at an instant that was just read.
    pub(super) fn admit(&self, now: Timestamp) -> Option<Permit> {
        match entry(&self.breaker.snapshot_at(now)) {
            OrderEntry::Open => self.breaker.admit_at(now).ok().map(Permit),
            OrderEntry::Shut => None,
        }
    }

    /// What counts a cancel, at an instant that was just read. It leaves in any case.
    pub(super) fn pass(&self, now: Timestamp) -> Option<Permit> {
        self.cancels.admit_at(now).ok().map(Permit)
    }

    /// Tells its breaker how the venue answered. A refusal shows that it works; being too fast says nothing about it.
    pub(super) fn record(permit: Permit, answer: Answer) {
        permit.0.record(match answer {
            Answer::Accepted { .. } => Outcome::Success,
            Answer::Rejected(rejection) if rejection.reason == RejectReason::RateLimited => {
                Outcome::Ignored
            }
            Answer::Rejected(_) => Outcome::Success,
            Answer::Unanswered => Outcome::Failure,
            Answer::Unsent(_) => Outcome::Ignored,
        });
    }

    /// When a probe is to begin, or to be given up.
    pub(super) fn next_step(&self) -> Option<Timestamp> {
        if let Some(probe) = &self.probe {
            return (!probe.ponged).then_some(probe.due);
        }
        let snapshot = self.breaker.snapshot();
        match snapshot.state {
            State::Open => snapshot.retry_at,
            State::HalfOpen => Some(self.not_before),
            State::Closed | State::ForcedOpen | State::Disabled | State::MetricsOnly => None,
        }
    }

    /// Whether the ping of a probe is not answered in time.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        let probe = self.probe.as_ref();
        probe.is_some_and(|probe| !probe.ponged && probe.due <= now)
    }

    /// Gives an overdue probe up, or begins one that is due. Its number when one has begun: a read and a ping are to be sent.
    pub(super) fn step(&mut self, now: Timestamp) -> Option<u64> {
        if self.next_step().is_none_or(|at| at > now) {
            return None;
        }
        if self.probe.is_some() {
            self.end_probe(Outcome::Failure);
            return None;
        }
        self.probes += 1;
        let number = self.probes;
        let due = now.after(self.patience);
        self.probe = self.breaker.admit_at(now).ok().map(|leave| Probe {
            number,
            leave,
            due,
            read: false,
            ponged: false,
        });
        self.not_before = now.after(REFUSED_PAUSE);
        self.probe.as_ref().map(|probe| probe.number)
    }

    /// The read of a probe has ended. That of one given up before says nothing.
    pub(super) fn read(&mut self, now: Timestamp, number: u64, outcome: Outcome) {
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.number == number) else {
            return;
        };
        match outcome {
            Outcome::Success => {
                probe.read = true;
                self.end_if_complete();
            }
            Outcome::Failure => self.end_probe(outcome),
            Outcome::Ignored => {
                self.not_before = now.after(VOID_PAUSE);
                self.end_probe(outcome);
            }
        }
    }

    /// The last ping was answered.
    pub(super) fn ponged(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.ponged = true;
            self.end_if_complete();
        }
    }

    fn end_if_complete(&mut self) {
        if self
            .probe
            .as_ref()
            .is_some_and(|probe| probe.read && probe.ponged)
        {
            self.end_probe(Outcome::Success);
        }
    }

    fn end_probe(&mut self, outcome: Outcome) {
        if let Some(probe) = self.probe.take() {
            probe.leave.record(outcome);
        }
    }

    /// The connection over which a probe was out is gone; that says nothing.
    pub(super) fn disconnected(&mut self) {
        self.probe = None;
    }

    /// What strategies must be told, if it is not what they were told last.
    pub(super) fn transition(&mut self) -> Option<OrderEntry> {
        let entry = self.entry();
        let changed = entry != std::mem::replace(&mut self.told, entry);
        changed.then_some(entry)
    }
}

const fn entry(breaker: &Snapshot) -> OrderEntry {
    match breaker.state {
        State::Closed | State::Disabled | State::MetricsOnly => OrderEntry::Open,
        State::Open | State::HalfOpen | State::ForcedOpen => OrderEntry::Shut,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{
        engine::event::Unsent,
        io::{Clock, rng::Rng},
        resilience::circuit_breaker::{Settings, Totals},
        venue::kraken::error::answer_to,
    };

    /// A gate that waits for its first probe, and the time of it.
    fn half_open() -> (Gate, Timestamp) {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_000));
        let settings = Settings {
            consecutive_failures: 1,
            probes: 1,
            ..Settings::default()
        };
        let open_for = settings.open_for;
        let rng = Rng::seed_from_u64(1);
        let breaker = CircuitBreaker::new("order_entry", settings, clock.clone(), rng);
        let gate = Gate::new(breaker.clone(), breaker, Duration::from_secs(5));
        let permit = gate.admit(clock.now()).unwrap();
        Gate::record(permit, Answer::Unanswered);
        hand.advance(open_for * 2);
        (gate, clock.now())
    }

    #[test]
    fn a_ping_without_answer_fails_the_probe() {
        let (mut gate, now) = half_open();
        gate.step(now).unwrap();
        let due = now.after(Duration::from_secs(5));
        assert_eq!((gate.is_late(now), gate.is_late(due)), (false, true));
        assert_eq!(gate.step(due), None);
        assert_eq!(gate.breaker.snapshot().state, State::Open);
    }

    #[test]
    fn a_read_that_waits_for_its_turn_is_waited_for() {
        let (mut gate, now) = half_open();
        let number = gate.step(now).unwrap();
        gate.ponged();
        let later = now.after(Duration::from_secs(12));
        assert_eq!((gate.next_step(), gate.step(later)), (None, None));
        gate.read(later, number, Outcome::Success);
        assert_eq!(gate.entry(), OrderEntry::Open);
    }

    #[test]
    fn a_read_that_never_left_is_no_failure_and_the_next_probe_waits() {
        let (mut gate, now) = half_open();
        let number = gate.step(now).unwrap();
        gate.read(now, number, Outcome::Ignored);
        assert_eq!(gate.breaker.snapshot().state, State::HalfOpen);
        assert_eq!(gate.next_step(), Some(now.after(VOID_PAUSE)));
    }

    #[test]
    fn the_read_of_a_probe_given_up_does_not_complete_the_next() {
        let (mut gate, now) = half_open();
        let first = gate.step(now).unwrap();
        gate.disconnected();
        let later = now.after(VOID_PAUSE);
        let second = gate.step(later).unwrap();
        gate.ponged();
        gate.read(later, first, Outcome::Success);
        assert_eq!(gate.entry(), OrderEntry::Shut);
        gate.read(later, second, Outcome::Success);
        assert_eq!(gate.entry(), OrderEntry::Open);
    }

    #[test]
    fn nothing_is_admitted_until_a_probe_has_worked() {
        let (mut gate, now) = half_open();
        assert!(gate.admit(now).is_none(), "open");
        gate.step(now).unwrap();
        assert!(gate.admit(now).is_none(), "half open");
    }

    /// What the breaker has counted of one order that ended like this, apart from its admission.
    fn counted(answer: Answer) -> Totals {
        let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
        let settings = Settings::default();
        let rng = Rng::seed_from_u64(1);
        let breaker = CircuitBreaker::new("order_entry", settings, clock.clone(), rng);
        let gate = Gate::new(breaker.clone(), breaker.clone(), Duration::from_secs(5));
        Gate::record(gate.admit(clock.now()).unwrap(), answer);
        let totals = breaker.snapshot().totals;
        assert_eq!(totals.admitted, 1);
        Totals {
            admitted: 0,
            ..totals
        }
    }

    #[test]
    fn each_end_of_an_order_counts_as_what_it_says_of_the_venue() {
        let one = |count: fn(&mut Totals) -> &mut u64| {
            let mut totals = Totals::default();
            *count(&mut totals) = 1;
            totals
        };
        let succeeded = one(|totals| &mut totals.succeeded);
        let failed = one(|totals| &mut totals.failed);
        let ignored = one(|totals| &mut totals.ignored);
        let order_id = None;
        for (answer, expected) in [
            (Answer::Accepted { order_id }, succeeded),
            (answer_to("EOrder:Insufficient funds"), succeeded),
            (answer_to("EService:Market in cancel_only mode"), succeeded),
            (answer_to("EAPI:Invalid key"), succeeded),
            (answer_to("EOrder:Rate limit exceeded"), ignored),
            (answer_to("EAPI:Rate limit exceeded"), ignored),
            (answer_to("EService:Throttled: 1788249600"), ignored),
            (answer_to("EService:Unavailable"), failed),
            (answer_to("EThing:never heard of"), failed),
            (Answer::Unanswered, failed),
            (Answer::Unsent(Unsent::NotConnected), ignored),
            (Answer::Unsent(Unsent::BreakerOpen), ignored),
            (Answer::Unsent(Unsent::DeadlinePassed), ignored),
            (Answer::Unsent(Unsent::Withdrawn), ignored),
            (Answer::Unsent(Unsent::Stopping), ignored),
            (Answer::Unsent(Unsent::Unrecorded), ignored),
        ] {
            assert_eq!(counted(answer), expected, "{answer:?}");
        }
    }
}
