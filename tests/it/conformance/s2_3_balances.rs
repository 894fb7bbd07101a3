//! §2.3 balances. Elsewhere: those of a taker → `sim_ws/orders.rs`; fees in base → `sim_ws/extras.rs`.

use serde_json::{Value, json};
use tradingd::{sim::matching::OrderKind, types::Side};

use super::{
    desk::{Desk, ask, fence, of, read, row},
    shape::like,
};
use crate::support::ws::Client;

const SNAPSHOT: &str = r#"{"channel":"balances","type":"snapshot","data":[{"asset":"BTC","asset_class":"currency","balance":0.5000000000,"wallets":[{"type":"spot","id":"main","balance":0.4000000000}]},{"asset":"USD","asset_class":"currency","balance":20000.0000,"wallets":[{"type":"spot","id":"main","balance":20000.0000}]}],"sequence":1}"#;
const UPDATE: &str = r#"{"channel":"balances","type":"update","data":[{"ledger_id":"LQQQQQ-EEEEE-FFFFF1","ref_id":"TQQQQQ-CCCCC-DDDDD1","timestamp":"2026-09-01T08:01:30.000090Z","type":"trade","category":"trade","asset":"BTC","asset_class":"currency","wallet_type":"spot","wallet_id":"main","amount":0.0050000000,"fee":0.0000000000,"balance":0.5050000000}],"sequence":2}"#;
const DIGITS: [&str; 3] = ["balance", "amount", "fee"];

async fn subscribed(desk: &Desk, options: &str) -> (Client, String, Vec<String>) {
    let (mut client, token) = desk.private().await;
    let request = format!(
        r#"{{"method":"subscribe","params":{{"channel":"balances"{options},"token":"{token}"}},"req_id":5}}"#
    );
    let frames = ask(&mut client, &request).await;
    (client, token, frames)
}

#[tokio::test]
async fn s2_3_a_snapshot_has_every_asset_with_its_wallets() {
    let desk = Desk::open().await;
    let (_, _, frames) = subscribed(&desk, r#","snapshot":true"#).await;
    assert_eq!(
        read(&frames[0])["result"],
        json!({"channel": "balances", "snapshot": true})
    );
    let snapshot = of(&frames, "balances")[0];
    like(SNAPSHOT).loose(&DIGITS).check(snapshot);
    for exact in [
        r#""asset":"BTC","asset_class":"currency","balance":10.0000000000"#,
        r#""asset":"USD","asset_class":"currency","balance":1000000.0000"#,
    ] {
        assert!(snapshot.contains(exact), "{snapshot}");
    }
}

#[tokio::test]
async fn s2_3_without_snapshot_or_with_all_users_the_first_frame_is_an_update() {
    let desk = Desk::documented().await;
    for options in [
        r#","snapshot":false"#,
        r#","users":"all""#,
        r#","snapshot":false,"rebased":false"#,
    ] {
        let (mut client, token, frames) = subscribed(&desk, options).await;
        assert!(of(&frames, "balances").is_empty(), "{frames:?}");
        let buy = format!(
            r#"{{"method":"add_order","params":{{"order_type":"market","side":"buy","symbol":"BTC/USD","order_qty":0.001,"token":"{token}"}}}}"#
        );
        let frames = ask(&mut client, &buy).await;
        let first = read(of(&frames, "balances")[0]);
        assert_eq!(
            (&first["type"], &first["sequence"]),
            (&json!("update"), &json!(1))
        );
    }
}

#[tokio::test]
async fn s2_3_a_fill_gives_two_signed_ledger_entries_of_one_reference() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    let executions = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","token":"{token}"}}}}"#
    );
    ask(&mut client, &executions).await;
    let buy = format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,"token":"{token}"}}}}"#
    );
    let frames = ask(&mut client, &buy).await;
    assert!(
        of(&frames, "balances").is_empty(),
        "what an open order holds is not shown"
    );
    desk.hand(desk.pair("BTC/USD"), Side::Sell, OrderKind::Market, 500_000);
    let frames = fence(&mut client).await;
    let updates = of(&frames, "balances");
    assert_eq!(updates.len(), 2, "{frames:?}");
    let exec_id = row(of(&frames, "executions")[0])["exec_id"].clone();
    let rows: Vec<Value> = updates.iter().map(|update| row(update)).collect();
    for (position, update) in updates.iter().enumerate() {
        like(UPDATE).loose(&DIGITS).check(update);
        assert_eq!(read(update)["sequence"], position + 2);
        assert_eq!(rows[position]["ref_id"], exec_id);
    }
    let asset = |code: &str| rows.iter().find(|row| row["asset"] == code).unwrap();
    assert_eq!(
        (&asset("BTC")["amount"], &asset("BTC")["balance"]),
        (&json!(0.005), &json!(10.005))
    );
    // 305 and the maker's 0.25 % on top.
    assert_eq!(
        (&asset("USD")["amount"], &asset("USD")["fee"]),
        (&json!(-305.0), &json!(0.7625))
    );
    assert_eq!(asset("USD")["balance"], 999_694.237_5);
    assert!(
        updates.iter().any(|update| update
            .contains(r#""amount":0.0050000000,"fee":0.0000000000,"balance":10.0050000000"#)),
        "{updates:?}"
    );
}
