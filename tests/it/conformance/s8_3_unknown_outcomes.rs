//! §8.3 How an order whose answer was lost is found again. Elsewhere: broken connections, pages and errors that hide what was done →
//! `sim_rest/bad_answers.rs`; deadlines that have passed → `s6_errors`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::sim::faults::{Fault, RequestFault};

use super::desk::{Desk, fence, of, read, refusal, reply};
use crate::support::ws::Client;

const RESTS: &str = r#""order_type":"limit","limit_price":50000.0"#;
const TAKES: &str = r#""order_type":"market""#;
const TWICE: &str = "EGeneral:Invalid arguments:cl_ord_id not unique";

fn add(kind: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{{kind},"side":"buy","symbol":"BTC/USD","order_qty":0.01,"cl_ord_id":"doubt","token":"{token}"}}}}"#
    )
}

/// A trader whose next request of this method is not answered.
async fn unanswered(method: &str, fault: RequestFault) -> (Desk, Client, String) {
    let desk = Desk::two_sided().await;
    let (client, token) = desk.trader().await;
    let fault = Fault::Request(method.to_owned(), fault);
    desk.sim.faults().arm(fault, 1);
    (desk, client, token)
}

/// Sends what is not answered; what is reported of it.
async fn lose(client: &mut Client, request: &str) -> Vec<String> {
    client.send(request).await;
    let frames = fence(client).await;
    let reports = of(&frames, "executions").len();
    assert_eq!(reports, frames.len(), "no reply: {frames:?}");
    frames
}

/// The rows of a list that have the id.
async fn found(desk: &Desk, endpoint: &str, list: &str, more: &str) -> Vec<(String, Value)> {
    let answer = read(&desk.call(endpoint, &format!("cl_ord_id=doubt{more}")).await);
    let rows = answer["result"][list].as_object();
    let rows = rows.unwrap_or_else(|| panic!("{answer}")).clone();
    rows.into_iter().collect()
}

#[tokio::test]
async fn s8_3_an_order_that_rests_is_found_open_and_its_resend_is_refused() {
    let (desk, mut client, token) = unanswered("add_order", RequestFault::NoAnswer).await;
    // The reports tell of it all the same, where the socket is alive.
    let frames = lose(&mut client, &add(RESTS, &token)).await;
    assert_eq!(frames.len(), 2);
    let open = found(&desk, "OpenOrders", "open", "").await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].1["vol"], "0.01000000");
    assert_eq!(refusal(&mut client, &add(RESTS, &token)).await, TWICE);
    assert_eq!(found(&desk, "OpenOrders", "open", "").await, open);
}

#[tokio::test]
async fn s8_3_an_order_that_filled_is_found_closed_with_its_trades_and_a_resend_doubles_it() {
    let (desk, mut client, token) = unanswered("add_order", RequestFault::NoAnswer).await;
    let sent = desk.sim.venue().clock().now().as_secs();
    desk.hands.advance(Duration::from_secs(1));
    lose(&mut client, &add(TAKES, &token)).await;
    assert!(found(&desk, "OpenOrders", "open", "").await.is_empty());
    let since = format!("&start={}&trades=true", sent - 60);
    let closed = found(&desk, "ClosedOrders", "closed", &since).await;
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].1["status"], "closed");
    let trade = closed[0].1["trades"][0].as_str().unwrap();
    let trades = read(&desk.call("QueryTrades", &format!("txid={trade}")).await);
    assert_eq!(trades["result"][trade]["ordertxid"], closed[0].0);
    // The id is free again: sent once more, it is another order.
    desk.hands.advance(Duration::from_secs(10));
    let again = read(&reply(&mut client, &add(TAKES, &token)).await);
    assert_eq!(again["success"], true, "{again}");
    let both = found(&desk, "ClosedOrders", "closed", &since).await;
    let mut opened: Vec<f64> = both
        .iter()
        .map(|(_, row)| row["opentm"].as_f64().unwrap().round())
        .collect();
    opened.sort_by(f64::total_cmp);
    assert_eq!(opened, [1_788_249_601.0, 1_788_249_611.0], "told apart");
}

#[tokio::test]
async fn s8_3_an_order_that_never_arrived_is_nowhere_and_may_be_sent_again() {
    let (desk, mut client, token) = unanswered("add_order", RequestFault::Ignore).await;
    assert!(lose(&mut client, &add(RESTS, &token)).await.is_empty());
    assert!(found(&desk, "OpenOrders", "open", "").await.is_empty());
    assert!(found(&desk, "ClosedOrders", "closed", "").await.is_empty());
    let history = read(&desk.call("TradesHistory", "").await);
    assert_eq!(history["result"]["count"], 0);
    let again = read(&reply(&mut client, &add(RESTS, &token)).await);
    assert_eq!(again["success"], true, "{again}");
}

#[tokio::test]
async fn s8_3_a_cancel_by_the_id_tells_whether_it_is_open_and_may_be_repeated() {
    let (desk, mut client, token) = unanswered("cancel_order", RequestFault::NoAnswer).await;
    let cancel = format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["doubt"],"token":"{token}"}}}}"#
    );
    reply(&mut client, &add(RESTS, &token)).await;
    lose(&mut client, &cancel).await;
    assert_eq!(refusal(&mut client, &cancel).await, "EOrder:Unknown order");
    // An order that filled is not open either, and one that rests is canceled.
    reply(&mut client, &add(TAKES, &token)).await;
    assert_eq!(refusal(&mut client, &cancel).await, "EOrder:Unknown order");
    reply(&mut client, &add(RESTS, &token)).await;
    assert_eq!(read(&reply(&mut client, &cancel).await)["success"], true);
    let closed = found(&desk, "ClosedOrders", "closed", "").await;
    let states: Vec<_> = closed
        .iter()
        .map(|(_, row)| row["status"].clone())
        .collect();
    assert_eq!(states.len(), 3);
    assert_eq!(
        states.iter().filter(|state| **state == "canceled").count(),
        2
    );
}

#[tokio::test]
async fn s8_3_an_amend_shows_in_the_order_and_in_its_trail() {
    let (desk, mut client, token) = unanswered("amend_order", RequestFault::NoAnswer).await;
    reply(&mut client, &add(RESTS, &token)).await;
    let amend = format!(
        r#"{{"method":"amend_order","params":{{"cl_ord_id":"doubt","order_qty":0.02,"token":"{token}"}}}}"#
    );
    lose(&mut client, &amend).await;
    let open = found(&desk, "OpenOrders", "open", "").await;
    assert_eq!(open[0].1["vol"], "0.02000000");
    let trail = format!("order_id={}", open[0].0);
    let trail = read(&desk.call("OrderAmends", &trail).await);
    let kinds: Vec<_> = trail["result"]["amends"]
        .as_array()
        .unwrap()
        .iter()
        .map(|amend| amend["amend_type"].clone())
        .collect();
    assert_eq!(kinds, [json!("original"), json!("user")]);
}
