//! §2.9 batch_add, batch_cancel. Elsewhere: what batches cost → `s5_3_costs`; a name that comes twice → `sim_ws/orders.rs`; the
//! other shapes of answers → `sim_ws/bad_requests.rs`; closes → `sim_ws/extras.rs`.

use std::time::Duration;

use serde_json::json;

use super::{
    desk::{Desk, ask, of, read, refusal, reply, with_token},
    shape::like,
};

const ADD: &str = r#"{"method":"batch_add","req_id":140,"params":{"symbol":"BTC/USD","deadline":"2026-09-01T08:05:02.000Z","validate":false,"orders":[{"order_type":"limit","side":"buy","order_qty":0.01,"limit_price":60900.0,"post_only":true,"cl_ord_id":"mm-0010"},{"order_type":"limit","side":"sell","order_qty":0.01,"limit_price":61500.0,"post_only":true,"cl_ord_id":"mm-0011"}],"token":"TOKEN"}}"#;
const ADDED: &str = r#"{"method":"batch_add","req_id":140,"result":[{"order_id":"OQQQQQ-AAAAA-BBBB10","cl_ord_id":"mm-0010"},{"order_id":"OQQQQQ-AAAAA-BBBB11","cl_ord_id":"mm-0011"}],"success":true,"time_in":"2026-09-01T08:05:00.000001Z","time_out":"2026-09-01T08:05:00.007001Z"}"#;
const CANCELED: &str = r#"{"method":"batch_cancel","req_id":141,"result":{"count":2},"success":true,"time_in":"2026-09-01T08:06:00.000001Z","time_out":"2026-09-01T08:06:00.006001Z"}"#;
const ONE: &str = r#"{"order_type":"limit","side":"buy","order_qty":0.01,"limit_price":60900.0}"#;

fn batch(orders: &str, token: &str) -> String {
    format!(
        r#"{{"method":"batch_add","params":{{"symbol":"BTC/USD","orders":{orders},"token":"{token}"}}}}"#
    )
}

