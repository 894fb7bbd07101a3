//! The shared form in every order that the steps of threads can take: see `tests/loom`.

use std::time::Duration;

use loom::{
    model,
    model::Builder,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

use super::{CircuitBreaker, Outcome, Permit, Settings, State, Totals};
use crate::{io::Clock, io::rng, types::Timestamp};

/// Three threads have too many orders to try each of them: those in which threads that could have gone on are interrupted so often.
const INTERRUPTIONS: usize = 3;

fn model_of_three(work: impl Fn() + Send + Sync + 'static) {
    let mut model = Builder::new();
    model.preemption_bound = Some(INTERRUPTIONS);
    model.check(work);
}

/// A breaker that one failure opens, with permits from before that.
fn closed(probes: u32, permits: usize) -> (CircuitBreaker, Vec<Permit>, impl Fn()) {
    closed_with(
        Settings {
            probes,
            ..Settings::default()
        },
        permits,
    )
}

fn closed_with(settings: Settings, permits: usize) -> (CircuitBreaker, Vec<Permit>, impl Fn()) {
    let (clock, hands) = Clock::manual(Timestamp::from_secs(1_000));
    let settings = Settings {
        consecutive_failures: 1,
        buckets: 1,
        ..settings
    };
    let breaker = CircuitBreaker::new("loom", settings, clock, rng::stream(1, 0));
    let permits = (0..permits).map(|_| breaker.admit().unwrap()).collect();
    (breaker, permits, move || {
        hands.advance(Duration::from_secs(2))
    })
}

/// A breaker whose next permits are its probes, and permits from before it opened.
fn half_open(probes: u32, stale: usize) -> (CircuitBreaker, Vec<Permit>) {
    let (breaker, permits, wait) = closed(probes, stale);
    breaker.admit().unwrap().record(Outcome::Failure);
    wait();
    (breaker, permits)
}

fn totals(breaker: &CircuitBreaker) -> Totals {
    breaker.snapshot().totals
}

#[test]
fn probes_never_exceed_the_limit() {
    model(|| {
        let (breaker, _) = half_open(1, 0);
        let held = Arc::new(AtomicU32::new(0));
        let threads = [(); 2].map(|()| {
            let (breaker, held) = (breaker.clone(), Arc::clone(&held));
            thread::spawn(move || {
                if let Ok(permit) = breaker.admit() {
                    assert_eq!(held.fetch_add(1, SeqCst), 0, "two probes at once");
                    held.fetch_sub(1, SeqCst);
                    drop(permit);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let totals = totals(&breaker);
        assert_eq!(totals.admitted + totals.rejected, 3);
        assert_eq!(totals.probes_void, totals.admitted - 1);
    });
}

#[test]
fn three_threads_never_hold_more_than_two_probes() {
    model_of_three(|| {
        let (breaker, _) = half_open(2, 0);
        let held = Arc::new(AtomicU32::new(0));
        let threads = [(); 3].map(|()| {
            let (breaker, held) = (breaker.clone(), Arc::clone(&held));
            thread::spawn(move || {
                if let Ok(permit) = breaker.admit() {
                    assert!(held.fetch_add(1, SeqCst) < 2, "three probes at once");
                    held.fetch_sub(1, SeqCst);
                    drop(permit);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let totals = totals(&breaker);
        assert_eq!(totals.admitted + totals.rejected, 4);
        assert_eq!(totals.probes_void, totals.admitted - 1);
        assert!(totals.admitted > 2, "two had their places in any case");
    });
}

#[test]
fn two_probes_of_three_threads_that_work_close_it_exactly_once() {
    model_of_three(|| {
        let (breaker, _) = half_open(2, 0);
        let threads = [(); 3].map(|()| {
            let breaker = breaker.clone();
            thread::spawn(move || {
                if let Ok(permit) = breaker.admit() {
                    permit.record(Outcome::Success);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let look = breaker.snapshot();
        // Opened, half-open, closed. Whoever came after that was no probe.
        assert_eq!((look.state, look.generation), (State::Closed, 3));
        assert_eq!(look.totals.probes_succeeded, 2);
        assert_eq!(look.totals.admitted, 1 + look.totals.succeeded);
    });
}

#[test]
fn a_dropped_probe_returns_its_permit() {
    model(|| {
        let (breaker, _) = half_open(1, 0);
        let probe = breaker.admit().unwrap();
        let dropping = thread::spawn(move || drop(probe));
        let early = breaker.admit();
        dropping.join().unwrap();
        // Whoever asks after it has its place, unless the early one does.
        let late = breaker.admit();
        assert_eq!(usize::from(early.is_ok()) + usize::from(late.is_ok()), 1);
        assert_eq!(totals(&breaker).dropped, 1);
    });
}

#[test]
fn stale_results_change_nothing() {
    model(|| {
        let (breaker, stale) = half_open(1, 2);
        let probe = breaker.admit().unwrap();
        let mut outcomes = [Outcome::Success, Outcome::Failure].into_iter();
        let threads: Vec<_> = stale
            .into_iter()
            .map(|permit| {
                let outcome = outcomes.next().unwrap();
                thread::spawn(move || permit.record(outcome))
            })
            .collect();
        assert_eq!(breaker.snapshot().state, State::HalfOpen);
        probe.record(Outcome::Success);
        assert_eq!(breaker.snapshot().state, State::Closed);
        for thread in threads {
            thread.join().unwrap();
        }
        let look = breaker.snapshot();
        assert_eq!((look.state, look.generation), (State::Closed, 3));
        assert_eq!((look.totals.stale, look.totals.succeeded), (2, 1));
    });
}

#[test]
fn failures_at_once_trip_it_exactly_once() {
    model(|| {
        let (breaker, permits, _) = closed(1, 2);
        let threads: Vec<_> = permits
            .into_iter()
            .map(|permit| thread::spawn(move || permit.record(Outcome::Failure)))
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let look = breaker.snapshot();
        assert_eq!((look.state, look.totals.opened), (State::Open, 1));
        assert_eq!((look.totals.failed, look.totals.stale), (1, 1));
    });
}

/// Where no call is slow, a breaker is asked without the time first.
#[test]
fn a_call_beside_a_trip_is_rejected_or_its_result_is_stale() {
    model(|| {
        let untimed = Settings {
            slow_call: Duration::ZERO,
            ..Settings::default()
        };
        let (breaker, mut permits, _) = closed_with(untimed, 1);
        let failing = permits.pop().unwrap();
        let tripping = thread::spawn(move || failing.record(Outcome::Failure));
        let turned_away = breaker.turn_away().is_err();
        let admitted = breaker.admit();
        tripping.join().unwrap();
        assert!(
            !turned_away || admitted.is_err(),
            "the open time is not over"
        );
        let (passed, rejected) = (u64::from(admitted.is_ok()), u64::from(turned_away));
        if let Ok(permit) = admitted {
            permit.record(Outcome::Success);
        }
        let look = breaker.snapshot();
        assert_eq!((look.state, look.totals.opened), (State::Open, 1));
        assert_eq!((look.totals.stale, look.totals.succeeded), (passed, 0));
        assert_eq!(look.totals.rejected, rejected + 1 - passed);
    });
}
