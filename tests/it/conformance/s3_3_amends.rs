//! §3.3 `OrderAmends`: what an order asked for over time.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{sim::server::auth::Permission, types::Side};

use crate::sim_rest::rig::{Rig, Setup, bad};

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

async fn place(rig: &Rig, fields: &str) -> String {
    let added = rig.call("AddOrder", fields).await;
    added["txid"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s3_3_an_order_tells_what_it_asked_for_over_time() {
    let rig = Rig::start().await;
    let id = place(&rig, BUY).await;
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.005");
    rig.hands.advance(Duration::from_millis(20_500));
    let change = format!("txid={id}&order_qty=0.03&limit_price=60000.0");
    let amended = rig.call("AmendOrder", &change).await;
    let told = rig.call("OrderAmends", &format!("order_id={id}")).await;
    assert_eq!(told["count"], 2);
    let original = &told["amends"][0];
    assert!(original["amend_id"].as_str().unwrap().starts_with('T'));
    let mut original = original.clone();
    original.as_object_mut().unwrap().remove("amend_id");
    assert_eq!(
        original,
        json!({
            "amend_type": "original", "order_qty": "0.02000000", "remaining_qty": "0.02000000",
            "limit_price": "61000.0", "post_only": false, "timestamp": 1_788_249_600_000_i64,
        })
    );
    assert_eq!(
        told["amends"][1],
        json!({
            "amend_id": amended["amend_id"], "amend_type": "user",
            "order_qty": "0.03000000", "remaining_qty": "0.02500000",
            "limit_price": "60000.0", "reason": "User requested", "post_only": false,
            "timestamp": 1_788_249_620_500_i64,
        })
    );
    for (fields, want) in [
        ("", "EGeneral:Invalid arguments:order_id"),
        ("order_id=OQQQQQ-AAAAA-BBBBB1", "EOrder:Unknown order"),
    ] {
        assert_eq!(rig.refused("OrderAmends", fields).await, want);
    }
}

#[tokio::test]
async fn s3_3_changes_of_an_order_are_for_keys_that_may_see_it() {
    for (may, open) in [
        (Permission::QueryOpenTrades, true),
        (Permission::QueryClosedTrades, false),
    ] {
        let rig = Rig::with(Setup {
            permissions: [Permission::ModifyTrades, Permission::CloseTrades, may].into(),
            ..Setup::default()
        })
        .await;
        let id = place(&rig, BUY).await;
        let ask = format!("order_id={id}");
        let denied = "EGeneral:Permission denied";
        let seen = |answer: &Value| {
            let good = answer["error"] == json!([]);
            assert!(good || bad(answer) == denied, "{answer}");
            good
        };
        assert_eq!(seen(&rig.form("OrderAmends", &ask).await), open);
        rig.call("CancelOrder", &format!("txid={id}")).await;
        assert_eq!(seen(&rig.form("OrderAmends", &ask).await), !open);
    }
}
