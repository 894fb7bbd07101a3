//! §2.8 cancel_all, cancel_all_orders_after. Elsewhere: under maintenance → `sim_ws/statuses.rs`; orders that have not begun →
//! `sim_ws/extras.rs`; its rules on REST → `s3_4_lifetimes`.

use std::time::Duration;

use serde_json::json;
use tradingd::{sim::matching::OrderKind, types::Side};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, reply, row, with_token},
    shape::like,
};

const ALL: &str = r#"{"method":"cancel_all","req_id":130,"params":{"token":"TOKEN"}}"#;
const COUNT: &str = r#"{"method":"cancel_all","req_id":130,"result":{"count":4},"success":true,"time_in":"2026-09-01T08:03:00.000001Z","time_out":"2026-09-01T08:03:00.008001Z"}"#;
const AFTER: &str =
    r#"{"method":"cancel_all_orders_after","req_id":131,"params":{"timeout":60,"token":"TOKEN"}}"#;
const WOUND: &str = r#"{"method":"cancel_all_orders_after","req_id":131,"result":{"currentTime":"2026-09-01T08:03:10Z","triggerTime":"2026-09-01T08:04:10Z"},"success":true,"time_in":"2026-09-01T08:03:10.100001Z","time_out":"2026-09-01T08:03:10.106001Z"}"#;

#[tokio::test]
async fn s2_8_cancel_all_counts_every_order_of_every_pair_and_kind() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for order in [
        r#""order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0"#,
        r#""order_type":"limit","side":"sell","symbol":"ETH/USD","order_qty":1,"limit_price":90000.0"#,
        r#""order_type":"stop-loss","side":"sell","symbol":"BTC/USD","order_qty":0.02,"triggers":{"price":50000.0}"#,
    ] {
        let order = format!(r#"{{"method":"add_order","params":{{{order},"token":"{token}"}}}}"#);
        assert_eq!(read(&reply(&mut client, &order).await)["success"], true);
    }
    // One of them is partially filled.
    let pair = desk.pair("BTC/USD");
    desk.hand(pair, Side::Sell, OrderKind::Market, 1_000_000);
    let answer = reply(&mut client, &with_token(ALL, &token)).await;
    like(COUNT).check(&answer);
    assert_eq!(read(&answer)["result"]["count"], 3);
    assert_eq!(
        read(&reply(&mut client, &with_token(ALL, &token)).await)["result"]["count"],
        0
    );
}

#[tokio::test]
async fn s2_8_the_switch_answers_with_whole_seconds_and_says_zero_when_off() {
    let desk = Desk::documented().await;
    desk.hands.advance(Duration::from_millis(190_100));
    let (mut client, token) = desk.trader().await;
    let wound = reply(&mut client, &with_token(AFTER, &token)).await;
    like(WOUND).check(&wound);
    let result = read(&wound)["result"].clone();
    assert_eq!(result["currentTime"], "2026-09-01T08:03:11Z");
    assert_eq!(result["triggerTime"], "2026-09-01T08:04:11Z");
    let off = AFTER.replace("60", "0");
    let off = read(&reply(&mut client, &with_token(&off, &token)).await);
    assert_eq!(off["result"]["triggerTime"], "0");
    assert_eq!(off["result"]["currentTime"], "2026-09-01T08:03:11Z");
}

#[tokio::test]
async fn s2_8_timeouts_are_whole_seconds_of_less_than_a_day() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let longest = AFTER.replace("60", "86399");
    assert_eq!(
        read(&reply(&mut client, &with_token(&longest, &token)).await)["success"],
        true
    );
    for (timeout, words) in [
        ("86400", "EGeneral:Invalid timeout argument:above max"),
        ("-1", "EGeneral:Invalid arguments:timeout"),
        ("60.5", "Timeout field must be a number_integer"),
        ("\"60\"", "Timeout field must be a number_integer"),
    ] {
        let request = AFTER.replace("60", timeout);
        assert_eq!(
            refusal(&mut client, &with_token(&request, &token)).await,
            words,
            "{timeout}"
        );
    }
    let none = AFTER.replace("\"timeout\":60,", "");
    assert_eq!(
        refusal(&mut client, &with_token(&none, &token)).await,
        "Timeout(s) not found"
    );
    ask(&mut client, &with_token(&AFTER.replace("60", "0"), &token)).await;
}

const REST: &str = r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":50000.0,"token":"TOKEN"}}"#;
const STOP: &str = r#"{"method":"add_order","params":{"order_type":"stop-loss","side":"sell","symbol":"BTC/USD","order_qty":0.02,"triggers":{"price":40000.0},"token":"TOKEN"}}"#;

/// Lets so much time pass.
fn wait(desk: &Desk, seconds: u64) {
    desk.hands.advance(Duration::from_secs(seconds));
    desk.sim.venue().elapse();
}

fn open(desk: &Desk) -> usize {
    let account = desk.sim.accounts()[0].id;
    let venue = desk.sim.venue();
    venue.read(|view| view.exchange.open_orders(account).count())
}

#[tokio::test]
async fn s2_8_the_account_has_one_switch_which_each_call_of_either_wire_winds_anew() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    for order in [REST, STOP] {
        ask(&mut client, &with_token(order, &token)).await;
    }
    ask(&mut client, &with_token(AFTER, &token)).await;
    wait(&desk, 30);
    ask(&mut client, &with_token(AFTER, &token)).await;
    wait(&desk, 40);
    assert_eq!(open(&desk), 2, "the first time is forgotten");
    desk.call("CancelAllOrdersAfter", "timeout=100").await;
    wait(&desk, 99);
    assert_eq!(open(&desk), 2, "the second too");
    assert!(fence(&mut client).await.is_empty());
    wait(&desk, 1);
    let frames = fence(&mut client).await;
    let reports = of(&frames, "executions").into_iter().map(row);
    let told: Vec<_> = reports
        .map(|row| json!([row["exec_type"], row["reason"]]))
        .collect();
    let gone = json!(["canceled", "Cancel all orders after"]);
    assert_eq!(told, [gone.clone(), gone]);
    // It is off until it is wound again.
    ask(&mut client, &with_token(REST, &token)).await;
    wait(&desk, 86_400);
    assert_eq!(open(&desk), 1);
}

#[tokio::test]
async fn s2_8_zero_takes_the_switch_off() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &with_token(REST, &token)).await;
    ask(&mut client, &with_token(AFTER, &token)).await;
    let off = AFTER.replace("60", "0");
    ask(&mut client, &with_token(&off, &token)).await;
    wait(&desk, 3_600);
    assert_eq!(open(&desk), 1);
}

#[tokio::test]
async fn s2_8_the_end_of_a_connection_neither_cancels_nor_stops_the_switch() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &with_token(REST, &token)).await;
    ask(&mut client, &with_token(AFTER, &token)).await;
    drop(client);
    crate::support::within(async {
        while desk.sim.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    wait(&desk, 59);
    assert_eq!(open(&desk), 1);
    wait(&desk, 1);
    assert_eq!(open(&desk), 0);
}
