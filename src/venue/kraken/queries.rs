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
    resilience::{Canceled, Progress, Watcher, or_canceled},
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
        let progress = self.progress().clone();
        loop {
            progress.turn();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                count = self.lane.recv_many(&mut waiting, TOGETHER) => if count == 0 {
                    return;
                },
                () = progress.wished() => continue,
            }
            match or_canceled(&cancel, self.answer(waiting.drain(..))).await {
                Ok(true) => {}
                Ok(false) | Err(Canceled) => return,
            }
        }
    }

    fn progress(&self) -> &Progress {
        self.account.progress()
    }

    /// Looks at the task from outside. It turns with each query and each step to its answer.
    #[must_use]
    pub fn watcher(&self, task: &'static str) -> Watcher {
        self.progress().watcher(task, self.account.longest_step())
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::*;
    use crate::{
        types::Timestamp,
        venue::kraken::{
            settings::Settings,
            testing::{Api, paused_clock},
        },
    };

    /// Looks twice, with longer than any step between. Whether the task had turned meanwhile.
    #[expect(clippy::disallowed_methods, reason = "paused time")]
    async fn turns(watcher: &mut Watcher, longest: Duration) -> bool {
        watcher.goes_on(Instant::now());
        sleep(longest + Duration::from_secs(1)).await;
        watcher.goes_on(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn it_turns_while_it_waits_for_work_and_not_while_nobody_takes_its_answers() {
        let (settings, clock) = (Settings::default(), paused_clock());
        let api = Api::new(|_, _| Some(r#"{"error":["EGeneral:Invalid arguments"]}"#.to_owned()));
        let rest = api.rest(&settings, &clock);
        let account = Account::new(rest, Arc::default(), clock.clone(), &settings);
        let longest = account.longest_step();
        let ((ask, lane), (told, mut events)) = (mpsc::channel(2), mpsc::channel(1));
        let queries = Queries::new(account, lane, told, clock);
        let mut watcher = queries.watcher("queries");
        let mut tasks = JoinSet::new();
        tasks.spawn(queries.run(CancellationToken::new()));
        for _ in 0..3 {
            assert!(turns(&mut watcher, longest).await);
        }
        let since = Timestamp::from_secs(0);
        for _ in 0..2 {
            let wish = Query::Reconcile(Reconcile { since });
            ask.send(wish).await.unwrap();
        }
        // One answer has room, the other waits; what was done before that is seen by the first look.
        sleep(longest).await;
        assert!(!turns(&mut watcher, longest).await);
        for _ in 0..2 {
            assert_eq!(events.recv().await, Some(Event::ReconcileFailed));
        }
        assert!(turns(&mut watcher, longest).await);
    }
}
