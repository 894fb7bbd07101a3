//! §1.4 The words of refusals, and that validation is strict. More of them → `sim_ws/errors.rs`, and for orders `s2_4` to `s2_9`.

use std::time::Duration;

use serde_json::json;
use tradingd::sim::{
    Settings,
    server::{auth::Permission, tokens::Grant},
};

use super::desk::{Desk, read, refusal, reply};
use crate::sim_ws::rig::quiet;

/// A request and the venue's words.
type Case = (&'static str, &'static str);

const PUBLIC: &[Case] = &[
    // Envelopes.
    ("{}", "Unsupported event"),
    (r#"{"method":null}"#, "Method field must be a string"),
    (r#"{"method":""}"#, "Unsupported event"),
    (r#"{"method":"Ping"}"#, "Unsupported event"),
    (
        r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book"}}"#,
        "Unsupported event",
    ),
    (
        r#"{"method":"ping","token":"T"}"#,
        "Unsupported field: 'token' for the given msg type: ping",
    ),
    (
        r#"{"method":"subscribe","channel":"book"}"#,
        "Unsupported field: 'channel' for the given msg type: subscribe",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"x":1}}"#,
        "Unsupported field: 'x' for the given msg type: unsubscribe",
    ),
    (r#"{"method":"subscribe"}"#, "Channel(s) not found"),
    (
        r#"{"method":"subscribe","params":null}"#,
        "Params field must be an object",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":["book"]}}"#,
        "Channel field must be a string",
    ),
    // Symbols.
    (
        r#"{"method":"subscribe","params":{"channel":"status"}}"#,
        "Symbol(s) not found",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker"}}"#,
        "Symbol(s) not found",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":[]}}"#,
        "Symbol(s) not found",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":"BTC/USD"}}"#,
        "Symbol field must be an array",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"ticker","symbol":"BTC/USD"}}"#,
        "Symbol field must be an array",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":null}}"#,
        "Symbol field must be an array",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["DOGE/ZZZ"]}}"#,
        "Currency pair not supported DOGE/ZZZ",
    ),
    // Channels and their discriminators.
    (
        r#"{"method":"subscribe","params":{"channel":"spread","symbol":["BTC/USD"]}}"#,
        "Subscription name invalid",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"spread","symbol":["BTC/USD"]}}"#,
        "Subscription name invalid",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":0}}"#,
        "Subscription depth not supported",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10.0}}"#,
        "Depth field must be a number_integer",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"interval":1}}"#,
        "Unsupported field: 'interval' for the given msg type: subscribe",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"depth":10}}"#,
        "Unsupported field: 'depth' for the given msg type: subscribe",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":1}}"#,
        "Event_trigger field must be a string",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":"true"}}"#,
        "Snapshot field must be a boolean",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"instrument","symbol":["BTC/USD"]}}"#,
        "Unsupported field: 'symbol' for the given msg type: subscribe",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"instrument"}}"#,
        "Subscription Not Found",
    ),
    // Elsewhere.
    (
        r#"{"method":"subscribe","params":{"channel":"balances"}}"#,
        "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
    ),
    (
        r#"{"method":"add_order","params":{}}"#,
        "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
    ),
];

const PRIVATE: &[Case] = &[
    (
        r#"{"method":"subscribe","params":{"channel":"executions"}}"#,
        "Token(s) not found",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"executions","token":7}}"#,
        "Token field must be a string",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"executions","token":"stale"}}"#,
        "EAPI:Invalid token",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"executions","token":"TOKEN","depth":1}}"#,
        "Unsupported field: 'depth' for the given msg type: subscribe",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"executions","token":"TOKEN","snap_orders":1}}"#,
        "Snap_orders field must be a boolean",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"executions"}}"#,
        "Token(s) not found",
    ),
    (
        r#"{"method":"unsubscribe","params":{"channel":"executions","token":"TOKEN"}}"#,
        "Subscription Not Found",
    ),
    (
        r#"{"method":"subscribe","params":{"channel":"instrument"}}"#,
        "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com",
    ),
    (r#"{"method":"add_order"}"#, "Token(s) not found"),
    (r#"{"method":"cancel_all"}"#, "Token(s) not found"),
    (
        r#"{"method":"cancel_all","params":{"token":"stale"}}"#,
        "EAPI:Invalid token",
    ),
    (
        r#"{"method":"cancel_all","params":{"token":"TOKEN"},"time":1}"#,
        "Unsupported field: 'time' for the given msg type: cancel all",
    ),
];

#[tokio::test]
async fn s1_4_the_public_socket_is_strict() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for (request, words) in PUBLIC {
        assert_eq!(refusal(&mut client, request).await, *words, "{request}");
    }
}

