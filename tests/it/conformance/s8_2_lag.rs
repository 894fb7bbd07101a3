//! §8.2 Answers that lag behind what was reported.

use std::time::Duration;

use serde_json::Value;
use tradingd::{
    sim::faults::{Delay, RestFault, Staleness},
    types::Side,
};

use crate::sim_rest::rig::Rig;

const LAG: Duration = Duration::from_secs(3);
const FILL_LAG: Duration = Duration::from_secs(60);

/// Makes the next call of an endpoint stale.
fn stale(rig: &Rig, endpoint: &str) {
    let fault = RestFault::Stale(Staleness {
        lag: LAG.into(),
        fill_lag: FILL_LAG.into(),
    });
    rig.faults.arm_rest(endpoint, fault, 1);
}

fn named<'a>(answer: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    let orders = answer[list].as_object().unwrap();
    orders.values().find(|order| order["cl_ord_id"] == name)
}

async fn place(rig: &Rig, name: &str) -> String {
    let order =
        format!("pair=XBTUSD&type=buy&ordertype=limit&price=50000&volume=0.02&cl_ord_id={name}");
    let placed = rig.call("AddOrder", &order).await;
    placed["txid"][0].as_str().unwrap().to_owned()
}

async fn open(rig: &Rig) -> Value {
    stale(rig, "OpenOrders");
    rig.call("OpenOrders", "").await
}

#[tokio::test]
async fn s8_2_a_new_order_is_missing_and_a_canceled_one_still_open_for_a_while() {
    let rig = Rig::start().await;
    place(&rig, "young").await;
    assert!(named(&open(&rig).await, "open", "young").is_none());
    let prompt = rig.call("OpenOrders", "").await;
    assert!(
        named(&prompt, "open", "young").is_some(),
        "only what is armed lags"
    );
    rig.hands.advance(LAG);
    assert!(named(&open(&rig).await, "open", "young").is_some());
    rig.call("CancelOrder", "cl_ord_id=young").await;
    assert_eq!(
        named(&open(&rig).await, "open", "young").unwrap()["status"],
        "open"
    );
    stale(&rig, "ClosedOrders");
    let closed = rig.call("ClosedOrders", "").await;
    assert!(named(&closed, "closed", "young").is_none());
    rig.hands.advance(LAG);
    assert!(named(&open(&rig).await, "open", "young").is_none());
    stale(&rig, "ClosedOrders");
    let closed = rig.call("ClosedOrders", "").await;
    assert_eq!(
        (
            named(&closed, "closed", "young").is_some(),
            &closed["count"]
        ),
        (true, &1.into())
    );
}

#[tokio::test]
async fn s8_2_an_amended_order_keeps_its_old_values_for_a_while() {
    let rig = Rig::start().await;
    let id = place(&rig, "moved").await;
    rig.hands.advance(LAG);
    rig.call("AmendOrder", &format!("txid={id}&order_qty=0.03"))
        .await;
    let lagging = open(&rig).await;
    assert_eq!(
        named(&lagging, "open", "moved").unwrap()["vol"],
        "0.02000000"
    );
    rig.hands.advance(LAG);
    assert_eq!(
        named(&open(&rig).await, "open", "moved").unwrap()["vol"],
        "0.03000000"
    );
}

#[tokio::test]
async fn s8_2_a_filled_order_is_open_and_its_fill_unknown_for_a_while() {
    let rig = Rig::start().await;
    let id = place(&rig, "filled").await;
    rig.hands.advance(FILL_LAG);
    rig.agent(Side::Sell, "XBTUSD", "50000.0", "0.02");
    let lagging = open(&rig).await;
    let order = named(&lagging, "open", "filled").unwrap();
    assert_eq!(
        (&order["vol_exec"], &order["status"]),
        (&"0.00000000".into(), &"open".into())
    );
    stale(&rig, "QueryOrders");
    let query = format!("txid={id}&trades=true");
    let order = rig.call("QueryOrders", &query).await[&id].clone();
    assert_eq!(order["status"], "open");
    stale(&rig, "TradesHistory");
    assert_eq!(rig.call("TradesHistory", "").await["count"], 0);
    stale(&rig, "Ledgers");
    assert_eq!(rig.call("Ledgers", "").await["count"], 0);
    stale(&rig, "Balance");
    let lagging = rig.call("Balance", "").await;
    let prompt = rig.call("Balance", "").await;
    assert_eq!(lagging["XXBT"], "2.0000000000");
    assert_eq!(prompt["XXBT"], "2.0200000000");
    assert_ne!(lagging["ZUSD"], prompt["ZUSD"]);
    rig.hands.advance(FILL_LAG);
    assert!(named(&open(&rig).await, "open", "filled").is_none());
    stale(&rig, "QueryOrders");
    let order = rig.call("QueryOrders", &query).await[&id].clone();
    assert_eq!(order["status"], "closed");
    stale(&rig, "TradesHistory");
    assert_eq!(rig.call("TradesHistory", "").await["count"], 1);
}

#[tokio::test]
async fn s8_2_a_lag_is_drawn_between_its_ends() {
    let rig = Rig::start().await;
    place(&rig, "now-and-then").await;
    rig.hands.advance(Duration::from_millis(1_500));
    let lag = Delay {
        least: Duration::ZERO,
        most: LAG,
    };
    let fault = RestFault::Stale(Staleness { lag, fill_lag: lag });
    rig.faults.arm_rest("OpenOrders", fault, 15);
    let mut seen = Vec::new();
    for _ in 0..15 {
        let answer = rig.call("OpenOrders", "").await;
        seen.push(named(&answer, "open", "now-and-then").is_some());
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
}
