//! §4.3 Keys that ask for a password in every call. Elsewhere: codes of the standard → `sim/server/auth/otp.rs`.

use std::time::Duration;

use tradingd::sim::server::auth::Otp;

use crate::sim_rest::rig::{Rig, START, good};

#[tokio::test]
async fn s4_3_a_password_that_stays_is_asked_for_in_every_call() {
    let rig = Rig::with_key(|key| key.otp = Some(Otp::Password("play".into()))).await;
    let denied = "EGeneral:Permission denied";
    assert_eq!(rig.refused("Balance", "").await, denied);
    assert_eq!(rig.refused("Balance", "otp=work").await, denied);
    assert_eq!(rig.refused("GetApiKeyInfo", "").await, denied);
    rig.call("Balance", "otp=play").await;
    good(rig.json("Balance", r#""otp":"play""#).await);
    let token = rig.call("GetWebSocketsToken", "otp=play").await;
    let token = token["token"].as_str().unwrap();
    // The socket asks for no password.
    assert!(rig.tokens.check(START, token).is_ok());
}

#[tokio::test]
async fn s4_3_an_authenticators_code_counts_for_its_time() {
    let rig = Rig::with_key(|key| key.otp = Otp::totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")).await;
    // RFC 6238 at 1,788,249,600 s with the secret of its appendix.
    let code = "otp=565318";
    rig.call("Balance", code).await;
    rig.hands.advance(Duration::from_secs(59));
    rig.call("Balance", code).await;
    rig.hands.advance(Duration::from_secs(1));
    assert_eq!(
        rig.refused("Balance", code).await,
        "EGeneral:Permission denied"
    );
}