#[tokio::test]
async fn s1_4_the_private_socket_is_strict() {
    let desk = Desk::open().await;
    let (mut client, token) = desk.private().await;
    for (request, words) in PRIVATE {
        let request = request.replace("TOKEN", &token);
        assert_eq!(refusal(&mut client, &request).await, *words, "{request}");
    }
}

#[tokio::test]
async fn s1_4_what_is_refused_leaves_nothing_behind() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for request in [
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":9}}"#,
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"x":9}}"#,
    ] {
        refusal(&mut client, request).await;
    }
    let book = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#;
    assert_eq!(read(&reply(&mut client, book).await)["success"], true);
}

#[tokio::test]
async fn s1_4_one_ohlc_interval_stands_a_symbol() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let ohlc = |minutes: u32| {
        format!(
            r#"{{"method":"subscribe","params":{{"channel":"ohlc","symbol":["BTC/USD"],"interval":{minutes}}}}}"#
        )
    };
    assert_eq!(read(&reply(&mut client, &ohlc(1)).await)["success"], true);
    assert_eq!(
        refusal(&mut client, &ohlc(5)).await,
        "Already subscribed to one ohlc interval on this symbol"
    );
    assert_eq!(refusal(&mut client, &ohlc(1)).await, "Already subscribed");
}

#[tokio::test]
async fn s1_4_a_session_that_is_over_is_an_error_twice() {
    let desk = Desk::open().await;
    let (mut client, token) = desk.private().await;
    desk.hands.advance(Duration::from_secs(901));
    let request =
        format!(r#"{{"method":"subscribe","params":{{"channel":"balances","token":"{token}"}}}}"#);
    let answer = read(&reply(&mut client, &request).await);
    assert_eq!(
        (&answer["error"], &answer["status"]),
        (&json!("ESession:Invalid session"), &json!("error"))
    );
    assert_eq!(answer["success"], false);
    assert!(answer.get("result").is_none());
}

#[tokio::test]
async fn s1_4_a_key_without_the_permission_is_denied() {
    let desk = Desk::open().await;
    let (mut client, _) = desk.private().await;
    let grant = Grant {
        account: desk.sim.accounts()[0].id,
        permissions: [Permission::QueryOpenTrades].into(),
    };
    let now = desk.sim.venue().clock().now();
    let token = desk.sim.tokens().issue_for(now, grant);
    let subscribe = |channel: &str| {
        format!(r#"{{"method":"subscribe","params":{{"channel":"{channel}","token":"{token}"}}}}"#)
    };
    let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    for denied in [subscribe("balances"), all] {
        let words = refusal(&mut client, &denied).await;
        assert_eq!(words, "EGeneral:Permission denied", "{denied}");
    }
    let orders = reply(&mut client, &subscribe("executions")).await;
    assert_eq!(read(&orders)["success"], true);
}

#[tokio::test]
async fn s1_4_a_flood_is_told_off_without_a_method() {
    let settings = Settings {
        messages_per_second: 5,
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let mut client = desk.public().await;
    for answered in [true, true, true, true, true, false] {
        client.send(r#"{"method":"ping"}"#).await;
        let answer = client.next().await;
        if answered {
            assert_eq!(answer["method"], "pong");
        } else {
            assert_eq!(answer, json!({"Error": "Exceeded msg rate"}));
        }
    }
    desk.hands.advance(Duration::from_secs(1));
    client.send(r#"{"method":"ping"}"#).await;
    assert_eq!(client.next().await["method"], "pong");
}
