//! §2.6 edit_order. Elsewhere: orders with a close → `sim_ws/extras.rs`.

use serde_json::json;
use tradingd::{
    sim::matching::OrderKind,
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, reply, row, with_token},
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

#[tokio::test]
async fn s2_6_the_old_order_keeps_its_fills_and_the_new_one_stands_behind_all_others() {
    let desk = Desk::documented().await;
    let pair = desk.pair("BTC/USD");
    let (mut client, token) = desk.trader().await;
    let added = read(&reply(&mut client, &with_token(ADD, &token)).await);
    let id = added["result"]["order_id"].clone();
    let at = OrderKind::Limit(Price::new(610_000).unwrap());
    desk.hand(pair, Side::Buy, at, 1_000_000);
    desk.hand(pair, Side::Sell, OrderKind::Market, 500_000);
    fence(&mut client).await;
    let edit = |qty: &str| {
        format!(
            r#"{{"method":"edit_order","params":{{"order_id":{id},"symbol":"BTC/USD","order_qty":{qty},"token":"{token}"}}}}"#
        )
    };
    for filled in ["0.005", "0.004"] {
        let words = refusal(&mut client, &edit(filled)).await;
        assert_eq!(words, "EOrder:Invalid order", "{filled}");
    }
    let frames = ask(&mut client, &edit("0.03")).await;
    let new = read(&frames[0])["result"]["order_id"].clone();
    let reports: Vec<_> = of(&frames, "executions").into_iter().map(row).collect();
    let kinds: Vec<_> = reports.iter().map(|row| row["exec_type"].clone()).collect();
    assert_eq!(kinds, ["canceled", "pending_new", "new"]);
    assert_eq!(
        (&reports[0]["order_id"], &reports[0]["cum_qty"]),
        (&id, &json!(0.005))
    );
    assert_eq!(
        (&reports[1]["order_id"], &reports[1]["order_qty"]),
        (&new, &json!(0.025)),
        "what is left of 0.03"
    );
    // First what the other has at this price, then this.
    desk.hand(pair, Side::Sell, OrderKind::Market, 1_000_000);
    assert!(fence(&mut client).await.is_empty());
    desk.hand(pair, Side::Sell, OrderKind::Market, 500_000);
    let trade = row(of(&fence(&mut client).await, "executions")[0]);
    assert_eq!(
        (&trade["order_id"], &trade["last_qty"]),
        (&new, &json!(0.005))
    );
}

#[tokio::test]
async fn s2_6_a_stop_that_was_triggered_is_edited_no_more() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let (mut client, token) = desk.trader().await;
    let stop = r#"{"method":"add_order","params":{"order_type":"stop-loss-limit","side":"sell","symbol":"BTC/USD","order_qty":0.02,"limit_price":60500.0,"triggers":{"price":59990.0},"token":"TOKEN"}}"#;
    let added = read(&reply(&mut client, &with_token(stop, &token)).await);
    let id = added["result"]["order_id"].as_str().unwrap().to_owned();
    let edit = |id: &str| {
        format!(
            r#"{{"method":"edit_order","params":{{"order_id":"{id}","symbol":"BTC/USD","order_qty":0.03,"token":"{token}"}}}}"#
        )
    };
    let edited = read(&reply(&mut client, &edit(&id)).await);
    let id = edited["result"]["order_id"].as_str().unwrap();
    let at = OrderKind::Limit(Price::new(599_850).unwrap());
    desk.hand(pair, Side::Buy, at, 100_000_000);
    desk.hand(pair, Side::Sell, at, 150_000_000);
    let frames = fence(&mut client).await;
    let fired = row(of(&frames, "executions")[0]);
    assert_eq!(fired["triggers"]["status"], "triggered", "{fired}");
    assert_eq!(
        refusal(&mut client, &edit(id)).await,
        "EOrder:Invalid order"
    );
}
