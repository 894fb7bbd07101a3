//! The machine against a naive breaker that keeps every call and recounts from scratch.

use std::time::Duration;

use proptest::prelude::*;

use super::{Cause, Counts, Machine, Mode, Outcome, Settings, Snapshot, State, Ticket, Transition};
use crate::{io::rng, types::Timestamp};

const NANOS: i64 = 1_000_000;
const NAME: &str = "model";

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Admit,
    AdmitUntimed,
    AdmitNoProbe,
    TurnAway,
    End {
        which: usize,
        outcome: Outcome,
        slow: bool,
    },
    Drop {
        which: usize,
    },
    Look,
    Switch(Mode),
}

/// Mostly by its rules, or a case would hardly ever get anywhere.
fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        4 => Just(Mode::Automatic),
        1 => Just(Mode::ForcedOpen),
        1 => Just(Mode::Disabled),
        1 => Just(Mode::MetricsOnly),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Failure),
        3 => Just(Outcome::Success),
        1 => Just(Outcome::Ignored),
    ];
    let step = prop_oneof![
        20 => (0_i64..400).prop_map(Step::Wait),
        10 => (0_i64..20_000).prop_map(Step::Wait),
        60 => Just(Step::Admit),
        10 => Just(Step::AdmitUntimed),
        10 => Just(Step::AdmitNoProbe),
        10 => Just(Step::TurnAway),
        60 => (any::<usize>(), outcome, prop::bool::weighted(0.2))
            .prop_map(|(which, outcome, slow)| Step::End { which, outcome, slow }),
        10 => any::<usize>().prop_map(|which| Step::Drop { which }),
        10 => Just(Step::Look),
        3 => modes().prop_map(Step::Switch),
    ];
    prop::collection::vec(step, 1..300)
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        modes(),
        1_u16..6,
        0_u32..6,
        0_u8..=100,
        0_u8..=100,
        0_u32..5,
        1_u32..4,
    )
        .prop_map(
            |(
                mode,
                buckets,
                minimum_calls,
                failure_percent,
                slow_percent,
                consecutive_failures,
                probes,
            )| {
                Settings {
                    mode,
                    window: Duration::from_secs(2),
                    buckets,
                    minimum_calls,
                    failure_percent,
                    slow_percent,
                    consecutive_failures,
                    probes,
                    open_for: Duration::from_secs(1),
                    open_for_max: Duration::from_secs(7),
                    stable_after: Duration::from_secs(20),
                    half_open_for: Duration::from_secs(3),
                    ..Settings::default()
                }
            },
        )
}

/// One call of the model's, with the generation that it was admitted in.
struct Ended {
    generation: u64,
    bucket: i64,
    failed: bool,
    slow: bool,
}

/// The naive breaker. Times are milliseconds. It is told each open time, and checks that it is within its bounds.
struct Model {
    settings: Settings,
    state: State,
    since: i64,
    generation: u64,
    ended: Vec<Ended>,
    /// Generations of the calls under way.
    under_way: Vec<u64>,
    openings: u32,
    open_until: i64,
    round_ends: Option<i64>,
    round_successes: usize,
    /// Probes that succeeded, failed, said nothing.
    probes: [u64; 3],
    /// The transitions of this step.
    told: Vec<Transition>,
    rejected: u64,
    opened: u64,
}

const fn state_of(mode: Mode) -> State {
    match mode {
        Mode::Automatic => State::Closed,
        Mode::ForcedOpen => State::ForcedOpen,
        Mode::Disabled => State::Disabled,
        Mode::MetricsOnly => State::MetricsOnly,
    }
}

impl Model {
    fn new(settings: Settings) -> Self {
        Self {
            state: state_of(settings.mode),
            settings,
            since: 0,
            generation: 0,
            ended: Vec::new(),
            under_way: Vec::new(),
            openings: 0,
            open_until: 0,
            round_ends: None,
            round_successes: 0,
            probes: [0; 3],
            told: Vec::new(),
            rejected: 0,
            opened: 0,
        }
    }

    fn bucket(&self, now: i64) -> i64 {
        let length = self.settings.window / u32::from(self.settings.buckets);
        (now * NANOS).div_euclid(i64::try_from(length.as_nanos()).unwrap())
    }

