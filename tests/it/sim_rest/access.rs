//! Who may call, how often, and what goes wrong on purpose.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};
use tradingd::{
    io::net::Connector,
    sim::{faults::RestFault, matching::Tier, server::auth::Permission},
    types::Side,
};

use super::rig::{CLIENT, FORM, JSON, Rig, SECRET, START, Setup, bad, exchange, good, sign};

#[tokio::test]
async fn every_way_to_sign_is_accepted_and_every_forgery_refused() {
    let rig = Rig::start().await;
    let bodies = [
        (FORM, "nonce=1&a=b"),
        (FORM, "a=b&nonce=2"),
        (JSON, r#"{"nonce":3}"#),
        (JSON, r#"{"a":null,"nonce":"4"}"#),
        ("text/plain", r#" {"nonce":"5"}"#),
    ];
    for (nonce, (kind, body)) in (1..).zip(bodies) {
        good(rig.signed("Balance", body, nonce, kind).await.json());
    }
    let path = "/0/private/Balance";
    let signature = sign(path, "6", "nonce=6");
    for (key, signature, body, error) in [
        (
            "KEY",
            signature.as_str(),
            "nonce=6&x=1",
            "EAPI:Invalid signature",
        ),
        ("KEY", "", "nonce=6", "EAPI:Invalid signature"),
        ("OTHER", &signature, "nonce=6", "EAPI:Invalid key"),
        ("", &signature, "nonce=6", "EAPI:Invalid key"),
        ("KEY", &sign(path, "", "a=b"), "a=b", "EAPI:Invalid nonce"),
        (
            "KEY",
            &sign(path, "x", "nonce=x"),
            "nonce=x",
            "EAPI:Invalid nonce",
        ),
        (
            "KEY",
            &sign(path, "5", "nonce=5"),
            "nonce=5",
            "EAPI:Invalid nonce",
        ),
        ("KEY", &sign(path, "7", "{"), "{", "EAPI:Bad request"),
    ] {
        let headers = [("API-Key", key), ("API-Sign", signature)];
        let answer = rig.send("POST", path, &headers, body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(bad(&answer.json()), error, "{key} {body}");
    }
    let headers = [("API-Key", "KEY"), ("API-Sign", signature.as_str())];
    let answer = rig.send("POST", path, &headers, "nonce=6").await;
    good(answer.json());
}

#[tokio::test]
async fn a_nonce_window_lets_calls_overtake_each_other_once() {
    let rig = Rig::with(Setup {
        nonce_window: 10,
        ..Setup::default()
    })
    .await;
    for (nonce, accepted) in [
        (100, true),
        (95, true),
        (95, false),
        (90, false),
        (91, true),
        (100, false),
    ] {
        let body = format!("nonce={nonce}");
        let answer = rig.signed("Balance", &body, nonce, FORM).await.json();
        if accepted {
            good(answer);
        } else {
            assert_eq!(bad(&answer), "EAPI:Invalid nonce", "{nonce}");
        }
    }
}

#[tokio::test]
async fn the_call_counter_goes_by_tier_and_lets_orders_through() {
    for (tier, most) in [
        (Tier::Starter, 15),
        (Tier::Intermediate, 20),
        (Tier::Pro, 20),
    ] {
        let rig = Rig::with(Setup {
            tier,
            ..Setup::default()
        })
        .await;
        rig.call("Ledgers", "").await;
        rig.call("TradesHistory", "").await;
        for _ in 4..most {
            rig.call("Balance", "").await;
        }
        assert_eq!(rig.refused("Balance", "").await, "EAPI:Rate limit exceeded");
        assert_eq!(
            rig.refused("CancelAll", "").await,
            "EAPI:Rate limit exceeded"
        );
        let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
        let added = rig.call("AddOrder", order).await;
        let id = added["txid"][0].as_str().unwrap();
        rig.call("CancelOrder", &format!("txid={id}")).await;
        rig.hands.advance(Duration::from_secs(4));
        rig.call("Balance", "").await;
    }
}

#[tokio::test]
async fn a_key_does_what_it_is_permitted_and_no_more() {
    let rig = Rig::with(Setup {
        permissions: [Permission::QueryOpenTrades, Permission::CloseTrades].into(),
        ..Setup::default()
    })
    .await;
    let denied = [
        "Balance",
        "BalanceEx",
        "TradeVolume",
        "ClosedOrders",
        "TradesHistory",
        "QueryTrades",
        "Ledgers",
        "QueryLedgers",
        "GetWebSocketsToken",
        "AddOrder",
        "AddOrderBatch",
    ];
    for endpoint in denied {
        let error = rig.refused(endpoint, "pair=XBTUSD").await;
        assert_eq!(error, "EGeneral:Permission denied", "{endpoint}");
    }
    rig.call("OpenOrders", "").await;
    rig.call("CancelAll", "").await;
    let info = rig.call("GetApiKeyInfo", "").await;
    assert_eq!(
        info["permissions"],
        json!(["query-open-trades", "close-trades"])
    );
}

#[tokio::test]
async fn key_info_has_both_spellings() {
    let rig = Rig::with(Setup {
        nonce_window: 5,
        ..Setup::default()
    })
    .await;
    let info = rig.call("GetApiKeyInfo", "").await;
    assert_eq!(info["nonce"], "1001");
    for (documented, live) in [
        ("apiKeyName", "api_key_name"),
        ("apiKey", "api_key"),
        ("validUntil", "valid_until"),
        ("queryFrom", "query_from"),
        ("queryTo", "query_to"),
        ("createdTime", "created_time"),
        ("modifiedTime", "modified_time"),
        ("ipAllowlist", "ip_allowlist"),
        ("lastUsed", "last_used"),
    ] {
        assert!(!info[live].is_null(), "{live}");
        assert_eq!(info[documented], info[live], "{documented}");
    }
    assert_eq!(
        (&info["nonceWindow"], &info["nonce_window"]),
        (&json!(5), &json!("5"))
    );
    assert_eq!(info["last_used"], "1788249600");
    assert!(!info.to_string().contains(SECRET));
}

#[tokio::test]
async fn a_token_is_the_accounts() {
    let rig = Rig::start().await;
    let answer = rig.call("GetWebSocketsToken", "").await;
    assert_eq!(answer["expires"], 900);
    let token = answer["token"].as_str().unwrap();
    assert_eq!(rig.tokens.check(START, token), Ok(CLIENT));
}

#[tokio::test]
async fn faults_happen_as_armed_and_then_no_more() {
    let rig = Rig::start().await;
    rig.faults
        .arm_rest("Balance", RestFault::Error("EService:Busy".into()), 2);
    rig.faults
        .arm_rest("Balance", RestFault::Status(520, "<html>".into()), 1);
    assert_eq!(rig.refused("Balance", "").await, "EService:Busy");
    assert_eq!(rig.refused("Balance", "").await, "EService:Busy");
    let page = rig.send("POST", "/0/private/Balance", &[], "").await;
    assert_eq!((page.status, page.body.as_str()), (520, "<html>"));
    assert!(page.head.contains("text/html"));
    rig.call("Balance", "").await;
}

#[tokio::test]
async fn an_order_can_be_carried_out_and_never_answered() {
    let rig = Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&cl_ord_id=";
    for (fault, name, placed) in [
        (RestFault::DoThenSilence, "done", true),
        (RestFault::Silence, "undone", false),
    ] {
        rig.faults.arm_rest("AddOrder", fault, 1);
        let fields = format!("{order}{name}");
        let call = rig.form("AddOrder", &fields);
        let unanswered = timeout(Duration::from_millis(300), call).await;
        assert!(unanswered.is_err(), "{unanswered:?}");
        let found = rig.call("OpenOrders", &format!("cl_ord_id={name}")).await;
        assert_eq!(
            found["open"].as_object().unwrap().len(),
            usize::from(placed)
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn replies_come_late_where_that_is_set() {
    let delay = Duration::from_millis(200);
    let rig = Rig::with(Setup {
        reply_delay: delay,
        ..Setup::default()
    })
    .await;
    let call = timeout(Duration::from_millis(100), rig.form("CancelAll", "")).await;
    assert!(call.is_err(), "a trading call waits");
    rig.call("CancelAll", "").await;
    let prompt = timeout(delay / 2, rig.call("Balance", "")).await;
    assert!(prompt.is_ok(), "a query does not");
    rig.faults
        .arm_rest("Balance", RestFault::Delay(delay.into()), 1);
    let late = timeout(delay / 2, rig.form("Balance", "")).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn a_canceled_server_ends_though_a_call_is_open() {
    let rig = Rig::start().await;
    rig.faults.arm_rest("Time", RestFault::Silence, 1);
    let idle = TcpStream::connect(rig.address).await.unwrap();
    let open = timeout(Duration::from_millis(100), rig.public("Time")).await;
    assert!(open.is_err());
    let address = rig.address;
    rig.stop().await;
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn tls_works_and_a_stalled_handshake_holds_up_nobody() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let rig = Rig::with(Setup {
        tls: Some(Arc::new(server)),
        ..Setup::default()
    })
    .await;
    rig.agent(Side::Sell, "BTC/USD", "100.0", "1");
    let _stalled = TcpStream::connect(rig.address).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Connector::new(Arc::new(client));
    let tcp = connector
        .tcp("127.0.0.1", rig.address.port())
        .await
        .unwrap();
    let stream = connector.secure("localhost", tcp).await.unwrap();
    let answer = exchange(stream, "GET", "/0/public/Depth?pair=XBTUSD", &[], "").await;
    let asks = &good(answer.json())["XXBTZUSD"]["asks"];
    assert_eq!(asks[0][0], "100.00000");
}
