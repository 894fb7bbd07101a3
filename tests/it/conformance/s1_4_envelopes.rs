//! §1.4 Requests and what answers them. The words of refusals → `s1_4_refusals`.

use serde_json::{Value, json};

use super::{
    desk::{Desk, ask, of, read, replies, reply},
    shape::like,
};

const ACK: &str = r#"{"method":"subscribe","req_id":7001,"result":{"channel":"book","depth":25,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2026-09-01T08:00:00.100001Z","time_out":"2026-09-01T08:00:00.100050Z"}"#;
const REFUSED: &str = r#"{"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":7002,"success":false,"symbol":"XBT/USD","time_in":"2026-09-01T08:00:01.000001Z","time_out":"2026-09-01T08:00:01.000040Z"}"#;

fn subscribe(params: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{{params}}},"req_id":7}}"#)
}

fn unsubscribe(params: &str) -> String {
    format!(r#"{{"method":"unsubscribe","params":{{{params}}},"req_id":8}}"#)
}

#[tokio::test]
async fn s1_4_a_subscription_is_acknowledged_once_a_symbol_with_the_same_req_id() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":25,"snapshot":true},"req_id":7001}"#;
    let acks = replies(&mut client, request).await;
    assert_eq!(acks.len(), 2);
    for (ack, symbol) in acks.iter().zip(["BTC/USD", "ETH/USD"]) {
        like(ACK).check(ack);
        let ack = read(ack);
        assert_eq!(
            (&ack["method"], &ack["req_id"], &ack["success"]),
            (&json!("subscribe"), &json!(7001), &json!(true))
        );
        assert_eq!(
            ack["result"],
            json!({"channel": "book", "depth": 25, "snapshot": true, "symbol": symbol})
        );
    }
}

#[tokio::test]
async fn s1_4_a_refused_symbol_is_reported_at_top_level_and_the_others_are_served() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let request =
        subscribe(r#""channel":"trade","symbol":["XBT/USD","BTC/USD","BTC/USD","btc/usd",""]"#);
    let answers = replies(&mut client, &request).await;
    let told: Vec<(Value, Value)> = answers
        .iter()
        .map(|answer| read(answer))
        .map(|answer| (answer["error"].clone(), answer["symbol"].clone()))
        .collect();
    let refused = |error: &str, symbol: &str| (json!(error), json!(symbol));
    assert_eq!(
        told,
        [
            refused("Currency pair not supported XBT/USD", "XBT/USD"),
            (Value::Null, Value::Null),
            refused("Already subscribed", "BTC/USD"),
            refused("Currency pair not supported btc/usd", "btc/usd"),
            refused("Currency pair not supported ", ""),
        ]
    );
    like(REFUSED).check(&answers[0]);
}

