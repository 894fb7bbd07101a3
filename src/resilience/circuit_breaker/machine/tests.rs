//! The machine, one property a test.

use super::*;
use crate::io::rng;

const QUICK: Duration = Duration::from_millis(1);
const SLOW: Duration = Duration::from_secs(5);

/// A machine and its time, in milliseconds.
struct Bench {
    machine: Machine,
    now: i64,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            minimum_calls: 4,
            consecutive_failures: 3,
            ..Settings::default()
        };
        change(&mut settings);
        settings.validate().unwrap();
        let machine = Machine::new("bench", settings, Timestamp::MIN, rng::stream(1, 0));
        let mut bench = Self { machine, now: 0 };
        bench.machine.since = bench.now();
        bench
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now * 1_000_000)
    }

    fn wait(&mut self, duration: Duration) {
        self.now += i64::try_from(duration.as_millis()).unwrap();
    }

    fn admit(&mut self) -> Result<Ticket, Rejected> {
        let now = self.now();
        self.machine.admit(now)
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        let now = self.now();
        self.machine.record(now, ticket, outcome, QUICK);
    }

    fn call(&mut self, outcome: Outcome, took: Duration) {
        let ticket = self.admit().unwrap();
        let now = self.now();
        self.machine.record(now, ticket, outcome, took);
    }

    fn calls(&mut self, count: usize, outcome: Outcome) {
        for _call in 0..count {
            self.call(outcome, QUICK);
        }
    }

    fn look(&mut self) -> Snapshot {
        let now = self.now();
        self.machine.snapshot(now)
    }

    fn state(&mut self) -> State {
        self.look().state
    }

    fn last(&mut self) -> Transition {
        *self.machine.take_transitions().last().unwrap()
    }

    /// Opens, if it is closed, and waits until it would let a probe pass.
    fn open_and_wait(&mut self) -> Duration {
        self.calls(3, Outcome::Failure);
        let open_for = self.last().open_for.unwrap();
        self.wait(open_for + QUICK);
        open_for
    }
}

#[test]
fn failures_in_a_row_open_it_whatever_came_before() {
    let mut bench = Bench::new(|_settings| {});
    bench.calls(10_000, Outcome::Success);
    bench.calls(2, Outcome::Failure);
    assert_eq!(bench.state(), State::Closed);
    bench.calls(1, Outcome::Failure);
    let opened = bench.last();
    assert_eq!((opened.from, opened.to), (State::Closed, State::Open));
    assert_eq!(opened.cause, Cause::ConsecutiveFailures);
    assert_eq!((opened.counts.calls, opened.counts.failures), (10_003, 3));
    assert_eq!(opened.counts.consecutive_failures, 3);
}

