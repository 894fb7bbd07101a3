//! Trading, stopping, starting again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tradingd::{
    app::{Verdict, recover::Replayed},
    engine::{
        Mode,
        strategy::{Intent, Strategy, View},
    },
    journal,
    sim::{faults::RestFault, settings::ReplyOrder},
};

use super::rig::{Rig, busy, config, quoters, still};
use crate::support::captures;

async fn trades_and_balances(order: ReplyOrder, reply_delay: Duration) {
    let settings = tradingd::sim::Settings {
        reply_order: order,
        reply_delay,
        ..busy()
    };
    let mut rig = Rig::start(settings, config()).await;
    rig.until("ten fills", |picture| picture.tally.fills >= 10)
        .await;
    let report = rig.stop().await;
    assert_eq!(report.verdict, Verdict::Clean);
    let picture = report.picture.unwrap();
    assert_eq!(
        (rig.open_orders(), picture.open_orders(), picture.anomalies),
        (0, 0, 0)
    );
    rig.assert_books_balance(&picture);
    rig.assert_no_order_is_doubled();
    let verified = journal::verify::<Replayed>(&rig.state_directory()).unwrap();
    assert!(
        verified
            .runs
            .iter()
            .all(|run| run.replayed && run.entries > 0),
        "{verified:?}"
    );
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_fills_balances_to_the_last_digit_when_replies_come_first() {
    trades_and_balances(ReplyOrder::ReplyFirst, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_fills_balances_to_the_last_digit_when_reports_come_first() {
    trades_and_balances(ReplyOrder::ReportFirst, Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_recorded_tape_trades_and_balances() {
    let Some(tape) = captures::shared("trades/XBTUSD_trades_20180508-0511.csv.zst") else {
        return;
    };
    let tape = format!("BTC/USD={}", tape.display());
    let settings = tradingd::sim::Settings {
        tapes: vec![tape],
        speed: 200.0,
        ..busy()
    };
    let mut config = config();
    config.strategy.retain(|own| own.pair == "BTC/USD");
    let mut rig = Rig::start(settings, config).await;
    rig.until("a fill", |picture| picture.tally.fills >= 1)
        .await;
    let report = rig.stop().await;
    assert_eq!(report.verdict, Verdict::Clean);
    rig.assert_books_balance(&report.picture.unwrap());
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_of_trading_leaves_no_order_open() {
    let mut rig = Rig::start(busy(), config()).await;
    let before = rig
        .until("four orders", |picture| {
            picture.open_orders() == 4 && rig.open_orders() == 4
        })
        .await;
    let report = rig.stop().await;
    assert_eq!((report.verdict, rig.open_orders()), (Verdict::Clean, 0));
    let cancels = report.picture.unwrap().tally.cancels;
    assert!(cancels > before.tally.cancels, "they did not just fill");
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_would_amend_too_fast_is_never_refused_by_the_venue() {
    let mut config = config();
    config.strategy = quoters(Duration::ZERO);
    for own in &mut config.strategy {
        own.refresh_ticks = Some(1);
    }
    let mut rig = Rig::start(
        tradingd::sim::Settings {
            rate: 2_000.0,
            ..busy()
        },
        config,
    )
    .await;
    let picture = rig
        .until("slowed by ourselves", |picture| {
            let throttled = tradingd::engine::risk::Code::Throttled;
            picture.tally.amends > 60 && picture.tally.denied.get(&throttled) > Some(&20)
        })
        .await;
    assert_eq!(
        picture.tally.rate_limited, 0,
        "the venue refused for the rate"
    );
    let report = rig.stop().await;
    assert_eq!(report.verdict, Verdict::Clean);
    assert_eq!(report.picture.unwrap().tally.rate_limited, 0);
    rig.shutdown().await;
}

/// Places one order, then panics when it is told to.
#[derive(Debug)]
struct Fragile {
    break_now: Arc<AtomicBool>,
    placed: bool,
}

impl Strategy for Fragile {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        assert!(
            !self.break_now.load(Ordering::Relaxed),
            "the strategy is out of its depth"
        );
        let Some(bid) = view.book.and_then(|book| book.best_bid()) else {
            return;
        };
        if !self.placed {
            self.placed = true;
            let price = bid
                .price
                .shifted(-view.instrument.tick.units() * 500)
                .unwrap();
            out.push(Intent::Place {
                side: tradingd::types::Side::Buy,
                price,
                qty: tradingd::types::Quantity::new(1_000_000).unwrap(),
                time_in_force: tradingd::types::TimeInForce::Gtc,
                post_only: true,
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panicking_strategy_leaves_no_order_resting() {
    let break_now = Arc::new(AtomicBool::new(false));
    let strategy = Fragile {
        break_now: Arc::clone(&break_now),
        placed: false,
    };
    let mut config = config();
    config.strategy.truncate(1);
    let mut rig = Rig::start_with(busy(), config, Some(vec![Box::new(strategy)])).await;
    rig.until("an order", |picture| {
        picture
            .markets
            .iter()
            .flat_map(|market| &market.orders)
            .any(|order| order.state == "open")
    })
    .await;
    assert_eq!(rig.open_orders(), 1);
    let foreign = rig.place_by_hand("BTC/USD");
    let refused = RestFault::Error("EService:Unavailable".to_owned());
    rig.sim.faults().arm_rest("CancelOrder", refused, 1);
    break_now.store(true, Ordering::Relaxed);
    let report = rig.ended().await;
    let Verdict::Parked { reason, clean } = report.verdict else {
        panic!("{report:?}")
    };
    assert!(reason.contains("out of its depth") && clean, "{reason}");
    assert_eq!(rig.sim.faults().armed(), 0, "a cancel had to be repeated");
    assert_eq!(rig.open_ids(), [foreign], "what is not ours is left alone");
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_without_orders_stops_on_one_answer_of_the_venue() {
    let mut config = config();
    config.strategy.clear();
    let mut rig = Rig::start(still(), config).await;
    rig.until("trading", |picture| picture.mode == Mode::Trading)
        .await;
    assert_eq!(rig.stop().await.verdict, Verdict::Clean);
    let verified = journal::verify::<Replayed>(&rig.state_directory()).unwrap();
    let [run] = &verified.runs[..] else {
        panic!("{verified:?}")
    };
    // What is open at the start, and what at the stop.
    assert_eq!(run.commands, 2, "questions to the venue");
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_venue_is_reached_by_https_and_wss() {
    let (server, root) = crate::client::certificate();
    let mut config = config();
    config.venue.kind = tradingd::config::VenueKind::Live;
    config.venue.ca_file = Some(root.path().to_owned());
    let settings = tradingd::sim::Settings {
        tls_config: Some(server),
        ..busy()
    };
    let mut rig = Rig::start(settings, config).await;
    rig.until("a fill", |picture| picture.tally.fills >= 1)
        .await;
    let report = rig.stop().await;
    assert_eq!(report.verdict, Verdict::Clean);
    rig.assert_books_balance(&report.picture.unwrap());
    rig.shutdown().await;
}
