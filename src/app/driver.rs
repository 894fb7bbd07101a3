//! Turns the engine: one event at a time, recorded before its commands leave.
//!
//! For: the order in which things happen to the engine, and nothing else. Left out: what the events mean.
//! Always true: no command leaves before its record is in the file; after a failed record only cancels leave;
//! account events come before market events; a due timer comes before both.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{picture::Picture, tally::Tally};
use crate::{
    engine::{Command, Engine, Event, Mode, Outbox, event::Control},
    io::Clock,
    journal::{self, SyncFailure},
    types::{ClOrdId, Timestamp},
    venue::kraken::lanes::{Jammed, Lanes},
};

/// Events handled in one go before the other tasks of the thread get their turn.
const BURST: usize = 64;

/// Where the driver's events come from.
#[derive(Debug)]
pub struct Inlets {
    /// Reports, outcomes, answers: never dropped.
    pub account: mpsc::Receiver<Event>,
    /// Books and trades, dropped when full and resynced by checksum; rules of instruments in their order among them.
    pub market: mpsc::Receiver<Event>,
    /// The journal can no longer be trusted.
    pub journal: mpsc::Receiver<SyncFailure>,
    /// Who wants to look at the engine.
    pub looks: mpsc::Receiver<Look>,
}

/// A wish for a picture of the engine.
pub type Look = oneshot::Sender<Picture>;

