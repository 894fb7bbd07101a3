//! Where the daemon shows itself, and the listener looks.
//!
//! For: one place from start to end, though most of what is shown comes to be on the way. Always true: looking waits for the driver
//! at most [`PATIENCE`], and nobody waits for a looker.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::timeout};

use super::age::Ages;
use crate::{
    engine::{
        Mode,
        event::{Link, OrderEntry},
        risk::Code,
    },
    io::Clock,
    resilience::{CircuitBreaker, Deadlines, budget, queue, retry, supervisor::TaskStatus},
    venue::kraken::counters::SocketCounters,
};

/// How long the driver may take to answer before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who waits for tasks that were told to stop.
pub const TASKS: &str = "tasks";

/// How far a run is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Nothing has been sent but questions.
    Starting,
    /// All tasks are there.
    Running,
    /// Strategies have stopped; our orders are being canceled.
    Settling,
    /// The sockets stop.
    Readers,
    /// What they left is handled.
    Driver,
    /// The engine, or its wire, is gone; our orders are canceled over REST.
    Parking,
    /// The journal, then who tells and who listens, the embedded simulator last.
    Ending,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Running,
        Self::Settling,
        Self::Readers,
        Self::Driver,
        Self::Parking,
        Self::Ending,
    ];

    /// Lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Settling => "settling",
            Self::Readers => "readers",
            Self::Driver => "driver",
            Self::Parking => "parking",
            Self::Ending => "ending",
        }
    }
}

