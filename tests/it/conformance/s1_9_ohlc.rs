//! §1.9 ohlc. Elsewhere: one interval a symbol → `s1_4_refusals`; updates that follow trades → `sim_ws/feed.rs`.

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
    ask(&mut client, &ohlc(5)).await;
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
}
