//! Named tasks with an owner: who is restarted, who ends the run, in what order they stop.
//!
//! For: the semantics of an OTP supervisor over [`JoinSet`]. Left out: what the tasks do, and what the end of a run means.
//! Always true: every task has a name and a phase; a panic is caught and named; an end that no policy covers ends the watch with its
//! reason; a task that does not stop in its budget is aborted and named; when the supervisor is dropped no task is left.

use std::{any::Any, collections::HashMap, fmt, pin::Pin, time::Duration};

use tokio::{
    runtime::Handle,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use crate::{io::Clock, types::Timestamp};

/// Why a task could not go on.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

type Work = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;
type Start = Box<dyn FnMut(CancellationToken) -> Work + Send>;

/// When a task is started again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restart {
    /// Whenever it ends.
    Permanent,
    /// When it fails or panics.
    Transient,
    /// Never.
    Temporary,
}

/// How a task is treated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// When it is started again.
    pub restart: Restart,
    /// Whether the run ends when the task ends and is not started again. Tasks that own order state are vital.
    pub vital: bool,
}

impl Policy {
    /// Never started again; its end, whatever it is, ends the run.
    pub const VITAL: Self = Self {
        restart: Restart::Temporary,
        vital: true,
    };
    /// Started again when it fails; if it fails too often, the run ends.
    pub const RESTARTED: Self = Self {
        restart: Restart::Transient,
        vital: true,
    };
    /// Never started again, and not missed.
    pub const OPTIONAL: Self = Self {
        restart: Restart::Temporary,
        vital: false,
    };
}

/// How many restarts in what time are too many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Intensity {
    /// Restarts that are still fine.
    pub restarts: usize,
    /// Within this time.
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

/// The end of a task that no policy covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended {
    /// Which task.
    pub task: &'static str,
    /// How.
    pub how: How,
}

/// How a task ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum How {
    /// It returned.
    Finished,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// It failed more often than the intensity allows.
    TooOften(String),
    /// It was aborted.
    Aborted,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        match &self.how {
            How::Finished => write!(f, "task {task} finished unasked"),
            How::Failed(why) => write!(f, "task {task} failed: {why}"),
            How::Panicked(message) => write!(f, "task {task} panicked: {message}"),
            How::TooOften(why) => write!(f, "task {task} failed too often: {why}"),
            How::Aborted => write!(f, "task {task} was aborted"),
        }
    }
}

/// Owns tasks.
pub struct Supervisor {
    running: JoinSet<Result<(), TaskError>>,
    ids: HashMap<Id, usize>,
    children: Vec<Child>,
    clock: Clock,
    intensity: Intensity,
    backoff: Backoff,
    /// Children to be started again, and when.
    due: Vec<(Timestamp, usize)>,
}

struct Child {
    name: &'static str,
    phase: u8,
    policy: Policy,
    runtime: Handle,
    token: CancellationToken,
    start: Start,
    restarts: Vec<Timestamp>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.children.iter().map(|child| child.name).collect();
        f.debug_struct("Supervisor")
            .field("children", &names)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor without tasks. `backoff` paces restarts.
    #[must_use]
    pub fn new(clock: Clock, intensity: Intensity, backoff: Backoff) -> Self {
        Self {
            running: JoinSet::new(),
            ids: HashMap::new(),
            children: Vec::new(),
            clock,
            intensity,
            backoff,
            due: Vec::new(),
        }
    }

