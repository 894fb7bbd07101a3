//! §4.4 A token opens the private socket. Elsewhere: how long it lives → `s2_1_token`; what it may do → `s4_5_tokens`.

use crate::sim_rest::rig::{CLIENT, Rig, START};

#[tokio::test]
async fn s4_4_a_token_is_the_accounts() {
    let rig = Rig::start().await;
    let answer = rig.call("GetWebSocketsToken", "").await;
    assert_eq!(answer["expires"], 900);
    let token = answer["token"].as_str().unwrap();
    assert_eq!(rig.tokens.check(START, token), Ok(CLIENT));
}
