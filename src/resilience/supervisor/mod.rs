//! Keeps named tasks running, and stops them in order.
//!
//! For: the long-lived tasks of a program, started in order, restarted by policy, stopped by phase in reverse.
//! Left out: what the tasks do, what a failure means to the program's user, signals, and short-lived tasks such as one
//! a connection: a task stays in the list when it is over.
//! Always true:
//! * Every task has a name, and its end, be it a panic, is joined and told by that name.
//! * A failure that its task's policy does not cover is never passed over: it ends [`Supervisor::run`], or, while
//!   stopping, is kept in [`Supervisor::failures`].
//! * Canceling the root stops no task by itself. It ends `run`; tasks stop when their phase is stopped, so that what
//!   others still need outlives the decision to stop. Tasks of phases not yet stopped are still restarted meanwhile.
//! * Dropping the supervisor aborts whatever is left.

mod child;
mod spec;
mod stop;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rand::SeedableRng;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

pub use spec::{
    Ended, Escalation, Failure, Fault, Intensity, Phase, Policy, State, Straggler, TaskError,
    TaskSpec, TaskStatus,
};

use self::child::{Child, Work};
use crate::io::{Clock, rng::Rng};

/// What a task ends with.
pub type TaskResult = Result<(), TaskError>;

type Timer = Pin<Box<dyn Future<Output = Due> + Send>>;

/// A restart whose time has come. It is void if the child was started or stopped in between.
#[derive(Clone, Copy, Debug)]
struct Due {
    child: usize,
    run: u64,
}

/// Owns the tasks of a program.
pub struct Supervisor {
    root: CancellationToken,
    clock: Clock,
    rng: Rng,
    /// In start order.
    children: Vec<Child>,
    phases: BTreeMap<Phase, CancellationToken>,
    set: JoinSet<TaskResult>,
    /// Which child a running task belongs to.
    running: BTreeMap<Id, usize>,
    timers: FuturesUnordered<Timer>,
    failures: Vec<Failure>,
    status: watch::Sender<Vec<TaskStatus>>,
}

impl Supervisor {
    /// A supervisor without tasks. `root` is the program's broadcast that it should stop.
    #[must_use]
    pub fn new(root: CancellationToken, clock: Clock, rng: Rng) -> Self {
        Self {
            root,
            clock,
            rng,
            children: Vec::new(),
            phases: BTreeMap::new(),
            set: JoinSet::new(),
            running: BTreeMap::new(),
            timers: FuturesUnordered::new(),
            failures: Vec::new(),
            status: watch::Sender::new(Vec::new()),
        }
    }

    /// Starts a task that can be built again. `factory` is called once a start, with a token that is canceled when its phase is stopped.
    ///
    /// Must be called inside a runtime, unless the spec names one. A factory that panics is a task that panics.
    pub fn spawn<F, T>(&mut self, spec: TaskSpec, mut factory: F)
    where
        F: FnMut(CancellationToken) -> T + Send + 'static,
        T: Future<Output = TaskResult> + Send + 'static,
    {
        let work = Work::Repeatable(Box::new(move |token| Box::pin(factory(token))));
        self.adopt(spec, work);
    }

    /// Starts a task that owns what cannot be made twice. Where its policy asks for a restart, that is a failure not covered.
    ///
    /// Must be called inside a runtime, unless the spec names one.
    pub fn spawn_once<F, T>(&mut self, spec: TaskSpec, work: F)
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Future<Output = TaskResult> + Send + 'static,
    {
        let work = Work::Once(Some(Box::new(move |token| Box::pin(work(token)))));
        self.adopt(spec, work);
    }

    /// Supervises until the root is canceled, the work is done, or a failure is not covered.
    ///
    /// The work is done when every [`Policy::Fatal`] task ended well; without such tasks, when no task is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing; call it again, or go on to stop.
    pub async fn run(&mut self) -> Ended {
        loop {
            if let Some(failure) = self.failures.first() {
                return Ended::Failed(failure.clone());
            }
            if self.is_done() {
                return Ended::Done;
            }
            let root = self.root.clone();
            tokio::select! {
                biased;
                () = root.cancelled() => return Ended::Canceled,
                () = self.step() => {}
            }
        }
    }

