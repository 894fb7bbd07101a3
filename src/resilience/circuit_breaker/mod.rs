//! A circuit breaker: stops calling what is failing, and finds out carefully when it works again.
//!
//! For: one breaker per purpose, in front of calls to a service. [`Machine`] is the pure core; [`CircuitBreaker`] shares it.
//! Left out: retries (outside the breaker), time limits (inside it), and what counts as a failure, which the caller says.
//! Always true:
//! * Only calls admitted since the last transition count. A result that comes later than that is stale and discarded.
//! * Half-open admits a fixed number of probes for a limited time. A probe that is dropped gives its place back.
//! * An open time doubles with each opening, jittered and capped, until the breaker has stayed closed for a while.
//! * Each transition is published once, in order, with its cause and the counts that led to it.

mod machine;
#[cfg(test)]
mod model;
mod settings;
mod shared;
mod sync;
// Loom runs without the subscriber that it listens with.
#[cfg(not(tradingd_loom))]
#[cfg(test)]
mod told;
#[cfg(all(test, tradingd_loom))]
mod under_loom;
mod window;

use std::{fmt, time::Duration};

use thiserror::Error;

pub use machine::{Machine, Ticket};
pub use settings::Settings;
pub use shared::{CallError, CircuitBreaker, Permit, TRANSITIONS_KEPT};

use crate::types::Timestamp;

/// What became of a call, as far as the service's health goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The service answered as it should, be it with a refusal.
    Success,
    /// The service did not answer, or said that it cannot.
    Failure,
    /// Says nothing about the service, such as our own mistake. Counts as nothing.
    Ignored,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Calls pass and are watched.
    Closed,
    /// Calls are rejected until the open time is over.
    Open,
    /// A few probes pass; the others are rejected.
    HalfOpen,
    /// Calls are rejected until the operator says otherwise.
    ForcedOpen,
    /// Calls pass; nothing is watched.
    Disabled,
    /// Calls pass and are watched; nothing follows from it.
    MetricsOnly,
}

impl State {
    /// Lower-case name, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the operator wants a breaker to work.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Opens and closes by its rules.
    #[default]
    Automatic,
    /// Rejects everything.
    ForcedOpen,
    /// Admits everything, watches nothing.
    Disabled,
    /// Admits everything, watches it, never opens.
    MetricsOnly,
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// Too many failures in a row.
    ConsecutiveFailures,
    /// Too large a share of the window's calls failed.
    FailureRate,
    /// Too large a share of the window's calls was slow.
    SlowCallRate,
    /// The open time is over and somebody asked.
    OpenTimeOver,
    /// A probe failed.
    ProbeFailed,
    /// A probe worked but was slow, and slow calls are watched.
    ProbeSlow,
    /// Probes did not end within the half-open time.
    ProbesHung,
    /// Every probe worked.
    ProbesSucceeded,
    /// [`Machine::set_mode`].
    Operator,
}

impl Cause {
    /// Lower-case name, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureRate => "failure_rate",
            Self::SlowCallRate => "slow_call_rate",
            Self::OpenTimeOver => "open_time_over",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeSlow => "probe_slow",
            Self::ProbesHung => "probes_hung",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::Operator => "operator",
        }
    }
}

/// The calls that a decision rests on: the window's, or the probes of a half-open round.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Calls that succeeded or failed.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that were slow, failed or not.
    pub slow: u64,
    /// Failures since the last success.
    pub consecutive_failures: u32,
}

/// A breaker changed its state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// Which breaker.
    pub name: &'static str,
    /// When. A round of hung probes ends at its limit, even if that is noticed later.
    pub at: Timestamp,
    /// The state it left.
    pub from: State,
    /// The state it is in.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// What the decision rests on.
    pub counts: Counts,
    /// Number of this transition; calls admitted from here on carry it.
    pub generation: u64,
    /// How long it will reject, if it opened by its rules.
    pub open_for: Option<Duration>,
}

/// The breaker does not let a call pass.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("circuit breaker is {state} until {retry_at}")]
pub struct Rejected {
    /// Why: open, forced open, or half-open with all its probes under way.
    pub state: State,
    /// When asking again can help at the latest; [`Timestamp::MAX`] if only the operator can.
    pub retry_at: Timestamp,
}

/// What happened since the start. Never falls.
///
/// Every admitted call is under way or in exactly one of `succeeded`, `failed`, `ignored`, `dropped` and `stale`. Those that were
/// probes are counted a second time, by what they said: one that hung is stale as a call and failed as a probe.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Calls let pass.
    pub admitted: u64,
    /// Calls not let pass.
    pub rejected: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that said nothing about the service.
    pub ignored: u64,
    /// Calls that were given up before they ended.
    pub dropped: u64,
    /// Calls that ended or were given up after a transition.
    pub stale: u64,
    /// Succeeded or failed calls that were slow.
    pub slow: u64,
    /// Times it opened by its rules.
    pub opened: u64,
    /// Probes that worked.
    pub probes_succeeded: u64,
    /// Probes that failed, were too slow, or hung.
    pub probes_failed: u64,
    /// Probes that said nothing: ignored, dropped, or under way when another one or the operator ended the round.
    pub probes_void: u64,
    /// Changes of state.
    pub transitions: u64,
}

/// A breaker at one instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// Which breaker.
    pub name: &'static str,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Number of the last transition.
    pub generation: u64,
    /// When it will admit a probe, if it is open by its rules.
    pub retry_at: Option<Timestamp>,
    /// The calls it watches at present.
    pub counts: Counts,
    /// What happened since the start.
    pub totals: Totals,
}
