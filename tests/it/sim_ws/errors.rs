//! Refusals, word for word as clients of the real venue have captured them.

use serde_json::Value;

use super::rig::{Rig, quiet};

fn error(answer: &Value) -> &str {
    assert_ne!(answer["success"], true, "{answer}");
    assert!(answer.get("result").is_none(), "{answer}");
    answer["error"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn s1_4_the_public_socket_refuses_in_the_venues_words() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    for (request, want) in [
        ("{\"method\":", "Malformed request"),
        ("hello", "Malformed request"),
        ("[]", "Malformed request"),
        ("{\"method\":\"dance\"}", "Unsupported event"),
        ("{\"event\":\"ping\"}", "Unsupported event"),
        (
            r#"{"method":"ping","params":{}}"#,
            "Unsupported field: 'params' for the given msg type: ping",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["XBT/USD"]}}"#,
            "Currency pair not supported XBT/USD",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"status"}}"#,
            "Symbol(s) not found",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"book","symbol":"BTC/USD"}}"#,
            "Symbol field must be an array",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"gossip","symbol":["BTC/USD"]}}"#,
            "Subscription name invalid",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":7}}"#,
            "Subscription depth not supported",
        ),
        (
            r#"{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#,
            "Subscription Not Found",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"executions","token":"T"}}"#,
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
        ),
        (
            r#"{"method":"cancel_all","params":{"token":"T"}}"#,
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
        ),
    ] {
        assert_eq!(error(&client.ask(request).await), want, "{request}");
    }
    let book =
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":3}"#;
    assert_eq!(client.ask(book).await["success"], true);
    let again = client.ask(book).await;
    assert_eq!(error(&again), "Already subscribed");
    assert_eq!(
        (&again["req_id"], &again["symbol"]),
        (&3.into(), &"BTC/USD".into())
    );
}

#[tokio::test]
async fn s2_4_the_private_socket_refuses_in_the_venues_words() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let good = r#""order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":50000.0"#;
    for (change, want) in [
        (("TOKEN", "stale"), "EAPI:Invalid token"),
        ((",\"token\":\"TOKEN\"", ""), "Token(s) not found"),
        (
            ("50000.0", "\"50000.0\""),
            "Limit_price field must be a number_float",
        ),
        (
            ("\"order_qty\":0.01", "\"order_qty\":\"1\""),
            "Order_qty field must be a number_float",
        ),
        (
            ("\"limit_price\":50000.0", "\"post_only\":false"),
            "Limit_price(s) not found",
        ),
        (
            (
                "\"limit_price\":50000.0",
                "\"limit_price\":50000.0,\"price\":1",
            ),
            "Unsupported field: 'price' for the given msg type: add order",
        ),
        (
            (
                "\"limit_price\":50000.0",
                "\"limit_price\":50000.0,\"leverage\":2",
            ),
            "Unsupported field: 'leverage' for the given msg type: add order",
        ),
        (
            ("BTC/USD", "XBT/USD"),
            "Currency pair not supported XBT/USD",
        ),
        (
            ("50000.0", "50000.01"),
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            ("0.01", "0.00001"),
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            (
                "0.01,\"limit_price\":50000.0",
                "0.00005,\"limit_price\":5000.0",
            ),
            "EOrder:Cost minimum not met",
        ),
        (("0.01", "1000"), "EOrder:Insufficient funds"),
        (
            ("0.01", "0.01,\"margin\":true"),
            "EOrder:Cannot open position",
        ),
        (
            ("0.01", "0.01,\"reduce_only\":true"),
            "EOrder:Reduce only:No position exists",
        ),
        (("\"limit\"", "\"iceberg\""), "Display_qty(s) not found"),
        (
            ("0.01", "0.01,\"deadline\":\"2020-01-01T00:00:00.000Z\""),
            "EService:Deadline elapsed",
        ),
        (
            ("0.01", "0.01,\"cl_ord_id\":\"nineteen-characters\""),
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        (
            ("50000.0", "60010.0,\"post_only\":true"),
            "EOrder:Post only order",
        ),
    ] {
        let params = format!("{good},\"token\":\"TOKEN\"");
        let changed = params.replacen(change.0, change.1, 1);
        assert_ne!(params, changed, "{change:?}");
        let request = changed.replace("TOKEN", &token);
        let request = format!(r#"{{"method":"add_order","params":{{{request}}},"req_id":9}}"#);
        let answer = client.ask(&request).await;
        assert_eq!(error(&answer), want, "{request}");
        assert_eq!(
            (&answer["method"], &answer["req_id"]),
            (&"add_order".into(), &9.into())
        );
    }
    for (request, want) in [
        (
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#,
            "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"executions","token":"TOKEN"}}"#,
            "Already subscribed",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"balances"}}"#,
            "Token(s) not found",
        ),
        (
            r#"{"method":"edit_order","params":{"token":"TOKEN"}}"#,
            "Order_id(s) not found",
        ),
        (
            r#"{"method":"cancel_order","params":{"order_id":["OAAAAA-BBBBB-CCCCCC"],"token":"TOKEN"}}"#,
            "EOrder:Invalid order",
        ),
        (
            r#"{"method":"amend_order","params":{"cl_ord_id":"nobody","order_qty":1,"token":"TOKEN"}}"#,
            "EOrder:Invalid order",
        ),
        (
            r#"{"method":"cancel_all","params":{"token":"TOKEN","symbol":"BTC/USD"}}"#,
            "Unsupported field: 'symbol' for the given msg type: cancel all",
        ),
    ] {
        let request = request.replace("TOKEN", &token);
        assert_eq!(error(&client.ask(&request).await), want, "{request}");
    }
}
