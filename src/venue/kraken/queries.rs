//! The task that finds out by REST what the engine wants to know.
//!
//! For: look-ups and reconciliations, one at a time, in order. Left out: repeating what failed; the engine asks again when it sees fit.
//! Always true: each query ends as exactly one event, failures included.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{account::Account, lanes::Query};
use crate::{
    engine::{Event, command::LookUp, event::LookedUp},
    io::Clock,
};

/// Answers queries.
#[derive(Debug)]
pub struct Queries {
    account: Account,
    lane: mpsc::Receiver<Query>,
    events: mpsc::Sender<Event>,
    clock: Clock,
}

impl Queries {
    /// Takes queries from `lane` and answers on `events`.
    #[must_use]
    pub const fn new(
        account: Account,
        lane: mpsc::Receiver<Query>,
        events: mpsc::Sender<Event>,
        clock: Clock,
    ) -> Self {
        Self {
            account,
            lane,
            events,
            clock,
        }
    }

    /// Works until the token is canceled or either end is closed.
    ///
    /// # Cancel safety
    ///
    /// A query that is being answered when the token is canceled ends without an event.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            let query = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                query = self.lane.recv() => query,
            };
            let Some(query) = query else { return };
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                event = self.answer(query) => event,
            };
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, query: Query) -> Event {
        match query {
            Query::LookUp(LookUp { cl_ord_id, sent }) => {
                let asked = self.clock.now();
                let found = self.account.look_up(cl_ord_id, sent).await;
                Event::LookedUp(Box::new(LookedUp {
                    cl_ord_id,
                    asked,
                    found,
                }))
            }
            Query::Reconcile(wish) => match self.account.reconcile(wish.since).await {
                Ok(state) => Event::Reconciled(Box::new(state)),
                Err(error) => {
                    tracing::warn!(%error, "reconcile failed");
                    Event::ReconcileFailed
                }
            },
        }
    }
}