/// Counts the driver's turns, for those who must know that it is alive.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Turns so far.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
    tally: Tally,
    progress: Progress,
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
        clock: Clock,
        progress: Progress,
    ) -> Self {
        let (writer, pin) = journal;
        let tally = Tally::new(engine.settings());
        Self {
            engine,
            writer,
            pin,
            lanes,
            inlets,
            clock,
            out: Outbox::new(),
            tally,
            progress,
            journal_failed: false,
        }
    }

    /// Runs until the engine has stopped. `stop` tells it to; `give_up` ends the waiting for orders that will not end;
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
                Some(failure) = self.inlets.journal.recv(), if !self.journal_failed => {
                    error!(%failure, "the journal failed: only cancels leave from now on");
                    self.journal_failed = true;
                    Event::JournalFailed
                }
                () = &mut timer => Event::Tick,
                Some(event) = self.inlets.account.recv() => event,
                Some(event) = self.inlets.market.recv() => event,
                Some(look) = self.inlets.looks.recv() => { self.show(look); continue }
            };
            self.turn(&event)?;
            self.burst()?;
            tokio::task::yield_now().await;
        }
        drained.cancel();
        // The readers stop now; what they had already read still belongs into the record.
        if timeout(drain, self.drain()).await.is_err() {
            warn!("queues were not drained in time");
        }
        Ok(self.finish())
    }

    /// Handles what the readers leave behind, until they are gone. Nothing is sent any more.
    async fn drain(&mut self) {
        while let Some(event) = self.inlets.account.recv().await {
            let now = self.clock.now();
            self.out.clear();
            self.engine.handle(now, &event, &mut self.out);
            self.record(now, &event);
            self.tally.note(now, &event, &self.out);
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
            self.turn(&event)?;
            if self.engine.mode() == Mode::Stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One event: decide, record, send.
    fn turn(&mut self, event: &Event) -> Result<(), DriverError> {
        let now = self.clock.now();
        self.out.clear();
        self.engine.handle(now, event, &mut self.out);
        let recorded = self.record(now, event);
        if !recorded && !self.journal_failed {
            self.fail_journal(now)?;
        }
        let makes_orders = self.out.commands().iter().any(makes_order);
        self.send(recorded)?;
        if makes_orders {
            self.tally.latency(self.clock.now().since(now));
        }
        // Formatting comes after sending.
        self.tally.note(now, event, &self.out);
        self.progress.0.fetch_add(1, Ordering::Relaxed);
        self.rotate(now)
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

    fn fail_journal(&mut self, now: Timestamp) -> Result<(), DriverError> {
        self.journal_failed = true;
        let mut stop = Outbox::new();
        self.engine.handle(now, &Event::JournalFailed, &mut stop);
        dispatch(&self.lanes, stop.drain(), false)
    }

    fn send(&mut self, recorded: bool) -> Result<(), DriverError> {
        dispatch(&self.lanes, self.out.drain(), recorded)
    }

    fn rotate(&mut self, now: Timestamp) -> Result<(), DriverError> {
        if self.journal_failed || !self.writer.wants_rotation() {
            return Ok(());
        }
        let checkpoint = self.engine.checkpoint()?;
        if let Err(error) = self.writer.rotate(now, &checkpoint) {
            error!(%error, "the journal cannot go on: only cancels leave from now on");
            return self.fail_journal(now);
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

/// Cancels and questions may leave unrecorded; what makes or changes an order never does.
fn dispatch(
    lanes: &Lanes,
    commands: impl Iterator<Item = Command>,
    recorded: bool,
) -> Result<(), DriverError> {
    for command in commands {
        if recorded || !makes_order(&command) {
            lanes.dispatch(command)?;
        }
    }
    Ok(())
}

const fn makes_order(command: &Command) -> bool {
    matches!(command, Command::Submit(_) | Command::Amend(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::recover::Past,
        engine::{
            OrderSettings, Settings,
            event::{Answer, Balance, BookKind, BookUpdate, Level, Link, Outcome, VenueState},
            risk::Limits,
            strategy::{self, Intent, Strategy, View},
            throttle::Tier,
        },
        types::{
            Decimal, Fees, Instrument, InstrumentId, Price, Quantity, Side, TimeInForce,
            TradingStatus,
        },
        venue::kraken::lanes::{Ends, lanes},
    };

    /// Wants another order each time that it is asked.
    #[derive(Debug)]
    struct Greedy;

    impl Strategy for Greedy {
        fn decide(&mut self, _: &View<'_>, out: &mut Vec<Intent>) {
            out.push(Intent::Place {
                side: Side::Buy,
                price: Price::new(990).unwrap(),
                qty: Quantity::new(1_000_000).unwrap(),
                time_in_force: TimeInForce::Gtc,
                post_only: true,
            });
        }
    }

    fn settings() -> Settings {
        let instrument = Instrument {
            symbol: "BTC/USD".parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USD".parse().unwrap(),
            price_precision: 1,
            tick: Price::new(1).unwrap(),
            qty_precision: 8,
            lot: Quantity::new(1).unwrap(),
            qty_min: Quantity::new(5_000).unwrap(),
            cost_precision: 5,
            cost_min: Decimal::ZERO,
            fees: Fees {
                maker: Decimal::ZERO,
                taker: Decimal::ZERO,
            },
            status: TradingStatus::Online,
        };
        Settings {
            tag: "td".to_owned(),
            epoch: 0,
            instruments: vec![instrument],
            depth: 10,
            orders: OrderSettings::default(),
            limits: vec![Limits::default()],
            tier: Tier::Pro,
            strategies: vec![strategy::Settings {
                name: "greedy".to_owned(),
                instrument: InstrumentId(0),
                kind: strategy::Kind::Custom,
            }],
        }
    }

    fn book() -> Event {
        let level = |units| Level {
            price: Price::new(units).unwrap(),
            qty: Quantity::new(1).unwrap(),
        };
        Event::Book(BookUpdate {
            instrument: InstrumentId(0),
            kind: BookKind::Snapshot,
            bids: vec![level(1_000)],
            asks: vec![level(1_005)],
            checksum: crc32fast::hash(b"1005110001"),
            at: None,
        })
    }

    fn driver(state: &std::path::Path) -> (Driver, Ends) {
        let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
        let past = Past::read(state).unwrap();
        let journal = journal::Settings::default();
        let (engine, journal) = past
            .begin(state, settings(), vec![Box::new(Greedy)], &journal, &clock)
            .unwrap();
        let (lanes, ends) = lanes(16);
        let inlets = Inlets {
            account: mpsc::channel(1).1,
            market: mpsc::channel(1).1,
            journal: journal.failures,
            looks: mpsc::channel(1).1,
        };
        let writing = (journal.writer, journal.pin);
        let driver = Driver::new(engine, writing, lanes, inlets, clock, Progress::default());
        (driver, ends)
    }

    /// Turns the driver until its strategy may trade.
    fn bring_up(driver: &mut Driver) {
        let usd = Balance {
            asset: "USD".parse().unwrap(),
            total: "100000".parse().unwrap(),
        };
        let venue = VenueState {
            asked: Timestamp::from_secs(1_001),
            balances: vec![usd],
            ..VenueState::default()
        };
        for event in [
            Event::Feed(Link::Up),
            book(),
            Event::Account(Link::Up),
            Event::Reconciled(Box::new(venue)),
        ] {
            driver.turn(&event).unwrap();
        }
    }

    #[test]
    fn what_makes_an_order_leaves_only_once_it_is_recorded() {
        let state = tempfile::tempdir().unwrap();
        let (mut driver, mut ends) = driver(state.path());
        bring_up(&mut driver);
        let first = ends.entries.try_recv().unwrap();
        let accepted = Answer::Accepted {
            order_id: Some("OAAAAA-BBBBB-CCCCCC".parse().unwrap()),
        };
        // From here on nothing more can be recorded.
        driver.writer.seal().unwrap();
        driver
            .turn(&Event::Outcome(Outcome {
                command: first.id(),
                answer: accepted,
            }))
            .unwrap();
        driver.turn(&book()).unwrap();
        assert!(ends.entries.try_recv().is_err(), "unrecorded");
        let cancel = ends.cancels.try_recv().unwrap();
        assert_eq!(cancel.cl_ord_id, first.cl_ord_id(), "cancels leave");
        assert_eq!(driver.engine.mode(), Mode::Stopping);
        assert!(driver.finish().journal_failed);
    }

    #[test]
    fn every_run_has_an_epoch_and_ids_of_its_own() {
        let state = tempfile::tempdir().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for run in 1..=3 {
            let (mut driver, mut ends) = driver(state.path());
            assert_eq!(driver.engine.settings().epoch, run);
            bring_up(&mut driver);
            while let Ok(entry) = ends.entries.try_recv() {
                assert!(seen.insert(entry.cl_ord_id()), "an id given twice");
            }
        }
        assert!(seen.len() >= 3, "{seen:?}");
    }
}
