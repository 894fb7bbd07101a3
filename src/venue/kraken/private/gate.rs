//! Whether orders and amends may be written: the order-entry breaker, and the probes that close it.
//!
//! Always true: a probe is a harmless read together with a ping, never an order, and works when both are answered in time; while
//! the breaker is not closed, no order is admitted, not even as its probe.

use std::time::Duration;

use crate::{
    engine::event::{Answer, OrderEntry, RejectReason},
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Permit as Leave, State},
    types::Timestamp,
};

/// Pause after a probe that was not admitted.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// What a written order or amend holds until its end. Dropped, it counts as nothing.
#[derive(Debug)]
pub(super) struct Permit(Leave);

/// The breaker as the writer uses it.
#[derive(Debug)]
pub(super) struct Gate {
    breaker: CircuitBreaker,
    probe: Option<Probe>,
    patience: Duration,
    /// No probe before this: one was not admitted.
    not_before: Timestamp,
    told: OrderEntry,
}

/// A probe that is out.
#[derive(Debug)]
struct Probe {
    leave: Leave,
    due: Timestamp,
    read: bool,
    ponged: bool,
}

impl Gate {
    /// Probes are given up after `patience`.
    pub(super) const fn new(breaker: CircuitBreaker, patience: Duration) -> Self {
        Self {
            breaker,
            probe: None,
            patience,
            not_before: Timestamp::MIN,
            told: OrderEntry::Open,
        }
    }

    fn entry(&self) -> OrderEntry {
        match self.breaker.snapshot().state {
            State::Closed | State::Disabled | State::MetricsOnly => OrderEntry::Open,
            State::Open | State::HalfOpen | State::ForcedOpen => OrderEntry::Shut,
        }
    }

    /// Leave to write one order or amend.
    pub(super) fn admit(&self) -> Option<Permit> {
        match self.entry() {
            OrderEntry::Open => self.breaker.admit().ok().map(Permit),
            OrderEntry::Shut => None,
        }
    }

    /// Tells the breaker how the venue answered. A refusal shows that it works; being too fast says nothing about it.
    pub(super) fn record(&self, permit: Permit, answer: Answer) {
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
            return Some(probe.due);
        }
        let snapshot = self.breaker.snapshot();
        match snapshot.state {
            State::Open => snapshot.retry_at,
            State::HalfOpen => Some(self.not_before),
            State::Closed | State::ForcedOpen | State::Disabled | State::MetricsOnly => None,
        }
    }

    /// Gives an overdue probe up, or begins one that is due. True when one has begun: a read and a ping are to be sent.
    pub(super) fn step(&mut self, now: Timestamp) -> bool {
        if self.next_step().is_none_or(|at| at > now) {
            return false;
        }
        if self.probe.is_some() {
            self.end_probe(Outcome::Failure);
            return false;
        }
        let due = now.after(self.patience);
        self.probe = self.breaker.admit().ok().map(|leave| Probe {
            leave,
            due,
            read: false,
            ponged: false,
        });
        self.not_before = now.after(REFUSED_PAUSE);
        self.probe.is_some()
    }

    /// The probe's read has ended.
    pub(super) fn read(&mut self, good: bool) {
        if !good {
            self.end_probe(Outcome::Failure);
        } else if let Some(probe) = &mut self.probe {
            probe.read = true;
            self.end_if_complete();
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