/// The engine's numbers at one instant.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What the engine is about.
    pub mode: Mode,
    /// Whether every book is verified and every order reconciled.
    pub ready: bool,
    /// Whether the public feed is up.
    pub feed: Link,
    /// Whether the private feed is up.
    pub account: Link,
    /// Whether creates and amends leave.
    pub order_entry: OrderEntry,
    /// Books, and how many of them agree with the venue.
    pub books: (usize, usize),
    /// Pairs that stand still.
    pub halted: usize,
    /// Orders that may still trade.
    pub open_orders: usize,
    /// Book frames whose checksum was right, and wrong.
    pub checksums: (u64, u64),
    /// Books that went bad.
    pub stale_books: u64,
    /// Creates, amends and cancels handed to the edge.
    pub commands: [(&'static str, u64); 3],
    /// Fills of ours.
    pub fills: u64,
    /// Wishes that the gate refused, by code.
    pub denied: Vec<(Code, u64)>,
    /// Commands that the venue refused, and how many of them for going too fast.
    pub rejected: (u64, u64),
    /// Commands that were not answered.
    pub unanswered: u64,
    /// Things that could not be.
    pub anomalies: u64,
    /// Times that the journal failed.
    pub journal_failures: u64,
    /// Longest time from event in hand to its last order in the lane.
    pub worst_latency: Duration,
}

/// Sockets that there are at most.
const SOCKETS: usize = 3;

/// What is there once all tasks are.
pub struct Parts {
    /// Asks the driver for the engine's numbers; none once it has ended.
    pub figures: Box<dyn Fn() -> BoxFuture<'static, Option<Figures>> + Send + Sync>,
    /// The circuit breakers.
    pub breakers: Vec<CircuitBreaker>,
    /// The sockets' counts, by name: public, private, and that of a mirrored market.
    pub sockets: Vec<(&'static str, Arc<SocketCounters>)>,
    /// Limits that passed first, by who waited.
    pub deadlines: Vec<(&'static str, Deadlines)>,
    /// What came of repeating REST reads.
    pub retries: Box<dyn Fn() -> retry::Totals + Send + Sync>,
    /// Attempts to connect, of all sockets.
    pub connections: budget::Shared,
    /// The queues.
    pub queues: Vec<queue::Gauge>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

/// What came of a look at the engine.
#[derive(Clone, Debug)]
pub enum Glance {
    /// Its numbers.
    Seen(Box<Figures>),
    /// There is none yet.
    NotYet,
    /// It is stopping or has stopped, and answers no more.
    Gone,
    /// It does not answer in time.
    Hangs,
}

/// Where the daemon shows itself.
#[derive(Debug)]
pub struct Board {
    pub(super) clock: Clock,
    stage: AtomicU8,
    tasks: watch::Receiver<Vec<TaskStatus>>,
    parts: OnceLock<Parts>,
    ages: [Ages; SOCKETS],
}

impl Board {
    /// A board of a run that starts.
    #[must_use]
    pub fn new(clock: Clock, tasks: watch::Receiver<Vec<TaskStatus>>) -> Self {
        Self {
            clock,
            stage: AtomicU8::new(Stage::Starting as u8),
            tasks,
            parts: OnceLock::new(),
            ages: Default::default(),
        }
    }

    /// All tasks are there from now on. Only the first call counts.
    pub fn started(&self, parts: Parts) {
        if self.parts.set(parts).is_ok() {
            self.enter(Stage::Running);
        }
    }

    /// The run is so far.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// How far the run is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let number = usize::from(self.stage.load(Ordering::Relaxed));
        let stage = Stage::ALL.get(number).copied();
        stage.unwrap_or(Stage::Ending)
    }

    /// Asks the driver, which answers between two events for as long as it turns.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn glance(&self) -> Glance {
        let Some(parts) = self.parts.get() else {
            return Glance::NotYet;
        };
        // Later it drains its queues, and answers nobody.
        if self.stage() > Stage::Settling {
            return Glance::Gone;
        }
        match timeout(PATIENCE, (parts.figures)()).await {
            Ok(Some(figures)) => Glance::Seen(Box::new(figures)),
            Ok(None) => Glance::Gone,
            Err(_elapsed) if self.stage() > Stage::Settling => Glance::Gone,
            Err(_elapsed) => Glance::Hangs,
        }
    }

    /// Sees which channels have said something.
    pub(super) fn look(&self) {
        let now = self.clock.now();
        let sockets = self.parts.get().map(|parts| &parts.sockets);
        for ((_, counters), ages) in sockets.into_iter().flatten().zip(&self.ages) {
            ages.look(now, &counters.feeds);
        }
    }

    pub(super) fn parts(&self) -> Option<&Parts> {
        self.parts.get()
    }

    /// In the order of the sockets.
    pub(super) const fn ages(&self) -> &[Ages; SOCKETS] {
        &self.ages
    }

    pub(super) fn tasks(&self) -> Vec<TaskStatus> {
        self.tasks.borrow().clone()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::{
        io::{clock::ManualClock, rng},
        resilience::{
            circuit_breaker::{self, Outcome},
            supervisor::{Phase, Policy, State},
        },
        types::Timestamp,
    };

    /// Of an engine that trades and lacks nothing.
    pub(in crate::control) fn figures() -> Figures {
        Figures {
            mode: Mode::Trading,
            ready: true,
            feed: Link::Up,
            account: Link::Up,
            order_entry: OrderEntry::Open,
            books: (3, 2),
            halted: 0,
            open_orders: 4,
            checksums: (7, 1),
            stale_books: 1,
            commands: [("create", 5), ("amend", 6), ("cancel", 2)],
            fills: 3,
            denied: vec![(Code::Collar, 9)],
            rejected: (2, 1),
            unanswered: 0,
            anomalies: 0,
            journal_failures: 0,
            worst_latency: Duration::from_micros(250),
        }
    }

    /// A breaker that has opened, whose first probe has failed, and that has turned 13 calls away since.
    fn opened(clock: &Clock, hands: &ManualClock) -> CircuitBreaker {
        let settings = circuit_breaker::Settings::default();
        let failures = settings.consecutive_failures;
        let breaker = CircuitBreaker::new("connect", settings, clock.clone(), rng::stream(1, 1));
        for _ in 0..failures {
            breaker.admit().unwrap().record(Outcome::Failure);
        }
        hands.advance(Duration::from_secs(60));
        breaker.admit().unwrap().record(Outcome::Failure);
        for _ in 0..13 {
            breaker.admit().unwrap_err();
        }
        breaker
    }

    /// A task that was restarted eleven times.
    fn restarted() -> TaskStatus {
        TaskStatus {
            name: "public",
            policy: Policy::Permanent,
            phase: Phase(1),
            state: State::Running,
            restarts: 11,
            last_fault: None,
        }
    }

    /// A board whose engine answers as said.
    pub(in crate::control) fn board(
        answer: impl Fn() -> BoxFuture<'static, Option<Figures>> + Send + Sync + 'static,
    ) -> Board {
        let (clock, hands) = Clock::manual(Timestamp::from_secs(1_000));
        let (_tasks, watched) = watch::channel(vec![restarted()]);
        let board = Board::new(clock.clone(), watched);
        board.started(Parts {
            figures: Box::new(answer),
            breakers: vec![opened(&clock, &hands)],
            sockets: vec![("public", Arc::default()), ("private", Arc::default())],
            deadlines: ["public", "private", "rest", "mirror", TASKS]
                .map(|on| (on, Deadlines::default()))
                .into(),
            retries: Box::new(|| retry::Totals {
                calls: 9,
                retries: 2,
                refused: 4,
                left: 8,
            }),
            connections: budget::Shared::new(budget::Settings::default(), clock),
            queues: vec![queue::Gauge::still("market", 64, 17, 23)],
        });
        board
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_hangs_unless_it_drains() {
        let board = board(|| Box::pin(pending()));
        assert!(matches!(board.glance().await, Glance::Hangs));
        board.enter(Stage::Driver);
        assert!(matches!(board.glance().await, Glance::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_answers_while_it_settles() {
        let board = board(|| Box::pin(ready(Some(figures()))));
        board.enter(Stage::Settling);
        assert!(matches!(board.glance().await, Glance::Seen(_)));
    }
}
