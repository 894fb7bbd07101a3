//! Puts every task of a run under one supervisor: its queues, its phase, its policy.
//!
//! Left out: how the tasks come down again; that is the daemon's.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    driver::{Driver, Finished, Inlets, Marks},
    embedded::Embedded,
    look::{Looks, looks},
    notify::Notify,
    runtimes::Handles,
    signals::{Signals, Stops},
    start::{StartError, Started},
};
use crate::{
    engine::Event,
    io::{Clock, rng},
    resilience::{
        Watcher, budget,
        circuit_breaker::CircuitBreaker,
        queue::Gauge,
        supervisor::{Phase, Policy, Supervisor, TaskError, TaskSpec},
    },
    venue::kraken::{
        breakers,
        counters::SocketCounters,
        lanes,
        private::{self, PrivateSocket},
        public::{self, PublicSocket},
        queries::Queries,
        wiring::Wiring,
    },
};

/// Books and trades that may wait for the driver; more are dropped and resynced.
const MARKET_QUEUE: usize = 4_096;
/// Account events that may wait for the driver; then the sockets' readers wait.
const ACCOUNT_QUEUE: usize = 1_024;
/// Applied books kept for their room; more are dropped.
const SPARES: usize = 64;

/// What stops together. The highest phase stops first.
pub(super) const READERS: Phase = Phase(5);
/// The engine's loop.
pub(super) const DRIVER: Phase = Phase(4);
/// The record.
pub(super) const JOURNAL: Phase = Phase(3);
/// Who tells and who listens.
pub(super) const OBSERVERS: Phase = Phase(2);
/// The embedded venue, last: the others end by talking to it.
pub(super) const SIMULATOR: Phase = Phase(1);

/// Class of the failure of a task whose key the venue refused.
pub(super) const KEY_REFUSED: u8 = 1;

/// Names of the tasks without which nothing of ours can be canceled through the engine.
pub(super) const WIRE: [&str; 3] = ["driver", "private_socket", "queries"];

/// What the daemon keeps of the tasks.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) turning: Turning,
    pub(super) looks: Looks,
    pub(super) breakers: Vec<CircuitBreaker>,
    pub(super) public: Arc<SocketCounters>,
    pub(super) private: Arc<SocketCounters>,
    /// Of the market that an embedded simulator mirrors.
    pub(super) mirror: Option<Arc<SocketCounters>>,
    pub(super) connections: budget::Shared,
    pub(super) queues: Vec<Gauge>,
}

/// What the daemon keeps of the driver.
#[derive(Debug)]
pub(super) struct Turning {
    /// Ends the waiting for orders that will not end.
    pub(super) give_up: CancellationToken,
    /// Canceled once the engine has stopped.
    pub(super) drained: CancellationToken,
    pub(super) finished: oneshot::Receiver<Finished>,
}

/// Hears signals from now on. A run that hears none any more could not be stopped: it ends.
pub(super) fn signals(tasks: &mut Supervisor, signals: Signals, stops: Stops) {
    let spec = TaskSpec::new("signals", Policy::Transient, OBSERVERS);
    keep(tasks, spec, |stop| async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = signals.run(stops) => {}
        }
    });
}

