//! §3.4 How long orders work: fill or kill, expiry, self-trade modes, the dead man's switch.

use std::time::Duration;

use serde_json::json;
use tradingd::types::Side;

use crate::sim_rest::rig::Rig;

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

async fn place(rig: &Rig, fields: &str) -> String {
    let added = rig.call("AddOrder", fields).await;
    added["txid"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s3_4_a_fill_or_kill_order_without_its_match_is_over_at_once() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.01");
    let id = place(&rig, &format!("{BUY}&timeinforce=FOK")).await;
    let order = &rig.call("QueryOrders", &format!("txid={id}")).await[&id];
    assert_eq!(
        (
            &order["status"],
            &order["time_in_force"],
            &order["vol_exec"]
        ),
        (&json!("canceled"), &json!("fok"), &json!("0.00000000"))
    );
}

#[tokio::test]
async fn s3_4_an_order_expires_by_the_venues_clock() {
    let rig = Rig::start().await;
    let seconds = 1_788_249_600 + 60;
    for expiry in ["%2b60", &seconds.to_string()] {
        let id = place(&rig, &format!("{BUY}&timeinforce=GTD&expiretm={expiry}")).await;
        let open = rig.call("OpenOrders", "").await;
        let order = &open["open"][&id];
        assert_eq!(
            (&order["expiretm"], &order["time_in_force"]),
            (&json!(seconds), &json!("gtd"))
        );
    }
    rig.hands.advance(Duration::from_secs(60));
    rig.venue.elapse();
    assert_eq!(rig.call("OpenOrders", "").await, json!({"open": {}}));
    let closed = rig.call("ClosedOrders", "").await;
    for order in closed["closed"].as_object().unwrap().values() {
        assert_eq!(order["status"], "expired");
    }
}

#[tokio::test]
async fn s3_4_the_older_of_two_own_orders_leaves_if_that_is_asked() {
    let rig = Rig::start().await;
    let old = place(&rig, BUY).await;
    let sell = BUY.replace("buy", "sell");
    let new = place(&rig, &format!("{sell}&stptype=cancel-oldest")).await;
    let orders = rig.call("QueryOrders", &format!("txid={old},{new}")).await;
    assert_eq!(
        (&orders[&old]["status"], &orders[&new]["status"]),
        (&json!("canceled"), &json!("open"))
    );
}

#[tokio::test]
async fn s3_4_a_dead_mans_switch_is_one_for_the_account() {
    let rig = Rig::start().await;
    place(&rig, BUY).await;
    let wound = rig.call("CancelAllOrdersAfter", "timeout=60").await;
    assert_eq!(
        wound,
        json!({"currentTime": "2026-09-01T08:00:00Z", "triggerTime": "2026-09-01T08:01:00Z"})
    );
    rig.hands.advance(Duration::from_secs(59));
    rig.venue.elapse();
    let off = rig.call("CancelAllOrdersAfter", "timeout=0").await;
    assert_eq!(off["triggerTime"], "0");
    rig.call("CancelAllOrdersAfter", "timeout=1").await;
    rig.hands.advance(Duration::from_secs(1));
    rig.venue.elapse();
    assert_eq!(rig.call("OpenOrders", "").await, json!({"open": {}}));
    for (timeout, error) in [
        ("86400", "EGeneral:Invalid timeout argument:above max"),
        ("-1", "EGeneral:Invalid arguments:timeout"),
        ("", "EGeneral:Invalid arguments:timeout"),
    ] {
        let refused = rig
            .refused("CancelAllOrdersAfter", &format!("timeout={timeout}"))
            .await;
        assert_eq!(refused, error);
    }
}
