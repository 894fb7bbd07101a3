//! What a supervisor is told about a task, and what it tells.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, task::JoinError};

use crate::{
    resilience::backoff,
    types::{Chain, span},
};

/// When tasks start and stop relative to others. Low phases start first and stop last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Phase(pub u8);

/// What happens when a task ends though nobody told it to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Policy {
    /// It is always restarted, even if it ended well.
    Permanent,
    /// It is restarted if it failed; ending well is its end.
    Transient,
    /// It is never restarted, and its failure is nothing but logged.
    Temporary,
    /// It is never restarted, and its failure ends the run: memory that it owned is suspect. Ending well is its end.
    Fatal,
}

/// How many restarts a task may have in how long. One more is a failure that is not covered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intensity {
    /// Restarts allowed in any period.
    pub restarts: u16,
    /// Length of the period.
    #[serde(with = "span")]
    pub period: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self {
            restarts: 5,
            period: Duration::from_secs(60),
        }
    }
}

/// A task to supervise.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// The name in logs, failures and snapshots.
    pub name: &'static str,
    /// What happens when it ends.
    pub policy: Policy,
    /// When it is stopped.
    pub phase: Phase,
    /// The runtime it runs on; without one, the runtime that the supervisor runs on.
    pub handle: Option<Handle>,
    /// How often it may be restarted.
    pub intensity: Intensity,
    /// How long restarts wait.
    pub backoff: backoff::Settings,
}

impl TaskSpec {
    /// A task on the supervisor's own runtime, with the usual intensity and backoff.
    #[must_use]
    pub fn new(name: &'static str, policy: Policy, phase: Phase) -> Self {
        Self {
            name,
            policy,
            phase,
            handle: None,
            intensity: Intensity::default(),
            backoff: backoff::Settings::default(),
        }
    }

    /// The same task on another runtime.
    #[must_use]
    pub fn on(mut self, handle: Handle) -> Self {
        self.handle = Some(handle);
        self
    }
}

/// Why a task failed: any error, and what the program makes of it.
///
/// It is no [`Error`] itself, so that `?` turns every error into one. [`super::super::Canceled`] is no error and does not convert.
pub struct TaskError {
    /// What the program makes of it, such as an exit code. The supervisor only carries it.
    pub class: Option<u8>,
    source: Box<dyn Error + Send + Sync>,
}

impl TaskError {
    /// An error of a class of the caller's.
    pub fn of_class(class: u8, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            class: Some(class),
            source: source.into(),
        }
    }

    /// An error that is a text and nothing more.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            class: None,
            source: text.into().into(),
        }
    }

    /// The error itself.
    #[must_use]
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(source: E) -> Self {
        Self {
            class: None,
            source: Box::new(source),
        }
    }
}

impl fmt::Display for TaskError {
    /// The error and its sources, outermost first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(&*self.source).fmt(f)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("class", &self.class)
            .field("source", &self.source)
            .finish()
    }
}

/// How a task failed.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It returned an error.
    Error(Arc<TaskError>),
    /// It panicked, with this text.
    Panic(String),
    /// It was aborted, or its runtime went away.
    Aborted,
    /// It ended well, but should run for ever.
    EndedEarly,
}

impl Fault {
    pub(super) fn of(error: JoinError) -> Self {
        let Ok(payload) = error.try_into_panic() else {
            return Self::Aborted;
        };
        let text = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(text.unwrap_or_else(|| "a value that is no text".to_owned()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(text) => write!(f, "panicked: {text}"),
            Self::Aborted => f.write_str("aborted"),
            Self::EndedEarly => f.write_str("ended early"),
        }
    }
}

/// Why a failure was not covered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Escalation {
    /// The task is fatal.
    Fatal,
    /// The task used up its restarts.
    TooManyRestarts(Intensity),
    /// The task should be restarted but cannot be built again.
    NotRepeatable,
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal => f.write_str("the task is fatal"),
            Self::TooManyRestarts(Intensity { restarts, period }) => {
                write!(f, "more than {restarts} restarts in {period:?}")
            }
            Self::NotRepeatable => f.write_str("the task cannot be built again"),
        }
    }
}

/// A failure that its task's policy does not cover.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which task.
    pub task: &'static str,
    /// How it failed.
    pub fault: Fault,
    /// Why that was not covered.
    pub why: Escalation,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task `{}` failed ({}): {}",
            self.task, self.why, self.fault
        )
    }
}

/// Why supervision ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The root was canceled.
    Canceled,
    /// The work is done.
    Done,
    /// A failure was not covered.
    Failed(Failure),
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It runs.
    Running,
    /// It failed and will be restarted.
    Waiting,
    /// It ended as it should.
    Ended,
    /// It failed and stays so.
    Failed,
}

/// A task at one instant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskStatus {
    /// Which task.
    pub name: &'static str,
    /// Its policy.
    pub policy: Policy,
    /// Its phase.
    pub phase: Phase,
    /// Where it stands.
    pub state: State,
    /// How often it was restarted.
    pub restarts: u64,
    /// How it failed the last time.
    pub last_fault: Option<String>,
}

/// A task that did not end within its phase's budget, and was aborted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Straggler {
    /// Which task.
    pub task: &'static str,
    /// Its phase.
    pub phase: Phase,
    /// Whether it ended once aborted. One that blocks its thread does not.
    pub ended: bool,
}
