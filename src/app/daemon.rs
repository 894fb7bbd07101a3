//! A run from start to end: tasks under one supervisor, then down in phases.

use std::{sync::Arc, time::Duration};

use tokio::{
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
        budget,
        circuit_breaker::CircuitBreaker,
        supervisor::{Ended, Failure, Fault, Phase, Policy, Supervisor, TaskError, TaskSpec},
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

/// What stops together. The highest phase stops first.
const READERS: Phase = Phase(5);
const DRIVER: Phase = Phase(4);
const JOURNAL: Phase = Phase(3);
const OBSERVERS: Phase = Phase(2);
const SIMULATOR: Phase = Phase(1);

/// Class of the failure of a task whose key the venue refused.
const KEY_REFUSED: u8 = 1;

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
    /// The engine at the end; none when it is gone.
    pub picture: Option<Picture>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Daemon {
    supervisor: Supervisor,
    stops: Stops,
    give_up: CancellationToken,
    drained: CancellationToken,
    finished: oneshot::Receiver<Finished>,
    looks: mpsc::Sender<Look>,
    breakers: Vec<CircuitBreaker>,
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
        let seed = started.seed;
        let root = stops.stop.clone();
        let mut tasks = Supervisor::new(root, clock.clone(), rng::stream(seed, 2));
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
            let spec = forever("simulator", SIMULATOR).on(handles.simulator.clone());
            tasks.spawn_once(spec, move |stop| Embedded::run(simulator, stop));
        }
        let sync = started.journal.sync;
        let spec = TaskSpec::new("journal_sync", Policy::Temporary, JOURNAL);
        tasks.spawn_once(spec.on(handles.disk.clone()), |_| async {
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
        tasks.spawn_once(forever("public_socket", READERS), |stop| async {
            socket.run(stop).await;
            Ok(())
        });

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
        let rest = started.rest.breakers();
        let breakers = vec![
            rest.public.clone(),
            rest.private.clone(),
            rest.cancels.clone(),
            socket.breaker(),
        ];
        tasks.spawn_once(forever("private_socket", READERS), |stop| async {
            let held = socket.run(stop).await;
            held.map_err(|error| TaskError::of_class(KEY_REFUSED, error))
        });

        let queries = Queries::new(started.account, ends.queries, account_in, clock.clone());
        tasks.spawn_once(forever("queries", READERS), |stop| async {
            queries.run(stop).await;
            Ok(())
        });

        let inlets = Inlets {
            account,
            market,
            journal: started.journal.failures,
            looks: looked,
        };
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
        let spec = TaskSpec::new("driver", Policy::Fatal, DRIVER);
        tasks.spawn_once(spec, move |_| async move {
            let result = driver.run(stop, late, done, drain).await?;
            // Whoever waits for it may have given up.
            let _unheard = finish.send(result);
            Ok(())
        });

        let notifier = Notify::new(looks.clone());
        let spec = TaskSpec::new("notify", Policy::Temporary, OBSERVERS);
        tasks.spawn_once(spec, |stop| async {
            notifier.run(stop).await;
            Ok(())
        });
        if let Some(signals) = signals {
            let heard = stops.clone();
            let spec = TaskSpec::new("signals", Policy::Temporary, OBSERVERS);
            tasks.spawn_once(spec, |stop| async move {
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
            looks,
            breakers,
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

    /// The circuit breakers, for whoever shows their states.
    #[must_use]
    pub fn breakers(&self) -> Vec<CircuitBreaker> {
        self.breakers.clone()
    }

    /// What the sockets count: public, private.
    #[must_use]
    pub fn counters(&self) -> (Arc<SocketCounters>, Arc<SocketCounters>) {
        (Arc::clone(&self.public), Arc::clone(&self.private))
    }

    /// Runs until it is told to stop or cannot go on, then takes everything down in order.
    pub async fn run(mut self) -> Report {
        let failure = match self.supervisor.run().await {
            Ended::Canceled | Ended::Done => None,
            Ended::Failed(failure) => Some(failure),
        };
        if let Some(failure) = &failure {
            error!(reason = %failure, "cannot go on");
        }
        notify::stopping(
            failure
                .as_ref()
                .map_or("stopping", |_| "stopping after a failure"),
        );
        match failure {
            Some(failure) if failure.task == "driver" => {
                self.without_engine(failure.to_string()).await
            }
            failure => self.wind_down(failure).await,
        }
    }

    /// The engine stops its strategies and cancels what is ours; the wire stays up meanwhile.
    async fn wind_down(mut self, failure: Option<Failure>) -> Report {
        self.stops.stop.cancel();
        let patience = limit(
            self.stops.clone(),
            self.shutdown.settle + self.shutdown.park,
        );
        tokio::pin!(patience);
        loop {
            tokio::select! {
                biased;
                () = self.drained.cancelled() => break,
                // It answers only after it has drained; before that it can only be gone.
                _gone = &mut self.finished => {
                    return self.without_engine("the driver is gone".to_owned()).await;
                }
                () = &mut patience, if !self.give_up.is_cancelled() => {
                    warn!("the time to stop is up");
                    self.give_up.cancel();
                }
            }
        }
        self.supervisor
            .stop_phase(READERS, self.shutdown.close)
            .await;
        self.supervisor
            .stop_phase(DRIVER, self.shutdown.drain)
            .await;
        let finished = self.finished.try_recv().ok();
        self.take_down().await;
        let failure = failure.or_else(|| self.supervisor.failures().first().cloned());
        let frames = self.public.frames.get() + self.private.frames.get();
        let verdict = verdict(finished.as_ref(), failure);
        let picture = finished.map(|finished| finished.picture);
        let summary = picture.as_ref().map(|picture| Summary::of(picture, frames));
        Report {
            verdict,
            summary,
            picture,
        }
    }

    /// What is left once the driver has ended.
    async fn take_down(&mut self) {
        for phase in [JOURNAL, OBSERVERS, SIMULATOR] {
            self.supervisor.stop_phase(phase, self.shutdown.close).await;
        }
    }

    /// The engine is gone: what carries our tag is canceled without it.
    async fn without_engine(mut self, reason: String) -> Report {
        error!(%reason, "the engine is gone: parking orders over REST");
        self.supervisor
            .stop_phase(READERS, self.shutdown.close)
            .await;
        self.supervisor.stop_phase(DRIVER, Duration::ZERO).await;
        let mut failures = self.supervisor.failures().iter();
        let own = failures.find(|failure| failure.task == "driver");
        // Those who lost their driver may have been joined before it.
        let reason = own.map_or(reason, ToString::to_string);
        let parked = tokio::select! {
            biased;
            () = self.stops.abandon.cancelled() => Parked::Unfinished,
            parked = park(&self.rest, &self.tag, self.shutdown.park) => parked,
        };
        self.take_down().await;
        let clean = parked == Parked::Clean;
        Report {
            verdict: Verdict::Parked { reason, clean },
            summary: None,
            picture: None,
        }
    }
}

/// A task that owns what cannot be made twice and should never end by itself.
fn forever(name: &'static str, phase: Phase) -> TaskSpec {
    TaskSpec::new(name, Policy::Permanent, phase)
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

fn verdict(finished: Option<&Finished>, failure: Option<Failure>) -> Verdict {
    let Some(finished) = finished else {
        return Verdict::Failed("the driver did not finish".to_owned());
    };
    if !finished.verified && !finished.live.is_empty() {
        return Verdict::Late(finished.live.clone());
    }
    if finished.journal_failed {
        return Verdict::JournalFailed;
    }
    match failure {
        Some(failure) if is_key_refused(&failure) => Verdict::KeyRefused(failure.to_string()),
        Some(failure) => Verdict::Failed(failure.to_string()),
        None if !finished.verified => Verdict::Late(Vec::new()),
        None => {
            info!("stopped: no order of ours rests");
            Verdict::Clean
        }
    }
}

fn is_key_refused(failure: &Failure) -> bool {
    match &failure.fault {
        Fault::Error(error) => error.class == Some(KEY_REFUSED),
        Fault::Panic(_) | Fault::Aborted | Fault::EndedEarly => false,
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
