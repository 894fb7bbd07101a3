//! What a breaker costs a call that works: admitted and recorded, in nanoseconds, ours beside three from crates.io.
//!
//! `cargo run --release --manifest-path benches/breakers/Cargo.toml`. Every breaker is closed and sees
//! successes only; ours and failsafe watch a window of a minute, the others their last hundred calls. The call itself does nothing. A round is twenty thousand calls of each thread; of the rounds the median counts, and
//! the fastest stands beside it. With two threads it is the time that one of them waits for its call, both on one breaker.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program for developers: it measures, prints, and stops where something is wrong"
)]

#[allow(dead_code, unused_imports, reason = "the breaker needs a part of it")]
mod io;
#[allow(dead_code, unused_imports, reason = "the benchmark needs a part of it")]
mod resilience;
#[path = "../../../src/types/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the breaker needs a part of them")]
mod types;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    sync::Barrier,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use failsafe::CircuitBreaker as _;
use tower::{Service, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

use crate::{
    io::{Clock, rng},
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Settings},
    types::Timestamp,
};

const CALLS: u32 = 20_000;
const ROUNDS: usize = 9;
const WINDOW: Duration = Duration::from_secs(60);
const OPEN_FOR: Duration = Duration::from_secs(2);

fn main() {
    println!("ns a call, median (fastest) of {ROUNDS} rounds of {CALLS} calls");
    println!("{:<34}{:>18}{:>18}", "", "one thread", "two threads");
    ours();
    failsafe();
    recloser();
    tower_resilience();
}

fn ours() {
    let began = Instant::now();
    let clock = Clock::new(move || Timestamp::from_secs(0).after(began.elapsed()));
    let breaker = CircuitBreaker::new("bench", Settings::default(), clock, rng::stream(1, 0));
    report("tradingd admit, record", || {
        let breaker = breaker.clone();
        move || {
            let permit = breaker.admit().expect("closed");
            permit.record(black_box(Outcome::Success));
        }
    });
}

fn failsafe() {
    let backoff = failsafe::backoff::equal_jittered(OPEN_FOR, 60 * OPEN_FOR);
    let policy = failsafe::failure_policy::success_rate_over_time_window(0.5, 10, WINDOW, backoff);
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    report("failsafe 1.3.0 call", || {
        let breaker = breaker.clone();
        move || {
            let result = breaker.call(|| black_box(Ok::<(), Infallible>(())));
            result.expect("closed");
        }
    });
}

fn recloser() {
    let breaker = recloser::Recloser::custom()
        .error_rate(0.5)
        .open_wait(OPEN_FOR)
        .build();
    report("recloser 1.4.0 call", || {
        let breaker = &breaker;
        move || {
            let result = breaker.call(|| black_box(Ok::<(), Infallible>(())));
            result.expect("closed");
        }
    });
}

fn tower_resilience() {
    let layer = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        // Its window by time keeps every call and counts them all anew at each: they get slower with every call.
        .sliding_window_type(SlidingWindowType::CountBased)
        .sliding_window_size(100)
        .minimum_number_of_calls(10)
        .wait_duration_in_open(OPEN_FOR)
        .build()
        .expect("sound settings");
    let service = layer.layer_fn(service_fn(|(): ()| -> Ready<Result<(), Infallible>> {
        ready(black_box(Ok(())))
    }));
    report("tower-resilience 0.14.0 call", || {
        let mut service = service.clone();
        move || {
            let mut context = Context::from_waker(Waker::noop());
            while service.poll_ready(&mut context).is_pending() {
                thread::yield_now();
            }
            let mut call = pin!(service.call(()));
            loop {
                match call.as_mut().poll(&mut context) {
                    Poll::Ready(result) => break result.expect("closed"),
                    // Somebody else holds its lock.
                    Poll::Pending => std::hint::spin_loop(),
                }
            }
        }
    });
}

/// Measures calls of one breaker, of which each thread makes its own handle.
fn report<F: FnMut()>(name: &str, handle: impl Fn() -> F + Sync) {
    let [one, two] = [1, 2].map(|threads| {
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round(threads, &handle)).collect();
        rounds.sort_by(f64::total_cmp);
        format!("{:.0} ({:.0})", rounds[ROUNDS / 2], rounds[0])
    });
    println!("{name:<34}{one:>18}{two:>18}");
}

/// Nanoseconds of one call, as the slowest thread has it.
fn round<F: FnMut()>(threads: usize, handle: &(impl Fn() -> F + Sync)) -> f64 {
    let start = Barrier::new(threads);
    let work = || {
        let mut call = handle();
        start.wait();
        let started = Instant::now();
        for _call in 0..CALLS {
            call();
        }
        started.elapsed()
    };
    let slowest = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let times = running
            .into_iter()
            .map(|thread| thread.join().expect("no call panics"));
        times.max().expect("at least one thread")
    });
    slowest.as_secs_f64() * 1e9 / f64::from(CALLS)
}
