//! The supervisor with real tasks, in virtual time.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use super::*;
use crate::{
    io::{clock::ManualClock, rng},
    resilience::backoff,
    types::Timestamp,
};

const SECOND: Duration = Duration::from_secs(1);
const ONLY: Phase = Phase(0);

fn supervisor() -> (Supervisor, CancellationToken, ManualClock) {
    let (clock, hands) = Clock::manual(Timestamp::from_secs(1_000));
    let root = CancellationToken::new();
    (
        Supervisor::new(root.clone(), clock, rng::stream(1, 0)),
        root,
        hands,
    )
}

fn spec(name: &'static str, policy: Policy) -> TaskSpec {
    TaskSpec::new(name, policy, ONLY)
}

/// A task that runs until it is told to stop.
async fn patient(token: CancellationToken) -> TaskResult {
    token.cancelled().await;
    Ok(())
}

/// A factory whose runs all end with `result`, and the number of its runs.
fn counted(
    result: fn() -> TaskResult,
) -> (
    Arc<AtomicUsize>,
    impl FnMut(CancellationToken) -> std::future::Ready<TaskResult> + Send + 'static,
) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let factory = move |_token| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(result())
    };
    (runs, factory)
}

fn down() -> TaskResult {
    Err(TaskError::text("down"))
}

fn failure(ended: Ended) -> Failure {
    match ended {
        Ended::Failed(failure) => failure,
        Ended::Canceled | Ended::Done => panic!("no failure: {ended:?}"),
    }
}

