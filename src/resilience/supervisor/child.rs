//! One supervised task over all its runs.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    time::Duration,
};

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::{Escalation, Failure, Fault, Policy, State, TaskResult, TaskSpec, TaskStatus};
use crate::{
    io::rng::Rng,
    resilience::{
        Backoff,
        budget::{self, Budget},
    },
    types::Timestamp,
};

pub(super) type TaskFuture = Pin<Box<dyn Future<Output = TaskResult> + Send>>;

/// What builds a task.
pub(super) enum Work {
    Repeatable(Box<dyn FnMut(CancellationToken) -> TaskFuture + Send>),
    Once(Option<Box<dyn FnOnce(CancellationToken) -> TaskFuture + Send>>),
}

/// What follows from the end of a run.
pub(super) enum Verdict {
    Over,
    Restart { after: Duration },
    Escalate(Failure),
}

pub(super) struct Child {
    pub(super) spec: TaskSpec,
    pub(super) state: State,
    pub(super) restarts: u64,
    /// Number of the run, so that a restart that is no longer wanted is known.
    pub(super) run: u64,
    pub(super) abort: Option<AbortHandle>,
    pub(super) token: CancellationToken,
    work: Work,
    allowance: Budget,
    backoff: Backoff,
    last_fault: Option<String>,
}

impl Child {
    pub(super) fn new(spec: TaskSpec, work: Work, token: CancellationToken, rng: Rng) -> Self {
        let allowance = budget::Settings {
            attempts: spec.intensity.restarts,
            window: spec.intensity.period,
        };
        Self {
            allowance: Budget::new(allowance),
            backoff: Backoff::new(spec.backoff.clone(), rng),
            spec,
            state: State::Waiting,
            restarts: 0,
            run: 0,
            abort: None,
            token,
            work,
            last_fault: None,
        }
    }

    /// Builds the next run; none if the task cannot be built again.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<TaskFuture> {
        let token = self.token.clone();
        let built = match &mut self.work {
            Work::Repeatable(factory) => catch_unwind(AssertUnwindSafe(|| factory(token))),
            Work::Once(work) => {
                let work = work.take()?;
                catch_unwind(AssertUnwindSafe(|| work(token)))
            }
        };
        self.restarts += u64::from(self.run > 0);
        self.run += 1;
        self.state = State::Running;
        self.backoff.up(now);
        Some(built.unwrap_or_else(panicking))
    }

    pub(super) fn is_alive(&self) -> bool {
        match self.state {
            State::Running | State::Waiting => true,
            State::Ended | State::Failed => false,
        }
    }

    /// Decides what follows from the end of a run.
    pub(super) fn judge(&mut self, now: Timestamp, result: Result<(), Fault>) -> Verdict {
        self.abort = None;
        if let Err(fault) = &result {
            self.last_fault = Some(fault.to_string());
        }
        let policy = self.spec.policy;
        let fault = match result {
            // Told to stop: an end is what was asked for.
            Ok(()) if self.token.is_cancelled() || policy != Policy::Permanent => {
                return self.over(State::Ended);
            }
            Ok(()) => Fault::EndedEarly,
            Err(fault) => fault,
        };
        if self.token.is_cancelled() && matches!(fault, Fault::Aborted) {
            // The straggler is named by who aborted it.
            return self.over(State::Failed);
        }
        match policy {
            Policy::Fatal => self.escalate(fault, Escalation::Fatal),
            Policy::Temporary => self.over(State::Failed),
            Policy::Permanent | Policy::Transient if self.token.is_cancelled() => {
                self.over(State::Failed)
            }
            Policy::Permanent | Policy::Transient => self.try_again(now, fault),
        }
    }

    pub(super) fn status(&self) -> TaskStatus {
        TaskStatus {
            name: self.spec.name,
            policy: self.spec.policy,
            phase: self.spec.phase,
            state: self.state,
            restarts: self.restarts,
            last_fault: self.last_fault.clone(),
        }
    }

    fn try_again(&mut self, now: Timestamp, fault: Fault) -> Verdict {
        if matches!(self.work, Work::Once(_)) {
            return self.escalate(fault, Escalation::NotRepeatable);
        }
        if self.allowance.take(now).is_err() {
            let intensity = self.spec.intensity;
            return self.escalate(fault, Escalation::TooManyRestarts(intensity));
        }
        self.state = State::Waiting;
        Verdict::Restart {
            after: self.backoff.next_delay(now),
        }
    }

    fn escalate(&mut self, fault: Fault, why: Escalation) -> Verdict {
        self.state = State::Failed;
        Verdict::Escalate(Failure {
            task: self.spec.name,
            fault,
            why,
        })
    }

    fn over(&mut self, state: State) -> Verdict {
        self.state = state;
        Verdict::Over
    }
}

/// A factory's panic, carried into the task so that it is joined like any other.
fn panicking(payload: Box<dyn Any + Send>) -> TaskFuture {
    Box::pin(async move { resume_unwind(payload) })
}
