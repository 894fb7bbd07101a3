//! §3.4 `EditOrder` and cost orders (`viqc`).

use serde_json::json;
use tradingd::types::Side;

use crate::sim_rest::rig::Rig;

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

#[tokio::test]
async fn s3_4_an_edited_order_gets_a_new_id_and_the_old_one_says_replaced() {
    let rig = Rig::start().await;
    let added = rig.call("AddOrder", &format!("{BUY}&userref=7")).await;
    let old = added["txid"][0].as_str().unwrap().to_owned();
    let edited = rig
        .call(
            "EditOrder",
            "txid=7&pair=XBTUSD&price=60000.0&volume=0.03&userref=8",
        )
        .await;
    let new = edited["txid"].as_str().unwrap();
    assert_eq!(
        edited,
        json!({
            "status": "ok", "txid": new, "originaltxid": old, "volume": "0.03000000", "price": "60000.0",
            "price2": "0", "orders_cancelled": 1, "newuserref": "8", "olduserref": "7",
            "descr": {"order": "buy 0.03000000 XBTUSD @ limit 60000.0"},
        })
    );
    let orders = rig.call("QueryOrders", &format!("txid={old},{new}")).await;
    assert_eq!(
        (
            &orders[&old]["status"],
            &orders[&old]["reason"],
            &orders[new]["status"]
        ),
        (&json!("canceled"), &json!("Order replaced"), &json!("open"))
    );
    for (fields, error) in [
        (format!("txid={old}&pair=XBTUSD"), "EOrder:Unknown order"),
        (format!("txid={new}"), "EGeneral:Invalid arguments:pair"),
        ("pair=XBTUSD".to_owned(), "EGeneral:Invalid arguments:txid"),
        (
            format!("txid={new}&pair=XBTUSD&volume=5"),
            "EOrder:Insufficient funds",
        ),
        (
            format!("txid={new}&pair=XBTUSD&oflags=viqc"),
            "EGeneral:Invalid arguments:oflags",
        ),
    ] {
        assert_eq!(rig.refused("EditOrder", &fields).await, error, "{fields}");
    }
    let checked = rig
        .call(
            "EditOrder",
            &format!("txid={new}&pair=XBTUSD&price=1000&validate=true"),
        )
        .await;
    assert_eq!(
        (checked.get("txid"), &checked["orders_cancelled"]),
        (None, &json!(0))
    );
    // It reads as what was checked, and the order stays.
    assert_eq!(
        (&checked["price"], &checked["descr"]["order"]),
        (
            &json!("1000.0"),
            &json!("buy 0.03000000 XBTUSD @ limit 1000.0")
        )
    );
    let order = &rig.call("QueryOrders", &format!("txid={new}")).await[new];
    assert_eq!(order["descr"]["price"], "60000.0");
}

#[tokio::test]
async fn s3_4_a_change_that_names_another_pair_is_refused() {
    let rig = Rig::start().await;
    let added = rig.call("AddOrder", BUY).await;
    let id = added["txid"][0].as_str().unwrap();
    for (endpoint, price) in [("EditOrder", "price"), ("AmendOrder", "limit_price")] {
        for (pair, error) in [
            ("ETHUSD", "EGeneral:Invalid arguments:pair"),
            ("NOSUCH", "EQuery:Unknown asset pair"),
        ] {
            let fields = format!("txid={id}&pair={pair}&{price}=4800");
            assert_eq!(rig.refused(endpoint, &fields).await, error, "{endpoint}");
        }
    }
    rig.call(
        "AmendOrder",
        &format!("txid={id}&pair=BTC/USD&limit_price=60000"),
    )
    .await;
}

#[tokio::test]
async fn s3_4_a_cost_order_spends_what_it_names() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "1");
    let cost = "pair=XBTUSD&type=buy&ordertype=market&oflags=viqc&volume=610";
    let added = rig.call("AddOrder", cost).await;
    assert_eq!(added["descr"]["order"], "buy 610.00000000 XBTUSD @ market");
    let id = added["txid"][0].as_str().unwrap();
    let order = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
    assert_eq!(
        (
            &order["vol_exec"],
            &order["cost"],
            &order["oflags"],
            &order["status"]
        ),
        (
            &json!("0.01000000"),
            &json!("610.00000"),
            &json!("fciq,viqc"),
            &json!("closed")
        )
    );
    let limit = rig.refused("AddOrder", &format!("{BUY}&oflags=viqc")).await;
    assert_eq!(limit, "EGeneral:Invalid arguments:oflags");
    let sell = cost.replace("buy", "sell");
    assert_eq!(
        rig.refused("AddOrder", &sell).await,
        "EGeneral:Invalid arguments:volume"
    );
}

#[tokio::test]
async fn s3_4_an_edit_names_one_order_and_inherits_no_flag() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "62000.0", "1");
    for _ in 0..2 {
        rig.call("AddOrder", &format!("{BUY}&oflags=post&userref=7"))
            .await;
    }
    let edit = "pair=XBTUSD&price=62000.0";
    assert_eq!(
        rig.refused("EditOrder", &format!("txid=7&{edit}")).await,
        "EOrder:Invalid order"
    );
    let open = rig.call("OpenOrders", "").await;
    let id = open["open"].as_object().unwrap().keys().next().unwrap();
    let post = format!("txid={id}&{edit}&oflags=post");
    assert_eq!(
        rig.refused("EditOrder", &post).await,
        "EOrder:Post only order"
    );
    let edited = rig.call("EditOrder", &format!("txid={id}&{edit}")).await;
    let new = edited["txid"].as_str().unwrap();
    let order = &rig.call("QueryOrders", &format!("txid={new}")).await[new];
    assert_eq!(
        (&order["status"], &order["oflags"]),
        (&json!("closed"), &json!("fciq")),
        "it took"
    );
}
