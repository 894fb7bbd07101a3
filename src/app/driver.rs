//! Turns the engine: one event at a time, recorded before its commands leave.
//!
//! For: the order in which things happen to the engine, and nothing else. Left out: what the events mean.
//! Always true: no command leaves before its record is in the file; after a failed record only cancels leave;
//! account events come before market events; a due timer comes before both.

#[cfg(test)]
mod tests;

use std::{pin::Pin, time::Duration};

use thiserror::Error;
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{chronicle::Chronicle, look::Look, picture::Picture, tally::Tally};
use crate::{
    engine::{
        Command, Engine, Event, Mode, Outbox,
        event::{Answer, BookUpdate, Control, Outcome, Unsent},
        orders::What,
    },
    io::Clock,
    journal::{self, SyncFailure},
    resilience::queue::Mark,
    types::{Chain, ClOrdId, Timestamp},
    venue::kraken::lanes::{Jammed, Lanes},
};

/// Events handled in one go before the other tasks of the thread get their turn.
const BURST: usize = 64;

/// Where the driver's events come from.
#[derive(Debug)]
pub struct Inlets {
    /// Reports, outcomes, answers: never dropped.
    pub account: mpsc::Receiver<Event>,
    /// Books and trades, dropped when full and taken anew; rules of instruments and the state of the feed in their order among them.
    pub market: mpsc::Receiver<Event>,
    /// The journal can no longer be trusted.
    pub journal: mpsc::Receiver<SyncFailure>,
    /// Who wants to look at the engine.
    pub(super) looks: mpsc::Receiver<Look>,
    /// The most that ever waited for the account's and the market's turn.
    pub marks: Marks,
}

/// The most that ever waited in the driver's queues.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Of the account.
    pub account: Mark,
    /// Of the market.
    pub market: Mark,
}

impl Inlets {
    /// Notes what waits behind the event in hand. While the driver turns its thread adds nothing: once a go is enough.
    fn mark(&self) {
        self.marks.account.note(self.account.len());
        self.marks.market.note(self.market.len());
    }
}

/// The driver.
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    writer: journal::Writer,
    pin: journal::Pin,
    lanes: Lanes,
    inlets: Inlets,
    clock: Clock,
    out: Outbox,
    spares: mpsc::Sender<BookUpdate>,
    tally: Tally,
    chronicle: Chronicle,
    journal_failed: bool,
}

/// How the driver ended, with the engine as it was.
#[derive(Debug)]
pub struct Finished {
    /// The last picture.
    pub picture: Picture,
    /// Orders that may still rest.
    pub live: Vec<ClOrdId>,
    /// Whether the venue agreed that nothing rests.
    pub verified: bool,
    /// Whether the journal failed on the way.
    pub journal_failed: bool,
}

