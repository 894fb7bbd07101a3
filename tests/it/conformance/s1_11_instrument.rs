//! §1.11 instrument. Elsewhere: what each status lets through → `sim_ws/statuses.rs`.

use serde_json::json;
use tradingd::{sim::Settings, types::TradingStatus};

use super::{
    desk::{Desk, ask, fence, of, read, refusal},
    shape::like,
};
use crate::sim_ws::rig::quiet;

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
    // In plain decimals.
    assert!(snapshot.contains(r#""qty_increment":0.00000001"#));
    let data = read(snapshot)["data"].clone();
    assert_eq!(data["pairs"].as_array().unwrap().len(), 3);
    for pair in data["pairs"].as_array().unwrap() {
        assert_eq!(pair["tick_size"], pair["price_increment"]);
        assert_eq!(pair["status"], "online");
    }
    for asset in data["assets"].as_array().unwrap() {
        assert_eq!(asset["status"], "enabled");
        // kraken-async-rs reads no list in which an asset lacks it.
        assert_eq!(asset["collateral_value"], 0.0);
    }
    assert_eq!(refusal(&mut client, &request).await, "Already subscribed");
    let leave = r#"{"method":"unsubscribe","params":{"channel":"instrument"}}"#;
    let left = read(&ask(&mut client, leave).await[0]);
    assert_eq!(
        (&left["method"], &left["result"]),
        (&json!("unsubscribe"), &json!({"channel": "instrument"}))
    );
}

#[tokio::test]
async fn s1_11_a_pair_tells_whether_it_has_an_index_and_what_margin_is_only_if_it_has_that() {
    let desk = Desk::with(Settings {
        pairs: ["BTC/USD", "USDT/USD", "ETH/BTC"].map(str::to_owned).into(),
        ..quiet()
    })
    .await;
    let mut client = desk.public().await;
    let frames = ask(&mut client, &subscribe("")).await;
    let snapshot = read(of(&frames, "instrument")[0]);
    let pairs = snapshot["data"]["pairs"].as_array().unwrap();
    let told = pairs.iter().map(|pair| {
        for margin in [
            "margin_initial",
            "position_limit_long",
            "position_limit_short",
        ] {
            assert!(pair.get(margin).is_none(), "{pair}");
        }
        json!([pair["symbol"], pair["has_index"], pair["marginable"]])
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            json!(["BTC/USD", true, false]),
            json!(["USDT/USD", false, false]),
            json!(["ETH/BTC", false, false]),
        ]
    );
    desk.sim
        .set_pair_status(desk.pair("BTC/USD"), TradingStatus::PostOnly);
    let frames = fence(&mut client).await;
    let update = read(of(&frames, "instrument")[0]);
    assert_eq!(update["data"]["pairs"][0]["has_index"], true);
}

#[tokio::test]
async fn s1_11_every_status_has_its_name() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    ask(&mut client, &subscribe("")).await;
    for (status, name) in [
        (TradingStatus::CancelOnly, "cancel_only"),
        (TradingStatus::PostOnly, "post_only"),
        (TradingStatus::LimitOnly, "limit_only"),
        (TradingStatus::ReduceOnly, "reduce_only"),
        (TradingStatus::Maintenance, "maintenance"),
        (TradingStatus::InProgress, "work_in_progress"),
        (TradingStatus::Online, "online"),
        (TradingStatus::Closed, "delisted"),
    ] {
        desk.sim.set_pair_status(desk.pair("SOL/USD"), status);
        let frames = fence(&mut client).await;
        let update = read(of(&frames, "instrument")[0]);
        assert_eq!(update["data"]["pairs"][0]["status"], name);
    }
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
