//! §1.6 ticker. Elsewhere: which trigger sends when → `sim_ws/feed.rs`.

use serde_json::json;
use tradingd::{sim::matching::OrderKind, types::Side};

use super::{
    desk::{Desk, ask, fence, of, read, row},
    shape::like,
};

const TICKER: &str = r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":61234.5,"bid_qty":0.75000000,"ask":61234.6,"ask_qty":2.10000000,"last":61234.6,"volume":1834.22119876,"vwap":60980.1,"low":59870.0,"high":61800.0,"change":812.3,"change_pct":1.34,"timestamp":"2026-09-01T08:00:03.123456Z"}]}"#;

#[tokio::test]
async fn s1_6_a_ticker_is_acknowledged_with_its_trigger_and_comes_as_documented() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    for (params, trigger) in [
        ("", "trades"),
        (r#","event_trigger":"trades","snapshot":true"#, "trades"),
        (r#","event_trigger":"bbo""#, "bbo"),
    ] {
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"ticker","symbol":["BTC/USD"]{params}}}}}"#
        );
        let frames = ask(&mut client, &request).await;
        if params.contains("snapshot") {
            assert_eq!(read(&frames[0])["error"], "Already subscribed");
            continue;
        }
        assert_eq!(
            read(&frames[0])["result"],
            json!({"channel": "ticker", "event_trigger": trigger, "snapshot": true, "symbol": "BTC/USD"})
        );
        let snapshot = of(&frames, "ticker")[0];
        assert_eq!(read(snapshot)["type"], "snapshot");
        like(TICKER).more(&["trades"]).check(snapshot);
    }
}

#[tokio::test]
async fn s1_6_an_update_tells_the_rolling_day() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#;
    let frames = ask(&mut client, request).await;
    let before = row(of(&frames, "ticker")[0]);
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Buy,
        OrderKind::Market,
        25_000_000,
    );
    let frames = fence(&mut client).await;
    let update = of(&frames, "ticker")[0];
    like(TICKER).more(&["trades"]).check(update);
    assert_eq!(read(update)["type"], "update");
    let after = row(update);
    assert_eq!(
        (&after["last"], &after["ask_qty"]),
        (&json!(60_010.0), &json!(0.75))
    );
    let grown = after["volume"].as_f64().unwrap() - before["volume"].as_f64().unwrap();
    assert!((grown - 0.25).abs() < 1e-6, "{before} {after}");
    let (low, high) = (
        after["low"].as_f64().unwrap(),
        after["high"].as_f64().unwrap(),
    );
    assert!(low <= 60_010.0 && 60_010.0 <= high, "{after}");
    assert_eq!(after["trades"], before["trades"].as_u64().unwrap() + 1);
}
