//! The breaker that tasks share: a lock around the machine, permits that give themselves back, and a stream of transitions.
//!
//! Always true: the lock is held for a few instructions and never across an await; an operation reads the clock once at most.
//!
//! A call is two operations, so where slow calls are watched it is two readings: how long it took is the difference of two instants.
//! Whoever has just read the clock spares the first ([`CircuitBreaker::admit_at`]). Where no call is slow, a breaker that lets everything
//! pass spares it too. The second stays: a result counts in the bucket of the instant at which it came, and may open the breaker from
//! then on.

use std::{fmt, future::Future, time::Duration};

use thiserror::Error;
use tokio::sync::broadcast;
use tracing::{info, warn};

use super::{
    Machine, Mode, Outcome, Rejected, Settings, Snapshot, State, Ticket, Transition,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use crate::{
    io::{Clock, rng::Rng},
    types::Timestamp,
};

/// How many transitions a subscriber may be behind.
///
/// When it is further behind, the oldest are dropped and it learns how many (`RecvError::Lagged`); a breaker never
/// waits for a subscriber. [`CircuitBreaker::snapshot`] tells where things stand.
pub const TRANSITIONS_KEPT: usize = 64;

/// A breaker that tasks share. Cheap to clone; clones are the same breaker.
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Shared>);

struct Shared {
    machine: Mutex<Machine>,
    clock: Clock,
    /// Whether it matters how long a call takes.
    times_calls: bool,
    transitions: broadcast::Sender<Transition>,
}

impl CircuitBreaker {
    /// A breaker in the mode of its settings. The name appears in logs, metrics and transitions.
    #[must_use]
    pub fn new(name: &'static str, settings: Settings, clock: Clock, rng: Rng) -> Self {
        let times_calls = !settings.slow_call.is_zero();
        let machine = Mutex::new(Machine::new(name, settings, clock.now(), rng));
        let (transitions, _receiver) = broadcast::channel(TRANSITIONS_KEPT);
        Self(Arc::new(Shared {
            machine,
            clock,
            times_calls,
            transitions,
        }))
    }

    /// Asks whether a call may be made. The permit is told what became of it, or dropped.
    ///
    /// # Errors
    ///
    /// When it may not; says when asking again can help.
    pub fn admit(&self) -> Result<Permit, Rejected> {
        if !self.0.times_calls
            && let Some(ticket) = self.0.with(Machine::admit_untimed)
        {
            return Ok(self.permit(ticket, None));
        }
        self.admit_at(self.0.clock.now())
    }

    /// As [`admit`](Self::admit), for whoever has just read the breaker's clock.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub fn admit_at(&self, now: Timestamp) -> Result<Permit, Rejected> {
        let ticket = self.0.with(|machine| machine.admit(now))?;
        Ok(self.permit(ticket, Some(now)))
    }

    /// As [`admit_at`](Self::admit_at), for a call that must not be a probe; see [`Machine::admit_no_probe`].
    ///
    /// # Errors
    ///
    /// When not every call may be made; says when asking again can help.
    pub fn admit_no_probe_at(&self, now: Timestamp) -> Result<Permit, Rejected> {
        let ticket = self.0.with(|machine| machine.admit_no_probe(now))?;
        Ok(self.permit(ticket, Some(now)))
    }

    fn permit(&self, ticket: Ticket, started: Option<Timestamp>) -> Permit {
        Permit {
            shared: Arc::clone(&self.0),
            ticket: Some(ticket),
            started,
        }
    }

    /// Turns a call away that could not be made now; see [`Machine::turn_away`].
    ///
    /// # Errors
    ///
    /// When it could not; says when asking again can help.
    pub fn turn_away(&self) -> Result<(), Rejected> {
        let now = self.0.clock.now();
        self.0.with(|machine| machine.turn_away(now))
    }

    /// Makes a call, if it may be made, and counts it as `classify` says.
    ///
    /// # Cancel safety
    ///
    /// Dropped or panicking it counts as nothing and gives its permit back. `call` itself is dropped too.
    ///
    /// # Errors
    ///
    /// When the call was rejected, in which case it was never polled, or failed.
    pub async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        let permit = self.admit()?;
        let result = call.await;
        permit.record(classify(&result));
        result.map_err(CallError::Failed)
    }

    /// Changes how the breaker works; see [`Machine::set_mode`].
    pub fn set_mode(&self, mode: Mode) {
        let now = self.0.clock.now();
        self.0.with(|machine| machine.set_mode(now, mode));
    }

    /// The breaker as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_at(self.0.clock.now())
    }

    /// As [`snapshot`](Self::snapshot), for whoever has just read the breaker's clock.
    #[must_use]
    pub fn snapshot_at(&self, now: Timestamp) -> Snapshot {
        self.0.with(|machine| machine.snapshot(now))
    }

    /// Every transition from now on, in order. See [`TRANSITIONS_KEPT`] for what happens to a slow reader.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Transition> {
        self.0.transitions.subscribe()
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreaker")
            .field(&self.snapshot())
            .finish()
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.lock();
        let result = work(&mut machine);
        // Published under the lock, so that everybody sees one order. Neither waits for a reader.
        for transition in machine.take_transitions() {
            log(&transition);
            // Fails only when nobody listens.
            let _unheard = self.transitions.send(transition).is_err();
        }
        result
    }

    /// A panic elsewhere cannot leave the machine half changed: its methods do not panic.
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(transition: &Transition) {
    macro_rules! line {
        ($level:ident) => {
            $level!(
                breaker = transition.name,
                from = %transition.from,
                to = %transition.to,
                cause = transition.cause.as_str(),
                calls = transition.counts.calls,
                failures = transition.counts.failures,
                slow = transition.counts.slow,
                consecutive_failures = transition.counts.consecutive_failures,
                generation = transition.generation,
                open_for = transition.open_for.map(tracing::field::debug),
                "circuit breaker changed state"
            )
        };
    }
    match transition.to {
        State::Open | State::ForcedOpen => line!(warn),
        State::Closed | State::HalfOpen | State::Disabled | State::MetricsOnly => line!(info),
    }
}

