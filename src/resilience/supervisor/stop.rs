//! Stopping: phase by phase, each with a budget, nobody left unnamed.

use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::{Phase, State, Straggler, Supervisor};

/// How long an aborted task has to end. One that is waiting ends at once; one that blocks its thread never does.
const ABORT_GRACE: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Tells the tasks of one phase to stop, and waits for them. Others are supervised meanwhile.
    ///
    /// Tasks that have not ended when `limit` has are aborted and named. A restart that was due is not made.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the phase stays told to stop; call it again to wait for it.
    pub async fn stop_phase(
        &mut self,
        phase: Phase,
        limit: impl Future<Output = ()>,
    ) -> Vec<Straggler> {
        self.phases.entry(phase).or_default().cancel();
        for child in &mut self.children {
            if child.spec.phase == phase && child.state == State::Waiting {
                child.state = State::Ended;
            }
        }
        self.publish();
        if self.wait_for(phase, limit).await {
            return Vec::new();
        }
        let late: Vec<usize> = self.running_in(phase).collect();
        for index in &late {
            self.abort(*index);
        }
        self.wait_for(phase, sleep(ABORT_GRACE)).await;
        late.into_iter()
            .filter_map(|index| self.straggler(index))
            .collect()
    }

    /// Stops every phase, highest first: the reverse of the order in which they start.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the phase that was told to stop stays told, and those below it are not; call it again to go on.
    pub async fn stop(&mut self, budget: impl Fn(Phase) -> Duration) -> Vec<Straggler> {
        let phases: Vec<Phase> = self.phases.keys().rev().copied().collect();
        let mut stragglers = Vec::new();
        for phase in phases {
            stragglers.extend(self.stop_phase(phase, sleep(budget(phase))).await);
        }
        stragglers
    }

    /// Whether every task of the phase ended before the limit.
    async fn wait_for(&mut self, phase: Phase, limit: impl Future<Output = ()>) -> bool {
        tokio::pin!(limit);
        while self.running_in(phase).next().is_some() {
            tokio::select! {
                biased;
                () = self.step() => {}
                () = &mut limit => return false,
            }
        }
        true
    }

    fn running_in(&self, phase: Phase) -> impl Iterator<Item = usize> + '_ {
        self.children
            .iter()
            .enumerate()
            .filter(move |(_index, child)| {
                child.spec.phase == phase && child.state == State::Running
            })
            .map(|(index, _child)| index)
    }

    fn abort(&self, index: usize) {
        let Some(child) = self.children.get(index) else {
            return;
        };
        warn!(
            task = child.spec.name,
            "task did not stop within its budget, aborted"
        );
        if let Some(abort) = &child.abort {
            abort.abort();
        }
    }

    fn straggler(&self, index: usize) -> Option<Straggler> {
        let child = self.children.get(index)?;
        Some(Straggler {
            task: child.spec.name,
            phase: child.spec.phase,
            ended: child.state != State::Running,
        })
    }
}