/// Starts all the others. `stop` tells the driver to stop; what the readers leave behind is handled for at most `drain`.
///
/// # Errors
///
/// When an address cannot be used; no task has been started then.
pub(super) fn launch(
    tasks: &mut Supervisor,
    started: Started,
    stop: CancellationToken,
    drain: Duration,
    clock: Clock,
    handles: &Handles,
) -> Result<Running, StartError> {
    let (lanes, ends) = lanes::lanes(started.engine.settings().instruments.len());
    let (account_in, account) = mpsc::channel(ACCOUNT_QUEUE);
    let (market_in, market) = mpsc::channel(MARKET_QUEUE);
    let (spares_in, spares) = mpsc::channel(SPARES);
    let (looks, looked) = looks();
    let marks = Marks::default();
    let mut queues = lanes.gauges();
    queues.push(Gauge::new("account", &account_in, marks.account.clone()));
    queues.push(Gauge::new("market", &market_in, marks.market.clone()));
    // There is room: nobody else has written yet.
    let _first = account_in.try_send(Event::ClockOffset(started.offset_nanos));
    let _second = account_in.try_send(Event::Venue(started.status));

    let settings = started.engine.settings();
    let jitter = rng::stream(started.seed, 5);
    let connect = breakers::connect(&started.kraken.breakers, &clock, jitter);
    let connections = budget::Shared::new(started.kraken.connections.clone(), clock.clone());
    let wiring = Wiring {
        connector: started.connector,
        budget: connections.clone(),
        connect: connect.clone(),
        settings: started.kraken,
        clock: clock.clone(),
        account: account_in.clone(),
        instruments: settings.instruments.clone().into(),
    };
    let ends_public = public::Queues {
        resyncs: ends.resyncs,
        market: market_in,
        spares,
    };
    let public = PublicSocket::new(
        &wiring,
        ends_public,
        settings.depth,
        rng::stream(started.seed, 3),
    )?;
    let ends_private = private::Queues {
        cancels: ends.cancels,
        entries: ends.entries,
    };
    let rest = started.rest.clone();
    let private = PrivateSocket::new(&wiring, ends_private, rest, rng::stream(started.seed, 4))?;
    let queries = Queries::new(started.account, ends.queries, account_in, clock.clone());
    // The driver is asked for a picture; those that carry its commands are watched.
    let [_driver, orders, questions] = WIRE;
    let watchers = [private.watcher(orders), queries.watcher(questions)];
    let inlets = Inlets {
        marks,
        account,
        market,
        journal: started.journal.failures,
        looks: looked,
    };
    let journal = (started.journal.writer, started.journal.pin);
    let driver = Driver::new(started.engine, journal, lanes, inlets, spares_in, clock);

    let mirror = started.embedded.as_ref().and_then(Embedded::mirror);
    let mut guards = started.rest.breakers().all();
    guards.extend([private.breaker(), connect]);
    guards.extend(mirror.iter().map(|it| it.breaker.clone()));
    let counters = (public.counters(), private.counters());
    if let Some(embedded) = started.embedded {
        simulator(tasks, embedded, handles);
    }
    let spec = TaskSpec::new("journal_sync", Policy::Temporary, JOURNAL).on(handles.disk.clone());
    keep(tasks, spec, |_| started.journal.sync.run());
    keep(tasks, forever("public_socket", READERS), |stop| {
        public.run(stop)
    });
    private_socket(tasks, private);
    keep(tasks, forever("queries", READERS), |stop| queries.run(stop));
    let turning = self::driver(tasks, driver, stop, drain);
    notify(tasks, looks.clone(), watchers);
    Ok(Running {
        turning,
        looks,
        breakers: guards,
        public: counters.0,
        private: counters.1,
        mirror: mirror.map(|it| it.counters),
        connections,
        queues,
    })
}

fn simulator(tasks: &mut Supervisor, embedded: Embedded, handles: &Handles) {
    let simulator = embedded.into_simulator();
    let spec = forever("simulator", SIMULATOR).on(handles.simulator.clone());
    tasks.spawn_once(spec, move |stop| Embedded::run(simulator, stop));
}

fn private_socket(tasks: &mut Supervisor, socket: PrivateSocket) {
    tasks.spawn_once(forever("private_socket", READERS), |stop| async {
        let held = socket.run(stop).await;
        held.map_err(|error| TaskError::of_class(KEY_REFUSED, error))
    });
}

fn driver(
    tasks: &mut Supervisor,
    driver: Driver,
    stop: CancellationToken,
    drain: Duration,
) -> Turning {
    let (finish, finished) = oneshot::channel();
    let (give_up, drained) = (CancellationToken::new(), CancellationToken::new());
    let (late, done) = (give_up.clone(), drained.clone());
    let spec = TaskSpec::new("driver", Policy::Fatal, DRIVER);
    tasks.spawn_once(spec, move |_| async move {
        let result = driver.run(stop, late, done, drain).await?;
        // Whoever waits for it may have given up.
        let _unheard = finish.send(result);
        Ok(())
    });
    Turning {
        give_up,
        drained,
        finished,
    }
}

/// Without it the service manager would kill the run: it is worth a few tries.
fn notify(tasks: &mut Supervisor, looks: Looks, watchers: [Watcher; 2]) {
    let spec = TaskSpec::new("notify", Policy::Transient, OBSERVERS);
    tasks.spawn(spec, move |stop| {
        let telling = Notify::new(looks.clone(), watchers.clone()).run(stop);
        async move {
            telling.await;
            Ok(())
        }
    });
}

/// Keeps a task that has no error of its own.
fn keep<F>(
    tasks: &mut Supervisor,
    spec: TaskSpec,
    work: impl FnOnce(CancellationToken) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    tasks.spawn_once(spec, |stop| {
        let working = work(stop);
        async move {
            working.await;
            Ok(())
        }
    });
}

/// A task that owns what cannot be made twice and should never end by itself.
fn forever(name: &'static str, phase: Phase) -> TaskSpec {
    TaskSpec::new(name, Policy::Permanent, phase)
}
