//! Whether orders and amends may be written: the order-entry breaker, and the probes that close it.
//!
//! Always true: a probe is a harmless read together with a ping, never an order; while the breaker is not closed, no order is
//! admitted, not even as its probe.

use crate::{
    engine::event::{Answer, OrderEntry, RejectReason},
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Permit as Leave, State},
    types::Timestamp,
};

/// What a written order or amend holds until its end. Dropped, it counts as nothing.
#[derive(Debug)]
pub(super) struct Permit(Leave);

/// The breaker as the writer uses it.
#[derive(Debug)]
pub(super) struct Gate {
    breaker: CircuitBreaker,
    probe: Option<Leave>,
    told: OrderEntry,
}

impl Gate {
    pub(super) const fn new(breaker: CircuitBreaker) -> Self {
        Self {
            breaker,
            probe: None,
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

    /// When a probe can begin; nothing while none is wanted or one is out.
    pub(super) fn next_probe(&self) -> Option<Timestamp> {
        if self.probe.is_some() {
            return None;
        }
        let snapshot = self.breaker.snapshot();
        match snapshot.state {
            State::Open => snapshot.retry_at,
            State::HalfOpen => Some(Timestamp::MIN),
            State::Closed | State::ForcedOpen | State::Disabled | State::MetricsOnly => None,
        }
    }

    /// Begins a probe if one is due.
    pub(super) fn begin_probe(&mut self, now: Timestamp) -> bool {
        if self.next_probe().is_none_or(|at| at > now) {
            return false;
        }
        self.probe = self.breaker.admit().ok();
        self.probe.is_some()
    }

    /// The probe has come to its end.
    pub(super) fn end_probe(&mut self, good: bool) {
        if let Some(probe) = self.probe.take() {
            probe.record(match good {
                true => Outcome::Success,
                false => Outcome::Failure,
            });
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