fn state_of(supervisor: &Supervisor, name: &str) -> (State, u64) {
    let tasks = supervisor.snapshot();
    let task = tasks.iter().find(|task| task.name == name).unwrap();
    (task.state, task.restarts)
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_fatal_task_ends_the_run_and_is_named() {
    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn(spec("bystander", Policy::Permanent), patient);
    supervisor.spawn_once(spec("driver", Policy::Fatal), |_token| async {
        panic!("book of {} broke", "BTC/USD")
    });
    let failure = failure(supervisor.run().await);
    assert_eq!((failure.task, failure.why), ("driver", Escalation::Fatal));
    assert_eq!(
        failure.to_string(),
        "task `driver` failed (the task is fatal): panicked: book of BTC/USD broke"
    );
    assert_eq!(state_of(&supervisor, "driver"), (State::Failed, 0));
    assert_eq!(state_of(&supervisor, "bystander"), (State::Running, 0));
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_factory_is_the_tasks_panic() {
    let (mut supervisor, _root, _hands) = supervisor();
    let factory = |_token| -> std::future::Ready<TaskResult> { panic!("cannot build") };
    supervisor.spawn(spec("driver", Policy::Fatal), factory);
    let failure = failure(supervisor.run().await);
    assert_eq!(failure.fault.to_string(), "panicked: cannot build");
}

#[tokio::test(start_paused = true)]
async fn error_of_a_fatal_task_keeps_its_class_and_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("journal cannot be written")]
    struct Journal(#[source] std::io::Error);

    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn_once(spec("journal", Policy::Fatal), |_token| async {
        let full = std::io::Error::other("disk is full");
        Err(TaskError::of_class(74, Journal(full)))
    });
    let failure = failure(supervisor.run().await);
    assert_eq!(
        failure.fault.to_string(),
        "journal cannot be written: disk is full"
    );
    let Fault::Error(error) = failure.fault else {
        panic!("no error");
    };
    assert_eq!(error.class, Some(74));
    assert!(error.source().downcast_ref::<Journal>().is_some());
}

#[tokio::test(start_paused = true)]
async fn transient_task_is_restarted_until_its_intensity_is_used_up() {
    let (mut supervisor, _root, _hands) = supervisor();
    let (runs, factory) = counted(down);
    let intensity = Intensity {
        restarts: 3,
        period: 60 * SECOND,
    };
    let flapping = TaskSpec {
        intensity,
        ..spec("socket", Policy::Transient)
    };
    supervisor.spawn(flapping, factory);
    let ended = tokio::time::timeout(3_600 * SECOND, supervisor.run()).await;
    let failure = failure(ended.expect("it goes on for ever"));
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    assert_eq!(failure.why, Escalation::TooManyRestarts(intensity));
    assert_eq!(
        (failure.task, failure.fault.to_string()),
        ("socket", "down".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn restarts_spread_over_time_do_not_use_up_the_intensity() {
    let (mut supervisor, root, hands) = supervisor();
    let mut runs = 0;
    let stop = root.clone();
    supervisor.spawn(spec("socket", Policy::Transient), move |_token| {
        runs += 1;
        hands.advance(20 * SECOND);
        if runs == 50 {
            stop.cancel();
        }
        std::future::ready(down())
    });
    assert!(matches!(supervisor.run().await, Ended::Canceled));
    assert_eq!(state_of(&supervisor, "socket"), (State::Running, 49));
}

#[tokio::test(start_paused = true)]
async fn restarts_wait_longer_each_time() {
    let (mut supervisor, _root, _hands) = supervisor();
    let started = Arc::new(Mutex::new(Vec::new()));
    let starts = Arc::clone(&started);
    let zero = sleep(Duration::ZERO).deadline();
    let waiting = TaskSpec {
        backoff: backoff::Settings {
            base: SECOND,
            jitter: backoff::Jitter::None,
            ..backoff::Settings::default()
        },
        ..spec("socket", Policy::Permanent)
    };
    supervisor.spawn(waiting, move |_token| {
        let now = sleep(Duration::ZERO).deadline();
        starts.lock().unwrap().push((now - zero).as_secs());
        std::future::ready(Ok(()))
    });
    let failure = failure(supervisor.run().await);
    assert_eq!(failure.fault.to_string(), "ended early");
    assert_eq!(*started.lock().unwrap(), [0, 0, 1, 3, 7, 15]);
}

#[tokio::test(start_paused = true)]
async fn transient_task_that_ended_well_is_not_restarted() {
    let (mut supervisor, _root, _hands) = supervisor();
    let (runs, factory) = counted(|| Ok(()));
    supervisor.spawn(spec("import", Policy::Transient), factory);
    assert!(matches!(supervisor.run().await, Ended::Done));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(state_of(&supervisor, "import"), (State::Ended, 0));
}

#[tokio::test(start_paused = true)]
async fn temporary_task_is_not_restarted_and_its_failure_is_covered() {
    let (mut supervisor, _root, _hands) = supervisor();
    let (runs, factory) = counted(down);
    supervisor.spawn(spec("visitor", Policy::Temporary), factory);
    assert!(matches!(supervisor.run().await, Ended::Done));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(state_of(&supervisor, "visitor"), (State::Failed, 0));
    assert!(supervisor.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn run_is_done_when_the_last_fatal_task_ended_well() {
    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn(spec("socket", Policy::Permanent), patient);
    supervisor.spawn_once(spec("driver", Policy::Fatal), |_token| async { Ok(()) });
    supervisor.spawn_once(spec("journal", Policy::Fatal), |_token| async {
        sleep(SECOND).await;
        Ok(())
    });
    assert!(matches!(supervisor.run().await, Ended::Done));
    assert_eq!(state_of(&supervisor, "journal"), (State::Ended, 0));
    assert_eq!(state_of(&supervisor, "socket"), (State::Running, 0));
}

#[tokio::test(start_paused = true)]
async fn task_that_cannot_be_built_again_escalates_where_it_should_be() {
    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn_once(spec("socket", Policy::Transient), |_token| async { down() });
    assert_eq!(
        failure(supervisor.run().await).why,
        Escalation::NotRepeatable
    );
}

#[tokio::test(start_paused = true)]
async fn canceling_the_root_ends_the_run_and_stops_no_task() {
    let (mut supervisor, root, _hands) = supervisor();
    supervisor.spawn(spec("socket", Policy::Permanent), patient);
    root.cancel();
    assert!(matches!(supervisor.run().await, Ended::Canceled));
    sleep(SECOND).await;
    assert_eq!(state_of(&supervisor, "socket"), (State::Running, 0));
    assert!(!supervisor.phases[&ONLY].is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn phases_stop_in_the_reverse_of_their_order() {
    let (mut supervisor, _root, _hands) = supervisor();
    let ends = Arc::new(Mutex::new(Vec::new()));
    for (name, phase) in [("simulator", 0), ("socket", 1), ("queue", 2), ("reader", 3)] {
        let ends = Arc::clone(&ends);
        let spec = TaskSpec::new(name, Policy::Permanent, Phase(phase));
        supervisor.spawn_once(spec, move |token| async move {
            token.cancelled().await;
            // Lower phases take longer, so order comes from the supervisor alone.
            sleep(SECOND * u32::from(phase)).await;
            ends.lock().unwrap().push(name);
            Ok(())
        });
    }
    assert_eq!(supervisor.stop(|_phase| 10 * SECOND).await, []);
    assert_eq!(
        *ends.lock().unwrap(),
        ["reader", "queue", "socket", "simulator"]
    );
    assert!(supervisor.set.is_empty() && supervisor.running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn lower_phases_are_still_restarted_while_a_higher_one_stops() {
    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn(TaskSpec::new("socket", Policy::Permanent, Phase(0)), {
        let mut first = true;
        move |token| {
            let fails = std::mem::take(&mut first);
            async move {
                if fails {
                    sleep(SECOND).await;
                    return down();
                }
                patient(token).await
            }
        }
    });
    supervisor.spawn_once(
        TaskSpec::new("driver", Policy::Fatal, Phase(1)),
        |token| async move {
            token.cancelled().await;
            sleep(5 * SECOND).await;
            Ok(())
        },
    );
    assert_eq!(
        supervisor.stop_phase(Phase(1), sleep(10 * SECOND)).await,
        []
    );
    assert_eq!(state_of(&supervisor, "socket"), (State::Running, 1));
    assert_eq!(supervisor.stop_phase(Phase(0), sleep(SECOND)).await, []);
    assert_eq!(state_of(&supervisor, "socket"), (State::Ended, 1));
}

#[tokio::test(start_paused = true)]
async fn straggler_is_aborted_after_its_budget_and_named() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let (mut supervisor, _root, _hands) = supervisor();
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Guard(Arc::clone(&dropped));
    supervisor.spawn_once(spec("deaf", Policy::Fatal), |_token| async move {
        let _guard = guard;
        pending().await
    });
    supervisor.spawn(spec("obedient", Policy::Permanent), patient);
    let stragglers = supervisor.stop_phase(ONLY, sleep(SECOND)).await;
    let deaf = Straggler {
        task: "deaf",
        phase: ONLY,
        ended: true,
    };
    assert_eq!(stragglers, [deaf]);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert!(supervisor.failures().is_empty(), "named once is enough");
    assert_eq!(state_of(&supervisor, "obedient"), (State::Ended, 0));
    assert!(supervisor.set.is_empty());
}

#[test]
fn straggler_that_blocks_its_thread_does_not_block_the_stop() {
    let runtime = |workers| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_time()
            .build()
            .unwrap()
    };
    let other = runtime(1);
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let (started, has_started) = std::sync::mpsc::sync_channel::<()>(1);
    let handle = other.handle().clone();
    let stragglers = runtime(1).block_on(async move {
        let (mut supervisor, _root, _hands) = supervisor();
        let spec = spec("blocking", Policy::Transient).on(handle);
        supervisor.spawn_once(spec, move |_token| async move {
            started.send(()).unwrap();
            blocked.recv().unwrap();
            Ok(())
        });
        has_started.recv().unwrap();
        supervisor.stop(|_phase| Duration::from_millis(10)).await
    });
    let stuck = Straggler {
        task: "blocking",
        phase: ONLY,
        ended: false,
    };
    assert_eq!(stragglers, [stuck]);
    release.send(()).unwrap();
}

#[tokio::test]
async fn task_runs_on_the_runtime_it_names() {
    let other = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("elsewhere")
        .build()
        .unwrap();
    let (mut supervisor, _root, _hands) = supervisor();
    let spec = spec("visitor", Policy::Fatal).on(other.handle().clone());
    supervisor.spawn_once(spec, |_token| async {
        match std::thread::current().name() {
            Some("elsewhere") => Ok(()),
            name => Err(TaskError::text(format!("ran on {name:?}"))),
        }
    });
    let ended = supervisor.run().await;
    other.shutdown_background();
    assert!(matches!(ended, Ended::Done), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_fatal_task_while_stopping_is_kept() {
    let (mut supervisor, root, _hands) = supervisor();
    supervisor.spawn_once(spec("driver", Policy::Fatal), |token| async move {
        token.cancelled().await;
        panic!("while parking orders")
    });
    root.cancel();
    assert!(matches!(supervisor.run().await, Ended::Canceled));
    assert_eq!(supervisor.stop(|_phase| SECOND).await, []);
    let [failure] = supervisor.failures() else {
        panic!("{:?}", supervisor.failures());
    };
    assert_eq!(failure.fault.to_string(), "panicked: while parking orders");
}

#[tokio::test(start_paused = true)]
async fn tasks_are_attended_to_beside_a_stop_that_takes_long() {
    let (mut supervisor, root, _hands) = supervisor();
    let (runs, factory) = counted(down);
    supervisor.spawn(spec("listener", Policy::Transient), factory);
    supervisor.spawn(spec("socket", Policy::Permanent), patient);
    root.cancel();
    assert!(matches!(supervisor.run().await, Ended::Canceled));
    let failure = supervisor.attend().await;
    assert_eq!(failure.task, "listener");
    assert_eq!(runs.load(Ordering::Relaxed), 6, "five restarts");
    let more = tokio::time::timeout(60 * SECOND, supervisor.attend()).await;
    assert!(more.is_err(), "each failure is told once: {more:?}");
    assert_eq!(state_of(&supervisor, "socket"), (State::Running, 0));
}

#[tokio::test(start_paused = true)]
async fn task_that_fails_while_stopping_is_not_restarted() {
    let (mut supervisor, _root, _hands) = supervisor();
    supervisor.spawn(spec("socket", Policy::Transient), |token| async move {
        token.cancelled().await;
        down()
    });
    assert_eq!(supervisor.stop_phase(ONLY, sleep(SECOND)).await, []);
    assert_eq!(state_of(&supervisor, "socket"), (State::Failed, 0));
    assert!(supervisor.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn restart_that_is_due_is_not_made_after_its_phase_stopped() {
    let (mut supervisor, _root, _hands) = supervisor();
    let (runs, factory) = counted(down);
    let waiting = TaskSpec {
        backoff: backoff::Settings {
            first_at_once: false,
            ..backoff::Settings::default()
        },
        ..spec("socket", Policy::Permanent)
    };
    supervisor.spawn(waiting, factory);
    let mut watch = supervisor.watch();
    tokio::select! {
        biased;
        ended = supervisor.run() => panic!("{ended:?}"),
        seen = watch.wait_for(|tasks| tasks[0].state == State::Waiting) => assert!(seen.is_ok()),
    }
    assert_eq!(supervisor.stop_phase(ONLY, sleep(SECOND)).await, []);
    let later = tokio::time::timeout(60 * SECOND, supervisor.run()).await;
    assert!(matches!(later, Ok(Ended::Done)));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn who_follows_the_tasks_late_sees_the_newest_picture_only() {
    let (mut supervisor, _root, _hands) = supervisor();
    let mut watch = supervisor.watch();
    for name in ["one", "two", "three"] {
        supervisor.spawn(spec(name, Policy::Permanent), patient);
    }
    let names = |tasks: &[TaskStatus]| tasks.iter().map(|task| task.name).collect::<Vec<_>>();
    assert_eq!(names(&watch.borrow_and_update()), ["one", "two", "three"]);
    assert!(!watch.has_changed().unwrap(), "the others are gone");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_supervisor_leaves_no_task() {
    let (mut supervisor, _root, _hands) = supervisor();
    let alive = Arc::new(());
    for _task in 0..3 {
        let alive = Arc::clone(&alive);
        supervisor.spawn_once(spec("held", Policy::Permanent), |_token| async move {
            let _alive = alive;
            pending().await
        });
    }
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&alive), 4);
    drop(supervisor);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&alive), 1);
}
