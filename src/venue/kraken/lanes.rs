//! The queues between the driver and the edge: one per kind of haste.
//!
//! For: handing a command to the task that does it, without waiting. Always true: a cancel never stands behind anything else;
//! what may stand in a lane is fixed by its type; the most that ever stood in one is known.

use thiserror::Error;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::{
    engine::command::{Amend, Cancel, Command, CommandId, LookUp, Reconcile, Submit},
    resilience::queue::{self, Gauge, Mark},
    types::{ClOrdId, InstrumentId, Timestamp},
};

/// What makes or changes an order.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Places one.
    Submit(Submit),
    /// Changes one.
    Amend(Amend),
}

impl Entry {
    /// Number of the command.
    #[must_use]
    pub const fn id(&self) -> CommandId {
        match self {
            Self::Submit(submit) => submit.id,
            Self::Amend(amend) => amend.id,
        }
    }

    /// The order's own id.
    #[must_use]
    pub const fn cl_ord_id(&self) -> ClOrdId {
        match self {
            Self::Submit(submit) => submit.cl_ord_id,
            Self::Amend(amend) => amend.change.get().cl_ord_id,
        }
    }

    /// Not to take effect after this (venue time).
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        match self {
            Self::Submit(submit) => submit.deadline,
            Self::Amend(amend) => amend.deadline,
        }
    }
}

/// What is to be found out by REST.
#[derive(Clone, Debug)]
pub enum Query {
    /// One order's fate.
    LookUp(LookUp),
    /// The whole account.
    Reconcile(Reconcile),
}

/// The driver's ends.
#[derive(Clone, Debug)]
pub struct Lanes {
    cancels: Lane<Cancel>,
    entries: Lane<Entry>,
    queries: Lane<Query>,
    resyncs: Lane<InstrumentId>,
}

/// One lane, and the most that ever stood in it.
#[derive(Clone, Debug)]
struct Lane<T> {
    name: &'static str,
    queue: Sender<T>,
    mark: Mark,
}

/// The edge's ends.
#[derive(Debug)]
pub struct Ends {
    /// For the private socket.
    pub cancels: Receiver<Cancel>,
    /// For the private socket.
    pub entries: Receiver<Entry>,
    /// For the query task.
    pub queries: Receiver<Query>,
    /// For the public socket.
    pub resyncs: Receiver<InstrumentId>,
}

/// A command that found no place. Risk caps what is in flight, so a full lane means that its task is gone or stuck.
#[derive(Debug, Error)]
pub enum Jammed {
    /// The lane is full.
    #[error("the lane of {0} is full")]
    Full(&'static str),
    /// Its task has ended.
    #[error("the task that does {0} has ended")]
    Ended(&'static str),
}

/// Most orders that the venue lets rest in one pair, on its highest tier (§5.3).
const MOST_OPEN: usize = 225;
/// Room beside the orders: reconciliations, and orders in pairs that are no longer configured.
const BESIDE: usize = 256;

/// Makes the lanes for so many pairs. One order has at most one command in a lane, so all that can rest at once have room: a
/// stop cancels everything in one turn.
#[must_use]
pub fn lanes(pairs: usize) -> (Lanes, Ends) {
    let capacity = pairs.saturating_mul(MOST_OPEN).saturating_add(BESIDE);
    let (cancels_in, cancels) = lane("cancels", capacity);
    let (entries_in, entries) = lane("orders", capacity);
    let (queries_in, queries) = lane("queries", capacity);
    let (resyncs_in, resyncs) = lane("resyncs", capacity);
    let lanes = Lanes {
        cancels: cancels_in,
        entries: entries_in,
        queries: queries_in,
        resyncs: resyncs_in,
    };
    let ends = Ends {
        cancels,
        entries,
        queries,
        resyncs,
    };
    (lanes, ends)
}

fn lane<T>(name: &'static str, capacity: usize) -> (Lane<T>, Receiver<T>) {
    let (queue, end) = mpsc::channel(capacity);
    let mark = Mark::default();
    (Lane { name, queue, mark }, end)
}

impl Lanes {
    /// Hands a command over, without waiting.
    ///
    /// # Errors
    ///
    /// When its lane is full or ended. The command has certainly not left.
    pub fn dispatch(&self, command: Command) -> Result<(), Jammed> {
        match command {
            Command::Cancel(cancel) => self.cancels.push(cancel),
            Command::Submit(submit) => self.entries.push(Entry::Submit(submit)),
            Command::Amend(amend) => self.entries.push(Entry::Amend(amend)),
            Command::LookUp(look_up) => self.queries.push(Query::LookUp(look_up)),
            Command::Reconcile(wish) => self.queries.push(Query::Reconcile(wish)),
            Command::Resync(instrument) => self.resyncs.push(instrument),
        }
    }

    /// A look at every lane.
    #[must_use]
    pub fn gauges(&self) -> Vec<Gauge> {
        vec![
            self.cancels.gauge(),
            self.entries.gauge(),
            self.queries.gauge(),
            self.resyncs.gauge(),
        ]
    }
}

impl<T: Send + 'static> Lane<T> {
    fn push(&self, value: T) -> Result<(), Jammed> {
        self.queue.try_send(value).map_err(|error| match error {
            TrySendError::Full(_) => Jammed::Full(self.name),
            TrySendError::Closed(_) => Jammed::Ended(self.name),
        })?;
        self.mark.note(queue::waiting(&self.queue));
        Ok(())
    }

    fn gauge(&self) -> Gauge {
        Gauge::new(self.name, &self.queue, self.mark.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::kraken::testing::{cancel, submit};

    /// A command for each lane, by its name.
    fn one_of_each() -> [(&'static str, Command); 4] {
        let Entry::Submit(submit) = submit(1, "a1", Timestamp::MAX) else {
            unreachable!();
        };
        let since = Timestamp::MIN;
        [
            ("cancels", Command::Cancel(cancel(2, "a1"))),
            ("orders", Command::Submit(submit)),
            ("queries", Command::Reconcile(Reconcile { since })),
            ("resyncs", Command::Resync(InstrumentId(0))),
        ]
    }

    #[test]
    fn a_full_lane_names_itself_and_takes_nothing_from_the_others() {
        for (full, command) in one_of_each() {
            let (lanes, ends) = lanes(0);
            for _ in 0..BESIDE {
                lanes.dispatch(command.clone()).unwrap();
            }
            let refused = lanes.dispatch(command).unwrap_err().to_string();
            assert_eq!(refused, format!("the lane of {full} is full"));
            let others = one_of_each().into_iter().filter(|(name, _)| *name != full);
            for (_, other) in others {
                lanes.dispatch(other).unwrap();
            }
            drop(ends);
            for (name, command) in one_of_each() {
                let ended = lanes.dispatch(command).unwrap_err().to_string();
                assert_eq!(ended, format!("the task that does {name} has ended"));
            }
        }
    }

    #[test]
    fn everything_that_can_rest_is_canceled_in_one_turn() {
        let (pairs, most) = (3, 225);
        let (lanes, mut ends) = lanes(pairs);
        for id in 0..pairs * most {
            lanes
                .dispatch(Command::Cancel(cancel(id as u64, "a1")))
                .unwrap();
        }
        while ends.cancels.try_recv().is_ok() {}
        let most = lanes.gauges().iter().map(Gauge::most).collect::<Vec<_>>();
        assert_eq!(most, [675, 0, 0, 0]);
    }
}
