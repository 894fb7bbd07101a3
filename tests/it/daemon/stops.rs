//! Stops in which something never ends: whoever insists is heard in every phase, and what hangs is left behind and counted.

use std::{
    sync::{
        Barrier,
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tradingd::{
    app::{Daemon, Handles, Report, Stops, Verdict, clock},
    config::Config,
    engine::strategy::{Intent, Strategy, View},
    resilience::Place,
    sim::{
        faults::{Fault, RestFault, SocketFault},
        server::Role,
    },
};

use super::{
    faults::settled,
    outages::is_down,
    rig::{Rig, config, here, still},
};
use crate::support::{proxy::Faults, within};

/// Longer than anybody waits for a test.
const ENDLESS: Duration = Duration::from_secs(600);

/// Budgets that only somebody who insists cuts short.
fn endless() -> Config {
    let mut config = config();
    config.shutdown.park = ENDLESS;
    config.shutdown.drain = ENDLESS;
    config.deadlines.join = ENDLESS;
    config
}

/// The second signal, and the third without it: a second after the second one the wait would end by itself.
fn insisting(stops: &Stops) -> [CancellationToken; 2] {
    [stops.hurry.clone(), stops.abandon.clone()]
}

/// A thread that can be made to hang.
struct Thread {
    runtime: Runtime,
    held: Option<SyncSender<()>>,
}

impl Thread {
    fn new() -> Self {
        Self {
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            held: None,
        }
    }

    fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// From now on nothing goes on there.
    async fn hang(&mut self) {
        let (hold, held) = sync_channel(0);
        let (hung, hangs) = oneshot::channel();
        let handle = self.handle();
        let mut holding = JoinSet::new();
        let hanging = async move {
            hung.send(()).unwrap();
            // Until the other end is dropped.
            held.recv().unwrap_err();
        };
        holding.spawn_on(hanging, &handle);
        holding.detach_all();
        within(hangs).await.unwrap();
        self.held = Some(hold);
    }

    fn release(self) {
        drop(self.held);
        self.runtime.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_over_a_mute_venue_takes_no_longer_than_whoever_insists_allows() {
    for nth in [0, 1] {
        let mut rig = Rig::start(still(), endless()).await;
        rig.until("every quote rests", settled).await;
        let faults = rig.sim.faults();
        faults.arm_rest("OpenOrders", RestFault::Silence, u32::MAX);
        let refused = RestFault::Error("EAPI:Invalid key".to_owned());
        faults.arm_rest("GetWebSocketsToken", refused, 1);
        faults.arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
        rig.until_gone().await;
        assert!(rig.stops.stop.is_cancelled(), "everybody hears of the end");
        insisting(&rig.stops)[nth].cancel();
        let report = rig.ended().await;
        let Verdict::KeyRefused(reason) = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        assert!(reason.contains("orders may rest"), "{reason}");
        assert!(report.summary.is_some(), "the driver ended in order");
        assert_eq!(rig.open_orders(), 4);
        rig.shutdown().await;
    }
}

/// What the private socket left behind is out over REST, and nobody answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_does_not_end_is_waited_for_until_the_next_signal() {
    for nth in [0, 1] {
        let mut config = endless();
        config.shutdown.park = Duration::ZERO;
        (config.deadlines.close, config.deadlines.request) = (ENDLESS, ENDLESS);
        let (mut rig, wires) = Rig::start_through(still(), config, Faults::default()).await;
        rig.until("every quote rests", settled).await;
        wires.refuse_sockets();
        rig.until("both sockets down", is_down).await;
        wires.rest.set(Faults::hole());
        rig.stops.stop.cancel();
        insisting(&rig.stops)[nth].cancel();
        let report = rig.ended().await;
        let Verdict::Late(orders) = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        assert_eq!(orders.len(), 4);
        assert_eq!(rig.joins.missed(Place::Join), 1);
        wires.shutdown().await;
        rig.shutdown().await;
    }
}

/// The journal's disk, or whoever looks, hangs as the run ends: orders are canceled, and nobody waits longer than he must.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_hangs_is_waited_for_until_the_next_signal() {
    for (nth, of) in [(0, "disk"), (1, "disk"), (0, "http"), (1, "http")] {
        let mut thread = Thread::new();
        let mut handles = here();
        match of {
            "disk" => handles.disk = thread.handle(),
            _ => handles.http = thread.handle(),
        }
        let mut rig = Rig::start_on(still(), endless(), handles).await;
        rig.until("every quote rests", settled).await;
        thread.hang().await;
        rig.stops.stop.cancel();
        rig.until_gone().await;
        insisting(&rig.stops)[nth].cancel();
        // A journal of which nobody says that all of it is on the disk.
        let verdict = match of {
            "disk" => Verdict::JournalFailed,
            _ => Verdict::Clean,
        };
        assert_eq!(rig.ended().await.verdict, verdict, "{of}");
        assert_eq!(
            (rig.joins.missed(Place::Join), rig.open_orders()),
            (1, 0),
            "{of}"
        );
        thread.release();
        rig.shutdown().await;
    }
}

/// A strategy that does something as the driver ends.
#[derive(Debug)]
struct Ending(fn());

impl Strategy for Ending {
    fn decide(&mut self, _view: &View<'_>, _out: &mut Vec<Intent>) {}
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0();
    }
}

/// Stops a daemon whose driver does so at its very end. What came of it, and how many orders are open then.
async fn stopped_with(ending: fn()) -> (Report, usize) {
    let mut config = config();
    config.shutdown.drain = Duration::from_millis(200);
    config.strategy.truncate(1);
    let strategies: Vec<Box<dyn Strategy>> = vec![Box::new(Ending(ending))];
    let mut rig = Rig::start_with(still(), config, Some(strategies)).await;
    rig.until("ready", |picture| picture.ready).await;
    let report = rig.stop().await;
    let open = rig.open_orders();
    rig.shutdown().await;
    (report, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_breaks_at_the_very_end_has_its_orders_looked_for_over_rest() {
    let (report, open) = stopped_with(|| panic!("at the very end")).await;
    let Verdict::Parked { reason, clean } = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert!(reason.contains("at the very end") && clean, "{reason}");
    assert_eq!(open, 0);
}

/// It hangs until the test is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_driver_that_hangs_at_the_very_end_has_its_orders_looked_for_over_rest() {
    static OVER: Barrier = Barrier::new(2);
    let (report, open) = stopped_with(|| {
        let _either = OVER.wait();
    })
    .await;
    OVER.wait();
    let gone = Verdict::Parked {
        reason: "the driver is gone".to_owned(),
        clean: true,
    };
    assert_eq!((report.verdict, open), (gone, 0));
}

/// The venue is ours, and its thread hangs: nothing is answered, and at the end it is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_venue_that_hangs_is_left_and_what_may_rest_is_named() {
    for nth in [0, 1] {
        let mut thread = Thread::new();
        let handles = Handles {
            simulator: thread.handle(),
            ..here()
        };
        let state = tempfile::tempdir().unwrap();
        let mut config = endless();
        config.state.dir = Some(state.path().to_owned());
        config.sim = still();
        let stops = Stops::default();
        let starting = Daemon::start(
            &config,
            None,
            clock::system(),
            &handles,
            stops.clone(),
            None,
        );
        let daemon = within(starting).await.unwrap().unwrap();
        let (looks, joins) = (daemon.looks(), daemon.joins());
        let mut running = JoinSet::new();
        running.spawn(daemon.run());
        let quoting = async { while !looks.picture().await.is_some_and(|seen| settled(&seen)) {} };
        within(quoting).await;
        thread.hang().await;
        stops.stop.cancel();
        insisting(&stops)[nth].cancel();
        let report = within(running.join_next()).await.unwrap().unwrap();
        let Verdict::Late(orders) = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        assert_eq!(orders.len(), 4);
        assert!(joins.missed(Place::Join) >= 1, "the simulator at least");
        thread.release();
    }
}

/// Nobody can see any more how the run is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_fails_again_and_again_ends_the_run_in_order() {
    let thread = Thread::new();
    let handles = Handles {
        http: thread.handle(),
        ..here()
    };
    let mut rig = Rig::start_on(still(), config(), handles).await;
    rig.until("every quote rests", settled).await;
    // Nothing runs there any more, whatever is begun.
    thread.release();
    let Verdict::Failed(reason) = rig.ended().await.verdict else {
        panic!("it cannot go on")
    };
    assert_eq!(
        reason,
        "task `http` failed (more than 5 restarts in 60s): aborted"
    );
    assert_eq!(rig.open_orders(), 0);
    rig.shutdown().await;
}
