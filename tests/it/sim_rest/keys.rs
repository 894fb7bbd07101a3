//! What a key is bound to beside its signature, and what too much of anything leads to.

use std::time::Duration;

use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tradingd::{
    io::net::Stream,
    sim::{
        faults::RestFault,
        server::{
            auth::{LockoutRule, Otp},
            rest::RestLimits,
        },
    },
    types::{Side, Timestamp},
};

use super::rig::{FORM, Http, Rig, START, Setup, bad, exchange, good, sign};

async fn setup(key: fn(&mut tradingd::sim::server::auth::ApiKey)) -> Rig {
    Rig::with(Setup {
        key,
        ..Setup::default()
    })
    .await
}

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
async fn a_password_that_stays_is_asked_for_in_every_call() {
    let rig = setup(|key| key.otp = Some(Otp::Password("play".into()))).await;
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
async fn an_authenticators_code_counts_for_its_time() {
    let rig = setup(|key| key.otp = Otp::totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")).await;
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

#[tokio::test]
async fn a_key_is_used_where_it_may_be_and_until_it_ends() {
    let elsewhere = setup(|key| key.ip_allowlist = vec!["203.0.113.7".parse().unwrap()]).await;
    assert_eq!(
        elsewhere.refused("Balance", "").await,
        "EGeneral:Permission denied"
    );
    let here = setup(|key| {
        key.ip_allowlist = ["203.0.113.7", "127.0.0.0/8"]
            .map(|range| range.parse().unwrap())
            .to_vec();
        key.valid_until = Some(START.after(Duration::from_secs(60)));
    })
    .await;
    let info = here.call("GetApiKeyInfo", "").await;
    assert_eq!(info["ip_allowlist"], json!(["203.0.113.7", "127.0.0.0/8"]));
    assert_eq!(info["ipAllowlist"], info["ip_allowlist"]);
    assert_eq!(info["valid_until"], "1788249660");
    assert_eq!(info["validUntil"], info["valid_until"]);
    here.hands.advance(Duration::from_secs(60));
    assert_eq!(here.refused("Balance", "").await, "EAPI:Invalid key");
}

#[tokio::test]
async fn a_key_of_a_part_of_the_past_sees_no_other() {
    let rig = setup(|key| {
        key.query.from = Some(START.after(Duration::from_secs(100)));
        key.query.to = Some(START.after(Duration::from_secs(200)));
    })
    .await;
    rig.agent(Side::Sell, "BTC/USD", "100.0", "1");
    for _ in 0..3 {
        rig.hands.advance(Duration::from_secs(75));
        rig.call(
            "AddOrder",
            "pair=XBTUSD&type=buy&ordertype=market&volume=0.01",
        )
        .await;
    }
    let info = rig.call("GetApiKeyInfo", "").await;
    assert_eq!(
        (&info["query_from"], &info["queryTo"]),
        (&json!("1788249700"), &json!("1788249800"))
    );
    for endpoint in ["TradesHistory", "ClosedOrders", "Ledgers"] {
        let seen = rig.call(endpoint, "").await;
        let rows = if endpoint == "Ledgers" { 2 } else { 1 };
        assert_eq!(seen["count"], rows, "{endpoint}: the second of three");
        rig.hands.advance(Duration::from_secs(10));
    }
    for range in ["start=1788249699", "end=1788249801"] {
        let error = rig.refused("TradesHistory", range).await;
        assert_eq!(error, "EGeneral:Invalid arguments", "{range}");
    }
    rig.call("TradesHistory", "start=1788249700&end=1788249800")
        .await;
}

#[tokio::test]
async fn a_key_that_fails_again_and_again_is_locked_out_alone() {
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
async fn used_nonces_lock_out_too_unless_a_good_one_comes_between() {
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
async fn an_address_with_unknown_keys_is_locked_out_of_those_only() {
    let rig = with_lockout().await;
    for n in 0..3 {
        let answer = call(&rig, &format!("OTHER{n}"), "", "nonce=1").await;
        assert_eq!(bad(&answer.json()), "EAPI:Invalid key");
    }
    let answer = call(&rig, "OTHER3", "", "nonce=1").await;
    assert_eq!(bad(&answer.json()), "EGeneral:Temporary lockout");
    rig.call("Balance", "").await;
}

#[tokio::test]
async fn too_many_calls_open_at_once_are_throttled_until_an_instant() {
    let rig = Rig::with(Setup {
        limits: RestLimits {
            concurrent: 2,
            ..RestLimits::default()
        },
        ..Setup::default()
    })
    .await;
    rig.faults.arm_rest("Balance", RestFault::Silence, 2);
    let mut open = JoinSet::new();
    for _ in 0..2 {
        let stream = Stream::Plain(TcpStream::connect(rig.address).await.unwrap());
        open.spawn(async move {
            let headers = [("API-Key", "KEY")];
            exchange(stream, "POST", "/0/private/Balance", &headers, "").await
        });
    }
    // Once both faults are taken, both calls are open.
    let taken = async {
        while rig.faults.armed() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), taken).await.unwrap();
    let error = rig.refused("TradeVolume", "").await;
    assert_eq!(error, "EService:Throttled: 1788249602");
    let until = Timestamp::from_secs(1_788_249_602);
    assert!(until > rig.venue.clock().now());
    // Others are not held up.
    rig.ask("Time").await;
    let stranger = call(&rig, "OTHER", "", "nonce=1").await;
    assert_eq!(bad(&stranger.json()), "EAPI:Invalid key");
    open.abort_all();
    let again = async {
        while rig.form("TradeVolume", "").await["result"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), again).await.unwrap();
}

#[tokio::test]
async fn public_calls_are_limited_by_address_where_that_is_set() {
    let rig = Rig::with(Setup {
        limits: RestLimits {
            public_calls: 2,
            ..RestLimits::default()
        },
        ..Setup::default()
    })
    .await;
    rig.ask("Time").await;
    rig.ask("SystemStatus").await;
    assert_eq!(bad(&rig.public("Time").await), "EAPI:Rate limit exceeded");
    // Trades and candles have a counter for each pair.
    rig.ask("Trades?pair=XBTUSD").await;
    rig.ask("OHLC?pair=ETHUSD").await;
    rig.call("Balance", "").await;
    rig.hands.advance(Duration::from_millis(500));
    rig.ask("Time").await;
    assert_eq!(bad(&rig.public("Time").await), "EAPI:Rate limit exceeded");
}
