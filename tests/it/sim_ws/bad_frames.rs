//! Frames that come twice, late, not at all or in another shape, as a client meets them.

use std::time::Duration;

use serde_json::Value;
use tradingd::sim::{
    Settings,
    faults::{Fault, FaultRule, FrameFault, PrivateFault},
    server::Role,
};

use super::rig::{Rig, of, quiet, rows};
use crate::support::ws::Client;

const BOOKS: &str =
    r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"]}}"#;
const TRADES: &str =
    r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":false}}"#;

fn arm(rig: &Rig, role: Role, channel: &str, fault: FrameFault) {
    let fault = Fault::Frame(role, Some(channel.to_owned()), fault);
    rig.sim.faults().arm(fault, 1);
}

/// One trade of the hand, which gives one `trade` frame.
fn trade(rig: &Rig) {
    let pair = rig.pair("BTC/USD");
    rig.hand(
        pair,
        tradingd::types::Side::Buy,
        tradingd::sim::matching::OrderKind::Market,
        100_000,
    );
}

/// A client of trades in a book of the hand.
async fn trades(rig: &Rig) -> Client {
    rig.two_sided(rig.pair("BTC/USD"));
    let mut client = rig.public().await;
    assert_eq!(client.ask(TRADES).await["success"], true);
    client
}

fn trade_id(frame: &Value) -> u64 {
    rows(frame)[0]["trade_id"].as_u64().unwrap()
}

fn add(name: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":50000.0,"cl_ord_id":"{name}","token":"{token}"}}}}"#
    )
}

#[tokio::test]
async fn a_lost_frame_is_a_gap_and_a_duplicate_comes_twice() {
    let rig = Rig::start(&quiet()).await;
    let mut client = trades(&rig).await;
    trade(&rig);
    let first = trade_id(&client.until(of("trade")).await);
    arm(&rig, Role::Public, "trade", FrameFault::Lose);
    trade(&rig);
    trade(&rig);
    assert_eq!(trade_id(&client.until(of("trade")).await), first + 2);
    arm(&rig, Role::Public, "trade", FrameFault::Duplicate);
    trade(&rig);
    for _ in 0..2 {
        assert_eq!(trade_id(&client.until(of("trade")).await), first + 3);
    }
    trade(&rig);
    assert_eq!(trade_id(&client.until(of("trade")).await), first + 4);
}

#[tokio::test]
async fn s1_5_a_greeting_can_come_twice() {
    let rig = Rig::start(&quiet()).await;
    arm(&rig, Role::Public, "status", FrameFault::Duplicate);
    // The client took the first one for its greeting.
    let mut client = Client::connect(rig.sim.addresses().ws).await;
    assert_eq!(client.next().await["channel"], "status");
}

#[tokio::test]
async fn a_late_frame_holds_up_what_comes_after_it() {
    let rig = Rig::start(&quiet()).await;
    let mut client = trades(&rig).await;
    let late = Duration::from_millis(300);
    arm(&rig, Role::Public, "trade", FrameFault::Delay(late.into()));
    trade(&rig);
    let pong = client.ask("{\"method\":\"ping\"}");
    assert!(tokio::time::timeout(late / 2, pong).await.is_err());
    client.until(|frame| frame["method"] == "pong").await;
}

#[tokio::test]
async fn frames_change_places_only_across_subscriptions() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    rig.two_sided(rig.pair("ETH/USD"));
    let mut client = rig.public().await;
    client.send(BOOKS).await;
    for _ in 0..2 {
        client.until(of("book")).await;
    }
    let symbol = |frame: &Value| rows(frame)[0]["symbol"].as_str().unwrap().to_owned();
    let stir = |symbol: &str, price: i64| {
        let price = tradingd::types::Price::new(price).unwrap();
        let kind = tradingd::sim::matching::OrderKind::Limit(price);
        rig.hand(
            rig.pair(symbol),
            tradingd::types::Side::Buy,
            kind,
            1_000_000,
        );
    };
    arm(&rig, Role::Public, "book", FrameFault::Reorder);
    stir("BTC/USD", 500_000);
    stir("ETH/USD", 500_000);
    let order = [
        client.until(of("book")).await,
        client.until(of("book")).await,
    ];
    assert_eq!(order.each_ref().map(symbol), ["ETH/USD", "BTC/USD"]);
    // Two of one subscription keep their order.
    arm(&rig, Role::Public, "book", FrameFault::Reorder);
    stir("BTC/USD", 500_010);
    stir("BTC/USD", 500_020);
    for price in [50_001.0, 50_002.0] {
        let frame = client.until(of("book")).await;
        assert_eq!(rows(&frame)[0]["bids"][0]["price"], price);
    }
    // One that nothing overtakes comes all the same.
    arm(&rig, Role::Public, "book", FrameFault::Reorder);
    stir("BTC/USD", 500_030);
    client.until(of("book")).await;
}