/// Leave to make one call.
///
/// Dropped without an outcome (by a `select!`, a `?`, a panic) it counts as neither success nor failure, and a
/// probe's place is free again.
#[must_use = "a dropped permit counts as nothing"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
    /// None where it does not matter how long the call takes.
    started: Option<Timestamp>,
}

impl Permit {
    /// Tells what became of the call. It took from admission until now.
    pub fn record(mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.shared.clock.now();
            let took = self.started.map_or(Duration::ZERO, |at| now.since(at));
            self.shared
                .with(|machine| machine.record(now, ticket, outcome, took));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.shared.clock.now();
            self.shared.with(|machine| machine.release(now, ticket));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("ticket", &self.ticket)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// Why [`CircuitBreaker::call`] has no result.
#[derive(Debug, Eq, Error, PartialEq)]
pub enum CallError<E> {
    /// The breaker did not let it pass. Nothing was sent.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The call was made and failed.
    #[error("call failed")]
    Failed(#[source] E),
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use tokio::sync::broadcast::error::{RecvError, TryRecvError};

    use super::*;
    use crate::{
        io::{clock::ManualClock, rng},
        resilience::circuit_breaker::Cause,
    };

    fn breaker() -> (CircuitBreaker, ManualClock) {
        let (clock, hands) = Clock::manual(Timestamp::from_secs(1_000));
        let settings = Settings {
            consecutive_failures: 2,
            probes: 1,
            ..Settings::default()
        };
        (
            CircuitBreaker::new("test", settings, clock, rng::stream(1, 0)),
            hands,
        )
    }

    fn by_result(result: &Result<u8, &'static str>) -> Outcome {
        match result {
            Ok(_) | Err("insufficient funds") => Outcome::Success,
            Err("bad argument") => Outcome::Ignored,
            Err(_) => Outcome::Failure,
        }
    }

    async fn call(
        breaker: &CircuitBreaker,
        result: Result<u8, &'static str>,
    ) -> Result<u8, CallError<&'static str>> {
        breaker.call(async { result }, by_result).await
    }

    async fn trip(breaker: &CircuitBreaker) {
        for _call in 0..2 {
            let failed = call(breaker, Err("down")).await;
            assert_eq!(failed, Err(CallError::Failed("down")));
        }
        assert_eq!(breaker.snapshot().state, State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn service_recovers_and_the_breaker_follows() {
        let (breaker, hands) = breaker();
        let mut transitions = breaker.subscribe();
        trip(&breaker).await;
        assert_eq!(call(&breaker, Ok(1)).await.unwrap_err().to_string(), {
            let rejected = breaker.admit().unwrap_err();
            rejected.to_string()
        });

        // The service is still down at the first probe.
        hands.advance(Duration::from_secs(2));
        assert_eq!(
            call(&breaker, Err("down")).await,
            Err(CallError::Failed("down"))
        );
        let retry_at = breaker.snapshot().retry_at.unwrap();
        hands.advance(retry_at.since(breaker.0.clock.now()));
        assert_eq!(call(&breaker, Ok(7)).await, Ok(7));
        assert_eq!(breaker.snapshot().state, State::Closed);

        let mut causes = Vec::new();
        while let Ok(transition) = transitions.try_recv() {
            causes.push(transition.cause);
        }
        assert_eq!(
            causes,
            [
                Cause::ConsecutiveFailures,
                Cause::OpenTimeOver,
                Cause::ProbeFailed,
                Cause::OpenTimeOver,
                Cause::ProbesSucceeded
            ]
        );
    }

    #[tokio::test]
    async fn rejected_call_is_never_polled() {
        let (breaker, _hands) = breaker();
        trip(&breaker).await;
        let mut polled = false;
        let work = async {
            polled = true;
            Ok(1)
        };
        let result = breaker.call(work, by_result).await;
        assert!(matches!(result, Err(CallError::Rejected(_))));
        assert!(!polled);
    }

    #[tokio::test]
    async fn classification_decides_not_the_result() {
        let (breaker, _hands) = breaker();
        for _call in 0..10 {
            assert!(call(&breaker, Err("insufficient funds")).await.is_err());
            assert!(call(&breaker, Err("bad argument")).await.is_err());
        }
        let look = breaker.snapshot();
        assert_eq!(
            (
                look.totals.succeeded,
                look.totals.ignored,
                look.totals.failed
            ),
            (10, 10, 0)
        );
        assert_eq!(look.state, State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn probe_canceled_by_a_time_out_gives_its_permit_back() {
        let (breaker, hands) = breaker();
        trip(&breaker).await;
        hands.advance(Duration::from_secs(2));
        for _probe in 0..3 {
            let hung = breaker.call(pending::<Result<u8, &'static str>>(), by_result);
            assert!(
                tokio::time::timeout(Duration::from_secs(1), hung)
                    .await
                    .is_err()
            );
        }
        let look = breaker.snapshot();
        assert_eq!((look.state, look.totals.dropped), (State::HalfOpen, 3));
        assert_eq!(call(&breaker, Ok(1)).await, Ok(1));
        assert_eq!(breaker.snapshot().state, State::Closed);
    }

    #[tokio::test]
    async fn panicking_call_gives_its_permit_back() {
        let (breaker, hands) = breaker();
        trip(&breaker).await;
        hands.advance(Duration::from_secs(2));
        let mut tasks = tokio::task::JoinSet::new();
        let shared = breaker.clone();
        tasks.spawn(async move {
            let boom: Result<u8, CallError<&'static str>> =
                shared.call(async { panic!("boom") }, by_result).await;
            boom
        });
        assert!(tasks.join_next().await.unwrap().unwrap_err().is_panic());
        assert_eq!(breaker.snapshot().totals.dropped, 1);
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn slowness_is_measured_from_admission() {
        let (breaker, hands) = breaker();
        let permit = breaker.admit().unwrap();
        hands.advance(Settings::default().slow_call);
        permit.record(Outcome::Success);
        assert_eq!(breaker.snapshot().totals.slow, 1);
    }

    /// How often the clock is read for what `work` does with a breaker that has this limit for slow calls.
    fn readings(slow_call: Duration, work: impl FnOnce(&CircuitBreaker, Timestamp)) -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let (counted, now) = (Arc::clone(&count), Timestamp::from_secs(1_000));
        let clock = Clock::new(move || {
            counted.fetch_add(1, Relaxed);
            now
        });
        let settings = Settings {
            slow_call,
            ..Settings::default()
        };
        let breaker = CircuitBreaker::new("counted", settings, clock, rng::stream(1, 0));
        let before = count.load(Relaxed);
        work(&breaker, now);
        count.load(Relaxed) - before
    }

    #[test]
    fn a_call_reads_the_clock_twice_only_where_its_length_matters_and_nobody_has_the_time() {
        let watched = Settings::default().slow_call;
        let call = |breaker: &CircuitBreaker, _| {
            breaker.admit().unwrap().record(Outcome::Success);
        };
        assert_eq!(readings(watched, call), 2, "a length is two instants");
        assert_eq!(readings(Duration::ZERO, call), 1, "nothing is slow");
        let informed = |breaker: &CircuitBreaker, now| {
            breaker.admit_at(now).unwrap().record(Outcome::Success);
        };
        assert_eq!(readings(watched, informed), 1, "the caller had the time");
        let refused = |breaker: &CircuitBreaker, _| {
            breaker.set_mode(Mode::ForcedOpen);
            breaker.admit().unwrap_err();
        };
        assert_eq!(readings(Duration::ZERO, refused), 2, "one an operation");
    }

    #[tokio::test]
    async fn slow_subscriber_loses_the_oldest_and_is_told() {
        let (breaker, _hands) = breaker();
        let mut slow = breaker.subscribe();
        for _flip in 0..TRANSITIONS_KEPT {
            breaker.set_mode(Mode::ForcedOpen);
            breaker.set_mode(Mode::Automatic);
        }
        let kept = TRANSITIONS_KEPT as u64;
        assert_eq!(slow.recv().await, Err(RecvError::Lagged(kept)));
        for generation in kept + 1..=2 * kept {
            assert_eq!(slow.recv().await.unwrap().generation, generation);
        }
        assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn threads_never_hold_more_probes_than_allowed() {
        let (breaker, hands) = breaker();
        for _failure in 0..2 {
            breaker.admit().unwrap().record(Outcome::Failure);
        }
        hands.advance(Duration::from_secs(2));
        let permits: Vec<Result<Permit, Rejected>> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8)
                .map(|_thread| scope.spawn(|| breaker.admit()))
                .collect();
            asking
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 1);
        drop(permits);
        assert!(breaker.admit().is_ok());
    }
}
