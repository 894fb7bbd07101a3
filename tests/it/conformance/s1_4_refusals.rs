//! §1.4 The words of refusals, and that validation is strict. More of them → `sim_ws/errors.rs`, and for orders `s2_4` to `s2_9`.

use super::desk::{Desk, read, refusal, reply};

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
