//! §4 Authentication. Elsewhere: forgeries, nonce windows, permissions, one-time passwords, lockouts → `sim_rest/access.rs` and with their limits.

use serde_json::{Value, json};

use super::shape::like;
use crate::sim_rest::rig::{FORM, JSON, Rig, bad, good, sign};

/// Path, body, kind of body and signature of the vectors.
const VECTORS: [(&str, &str, &str, &str); 4] = [
    (
        "AddOrder",
        "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
        FORM,
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
    ),
    (
        "AddOrder",
        r#"{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
        JSON,
        "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg==",
    ),
    (
        "AddOrder",
        r#"{"nonce":1616492376594,"ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
        JSON,
        "kMkTQfyYJH05IdnWQ9TIqL9Kq+dKqcD5O/TGPPLRwwy1is/YvqEYtMAHf7tXsqwfbLwp7pbzJzWHxzKPnL8rfA==",
    ),
    (
        "GetWebSocketsToken",
        "nonce=1616492376595",
        FORM,
        "9+sByJ+GoGcsG24mbEPvXhxunYLRQw1QCR9Y9Cq+7ZKUbYPOvacooUSLgu56t/gXR+hpWD3RrgSUxfDB6rsBkQ==",
    ),
];
const KEY_INFO: &str = r#"{"error":[],"result":{"apiKeyName":"engine-1","apiKey":"PUBLICKEYPUBLICKEY","nonce":"1788249600123456789","nonceWindow":0,"permissions":["query-funds","create-ws-token"],"iban":"AA00 N84G XXXX XXXX","validUntil":"0","queryFrom":"0","queryTo":"0","createdTime":"1719000000","modifiedTime":"1719000000","ipAllowlist":[],"lastUsed":"1788249600","api_key_name":"engine-1","api_key":"PUBLICKEYPUBLICKEY","nonce_window":"0","valid_until":"0","query_from":"0","query_to":"0","created_time":"1719000000","modified_time":"1719000000","ip_allowlist":[],"last_used":"1788249600"}}"#;

#[tokio::test]
async fn s4_1_the_vectors_are_good_signatures() {
    for (endpoint, body, kind, signature) in VECTORS {
        let rig = Rig::start().await;
        let path = format!("/0/private/{endpoint}");
        let headers = [
            ("API-Key", "KEY"),
            ("API-Sign", signature),
            ("Content-Type", kind),
        ];
        let answer = rig.send("POST", &path, &headers, body).await.json();
        match endpoint {
            // More than the account has: who asked was never in doubt.
            "AddOrder" => assert_eq!(bad(&answer), "EOrder:Insufficient funds"),
            _ => assert_eq!(good(answer)["expires"], 900),
        }
        let changed = body.replace("16164923765", "16164923766");
        let answer = rig.send("POST", &path, &headers, &changed).await.json();
        assert_eq!(bad(&answer), "EAPI:Invalid signature");
    }
}

#[tokio::test]
async fn s4_2_a_nonce_is_an_unsigned_number_of_64_bits_that_rises_by_any_step() {
    let rig = Rig::start().await;
    for (nonce, words) in [
        ("7", None),
        ("7", Some("EAPI:Invalid nonce")),
        ("6", Some("EAPI:Invalid nonce")),
        ("0", Some("EAPI:Invalid nonce")),
        ("-8", Some("EAPI:Invalid nonce")),
        ("8.5", Some("EAPI:Invalid nonce")),
        ("1e3", Some("EAPI:Invalid nonce")),
        ("abc", Some("EAPI:Invalid nonce")),
        ("", Some("EAPI:Invalid nonce")),
        ("1788249600123456789", None),
        ("18446744073709551616", Some("EAPI:Invalid nonce")),
        ("18446744073709551615", None),
        ("18446744073709551615", Some("EAPI:Invalid nonce")),
    ] {
        let (path, body) = ("/0/private/Balance", format!("nonce={nonce}"));
        let signature = sign(path, nonce, &body);
        let headers = [("API-Key", "KEY"), ("API-Sign", signature.as_str())];
        let answer = rig.send("POST", path, &headers, &body).await.json();
        match words {
            None => assert!(answer.get("result").is_some(), "{nonce}: {answer}"),
            Some(words) => assert_eq!(bad(&answer), words, "{nonce}"),
        }
    }
}

#[tokio::test]
async fn s4_2_a_call_that_is_refused_for_its_key_or_signature_takes_no_nonce() {
    let rig = Rig::start().await;
    let (path, body) = ("/0/private/Balance", "nonce=9");
    for (key, signature, words) in [
        ("", sign(path, "9", body), "EAPI:Invalid key"),
        ("UNKNOWN", sign(path, "9", body), "EAPI:Invalid key"),
        ("KEY", String::new(), "EAPI:Invalid signature"),
        (
            "KEY",
            sign("/0/private/BalanceEx", "9", body),
            "EAPI:Invalid signature",
        ),
        ("KEY", sign(path, "9", "nonce=9&"), "EAPI:Invalid signature"),
    ] {
        let headers = [("API-Key", key), ("API-Sign", signature.as_str())];
        assert_eq!(
            bad(&rig.send("POST", path, &headers, body).await.json()),
            words
        );
    }
    let signature = sign(path, "9", body);
    let headers = [("API-Key", "KEY"), ("API-Sign", signature.as_str())];
    good(rig.send("POST", path, &headers, body).await.json());
}

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
