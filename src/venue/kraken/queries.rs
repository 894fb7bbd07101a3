//! The task that finds out by REST what the engine wants to know.
//!
//! For: look-ups and reconciliations. What waits together is answered together: a reconciliation first, since trading waits for it,
//! then all look-ups by one search. Left out: repeating what failed; the engine asks again when it sees fit.
//! Always true: each query ends as exactly one event, failures included.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{account::Account, lanes::Query};
use crate::{
    engine::{
        Event,
        command::{LookUp, Reconcile},
        event::LookedUp,
    },
    io::Clock,
};

/// Most queries that are answered together: as many as the lane holds.
const TOGETHER: usize = 256;

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
        let mut waiting = Vec::new();
        loop {
            let working = async {
                self.lane.recv_many(&mut waiting, TOGETHER).await > 0
                    && self.answer(waiting.drain(..)).await
            };
            let goes_on = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                goes_on = working => goes_on,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Answers all that waits. False when nobody listens any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what was not answered ends without an event; nothing was changed at the venue.
    async fn answer(&self, queries: impl Iterator<Item = Query>) -> bool {
        let (mut wishes, mut look_ups) = (Vec::new(), Vec::new());
        for query in queries {
            match query {
                Query::Reconcile(wish) => wishes.push(wish),
                Query::LookUp(look_up) => look_ups.push(look_up),
            }
        }
        for wish in wishes {
            if self.events.send(self.reconcile(&wish).await).await.is_err() {
                return false;
            }
        }
        for event in self.look_up(look_ups).await {
            if self.events.send(event).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn reconcile(&self, wish: &Reconcile) -> Event {
        match self.account.reconcile(wish.since).await {
            Ok(state) => Event::Reconciled(Box::new(state)),
            Err(error) => {
                tracing::warn!(%error, "reconcile failed");
                Event::ReconcileFailed
            }
        }
    }

    async fn look_up(&self, wanted: Vec<LookUp>) -> impl Iterator<Item = Event> {
        let asked = self.clock.now();
        let found = self.account.look_up(&wanted).await;
        let answers = wanted.into_iter().zip(found);
        answers.map(move |(LookUp { cl_ord_id, .. }, found)| {
            Event::LookedUp(Box::new(LookedUp {
                cl_ord_id,
                asked,
                found,
            }))
        })
    }
}