#[test]
fn a_success_between_breaks_the_row() {
    let mut bench = Bench::new(|settings| settings.failure_percent = 0);
    for _round in 0..50 {
        bench.calls(2, Outcome::Failure);
        bench.calls(1, Outcome::Success);
    }
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn failure_rate_opens_it_once_there_are_enough_calls() {
    let mut bench = Bench::new(|settings| settings.consecutive_failures = 0);
    bench.calls(1, Outcome::Success);
    bench.calls(2, Outcome::Failure);
    assert_eq!(bench.state(), State::Closed, "too few calls for a rate");
    bench.calls(1, Outcome::Failure);
    assert_eq!(bench.last().cause, Cause::FailureRate);
}

#[test]
fn ten_thousand_old_successes_do_not_dilute_the_rate() {
    let mut bench = Bench::new(|settings| settings.consecutive_failures = 0);
    bench.calls(10_000, Outcome::Success);
    bench.wait(Duration::from_secs(60));
    bench.calls(4, Outcome::Failure);
    let opened = bench.last();
    assert_eq!((opened.cause, opened.counts.calls), (Cause::FailureRate, 4));
}

#[test]
fn failures_that_left_the_window_count_no_more() {
    let mut bench = Bench::new(|settings| {
        settings.consecutive_failures = 0;
        settings.minimum_calls = 3;
    });
    for _minute in 0..10 {
        bench.calls(2, Outcome::Failure);
        bench.wait(Duration::from_secs(60));
    }
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn slow_calls_open_it_though_they_succeed() {
    let mut bench = Bench::new(|_settings| {});
    for _call in 0..4 {
        bench.call(Outcome::Success, SLOW);
    }
    let opened = bench.last();
    assert_eq!((opened.cause, opened.counts.slow), (Cause::SlowCallRate, 4));
}

#[test]
fn without_a_limit_no_call_is_slow() {
    let mut bench = Bench::new(|settings| settings.slow_call = Duration::ZERO);
    for _call in 0..100 {
        bench.call(Outcome::Success, SLOW);
    }
    let now = bench.look();
    assert_eq!((now.state, now.totals.slow), (State::Closed, 0));
}

#[test]
fn ignored_outcomes_count_as_nothing() {
    let mut bench = Bench::new(|_settings| {});
    bench.calls(2, Outcome::Failure);
    bench.calls(100, Outcome::Ignored);
    assert_eq!(bench.look().counts.calls, 2);
    bench.calls(1, Outcome::Failure);
    assert_eq!(
        bench.last().cause,
        Cause::ConsecutiveFailures,
        "the row went on"
    );
}

#[test]
fn open_rejects_and_says_when_to_come_back() {
    let mut bench = Bench::new(|_settings| {});
    bench.calls(3, Outcome::Failure);
    let opened = bench.last();
    let retry_at = opened.at.after(opened.open_for.unwrap());
    let state = State::Open;
    assert_eq!(bench.admit().unwrap_err(), Rejected { state, retry_at });
    assert_eq!(
        bench
            .machine
            .admit(retry_at.shifted_nanos(-1))
            .unwrap_err()
            .retry_at,
        retry_at
    );
    let _probe = bench.machine.admit(retry_at).unwrap();
    assert_eq!(bench.last().cause, Cause::OpenTimeOver);
}

#[test]
fn half_open_admits_no_more_probes_than_it_may() {
    let mut bench = Bench::new(|_settings| {});
    bench.open_and_wait();
    let first = bench.admit().unwrap();
    let _second = bench.admit().unwrap();
    let state = State::HalfOpen;
    let retry_at = bench.now().after(Duration::from_secs(15));
    assert_eq!(bench.admit().unwrap_err(), Rejected { state, retry_at });
    bench.end(first, Outcome::Success);
    assert!(
        bench.admit().is_err(),
        "one worked, one is under way: two in all"
    );
}

#[test]
fn it_closes_when_every_probe_worked() {
    let mut bench = Bench::new(|_settings| {});
    bench.open_and_wait();
    bench.calls(1, Outcome::Success);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.calls(1, Outcome::Success);
    let closed = bench.last();
    assert_eq!(
        (closed.to, closed.cause),
        (State::Closed, Cause::ProbesSucceeded)
    );
    assert_eq!(closed.counts.calls, 2);
    assert_eq!(
        bench.look().counts,
        Counts::default(),
        "the window starts empty"
    );
}

#[test]
fn a_failed_or_slow_probe_opens_it_again() {
    for (outcome, took, cause) in [
        (Outcome::Failure, QUICK, Cause::ProbeFailed),
        (Outcome::Success, SLOW, Cause::ProbeSlow),
    ] {
        let mut bench = Bench::new(|_settings| {});
        bench.open_and_wait();
        bench.call(outcome, took);
        let opened = bench.last();
        assert_eq!((opened.to, opened.cause), (State::Open, cause));
    }
}

#[test]
fn an_ignored_probe_gives_its_place_back() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    bench.open_and_wait();
    bench.calls(5, Outcome::Ignored);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.calls(1, Outcome::Success);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn a_dropped_probe_gives_its_place_back_and_counts_as_nothing() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    bench.open_and_wait();
    for _probe in 0..5 {
        let dropped = bench.admit().unwrap();
        assert!(bench.admit().is_err());
        let now = bench.now();
        bench.machine.release(now, dropped);
    }
    let look = bench.look();
    assert_eq!(
        (look.state, look.counts),
        (State::HalfOpen, Counts::default())
    );
    assert_eq!(look.totals.dropped, 5);
}

#[test]
fn a_hung_probe_blocks_others_only_for_the_half_open_time() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    bench.open_and_wait();
    let hung = bench.admit().unwrap();
    let started = bench.now();
    bench.wait(Duration::from_secs(3_600));
    let probe = bench.admit().unwrap();
    let [_half, reopened, half] = bench.machine.take_transitions().try_into().unwrap();
    assert_eq!(
        (reopened.to, reopened.cause),
        (State::Open, Cause::ProbesHung)
    );
    assert_eq!(
        reopened.at,
        started.after(Duration::from_secs(15)),
        "at its limit, not when seen"
    );
    assert_eq!((half.to, half.at), (State::HalfOpen, bench.now()));
    bench.end(hung, Outcome::Failure);
    assert_eq!(
        bench.state(),
        State::HalfOpen,
        "the hung one is stale by now"
    );
    bench.end(probe, Outcome::Success);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn every_probe_is_counted_once_by_what_it_said() {
    let mut bench = Bench::new(|settings| settings.probes = 3);
    let probes = |bench: &mut Bench| {
        let totals = bench.look().totals;
        (
            totals.probes_succeeded,
            totals.probes_failed,
            totals.probes_void,
            totals.transitions,
        )
    };
    bench.calls(5, Outcome::Ignored);
    assert_eq!(probes(&mut bench), (0, 0, 0, 0), "calls are no probes");
    bench.open_and_wait();
    let now = bench.now();
    let dropped = bench.admit().unwrap();
    bench.machine.release(now, dropped);
    bench.calls(1, Outcome::Ignored);
    assert_eq!(probes(&mut bench), (0, 0, 2, 2), "dropped and ignored");
    let overtaken = bench.admit().unwrap();
    bench.calls(1, Outcome::Success);
    bench.calls(1, Outcome::Failure);
    assert_eq!(probes(&mut bench), (1, 1, 3, 3), "one cut short");
    bench.end(overtaken, Outcome::Success);
    assert_eq!(probes(&mut bench), (1, 1, 3, 3), "it comes too late");
    bench.wait(Duration::from_secs(120));
    let _hung = [bench.admit().unwrap(), bench.admit().unwrap()];
    bench.wait(Duration::from_secs(120));
    assert_eq!(probes(&mut bench), (1, 3, 3, 5), "two hung");
}

#[test]
fn probe_successes_from_long_ago_do_not_close_it() {
    let mut bench = Bench::new(|_settings| {});
    bench.open_and_wait();
    bench.calls(1, Outcome::Success);
    bench.wait(Duration::from_secs(3_600));
    bench.calls(1, Outcome::Success);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.calls(1, Outcome::Success);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn a_success_from_before_the_trip_does_not_close_it() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    let early = bench.admit().unwrap();
    let earlier = bench.admit().unwrap();
    bench.open_and_wait();
    bench.end(earlier, Outcome::Success);
    assert_eq!(bench.state(), State::Open);
    let probe = bench.admit().unwrap();
    bench.end(early, Outcome::Success);
    assert_eq!(bench.state(), State::HalfOpen);
    bench.end(probe, Outcome::Success);
    assert_eq!(
        (bench.state(), bench.look().totals.stale),
        (State::Closed, 2)
    );
}

#[test]
fn a_failure_from_before_the_trip_does_not_open_it_again() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    let late: Vec<Ticket> = (0..5).map(|_call| bench.admit().unwrap()).collect();
    bench.open_and_wait();
    bench.calls(1, Outcome::Success);
    for ticket in late {
        bench.end(ticket, Outcome::Failure);
    }
    let look = bench.look();
    assert_eq!(
        (look.state, look.counts),
        (State::Closed, Counts::default())
    );
}