    fn in_flight(&self) -> usize {
        self.under_way
            .iter()
            .filter(|generation| **generation == self.generation)
            .count()
    }

    fn enter(&mut self, now: i64, state: State, cause: Cause) {
        self.told.push(Transition {
            name: NAME,
            at: instant(now),
            from: self.state,
            to: state,
            cause,
            counts: self.counts(now),
            generation: self.generation + 1,
            open_for: None,
        });
        if self.state == State::HalfOpen {
            self.probes[2] += self.in_flight() as u64;
        }
        (self.state, self.since) = (state, now);
        self.generation += 1;
        (self.round_ends, self.round_successes) = (None, 0);
    }

    fn open(&mut self, now: i64, cause: Cause, open_for: &mut impl FnMut() -> i64) {
        let stable = i64::try_from(self.settings.stable_after.as_millis()).unwrap();
        if self.state == State::Closed && now - self.since >= stable {
            self.openings = 0;
        }
        let whole = (1_000_i64 << self.openings.min(10)).min(7_000);
        self.openings += 1;
        self.opened += 1;
        let chosen = open_for();
        assert!(
            chosen >= whole / 2 && chosen <= whole,
            "{chosen} of {whole}"
        );
        self.enter(now, State::Open, cause);
        self.open_until = now + chosen;
    }

    fn tick(&mut self, now: i64, open_for: &mut impl FnMut() -> i64) {
        let Some(ends) = self.round_ends.filter(|ends| *ends <= now) else {
            return;
        };
        let hung = self.in_flight() as u64;
        if hung > 0 {
            self.under_way
                .iter_mut()
                .filter(|generation| **generation == self.generation)
                .for_each(|generation| *generation = u64::MAX);
            self.probes[1] += hung;
            self.open(ends, Cause::ProbesHung, open_for);
        } else {
            (self.round_ends, self.round_successes) = (None, 0);
        }
    }

    fn switch(&mut self, now: i64, mode: Mode) {
        if self.settings.mode != mode {
            self.settings.mode = mode;
            self.openings = 0;
            self.enter(now, state_of(mode), Cause::Operator);
        }
    }

    fn admit(&mut self, now: i64) -> bool {
        if self.state == State::Open && self.open_until <= now {
            self.enter(now, State::HalfOpen, Cause::OpenTimeOver);
        }
        let admitted = match self.state {
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => {
                self.round_ends.get_or_insert(now + 3_000);
                self.in_flight() + self.round_successes < self.settings.probes as usize
            }
            State::Closed | State::Disabled | State::MetricsOnly => true,
        };
        if admitted {
            self.under_way.push(self.generation);
        }
        admitted
    }

    /// Only a breaker that lets everything pass lets pass what is no probe, or can say so without the time.
    fn admit_no_probe(&mut self) -> bool {
        let passes = [State::Closed, State::Disabled, State::MetricsOnly].contains(&self.state);
        if passes {
            self.under_way.push(self.generation);
        }
        passes
    }

    /// Whether a call would be turned away before it has asked.
    fn turns_away(&self, now: i64) -> bool {
        self.state == State::ForcedOpen || (self.state == State::Open && self.open_until > now)
    }

    fn end(
        &mut self,
        now: i64,
        which: usize,
        outcome: Outcome,
        slow: bool,
        open_for: &mut impl FnMut() -> i64,
    ) {
        let generation = self.under_way.remove(which);
        let is_probe = self.state == State::HalfOpen;
        if generation != self.generation {
            return;
        }
        if outcome == Outcome::Ignored {
            self.probes[2] += u64::from(is_probe);
            return;
        }
        if self.state == State::Disabled {
            return;
        }
        let failed = outcome == Outcome::Failure;
        let bucket = self.bucket(now);
        self.ended.push(Ended {
            generation,
            bucket,
            failed,
            slow,
        });
        if is_probe {
            let bad = [
                (failed, Cause::ProbeFailed),
                (slow && self.settings.slow_percent > 0, Cause::ProbeSlow),
            ];
            if let Some((_, cause)) = bad.into_iter().find(|(holds, _)| *holds) {
                self.probes[1] += 1;
                self.open(now, cause, open_for);
            } else {
                self.probes[0] += 1;
                self.round_successes += 1;
                if self.round_successes == self.settings.probes as usize {
                    self.enter(now, State::Closed, Cause::ProbesSucceeded);
                }
            }
        } else if self.state == State::Closed
            && let Some(cause) = self.trips(now)
        {
            self.open(now, cause, open_for);
        }
    }

