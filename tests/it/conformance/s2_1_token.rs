//! §2.1 Tokens. Elsewhere: whose they are → `sim_rest/access.rs`.

use std::time::Duration;

use super::{
    desk::{Desk, fence, read, refusal, reply},
    shape::like,
};
use crate::support::ws::Client;

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
