//! §1.9 ohlc. Elsewhere: one interval a symbol → `s1_4_refusals`.

use std::time::Duration;

use serde_json::json;
use tradingd::{sim::matching::OrderKind, types::Side};

use super::{
    desk::{Desk, ask, fence, of, read, refusal},
    shape::like,
};

const OHLC: &str = r#"{"channel":"ohlc","type":"update","timestamp":"2026-09-01T08:01:07.123456789Z","data":[{"symbol":"ETH/USD","open":2450.10,"high":2451.00,"low":2449.80,"close":2450.95,"trades":14,"volume":21.50410000,"vwap":2450.41,"interval_begin":"2026-09-01T08:01:00.000000000Z","interval":1,"timestamp":"2026-09-01T08:02:00.000000Z"}]}"#;

fn ohlc(minutes: i64) -> String {
    format!(
        r#"{{"method":"subscribe","params":{{"channel":"ohlc","symbol":["ETH/USD"],"interval":{minutes}}}}}"#
    )
}

#[tokio::test]
async fn s1_9_every_documented_interval_is_served_and_no_other() {
    let desk = Desk::open().await;
    for minutes in [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600] {
        let mut client = desk.public().await;
        let frames = ask(&mut client, &ohlc(minutes)).await;
        assert_eq!(
            read(&frames[0])["result"],
            json!({"channel": "ohlc", "interval": minutes, "snapshot": true, "symbol": "ETH/USD",
                   "warnings": ["timestamp is deprecated, use interval_begin"]})
        );
        let snapshot = of(&frames, "ohlc")[0];
        like(OHLC).check(snapshot);
        let snapshot = read(snapshot);
        assert_eq!(snapshot["type"], "snapshot");
        let begins: Vec<&str> = snapshot["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["interval_begin"].as_str().unwrap())
            .collect();
        assert!(begins.is_sorted_by(|a, b| a < b), "oldest first");
    }
    let mut client = desk.public().await;
    for minutes in [0, 2, -1, 43_200] {
        refusal(&mut client, &ohlc(minutes)).await;
    }
}

#[tokio::test]
async fn s1_9_an_update_comes_with_a_trade_and_its_timestamp_is_the_end() {
    let desk = Desk::two_sided().await;
    desk.two_sided(desk.pair("ETH/USD"));
    let mut client = desk.public().await;
    let frames = ask(&mut client, &ohlc(5)).await;
    let snapshot = read(of(&frames, "ohlc")[0]);
    let before = snapshot["data"].as_array().unwrap().last().unwrap().clone();
    assert!(fence(&mut client).await.is_empty());
    desk.hand(
        desk.pair("ETH/USD"),
        Side::Buy,
        OrderKind::Market,
        1_000_000,
    );
    let frames = fence(&mut client).await;
    let update = of(&frames, "ohlc")[0];
    like(OHLC).check(update);
    let row = &read(update)["data"][0];
    assert_eq!(row["interval_begin"], "2026-09-01T08:00:00.000000000Z");
    assert_eq!(row["timestamp"], "2026-09-01T08:05:00.000000Z");
    assert_eq!(
        (&row["interval"], &row["close"]),
        (&json!(5), &json!(6_001.0))
    );
    // The last of the snapshot goes on.
    assert_eq!(row["interval_begin"], before["interval_begin"]);
    assert_eq!(
        row["trades"].as_u64(),
        before["trades"].as_u64().map(|trades| trades + 1)
    );
}

#[tokio::test]
async fn s1_9_a_candle_without_trades_is_not_told_and_a_later_one_ends_it() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("ETH/USD");
    desk.two_sided(pair);
    let mut client = desk.public().await;
    ask(&mut client, &ohlc(5)).await;
    // No word of 08:05, in which nobody trades, nor of the end of anything.
    desk.hands.advance(Duration::from_secs(660));
    desk.sim.venue().elapse();
    assert!(fence(&mut client).await.is_empty());
    desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let frames = fence(&mut client).await;
    let updates = of(&frames, "ohlc");
    assert_eq!(updates.len(), 1, "{frames:?}");
    let update = read(updates[0]);
    let row = &update["data"][0];
    assert_eq!(row["interval_begin"], "2026-09-01T08:10:00.000000000Z");
    assert_eq!(
        (&row["trades"], &row["open"], &row["low"], &row["high"]),
        (&json!(1), &json!(6_001.0), &json!(6_001.0), &json!(6_001.0))
    );
    assert_eq!(update["timestamp"], "2026-09-01T08:11:00.000000000Z");
}