    /// Goes on supervising beside something else that is waited for. Ends with the next failure that is not covered, whatever the root says.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing: the failure stays in [`failures`](Self::failures).
    pub async fn attend(&mut self) -> Failure {
        let known = self.failures.len();
        loop {
            self.step().await;
            if let Some(failure) = self.failures.get(known) {
                return failure.clone();
            }
        }
    }

    /// Failures that no policy covered, in order, including those while stopping.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Every task as it is now, in start order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<TaskStatus> {
        self.status.borrow().clone()
    }

    /// Follows the tasks from elsewhere while they run. Only the latest picture is kept.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Vec<TaskStatus>> {
        self.status.subscribe()
    }

    fn adopt(&mut self, spec: TaskSpec, work: Work) {
        let token = self.phases.entry(spec.phase).or_default().child_token();
        let rng = Rng::from_rng(&mut self.rng);
        self.children.push(Child::new(spec, work, token, rng));
        self.start(self.children.len() - 1);
        self.publish();
    }

    fn start(&mut self, index: usize) {
        let now = self.clock.now();
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        let Some(future) = child.begin(now) else {
            return;
        };
        debug!(
            task = child.spec.name,
            restarts = child.restarts,
            "task started"
        );
        let abort = match &child.spec.handle {
            Some(handle) => self.set.spawn_on(future, handle),
            None => self.set.spawn_on(future, &Handle::current()),
        };
        self.running.insert(abort.id(), index);
        child.abort = Some(abort);
    }

    /// Waits for the next task to end or restart to be due, and acts on it. Never ends while nothing is under way.
    ///
    /// # Cancel safety
    ///
    /// What it waits for stays in the supervisor; what it does then has no await.
    async fn step(&mut self) {
        tokio::select! {
            biased;
            Some(joined) = self.set.join_next_with_id() => self.ended(joined),
            Some(due) = self.timers.next() => self.restart(due),
            else => std::future::pending().await,
        }
        self.publish();
    }

    fn ended(&mut self, joined: Result<(Id, TaskResult), JoinError>) {
        let (id, result) = match joined {
            Ok((id, Ok(()))) => (id, Ok(())),
            Ok((id, Err(error))) => (id, Err(Fault::Error(error.into()))),
            Err(error) => (error.id(), Err(Fault::of(error))),
        };
        let now = self.clock.now();
        let Some(child) = self.running.remove(&id).and_then(|index| {
            let child = self.children.get_mut(index)?;
            Some((index, child))
        }) else {
            return;
        };
        let (index, child) = child;
        log_end(child.spec.name, &result);
        match child.judge(now, result) {
            child::Verdict::Over => {}
            child::Verdict::Restart { after } => {
                info!(task = child.spec.name, ?after, "task restarts");
                let due = Due {
                    child: index,
                    run: child.run,
                };
                self.timers.push(Box::pin(async move {
                    tokio::time::sleep(after).await;
                    due
                }));
            }
            child::Verdict::Escalate(failure) => {
                error!(task = failure.task, why = %failure.why, fault = %failure.fault, "failure is not covered");
                self.failures.push(failure);
            }
        }
    }

    fn restart(&mut self, due: Due) {
        let valid = self
            .children
            .get(due.child)
            .is_some_and(|child| child.state == State::Waiting && child.run == due.run);
        if valid {
            self.start(due.child);
        }
    }

    fn is_done(&self) -> bool {
        let mut fatal = self
            .children
            .iter()
            .filter(|child| child.spec.policy == Policy::Fatal)
            .peekable();
        if fatal.peek().is_some() {
            return fatal.all(|child| !child.is_alive());
        }
        !self.children.iter().any(Child::is_alive)
    }

    fn publish(&self) {
        let picture: Vec<TaskStatus> = self.children.iter().map(Child::status).collect();
        self.status.send_if_modified(|status| {
            let changed = *status != picture;
            *status = picture;
            changed
        });
    }
}

fn log_end(task: &'static str, result: &Result<(), Fault>) {
    match result {
        Ok(()) => debug!(task, "task ended"),
        Err(fault) => warn!(task, %fault, "task failed"),
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("tasks", &self.snapshot())
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
