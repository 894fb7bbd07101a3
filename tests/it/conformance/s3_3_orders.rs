//! §3.3 Orders as `OpenOrders`, `ClosedOrders` and `QueryOrders` tell them: every field by value, pages and ranges.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use super::desk::only;
use crate::sim_rest::rig::Rig;

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

#[tokio::test]
async fn s3_3_an_order_reads_as_documented_while_it_rests() {
    let rig = Rig::start().await;
    rig.hands.advance(Duration::from_nanos(60_123_400_000));
    let added = rig
        .call("AddOrder", &format!("{BUY}&oflags=post&cl_ord_id=mm-0001"))
        .await;
    let id = added["txid"][0].as_str().unwrap().to_owned();
    assert_eq!(
        added,
        json!({"descr": {"order": "buy 0.02000000 XBTUSD @ limit 61000.0"}, "txid": [id]})
    );
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.005");
    let row = json!({
        "refid": null, "userref": 0, "cl_ord_id": "mm-0001", "status": "open",
        "opentm": 1_788_249_660.123_4, "starttm": 0, "expiretm": 0, "time_in_force": "gtc",
        "descr": {
            "pair": "XBTUSD", "aclass": "forex", "type": "buy", "ordertype": "limit", "price": "61000.0",
            "price2": "0", "leverage": "none", "order": "buy 0.02000000 XBTUSD @ limit 61000.0", "close": "",
        },
        "vol": "0.02000000", "vol_exec": "0.00500000", "cost": "305.00000", "fee": "0.76250",
        "price": "61000.0", "stopprice": "0.00000", "limitprice": "0.00000", "misc": "partial",
        "oflags": "fciq,post",
    });
    let open = rig.call("OpenOrders", "").await;
    assert_eq!(open, json!({"open": {id.clone(): row}}));
    let queried = rig
        .call("QueryOrders", &format!("txid=ONOPE0-NOPE0-NOPE00,{id}"))
        .await;
    assert_eq!(queried, json!({id.clone(): row}), "unknown ids are missing");
    assert_eq!(
        rig.call("QueryOrders", "txid=ONOPE0-NOPE0-NOPE00").await,
        json!({})
    );
    let by_name = rig
        .call("QueryOrders", "cl_ord_id=mm-0001&trades=true")
        .await;
    assert_eq!(by_name[&id]["trades"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s3_3_closed_orders_come_in_pages_newest_first() {
    let rig = Rig::start().await;
    for n in 0..55 {
        let added = rig
            .call(
                "AddOrder",
                &format!(
                    "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&cl_ord_id=n{n}"
                ),
            )
            .await;
        rig.hands.advance(Duration::from_secs(10));
        let id = added["txid"][0].as_str().unwrap();
        rig.call("CancelOrder", &format!("txid={id}")).await;
    }
    let body = |answer: Value| answer["closed"].as_object().unwrap().len();
    let first = rig.call("ClosedOrders", "").await;
    assert_eq!((&first["count"], body(first.clone())), (&json!(55), 50));
    assert_eq!(body(rig.call("ClosedOrders", "ofs=50").await), 5);
    let newest = rig.signed_text("ClosedOrders", "").await;
    let position = |name: &str| newest.find(&format!("\"{name}\"")).unwrap();
    assert!(position("n54") < position("n53") && position("n53") < position("n10"));
    // Opened every ten seconds from 08:00:00, closed ten seconds later.
    for (fields, want) in [
        ("start=1788250140", 1),
        ("start=1788250130&closetime=open", 1),
        ("start=1788250140&closetime=open", 0),
        ("start=1788250140&closetime=close", 1),
        ("end=1788249600", 1),
        ("end=1788249600&closetime=close", 0),
        ("start=1788249600&end=1788249620&closetime=open", 2),
    ] {
        let page = rig.call("ClosedOrders", fields).await;
        assert_eq!(
            (&page["count"], body(page.clone())),
            (&json!(want), want),
            "{fields}"
        );
        rig.hands.advance(Duration::from_secs(2));
    }
    let (id, _) = only(&rig.call("ClosedOrders", "cl_ord_id=n52").await["closed"]);
    let since = rig
        .call("ClosedOrders", &format!("start={id}&closetime=open"))
        .await;
    assert_eq!(since["count"], 2);
    // 0 is no end, for clients that have one for each field.
    let all = rig.call("ClosedOrders", "start=0&end=0&ofs=0").await;
    assert_eq!(all["count"], 55);
    assert_eq!(
        rig.refused("ClosedOrders", "start=nope").await,
        "EGeneral:Invalid arguments:start"
    );
}

#[tokio::test]
async fn s3_3_an_orders_status_is_pending_open_closed_canceled_or_expired() {
    let rig = Rig::start().await;
    let limit = BUY.replace("volume=0.02", "volume=0.01");
    let mut ids = Vec::new();
    for more in [
        "starttm=%2b3600",
        "userref=1",
        "userref=2",
        "userref=3",
        "expiretm=%2b60",
    ] {
        let added = rig.call("AddOrder", &format!("{limit}&{more}")).await;
        ids.push(added["txid"][0].as_str().unwrap().to_owned());
    }
    // The first that rests is filled, and the second in part.
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.015");
    rig.call("CancelOrder", "txid=2").await;
    rig.hands.advance(Duration::from_secs(60));
    rig.venue.elapse();
    let orders = rig
        .call("QueryOrders", &format!("txid={}", ids.join(",")))
        .await;
    let told: Vec<_> = ids
        .iter()
        .map(|id| {
            let text = |name: &str| orders[id][name].as_str().unwrap();
            (text("status"), text("vol_exec"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("pending", "0.00000000"),
            ("closed", "0.01000000"),
            ("canceled", "0.00500000"),
            ("open", "0.00000000"),
            ("expired", "0.00000000"),
        ]
    );
}

#[tokio::test]
async fn s3_3_what_happened_to_an_order_is_listed_in_misc() {
    let rig = Rig::start().await;
    for side in [Side::Sell, Side::Buy] {
        rig.agent(side, "BTC/USD", "61000.0", "0.01");
    }
    let sell = "pair=XBTUSD&type=sell&volume=0.02&ordertype=";
    let mut ids = Vec::new();
    for more in [
        "stop-loss-limit&price=60500.0&price2=60400.0",
        "take-profit-limit&price=61500.0&price2=61600.0",
        "limit&price=62000.0",
    ] {
        let added = rig.call("AddOrder", &format!("{sell}{more}")).await;
        ids.push(added["txid"][0].as_str().unwrap().to_owned());
    }
    rig.call("AmendOrder", &format!("txid={}&order_qty=0.03", ids[2]))
        .await;
    for price in ["60500.0", "61500.0"] {
        for side in [Side::Buy, Side::Sell] {
            rig.agent(side, "BTC/USD", price, "0.01");
        }
        // What the stop leaves in the book is taken before the price rises.
        rig.agent(Side::Buy, "BTC/USD", "60400.0", "0.02");
    }
    rig.agent(Side::Buy, "BTC/USD", "62000.0", "0.03");
    let orders = rig
        .call("QueryOrders", &format!("txid={}", ids.join(",")))
        .await;
    let told = ids.iter().map(|id| orders[id]["misc"].as_str().unwrap());
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["stopped", "touched", "partial,amended"]
    );
}
