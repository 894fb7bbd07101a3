//! §4.1 and §4.2 Signatures and nonces. Elsewhere: lockouts → `s4_2_lockouts`; passwords → `s4_3_passwords`; keys → `s4_5_keys`;
//! a call that another one overtakes → `sim_rest/bad_answers.rs`.

use super::desk::{call_as, read, two_keys};
use crate::sim_rest::rig::{FORM, JSON, Rig, Setup, bad, good, sign};

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
async fn s4_1_every_way_to_sign_is_accepted_and_every_forgery_refused() {
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
async fn s4_2_a_nonce_window_lets_calls_overtake_each_other_once() {
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
async fn s4_2_every_key_has_nonces_of_its_own() {
    let desk = two_keys().await;
    for (key, nonce, words) in [
        ("A", 900, None),
        ("B", 5, None),
        ("A", 5, Some("EAPI:Invalid nonce")),
        ("B", 6, None),
        ("A", 901, None),
    ] {
        let answer = read(&call_as(&desk, key, nonce, "Balance").await);
        assert_eq!(answer["error"][0].as_str(), words, "{key} {nonce}");
    }
}

#[tokio::test]
async fn s4_2_a_call_with_a_used_nonce_does_nothing() {
    let rig = Rig::start().await;
    let order = "nonce=7&pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    for words in [None, Some("EAPI:Invalid nonce")] {
        let answer = rig.signed("AddOrder", order, 7, FORM).await.json();
        assert_eq!(answer["error"][0].as_str(), words);
    }
    let open = rig.call("OpenOrders", "").await;
    assert_eq!(open["open"].as_object().unwrap().len(), 1);
}
