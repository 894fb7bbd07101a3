//! What each pattern of ASYNC_IMPROVEMENTS.md costs where it is on the way.
//!
//! `cargo bench --bench patterns`. What a pattern adds stands beside the same without it; the breaker has a package of its own,
//! `benches/breakers`, the journal's record is in `micro`.
#![expect(
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is wrong"
)]

use std::{
    future::{Future, ready},
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::{JoinSet, yield_now},
};
use tokio_util::sync::CancellationToken;
use tradingd::{
    app::clock,
    io::rng::stream,
    resilience::{
        Backoff, Deadlines, Idempotent, Place, Retry, Supervisor, backoff, or_canceled,
        queue::Mark,
        retry::{self, Next},
        supervisor::{Ended, Phase, Policy, TaskError, TaskSpec},
    },
    types::Timestamp,
    venue::kraken::error::classify,
};

/// One thread, as the daemon's sockets and driver have it.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The time of so many turns of something that is awaited, without that of entering the runtime.
fn turns<F: Future<Output = ()>>(bencher: &mut Bencher<'_>, mut turn: impl FnMut() -> F) {
    let runtime = one_thread();
    bencher.iter_custom(|turns| {
        runtime.block_on(async {
            let start = now();
            for _ in 0..turns {
                turn().await;
            }
            start.elapsed()
        })
    });
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// A task from its start to its join.
fn tasks(criterion: &mut Criterion) {
    let runtime = one_thread();
    criterion.bench_function("task: JoinSet alone", |bencher| {
        bencher.iter_custom(|turns| {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                let start = now();
                for _ in 0..turns {
                    tasks.spawn(ready(()));
                    tasks.join_next().await.unwrap().unwrap();
                }
                start.elapsed()
            })
        });
    });
    criterion.bench_function("task: supervised, with its supervisor", |bencher| {
        turns(bencher, || async {
            let root = CancellationToken::new();
            let mut supervisor = Supervisor::new(root, clock::system(), stream(1, 1));
            let spec = TaskSpec::new("work", Policy::Temporary, Phase(1));
            supervisor.spawn_once(spec, |_stop| ready(Ok::<(), TaskError>(())));
            assert!(matches!(supervisor.run().await, Ended::Done));
        });
    });
}

/// A word through a queue, both ends in one hand.
fn queues(criterion: &mut Criterion) {
    let (sender, mut receiver) = mpsc::channel::<u64>(256);
    criterion.bench_function("queue: bounded", |bencher| {
        bencher.iter(|| {
            sender.try_send(black_box(1)).unwrap();
            receiver.try_recv().unwrap()
        });
    });
    let mark = Mark::default();
    criterion.bench_function("queue: bounded, with its high-water mark", |bencher| {
        bencher.iter(|| {
            sender.try_send(black_box(1)).unwrap();
            mark.note(sender.max_capacity() - sender.capacity());
            receiver.try_recv().unwrap()
        });
    });
}

/// A word to another task and back: what it costs that reader and writer are two.
fn hops(criterion: &mut Criterion) {
    criterion.bench_function("two hops: one thread", |bencher| {
        let runtime = one_thread();
        bencher.iter_custom(|turns| runtime.block_on(there_and_back(turns)));
    });
    criterion.bench_function("two hops: two threads", |bencher| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        bencher.iter_custom(|turns| runtime.block_on(there_and_back(turns)));
    });
}

async fn there_and_back(turns: u64) -> Duration {
    let (out, mut there) = mpsc::channel::<u64>(64);
    let (back, mut home) = mpsc::channel::<u64>(64);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(word) = there.recv().await {
            back.send(word).await.unwrap();
        }
    });
    let start = now();
    for word in 0..turns {
        out.send(word).await.unwrap();
        home.recv().await.unwrap();
    }
    start.elapsed()
}

/// A wait that ends in its second turn, bare, under a limit, and under a token.
fn waits(criterion: &mut Criterion) {
    criterion.bench_function("wait: bare", |bencher| turns(bencher, yield_now));
    let deadlines = Deadlines::default();
    criterion.bench_function("wait: with a limit that is counted", |bencher| {
        turns(bencher, || async {
            deadlines.within(Place::Request, yield_now()).await.unwrap();
        });
    });
    let token = CancellationToken::new();
    criterion.bench_function("wait: with a token", |bencher| {
        turns(bencher, || async {
            or_canceled(&token, yield_now()).await.unwrap();
        });
    });
}

struct Read;

impl Idempotent for Read {}

/// What a failure is, how long to wait after it, and a call that could be repeated and need not be.
fn failures(criterion: &mut Criterion) {
    criterion.bench_function("failure: class of a text of Kraken's", |bencher| {
        bencher.iter(|| classify(black_box("EOrder:Insufficient funds")));
    });
    let mut backoff = Backoff::new(backoff::Settings::default(), stream(1, 2));
    criterion.bench_function("backoff: next wait", |bencher| {
        bencher.iter(|| backoff.next_delay(black_box(Timestamp::MIN)));
    });
    let retry = Retry::new(retry::Settings::default(), stream(1, 3));
    criterion.bench_function("retry: a call that works", |bencher| {
        turns(bencher, || async {
            let answer = retry.call(&Read, |_| ready(Ok::<(), ()>(())), |()| Next::GiveUp);
            answer.await.unwrap();
        });
    });
}

criterion_group! {
    name = patterns;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = tasks, queues, hops, waits, failures
}
criterion_main!(patterns);
