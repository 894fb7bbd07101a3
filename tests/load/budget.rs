//! Sockets that are cut again and again, before a venue that bans whoever comes back too often: the venue judges.

use std::time::Duration;

use tradingd::{
    app::{Stops, Verdict},
    config::Tier,
    engine::event::Link,
    resilience::budget,
    sim::{
        Settings, Simulator,
        faults::{Fault, SocketFault},
        server::Role,
    },
};

use crate::{
    QUIET, alone, assert_nobody_refused, config_for, page::Page, runtime, start_with, trades,
    turned, until,
};

const SEED: u64 = 31;
/// Attempts in a window that ours allows, and that the venue does: two to three, as by default.
const ATTEMPTS: [u16; 2] = [4, 6];
/// The window of both. By default it is ten minutes.
const WINDOW: Duration = Duration::from_secs(1);
/// How often an attempt must have waited for the budget.
const WAITS: u64 = 4;
/// Cuts one right after the other, which make more attempts than the venue allows in a window. The first of them cuts both sockets,
/// the others the public one, which needs no REST call to come back.
const BATCH: u64 = 7;
/// Cuts after which a machine is too slow for this.
const MOST_CUTS: u64 = 200;

#[test]
fn sockets_that_are_cut_without_end_never_get_the_address_banned() {
    let _alone = alone();
    println!("seed {SEED}");
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let settings = Settings {
            seed: SEED,
            speed: 0.000_001,
            connection_attempts: ATTEMPTS[1].into(),
            connection_window: WINDOW,
            ..Settings::default()
        };
        let (clock, hands) = turned();
        let sim = Simulator::start(&settings, None, clock.clone())
            .await
            .unwrap();
        let mut config = config_for(&sim, directory.path(), QUIET);
        config.strategy.clear();
        // Of the three tiers, it waits least for the REST calls that the private socket needs.
        config.throttle.tier = Tier::Pro;
        config.kraken.connections = budget::Settings {
            attempts: ATTEMPTS[0],
            window: WINDOW,
        };
        config.kraken.reconnect.base = Duration::from_millis(1);
        config.kraken.reconnect.max = Duration::from_millis(2);
        config.kraken.reconnect.minimum = Duration::from_millis(1);
        let stops = Stops::default();
        let daemon = start_with(&config, None, clock, &stops).await;
        let (looks, (public, private)) = (daemon.looks(), daemon.counters());
        let address = daemon.http().unwrap();
        let cutting = async {
            let mut cuts = 0_u64;
            loop {
                until(&looks, "both up", |picture| {
                    assert_nobody_refused(&sim);
                    let lost = [&public, &private].map(|socket| socket.lost_connections.get());
                    lost == [cuts, cuts.div_ceil(BATCH)]
                        && (picture.feed, picture.account) == (Link::Up, Link::Up)
                })
                .await;
                let page = Page::scrape(address).await;
                if page.number("tradingd_connection_budget_refusals_total") >= WAITS {
                    break;
                }
                assert!(cuts < MOST_CUTS, "the budget was never spent");
                if cuts.is_multiple_of(BATCH) {
                    until(&looks, "trading", trades).await;
                    hands.turn();
                    sim.controls().sockets.drop_all();
                } else {
                    let cut = Fault::Socket(Role::Public, SocketFault::Drop);
                    sim.faults().arm(cut, 1);
                }
                cuts += 1;
            }
            drop(looks);
            stops.stop.cancel();
            cuts
        };
        let (report, cuts) = tokio::join!(daemon.run(), cutting);
        let connections = [public, private].map(|socket| socket.connections.get());
        println!("{cuts} cuts, {connections:?} connections");
        assert_eq!(report.verdict, Verdict::Clean);
        assert_nobody_refused(&sim);
        sim.shutdown().await;
    });
}
