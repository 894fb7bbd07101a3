//! A run from start to end: tasks under one supervisor, then down in phases.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    driver::{Driver, Finished, Inlets, Look, Progress},
    embedded::Embedded,
    notify::{self, Notify},
    park::{Parked, park},
    picture::{Picture, Summary},
    runtimes::Handles,
    signals::{Signals, Stops},
    start::{self, StartError, Started},
};
use crate::{
    config::{Config, Shutdown},
    engine::{Event, strategy::Strategy},
    io::{Clock, rng},
    resilience::{
        Backoff, budget,
        supervisor::{Ended, How, Intensity, Policy, Supervisor, TaskError},
    },
    types::ClOrdId,
    venue::kraken::{
        counters::SocketCounters,
        lanes,
        private::{self, PrivateSocket},
        public::{self, PublicSocket},
        queries::Queries,
        rest::Rest,
    },
};

/// Books and trades that may wait for the driver; more are dropped and resynced.
const MARKET_QUEUE: usize = 4_096;
/// Account events that may wait for the driver; then the sockets' readers wait.
const ACCOUNT_QUEUE: usize = 1_024;
/// Commands that may wait in each lane; a full one stops the run.
const LANE: usize = 256;
/// Wishes to look at the engine.
const LOOKS: usize = 4;

/// Phases in which tasks stop, in rising order.
mod phase {
    pub(super) const READERS: u8 = 1;
    pub(super) const DRIVER: u8 = 2;
    pub(super) const JOURNAL: u8 = 3;
    pub(super) const OBSERVERS: u8 = 4;
    pub(super) const SIMULATOR: u8 = 5;
}

/// How a run ended, for the exit code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing of ours rests, as read back.
    Clean,
    /// The time to stop was up; these orders may rest.
    Late(Vec<ClOrdId>),
    /// A task failed; the run was ended in order.
    Failed(String),
    /// The journal failed; the run was ended in order.
    JournalFailed,
    /// The venue refused the key while running.
    KeyRefused(String),
    /// The engine is gone; orders were canceled without it.
    Parked {
        /// What happened.
        reason: String,
        /// Whether nothing of ours rests, as read back.
        clean: bool,
    },
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// Its numbers; none when the engine is gone.
    pub summary: Option<Summary>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Daemon {
    supervisor: Supervisor,
    stops: Stops,
    give_up: CancellationToken,
    drained: CancellationToken,
    finished: oneshot::Receiver<Finished>,
    key_refused: Arc<AtomicBool>,
    looks: mpsc::Sender<Look>,
    public: Arc<SocketCounters>,
    private: Arc<SocketCounters>,
    shutdown: Shutdown,
    rest: Rest,
    tag: String,
    _lock: crate::io::files::DirLock,
}

impl Daemon {
    /// Starts everything. `strategies` replaces those of the config's kinds (for tests); `signals` may be left out where
    /// something else cancels `stops`.
    ///
    /// # Errors
    ///
    /// When the run cannot begin; nothing has been sent then.
    pub async fn start(
        config: &Config,
        strategies: Option<Vec<Box<dyn Strategy>>>,
        clock: Clock,
        handles: &Handles,
        stops: Stops,
        signals: Option<Signals>,
    ) -> Result<Self, StartError> {
        let starting = start::start(config, strategies, &clock, handles);
        let started = tokio::select! {
            biased;
            () = stops.stop.cancelled() => return Err(StartError::Stopped),
            started = starting => started?,
        };
        Self::launch(config, started, clock, handles, stops, signals)
    }

