//! How a run ends when a part of it fails, and that no order of ours outlives it.

use std::{collections::BTreeSet, time::Duration};

use tradingd::{
    app::{Stops, Verdict},
    resilience::Canceled,
    sim::{
        faults::{Fault, RequestFault, RestFault, SocketFault},
        server::Role,
    },
};

use super::{
    faults::settled,
    rig::{Rig, busy, config, starting, still},
};
use crate::support::within;

async fn trading() -> Rig {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", |picture| {
        picture.ready && picture.open_orders() >= 4
    })
    .await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_refused_while_trading_ends_the_run_with_that_reason_and_no_order() {
    let mut rig = trading().await;
    let refusal = RestFault::Error("EAPI:Invalid key".to_owned());
    let faults = rig.sim.faults();
    faults.arm(Fault::Rest("GetWebSocketsToken".to_owned(), refusal), 1);
    faults.arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
    let report = rig.ended().await;
    let Verdict::KeyRefused(reason) = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert!(reason.contains("private_socket"), "{reason}");
    assert!(reason.contains("EAPI:Invalid key"), "{reason}");
    assert!(reason.contains("orders were canceled"), "{reason}");
    assert!(report.summary.is_some(), "the driver ended in order");
    assert_eq!(rig.open_orders(), 0);
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_signal_leaves_at_once_and_names_what_may_rest() {
    let mut config = config();
    config.shutdown.park = Duration::from_secs(600);
    // Nothing fills between what the daemon knows last and what the venue is asked.
    let mut rig = Rig::start(still(), config).await;
    rig.until("every quote rests", settled).await;
    // Nothing is canceled any more, whatever way it goes.
    let faults = rig.sim.faults();
    faults.arm(
        Fault::Request("cancel_order".to_owned(), RequestFault::Ignore),
        u32::MAX,
    );
    rig.stops.stop.cancel();
    // Without the second one, which would end the wait a second later.
    rig.stops.abandon.cancel();
    let report = rig.ended().await;
    let Verdict::Late(orders) = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert_eq!(orders.len(), 4);
    let resting: BTreeSet<_> = rig.sim.venue().read(|view| {
        let open = view.exchange.open_orders(rig.account());
        open.filter_map(|order| order.state.cl_ord_id).collect()
    });
    assert_eq!(BTreeSet::from_iter(orders), resting);
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_gets_no_answer_can_be_stopped() {
    let stops = Stops::default();
    let starting = Box::pin(starting(config().http.listen, stops.clone()));
    let stopping = async {
        tokio::task::yield_now().await;
        stops.stop.cancel();
    };
    let (started, ()) = within(async { tokio::join!(starting, stopping) }).await;
    assert!(matches!(started, Err(Canceled)));
}
