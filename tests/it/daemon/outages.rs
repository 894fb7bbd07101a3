//! The wires between daemon and venue go bad: sockets that die and are refused, bytes that go nowhere, stops in the middle of it.

use std::{collections::BTreeSet, time::Duration};

use tokio::sync::broadcast::Receiver;
use tradingd::{
    app::{Picture, Verdict},
    config::Config,
    engine::event::{Link, OrderEntry},
    resilience::{
        Place,
        circuit_breaker::{Cause, Mode, Settings as Thresholds, State, Transition},
    },
};

use super::{
    faults::{assert_sound, settled, trades},
    rig::{Rig, Wires, busy, config, still},
};
use crate::support::{
    proxy::{Faults, Proxy},
    within,
};

/// Attempts that must have failed before the venue comes back.
const REFUSED: u64 = 4;

fn impatient() -> Config {
    let mut config = config();
    config.breaker.order_entry.consecutive_failures = 2;
    config.kraken.reconnect.max = Duration::from_millis(200);
    // Attempts are counted here: nothing but the backoff spaces them.
    config.breaker.connect.mode = Mode::Disabled;
    config
}

pub(super) fn is_down(picture: &Picture) -> bool {
    (picture.feed, picture.account) == (Link::Down, Link::Down)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_venue_that_swallows_orders_then_refuses_sockets_finds_us_trading_when_it_is_back() {
    let (rig, wires) = Rig::start_through(busy(), impatient(), Faults::default()).await;
    rig.until("trading", trades).await;
    wires.private.set(Faults::hole());
    rig.until("order entry shut", |picture| {
        picture.order_entry == OrderEntry::Shut
    })
    .await;
    wires.refuse_sockets();
    let before = rig.until("both sockets down", is_down).await;
    let counters = [rig.counters.0.clone(), rig.counters.1.clone()];
    let down = rig
        .until("attempts that fail", |picture| {
            let refused = |count: u64| count >= REFUSED;
            let mut failed = counters.iter().map(|one| one.failed_connections.get());
            is_down(picture) && failed.all(refused)
        })
        .await;
    assert_eq!(down.order_entry, OrderEntry::Shut);
    assert_eq!(
        (before.tally.orders, before.tally.amends),
        (down.tally.orders, down.tally.amends),
        "nothing is sent into nowhere"
    );
    assert!(down.markets.iter().all(|market| !market.verified));
    for wire in wires.sockets() {
        wire.set(Faults::default());
    }
    let whole = |picture: &Picture| {
        let mut markets = picture.markets.iter();
        trades(picture)
            && picture.order_entry == OrderEntry::Open
            && markets.all(|market| market.verified)
    };
    let again = rig.until("trading again", whole).await;
    for (wire, counted) in wires.sockets().into_iter().zip(&counters) {
        let attempts = counted.connections.get() + counted.failed_connections.get();
        assert_eq!(wire.accepted() as u64, attempts, "each attempt is counted");
    }
    rig.until("fills and amends go on", |picture| {
        picture.tally.fills > again.tally.fills && picture.tally.amends > again.tally.amends
    })
    .await;
    assert_sound(rig).await;
    wires.shutdown().await;
}

/// The transitions of a breaker from here on, until one of them is as wanted.
async fn told(
    transitions: &mut Receiver<Transition>,
    wanted: impl Fn(&Transition) -> bool,
) -> Vec<Transition> {
    let mut told = Vec::new();
    while !told.last().is_some_and(&wanted) {
        told.push(within(transitions.recv()).await.unwrap());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sockets_stand_behind_one_breaker_and_one_probe_at_a_time_is_let_through() {
    let mut config = impatient();
    config.breaker.connect = Thresholds {
        consecutive_failures: 3,
        probes: 1,
        open_for: Duration::from_millis(300),
        open_for_max: Duration::from_millis(300),
        ..config.breaker.connect
    };
    config.breaker.connect.mode = Mode::Automatic;
    let (rig, wires) = Rig::start_through(busy(), config, Faults::default()).await;
    rig.until("trading", trades).await;
    let mut breakers = rig.breakers.iter();
    let connect = breakers.find(|breaker| breaker.snapshot().name == "connect");
    let connect = connect.unwrap().clone();
    let mut transitions = connect.subscribe();
    wires.refuse_sockets();
    let opened = told(&mut transitions, |change| change.to == State::Open).await;
    assert_eq!(opened[0].cause, Cause::ConsecutiveFailures);
    for _round in 0..3 {
        let round = told(&mut transitions, |change| change.to == State::Open).await;
        assert_eq!(
            round.iter().map(|change| change.cause).collect::<Vec<_>>(),
            [Cause::OpenTimeOver, Cause::ProbeFailed]
        );
    }
    assert!(is_down(&rig.picture().await));
    for wire in wires.sockets() {
        wire.set(Faults::default());
    }
    told(&mut transitions, |change| change.to == State::Closed).await;
    rig.until("trading again", trades).await;
    let totals = connect.snapshot().totals;
    let rounds = totals.probes_failed + totals.probes_succeeded;
    assert_eq!(totals.opened, rounds, "one probe a round");
    let attempts: usize = wires.sockets().map(Proxy::accepted).iter().sum();
    assert_eq!(
        attempts as u64,
        totals.admitted - totals.dropped,
        "no other attempt"
    );
    assert_sound(rig).await;
    wires.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_wires_that_bring_bytes_in_pieces_change_nothing() {
    let choppy = Faults {
        latency: Duration::from_millis(2),
        jitter: Duration::from_millis(5),
        slice: Some(97),
        bandwidth: Some(2_000_000),
        ..Faults::default()
    };
    let (rig, wires) = Rig::start_through(busy(), config(), choppy).await;
    let picture = rig
        .until("fills", |picture| {
            picture.tally.fills >= 3 && trades(picture)
        })
        .await;
    assert_eq!(picture.tally.checksums_failed, 0);
    assert_sound(rig).await;
    wires.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_end_by_half_are_opened_again() {
    let (rig, wires) = Rig::start_through(busy(), config(), Faults::default()).await;
    rig.until("trading", trades).await;
    for wire in wires.sockets() {
        wire.half_close();
    }
    rig.until("trading over new sockets", |picture| {
        let (public, private) = &rig.counters;
        let both = [public, private].map(|counted| counted.lost_connections.get());
        both == [1, 1] && trades(picture)
    })
    .await;
    assert_sound(rig).await;
    wires.shutdown().await;
}

/// A stop is asked for while the wires are in some state; no order is left, whatever that state is.
async fn stopped_when(wished: Faults, upset: impl AsyncFnOnce(&Rig, &Wires)) {
    let (rig, wires) = Rig::start_through(still(), impatient(), wished).await;
    upset(&rig, &wires).await;
    assert_sound(rig).await;
    wires.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_clean_before_the_sockets_are_up_and_after_they_are_gone() {
    let refusing = Faults {
        refuse: true,
        ..Faults::default()
    };
    Box::pin(stopped_when(Faults::hole(), async |_, wires| {
        let dialed = async {
            while wires.sockets().map(|wire| wire.accepted().min(1)) != [1, 1] {
                tokio::task::yield_now().await;
            }
        };
        within(dialed).await;
    }))
    .await;
    Box::pin(stopped_when(refusing, async |rig, _| {
        rig.until("refused", |_| rig.counters.1.failed_connections.get() > 0)
            .await;
    }))
    .await;
    Box::pin(stopped_when(Faults::default(), async |rig, wires| {
        // What rests is canceled over REST, and nothing else needs its few calls.
        rig.until("every quote rests", settled).await;
        wires.refuse_sockets();
        rig.until("both sockets down", is_down).await;
    }))
    .await;
    Box::pin(stopped_when(Faults::default(), async |rig, wires| {
        rig.until("every quote rests", settled).await;
        wires.private.set(Faults::hole());
    }))
    .await;
}

/// Each signal after the first makes the stop shorter, with a venue that never answers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_in_time_and_names_what_may_rest_when_the_venue_never_answers_again() {
    let (short, endless) = (Duration::from_millis(300), Duration::from_secs(600));
    // The third alone: a second before it would end the wait by itself.
    for (signals, park) in [(&[0][..], short), (&[0, 1], endless), (&[0, 2], endless)] {
        let mut config = config();
        config.shutdown.park = park;
        let (mut rig, wires) = Rig::start_through(still(), config, Faults::default()).await;
        rig.until("every quote rests", settled).await;
        wires.swallow();
        let stops = [&rig.stops.stop, &rig.stops.hurry, &rig.stops.abandon];
        signals.iter().for_each(|signal| stops[*signal].cancel());
        let report = rig.ended().await;
        let Verdict::Late(orders) = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        let resting: BTreeSet<_> = rig.sim.venue().read(|view| {
            let open = view.exchange.open_orders(rig.account());
            open.filter_map(|order| order.state.cl_ord_id).collect()
        });
        assert_eq!((orders.len(), BTreeSet::from_iter(orders)), (4, resting));
        wires.shutdown().await;
        rig.shutdown().await;
    }
}

/// What the private socket left behind is out over REST, and nobody answers: its task outlives its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_does_not_end_in_time_is_aborted_and_counted() {
    let mut config = impatient();
    config.deadlines.close = Duration::from_secs(60);
    config.deadlines.request = Duration::from_secs(60);
    config.deadlines.join = Duration::from_millis(100);
    config.shutdown.park = Duration::from_millis(300);
    let (mut rig, wires) = Rig::start_through(still(), config, Faults::default()).await;
    rig.until("every quote rests", settled).await;
    wires.refuse_sockets();
    rig.until("both sockets down", is_down).await;
    wires.rest.set(Faults::hole());
    let report = rig.stop().await;
    assert!(matches!(report.verdict, Verdict::Late(_)), "{report:?}");
    assert_eq!(rig.joins.missed(Place::Join), 1);
    wires.shutdown().await;
    rig.shutdown().await;
}
