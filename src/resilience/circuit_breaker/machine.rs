//! The breaker as a pure state machine: told the time, given its randomness, asked before a call and told after it.
//!
//! Left out: locks, clocks, logs. [`super::CircuitBreaker`] adds them.
//! Always true: what it does depends on the order and times of its calls only, never on how often it is looked at in between.

use std::time::Duration;

use super::{
    Cause, Counts, Mode, Outcome, Rejected, Settings, Snapshot, State, Totals, Transition,
    window::Window,
};
use crate::{
    io::rng::Rng,
    resilience::backoff::{equal_jitter, grown},
    types::Timestamp,
};

/// Leave to make one call. Given back by [`Machine::record`] or [`Machine::release`].
#[derive(Debug)]
#[must_use = "a ticket that is not given back blocks a probe until the half-open time is over"]
pub struct Ticket {
    generation: u64,
}

/// A state with what belongs to it.
#[derive(Clone, Copy, Debug)]
enum Life {
    Closed,
    Open { until: Timestamp },
    HalfOpen(Round),
    ForcedOpen,
    Disabled,
    MetricsOnly,
}

/// The probes of one half-open time.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    in_flight: u32,
    succeeded: u32,
    /// Set by the first probe.
    ends: Option<Timestamp>,
}

/// The pure core of a breaker.
#[derive(Clone, Debug)]
pub struct Machine {
    name: &'static str,
    settings: Settings,
    rng: Rng,
    life: Life,
    since: Timestamp,
    generation: u64,
    /// Openings in a row, without a stable time in between.
    openings: u32,
    window: Window,
    consecutive_failures: u32,
    totals: Totals,
    latest: Timestamp,
    transitions: Vec<Transition>,
}

impl Machine {
    /// A breaker in the mode of its settings. They are expected to be valid; where they are not, the nearest valid value holds.
    #[must_use]
    pub fn new(name: &'static str, settings: Settings, now: Timestamp, rng: Rng) -> Self {
        Self {
            name,
            life: Life::of(settings.mode),
            window: Window::new(settings.window, settings.buckets),
            settings,
            rng,
            since: now,
            generation: 0,
            openings: 0,
            consecutive_failures: 0,
            totals: Totals::default(),
            latest: now,
            transitions: Vec::new(),
        }
    }

    /// Asks whether a call may be made.
    ///
    /// # Errors
    ///
    /// When it may not; says when asking again can help.
    pub fn admit(&mut self, now: Timestamp) -> Result<Ticket, Rejected> {
        let now = self.advance(now);
        if let Life::Open { until } = self.life
            && until <= now
        {
            self.change(
                now,
                Life::HalfOpen(Round::default()),
                Cause::OpenTimeOver,
                None,
            );
        }
        if self.try_enter(now) {
            Ok(self.ticket())
        } else {
            Err(self.reject(now))
        }
    }

    /// As [`admit`](Self::admit) in a state that lets every call pass, for which the time makes no difference. None in the others: there
    /// the time is needed.
    pub fn admit_untimed(&mut self) -> Option<Ticket> {
        match self.life {
            Life::Closed | Life::Disabled | Life::MetricsOnly => Some(self.ticket()),
            Life::Open { .. } | Life::HalfOpen(_) | Life::ForcedOpen => None,
        }
    }

    /// As [`admit`](Self::admit), for a call that must not be what finds out whether the service works again.
    ///
    /// # Errors
    ///
    /// When not every call may be made; says when asking again can help.
    pub fn admit_no_probe(&mut self, now: Timestamp) -> Result<Ticket, Rejected> {
        let now = self.advance(now);
        self.admit_untimed().ok_or_else(|| self.reject(now))
    }

    /// Turns a call away that could not be made now, before it waits for anything else. Whoever passes asks [`admit`](Self::admit) once it
    /// is ready.
    ///
    /// # Errors
    ///
    /// When it could not; says when asking again can help.
    pub fn turn_away(&mut self, now: Timestamp) -> Result<(), Rejected> {
        let now = self.advance(now);
        match self.life {
            Life::Open { until } if until > now => Err(self.reject(now)),
            Life::ForcedOpen => Err(self.reject(now)),
            Life::Open { .. }
            | Life::Closed
            | Life::HalfOpen(_)
            | Life::Disabled
            | Life::MetricsOnly => Ok(()),
        }
    }

