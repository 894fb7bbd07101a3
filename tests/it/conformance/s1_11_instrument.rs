//! §1.11 instrument. Elsewhere: statuses of pairs as they change → `sim_ws/feed.rs`.

use serde_json::json;
use tradingd::types::TradingStatus;

use super::{
    desk::{Desk, ask, fence, of, read, refusal},
    shape::like,
};

const INSTRUMENTS: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"BTC","status":"enabled","precision":10,"precision_display":5,"borrowable":true,"collateral_value":1.00,"margin_rate":0.010000}],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"qty_min":0.00005,"price_precision":1,"price_increment":0.1,"tick_size":0.1,"cost_precision":5,"cost_min":0.50,"marginable":true,"has_index":true,"margin_initial":0.20,"position_limit_long":250,"position_limit_short":200}]}}"#;
/// What may be absent of an asset, and what pairs without margin have not.
const OPTIONAL: [&str; 5] = [
    "collateral_value",
    "margin_rate",
    "margin_initial",
    "position_limit_long",
    "position_limit_short",
];
/// What differs from pair to pair in its digits.
const OWN: [&str; 5] = [
    "qty_increment",
    "qty_min",
    "price_increment",
    "tick_size",
    "cost_min",
];

fn subscribe(more: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{"channel":"instrument"{more}}},"req_id":79}}"#)
}

#[tokio::test]
async fn s1_11_the_whole_universe_comes_as_one_object() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let request = subscribe(
        r#","snapshot":true,"include_tokenized_assets":false,"execution_venue":"international""#,
    );
    let frames = ask(&mut client, &request).await;
    assert_eq!(
        read(&frames[0])["result"],
        json!({"channel": "instrument", "snapshot": true, "warnings": ["tick_size is deprecated, use price_increment"]})
    );
    let snapshot = of(&frames, "instrument")[0];
    like(INSTRUMENTS)
        .lacking(&OPTIONAL)
        .loose(&OWN)
        .check(snapshot);
    let data = read(snapshot)["data"].clone();
    assert_eq!(data["pairs"].as_array().unwrap().len(), 3);
    assert_eq!(refusal(&mut client, &request).await, "Already subscribed");
}

#[tokio::test]
async fn s1_11_an_update_has_the_changed_pairs_alone() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    ask(&mut client, &subscribe(r#","snapshot":false"#)).await;
    desk.sim
        .set_pair_status(desk.pair("SOL/USD"), TradingStatus::ReduceOnly);
    let frames = fence(&mut client).await;
    let update = read(of(&frames, "instrument")[0]);
    assert_eq!(
        (&update["type"], &update["data"]["assets"]),
        (&json!("update"), &json!([]))
    );
    let pairs = update["data"]["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1);
    assert_eq!(
        (&pairs[0]["symbol"], &pairs[0]["status"]),
        (&json!("SOL/USD"), &json!("reduce_only"))
    );
}

#[tokio::test]
async fn s1_11_the_second_execution_venue_lists_nothing() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let frames = ask(
        &mut client,
        &subscribe(r#","execution_venue":"bitnomial-exchange""#),
    )
    .await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    assert_eq!(
        read(of(&frames, "instrument")[0])["data"],
        json!({"assets": [], "pairs": []})
    );
    desk.sim
        .set_pair_status(desk.pair("SOL/USD"), TradingStatus::ReduceOnly);
    assert!(of(&fence(&mut client).await, "instrument").is_empty());
    let mut client = desk.public().await;
    assert_eq!(
        refusal(&mut client, &subscribe(r#","execution_venue":"elsewhere""#)).await,
        "EGeneral:Invalid arguments:execution_venue"
    );
}
