//! §2.8 cancel_all, cancel_all_orders_after. Elsewhere: what happens when it fires → `sim_ws/lifetimes.rs`; one for both wires → `sim_rest/lifetimes.rs`.

use std::time::Duration;

use super::{
    desk::{Desk, ask, read, refusal, reply, with_token},
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
