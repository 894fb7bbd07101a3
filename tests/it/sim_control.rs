//! The control endpoint of the simulated Kraken, over a real socket, as a test in any language would use it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tradingd::sim::{Settings, SimError, Simulator, market::Regime};

use crate::{
    sim_ws::rig::{Rig, of, quiet, rows},
    support::{clock, within, ws::Ended},
};

async fn controlled() -> Rig {
    let settings = Settings {
        control_addr: Some("127.0.0.1:0".parse().unwrap()),
        ..quiet()
    };
    Rig::start(&settings).await
}

/// Sends a request with these header lines and returns status and body.
async fn send(address: SocketAddr, head: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}Host: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    (status, body)
}

async fn call(rig: &Rig, method: &str, path: &str, body: Value) -> (u16, Value) {
    let address = rig.sim.addresses().control.unwrap();
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    send(address, &head, body.as_bytes()).await
}

/// The body of a call that succeeds.
async fn good(rig: &Rig, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = call(rig, method, path, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn faults_are_armed_listed_taken_back_and_happen() {
    let rig = controlled().await;
    let mut client = rig.public().await;
    let rule = json!({"kind": "error", "on": "ping", "text": "EService:Busy", "times": 2});
    let armed = good(&rig, "POST", "/faults", rule).await;
    assert_eq!(
        (&armed["kind"], &armed["times"]),
        (&json!("error"), &json!(2))
    );
    let pong = client.ask("{\"method\":\"ping\"}").await;
    assert_eq!(pong["error"], "EService:Busy");
    let listed = good(&rig, "GET", "/faults", Value::Null).await;
    assert_eq!(listed["faults"][0]["id"], armed["id"]);
    assert_eq!(listed["faults"][0]["times"], 1, "what is left of it");
    let path = format!("/faults/{}", armed["id"]);
    good(&rig, "DELETE", &path, Value::Null).await;
    assert_eq!(client.ask("{\"method\":\"ping\"}").await["method"], "pong");
    let (status, answer) = call(&rig, "DELETE", &path, Value::Null).await;
    assert_eq!(status, 404, "{answer}");
    let dropped = json!({"kind": "drop", "on": "public"});
    good(&rig, "POST", "/faults", dropped).await;
    assert!(matches!(client.end().await, Ended::Broken));
    for _ in 0..3 {
        good(
            &rig,
            "POST",
            "/faults",
            json!({"kind": "ignore", "on": "ping"}),
        )
        .await;
    }
    let disarmed = good(&rig, "DELETE", "/faults", Value::Null).await;
    assert_eq!(disarmed["disarmed"], 3);
    assert_eq!(rig.sim.faults().armed(), 0);
}

#[tokio::test]
async fn the_market_becomes_another_one_when_it_is_asked_to() {
    let rig = controlled().await;
    let thin = json!({"regime": "thin", "pair": "XBT/USD"});
    let told = good(&rig, "POST", "/regime", thin).await;
    assert_eq!(told["regimes"]["BTC/USD"], "thin");
    assert_eq!(told["regimes"]["ETH/USD"], "normal");
    let all = good(&rig, "POST", "/regime", json!({"regime": "gap"})).await;
    assert_eq!(all["regimes"]["BTC/USD"], "gap");
    assert_eq!(good(&rig, "GET", "/regime", Value::Null).await, all);
    assert_eq!(rig.sim.regimes().of(rig.pair("ETH/USD")), Regime::Gap);
}

#[tokio::test]
async fn statuses_and_announcements_are_told_to_whoever_is_connected() {
    let rig = controlled().await;
    let mut client = rig.public().await;
    let status = json!({"status": "post_only", "at": "0s"});
    let statuses = good(&rig, "POST", "/status", status).await;
    assert_eq!(statuses["system"], "post_only");
    let frame = client.until(of("status")).await;
    assert_eq!(rows(&frame)[0]["system"], "post_only");
    let later = json!({"status": "limit_only", "pair": "ETH/USD", "at": "1h"});
    let statuses = good(&rig, "POST", "/status", later).await;
    assert_eq!(statuses["pairs"]["ETH/USD"], "online");
    assert_eq!(statuses["planned"][0]["pair"], "ETH/USD");
    let cleared = good(&rig, "DELETE", "/status", Value::Null).await;
    assert_eq!(cleared["canceled"], 1);
    let announced = json!({"status": "maintenance", "at": "1h", "title": "never"});
    good(&rig, "POST", "/status", announced).await;
    let frame = client.until(of("status")).await;
    assert_eq!(rows(&frame)[0]["upcoming_maintenance"][0]["title"], "never");
    good(&rig, "DELETE", "/status", Value::Null).await;
    let frame = client.until(of("status")).await;
    assert_eq!(rows(&frame)[0]["upcoming_maintenance"], json!([]));
    let window =
        json!({"title": "x", "starts_in": "10m", "lasts": "5m", "order_submission": "blocked"});
    let announced = good(&rig, "POST", "/maintenance", window).await;
    let frame = client.until(of("status")).await;
    let told = &rows(&frame)[0]["upcoming_maintenance"][0];
    assert_eq!(
        (&told["phase"], &told["order_submission"]),
        (&json!("approaching_30m"), &json!("blocked"))
    );
    let listed = good(&rig, "GET", "/maintenance", Value::Null).await;
    assert_eq!(listed["maintenance"][0]["event_id"], announced["event_id"]);
    let path = format!("/maintenance/{}", announced["event_id"]);
    good(&rig, "DELETE", &path, Value::Null).await;
    client.until(of("status")).await;
    let incident = json!({"title": "y", "impact": "critical"});
    let id = good(&rig, "POST", "/emergency", incident).await["event_id"].clone();
    let frame = client.until(of("status")).await;
    assert_eq!(rows(&frame)[0]["emergency"][0]["impact"], "critical");
    good(&rig, "DELETE", &format!("/emergency/{id}"), Value::Null).await;
    let frame = client.until(of("status")).await;
    assert_eq!(rows(&frame)[0]["emergency"], json!([]));
}

#[tokio::test]
async fn tokens_switches_orders_and_the_clock_are_within_reach() {
    let rig = controlled().await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let add = json!({"method": "add_order", "params": {"symbol": "BTC/USD", "side": "buy", "order_type": "limit", "order_qty": 0.02, "limit_price": 50000.0, "token": token}});
    let placed = client.ask(&add.to_string()).await;
    let id = placed["result"]["order_id"].as_str().unwrap();
    let path = format!("/orders/{id}/fill");
    good(&rig, "POST", &path, json!({"part": "0.5"})).await;
    let trade = client
        .until(|frame| frame["data"][0]["exec_type"] == "trade")
        .await;
    assert_eq!(rows(&trade)[0]["last_qty"], 0.01);
    let (status, _) = call(
        &rig,
        "POST",
        "/orders/OAAAAA-AAAAA-AAAAAA/fill",
        json!({"part": "1"}),
    )
    .await;
    assert_eq!(status, 404);
    let wind =
        json!({"method": "cancel_all_orders_after", "params": {"timeout": 600, "token": token}});
    assert_eq!(client.ask(&wind.to_string()).await["success"], true);
    let fired = good(&rig, "POST", "/switches/fire", Value::Null).await;
    assert_eq!(fired["fired"], 1);
    client
        .until(|frame| frame["data"][0]["exec_type"] == "canceled")
        .await;
    good(&rig, "POST", "/tokens/void", Value::Null).await;
    assert_eq!(
        client.ask(&add.to_string()).await["error"],
        "EAPI:Invalid token"
    );
    let clock = good(&rig, "POST", "/clock", json!({"skew": "1m 30s"})).await;
    assert_eq!(clock["skew"], "1m 30s");
    let before = rig.sim.controls().skew.right().now();
    assert!(rig.sim.venue().clock().now().since(before).as_secs() >= 90);
    let clock = good(&rig, "POST", "/clock", json!({"skew": "-2s"})).await;
    assert_eq!(clock["skew"], "-2s");
}

#[tokio::test]
async fn the_state_is_readable() {
    let rig = controlled().await;
    let _clients = [
        rig.public().await,
        rig.public().await,
        rig.private().await.0,
    ];
    good(
        &rig,
        "POST",
        "/faults",
        json!({"kind": "sparse", "on": "private", "rate": 0.5}),
    )
    .await;
    let state = good(&rig, "GET", "/state", Value::Null).await;
    let connections = json!({"public": 2, "private": 1, "level3": 0});
    assert_eq!(state["connections"], connections);
    assert_eq!(state["refused"]["connections"], 0);
    assert_eq!(state["system"], "online");
    assert_eq!(state["pairs"]["BTC/USD"], "online");
    assert_eq!(state["faults"][0]["rate"], 0.5);
    assert_eq!(
        (&state["maintenance"], &state["skew"]),
        (&json!([]), &json!("0s"))
    );
    assert!(state["now"].as_str().unwrap().starts_with("2026-09-01T08:"));
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_with_what_is_allowed_and_changes_nothing() {
    let rig = controlled().await;
    for (method, path, body, status, told) in [
        (
            "POST",
            "/faults",
            json!({"kind": "explode", "on": "public"}),
            400,
            "`half_close`",
        ),
        (
            "POST",
            "/faults",
            json!({"kind": "drop"}),
            400,
            "missing field `on`",
        ),
        (
            "POST",
            "/faults",
            json!({"kind": "drop", "on": "third"}),
            400,
            "public, private and level3",
        ),
        ("POST", "/faults", Value::Null, 400, "a JSON object"),
        ("POST", "/faults", json!([]), 400, "a JSON object"),
        (
            "POST",
            "/status",
            json!({"status": "closed"}),
            400,
            "`maintenance`",
        ),
        (
            "POST",
            "/status",
            json!({"status": "online", "pair": "A/B"}),
            400,
            "A/B",
        ),
        (
            "POST",
            "/maintenance",
            json!({"title": "x"}),
            400,
            "starts_in",
        ),
        (
            "POST",
            "/emergency",
            json!({"title": "x", "impact": "bad"}),
            400,
            "`critical`",
        ),
        ("POST", "/clock", json!({"skew": "25h"}), 400, "a day"),
        ("POST", "/clock", json!({"skew": "late"}), 400, "250ms"),
        ("DELETE", "/faults/x", Value::Null, 400, "number"),
        ("PUT", "/faults", Value::Null, 405, "POST /faults"),
        ("GET", "/fault", Value::Null, 404, "GET /faults"),
        ("GET", "/", Value::Null, 404, "GET /state"),
    ] {
        let (got, answer) = call(&rig, method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(
            answer.to_string().contains(told),
            "{method} {path}: {answer}"
        );
    }
    assert_eq!(rig.sim.faults().armed(), 0);
    let clock = good(&rig, "GET", "/clock", Value::Null).await;
    assert_eq!(clock["skew"], "0s");
}

#[tokio::test]
async fn a_status_that_cannot_be_announced_is_not_planned_either() {
    let rig = controlled().await;
    for _ in 0..100 {
        let window = json!({"title": "x", "starts_in": "10m"});
        good(&rig, "POST", "/maintenance", window).await;
    }
    let titled = json!({"status": "maintenance", "at": "1h", "title": "one too many"});
    let (status, answer) = call(&rig, "POST", "/status", titled).await;
    assert_eq!(status, 400, "{answer}");
    let planned = good(&rig, "GET", "/status", Value::Null).await;
    assert_eq!(planned["planned"], json!([]));
}

#[tokio::test]
async fn browsers_and_large_bodies_are_refused() {
    let rig = controlled().await;
    let address = rig.sim.addresses().control.unwrap();
    let head = "GET /state HTTP/1.1\r\nOrigin: https://example.com\r\n";
    let (status, answer) = send(address, head, b"").await;
    assert_eq!(status, 403, "{answer}");
    let body = vec![b' '; 70_000];
    let head = format!(
        "POST /faults HTTP/1.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    let (status, answer) = send(address, &head, &body).await;
    assert_eq!(status, 413, "{answer}");
}

#[tokio::test]
async fn it_listens_on_the_loopback_only_and_only_if_asked() {
    let rig = Rig::start(&quiet()).await;
    assert_eq!(rig.sim.addresses().control, None);
    let open = Settings {
        control_addr: Some("0.0.0.0:0".parse().unwrap()),
        ..quiet()
    };
    let refused = Simulator::start(&open, None, clock()).await;
    assert!(matches!(refused, Err(SimError::Control(_))));
}
