//! §4.2 Lockouts of keys and addresses that fail again and again.

use std::time::Duration;

use tradingd::sim::server::auth::LockoutRule;

use crate::sim_rest::rig::{FORM, Http, Rig, Setup, bad, good, sign};

/// A call with any key and signature.
async fn call(rig: &Rig, key: &str, signature: &str, body: &str) -> Http {
    let headers = [("API-Key", key), ("API-Sign", signature)];
    rig.send("POST", "/0/private/Balance", &headers, body).await
}

const LOCKOUT: LockoutRule = LockoutRule {
    failures: 3,
    length: Duration::from_secs(900),
};

async fn with_lockout() -> Rig {
    Rig::with(Setup {
        lockout: LOCKOUT,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn s4_2_a_key_that_fails_again_and_again_is_locked_out_alone() {
    let rig = with_lockout().await;
    let wrong = sign("/0/private/Balance", "1", "nonce=1");
    for _ in 0..3 {
        let answer = call(&rig, "KEY", &wrong, "nonce=2").await;
        assert_eq!(bad(&answer.json()), "EAPI:Invalid signature");
    }
    let lockout = "EGeneral:Temporary lockout";
    assert_eq!(rig.refused("Balance", "").await, lockout);
    let stranger = call(&rig, "OTHER", &wrong, "nonce=2").await;
    assert_eq!(bad(&stranger.json()), "EAPI:Invalid key");
    rig.hands.advance(Duration::from_secs(899));
    assert_eq!(rig.refused("Balance", "").await, lockout);
    rig.hands.advance(Duration::from_secs(899));
    assert_eq!(rig.refused("Balance", "").await, lockout, "prolonged");
    rig.hands.advance(Duration::from_secs(900));
    rig.call("Balance", "").await;
    rig.ask("Time").await;
}

#[tokio::test]
async fn s4_2_used_nonces_lock_out_too_unless_a_good_one_comes_between() {
    let rig = with_lockout().await;
    let replay = async |nonce: u64| {
        let body = format!("nonce={nonce}");
        let answer = rig.signed("GetApiKeyInfo", &body, nonce, FORM).await;
        answer.json()
    };
    good(replay(10).await);
    for nonce in [10, 9, 11, 11, 11, 12, 12, 12] {
        replay(nonce).await;
    }
    assert_eq!(bad(&replay(12).await), "EAPI:Invalid nonce");
    assert_eq!(bad(&replay(13).await), "EGeneral:Temporary lockout");
}

#[tokio::test]
async fn s4_2_an_address_with_unknown_keys_is_locked_out_of_those_only() {
    let rig = with_lockout().await;
    for n in 0..3 {
        let answer = call(&rig, &format!("OTHER{n}"), "", "nonce=1").await;
        assert_eq!(bad(&answer.json()), "EAPI:Invalid key");
    }
    let answer = call(&rig, "OTHER3", "", "nonce=1").await;
    assert_eq!(bad(&answer.json()), "EGeneral:Temporary lockout");
    rig.call("Balance", "").await;
}