fn cancel(params: &str, token: &str) -> String {
    format!(r#"{{"method":"batch_cancel","req_id":141,"params":{{{params},"token":"{token}"}}}}"#)
}

#[tokio::test]
async fn s2_9_the_documented_batches_answer_in_the_order_of_the_request() {
    let desk = Desk::documented().await;
    desk.hands.advance(Duration::from_secs(300));
    let (mut client, token) = desk.trader().await;
    let added = reply(&mut client, &with_token(ADD, &token)).await;
    like(ADDED).check(&added);
    let rows = read(&added)["result"].clone();
    assert_eq!(
        (&rows[0]["cl_ord_id"], &rows[1]["cl_ord_id"]),
        (&json!("mm-0010"), &json!("mm-0011"))
    );
    let ids = format!(
        r#""orders":[{},{}]"#,
        rows[0]["order_id"], rows[1]["order_id"]
    );
    let canceled = reply(&mut client, &cancel(&ids, &token)).await;
    like(CANCELED).check(&canceled);
    assert_eq!(read(&canceled)["result"]["count"], 2);
}

#[tokio::test]
async fn s2_9_a_validated_batch_places_nothing() {
    let desk = Desk::documented().await;
    desk.hands.advance(Duration::from_secs(300));
    let (mut client, token) = desk.trader().await;
    let checked = ADD.replace(r#""validate":false"#, r#""validate":true"#);
    let frames = ask(&mut client, &with_token(&checked, &token)).await;
    assert_eq!(read(&frames[0])["result"][0]["order_id"], "");
    assert!(of(&frames, "executions").is_empty(), "{frames:?}");
}

#[tokio::test]
async fn s2_9_one_bad_order_refuses_the_batch() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let fifteen = |count: usize| format!("[{}]", [ONE; 16][..count].join(","));
    for (orders, words) in [
        ("{}".to_owned(), "Orders field must be an array"),
        ("[]".to_owned(), "EGeneral:Invalid arguments:orders"),
        (fifteen(1), "EGeneral:Invalid arguments:orders"),
        (fifteen(16), "EGeneral:Invalid arguments:orders"),
        (format!("[{ONE},7]"), "Orders field must be an object"),
        (format!("[{ONE},{{}}]"), "Order_type(s) not found"),
        (
            format!("[{ONE},{}]", ONE.replace("0.01", "\"0.01\"")),
            "Order_qty field must be a number_float",
        ),
        (
            format!("[{ONE},{}]", ONE.replace("60900.0", "60900.01")),
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            format!("[{ONE},{}]", ONE.replace("0.01", "0.00001")),
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            format!("[{ONE},{}]", ONE.replace("60900.0", "1.0")),
            "EOrder:Cost minimum not met",
        ),
        (
            format!("[{ONE},{}]", ONE.replace('}', r#","symbol":"BTC/USD"}"#)),
            "Unsupported field: 'symbol' for the given msg type: batch add",
        ),
        (
            format!(
                "[{ONE},{}]",
                ONE.replace('}', r#","deadline":"2026-09-01T08:00:05Z"}"#)
            ),
            "Unsupported field: 'deadline' for the given msg type: batch add",
        ),
    ] {
        assert_eq!(
            refusal(&mut client, &batch(&orders, &token)).await,
            words,
            "{orders}"
        );
    }
    let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    assert_eq!(
        read(&reply(&mut client, &all).await)["result"]["count"],
        0,
        "none was placed"
    );
    let most = reply(&mut client, &batch(&fifteen(15), &token)).await;
    assert_eq!(read(&most)["result"].as_array().unwrap().len(), 15);
}

#[tokio::test]
async fn s2_9_what_the_account_cannot_pay_is_refused_in_its_row_alone() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let dear = ONE
        .replace("0.01", "1000")
        .replace('}', r#","cl_ord_id":"dear"}"#);
    let answer = read(&reply(&mut client, &batch(&format!("[{dear},{ONE}]"), &token)).await);
    let rows = answer["result"].as_array().unwrap();
    assert_eq!(
        rows[0],
        json!({"error": "EOrder:Insufficient funds", "cl_ord_id": "dear"})
    );
    assert!(rows[1]["order_id"].as_str().unwrap().starts_with('O'));
}

#[tokio::test]
async fn s2_9_a_batch_of_cancels_takes_ids_numbers_as_texts_and_names_and_skips_the_unknown() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let marked = |mark: &str| ONE.replace('}', &format!(",{mark}}}"));
    let orders = format!(
        "[{ONE},{},{},{}]",
        marked(r#""order_userref":7"#),
        marked(r#""order_userref":7"#),
        marked(r#""cl_ord_id":"own""#)
    );
    let added = read(&reply(&mut client, &batch(&orders, &token)).await);
    let id = added["result"][0]["order_id"].as_str().unwrap();
    let params =
        format!(r#""orders":["{id}","7","OAAAAA-BBBBB-CCCCC1","8"],"cl_ord_id":["own","never"]"#);
    let canceled = read(&reply(&mut client, &cancel(&params, &token)).await);
    assert_eq!(canceled["result"], json!({"count": 4}));
}

#[tokio::test]
async fn s2_9_batches_of_cancels_have_two_to_fifty_orders() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let ids = |count: usize| {
        format!(
            r#""orders":[{}]"#,
            vec![r#""OAAAAA-BBBBB-CCCCC1""#; count].join(",")
        )
    };
    for count in [2, 50] {
        let answer = read(&reply(&mut client, &cancel(&ids(count), &token)).await);
        assert_eq!(answer["result"]["count"], 0, "{answer}");
    }
    for (params, words) in [
        (ids(1), "EGeneral:Invalid arguments:orders"),
        (ids(51), "EGeneral:Invalid arguments:orders"),
        (ids(0), "Orders(s) not found"),
        (
            r#""orders":"O""#.to_owned(),
            "Orders field must be an array",
        ),
        (
            r#""orders":[7,8]"#.to_owned(),
            "Orders field must be a string",
        ),
        (
            r#""order_id":["O"]"#.to_owned(),
            "Unsupported field: 'order_id' for the given msg type: batch cancel",
        ),
    ] {
        assert_eq!(
            refusal(&mut client, &cancel(&params, &token)).await,
            words,
            "{params}"
        );
    }
}
