//! §3.2 The shapes of public answers, and the ranges of their parameters. Elsewhere: values → `s3_2_market`; status → `s3_2_status`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use super::shape::like;
use crate::sim_rest::rig::{Rig, bad};

const TIME: &str =
    r#"{"error":[],"result":{"unixtime":1788249600,"rfc1123":"Tue, 01 Sep 26 08:00:00 +0000"}}"#;
const STATUS: &str = r#"{"error":[],"result":{"status":"online","timestamp":"2026-09-01T08:00:00Z","upcoming_maintenance":[],"emergency":[]}}"#;
const ASSETS: &str = r#"{"error":[],"result":{"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"display_decimals":5,"status":"enabled"}}}"#;
const TICKER: &str = r#"{"error":[],"result":{"XXBTZUSD":{"a":["61234.60000","2","2.000"],"b":["61234.50000","1","1.000"],"c":["61234.60000","0.01000000"],"v":["100.00000000","1834.22119876"],"p":["61000.10000","60980.10000"],"t":[1000,20000],"l":["59870.00000","59870.00000"],"h":["61800.00000","61800.00000"],"o":"60422.30000"}}}"#;
const OHLC: &str = r#"{"error":[],"result":{"XXBTZUSD":[[1788249540,"61200.0","61240.1","61190.0","61234.6","61215.2","3.14159265",88],[1788249600,"61234.6","61234.6","61230.0","61230.0","61232.0","0.10000000",3]],"last":1788249540}}"#;
const DEPTH: &str = r#"{"error":[],"result":{"XXBTZUSD":{"asks":[["61234.60000","0.300",1788249607]],"bids":[["61230.00000","0.001",1788249607]]}}}"#;
const TRADES: &str = r#"{"error":[],"result":{"XXBTZUSD":[["61234.60000","0.01000000",1788249607.000001,"b","m","",90000001]],"last":"1788249607000001234"}}"#;
const SPREAD: &str = r#"{"error":[],"result":{"XXBTZUSD":[[1788249607,"61230.00000","61234.60000"]],"last":1788249607}}"#;

/// A book around 61,234 and a trade of 0.3 at 61,234.6 at 08:00:07.
async fn traded() -> Rig {
    let rig = Rig::start().await;
    rig.hands.advance(Duration::from_nanos(7_000_001_234));
    rig.agent(Side::Sell, "BTC/USD", "61234.6", "0.6");
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.4");
    rig.agent(Side::Buy, "BTC/USD", "61234.6", "0.3");
    rig
}

async fn text(rig: &Rig, query: &str) -> String {
    rig.send("GET", &format!("/0/public/{query}"), &[], "")
        .await
        .body
}

#[tokio::test]
async fn s3_2_every_answer_has_its_documented_shape() {
    let rig = traded().await;
    for (query, example) in [
        ("Time", TIME),
        ("SystemStatus", STATUS),
        ("Assets?asset=XBT", ASSETS),
        ("Ticker?pair=XBTUSD", TICKER),
        ("OHLC?pair=XBTUSD", OHLC),
        ("OHLC?pair=XXBTZUSD&interval=60&since=1788240000", OHLC),
        ("Depth?pair=XBTUSD", DEPTH),
        ("Trades?pair=XBTUSD", TRADES),
        ("Spread?pair=XBTUSD", SPREAD),
    ] {
        like(example).check(&text(&rig, query).await);
    }
    assert_eq!(rig.ask("MaintenanceSchedule").await, json!({"events": []}));
}

#[tokio::test]
async fn s3_2_several_names_give_several_rows_and_twice_the_same_gives_one() {
    let rig = traded().await;
    for (query, keys) in [
        ("Ticker?pair=XBTUSD,XETHZUSD", vec!["XETHZUSD", "XXBTZUSD"]),
        ("Ticker?pair=XBTUSD,XXBTZUSD,XBTUSD", vec!["XXBTZUSD"]),
        ("Ticker?pair=XBTUSD,BTC/USD", vec!["BTC/USD", "XXBTZUSD"]),
        ("AssetPairs?pair=XBTUSD,XBTUSD", vec!["XXBTZUSD"]),
        ("Assets?asset=XBT,BTC,XXBT,ZUSD", vec!["XXBT", "ZUSD"]),
    ] {
        let answer = text(&rig, query).await;
        let result = rig.ask(query).await;
        let told: Vec<&String> = result.as_object().unwrap().keys().collect();
        assert_eq!(told, keys, "{query}");
        for key in keys {
            assert_eq!(
                answer.matches(&format!("\"{key}\":{{")).count(),
                1,
                "{query}: {answer}"
            );
        }
    }
    let all = rig.ask("Ticker").await;
    assert!(all.as_object().unwrap().len() > 10 && all.get("XXBTZUSD").is_some());
}