    fn launch(
        config: &Config,
        started: Started,
        clock: Clock,
        handles: &Handles,
        stops: Stops,
        signals: Option<Signals>,
    ) -> Result<Self, StartError> {
        let here = Handle::current();
        let seed = started.seed;
        let backoff = Backoff::new(started.kraken.reconnect.clone(), rng::stream(seed, 2));
        let mut tasks = Supervisor::new(clock.clone(), Intensity::default(), backoff);
        let (lanes, ends) = lanes::lanes(LANE);
        let (account_in, account) = mpsc::channel(ACCOUNT_QUEUE);
        let (market_in, market) = mpsc::channel(MARKET_QUEUE);
        let (looks, looked) = mpsc::channel(LOOKS);
        let instruments: Arc<[_]> = started.engine.settings().instruments.clone().into();
        let tag = started.engine.settings().tag.clone();
        let (public, private) = (Arc::default(), Arc::default());
        let budget = budget::Shared::new(started.kraken.connections.clone(), clock.clone());
        // There is room: nobody else has written yet.
        let _first = account_in.try_send(Event::ClockOffset(started.offset_nanos));
        let _second = account_in.try_send(Event::Venue(started.status));

        if let Some(embedded) = started.embedded {
            let simulator = embedded.into_simulator();
            tasks.spawn_once(
                "simulator",
                phase::SIMULATOR,
                Policy::VITAL,
                &handles.simulator,
                move |stop| Embedded::run(simulator, stop),
            );
        }
        let sync = started.journal.sync;
        tasks.spawn_once("journal_sync", phase::JOURNAL, Policy::OPTIONAL, &handles.disk, |_| async {
            sync.run().await;
            Ok(())
        });

        let socket = PublicSocket::new(public::Wiring {
            connector: started.connector.clone(),
            settings: started.kraken.clone(),
            clock: clock.clone(),
            rng: rng::stream(seed, 3),
            budget: budget.clone(),
            resyncs: ends.resyncs,
            market: market_in,
            account: account_in.clone(),
            instruments: Arc::clone(&instruments),
            depth: started.engine.settings().depth,
            counters: Arc::clone(&public),
        })?;
        tasks.spawn_once("public_socket", phase::READERS, Policy::VITAL, &here, |stop| async {
            socket.run(stop).await;
            Ok(())
        });

        let key_refused = Arc::new(AtomicBool::new(false));
        let socket = PrivateSocket::new(private::Wiring {
            connector: started.connector,
            settings: started.kraken,
            rest: started.rest.clone(),
            clock: clock.clone(),
            rng: rng::stream(seed, 4),
            budget,
            cancels: ends.cancels,
            entries: ends.entries,
            account: account_in.clone(),
            instruments,
            counters: Arc::clone(&private),
        })?;
        let refused = Arc::clone(&key_refused);
        tasks.spawn_once("private_socket", phase::READERS, Policy::VITAL, &here, |stop| async move {
            socket.run(stop).await.map_err(|error| {
                refused.store(true, Ordering::Relaxed);
                TaskError::from(error)
            })
        });

        let queries = Queries::new(started.account, ends.queries, account_in, clock.clone());
        tasks.spawn_once("queries", phase::READERS, Policy::VITAL, &here, |stop| async {
            queries.run(stop).await;
            Ok(())
        });

        let inlets = Inlets { account, market, journal: started.journal.failures, looks: looked };
        let driver = Driver::new(
            started.engine,
            (started.journal.writer, started.journal.pin),
            lanes,
            inlets,
            clock,
            Progress::default(),
        );
        let (finish, finished) = oneshot::channel();
        let (give_up, drained) = (CancellationToken::new(), CancellationToken::new());
        let (stop, late, done) = (stops.stop.clone(), give_up.clone(), drained.clone());
        let drain = config.shutdown.drain;
        tasks.spawn_once("driver", phase::DRIVER, Policy::VITAL, &here, move |_| async move {
            let result = driver.run(stop, late, done, drain).await?;
            // Whoever waits for it may have given up.
            let _unheard = finish.send(result);
            Ok(())
        });

        let notifier = Notify::new(looks.clone());
        tasks.spawn_once("notify", phase::OBSERVERS, Policy::OPTIONAL, &here, |stop| async {
            notifier.run(stop).await;
            Ok(())
        });
        if let Some(signals) = signals {
            let heard = stops.clone();
            tasks.spawn_once("signals", phase::OBSERVERS, Policy::OPTIONAL, &here, |stop| async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = signals.run(heard) => {}
                }
                Ok(())
            });
        }
        Ok(Self {
            supervisor: tasks,
            stops,
            give_up,
            drained,
            finished,
            key_refused,
            looks,
            public,
            private,
            shutdown: config.shutdown.clone(),
            rest: started.rest,
            tag,
            _lock: started.lock,
        })
    }

    /// For whoever wants to look at the engine while it runs.
    #[must_use]
    pub fn looks(&self) -> mpsc::Sender<Look> {
        self.looks.clone()
    }

    /// What the sockets count: public, private.
    #[must_use]
    pub fn counters(&self) -> (Arc<SocketCounters>, Arc<SocketCounters>) {
        (Arc::clone(&self.public), Arc::clone(&self.private))
    }

    /// Runs until it is told to stop or cannot go on, then takes everything down in order.
    pub async fn run(mut self) -> Report {
        let trouble = tokio::select! {
            biased;
            () = self.stops.stop.cancelled() => None,
            ended = self.supervisor.watch() => Some(ended),
        };
        if let Some(ended) = &trouble {
            error!(reason = %ended, "cannot go on");
        }
        notify::stopping(trouble.as_ref().map_or("stopping", |_| "stopping after a failure"));
        match trouble {
            Some(ended) if ended.task == "driver" => self.without_engine(ended.to_string()).await,
            trouble => self.wind_down(trouble).await,
        }
    }

    /// The engine stops its strategies and cancels what is ours; the wire stays up meanwhile.
    async fn wind_down(mut self, mut trouble: Option<Ended>) -> Report {
        self.stops.stop.cancel();
        let patience = limit(self.stops.clone(), self.shutdown.settle + self.shutdown.park);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                biased;
                () = self.drained.cancelled() => break,
                ended = self.supervisor.watch() => match ended {
                    Ended { task: "driver", how } if how != How::Finished => {
                        let reason = Ended { task: "driver", how }.to_string();
                        return self.without_engine(reason).await;
                    }
                    ended => {
                        warn!(reason = %ended, "a task ended during the stop");
                        trouble.get_or_insert(ended);
                    }
                },
                () = &mut patience, if !self.give_up.is_cancelled() => {
                    warn!("the time to stop is up");
                    self.give_up.cancel();
                }
            }
        }
        self.supervisor.stop(phase::READERS, self.shutdown.close).await;
        self.supervisor.stop(phase::DRIVER, self.shutdown.drain).await;
        let finished = self.finished.try_recv().ok();
        self.take_down().await;
        let frames = self.public.frames.get() + self.private.frames.get();
        let verdict = verdict(finished.as_ref(), trouble, self.key_refused.load(Ordering::Relaxed));
        let summary = finished.map(|finished| Summary::of(&finished.picture, frames));
        self.supervisor.abort().await;
        Report { verdict, summary }
    }

    /// What is left once the driver has ended.
    async fn take_down(&mut self) {
        for phase in [phase::JOURNAL, phase::OBSERVERS, phase::SIMULATOR] {
            self.supervisor.stop(phase, self.shutdown.close).await;
        }
    }

    /// The engine is gone: what carries our tag is canceled without it.
    async fn without_engine(mut self, reason: String) -> Report {
        error!(%reason, "the engine is gone: parking orders over REST");
        self.supervisor.stop(phase::READERS, self.shutdown.close).await;
        let parked = tokio::select! {
            biased;
            () = self.stops.abandon.cancelled() => Parked::Unfinished,
            parked = park(&self.rest, &self.tag, self.shutdown.park) => parked,
        };
        self.take_down().await;
        self.supervisor.abort().await;
        let clean = parked == Parked::Clean;
        Report { verdict: Verdict::Parked { reason, clean }, summary: None }
    }
}

