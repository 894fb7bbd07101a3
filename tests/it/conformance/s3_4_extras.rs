//! §3.4 What few orders ask for: a close, a start, a name, an index.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use crate::sim_rest::rig::{Rig, START, good};

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";
const STOP: &str = "close[ordertype]=stop-loss-limit&close[price]=-5%25&close[price2]=57000.0";

async fn place(rig: &Rig, fields: &str) -> String {
    let added = rig.call("AddOrder", fields).await;
    added["txid"][0].as_str().unwrap().to_owned()
}

async fn order(rig: &Rig, id: &str) -> Value {
    rig.call("QueryOrders", &format!("txid={id}")).await[id].clone()
}

#[tokio::test]
async fn s3_4_a_close_reads_alike_in_forms_and_json_and_every_fill_leaves_an_order() {
    let rig = Rig::start().await;
    let close = "close position @ stop loss -5.0000% -> limit 57000.0";
    let added = rig.call("AddOrder", &format!("{BUY}&{STOP}")).await;
    assert_eq!(
        added["descr"],
        json!({"order": "buy 0.02000000 XBTUSD @ limit 61000.0", "close": close})
    );
    let json = r#""pair":"XBTUSD","type":"buy","ordertype":"limit","price":"61000.0","volume":"0.02","close":{"ordertype":"stop-loss-limit","price":"-5%","price2":57000.0,"volume":"9"}"#;
    let same = good(rig.json("AddOrder", json).await);
    assert_eq!(same["descr"], added["descr"]);
    // Typed clients name the fields of their JSON as a form does.
    let flat = r#""pair":"XBTUSD","type":"buy","ordertype":"limit","price":"61000.0","volume":"0.02","close[ordertype]":"stop-loss-limit","close[price]":"-5%","close[price2]":57000.0"#;
    let same = good(rig.json("AddOrder", flat).await);
    assert_eq!(same["descr"], added["descr"]);
    let batch = format!(r#""pair":"XBTUSD","validate":true,"orders":[{{{flat}}},{{{flat}}}]"#);
    let same = good(rig.json("AddOrderBatch", &batch).await);
    assert_eq!(same["orders"][1]["close"], close);
    // Fields that are sent without a value are not sent.
    let empty = format!("{BUY}&close[ordertype]=&close[price]=&displayvol=0&price2=&validate=true");
    let without = rig.call("AddOrder", &empty).await;
    assert!(without["descr"].get("close").is_none(), "{without}");
    let parent = added["txid"][0].as_str().unwrap();
    assert_eq!(order(&rig, parent).await["descr"]["close"], close);

    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.01");
    let open = rig.call("OpenOrders", "").await;
    let rows = open["open"].as_object().unwrap();
    let child = rows.values().find(|row| row["refid"] == parent).unwrap();
    for (pointer, want) in [
        (
            "/descr/order",
            json!("sell 0.01000000 XBTUSD @ stop loss -5.0000% -> limit 57000.0"),
        ),
        ("/descr/close", json!("")),
        // Five percent below the fill.
        ("/stopprice", json!("57950.00000")),
        ("/status", json!("open")),
    ] {
        assert_eq!(child.pointer(pointer), Some(&want), "{pointer}");
    }
    let parent = order(&rig, parent).await;
    assert_eq!(
        (&parent["refid"], &parent["misc"]),
        (&Value::Null, &json!("partial"))
    );
}

#[tokio::test]
async fn s3_4_a_batch_tells_closes_beside_the_description() {
    let rig = Rig::start().await;
    let row = r#"{"type":"buy","ordertype":"limit","price":"50000.0","volume":"0.02""#;
    let orders = format!(r#"{row},"close":{{"ordertype":"limit","price":"55000.0"}}}},{row}}}"#);
    let batch = format!(r#""pair":"XBTUSD","orders":[{orders}]"#);
    let rows = good(rig.json("AddOrderBatch", &batch).await)["orders"].clone();
    assert_eq!(rows[0]["close"], "close position @ limit 55000.0");
    assert_eq!(
        rows[0]["descr"],
        json!({"order": "buy 0.02000000 XBTUSD @ limit 50000.0"})
    );
    assert!(rows[1].get("close").is_none());
}

#[tokio::test]
async fn s3_4_a_close_that_is_none_is_refused() {
    let rig = Rig::start().await;
    for (fields, want) in [
        (
            "close[price]=5",
            "EGeneral:Invalid arguments:close[ordertype]",
        ),
        (
            "close[ordertype]=market",
            "EGeneral:Invalid arguments:close[ordertype]",
        ),
        (
            "close[ordertype]=limit",
            "EGeneral:Invalid arguments:close[price]",
        ),
        (
            "close[ordertype]=limit&close[price]=x",
            "EGeneral:Invalid arguments:close[price]",
        ),
        (
            "close[ordertype]=stop-loss-limit&close[price]=5",
            "EGeneral:Invalid arguments:close[price2]",
        ),
        (
            "close[ordertype]=trailing-stop&close[price]=5",
            "EGeneral:Invalid arguments:close[price]",
        ),
        (
            "close[ordertype]=trailing-stop-limit&close[price]=%2b5&close[price2]=57000.0",
            "EGeneral:Invalid arguments:close[price2]",
        ),
        (
            "close[ordertype]=limit&close[price]=-100%25",
            "EOrder:Invalid price",
        ),
        ("close=limit", "EGeneral:Invalid arguments:close"),
        (
            "close[ordertype]=limit&close[price]=5&cl_ord_id=a",
            "EOrder:cl_ord_id is not supported on conditional close",
        ),
    ] {
        let refused = rig.refused("AddOrder", &format!("{BUY}&{fields}")).await;
        assert_eq!(refused, want, "{fields}");
    }
    let id = place(&rig, &format!("{BUY}&{STOP}")).await;
    let refused = rig
        .refused("AmendOrder", &format!("txid={id}&order_qty=0.03"))
        .await;
    assert_eq!(refused, "EOrder:Invalid order");
    let refused = rig
        .refused("EditOrder", &format!("txid={id}&pair=XBTUSD&volume=0.03"))
        .await;
    assert_eq!(refused, "EOrder:Invalid order");
}

#[tokio::test]
async fn s3_4_an_order_with_a_start_is_pending_until_then() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.01");
    let seconds = START.as_secs() + 60;
    let absolute = seconds.to_string();
    let mut ids = Vec::new();
    for start in ["%2b60", &absolute] {
        let id = place(&rig, &format!("{BUY}&starttm={start}")).await;
        let open = rig.call("OpenOrders", "").await;
        let row = &open["open"][&id];
        assert_eq!(
            (&row["status"], &row["starttm"]),
            (&json!("pending"), &json!(seconds))
        );
        ids.push(id);
    }
    let held = rig.call("BalanceEx", "").await;
    assert_eq!(held["ZUSD"]["hold_trade"], "2449.7600");
    assert_eq!(
        rig.call("CancelOrder", &format!("txid={}", ids[1])).await["count"],
        1
    );
    rig.hands.advance(Duration::from_secs(60));
    rig.venue.elapse();
    let row = order(&rig, &ids[0]).await;
    assert_eq!(
        (&row["status"], &row["vol_exec"], &row["starttm"]),
        (&json!("open"), &json!("0.01000000"), &json!(seconds))
    );
    for start in ["0", "1", "%2b0"] {
        let id = place(&rig, &format!("{BUY}&starttm={start}")).await;
        assert_eq!(order(&rig, &id).await["status"], "open", "{start}");
    }
    for (fields, want) in [
        ("starttm=soon", "EGeneral:Invalid arguments:starttm"),
        ("starttm=%2b3000000", "EGeneral:Invalid arguments:starttm"),
        (
            "starttm=%2b60&expiretm=%2b60",
            "EGeneral:Invalid arguments:expiretm",
        ),
    ] {
        let refused = rig.refused("AddOrder", &format!("{BUY}&{fields}")).await;
        assert_eq!(refused, want, "{fields}");
    }
}

#[tokio::test]
async fn s3_4_names_are_echoed_and_indexes_are_not_everywhere() {
    let rig = Rig::start().await;
    let id = place(&rig, &format!("{BUY}&sender_sub_id=desk-a")).await;
    assert_eq!(order(&rig, &id).await["sender_sub_id"], "desk-a");
    let stop = "type=sell&ordertype=stop-loss&volume=1&price=0.01&trigger=index";
    for (fields, want) in [
        (
            format!("{BUY}&sender_sub_id=no-name-is-as-long-as-this"),
            "EGeneral:Invalid arguments:sender_sub_id",
        ),
        (
            format!("pair=ETHXBT&{stop}"),
            "EGeneral:Invalid arguments:Index unavailable",
        ),
    ] {
        assert_eq!(rig.refused("AddOrder", &fields).await, want);
    }
    let listed = stop.replace("0.01", "100");
    rig.call("AddOrder", &format!("pair=ETHUSD&{listed}")).await;
}