/// Why the driver cannot go on.
#[derive(Debug, Error)]
pub enum DriverError {
    /// A command found no place.
    #[error(transparent)]
    Jammed(#[from] Jammed),
    /// The engine's state cannot be written down.
    #[error("cannot write a checkpoint")]
    Checkpoint(#[from] crate::engine::CheckpointError),
}

impl Driver {
    /// A driver for an engine whose run has begun in the journal.
    #[must_use]
    pub fn new(
        engine: Engine,
        journal: (journal::Writer, journal::Pin),
        lanes: Lanes,
        inlets: Inlets,
        spares: mpsc::Sender<BookUpdate>,
        clock: Clock,
    ) -> Self {
        let (writer, pin) = journal;
        let chronicle = Chronicle::new(engine.status().instruments());
        Self {
            engine,
            writer,
            pin,
            lanes,
            inlets,
            clock,
            out: Outbox::new(),
            spares,
            tally: Tally::default(),
            chronicle,
            journal_failed: false,
        }
    }

    /// Runs until the engine has stopped. `stop` tells it to, and is canceled where a failed journal does; `give_up` ends the waiting for orders that will not end;
    /// `drained` is canceled once it has, so that the readers stop; what they leave is handled for at most `drain`.
    ///
    /// # Errors
    ///
    /// When a lane jams or a checkpoint cannot be made: the engine may no longer be trusted to act.
    ///
    /// # Cancel safety
    ///
    /// Not to be dropped half-way: the section from record to lane has no await in it, but what is queued would be lost.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        give_up: CancellationToken,
        drained: CancellationToken,
        drain: Duration,
    ) -> Result<Finished, DriverError> {
        let mut told = false;
        let mut timer = Box::pin(sleep(Duration::ZERO));
        while self.engine.mode() != Mode::Stopped {
            self.aim(&mut timer);
            let stopping = told;
            let event = tokio::select! {
                biased;
                () = give_up.cancelled() => break,
                () = stop.cancelled(), if !stopping => { told = true; Event::Control(Control::Stop) }
                failure = self.inlets.journal.recv(), if !self.journal_failed => self.unsynced(failure),
                () = &mut timer => Event::Tick,
                Some(event) = self.inlets.account.recv() => event,
                Some(event) = self.inlets.market.recv() => event,
                Some(look) = self.inlets.looks.recv() => { self.show(look); continue }
            };
            self.inlets.mark();
            self.turn(event)?;
            self.burst()?;
            if self.journal_failed {
                // The engine stops, and with it everything else.
                stop.cancel();
            }
            // A market that never rests must not keep others from seeing that the loop turns.
            if let Ok(look) = self.inlets.looks.try_recv() {
                self.show(look);
            }
            // Meanwhile the sockets write what was decided.
            tokio::task::yield_now().await;
            self.writer.announce();
        }
        drained.cancel();
        // The readers stop now; what they had already read still belongs into the record.
        if timeout(drain, self.drain()).await.is_err() {
            warn!("queues were not drained in time");
        }
        Ok(self.finish())
    }

    /// Handles what the readers leave behind, until they are gone. Nothing is sent any more.
    ///
    /// # Cancel safety
    ///
    /// An event leaves its queue only as it is handled, and from there to its record is no await: what is not handled stays behind.
    async fn drain(&mut self) {
        loop {
            let event = tokio::select! {
                biased;
                Some(event) = self.inlets.account.recv() => event,
                // A reader may wait for room here as well.
                Some(event) = self.inlets.market.recv() => event,
                else => return,
            };
            let now = self.clock.now();
            self.out.clear();
            self.engine.handle(now, &event, &mut self.out);
            self.record(now, &event);
            self.out.withhold(|_any| true);
            self.tell(now, &event);
        }
    }

    /// What waits is handled without going through the select again, the account first.
    fn burst(&mut self) -> Result<(), DriverError> {
        for _ in 0..BURST {
            let next = self
                .inlets
                .account
                .try_recv()
                .or_else(|_none| self.inlets.market.try_recv());
            let Ok(event) = next else { return Ok(()) };
            self.turn(event)?;
            if self.engine.mode() == Mode::Stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The journal can no longer be trusted: its task says so, or is gone without a word.
    fn unsynced(&mut self, failure: Option<SyncFailure>) -> Event {
        let reason = failure.map_or_else(
            || "its task is gone".to_owned(),
            |failure| Chain(&failure).to_string(),
        );
        error!(%reason, "the journal failed: only cancels leave from now on");
        self.journal_failed = true;
        self.tally.journal_failures += 1;
        Event::JournalFailed
    }

    /// One event: decide, record, send.
    fn turn(&mut self, event: Event) -> Result<(), DriverError> {
        let now = self.clock.now();
        self.out.clear();
        self.engine.handle(now, &event, &mut self.out);
        if !self.record(now, &event) {
            self.withhold(now);
        }
        let makes_orders = self.out.commands().iter().any(Command::makes_order);
        self.send()?;
        if makes_orders {
            self.tally.latency(self.clock.now().since(now));
        }
        // Formatting comes after sending.
        self.tell(now, &event);
        if let Event::Book(update) = event {
            self.applied(update);
        }
        self.rotate(now)
    }

    fn tell(&mut self, now: Timestamp, event: &Event) {
        self.tally.note(now, event, &self.out);
        self.chronicle.turn(event, &self.out);
    }

    /// A book's room goes back to the public socket.
    fn applied(&mut self, update: BookUpdate) {
        let status = self.engine.status();
        self.tally.book(status.is_verified(update.instrument));
        // It has enough already, or has ended.
        let _dropped = self.spares.try_send(update);
    }

    /// Recorded before sent: after a crash the journal names every order that may be live.
    fn record(&mut self, now: Timestamp, event: &Event) -> bool {
        if self.journal_failed {
            return false;
        }
        let recorded = self.writer.append(now, event, self.out.commands());
        if let Err(error) = &recorded {
            error!(%error, "the journal cannot be written: only cancels leave from now on");
        }
        recorded.is_ok()
    }

    /// Nothing can be recorded any more: what makes or changes an order stays here, and the engine learns of it at once, so that it
    /// waits for no answer and cancels what there is.
    fn withhold(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.journal_failed, true) {
            self.tally.journal_failures += 1;
            self.engine
                .handle(now, &Event::JournalFailed, &mut self.out);
        }
        let commands = self.out.commands().iter();
        let orders = commands.filter(|command| command.makes_order());
        let withheld: Vec<_> = orders.filter_map(Command::order).collect();
        for (command, order, what) in &withheld {
            warn!(%order, what = what.as_str(), "not sent, since it is not recorded");
            let outcome = Outcome {
                command: *command,
                answer: Answer::Unsent(Unsent::Unrecorded),
            };
            self.engine
                .handle(now, &Event::Outcome(outcome), &mut self.out);
        }
        let never_was = |id| {
            withheld
                .iter()
                .any(|(_, order, what)| *order == id && *what == What::Create)
        };
        self.out.withhold(|command| {
            command.makes_order() || command.order().is_some_and(|(_, id, _)| never_was(id))
        });
    }

    fn send(&mut self) -> Result<(), Jammed> {
        let mut commands = self.out.drain();
        commands.try_for_each(|command| self.lanes.dispatch(command))
    }

    fn rotate(&mut self, now: Timestamp) -> Result<(), DriverError> {
        if self.journal_failed || !self.writer.wants_rotation() {
            return Ok(());
        }
        let checkpoint = self.engine.checkpoint()?;
        if let Err(error) = self.writer.rotate(now, &checkpoint) {
            error!(%error, "the journal cannot go on: only cancels leave from now on");
            self.out.clear();
            self.withhold(now);
            self.send()?;
            self.tell(now, &Event::JournalFailed);
            return Ok(());
        }
        // A checkpoint holds every unresolved order: nothing older is needed.
        self.pin.set(None);
        Ok(())
    }

    /// Sets the timer to what comes first: the engine's deadline or the journal's.
    fn aim(&self, timer: &mut Pin<Box<Sleep>>) {
        let next = [self.engine.next_deadline(), self.writer.next_flush()];
        let next = next.into_iter().flatten().min();
        let wait = next.map_or(Duration::from_secs(3600), |at| at.since(self.clock.now()));
        timer.set(sleep(wait));
    }

    fn show(&mut self, look: Look) {
        let picture = Picture::of(&self.engine, &self.tally, self.clock.now());
        // Whoever asked may be gone; then nobody looks.
        let _unseen = look.send(picture);
    }

    fn finish(mut self) -> Finished {
        let picture = Picture::of(&self.engine, &self.tally, self.clock.now());
        let verified = self.engine.mode() == Mode::Stopped;
        if !self.journal_failed
            && let Err(error) = self.writer.seal()
        {
            error!(%error, "the journal cannot be sealed");
            self.journal_failed = true;
        }
        Finished {
            picture,
            live: self.engine.status().live_ids(),
            verified,
            journal_failed: self.journal_failed,
        }
    }
}
