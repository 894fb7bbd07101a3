//! §2.7 cancel_order. Elsewhere: a cancel that meets a fill → `sim_ws/bad_requests.rs`; one that overtakes its create → `sim_ws/orders.rs`.

use serde_json::{Value, json};

use super::{
    desk::{Desk, ask, read, refusal, replies, reply, with_token},
    shape::like,
};
use crate::support::ws::Client;

const CANCEL: &str = r#"{"method":"cancel_order","req_id":120,"params":{"cl_ord_id":["mm-0001","mm-0002"],"token":"TOKEN"}}"#;
const CANCELED: &str = r#"{"method":"cancel_order","req_id":120,"result":{"cl_ord_id":"mm-0001"},"success":true,"time_in":"2026-09-01T08:02:00.000001Z","time_out":"2026-09-01T08:02:00.004001Z"}"#;
const REFUSED: &str = r#"{"error":"EOrder:Unknown order","method":"cancel_order","req_id":120,"success":false,"time_in":"2026-09-01T08:02:00.000001Z","time_out":"2026-09-01T08:02:00.004100Z"}"#;

async fn add(client: &mut Client, token: &str, mark: &str) -> String {
    let order = format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,{mark},"token":"{token}"}}}}"#
    );
    let added = read(&reply(client, &order).await);
    added["result"]["order_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{added}"))
        .to_owned()
}

/// Result or error of each reply.
fn told(replies: &[String]) -> Vec<Value> {
    let brief = |reply: &String| {
        let reply = read(reply);
        assert_eq!(reply["req_id"], 120);
        reply.get("result").unwrap_or(&reply["error"]).clone()
    };
    replies.iter().map(brief).collect()
}

#[tokio::test]
async fn s2_7_each_order_has_its_own_reply_in_the_order_of_the_request() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for name in ["mm-0001", "mm-0002"] {
        add(&mut client, &token, &format!(r#""cl_ord_id":"{name}""#)).await;
    }
    let early = CANCEL.replace(r#""mm-0001","#, "");
    ask(&mut client, &with_token(&early, &token)).await;
    let answers = replies(&mut client, &with_token(CANCEL, &token)).await;
    like(CANCELED).check(&answers[0]);
    like(REFUSED).check(&answers[1]);
    assert_eq!(
        told(&answers),
        [
            json!({"cl_ord_id": "mm-0001"}),
            json!("EOrder:Unknown order")
        ]
    );
}

#[tokio::test]
async fn s2_7_a_number_stands_for_all_its_orders_and_ids_of_all_kinds_go_together() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let first = add(&mut client, &token, r#""order_userref":5"#).await;
    let second = add(&mut client, &token, r#""order_userref":5"#).await;
    let third = add(&mut client, &token, r#""order_userref":6"#).await;
    add(&mut client, &token, r#""cl_ord_id":"own""#).await;
    let request = format!(
        r#"{{"method":"cancel_order","req_id":120,"params":{{"order_id":["{third}"],"cl_ord_id":["own"],"order_userref":[5,6],"token":"{token}"}}}}"#
    );
    let answers = replies(&mut client, &request).await;
    assert_eq!(
        told(&answers),
        [
            json!({"order_id": third}),
            json!({"cl_ord_id": "own"}),
            json!({"order_id": first}),
            json!({"order_id": second}),
            json!("EOrder:Unknown order"),
        ]
    );
}

#[tokio::test]
async fn s2_7_cancels_are_refused_in_the_venues_words() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for (params, words) in [
        (r#""order_id":[]"#, "Order_id(s) not found"),
        (
            r#""order_id":[],"cl_ord_id":[],"order_userref":[]"#,
            "Order_id(s) not found",
        ),
        (
            r#""order_id":"OAAAAA-BBBBB-CCCCC1""#,
            "Order_id field must be an array",
        ),
        (
            r#""cl_ord_id":"mm-0001""#,
            "Cl_ord_id field must be an array",
        ),
        (
            r#""order_userref":5"#,
            "Order_userref field must be an array",
        ),
        (r#""order_id":[5]"#, "Order_id field must be a string"),
        (
            r#""order_userref":["5"]"#,
            "Order_userref field must be a number_integer",
        ),
        (
            r#""txid":["O"]"#,
            "Unsupported field: 'txid' for the given msg type: cancel order",
        ),
        (
            r#""order_id":["OAAAAA-BBBBB-CCCCC1"]"#,
            "EOrder:Invalid order",
        ),
        (r#""order_id":["nonsense"]"#, "EOrder:Invalid order"),
        (r#""cl_ord_id":["never"]"#, "EOrder:Invalid order"),
    ] {
        let request =
            format!(r#"{{"method":"cancel_order","params":{{{params},"token":"{token}"}}}}"#);
        assert_eq!(refusal(&mut client, &request).await, words, "{params}");
    }
}