/// Ends when the stop has taken long enough: its budget, a second signal's, a third's.
async fn limit(stops: Stops, budget: Duration) {
    let hurried = async {
        stops.hurry.cancelled().await;
        sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        biased;
        () = stops.abandon.cancelled() => {}
        () = hurried => {}
        () = sleep(budget) => {}
    }
}

fn verdict(finished: Option<&Finished>, trouble: Option<Ended>, key_refused: bool) -> Verdict {
    let Some(finished) = finished else {
        return Verdict::Failed("the driver did not finish".to_owned());
    };
    if !finished.verified && !finished.live.is_empty() {
        return Verdict::Late(finished.live.clone());
    }
    if finished.journal_failed {
        return Verdict::JournalFailed;
    }
    match trouble {
        Some(ended) if key_refused => Verdict::KeyRefused(ended.to_string()),
        Some(ended) => Verdict::Failed(ended.to_string()),
        None if !finished.verified => Verdict::Late(Vec::new()),
        None => {
            info!("stopped: no order of ours rests");
            Verdict::Clean
        }
    }
}

/// Asks for a picture. None once the driver has ended.
pub async fn look(looks: &mpsc::Sender<Look>) -> Option<Picture> {
    let (answer, answered) = oneshot::channel();
    looks.send(answer).await.ok()?;
    answered.await.ok()
}

/// An error with all its sources on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