#[tokio::test]
async fn s1_4_a_req_id_is_any_integer_echoed_as_written_or_absent() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for id in [
        "0",
        "-1",
        "9007199254740993",
        "9223372036854775807",
        "18446744073709551615",
    ] {
        let pong = reply(
            &mut client,
            &format!(r#"{{"req_id":{id},"method":"ping"}}"#),
        )
        .await;
        assert!(
            pong.contains(&format!("\"method\":\"pong\",\"req_id\":{id},")),
            "{pong}"
        );
    }
    for _ in 0..2 {
        // That it came before matters to nobody.
        let pong = read(&reply(&mut client, r#"{"method":"ping","req_id":0}"#).await);
        assert_eq!(
            (&pong["method"], &pong["req_id"]),
            (&json!("pong"), &json!(0))
        );
    }
    let pong = read(&reply(&mut client, r#"{"method":"ping"}"#).await);
    assert!(pong.get("req_id").is_none(), "{pong}");
    for id in ["\"1\"", "1.5", "true", "[1]", "{}", "18446744073709551616"] {
        let answer = read(
            &reply(
                &mut client,
                &format!(r#"{{"method":"ping","req_id":{id}}}"#),
            )
            .await,
        );
        assert_eq!(
            answer["error"], "Req_id field must be a number_integer",
            "{id}"
        );
        assert_eq!(
            (&answer["method"], answer.get("req_id")),
            (&json!("ping"), None),
            "{id}"
        );
    }
}

#[tokio::test]
async fn s1_4_times_of_receipt_and_answer_do_not_cross() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for request in [
        r#"{"method":"ping"}"#.to_owned(),
        subscribe(r#""channel":"ticker","symbol":["BTC/USD"]"#),
        subscribe(r#""channel":"ticker","symbol":["BTC/USD"]"#),
        "{".to_owned(),
    ] {
        let answer = read(&reply(&mut client, &request).await);
        let (time_in, time_out) = (answer["time_in"].as_str(), answer["time_out"].as_str());
        assert!(time_in.unwrap() <= time_out.unwrap(), "{answer}");
    }
}

#[tokio::test]
async fn s1_4_unsubscribe_mirrors_subscribe_and_needs_the_same_discriminator() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let of_btc = |params: &str| format!(r#"{params},"symbol":["BTC/USD"]"#);
    for (params, other) in [
        (r#""channel":"book","depth":25"#, r#""channel":"book""#),
        (
            r#""channel":"ohlc","interval":5"#,
            r#""channel":"ohlc","interval":15"#,
        ),
        (
            r#""channel":"ticker","event_trigger":"bbo""#,
            r#""channel":"ticker""#,
        ),
        (r#""channel":"trade""#, r#""channel":"book","depth":10"#),
    ] {
        let (params, other) = (of_btc(params), of_btc(other));
        replies(&mut client, &subscribe(&params)).await;
        let wrong = read(&reply(&mut client, &unsubscribe(&other)).await);
        assert_eq!(wrong["error"], "Subscription Not Found", "{other}");
        assert_eq!(wrong["symbol"], "BTC/USD");
        let right = read(&reply(&mut client, &unsubscribe(&params)).await);
        assert_eq!(
            (&right["method"], &right["success"], &right["req_id"]),
            (&json!("unsubscribe"), &json!(true), &json!(8))
        );
        assert_eq!(right["result"]["symbol"], "BTC/USD");
        let again = read(&reply(&mut client, &unsubscribe(&params)).await);
        assert_eq!(again["error"], "Subscription Not Found", "{params}");
    }
}

#[tokio::test]
async fn s1_4_a_book_is_left_at_depth_ten_unless_told_otherwise() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for depth in ["", r#","depth":100"#] {
        let book = format!(r#""channel":"book","symbol":["BTC/USD"]{depth}"#);
        replies(&mut client, &subscribe(&book)).await;
    }
    let bare = unsubscribe(r#""channel":"book","symbol":["BTC/USD"]"#);
    let left = read(&reply(&mut client, &bare).await);
    assert_eq!(left["result"]["depth"], 10);
    let none = read(&reply(&mut client, &bare).await);
    assert_eq!(
        none["error"], "Subscription Not Found",
        "depth 100 still stands"
    );
}

#[tokio::test]
async fn s1_4_without_snapshot_there_is_none() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for channel in ["ticker", "book", "trade", "ohlc", "instrument"] {
        let symbol = if channel == "instrument" {
            ""
        } else {
            r#","symbol":["BTC/USD"]"#
        };
        let request = subscribe(&format!(
            r#""channel":"{channel}","snapshot":false{symbol}"#
        ));
        let frames = ask(&mut client, &request).await;
        assert!(of(&frames, channel).is_empty(), "{frames:?}");
        assert_eq!(read(&frames[0])["result"]["snapshot"], false);
    }
}

#[tokio::test]
async fn s1_4_deprecated_fields_are_warned_of() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for (params, warnings) in [
        (
            r#""channel":"ohlc","symbol":["BTC/USD"],"interval":1"#,
            json!(["timestamp is deprecated, use interval_begin"]),
        ),
        (
            r#""channel":"instrument""#,
            json!(["tick_size is deprecated, use price_increment"]),
        ),
        (r#""channel":"book","symbol":["BTC/USD"]"#, Value::Null),
    ] {
        let ack = read(&reply(&mut client, &subscribe(params)).await);
        assert_eq!(ack["result"]["warnings"], warnings);
    }
}
