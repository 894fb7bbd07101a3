//! §2.6 edit_order. Elsewhere: what it reports → `sim_ws/edits.rs`.

use super::{
    desk::{Desk, ask, read, refusal, reply, with_token},
    shape::like,
};

const ADD: &str = r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,"order_userref":3,"token":"TOKEN"}}"#;
const EDITED: &str = r#"{"method":"edit_order","req_id":115,"result":{"order_id":"OQQQQQ-AAAAA-BBBBB2","original_order_id":"OQQQQQ-AAAAA-BBBBB1"},"success":true,"time_in":"2026-09-01T08:01:10.000001Z","time_out":"2026-09-01T08:01:10.002001Z"}"#;

#[tokio::test]
async fn s2_6_an_edit_answers_with_the_new_id_and_the_original_one() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let added = read(&reply(&mut client, &with_token(ADD, &token)).await);
    let id = added["result"]["order_id"].as_str().unwrap();
    let request = format!(
        r#"{{"method":"edit_order","req_id":115,"params":{{"order_id":"{id}","symbol":"BTC/USD","order_qty":0.03,"limit_price":60900.0,"order_userref":4,"post_only":true,"reduce_only":false,"fee_preference":"quote","token":"{token}"}}}}"#
    );
    let edited = reply(&mut client, &request).await;
    like(EDITED).check(&edited);
    let result = read(&edited)["result"].clone();
    assert_eq!(result["original_order_id"], id);
    assert_ne!(result["order_id"], id);
    assert_eq!(refusal(&mut client, &request).await, "EOrder:Unknown order");
}

#[tokio::test]
async fn s2_6_edits_are_refused_in_the_venues_words() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &with_token(ADD, &token)).await;
    for (params, words) in [
        (
            r#""symbol":"BTC/USD","order_qty":1"#,
            "Order_id(s) not found",
        ),
        (
            r#""order_id":"OAAAAA-BBBBB-CCCCC1","order_qty":1"#,
            "Symbol(s) not found",
        ),
        (
            r#""order_id":"OAAAAA-BBBBB-CCCCC1","symbol":"BTC/USD","order_qty":1"#,
            "EOrder:Invalid order",
        ),
        (
            r#""order_id":"OAAAAA-BBBBB-CCCCC1","symbol":"BTC/USD","cl_ord_id":"a""#,
            "Unsupported field: 'cl_ord_id' for the given msg type: edit order",
        ),
    ] {
        let request =
            format!(r#"{{"method":"edit_order","params":{{{params},"token":"{token}"}}}}"#);
        assert_eq!(refusal(&mut client, &request).await, words, "{params}");
    }
}
