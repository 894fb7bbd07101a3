//! §1.1 Which socket serves what. Elsewhere: which tokens are good → `s2_1_token`.

use super::desk::{Desk, ask, of, read, refusal, reply};
use crate::support::ws::Client;

const PUBLIC: [&str; 5] = [
    r#""channel":"ticker","symbol":["BTC/USD"]"#,
    r#""channel":"book","symbol":["BTC/USD"]"#,
    r#""channel":"trade","symbol":["BTC/USD"],"snapshot":true"#,
    r#""channel":"ohlc","symbol":["BTC/USD"],"interval":1"#,
    r#""channel":"instrument""#,
];
const LEVEL3: &str = r#""channel":"level3","symbol":["BTC/USD"]"#;
const ORDER: &str = r#""order_type":"limit","side":"buy","order_qty":0.01,"limit_price":50000.0"#;

fn subscribe(params: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{{params}}}}}"#)
}

async fn level3(desk: &Desk) -> Client {
    Client::connect(desk.sim.addresses().ws_l3).await
}

/// All private requests, without their token.
fn private() -> Vec<(&'static str, String)> {
    let id = "OAAAAA-AAAAA-AAAAAA";
    vec![
        ("subscribe", r#""channel":"executions""#.to_owned()),
        ("subscribe", r#""channel":"balances""#.to_owned()),
        ("unsubscribe", r#""channel":"balances""#.to_owned()),
        ("add_order", format!(r#""symbol":"BTC/USD",{ORDER}"#)),
        (
            "amend_order",
            format!(r#""order_id":"{id}","order_qty":0.02"#),
        ),
        (
            "edit_order",
            format!(r#""order_id":"{id}","symbol":"BTC/USD","order_qty":0.02"#),
        ),
        ("cancel_order", format!(r#""order_id":["{id}"]"#)),
        ("cancel_all", String::new()),
        ("cancel_all_orders_after", r#""timeout":60"#.to_owned()),
        (
            "batch_add",
            format!(r#""symbol":"BTC/USD","orders":[{{{ORDER}}},{{{ORDER}}}]"#),
        ),
        ("batch_cancel", format!(r#""orders":["{id}","{id}"]"#)),
    ]
}

#[tokio::test]
async fn s1_1_the_public_socket_serves_public_channels_and_takes_no_token() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    for params in PUBLIC {
        let with_token = subscribe(&format!(r#"{params},"token":"T""#));
        assert_eq!(
            refusal(&mut client, &with_token).await,
            "Unsupported field: 'token' for the given msg type: subscribe"
        );
        let frames = ask(&mut client, &subscribe(params)).await;
        assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
        let channel = read(&frames[0])["result"]["channel"].clone();
        assert!(!of(&frames, channel.as_str().unwrap()).is_empty());
    }
}

#[tokio::test]
async fn s1_1_the_private_socket_wants_a_token_in_each_request() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.private().await;
    let balances = subscribe(&format!(r#""channel":"balances","token":"{token}""#));
    assert_eq!(read(&reply(&mut client, &balances).await)["success"], true);
    for (method, params) in private() {
        let request = format!(r#"{{"method":"{method}","params":{{{params}}}}}"#);
        assert_eq!(
            refusal(&mut client, &request).await,
            "Token(s) not found",
            "{method}"
        );
    }
    let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    assert_eq!(read(&reply(&mut client, &all).await)["result"]["count"], 0);
}

#[tokio::test]
async fn s1_1_level3_has_a_socket_of_its_own_that_wants_a_token() {
    let desk = Desk::two_sided().await;
    let mut client = level3(&desk).await;
    assert_eq!(
        refusal(&mut client, &subscribe(LEVEL3)).await,
        "Token(s) not found"
    );
    let request = subscribe(&format!(r#"{LEVEL3},"token":"{}""#, desk.token()));
    let frames = ask(&mut client, &request).await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    assert_eq!(of(&frames, "level3").len(), 1);
}

#[tokio::test]
async fn s1_1_what_a_socket_does_not_serve_it_refuses_with_the_one_that_does() {
    let desk = Desk::open().await;
    let token = desk.token();
    let market = "Public market data subscriptions are unavailable on this endpoint. Try ws";
    let account = "Private data and trading are unavailable on this endpoint. Try ws-auth";
    let (mut public, mut l3) = (desk.public().await, level3(&desk).await);
    let (mut private_socket, _) = desk.private().await;
    for params in PUBLIC {
        for client in [&mut private_socket, &mut l3] {
            for request in [
                subscribe(params),
                subscribe(params).replace("subscribe", "unsubscribe"),
            ] {
                let words = refusal(client, &request).await;
                assert_eq!(words, format!("{market}.kraken.com"), "{request}");
            }
        }
    }
    let orders = subscribe(&format!(r#"{LEVEL3},"token":"{token}""#));
    for client in [&mut public, &mut private_socket] {
        let words = refusal(client, &orders).await;
        assert_eq!(words, format!("{market}-l3.kraken.com"));
    }
    for (method, params) in private() {
        let comma = if params.is_empty() { "" } else { "," };
        let request =
            format!(r#"{{"method":"{method}","params":{{{params}{comma}"token":"{token}"}}}}"#);
        for client in [&mut public, &mut l3] {
            let words = refusal(client, &request).await;
            assert_eq!(words, format!("{account}.kraken.com"), "{request}");
        }
    }
    for client in [&mut public, &mut private_socket, &mut l3] {
        let pong = read(&reply(client, r#"{"method":"ping"}"#).await);
        assert_eq!(pong["method"], "pong");
    }
}

#[tokio::test]
async fn s1_1_there_is_version_two_only() {
    use tokio_tungstenite::tungstenite::Error;
    let desk = Desk::open().await;
    let addresses = desk.sim.addresses();
    for address in [addresses.ws, addresses.ws_auth, addresses.ws_l3] {
        for path in ["/", "/v1", "/v2/public", "/v22"] {
            match Client::open(address, path).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), 404, "{path}"),
                Err(other) => panic!("{path}: {other}"),
                Ok(_) => panic!("{path}: upgraded"),
            }
        }
        let status = Client::open(address, "/v2").await.unwrap().next().await;
        assert_eq!(status["data"][0]["api_version"], "v2");
    }
}