    /// Starts a task on a runtime. Phases stop in rising order; each start gets a fresh child of the phase's token.
    pub fn spawn<F, W>(
        &mut self,
        name: &'static str,
        phase: u8,
        policy: Policy,
        runtime: &Handle,
        mut start: F,
    ) where
        F: FnMut(CancellationToken) -> W + Send + 'static,
        W: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        self.children.push(Child {
            name,
            phase,
            policy,
            runtime: runtime.clone(),
            token: CancellationToken::new(),
            start: Box::new(move |token| Box::pin(start(token))),
            restarts: Vec::new(),
        });
        self.launch(self.children.len() - 1);
    }

    /// Starts a task that is never started again, on a runtime.
    pub fn spawn_once<W>(
        &mut self,
        name: &'static str,
        phase: u8,
        policy: Policy,
        runtime: &Handle,
        start: impl FnOnce(CancellationToken) -> W + Send + 'static,
    ) where
        W: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        let policy = Policy {
            restart: Restart::Temporary,
            ..policy
        };
        let mut start = Some(start);
        self.spawn(name, phase, policy, runtime, move |token| {
            let work = start.take().map(|start| start(token));
            async move {
                match work {
                    Some(work) => work.await,
                    None => Err("started twice".into()),
                }
            }
        });
    }

    /// Names of the tasks that run.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let mut alive: Vec<usize> = self.ids.values().copied().collect();
        alive.sort_unstable();
        alive
            .into_iter()
            .filter_map(|index| self.children.get(index))
            .map(|child| child.name)
    }

    /// Waits until a task ends in a way that no policy covers. Restarts those that are to be restarted meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn watch(&mut self) -> Ended {
        loop {
            let wait = self.due.iter().map(|(at, _)| *at).min();
            let wait = wait.map_or(Duration::MAX, |at| at.since(self.clock.now()));
            tokio::select! {
                biased;
                Some(ended) = self.running.join_next_with_id() => {
                    if let Some(ended) = self.judge(ended) {
                        return ended;
                    }
                }
                () = sleep(wait) => self.relaunch(),
            }
        }
    }

    /// Stops the tasks of a phase. What has not ended within the budget is aborted and named.
    pub async fn stop(&mut self, phase: u8, budget: Duration) -> Vec<&'static str> {
        self.due.clear();
        for child in self.children.iter().filter(|child| child.phase == phase) {
            child.token.cancel();
        }
        if timeout(budget, self.drain(phase)).await.is_ok() {
            return Vec::new();
        }
        let stragglers: Vec<_> = self.alive(phase).collect();
        warn!(
            phase,
            ?stragglers,
            "tasks did not stop in their time and are aborted"
        );
        stragglers
    }

    /// Waits until no task of a phase runs.
    async fn drain(&mut self, phase: u8) {
        while self.alive(phase).next().is_some() {
            let Some(ended) = self.running.join_next_with_id().await else {
                return;
            };
            self.note(ended);
        }
    }

    /// Aborts what still runs and waits until it is gone.
    pub async fn abort(mut self) {
        self.running.shutdown().await;
    }

    fn alive(&self, phase: u8) -> impl Iterator<Item = &'static str> {
        let children = self
            .ids
            .values()
            .filter_map(|index| self.children.get(*index));
        let mut names: Vec<_> = children
            .filter(|child| child.phase == phase)
            .map(|child| child.name)
            .collect();
        names.sort_unstable();
        names.into_iter()
    }

    fn launch(&mut self, index: usize) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        child.token = CancellationToken::new();
        let work = (child.start)(child.token.clone());
        let handle = self.running.spawn_on(work, &child.runtime);
        debug!(task = child.name, "started");
        self.ids.insert(handle.id(), index);
    }

    fn relaunch(&mut self) {
        let now = self.clock.now();
        let (ready, later) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.due = later;
        let ready: Vec<(Timestamp, usize)> = ready;
        for (_, index) in ready {
            self.launch(index);
        }
    }

    fn note(
        &mut self,
        ended: Result<(Id, Result<(), TaskError>), JoinError>,
    ) -> Option<(usize, How)> {
        let (id, how) = match ended {
            Ok((id, Ok(()))) => (id, How::Finished),
            Ok((id, Err(error))) => (id, How::Failed(chain(&*error))),
            Err(error) => {
                let id = error.id();
                match error.try_into_panic() {
                    Ok(panic) => (id, How::Panicked(message(&*panic))),
                    Err(_canceled) => (id, How::Aborted),
                }
            }
        };
        let index = self.ids.remove(&id)?;
        let task = self.children.get(index).map_or("?", |child| child.name);
        match &how {
            How::Finished | How::Aborted => debug!(task, ?how, "ended"),
            How::Failed(_) | How::Panicked(_) | How::TooOften(_) => error!(task, ?how, "ended"),
        }
        Some((index, how))
    }

    fn judge(&mut self, ended: Result<(Id, Result<(), TaskError>), JoinError>) -> Option<Ended> {
        let (index, how) = self.note(ended)?;
        let now = self.clock.now();
        let (intensity, delay) = (self.intensity, self.backoff.next_delay(now));
        let child = self.children.get_mut(index)?;
        let again = match (child.policy.restart, &how) {
            (Restart::Permanent, _) => true,
            (Restart::Transient, How::Finished | How::Aborted) | (Restart::Temporary, _) => false,
            (Restart::Transient, How::Failed(_) | How::Panicked(_) | How::TooOften(_)) => true,
        };
        let task = child.name;
        if !again {
            return child.policy.vital.then_some(Ended { task, how });
        }
        child
            .restarts
            .retain(|at| now.since(*at) < intensity.period);
        if child.restarts.len() >= intensity.restarts {
            return Some(Ended {
                task,
                how: How::TooOften(format!("{how:?}")),
            });
        }
        child.restarts.push(now);
        info!(task, ?delay, "is started again");
        self.due.push((now.after(delay), index));
        None
    }
}