#[tokio::test]
async fn s1_3_numbers_come_with_exponents_and_mean_the_same() {
    let rig = Rig::start(&quiet()).await;
    let mut client = trades(&rig).await;
    trade(&rig);
    let plain = client.until(of("trade")).await;
    arm(&rig, Role::Public, "trade", FrameFault::Exponent);
    trade(&rig);
    let text = loop {
        let text = client.text().await;
        if text.contains("\"channel\":\"trade\"") {
            break text;
        }
    };
    assert!(text.contains("\"qty\":1e-03,"), "{text}");
    let frame: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rows(&frame)[0]["price"], rows(&plain)[0]["price"]);
}

#[tokio::test]
async fn members_that_nobody_knows_come_with_the_known_ones() {
    let rig = Rig::start(&quiet()).await;
    let mut client = trades(&rig).await;
    arm(&rig, Role::Public, "trade", FrameFault::UnknownFields);
    trade(&rig);
    let frame = client.until(of("trade")).await;
    assert!(frame["feature_flags"].is_object());
    assert!(rows(&frame)[0]["feature_flags"].is_object());
    assert_eq!(rows(&frame)[0]["symbol"], "BTC/USD");
}

#[tokio::test]
async fn s2_2_a_sparse_report_names_its_order_only() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    arm(&rig, Role::Private, "executions", FrameFault::Sparse);
    client.send(&add("lean", &token)).await;
    let new = client.until(|frame| rows_are(frame, "new")).await;
    assert_eq!(
        rows(&new)[0]["cl_ord_id"],
        "lean",
        "first reports are whole"
    );
    let cancel = format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["lean"],"token":"{token}"}}}}"#
    );
    client.send(&cancel).await;
    let canceled = client.until(|frame| rows_are(frame, "canceled")).await;
    let row = &rows(&canceled)[0];
    assert_eq!(row["order_id"], rows(&new)[0]["order_id"]);
    assert!(
        row.get("symbol").is_none() && row.get("cl_ord_id").is_none(),
        "{row}"
    );
}

fn rows_are(frame: &Value, kind: &str) -> bool {
    frame["channel"] == "executions" && frame["data"][0]["exec_type"] == kind
}

#[tokio::test]
async fn s2_2_a_number_is_left_out_of_a_sequence_and_no_report_is() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let gap = Fault::Private("executions".to_owned(), PrivateFault::SequenceGap);
    rig.sim.faults().arm_rule(FaultRule {
        skip: 1,
        ..FaultRule::new(gap, 1)
    });
    client.send(&add("gap", &token)).await;
    let mut seen = Vec::new();
    for kind in ["pending_new", "new"] {
        let report = client.until(|frame| rows_are(frame, kind)).await;
        seen.push(report["sequence"].as_u64().unwrap());
    }
    assert_eq!(seen[1], seen[0] + 2);
}

#[tokio::test]
async fn s2_2_a_snapshot_of_orders_comes_in_two_frames() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut trader, token) = rig.trader().await;
    for name in ["a", "b", "c"] {
        assert_eq!(trader.ask(&add(name, &token)).await["success"], true);
    }
    let split = Fault::Private("executions".to_owned(), PrivateFault::SplitSnapshot);
    rig.sim.faults().arm(split, 1);
    let (mut client, _) = rig.private().await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":true,"token":"{token}"}}}}"#
    );
    assert_eq!(client.ask(&subscribe).await["success"], true);
    let parts = [client.next().await, client.next().await];
    assert!(parts.iter().all(|part| part["type"] == "snapshot"));
    assert_eq!(parts.each_ref().map(|part| rows(part).len()), [1, 2]);
    assert_eq!(
        parts.each_ref().map(|part| part["sequence"].as_u64()),
        [Some(1), Some(2)]
    );
}

/// Which of the hand's trades are lost with this seed.
async fn lost(seed: u64) -> Vec<bool> {
    let rule = r#"{"kind":"lose","on":"public","channel":"trade","rate":0.4}"#;
    let settings = Settings {
        seed,
        faults: vec![serde_json::from_str(rule).unwrap()],
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let mut client = trades(&rig).await;
    let last = |rig: &Rig| {
        let pair = rig.pair("BTC/USD");
        let venue = rig.sim.venue();
        venue.read(|view| view.history.trades(pair).next_back().unwrap().trade_id)
    };
    let before = last(&rig);
    for _ in 0..40 {
        trade(&rig);
    }
    client.send("{\"method\":\"ping\"}").await;
    let mut seen = Vec::new();
    loop {
        let frame = client.next().await;
        if frame["method"] == "pong" {
            break;
        }
        if frame["channel"] == "trade" {
            seen.push(trade_id(&frame));
        }
    }
    let all = before + 1..=last(&rig);
    assert_eq!(all.clone().count(), 40);
    all.map(|id| !seen.contains(&id)).collect()
}

#[tokio::test]
async fn the_seed_decides_which_frames_are_lost() {
    let first = lost(11).await;
    assert_eq!(first, lost(11).await, "seed 11");
    assert_ne!(first, lost(12).await, "seeds 11 and 12");
    let count = first.iter().filter(|lost| **lost).count();
    assert!((5..=30).contains(&count), "{count} of 40 at 0.4");
}
