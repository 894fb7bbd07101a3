//! Whether orders and amends may be written: the order-entry breaker, and the probes that close it.
//!
//! Always true: a probe is a harmless read and then a ping, never an order, and works when both are answered; it begins when the read
//! has its turn, so that a wait under our own rate limit says nothing; while the breaker is not closed, no order is admitted, not even
//! as its probe.

use std::time::Duration;

use crate::{
    engine::event::{Answer, OrderEntry, RejectReason},
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Permit as Leave, Snapshot, State},
    types::Timestamp,
};

/// Least time between the beginnings of two probes.
const PAUSE: Duration = Duration::from_millis(100);
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
    /// No probe before this.
    not_before: Timestamp,
    told: OrderEntry,
}

/// A probe that is out.
#[derive(Debug)]
enum Probe {
    /// Its read is on its way, or waits for its turn. It has limits of its own.
    Reading { number: u64 },
    /// The read was answered, and its ping must be by then.
    Pinging { leave: Leave, due: Timestamp },
}

/// How the read of a probe ended; none when it never left.
pub(super) type Read = Option<(Leave, Outcome)>;

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
        self.breaker.admit_no_probe_at(now).ok().map(Permit)
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
        match &self.probe {
            Some(Probe::Reading { .. }) => return None,
            Some(Probe::Pinging { due, .. }) => return Some(*due),
            None => {}
        }
        let snapshot = self.breaker.snapshot();
        match snapshot.state {
            State::Open => snapshot.retry_at.map(|at| at.max(self.not_before)),
            State::HalfOpen => Some(self.not_before),
            State::Closed | State::ForcedOpen | State::Disabled | State::MetricsOnly => None,
        }
    }

    /// Whether the ping of a probe is not answered in time.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        matches!(self.probe, Some(Probe::Pinging { due, .. }) if due <= now)
    }

    /// Gives an overdue probe up, or begins one that is due. Its number when one has begun: a read is to be sent.
    pub(super) fn step(&mut self, now: Timestamp) -> Option<u64> {
        if self.next_step().is_none_or(|at| at > now) {
            return None;
        }
        if self.probe.is_some() {
            self.end_ping(Outcome::Failure);
            return None;
        }
        self.probes += 1;
        let number = self.probes;
        self.probe = Some(Probe::Reading { number });
        self.not_before = now.after(PAUSE);
        Some(number)
    }

    /// The breaker, for the read of a probe.
    pub(super) const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// The read of a probe has ended. That of one given up before says nothing. True when a ping is to follow at once.
    pub(super) fn read(&mut self, now: Timestamp, number: u64, read: Read) -> bool {
        match &self.probe {
            Some(Probe::Reading { number: reading }) if *reading == number => {}
            _ => return false,
        }
        self.probe = None;
        match read {
            Some((leave, Outcome::Success)) => {
                let due = now.after(self.patience);
                self.probe = Some(Probe::Pinging { leave, due });
                return true;
            }
            Some((leave, Outcome::Failure)) => leave.record(Outcome::Failure),
            Some((leave, Outcome::Ignored)) => {
                self.not_before = now.after(VOID_PAUSE);
                leave.record(Outcome::Ignored);
            }
            None => self.not_before = now.after(VOID_PAUSE),
        }
        false
    }

    /// The last ping was answered.
    pub(super) fn ponged(&mut self) {
        self.end_ping(Outcome::Success);
    }

    fn end_ping(&mut self, outcome: Outcome) {
        self.probe = match self.probe.take() {
            Some(Probe::Pinging { leave, .. }) => {
                leave.record(outcome);
                None
            }
            other => other,
        };
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
        io::{Clock, clock::ManualClock, rng::Rng},
        resilience::circuit_breaker::{Settings, Totals},
        venue::kraken::error::answer_to,
    };

    /// A gate that waits for its first probe, and the clock with its hands.
    fn half_open() -> (Gate, Clock, ManualClock) {
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
        (gate, clock, hand)
    }

    /// A read that has had its turn and ended like this.
    fn ended(gate: &Gate, outcome: Outcome) -> Read {
        Some((gate.breaker.admit().unwrap(), outcome))
    }

    #[test]
    fn a_ping_without_answer_fails_the_probe() {
        let (mut gate, clock, _hand) = half_open();
        let now = clock.now();
        let number = gate.step(now).unwrap();
        let read = ended(&gate, Outcome::Success);
        assert!(gate.read(now, number, read), "a ping is to follow");
        let due = now.after(Duration::from_secs(5));
        assert_eq!(gate.next_step(), Some(due));
        assert_eq!((gate.is_late(now), gate.is_late(due)), (false, true));
        assert_eq!(gate.step(due), None);
        assert_eq!(gate.breaker.snapshot().state, State::Open);
    }

    #[test]
    fn a_read_without_answer_fails_the_probe() {
        let (mut gate, clock, _hand) = half_open();
        let number = gate.step(clock.now()).unwrap();
        let read = ended(&gate, Outcome::Failure);
        assert!(!gate.read(clock.now(), number, read), "no ping follows");
        assert_eq!(gate.breaker.snapshot().state, State::Open);
    }

    #[test]
    fn a_read_may_wait_for_its_turn_longer_than_a_breaker_is_half_open() {
        let (mut gate, clock, hand) = half_open();
        let number = gate.step(clock.now()).unwrap();
        hand.advance(Settings::default().half_open_for * 2);
        assert_eq!((gate.next_step(), gate.step(clock.now())), (None, None));
        assert!(!gate.is_late(clock.now()));
        let read = ended(&gate, Outcome::Success);
        gate.read(clock.now(), number, read);
        gate.ponged();
        assert_eq!(gate.entry(), OrderEntry::Open);
    }

    #[test]
    fn a_read_that_never_left_is_no_failure_and_the_next_probe_waits() {
        let (mut gate, clock, _hand) = half_open();
        let now = clock.now();
        let number = gate.step(now).unwrap();
        gate.read(now, number, None);
        assert_eq!(gate.breaker.snapshot().totals.probes_failed, 0);
        assert_eq!(gate.next_step(), Some(now.after(VOID_PAUSE)));
        let again = now.after(VOID_PAUSE);
        let number = gate.step(again).unwrap();
        let refused = ended(&gate, Outcome::Ignored);
        gate.read(again, number, refused);
        assert_eq!(gate.breaker.snapshot().state, State::HalfOpen);
        assert_eq!(gate.next_step(), Some(again.after(VOID_PAUSE)));
    }

    #[test]
    fn the_read_of_a_probe_given_up_does_not_complete_the_next() {
        let (mut gate, clock, _hand) = half_open();
        let first = gate.step(clock.now()).unwrap();
        gate.disconnected();
        let later = clock.now().after(VOID_PAUSE);
        let second = gate.step(later).unwrap();
        let read = ended(&gate, Outcome::Success);
        assert!(!gate.read(later, first, read));
        gate.ponged();
        assert_eq!(gate.entry(), OrderEntry::Shut);
        let read = ended(&gate, Outcome::Success);
        assert!(gate.read(later, second, read));
        gate.ponged();
        assert_eq!(gate.entry(), OrderEntry::Open);
    }

    #[test]
    fn nothing_is_admitted_until_a_probe_has_worked() {
        let (mut gate, clock, _hand) = half_open();
        let now = clock.now();
        assert!(gate.admit(now).is_none(), "open");
        gate.step(now).unwrap();
        let read = ended(&gate, Outcome::Success);
        assert!(gate.admit(now).is_none(), "half open");
        drop(read);
        assert!(
            gate.admit(now).is_none(),
            "half open, with room for a probe"
        );
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
