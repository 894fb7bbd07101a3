//! §1.10 trade.

use serde_json::{Value, json};
use tradingd::{
    sim::matching::OrderKind,
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read},
    shape::like,
};

const TRADES: &str = r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":61234.6,"qty":0.01000000,"ord_type":"market","trade_id":90000001,"timestamp":"2026-09-01T08:00:07.000001Z"}]}"#;

fn subscribe(more: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{"channel":"trade","symbol":["BTC/USD"]{more}}}}}"#)
}

#[tokio::test]
async fn s1_10_there_is_no_snapshot_unless_asked_for_and_then_the_last_fifty() {
    let desk = Desk::two_sided().await;
    desk.stir(desk.pair("BTC/USD"), 5, 400);
    let mut client = desk.public().await;
    let frames = ask(&mut client, &subscribe("")).await;
    assert_eq!(
        read(&frames[0])["result"],
        json!({"channel": "trade", "snapshot": false, "symbol": "BTC/USD"})
    );
    assert_eq!(frames.len(), 1);
    let mut client = desk.public().await;
    let frames = ask(&mut client, &subscribe(r#","snapshot":true"#)).await;
    let snapshot = of(&frames, "trade")[0];
    like(TRADES).check(snapshot);
    let snapshot = read(snapshot);
    assert_eq!(snapshot["type"], "snapshot");
    let rows = snapshot["data"].as_array().unwrap();
    assert_eq!(rows.len(), 50);
    let number = |row: &Value| row["trade_id"].as_u64().unwrap();
    assert!(
        rows.windows(2)
            .all(|two| number(&two[0]) + 1 == number(&two[1])),
        "oldest first, no gap"
    );
}

#[tokio::test]
async fn s1_10_a_sweep_is_one_frame_of_entries_with_one_timestamp() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    desk.hand(
        pair,
        Side::Sell,
        OrderKind::Limit(Price::new(600_101).unwrap()),
        2_000_000,
    );
    let mut client = desk.public().await;
    ask(&mut client, &subscribe("")).await;
    desk.hand(pair, Side::Buy, OrderKind::Market, 101_000_000);
    desk.hand(
        pair,
        Side::Sell,
        OrderKind::Limit(Price::new(600_000).unwrap()),
        1_000_000,
    );
    let frames = fence(&mut client).await;
    let trades = of(&frames, "trade");
    like(TRADES).check(trades[0]);
    let sweep = read(trades[0])["data"].clone();
    let told = |row: &Value| json!([row["side"], row["price"], row["qty"], row["ord_type"]]);
    assert_eq!(told(&sweep[0]), json!(["buy", 60_010.0, 1.0, "market"]));
    assert_eq!(told(&sweep[1]), json!(["buy", 60_010.1, 0.01, "market"]));
    assert_eq!(sweep[0]["timestamp"], sweep[1]["timestamp"]);
    let second = read(trades[1])["data"][0].clone();
    assert_eq!(told(&second), json!(["sell", 60_000.0, 0.01, "limit"]));
    assert_eq!(
        second["trade_id"],
        sweep[1]["trade_id"].as_u64().unwrap() + 1
    );
}

#[tokio::test]
async fn s1_10_each_book_numbers_its_trades_and_goes_on_from_the_snapshot() {
    let desk = Desk::two_sided().await;
    let (btc, eth) = (desk.pair("BTC/USD"), desk.pair("ETH/USD"));
    desk.two_sided(eth);
    for pair in [btc, eth, eth] {
        desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    }
    let mut client = desk.public().await;
    let both = subscribe(r#","snapshot":true"#).replace(']', r#","ETH/USD"]"#);
    let mut frames = ask(&mut client, &both).await;
    for pair in [btc, eth, eth, btc] {
        desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    }
    frames.extend(fence(&mut client).await);
    for symbol in ["BTC/USD", "ETH/USD"] {
        let numbers: Vec<u64> = of(&frames, "trade")
            .into_iter()
            .flat_map(|frame| read(frame)["data"].as_array().unwrap().clone())
            .filter(|row| row["symbol"] == symbol)
            .map(|row| row["trade_id"].as_u64().unwrap())
            .collect();
        assert!(numbers.len() >= 3, "{symbol} {numbers:?}");
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
    }
}
