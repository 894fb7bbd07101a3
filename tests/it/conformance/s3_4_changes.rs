//! §3.4 Orders amended and canceled, one by one and many at once.

use serde_json::json;

use super::desk::only;
use crate::sim_rest::rig::{Rig, bad, good};

#[tokio::test]
async fn s3_4_amends_and_cancels_work_by_either_id_in_either_body() {
    let rig = Rig::start().await;
    let added = rig
        .json("AddOrder", r#""pair":"XBT/USD","type":"buy","ordertype":"limit","price":"61000.0","volume":0.02,"cl_ord_id":"mm-0001""#)
        .await;
    let id = good(added)["txid"][0].as_str().unwrap().to_owned();
    let amended = rig
        .json(
            "AmendOrder",
            r#""cl_ord_id":"mm-0001","order_qty":"0.025","limit_price":"61010.0""#,
        )
        .await;
    assert!(good(amended)["amend_id"].as_str().unwrap().starts_with('T'));
    rig.call("AmendOrder", &format!("txid={id}&limit_price=61011.1"))
        .await;
    let (_, row) = only(&rig.call("OpenOrders", "").await["open"]);
    assert_eq!(
        (&row["vol"], &row["descr"]["price"], &row["misc"]),
        (&json!("0.02500000"), &json!("61011.1"), &json!("amended"))
    );
    let same = rig
        .refused("AmendOrder", &format!("txid={id}&limit_price=61011.1"))
        .await;
    assert_eq!(same, "EOrder:No amendable parameters specified");
    let fine = rig
        .refused("AmendOrder", &format!("txid={id}&limit_price=61011.12"))
        .await;
    assert_eq!(
        fine,
        "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."
    );

    assert_eq!(
        rig.call("CancelOrder", "cl_ord_id=mm-0001").await,
        json!({"count": 1})
    );
    assert_eq!(
        rig.refused("CancelOrder", &format!("txid={id}")).await,
        "EOrder:Unknown order"
    );
    assert_eq!(
        rig.refused("CancelOrder", "txid=ONOPE0-NOPE0-NOPE00").await,
        "EOrder:Invalid order"
    );
    assert_eq!(
        rig.refused("CancelOrder", "cl_ord_id=never").await,
        "EOrder:Invalid order"
    );
    assert_eq!(
        rig.refused("AmendOrder", &format!("txid={id}&limit_price=1"))
            .await,
        "EOrder:Unknown order"
    );
    let (_, row) = only(&rig.call("ClosedOrders", "cl_ord_id=mm-0001").await["closed"]);
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!("canceled"), &json!("User requested"))
    );
}

#[tokio::test]
async fn s3_4_many_orders_are_placed_and_canceled_at_once() {
    let rig = Rig::start().await;
    let batch = rig
        .json("AddOrderBatch", r#""pair":"XBTUSD","orders":[{"close":{},"type":"buy","ordertype":"limit","price":"100","volume":"0.01","userref":7},{"type":"buy","ordertype":"limit","price":"1000000","volume":"5"},{"type":"buy","ordertype":"limit","price":"101","volume":"0.01","userref":"7"}]"#)
        .await;
    let orders = good(batch)["orders"].clone();
    assert!(orders[0]["txid"].as_str().unwrap().starts_with('O'));
    assert_eq!(orders[1], json!({"error": "EOrder:Insufficient funds"}));
    assert_eq!(
        orders[2]["descr"]["order"],
        "buy 0.01000000 XBTUSD @ limit 101.0"
    );
    let bad_row = rig.form("AddOrderBatch", "pair=XBTUSD&orders[0][type]=buy&orders[0][ordertype]=limit&orders[0][price]=100&orders[0][volume]=1&orders[1][type]=up").await;
    assert_eq!(bad(&bad_row), "EGeneral:Invalid arguments:type");
    let open = rig.call("OpenOrders", "userref=7").await;
    assert_eq!(
        open["open"].as_object().unwrap().len(),
        2,
        "none of the bad batch"
    );
    assert_eq!(rig.call("CancelOrder", "txid=7").await, json!({"count": 2}));
    assert_eq!(
        rig.refused("CancelOrder", "txid=7").await,
        "EOrder:Unknown order"
    );

    let mut ids = Vec::new();
    for n in 0..6 {
        let added = rig
            .call(
                "AddOrder",
                &format!(
                    "pair=XBTUSD&type=buy&ordertype=limit&price=10{n}&volume=0.01&cl_ord_id=n{n}"
                ),
            )
            .await;
        ids.push(added["txid"][0].as_str().unwrap().to_owned());
    }
    assert_eq!(
        rig.call("CancelOrder", &format!("txid={},{}", ids[0], ids[1]))
            .await,
        json!({"count": 2})
    );
    let batch = rig
        .json(
            "CancelOrderBatch",
            &format!(r#""orders":["{}"],"cl_ord_ids":["n3","gone"]"#, ids[2]),
        )
        .await;
    assert_eq!(good(batch), json!({"count": 2}));
    assert_eq!(rig.call("CancelAll", "").await, json!({"count": 2}));
    assert_eq!(rig.call("CancelAll", "").await, json!({"count": 0}));
}

#[tokio::test]
async fn s3_4_a_batch_has_2_to_15_orders_and_may_be_checked_only() {
    let rig = Rig::start().await;
    let order = r#"{"type":"buy","ordertype":"limit","price":"100","volume":"0.01"}"#;
    for count in [1, 2, 15, 16] {
        let orders = vec![order; count].join(",");
        let fields = format!(r#""pair":"XBTUSD","validate":true,"orders":[{orders}]"#);
        let answer = rig.json("AddOrderBatch", &fields).await;
        if (2..=15).contains(&count) {
            let rows = good(answer)["orders"].as_array().unwrap().clone();
            assert_eq!(rows.len(), count);
            assert!(rows.iter().all(|row| row.get("txid").is_none()));
        } else {
            assert_eq!(bad(&answer), "EGeneral:Invalid arguments:orders", "{count}");
        }
    }
    assert_eq!(rig.call("OpenOrders", "").await, json!({"open": {}}));
}
