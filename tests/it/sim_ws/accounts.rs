//! Accounts and keys of the config, in a whole simulator.

use tokio::net::TcpStream;
use tradingd::{
    io::net::Stream,
    sim::{Settings, matching::Tier},
    types::Decimal,
};

use super::rig::Rig;
use crate::sim_rest::rig::{FORM, SECRET, bad, exchange, good, sign};

/// Two accounts; the second with its own tier, funds and volume, and two keys beside the one that it has anyway.
fn settings() -> Settings {
    let text = format!(
        r#"speed = 0.000001
        accounts = 2
        [[account]]
        number = 2
        tier = "starter"
        funds = {{ USD = "5000.5", BTC = "0.25" }}
        volume = "60000"
        [[keys]]
        account = 2
        name = "reader"
        key = "READER"
        secret = "{SECRET}"
        permissions = ["query-funds"]
        [[keys]]
        account = 2
        name = "derived"
        nonce_window = 7"#
    );
    toml::from_str(&text).unwrap()
}

/// A call with the key `READER`.
async fn read(rig: &Rig, endpoint: &str, nonce: u32, fields: &str) -> serde_json::Value {
    let path = format!("/0/private/{endpoint}");
    let body = format!("nonce={nonce}&{fields}");
    let signature = sign(&path, &nonce.to_string(), &body);
    let headers = [
        ("API-Key", "READER"),
        ("API-Sign", signature.as_str()),
        ("Content-Type", FORM),
    ];
    let stream = TcpStream::connect(rig.sim.addresses().rest).await.unwrap();
    let answer = exchange(Stream::Plain(stream), "POST", &path, &headers, &body).await;
    answer.json()
}

#[tokio::test]
async fn an_account_is_as_described_and_its_keys_open_it() {
    let rig = Rig::start(&settings()).await;
    let balances = good(read(&rig, "Balance", 1, "").await);
    assert_eq!(
        balances,
        serde_json::json!({"XXBT": "0.2500000000", "ZUSD": "5000.5000"})
    );
    let fees = good(read(&rig, "TradeVolume", 2, "pair=XBTUSD").await);
    assert_eq!(fees["volume"], "60000.0000");
    assert_eq!(fees["fees"]["XXBTZUSD"]["fee"], "0.2400");
    let denied = bad(&read(&rig, "OpenOrders", 3, "").await);
    assert_eq!(denied, "EGeneral:Permission denied");
    let info = good(read(&rig, "GetApiKeyInfo", 4, "").await);
    assert_eq!(info["apiKeyName"], "reader");
    assert_eq!(info["permissions"], serde_json::json!(["query-funds"]));

    let tiers: Vec<Tier> = rig.sim.accounts().iter().map(|one| one.tier).collect();
    assert_eq!(tiers, [Tier::Pro, Tier::Starter]);
    let names: Vec<&str> = rig.sim.keys().iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["trading", "trading", "reader", "derived"]);
    assert_eq!(rig.sim.keys()[3].nonce_window, 7);
    assert_eq!(rig.sim.keys()[1].key, rig.sim.accounts()[1].key);
}

#[tokio::test]
async fn volume_survives_a_restart_and_is_credited_once() {
    let directory = tempfile::tempdir().unwrap();
    let volume = |rig: &Rig| -> Decimal {
        let account = rig.sim.accounts()[1].id;
        let now = rig.sim.venue().clock().now();
        rig.sim
            .venue()
            .read(|view| view.exchange.volume(now, account))
    };
    let rig = Rig::with_state(&settings(), Some(directory.path())).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    assert_eq!(volume(&rig), "60000".parse().unwrap());
    let order = r#""order_type":"market","side":"sell","symbol":"BTC/USD","order_qty":0.1"#;
    let now = rig.sim.venue().clock().now();
    let token = rig.sim.tokens().issue(now, rig.sim.accounts()[1].id);
    let (mut client, _other) = rig.private().await;
    let request = format!(r#"{{"method":"add_order","params":{{{order},"token":"{token}"}}}}"#);
    assert_eq!(client.ask(&request).await["success"], true);
    assert_eq!(volume(&rig), "66000".parse().unwrap());
    drop(client);
    rig.sim.shutdown().await;
    let again = Rig::with_state(&settings(), Some(directory.path())).await;
    assert_eq!(volume(&again), "66000".parse().unwrap());
}
