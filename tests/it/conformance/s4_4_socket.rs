//! §4.4 A token opens the private socket. Elsewhere: how long it lives → `s2_1_token`; what it may do → `s4_5_tokens`.

use super::desk::{Desk, read, refusal, reply};
use crate::sim_rest::rig::{CLIENT, Rig, START};

#[tokio::test]
async fn s4_4_a_token_is_the_accounts() {
    let rig = Rig::start().await;
    let answer = rig.call("GetWebSocketsToken", "").await;
    assert_eq!(answer["expires"], 900);
    let token = answer["token"].as_str().unwrap();
    assert_eq!(rig.tokens.check(START, token), Ok(CLIENT));
}

#[tokio::test]
async fn s4_4_the_socket_asks_for_a_token_and_no_signature() {
    let desk = Desk::open().await;
    let answer = read(&desk.call("GetWebSocketsToken", "").await);
    let token = answer["result"]["token"].as_str().unwrap();
    // Nobody has signed the upgrade.
    let (mut client, _) = desk.private().await;
    let all = |params: &str| format!(r#"{{"method":"cancel_all","params":{{{params}}}}}"#);
    assert_eq!(refusal(&mut client, &all("")).await, "Token(s) not found");
    let good = all(&format!(r#""token":"{token}""#));
    assert_eq!(read(&reply(&mut client, &good).await)["success"], true);
}