#[tokio::test]
async fn s3_2_asset_pairs_tell_the_part_that_info_asks_for() {
    let rig = Rig::start().await;
    for (info, keys) in [
        ("leverage", vec!["leverage_buy", "leverage_sell"]),
        ("fees", vec!["fee_volume_currency", "fees", "fees_maker"]),
        ("margin", vec!["margin_call", "margin_stop"]),
    ] {
        let result = rig
            .ask(&format!("AssetPairs?pair=XBTUSD&info={info}"))
            .await;
        let told: Vec<&String> = result["XXBTZUSD"].as_object().unwrap().keys().collect();
        assert_eq!(told, keys);
    }
    let whole = rig.ask("AssetPairs?pair=XBTUSD").await;
    assert_eq!(rig.ask("AssetPairs?pair=XBTUSD&info=info").await, whole);
    assert_eq!(
        bad(&rig.public("AssetPairs?info=all").await),
        "EGeneral:Invalid arguments:info"
    );
}

#[tokio::test]
async fn s3_2_counts_and_intervals_keep_to_their_ranges() {
    let rig = traded().await;
    for price in 0..120 {
        rig.agent(
            Side::Buy,
            "BTC/USD",
            &format!("{}.0", 60_000 - price),
            "0.01",
        );
    }
    let levels = |answer: &Value| answer["XXBTZUSD"]["bids"].as_array().unwrap().len();
    assert_eq!(levels(&rig.ask("Depth?pair=XBTUSD").await), 100);
    assert_eq!(levels(&rig.ask("Depth?pair=XBTUSD&count=1").await), 1);
    assert_eq!(levels(&rig.ask("Depth?pair=XBTUSD&count=500").await), 121);
    for interval in [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600] {
        let candles = rig
            .ask(&format!("OHLC?pair=XBTUSD&interval={interval}"))
            .await;
        let rows = candles["XXBTZUSD"].as_array().unwrap();
        assert!(!rows.is_empty() && rows.len() <= 720);
        let last = rows.last().unwrap()[0].as_i64().unwrap();
        assert_eq!(
            candles["last"],
            last - interval * 60,
            "the last committed candle"
        );
    }
    for (query, words) in [
        (
            "OHLC?pair=XBTUSD&interval=2",
            "EGeneral:Invalid arguments:interval",
        ),
        (
            "OHLC?pair=XBTUSD&interval=x",
            "EGeneral:Invalid arguments:interval",
        ),
        (
            "Depth?pair=XBTUSD&count=x",
            "EGeneral:Invalid arguments:count",
        ),
        (
            "Trades?pair=XBTUSD&since=x",
            "EGeneral:Invalid arguments:since",
        ),
        ("Ticker?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Ticker?pair=XBTUSD,NOPE", "EQuery:Unknown asset pair"),
        ("OHLC?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Depth?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Trades?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Spread?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Assets?asset=XBT,NOPE", "EQuery:Unknown asset"),
    ] {
        assert_eq!(bad(&rig.public(query).await), words, "{query}");
    }
    for endpoint in ["OHLC", "Depth", "Trades", "Spread"] {
        let missing = bad(&rig.public(endpoint).await);
        assert!(
            missing.starts_with("EGeneral:Invalid arguments"),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn s3_2_trades_page_forward_from_zero_by_the_last_unchanged() {
    let rig = traded().await;
    for _ in 0..4 {
        rig.hands.advance(Duration::from_nanos(1));
        rig.agent(Side::Buy, "BTC/USD", "61234.6", "0.01");
    }
    let (mut since, mut ids) = ("0".to_owned(), Vec::new());
    loop {
        let page = rig
            .ask(&format!("Trades?pair=XBTUSD&count=2&since={since}"))
            .await;
        let rows = page["XXBTZUSD"].as_array().unwrap();
        if rows.is_empty() {
            assert_eq!(page["last"], json!(since));
            break;
        }
        ids.extend(rows.iter().map(|row| row[6].as_u64().unwrap()));
        since = page["last"].as_str().unwrap().to_owned();
    }
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}
