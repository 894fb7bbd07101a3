//! When to connect again.
//!
//! For: backoff with jitter, under one budget of attempts for all sockets. Left out: connecting. Always true: where several
//! rules want a wait, the longest holds; the first retry after a stable connection follows at once, unless the venue was in maintenance.

use std::time::Duration;

use tokio::time::sleep;

use super::wiring::Wiring;
use crate::{
    io::{Clock, rng::Rng},
    resilience::{Backoff, budget},
};

/// There is no benefit in being early after a maintenance (§1.2).
pub(super) const AFTER_MAINTENANCE: Duration = Duration::from_secs(5);

/// Paces the connections of one socket.
#[derive(Debug)]
pub(super) struct Redial {
    backoff: Backoff,
    budget: budget::Shared,
    clock: Clock,
    first: bool,
    least: Duration,
}

impl Redial {
    /// The budget is shared by all sockets.
    pub(super) fn new(wiring: &Wiring, rng: Rng) -> Self {
        Self {
            backoff: Backoff::new(wiring.settings.reconnect.clone(), rng),
            budget: wiring.budget.clone(),
            clock: wiring.clock.clone(),
            first: true,
            least: Duration::ZERO,
        }
    }

    /// Waits until the next attempt may be made, and takes it from the budget.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future makes no attempt.
    pub(super) async fn turn(&mut self) {
        if self.first {
            sleep(self.least).await;
        } else {
            let now = self.clock.now();
            sleep(self.backoff.next_delay_of_at_least(now, self.least)).await;
        }
        (self.first, self.least) = (false, Duration::ZERO);
        while let Err(spent) = self.budget.take() {
            let wait = spent.next_at.since(self.clock.now());
            tracing::warn!(?wait, "connection budget is spent");
            sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    /// The connection is up.
    pub(super) fn up(&mut self) {
        self.backoff.up(self.clock.now());
    }

    /// The next attempt must wait at least so long.
    pub(super) fn hold_off(&mut self, least: Duration) {
        self.least = self.least.max(least);
    }
}
