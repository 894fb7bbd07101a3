//! §3.2 Market data by value: tickers, candles, depth, trades, spreads, and the key that each is told under.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use crate::sim_rest::rig::{Rig, bad};

/// Two trades: 0.3 at 61234.6 at 08:00:07, 0.1 at 61234.7 three minutes later; a book around them.
async fn busy() -> Rig {
    let rig = Rig::start().await;
    rig.hands.advance(Duration::from_nanos(7_000_001_234));
    rig.agent(Side::Sell, "BTC/USD", "61234.6", "0.3");
    rig.agent(Side::Sell, "BTC/USD", "61234.7", "1.1364");
    rig.agent(Side::Buy, "BTC/USD", "61234.6", "0.3");
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.0004");
    rig.hands.advance(Duration::from_secs(180));
    rig.agent(Side::Buy, "BTC/USD", "61234.7", "0.1");
    rig
}

#[tokio::test]
async fn s3_2_the_key_of_an_answer_is_the_id_or_the_slash_form_that_was_asked_for() {
    let rig = busy().await;
    for (asked, key) in [
        ("XBTUSD", "XXBTZUSD"),
        ("XXBTZUSD", "XXBTZUSD"),
        ("XBT/USD", "XBT/USD"),
        ("BTC/USD", "BTC/USD"),
        ("BTC%2FUSD", "BTC/USD"),
        ("BTCUSD", "XXBTZUSD"),
    ] {
        for endpoint in ["Ticker", "Depth", "Trades", "OHLC", "Spread", "AssetPairs"] {
            let result = rig.ask(&format!("{endpoint}?pair={asked}")).await;
            let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
            assert!(
                keys.contains(&&key.to_owned()),
                "{endpoint} {asked}: {keys:?}"
            );
        }
    }
    let all = rig.ask("Ticker").await;
    assert_eq!(all.as_object().unwrap().len(), 16);
    assert!(all.get("XETHZUSD").is_some());
    let two = rig.ask("Ticker?pair=XBTUSD,ETH/USD").await;
    assert_eq!(two.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn s3_2_a_ticker_is_strings_but_for_the_counts() {
    let rig = busy().await;
    assert_eq!(
        rig.ask("Ticker?pair=XBTUSD").await["XXBTZUSD"],
        json!({
            "a": ["61234.70000", "2", "2.000"], "b": ["61230.00000", "1", "1.000"],
            "c": ["61234.70000", "0.10000000"], "v": ["0.40000000", "0.40000000"],
            "p": ["61234.60000", "61234.60000"], "t": [2, 2],
            "l": ["61234.60000", "61234.60000"], "h": ["61234.70000", "61234.70000"],
            "o": "61234.60000",
        })
    );
    let quiet = &rig.ask("Ticker?pair=ETHUSD").await["XETHZUSD"];
    assert_eq!(quiet["t"], json!([0, 0]), "{quiet}");
}

#[tokio::test]
async fn s3_2_candles_have_no_gaps_and_the_running_one_is_last() {
    let rig = busy().await;
    let row = |time: i64, price: &str, vwap: &str, volume: &str, count: u32| {
        json!([time, price, price, price, price, vwap, volume, count])
    };
    let result = rig.ask("OHLC?pair=XBTUSD").await;
    assert_eq!(
        result,
        json!({
            "XXBTZUSD": [
                row(1_788_249_600, "61234.6", "61234.6", "0.30000000", 1),
                row(1_788_249_660, "61234.6", "0.0", "0.00000000", 0),
                row(1_788_249_720, "61234.6", "0.0", "0.00000000", 0),
                row(1_788_249_780, "61234.7", "61234.7", "0.10000000", 1),
            ],
            "last": 1_788_249_720,
        })
    );
    let since = rig.ask("OHLC?pair=XBTUSD&since=1788249720").await;
    assert_eq!(since["XXBTZUSD"].as_array().unwrap().len(), 1);
    rig.hands.advance(Duration::from_secs(3600 * 24));
    let later = rig.ask("OHLC?pair=XBTUSD&interval=1").await;
    let rows = later["XXBTZUSD"].as_array().unwrap();
    assert_eq!(rows.len(), 720);
    assert_eq!(rows.last().unwrap()[0], 1_788_249_780 + 86_400);
    assert_eq!(rows.first().unwrap()[0], 1_788_249_780 + 86_400 - 719 * 60);
    assert_eq!(
        bad(&rig.public("OHLC?pair=XBTUSD&interval=7").await),
        "EGeneral:Invalid arguments:interval"
    );
}

#[tokio::test]
async fn s3_2_depth_is_prices_volumes_and_whole_seconds_best_first() {
    let rig = busy().await;
    rig.agent(Side::Sell, "BTC/USD", "61300.0", "2");
    let now = 1_788_249_787;
    assert_eq!(
        rig.ask("Depth?pair=XBTUSD").await["XXBTZUSD"],
        json!({
            "asks": [["61234.70000", "1.037", now], ["61300.00000", "2.000", now]],
            "bids": [["61230.00000", "0.001", now - 180]],
        }),
        "each level with the second of its last change"
    );
    let one = rig.ask("Depth?pair=XBTUSD&count=1").await;
    assert_eq!(one["XXBTZUSD"]["asks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s3_2_trades_page_forward_by_their_last_nanosecond() {
    let rig = busy().await;
    let answer = rig
        .send("GET", "/0/public/Trades?pair=XBTUSD", &[], "")
        .await;
    assert_eq!(
        answer.body,
        concat!(
            r#"{"error":[],"result":{"XXBTZUSD":["#,
            r#"["61234.60000","0.30000000",1788249607.000001,"b","l","",1],"#,
            r#"["61234.70000","0.10000000",1788249787.000001,"b","l","",2]],"#,
            r#""last":"1788249787000001234"}}"#
        )
    );
    let ids = |result: Value| -> Vec<u64> {
        let rows = result["XXBTZUSD"].as_array().unwrap().clone();
        rows.iter().map(|row| row[6].as_u64().unwrap()).collect()
    };
    for (query, want) in [
        ("since=0", vec![1, 2]),
        ("since=0&count=1", vec![1]),
        ("count=1", vec![2]),
        ("since=1788249607000001234", vec![2]),
        ("since=1788249607000001233", vec![1, 2]),
        ("since=1788249608", vec![2]),
        ("since=1788249787000001234", vec![]),
    ] {
        let result = rig.ask(&format!("Trades?pair=XBTUSD&{query}")).await;
        assert_eq!(ids(result), want, "{query}");
    }
    let end = rig
        .ask("Trades?pair=XBTUSD&since=1788249787000001234")
        .await;
    assert_eq!(
        end["last"], "1788249787000001234",
        "nothing new: ask the same again"
    );
}

#[tokio::test]
async fn s3_2_a_sweep_is_not_torn_apart_by_the_page() {
    let rig = Rig::start().await;
    for price in ["100.0", "100.1", "100.2"] {
        rig.agent(Side::Sell, "BTC/USD", price, "1");
    }
    rig.agent(Side::Buy, "BTC/USD", "101.0", "3");
    let page = rig.ask("Trades?pair=XBTUSD&since=0&count=2").await;
    assert_eq!(page["XXBTZUSD"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn s3_2_spreads_are_seconds_and_two_prices() {
    let rig = busy().await;
    let result = rig.ask("Spread?pair=XBTUSD").await;
    let rows = result["XXBTZUSD"].as_array().unwrap();
    assert_eq!(
        rows.last().unwrap(),
        &json!([1_788_249_607, "61230.00000", "61234.70000"])
    );
    assert_eq!(result["last"], 1_788_249_607);
    let later = rig.ask("Spread?pair=XBTUSD&since=1788249608").await;
    assert_eq!(later["XXBTZUSD"], json!([]));
}

#[tokio::test]
async fn s3_2_trades_page_from_zero_to_the_last_one_without_a_gap() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61230.0", "1000");
    for nth in 0..6_200 {
        if nth % 3 == 0 {
            rig.hands.advance(Duration::from_nanos(1));
        }
        rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.0001");
    }
    let (mut since, mut met) = ("0".to_owned(), Vec::new());
    loop {
        let page = rig.ask(&format!("Trades?pair=XBTUSD&since={since}")).await;
        let rows = page["XXBTZUSD"].as_array().unwrap();
        assert!(rows.len() <= 1_002, "a page, and the rest of an instant");
        met.extend(rows.iter().map(|row| row[6].as_u64().unwrap()));
        page["last"].as_str().unwrap().clone_into(&mut since);
        if rows.is_empty() {
            break;
        }
    }
    assert_eq!(met, (1..=6_200).collect::<Vec<_>>());
}

/// A trade among agents.
fn trade(rig: &Rig, price: &str, qty: &str) {
    for side in [Side::Sell, Side::Buy] {
        rig.agent(side, "BTC/USD", price, qty);
    }
}

#[tokio::test]
async fn s3_2_today_starts_at_midnight_and_the_day_is_the_last_24_hours() {
    let rig = Rig::start().await;
    let hour = Duration::from_secs(3600);
    trade(&rig, "100.0", "1");
    rig.hands.advance(hour * 20);
    trade(&rig, "110.0", "1");
    for (later, day, count) in [
        (hour, ["100.00000", "2.00000000", "105.00000"], 2),
        (hour * 4, ["110.00000", "1.00000000", "110.00000"], 1),
    ] {
        rig.hands.advance(later);
        let told = &rig.ask("Ticker?pair=XBTUSD").await["XXBTZUSD"];
        let [low, volume, average] = day;
        assert_eq!(told["o"], "110.00000", "the first one of today");
        assert_eq!(told["l"], json!(["110.00000", low]));
        assert_eq!(told["v"], json!(["1.00000000", volume]));
        assert_eq!(told["p"], json!(["110.00000", average]));
        assert_eq!(told["t"], json!([1, count]));
    }
}

#[tokio::test]
async fn s3_2_trades_tell_the_takers_side_and_whether_it_named_a_price() {
    let rig = Rig::start().await;
    rig.agent(Side::Buy, "BTC/USD", "100.0", "1");
    let order = "pair=XBTUSD&type=sell&volume=0.01&ordertype=";
    rig.call("AddOrder", &format!("{order}market")).await;
    rig.call("AddOrder", &format!("{order}limit&price=99.0"))
        .await;
    trade(&rig, "101.0", "1");
    let told = rig.ask("Trades?pair=XBTUSD&since=0").await;
    let rows = told["XXBTZUSD"].as_array().unwrap().iter();
    let kinds: Vec<_> = rows.map(|row| (row[3].clone(), row[4].clone())).collect();
    let kind = |side: &str, kind: &str| (json!(side), json!(kind));
    assert_eq!(kinds, [kind("s", "m"), kind("s", "l"), kind("b", "l")]);
}

#[tokio::test]
async fn s3_2_spreads_are_the_latest_200() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "900.0", "1");
    for dollars in 100..350 {
        rig.agent(Side::Buy, "BTC/USD", &format!("{dollars}.0"), "1");
    }
    let told = rig.ask("Spread?pair=XBTUSD").await;
    let rows = told["XXBTZUSD"].as_array().unwrap();
    assert_eq!(rows.len(), 200);
    assert_eq!(rows[0][1], "150.00000");
    assert_eq!(rows[199][1], "349.00000");
}
