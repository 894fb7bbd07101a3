//! What trading costs in the rate counter, over REST.

use serde_json::json;
use tradingd::types::Decimal;

use super::rig::{CLIENT, Rig, good};

/// The counter of BTC/USD as it stands.
fn counter(rig: &Rig) -> Decimal {
    rig.venue.read(|view| {
        let pair = view.exchange.universe().find_pair("XBTUSD").unwrap();
        view.exchange.counter(rig.venue.clock().now(), CLIENT, pair)
    })
}

fn points(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test]
async fn batches_cost_half_a_point_an_order_and_cancel_whatever_the_counter_says() {
    let rig = Rig::start().await;
    let order = r#"{"type":"buy","ordertype":"limit","price":"100","volume":"0.01"}"#;
    let orders = [order; 3].join(",");
    let fields = format!(r#""pair":"XBTUSD","orders":[{orders}]"#);
    let mut ids = Vec::new();
    for _ in 0..9 {
        let rows = good(rig.json("AddOrderBatch", &fields).await);
        let rows = rows["orders"].as_array().unwrap().clone();
        ids.extend(rows.into_iter().map(|row| row["txid"].clone()));
    }
    assert_eq!(counter(&rig), points("13.5"));
    let batch = format!(r#""orders":{}"#, json!(ids));
    let count = good(rig.json("CancelOrderBatch", &batch).await);
    assert_eq!(count, json!({"count": 27}));
    // 27 × 8 are more than the 180 of the tier.
    assert_eq!(counter(&rig), points("229.5"));
    let more = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    assert_eq!(
        rig.refused("AddOrder", more).await,
        "EOrder:Rate limit exceeded"
    );
}

#[tokio::test]
async fn a_refused_order_costs_its_point_and_one_that_is_only_checked_costs_none() {
    let rig = Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=";
    let refused = rig.refused("AddOrder", &format!("{order}0.00001")).await;
    assert!(refused.contains("minimum"), "{refused}");
    assert_eq!(counter(&rig), points("1"));
    rig.call("AddOrder", &format!("{order}0.01&validate=true"))
        .await;
    assert_eq!(counter(&rig), points("1"));
    rig.call("AddOrder", &format!("{order}0.01")).await;
    rig.call("CancelAll", "").await;
    assert_eq!(counter(&rig), points("3"));
    rig.call("CancelAll", "").await;
    assert_eq!(counter(&rig), points("3"), "nothing was affected");
}
