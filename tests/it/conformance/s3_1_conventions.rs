//! §3.1 How REST is spoken. Elsewhere: pages of the network instead of answers → `sim_rest/access.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim_rest::rig::{FORM, JSON, Rig, bad, good, sign};

const ORDER: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

/// Every private endpoint with parameters that it takes: as a form, and as the members of a JSON object.
const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("Balance", "", ""),
    ("BalanceEx", "", ""),
    ("TradeBalance", "asset=ZUSD", r#","asset":"ZUSD""#),
    (
        "TradeVolume",
        "pair=XBTUSD,ETHUSD&fee-info=true",
        r#","pair":"XBTUSD,ETHUSD","fee-info":true"#,
    ),
    (
        "TradeVolume",
        "pair=XBTUSD,ETHUSD",
        r#","pair":["XBTUSD","ETHUSD"]"#,
    ),
    (
        "OpenOrders",
        "trades=true&userref=0",
        r#","trades":true,"userref":0"#,
    ),
    (
        "ClosedOrders",
        "ofs=0&start=1&closetime=both&trades=true",
        r#","ofs":0,"start":1,"closetime":"both","trades":"true""#,
    ),
    (
        "QueryOrders",
        "txid=OAAAAA-BBBBB-CCCCC1,OAAAAA-BBBBB-CCCCC2",
        r#","txid":["OAAAAA-BBBBB-CCCCC1","OAAAAA-BBBBB-CCCCC2"]"#,
    ),
    (
        "TradesHistory",
        "type=all&consolidate_taker=false&without_count=true",
        r#","type":"all","consolidate_taker":false,"without_count":true"#,
    ),
    (
        "QueryTrades",
        "txid=TAAAAA-BBBBB-CCCCC1",
        r#","txid":"TAAAAA-BBBBB-CCCCC1""#,
    ),
    ("OpenPositions", "docalcs=true", r#","docalcs":true"#),
    (
        "Ledgers",
        "asset=all&aclass=currency&type=trade",
        r#","asset":"all","aclass":"currency","type":"trade""#,
    ),
    (
        "QueryLedgers",
        "id=LAAAAA-BBBBB-CCCCC1",
        r#","id":"LAAAAA-BBBBB-CCCCC1""#,
    ),
    ("CancelAll", "", ""),
    ("CancelAllOrdersAfter", "timeout=60", r#","timeout":60"#),
    ("CancelAllOrdersAfter", "timeout=60", r#","timeout":"60""#),
    (
        "AddOrder",
        "pair=XBTUSD&type=buy&ordertype=limit&price=100.0&volume=0.0100&validate=true&userref=5",
        r#","pair":"XBTUSD","type":"buy","ordertype":"limit","price":100.0,"volume":0.0100,"validate":true,"userref":5"#,
    ),
    (
        "AddOrder",
        "pair=XBTUSD&type=buy&ordertype=limit&price=100.0&volume=0.0100&validate=true&userref=5",
        r#","pair":"XBTUSD","type":"buy","ordertype":"limit","price":"100.0","volume":"0.0100","validate":"true","userref":"5""#,
    ),
    (
        "AddOrderBatch",
        "pair=XBTUSD&validate=true&orders[0][type]=buy&orders[0][ordertype]=limit&orders[0][price]=100&orders[0][volume]=0.01&orders[1][type]=sell&orders[1][ordertype]=market&orders[1][volume]=0.02",
        r#","pair":"XBTUSD","validate":true,"orders":[{"type":"buy","ordertype":"limit","price":"100","volume":0.01},{"type":"sell","ordertype":"market","volume":"0.02"}]"#,
    ),
];

#[tokio::test]
async fn s3_1_every_private_endpoint_takes_forms_and_json_alike() {
    let rig = Rig::start().await;
    rig.agent(tradingd::types::Side::Buy, "BTC/USD", "60000.0", "1");
    for (endpoint, form, members) in ENDPOINTS {
        rig.hands.advance(Duration::from_secs(10));
        let nonce = rig.next_nonce();
        let form = format!("{form}&nonce={nonce}");
        let one = good(rig.signed(endpoint, &form, nonce, FORM).await.json());
        for quote in ["", "\""] {
            let nonce = rig.next_nonce();
            let body = format!(r#"{{"nonce":{quote}{nonce}{quote}{members}}}"#);
            let other = good(rig.signed(endpoint, &body, nonce, JSON).await.json());
            assert_eq!(one, other, "{endpoint} {body}");
        }
    }
}

#[tokio::test]
async fn s3_1_a_body_is_read_for_what_it_is_whatever_it_is_called() {
    let rig = Rig::start().await;
    for (kind, json) in [
        ("application/x-www-form-urlencoded; charset=utf-8", false),
        ("text/plain", false),
        ("", false),
        ("application/octet-stream", false),
        ("application/json; charset=utf-8", true),
        ("text/json", true),
        ("application/x-www-form-urlencoded", true),
        ("", true),
    ] {
        let nonce = rig.next_nonce();
        let body = if json {
            format!(r#"{{"asset":"ZUSD","nonce":"{nonce}"}}"#)
        } else {
            format!("asset=ZUSD&nonce={nonce}")
        };
        good(rig.signed("TradeBalance", &body, nonce, kind).await.json());
    }
    let nonce = rig.next_nonce();
    for body in [
        format!("nonce={nonce}"),
        "[]".to_owned(),
        "{\"nonce\":".to_owned(),
        "null".to_owned(),
    ] {
        let answer = rig.signed("Balance", &body, nonce, JSON).await.json();
        assert_eq!(bad(&answer), "EAPI:Bad request", "{body}");
    }
    let unsigned = rig.send("POST", "/0/private/Balance", &[], "nonce=1").await;
    assert_eq!(
        (unsigned.status, bad(&unsigned.json())),
        (200, "EAPI:Invalid key".to_owned())
    );
}

#[tokio::test]
async fn s3_1_parameters_that_nobody_knows_are_ignored() {
    let rig = Rig::start().await;
    let odd = "ascending=true&x=&=y&&a[b][c]=d&rebase_multiplier=base&asset_class=currency";
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&validate=true";
    good(rig.form("AddOrder", &format!("{order}&{odd}")).await);
    for (endpoint, fields) in [("Balance", ""), ("OpenOrders", ""), ("ClosedOrders", "")] {
        good(rig.form(endpoint, &format!("{fields}&{odd}")).await);
    }
    good(rig.public(&format!("Time?{odd}")).await);
    good(rig.public(&format!("Ticker?pair=XBTUSD&{odd}")).await);
}

#[tokio::test]
async fn s3_1_public_calls_are_got_or_posted_with_either_body() {
    let rig = Rig::start().await;
    let got = rig.ask("AssetPairs?pair=XBTUSD").await;
    for (kind, path, body) in [
        (FORM, "AssetPairs", "pair=XBTUSD"),
        (JSON, "AssetPairs", r#"{"pair":"XBTUSD"}"#),
        (FORM, "AssetPairs?pair=XBTUSD", ""),
        ("", "AssetPairs", "pair=XBTUSD"),
    ] {
        let headers = [("Content-Type", kind)];
        let answer = rig
            .send("POST", &format!("/0/public/{path}"), &headers, body)
            .await;
        assert_eq!(good(answer.json()), got, "{kind} {path}");
    }
}

#[tokio::test]
async fn s3_1_an_unknown_endpoint_is_an_unknown_method_with_status_200() {
    let rig = Rig::start().await;
    for (method, path) in [
        ("GET", "/0/public/Nothing"),
        ("GET", "/0/public/time"),
        ("GET", "/0/public/"),
        ("GET", "/0/public/Balance"),
        ("POST", "/0/private/Nothing"),
        ("POST", "/0/private/Time"),
        ("POST", "/0/private/balance"),
        ("POST", "/0/private/Balance/"),
        ("POST", "/0/private/"),
        ("GET", "/0/elsewhere/Time"),
        ("GET", "/0/"),
    ] {
        let answer = rig.send(method, path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.json(),
            json!({"error": ["EGeneral:Unknown method"]}),
            "{path}"
        );
        assert!(
            answer
                .head
                .to_lowercase()
                .contains("content-type: application/json"),
            "{}",
            answer.head
        );
    }
    // What is not below the API's path is not the API's.
    assert_eq!(rig.send("GET", "/", &[], "").await.status, 404);
}

#[tokio::test]
async fn s3_1_a_private_call_that_is_got_is_nobodys() {
    let rig = Rig::start().await;
    let path = "/0/private/Balance";
    let signature = sign(path, "5", "nonce=5");
    let headers = [("API-Key", "KEY"), ("API-Sign", signature.as_str())];
    let answer = rig
        .send("GET", "/0/private/Balance?nonce=5", &headers, "")
        .await;
    assert_eq!(bad(&answer.json()), "EAPI:Invalid nonce");
}

#[tokio::test]
async fn s3_1_a_body_larger_than_any_call_is_turned_away_by_the_network() {
    let rig = Rig::start().await;
    let body = format!("nonce=1&x={}", "y".repeat((1 << 20) + 1));
    let answer = rig.send("POST", "/0/private/Balance", &[], &body).await;
    assert_eq!(answer.status, 413);
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());
    good(rig.form("Balance", "").await);
}

#[tokio::test]
async fn s3_1_amounts_are_texts_and_times_are_numbers() {
    let rig = Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    let id = rig.call("AddOrder", order).await["txid"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let text = rig.signed_text("OpenOrders", "").await;
    assert!(text.contains(r#""opentm":1788249600.000000,"#), "{text}");
    let row = rig.call("OpenOrders", "").await["open"][&id].clone();
    for amount in [
        "vol",
        "vol_exec",
        "cost",
        "fee",
        "price",
        "stopprice",
        "limitprice",
    ] {
        assert!(row[amount].is_string(), "{amount}");
    }
    assert!(row["starttm"].is_u64() && row["expiretm"].is_u64());
}

#[tokio::test]
async fn s3_1_a_text_that_is_no_boolean_places_nothing() {
    let rig = Rig::start().await;
    for (text, placed) in [("TRUE", false), ("1", false), ("False", true), ("0", true)] {
        let added = rig
            .call("AddOrder", &format!("{ORDER}&validate={text}"))
            .await;
        assert_eq!(added.get("txid").is_some(), placed, "{text}");
    }
    let error = "EGeneral:Invalid arguments:validate";
    assert_eq!(
        rig.refused("AddOrder", &format!("{ORDER}&validate=yes"))
            .await,
        error
    );
}

#[tokio::test]
async fn s3_1_what_changes_an_order_takes_forms_with_nested_keys_and_json_alike() {
    let rig = Rig::start().await;
    for (endpoint, form, members) in [
        (
            "AmendOrder",
            "txid=ID&order_qty=0.03",
            r#","txid":"ID","order_qty":0.03"#,
        ),
        (
            "EditOrder",
            "txid=ID&pair=XBTUSD&volume=0.03",
            r#","txid":"ID","pair":"XBTUSD","volume":"0.03""#,
        ),
        ("OrderAmends", "order_id=ID", r#","order_id":"ID""#),
        ("CancelOrder", "txid=ID", r#","txid":"ID""#),
        ("CancelOrderBatch", "orders[0]=ID", r#","orders":["ID"]"#),
        (
            "Level3",
            "pair=XBTUSD&depth=250",
            r#","pair":"XBTUSD","depth":250"#,
        ),
        ("GetWebSocketsToken", "", ""),
        ("GetApiKeyInfo", "", ""),
    ] {
        for json in [false, true] {
            rig.hands.advance(Duration::from_secs(60));
            let added = rig.call("AddOrder", ORDER).await;
            let id = added["txid"][0].as_str().unwrap();
            let nonce = rig.next_nonce();
            let (body, kind) = match json {
                true => (format!(r#"{{"nonce":{nonce}{members}}}"#), JSON),
                false => (format!("nonce={nonce}&{form}"), FORM),
            };
            let body = body.replace("ID", id);
            good(rig.signed(endpoint, &body, nonce, kind).await.json());
        }
    }
}