    fn counts(&self, now: i64) -> Counts {
        let mine: Vec<&Ended> = self
            .ended
            .iter()
            .filter(|call| call.generation == self.generation)
            .collect();
        let row = mine.iter().rev().take_while(|call| call.failed).count();
        let first = self.bucket(now) - i64::from(self.settings.buckets) + 1;
        let window: Vec<_> = mine.iter().filter(|call| call.bucket >= first).collect();
        Counts {
            calls: window.len() as u64,
            failures: window.iter().filter(|call| call.failed).count() as u64,
            slow: window.iter().filter(|call| call.slow).count() as u64,
            consecutive_failures: u32::try_from(row).unwrap(),
        }
    }

    /// The first of the rules that holds.
    fn trips(&self, now: i64) -> Option<Cause> {
        let (settings, counts) = (&self.settings, self.counts(now));
        let row = settings.consecutive_failures > 0
            && counts.consecutive_failures >= settings.consecutive_failures;
        let share = |part: u64, percent: u8| {
            percent > 0
                && counts.calls > 0
                && counts.calls >= u64::from(settings.minimum_calls)
                && part * 100 >= counts.calls * u64::from(percent)
        };
        let rules = [
            (row, Cause::ConsecutiveFailures),
            (
                share(counts.failures, settings.failure_percent),
                Cause::FailureRate,
            ),
            (
                share(counts.slow, settings.slow_percent),
                Cause::SlowCallRate,
            ),
        ];
        let (_, cause) = rules.into_iter().find(|(holds, _)| *holds)?;
        Some(cause)
    }
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis * NANOS)
}

/// In milliseconds, rounded up: the model sees whole milliseconds only.
fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap()
}

/// The machine with the tickets that are out.
struct Player {
    machine: Machine,
    tickets: Vec<Ticket>,
    slow_call: Duration,
    /// In milliseconds.
    now: i64,
}

/// What came of a step.
#[derive(Clone, Copy, Debug)]
enum Done {
    Nothing,
    Admitted(bool),
    AdmittedUntimed(bool),
    AdmittedNoProbe(bool),
    TurnedAway(bool),
    Ended {
        which: usize,
        outcome: Outcome,
        slow: bool,
    },
    Switched(Mode),
}

impl Player {
    fn new(settings: &Settings, seed: u64) -> Self {
        let rng = rng::stream(seed, 0);
        Self {
            machine: Machine::new(NAME, settings.clone(), instant(0), rng),
            tickets: Vec::new(),
            slow_call: settings.slow_call,
            now: 0,
        }
    }

    fn play(&mut self, step: &Step) -> Done {
        let now = instant(self.now);
        let had = self.tickets.len();
        match *step {
            Step::Wait(millis) => self.now += millis,
            Step::Look => {
                self.machine.snapshot(now);
            }
            Step::Admit => {
                self.tickets.extend(self.machine.admit(now));
                return Done::Admitted(self.tickets.len() > had);
            }
            Step::AdmitUntimed => {
                self.tickets.extend(self.machine.admit_untimed());
                return Done::AdmittedUntimed(self.tickets.len() > had);
            }
            Step::AdmitNoProbe => {
                self.tickets.extend(self.machine.admit_no_probe(now));
                return Done::AdmittedNoProbe(self.tickets.len() > had);
            }
            Step::TurnAway => return Done::TurnedAway(self.machine.turn_away(now).is_err()),
            Step::End {
                which,
                outcome,
                slow,
            } if had > 0 => {
                let took = if slow { self.slow_call } else { Duration::ZERO };
                let which = which % had;
                let ticket = self.tickets.remove(which);
                self.machine.record(now, ticket, outcome, took);
                return Done::Ended {
                    which,
                    outcome,
                    slow,
                };
            }
            Step::Drop { which } if had > 0 => {
                let which = which % had;
                self.machine.release(now, self.tickets.remove(which));
                return Done::Ended {
                    which,
                    outcome: Outcome::Ignored,
                    slow: false,
                };
            }
            Step::End { .. } | Step::Drop { .. } => {}
            Step::Switch(mode) => {
                self.machine.set_mode(now, mode);
                return Done::Switched(mode);
            }
        }
        Done::Nothing
    }
}