/// An error with all its sources.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{io::rng, resilience::backoff};

    fn supervisor(restarts: usize) -> Supervisor {
        let (clock, _) = Clock::manual(Timestamp::from_secs(1));
        let intensity = Intensity {
            restarts,
            period: Duration::from_secs(60),
        };
        let backoff = Backoff::new(backoff::Settings::default(), rng::stream(1, 1));
        Supervisor::new(clock, intensity, backoff)
    }

    async fn until_canceled(token: CancellationToken) -> Result<(), TaskError> {
        token.cancelled().await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_caught_named_and_ends_the_watch() {
        let mut tasks = supervisor(3);
        let here = Handle::current();
        tasks.spawn("steady", 0, Policy::VITAL, &here, until_canceled);
        tasks.spawn_once("driver", 0, Policy::VITAL, &here, |_| async {
            panic!("out of ideas")
        });
        let ended = tasks.watch().await;
        assert_eq!(ended.to_string(), "task driver panicked: out of ideas");
        assert_eq!(tasks.names().collect::<Vec<_>>(), ["steady"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_task_is_restarted_until_it_fails_too_often() {
        let (mut tasks, starts) = (supervisor(3), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&starts);
        tasks.spawn(
            "socket",
            0,
            Policy::RESTARTED,
            &Handle::current(),
            move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                async { Err("no route".into()) }
            },
        );
        // The manual clock stands still, so restarts that are due at once are the only ones that come due.
        tasks.backoff = Backoff::new(
            backoff::Settings {
                base: Duration::ZERO,
                max: Duration::ZERO,
                minimum: Duration::ZERO,
                ..backoff::Settings::default()
            },
            rng::stream(1, 1),
        );
        let ended = tasks.watch().await;
        assert!(matches!(ended.how, How::TooOften(_)), "{ended}");
        assert_eq!(
            starts.load(Ordering::Relaxed),
            4,
            "the first start and three restarts"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_optional_task_is_not_missed() {
        let mut tasks = supervisor(3);
        let here = Handle::current();
        tasks.spawn_once("screen", 0, Policy::OPTIONAL, &here, |_| async {
            Err("no terminal".into())
        });
        tasks.spawn_once("driver", 0, Policy::VITAL, &here, |_| async {
            sleep(Duration::from_secs(5)).await;
            Err("done".into())
        });
        assert_eq!(tasks.watch().await.task, "driver");
    }

    #[tokio::test(start_paused = true)]
    async fn phases_stop_in_order_and_stragglers_are_named() {
        let mut tasks = supervisor(3);
        let here = Handle::current();
        tasks.spawn("reader", 1, Policy::VITAL, &here, until_canceled);
        tasks.spawn("stuck", 1, Policy::VITAL, &here, |_| std::future::pending());
        tasks.spawn("simulator", 2, Policy::VITAL, &here, until_canceled);
        assert_eq!(tasks.stop(1, Duration::from_secs(1)).await, ["stuck"]);
        let left: Vec<_> = tasks.names().collect();
        assert!(
            left.contains(&"simulator"),
            "a later phase still runs: {left:?}"
        );
        assert!(tasks.stop(2, Duration::from_secs(1)).await.is_empty());
        tasks.abort().await;
    }
}
