//! §4.5 What a key may do, where, until when, and what `GetApiKeyInfo` tells of it. Elsewhere: the socket → `s4_5_tokens`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::server::auth::Permission::{self, *},
    types::Side,
};

use super::shape::like;
use crate::sim_rest::rig::{Rig, SECRET, START, Setup};

const KEY_INFO: &str = r#"{"error":[],"result":{"apiKeyName":"engine-1","apiKey":"PUBLICKEYPUBLICKEY","nonce":"1788249600123456789","nonceWindow":0,"permissions":["query-funds","create-ws-token"],"iban":"AA00 N84G XXXX XXXX","validUntil":"0","queryFrom":"0","queryTo":"0","createdTime":"1719000000","modifiedTime":"1719000000","ipAllowlist":[],"lastUsed":"1788249600","api_key_name":"engine-1","api_key":"PUBLICKEYPUBLICKEY","nonce_window":"0","valid_until":"0","query_from":"0","query_to":"0","created_time":"1719000000","modified_time":"1719000000","ip_allowlist":[],"last_used":"1788249600"}}"#;

#[tokio::test]
async fn s4_5_key_info_has_both_spellings_and_the_last_nonce() {
    let rig = Rig::start().await;
    let text = rig.signed_text("GetApiKeyInfo", "").await;
    like(KEY_INFO).check(&text);
    let info: Value = serde_json::from_str(&text).unwrap();
    let info = &info["result"];
    assert_eq!(info["nonce"], "1001");
    assert_eq!(
        (&info["nonceWindow"], &info["nonce_window"]),
        (&json!(0), &json!("0"))
    );
    for permission in [
        "query-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "create-ws-token",
    ] {
        assert!(
            info["permissions"]
                .as_array()
                .unwrap()
                .contains(&json!(permission)),
            "{permission}"
        );
    }
}

#[tokio::test]
async fn s4_5_key_info_is_the_same_in_both_spellings() {
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
async fn s4_5_a_key_is_used_where_it_may_be_and_until_it_ends() {
    let elsewhere =
        Rig::with_key(|key| key.ip_allowlist = vec!["203.0.113.7".parse().unwrap()]).await;
    assert_eq!(
        elsewhere.refused("Balance", "").await,
        "EGeneral:Permission denied"
    );
    let here = Rig::with_key(|key| {
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
async fn s4_5_a_key_of_a_part_of_the_past_sees_no_other() {
    let rig = Rig::with_key(|key| {
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

/// Every private endpoint, and the sets of permissions each of which is enough.
const NEEDS: &[(&str, &[&[Permission]])] = &[
    ("Balance", &[&[QueryFunds]]),
    ("BalanceEx", &[&[QueryFunds]]),
    ("TradeVolume", &[&[QueryFunds]]),
    ("TradeBalance", &[&[QueryOpenTrades]]),
    ("OpenOrders", &[&[QueryOpenTrades]]),
    ("OpenPositions", &[&[QueryOpenTrades]]),
    ("Level3", &[&[QueryOpenTrades]]),
    ("QueryOrders", &[&[QueryOpenTrades], &[QueryClosedTrades]]),
    ("ClosedOrders", &[&[QueryClosedTrades]]),
    ("TradesHistory", &[&[QueryClosedTrades]]),
    ("QueryTrades", &[&[QueryClosedTrades]]),
    ("Ledgers", &[&[QueryLedger]]),
    ("QueryLedgers", &[&[QueryLedger]]),
    ("GetWebSocketsToken", &[&[CreateWsToken]]),
    ("AddOrder", &[&[ModifyTrades]]),
    ("AmendOrder", &[&[ModifyTrades], &[CloseTrades]]),
    ("CancelOrder", &[&[ModifyTrades], &[CloseTrades]]),
    ("CancelOrderBatch", &[&[ModifyTrades], &[CloseTrades]]),
    ("CancelAll", &[&[ModifyTrades], &[CloseTrades]]),
    ("CancelAllOrdersAfter", &[&[ModifyTrades], &[CloseTrades]]),
    ("AddOrderBatch", &[&[ModifyTrades, CloseTrades]]),
    ("EditOrder", &[&[ModifyTrades, CloseTrades]]),
    ("GetApiKeyInfo", &[&[]]),
];

#[tokio::test]
async fn s4_5_every_endpoint_asks_for_its_permissions_and_no_others() {
    let one = Permission::TRADING.map(|one| vec![one]);
    let sets = one
        .into_iter()
        .chain([vec![], vec![ModifyTrades, CloseTrades]]);
    for permissions in sets {
        let rig = Rig::with(Setup {
            permissions: permissions.iter().copied().collect(),
            ..Setup::default()
        })
        .await;
        for (endpoint, enough) in NEEDS {
            rig.hands.advance(Duration::from_secs(10));
            let answer = rig.form(endpoint, "pair=XBTUSD").await;
            // What else is missing is told to those alone who may ask.
            let denied = answer["error"] == json!(["EGeneral:Permission denied"]);
            let may = |set: &&[Permission]| set.iter().all(|one| permissions.contains(one));
            let allowed = enough.iter().any(may);
            assert_eq!(!denied, allowed, "{endpoint} {permissions:?}: {answer}");
        }
        let info = rig.call("GetApiKeyInfo", "").await;
        assert_eq!(info["permissions"], json!(permissions));
    }
}