impl Model {
    /// Does the same, and agrees.
    fn follow(&mut self, now: i64, done: Done, open_for: &mut impl FnMut() -> i64) {
        self.tick(now, open_for);
        match done {
            Done::Nothing => {}
            Done::Admitted(admitted) => {
                assert_eq!(self.admit(now), admitted, "admission at {now}");
                self.rejected += u64::from(!admitted);
            }
            Done::AdmittedUntimed(admitted) => {
                assert_eq!(self.admit_no_probe(), admitted, "admission at {now}");
            }
            Done::AdmittedNoProbe(admitted) => {
                assert_eq!(self.admit_no_probe(), admitted, "admission at {now}");
                self.rejected += u64::from(!admitted);
            }
            Done::TurnedAway(turned) => {
                assert_eq!(self.turns_away(now), turned, "turned away at {now}");
                self.rejected += u64::from(turned);
            }
            Done::Ended {
                which,
                outcome,
                slow,
            } => self.end(now, which, outcome, slow, open_for),
            Done::Switched(mode) => self.switch(now, mode),
        }
    }

    /// Stands where the machine does.
    fn assert_like(&self, now: i64, look: &Snapshot) {
        assert_eq!(look.state, self.state, "state at {now}");
        assert_eq!(look.counts, self.counts(now), "counts at {now}");
        assert_eq!(look.generation, self.generation, "generation at {now}");
        let retry_at = look.retry_at.map(|at| millis(at.since(instant(0))));
        let open_until = (self.state == State::Open).then_some(self.open_until);
        assert_eq!(retry_at, open_until, "next probe at {now}");
        let totals = look.totals;
        assert_eq!(totals.rejected, self.rejected, "rejections at {now}");
        assert_eq!(totals.opened, self.opened, "openings at {now}");
        let probes = [
            totals.probes_succeeded,
            totals.probes_failed,
            totals.probes_void,
        ];
        assert_eq!(probes, self.probes, "probes at {now}");
        assert_eq!(totals.transitions, self.generation, "transitions at {now}");
        let over =
            totals.succeeded + totals.failed + totals.ignored + totals.dropped + totals.stale;
        let under_way = self.under_way.len() as u64;
        assert_eq!(totals.admitted, over + under_way, "no call is lost");
    }
}

fn run(settings: &Settings, seed: u64, steps: &[Step]) {
    let mut player = Player::new(settings, seed);
    let mut model = Model::new(settings.clone());
    for step in steps {
        let done = player.play(step);
        let now = player.now;
        let look = player.machine.snapshot(instant(now));
        let mut transitions = player.machine.take_transitions();
        let mut open_times = transitions
            .iter_mut()
            .filter_map(|transition| transition.open_for.take());
        model.follow(now, done, &mut || {
            let chosen = open_times.next();
            millis(chosen.expect("the model opens, the machine did not"))
        });
        drop(open_times);
        let told = std::mem::take(&mut model.told);
        assert_eq!(transitions, told, "transitions at {now}");
        model.assert_like(now, &look);
        assert_eq!(player.tickets.len(), model.under_way.len(), "under way");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn machine_does_what_a_naive_breaker_does(settings in settings(), seed: u64, steps in steps()) {
        run(&settings, seed, &steps);
    }

    #[test]
    fn looking_changes_nothing(settings in settings(), seed: u64, steps in steps()) {
        let play = |look: bool| {
            let mut player = Player::new(&settings, seed);
            for step in &steps {
                if let Step::Wait(millis) = step {
                    for _part in 0..4 {
                        player.now += millis / 4;
                        if look { player.machine.snapshot(instant(player.now)); }
                    }
                } else if !matches!(step, Step::Look) {
                    player.play(step);
                }
            }
            (player.machine.snapshot(instant(player.now)), player.machine.take_transitions())
        };
        prop_assert_eq!(play(true), play(false));
    }
}
