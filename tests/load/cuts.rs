//! Both sockets cut a thousand times: what that leaves behind, and whether there is still trading.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tradingd::{
    app::{Stops, Verdict},
    engine::strategy::{Intent, Strategy, View},
    sim::{
        Settings, Simulator,
        faults::{Fault, SocketFault},
        server::Role,
    },
    types::{Quantity, Side, TimeInForce},
};

use crate::{
    Holdings, QUIET, alone, assert_nobody_refused, config_for, runtime, start_with, trades, turned,
    until,
};

const SEED: u64 = 11;
/// Rounds, in each of which both sockets are cut.
const ROUNDS: u64 = 500;
/// Rounds before what is held is looked at for the first time.
const FIRST: u64 = 50;
/// What live memory may differ by between the looks: a table grows once, an order is remembered. Were 64 bytes kept of each round, it
/// would differ by more.
const SLACK: usize = 8 * 1024;

/// Buys at once until it has so many fills.
#[derive(Debug)]
struct Buyer(Arc<AtomicU64>);

impl Strategy for Buyer {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        let wanted = self.0.load(Ordering::Acquire);
        let ask = view.book.and_then(|book| book.best_ask());
        if view.position.fills() >= wanted || view.own().next().is_some() {
            return;
        }
        out.extend(ask.map(|ask| Intent::Place {
            side: Side::Buy,
            price: ask.price,
            qty: Quantity::new(100_000).unwrap(),
            time_in_force: TimeInForce::Ioc,
            post_only: false,
        }));
    }
}

/// How a round ends a socket.
fn ending(round: u64) -> SocketFault {
    match round % 4 {
        0 => SocketFault::Reset,
        1 => SocketFault::HalfClose,
        2 => SocketFault::Close(1001, "going away".to_owned()),
        _ => SocketFault::Drop,
    }
}

#[test]
fn both_sockets_cut_a_thousand_times_leave_a_daemon_that_trades_and_holds_no_more() {
    let _alone = alone();
    println!("seed {SEED}");
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (clock, hands) = turned();
        // Nothing happens on the market, so that the simulator has nothing to remember either.
        let settings = Settings {
            seed: SEED,
            speed: 0.000_001,
            ..Settings::default()
        };
        let sim = Simulator::start(&settings, None, clock.clone())
            .await
            .unwrap();
        let mut config = config_for(&sim, directory.path(), QUIET);
        config.risk.max_book_age = Duration::from_secs(86_400);
        config.strategy.truncate(1);
        let wanted = Arc::new(AtomicU64::new(1));
        let buyer = Buyer(Arc::clone(&wanted));
        let stops = Stops::default();
        let daemon = start_with(&config, Some(vec![Box::new(buyer)]), clock, &stops).await;
        let (looks, (public, private)) = (daemon.looks(), daemon.counters());
        let cutting = async {
            until(&looks, "a fill", |picture| picture.tally.fills == 1).await;
            let mut before = Holdings::now();
            for round in 1..=ROUNDS {
                hands.turn();
                if round == ROUNDS {
                    wanted.store(2, Ordering::Release);
                }
                for (role, ending) in [
                    (Role::Public, ending(round)),
                    (Role::Private, ending(round / 4)),
                ] {
                    sim.faults().arm(Fault::Socket(role, ending), 1);
                }
                until(&looks, "both up again", |picture| {
                    assert_nobody_refused(&sim);
                    let lost = [&public, &private].map(|socket| socket.lost_connections.get());
                    lost == [round; 2] && trades(picture)
                })
                .await;
                if round == FIRST {
                    before = Holdings::now();
                }
            }
            let after = Holdings::now();
            until(&looks, "another fill", |picture| picture.tally.fills == 2).await;
            drop(looks);
            stops.stop.cancel();
            (before, after)
        };
        let (report, (before, after)) = tokio::join!(daemon.run(), cutting);
        println!(
            "{} cuts: after {} {before:?}, then {after:?}",
            2 * ROUNDS,
            2 * FIRST
        );
        assert_eq!(report.verdict, Verdict::Clean);
        // A call over HTTP may be on its way at either look: a connection at each end.
        assert!(
            after.descriptors <= before.descriptors + 4,
            "{before:?} {after:?}"
        );
        assert!(after.tasks <= before.tasks + 4, "{before:?} {after:?}");
        assert!(after.bytes <= before.bytes + SLACK, "{before:?} {after:?}");
        sim.shutdown().await;
    });
}
