//! §2.1 Tokens. Elsewhere: whose they are, and which permission fetches one → `s4_4_socket`, `s4_5_keys`; each request that carries one →
//! `s1_1_endpoints`.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tradingd::{
    io::net::Stream,
    sim::{Settings, faults::Fault},
};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, reply},
    shape::like,
};
use crate::{
    sim_rest::rig::{FORM, SECRET, exchange, sign},
    support::ws::Client,
};

fn balances(token: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{"channel":"balances","token":"{token}"}}}}"#)
}

async fn socket(desk: &Desk) -> Client {
    Client::connect(desk.sim.addresses().ws_auth).await
}

async fn fetched(desk: &Desk) -> String {
    let answer = desk.call("GetWebSocketsToken", "").await;
    like(r#"{"error":[],"result":{"token":"opaque","expires":900}}"#).check(&answer);
    let result = &read(&answer)["result"];
    assert_eq!(result["expires"], 900);
    result["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s2_1_a_token_of_rest_serves_several_requests_and_connections() {
    let desk = Desk::open().await;
    let token = fetched(&desk).await;
    for _ in 0..2 {
        let mut client = socket(&desk).await;
        let ack = read(&reply(&mut client, &balances(&token)).await);
        assert_eq!(ack["success"], true);
        let cancel = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
        assert_eq!(read(&reply(&mut client, &cancel).await)["success"], true);
    }
}

#[tokio::test]
async fn s2_1_an_unused_token_ends_after_900_seconds_and_one_that_a_subscription_holds_does_not() {
    let desk = Desk::open().await;
    let (held, unused) = (fetched(&desk).await, fetched(&desk).await);
    let mut client = socket(&desk).await;
    reply(&mut client, &balances(&held)).await;
    desk.hands.advance(Duration::from_secs(901));
    let cancel =
        |token: &str| format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    assert_eq!(
        refusal(&mut client, &cancel(&unused)).await,
        "ESession:Invalid session"
    );
    assert_eq!(
        read(&reply(&mut client, &cancel(&held)).await)["success"],
        true
    );
}

#[tokio::test]
async fn s2_1_a_stale_token_fails_its_request_and_leaves_the_socket_open() {
    let desk = Desk::open().await;
    let mut client = socket(&desk).await;
    let stale = refusal(&mut client, &balances("stale")).await;
    assert_eq!(stale, "EAPI:Invalid token");
    assert!(fence(&mut client).await.is_empty());
    let token = fetched(&desk).await;
    assert_eq!(
        read(&reply(&mut client, &balances(&token)).await)["success"],
        true
    );
}

#[tokio::test]
async fn s2_1_an_order_with_a_token_that_was_voided_is_not_placed_and_a_new_token_places_it() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let add = |token: &str| {
        format!(
            r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":50000.0,"token":"{token}"}}}}"#
        )
    };
    let void = Fault::VoidTokens("add_order".to_owned());
    desk.sim.faults().arm(void, 1);
    let frames = ask(&mut client, &add(&token)).await;
    assert_eq!(read(&frames[0])["error"], "EAPI:Invalid token");
    assert!(of(&frames, "executions").is_empty(), "{frames:?}");
    let frames = ask(&mut client, &add(&fetched(&desk).await)).await;
    assert_eq!(read(&frames[0])["success"], true);
    // The subscription that the old one opened goes on.
    assert_eq!(of(&frames, "executions").len(), 2);
}

#[tokio::test]
async fn s2_1_the_password_of_a_key_is_asked_for_its_token_and_not_on_the_socket() {
    let settings: Settings = toml::from_str(&format!(
        r#"speed = 0.000001
        [[keys]]
        name = "guarded"
        key = "GUARDED"
        secret = "{SECRET}"
        otp_password = "play""#
    ))
    .unwrap();
    let desk = Desk::with(settings).await;
    let call = async |body: &str| {
        let path = "/0/private/GetWebSocketsToken";
        let nonce = body.trim_start_matches("nonce=");
        let nonce = nonce.split('&').next().unwrap();
        let signature = sign(path, nonce, body);
        let headers = [
            ("API-Key", "GUARDED"),
            ("API-Sign", signature.as_str()),
            ("Content-Type", FORM),
        ];
        let stream = TcpStream::connect(desk.sim.addresses().rest).await.unwrap();
        let answer = exchange(Stream::Plain(stream), "POST", path, &headers, body).await;
        answer.json()
    };
    let refused = call("nonce=1").await;
    assert_eq!(refused["error"], json!(["EGeneral:Permission denied"]));
    let fetched = call("nonce=2&otp=play").await;
    let token = fetched["result"]["token"].as_str().unwrap();
    let mut client = socket(&desk).await;
    let ack = read(&reply(&mut client, &balances(token)).await);
    assert_eq!(ack["success"], true, "{ack}");
}
