//! When to connect again.
//!
//! For: backoff with jitter, under one budget of attempts for all sockets. Left out: connecting. Always true: where several
//! rules want a wait, the longest holds; the first retry after a stable connection follows at once, unless the venue was in maintenance.

use std::time::Duration;

use tokio::time::sleep;

use super::settings::Settings;
use crate::{
    io::{Clock, rng::Rng},
    resilience::{Backoff, budget},
};

/// There is no benefit in being early after a maintenance (`kraken-api.md` §1.2).
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
    /// `budget` is shared by all sockets.
    pub(super) fn new(settings: &Settings, budget: budget::Shared, clock: Clock, rng: Rng) -> Self {
        Self {
            backoff: Backoff::new(settings.reconnect.clone(), rng),
            budget,
            clock,
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
        let least = std::mem::take(&mut self.least);
        if std::mem::take(&mut self.first) {
            sleep(least).await;
        } else {
            let now = self.clock.now();
            sleep(self.backoff.next_delay_of_at_least(now, least)).await;
        }
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