    /// Tells what became of a call and how long it took.
    pub fn record(&mut self, now: Timestamp, ticket: Ticket, outcome: Outcome, took: Duration) {
        let now = self.advance(now);
        if self.leave(&ticket) {
            let limit = self.settings.slow_call;
            self.count(now, outcome, !limit.is_zero() && took >= limit);
        }
    }

    /// Gives back the ticket of a call that was given up. It counts as neither success nor failure.
    pub fn release(&mut self, now: Timestamp, ticket: Ticket) {
        self.advance(now);
        if self.leave(&ticket) {
            self.totals.dropped += 1;
            self.void_probe();
        }
    }

    /// Changes how the breaker works. It starts afresh; calls under way become stale. The mode it has already changes nothing.
    pub fn set_mode(&mut self, now: Timestamp, mode: Mode) {
        let now = self.advance(now);
        if self.settings.mode == mode {
            return;
        }
        self.settings.mode = mode;
        self.openings = 0;
        self.change(now, Life::of(mode), Cause::Operator, None);
    }

    /// The transitions since this was last asked, oldest first.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// The breaker as it is now.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let now = self.advance(now);
        Snapshot {
            name: self.name,
            state: self.life.state(),
            since: self.since,
            generation: self.generation,
            retry_at: match self.life {
                Life::Open { until } => Some(until),
                Life::Closed
                | Life::HalfOpen(_)
                | Life::ForcedOpen
                | Life::Disabled
                | Life::MetricsOnly => None,
            },
            counts: self.counts(now),
            totals: self.totals,
        }
    }

    /// Lets happen what time alone makes happen. Time that goes backwards stands still instead.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        if let Life::HalfOpen(round) = self.life
            && let Some(ends) = round.ends
            && ends <= self.latest
        {
            if round.in_flight > 0 {
                self.totals.probes_failed += u64::from(round.in_flight);
                self.life = Life::HalfOpen(Round::default());
                self.open(ends, Cause::ProbesHung);
            } else {
                // Nobody asked for longer than a round lasts: successes from then prove nothing now.
                self.life = Life::HalfOpen(Round::default());
            }
        }
        self.latest
    }

    const fn ticket(&mut self) -> Ticket {
        self.totals.admitted += 1;
        Ticket {
            generation: self.generation,
        }
    }

    /// Whether there is a place for one more call, which it then has.
    fn try_enter(&mut self, now: Timestamp) -> bool {
        match &mut self.life {
            Life::Closed | Life::Disabled | Life::MetricsOnly => true,
            Life::Open { .. } | Life::ForcedOpen => false,
            Life::HalfOpen(round) => {
                round
                    .ends
                    .get_or_insert_with(|| now.after(self.settings.half_open_for));
                let has_room =
                    round.in_flight.saturating_add(round.succeeded) < self.settings.probes.max(1);
                round.in_flight += u32::from(has_room);
                has_room
            }
        }
    }

    fn reject(&mut self, now: Timestamp) -> Rejected {
        self.totals.rejected += 1;
        Rejected {
            state: self.life.state(),
            retry_at: match self.life {
                Life::Open { until } => until.max(now),
                Life::HalfOpen(Round { ends, .. }) => ends.unwrap_or(now),
                Life::ForcedOpen => Timestamp::MAX,
                Life::Closed | Life::Disabled | Life::MetricsOnly => now,
            },
        }
    }

    /// Whether the ticket is of this generation. A probe's place is free again.
    fn leave(&mut self, ticket: &Ticket) -> bool {
        if ticket.generation != self.generation {
            self.totals.stale += 1;
            return false;
        }
        if let Life::HalfOpen(round) = &mut self.life {
            round.in_flight = round.in_flight.saturating_sub(1);
        }
        true
    }

    fn count(&mut self, now: Timestamp, outcome: Outcome, slow: bool) {
        let failed = match outcome {
            Outcome::Ignored => {
                self.totals.ignored += 1;
                return self.void_probe();
            }
            Outcome::Success => {
                self.totals.succeeded += 1;
                false
            }
            Outcome::Failure => {
                self.totals.failed += 1;
                true
            }
        };
        self.totals.slow += u64::from(slow);
        match self.life {
            Life::Closed => {
                self.watch(now, failed, slow);
                if let Some(cause) = self.tripped(now) {
                    self.open(now, cause);
                }
            }
            Life::MetricsOnly => self.watch(now, failed, slow),
            Life::HalfOpen(_) => {
                self.watch(now, failed, slow);
                self.judge_probe(now, failed, slow);
            }
            // No ticket of this generation exists while open or forced open.
            Life::Open { .. } | Life::ForcedOpen | Life::Disabled => {}
        }
    }

    fn watch(&mut self, now: Timestamp, failed: bool, slow: bool) {
        self.window.add(now, failed, slow);
        self.consecutive_failures = if failed {
            self.consecutive_failures.saturating_add(1)
        } else {
            0
        };
    }

    /// The first rule by which a closed breaker should open.
    fn tripped(&mut self, now: Timestamp) -> Option<Cause> {
        let counts = self.counts(now);
        let settings = &self.settings;
        let reached = |part: u64, percent: u8| {
            percent > 0
                && counts.calls > 0
                && counts.calls >= u64::from(settings.minimum_calls)
                && part.saturating_mul(100) >= counts.calls.saturating_mul(u64::from(percent))
        };
        if settings.consecutive_failures > 0
            && counts.consecutive_failures >= settings.consecutive_failures
        {
            return Some(Cause::ConsecutiveFailures);
        }
        if reached(counts.failures, settings.failure_percent) {
            return Some(Cause::FailureRate);
        }
        reached(counts.slow, settings.slow_percent).then_some(Cause::SlowCallRate)
    }

    fn judge_probe(&mut self, now: Timestamp, failed: bool, slow: bool) {
        let too_slow = slow && self.settings.slow_percent > 0;
        if failed || too_slow {
            self.totals.probes_failed += 1;
            let cause = if failed {
                Cause::ProbeFailed
            } else {
                Cause::ProbeSlow
            };
            return self.open(now, cause);
        }
        self.totals.probes_succeeded += 1;
        if let Life::HalfOpen(round) = &mut self.life {
            round.succeeded += 1;
            if round.succeeded >= self.settings.probes.max(1) {
                self.change(now, Life::Closed, Cause::ProbesSucceeded, None);
            }
        }
    }

    fn void_probe(&mut self) {
        if matches!(self.life, Life::HalfOpen(_)) {
            self.totals.probes_void += 1;
        }
    }

    fn open(&mut self, at: Timestamp, cause: Cause) {
        let was_stable =
            matches!(self.life, Life::Closed) && at.since(self.since) >= self.settings.stable_after;
        if was_stable {
            self.openings = 0;
        }
        let whole = grown(
            self.settings.open_for,
            self.settings.open_for_max,
            self.openings,
        );
        let open_for = equal_jitter(&mut self.rng, whole);
        self.openings = self.openings.saturating_add(1);
        self.totals.opened += 1;
        let until = at.after(open_for);
        self.change(at, Life::Open { until }, cause, Some(open_for));
    }

    fn change(&mut self, at: Timestamp, to: Life, cause: Cause, open_for: Option<Duration>) {
        let from = self.life.state();
        let counts = self.counts(at);
        if let Life::HalfOpen(round) = self.life {
            self.totals.probes_void += u64::from(round.in_flight);
        }
        self.totals.transitions += 1;
        self.generation += 1;
        self.life = to;
        self.since = at;
        self.window.clear();
        self.consecutive_failures = 0;
        self.transitions.push(Transition {
            name: self.name,
            at,
            from,
            to: to.state(),
            cause,
            counts,
            generation: self.generation,
            open_for,
        });
    }

    fn counts(&mut self, now: Timestamp) -> Counts {
        let (calls, failures, slow) = self.window.sums(now);
        Counts {
            calls,
            failures,
            slow,
            consecutive_failures: self.consecutive_failures,
        }
    }
}

impl Life {
    const fn of(mode: Mode) -> Self {
        match mode {
            Mode::Automatic => Self::Closed,
            Mode::ForcedOpen => Self::ForcedOpen,
            Mode::Disabled => Self::Disabled,
            Mode::MetricsOnly => Self::MetricsOnly,
        }
    }

    const fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen(_) => State::HalfOpen,
            Self::ForcedOpen => State::ForcedOpen,
            Self::Disabled => State::Disabled,
            Self::MetricsOnly => State::MetricsOnly,
        }
    }
}

#[cfg(test)]
mod tests;
