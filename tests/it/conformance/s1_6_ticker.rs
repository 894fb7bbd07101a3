//! §1.6 ticker.

use std::time::Duration;

use serde_json::json;
use tradingd::{
    sim::{Settings, matching::OrderKind},
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, row},
    shape::like,
};
use crate::sim_ws::rig::quiet;

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

#[tokio::test]
async fn s1_6_changes_are_in_quote_and_in_percent() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#;
    ask(&mut client, request).await;
    let mut changes = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        desk.hand(pair, side, OrderKind::Market, 1_000_000);
        let frames = fence(&mut client).await;
        let row = row(of(&frames, "ticker")[0]);
        let figure = |name: &str| row[name].as_f64().unwrap();
        let (last, change) = (figure("last"), figure("change"));
        let percent = change / (last - change) * 100.0;
        assert!((figure("change_pct") - percent).abs() < 0.006, "{row}");
        changes.push(change);
    }
    // From 60,010.0 to 60,000.0.
    assert!((changes[0] - changes[1] - 10.0).abs() < 0.05, "{changes:?}");
}

#[tokio::test]
async fn s1_6_figures_are_those_of_the_last_day() {
    let desk = Desk::with(Settings {
        speed: 0.000_000_001,
        ..quiet()
    })
    .await;
    let pair = desk.pair("BTC/USD");
    desk.two_sided(pair);
    desk.hand(pair, Side::Sell, OrderKind::Market, 1_000_000);
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#;
    ask(&mut client, request).await;
    desk.hands.advance(Duration::from_secs(25 * 3_600));
    desk.hand(pair, Side::Buy, OrderKind::Market, 50_000_000);
    let frames = fence(&mut client).await;
    let row = row(of(&frames, "ticker")[0]);
    assert_eq!(
        (&row["volume"], &row["trades"]),
        (&json!(0.5), &json!(1)),
        "{row}"
    );
    for figure in ["last", "low", "high", "vwap"] {
        assert_eq!(row[figure], 60_010.0, "{figure}");
    }
}

#[tokio::test]
async fn s1_6_trades_tells_trades_and_bbo_every_best_price_and_size() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let (mut trades, mut bbo) = (desk.public().await, desk.public().await);
    let request = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#;
    ask(&mut trades, request).await;
    let every = request.replace(']', r#"],"event_trigger":"bbo""#);
    ask(&mut bbo, &every).await;
    let bid = |units| OrderKind::Limit(Price::new(units).unwrap());
    for (price, told) in [
        (600_050, Some(json!([60_005.0, 0.25]))),
        (600_050, Some(json!([60_005.0, 0.5]))),
        (600_000, None),
    ] {
        desk.hand(pair, Side::Buy, bid(price), 25_000_000);
        let frames = fence(&mut bbo).await;
        let rows = of(&frames, "ticker").into_iter().map(row);
        let best: Vec<_> = rows
            .map(|row| json!([row["bid"], row["bid_qty"]]))
            .collect();
        assert_eq!(best, Vec::from_iter(told), "{price}");
        assert!(fence(&mut trades).await.is_empty());
    }
    desk.hand(pair, Side::Sell, OrderKind::Market, 10_000_000);
    for client in [&mut trades, &mut bbo] {
        let frames = fence(client).await;
        let row = row(of(&frames, "ticker")[0]);
        assert_eq!(
            (&row["last"], &row["bid_qty"]),
            (&json!(60_005.0), &json!(0.4))
        );
    }
}