#[test]
fn open_times_double_with_jitter_up_to_the_cap() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    let mut open_for = bench.open_and_wait();
    for whole in [2_u64, 4, 8, 16, 32, 64, 120, 120, 120] {
        let whole = Duration::from_secs(whole);
        assert!(
            open_for >= whole / 2 && open_for <= whole,
            "{open_for:?} of {whole:?}"
        );
        bench.calls(1, Outcome::Failure);
        open_for = bench.last().open_for.unwrap();
        bench.wait(open_for + QUICK);
    }
}

#[test]
fn open_times_differ_between_seeds_and_repeat_for_one() {
    let first = |seed| {
        let settings = Settings {
            consecutive_failures: 1,
            ..Settings::default()
        };
        let now = Timestamp::from_secs(0);
        let mut machine = Machine::new("seeded", settings, now, rng::stream(seed, 0));
        let ticket = machine.admit(now).unwrap();
        machine.record(now, ticket, Outcome::Failure, QUICK);
        machine.take_transitions()[0].open_for
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn flapping_does_not_start_the_open_times_over() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    let flap = |bench: &mut Bench, closed_for| {
        let open_for = bench.open_and_wait();
        bench.calls(1, Outcome::Success);
        bench.wait(closed_for);
        open_for
    };
    let briefly = Duration::from_secs(299);
    flap(&mut bench, briefly);
    assert!(flap(&mut bench, briefly) >= Duration::from_secs(2));
    assert!(flap(&mut bench, Duration::from_secs(300)) >= Duration::from_secs(4));
    assert!(
        flap(&mut bench, briefly) <= Duration::from_secs(2),
        "it was stable"
    );
}

#[test]
fn forced_open_rejects_until_the_operator_says_otherwise() {
    let mut bench = Bench::new(|_settings| {});
    let now = bench.now();
    bench.machine.set_mode(now, Mode::ForcedOpen);
    assert_eq!(bench.last().cause, Cause::Operator);
    bench.wait(Duration::from_secs(1_000_000));
    assert_eq!(bench.admit().unwrap_err().retry_at, Timestamp::MAX);
    let now = bench.now();
    bench.machine.set_mode(now, Mode::Automatic);
    bench.calls(1, Outcome::Success);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn metrics_only_counts_and_never_opens() {
    let mut bench = Bench::new(|settings| settings.mode = Mode::MetricsOnly);
    bench.calls(100, Outcome::Failure);
    let look = bench.look();
    assert_eq!(
        (look.state, look.counts.failures),
        (State::MetricsOnly, 100)
    );
    assert_eq!((look.totals.failed, look.totals.opened), (100, 0));
}

#[test]
fn disabled_watches_nothing() {
    let mut bench = Bench::new(|settings| settings.mode = Mode::Disabled);
    bench.calls(100, Outcome::Failure);
    let look = bench.look();
    assert_eq!(
        (look.state, look.counts),
        (State::Disabled, Counts::default())
    );
}

#[test]
fn the_same_mode_again_changes_nothing() {
    let mut bench = Bench::new(|_settings| {});
    bench.calls(2, Outcome::Failure);
    let now = bench.now();
    bench.machine.set_mode(now, Mode::Automatic);
    assert_eq!(bench.look().counts.failures, 2);
    assert_eq!(bench.machine.take_transitions(), []);
}

#[test]
fn transitions_are_numbered_without_a_gap() {
    let mut bench = Bench::new(|settings| settings.probes = 1);
    for _flap in 0..5 {
        bench.calls(3, Outcome::Failure);
        bench.wait(Duration::from_secs(120));
        bench.calls(1, Outcome::Success);
    }
    let transitions = bench.machine.take_transitions();
    assert_eq!(transitions.len(), 15);
    for (number, transition) in (1..).zip(&transitions) {
        assert_eq!(transition.generation, number);
    }
    assert!(
        transitions
            .windows(2)
            .all(|pair| pair[0].to == pair[1].from && pair[0].at <= pair[1].at)
    );
}

#[test]
fn time_that_goes_backwards_stands_still() {
    let mut bench = Bench::new(|_settings| {});
    bench.wait(Duration::from_secs(10));
    let latest = bench.now();
    bench.calls(1, Outcome::Success);
    bench.now = 0;
    bench.calls(3, Outcome::Failure);
    let opened = bench.last();
    assert_eq!((opened.at, opened.counts.calls), (latest, 4));
    let retry_at = latest.after(opened.open_for.unwrap());
    assert_eq!(bench.admit().unwrap_err().retry_at, retry_at);
}
