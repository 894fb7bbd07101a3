//! Statuses of the venue and of pairs, planned and at once, and what is announced, as a client meets them.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::{Settings, notices::NewMaintenance, plan::StatusRule},
    types::TradingStatus,
};

use super::rig::{Rig, of, quiet, rows};
use crate::support::{
    within,
    ws::{Client, Ended},
};

fn rule(rule: Value) -> StatusRule {
    serde_json::from_value(rule).unwrap()
}

fn order(more: Value, token: &str) -> String {
    let mut params = json!({"symbol": "BTC/USD", "side": "buy", "order_type": "limit", "order_qty": 0.01, "limit_price": 50000.0, "token": token});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    if params["order_type"] == "market" || params["order_type"] == "stop-loss" {
        params.as_object_mut().unwrap().remove("limit_price");
    }
    json!({"method": "add_order", "params": params}).to_string()
}

async fn trading() -> (Rig, Client, String) {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (client, token) = rig.trader().await;
    (rig, client, token)
}

fn amend(id: &Value, token: &str) -> String {
    json!({"method": "amend_order", "params": {"order_id": id, "order_qty": 0.02, "token": token}})
        .to_string()
}

fn edit(id: &Value, token: &str) -> String {
    json!({"method": "edit_order", "params": {"order_id": id, "symbol": "BTC/USD", "order_qty": 0.03, "limit_price": 50000.0, "token": token}})
        .to_string()
}

fn cancel(id: &Value, token: &str) -> String {
    json!({"method": "cancel_order", "params": {"order_id": [id], "token": token}}).to_string()
}

#[tokio::test]
async fn s6_2_each_status_lets_through_what_it_should_on_the_whole_venue_and_on_a_pair() {
    let unavailable = "EService:Unavailable";
    let cancel_only = "EService:Market in cancel_only mode";
    let reduce_only = "EOrder:Reduce only:No position exists";
    let limit_only = "EService:Market in limit_only mode";
    let post_only = "EService:Market in post_only mode";
    // Limit, post-only limit, market, stop-loss, stop-loss-limit, amend, edit, cancel; "" is let through.
    let cases: [(TradingStatus, [&str; 8]); 6] = [
        (TradingStatus::Online, [""; 8]),
        (
            TradingStatus::LimitOnly,
            ["", "", limit_only, limit_only, "", "", "", ""],
        ),
        (
            TradingStatus::PostOnly,
            [post_only, "", post_only, post_only, post_only, "", "", ""],
        ),
        (
            TradingStatus::CancelOnly,
            [
                cancel_only,
                cancel_only,
                cancel_only,
                cancel_only,
                cancel_only,
                cancel_only,
                cancel_only,
                "",
            ],
        ),
        (
            TradingStatus::ReduceOnly,
            [
                reduce_only,
                reduce_only,
                reduce_only,
                reduce_only,
                reduce_only,
                reduce_only,
                reduce_only,
                "",
            ],
        ),
        (TradingStatus::Maintenance, [unavailable; 8]),
    ];
    let (rig, mut client, token) = trading().await;
    let pair = rig.pair("BTC/USD");
    for of_pair in [false, true] {
        for (status, texts) in cases {
            if status == TradingStatus::ReduceOnly && !of_pair {
                continue;
            }
            let standing = client.ask(&order(json!({}), &token)).await;
            let id = standing["result"]["order_id"].clone();
            if of_pair {
                rig.sim.set_pair_status(pair, status);
            } else {
                rig.sim.set_system_status(status);
            }
            let stop = json!({"reference": "last", "price": 70000.0});
            let requests = [
                order(json!({}), &token),
                order(json!({"post_only": true}), &token),
                order(json!({"order_type": "market", "order_qty": 0.0001}), &token),
                order(json!({"order_type": "stop-loss", "triggers": stop}), &token),
                order(
                    json!({"order_type": "stop-loss-limit", "triggers": stop}),
                    &token,
                ),
                amend(&id, &token),
                edit(&id, &token),
            ];
            let mut last = id.clone();
            for (request, text) in requests.iter().zip(texts) {
                let answer = client.ask(request).await;
                let error = answer["error"].as_str().unwrap_or_default();
                assert_eq!(error, text, "{status:?} {of_pair} {request}");
                if answer["method"] == "edit_order" && text.is_empty() {
                    last = answer["result"]["order_id"].clone();
                }
            }
            let answer = client.ask(&cancel(&last, &token)).await;
            let error = answer["error"].as_str().unwrap_or_default();
            assert_eq!(error, texts[7], "{status:?} {of_pair} cancel");
            rig.sim.set_pair_status(pair, TradingStatus::Online);
            rig.sim.set_system_status(TradingStatus::Online);
            let all = json!({"method": "cancel_all", "params": {"token": token}});
            assert_eq!(client.ask(&all.to_string()).await["success"], true);
        }
    }
}

#[tokio::test]
async fn s6_2_a_batch_that_the_market_takes_nothing_of_is_refused_as_a_whole() {
    let (rig, mut client, token) = trading().await;
    let limit = |post_only: bool| {
        json!({
            "order_type": "limit", "side": "buy", "order_qty": 0.01, "limit_price": 50000.0, "post_only": post_only,
        })
    };
    let batch = |second: bool| {
        let orders = json!([limit(false), limit(second)]);
        json!({"method": "batch_add", "params": {"symbol": "BTC/USD", "orders": orders, "token": token}}).to_string()
    };
    for (status, error) in [
        (
            TradingStatus::CancelOnly,
            "EService:Market in cancel_only mode",
        ),
        (TradingStatus::PostOnly, "EService:Market in post_only mode"),
        (TradingStatus::Maintenance, "EService:Unavailable"),
    ] {
        rig.sim.set_system_status(status);
        let answer = client.ask(&batch(false)).await;
        assert_eq!(answer["error"], error);
        assert!(answer.get("result").is_none(), "{answer}");
    }
    // One that it takes makes it an answer order by order.
    rig.sim.set_system_status(TradingStatus::PostOnly);
    let answer = client.ask(&batch(true)).await;
    assert_eq!(
        answer["result"][0]["error"],
        "EService:Market in post_only mode"
    );
    assert!(answer["result"][1]["order_id"].is_string(), "{answer}");
}

#[tokio::test]
async fn s2_8_a_switch_that_is_due_under_maintenance_goes_off_on_return() {
    let (rig, mut client, token) = trading().await;
    assert_eq!(client.ask(&order(json!({}), &token)).await["success"], true);
    let wind =
        json!({"method": "cancel_all_orders_after", "params": {"timeout": 1, "token": token}});
    assert_eq!(client.ask(&wind.to_string()).await["success"], true);
    rig.sim.set_system_status(TradingStatus::Maintenance);
    assert_eq!(
        client.ask(&wind.to_string()).await["error"],
        "EService:Unavailable"
    );
    let silent = tokio::time::timeout(
        Duration::from_millis(1_500),
        client.until(|frame| frame["data"][0]["exec_type"] == "canceled"),
    );
    assert!(silent.await.is_err(), "nothing can be canceled");
    let account = rig.sim.accounts()[0].id;
    let venue = rig.sim.venue();
    assert_eq!(
        venue.read(|view| view.exchange.open_orders(account).count()),
        1
    );
    rig.sim.set_system_status(TradingStatus::CancelOnly);
    let canceled = client
        .until(|frame| frame["data"][0]["exec_type"] == "canceled")
        .await;
    assert_eq!(rows(&canceled)[0]["reason"], "Cancel all orders after");
}

#[tokio::test]
async fn s6_2_a_delisted_pair_leaves_with_its_orders_and_tells_it() {
    let (rig, mut client, token) = trading().await;
    let mut public = rig.public().await;
    let subscribe = r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":false}}"#;
    assert_eq!(public.ask(subscribe).await["success"], true);
    assert_eq!(client.ask(&order(json!({}), &token)).await["success"], true);
    let delist = rule(json!({"status": "delisted", "pair": "BTC/USD"}));
    rig.sim.controls().schedule(&delist).unwrap();
    let canceled = client
        .until(|frame| frame["data"][0]["exec_type"] == "canceled")
        .await;
    assert_eq!(rows(&canceled)[0]["order_status"], "canceled");
    let update = public.until(of("instrument")).await;
    assert_eq!(update["data"]["pairs"][0]["status"], "delisted");
    let pair = rig.pair("BTC/USD");
    let levels = |side| {
        let venue = rig.sim.venue();
        venue.read(|view| view.exchange.levels(pair, side).count())
    };
    assert_eq!(levels(tradingd::types::Side::Buy), 0);
    assert_eq!(levels(tradingd::types::Side::Sell), 0);
    let refused = client.ask(&order(json!({}), &token)).await;
    assert_eq!(refused["error"], "EService:Unavailable");
    let waits = rule(json!({"status": "work_in_progress", "pair": "ETH/USD"}));
    rig.sim.controls().schedule(&waits).unwrap();
    let update = public.until(of("instrument")).await;
    assert_eq!(update["data"]["pairs"][0]["status"], "work_in_progress");
}

#[tokio::test]
async fn s6_2_a_planned_restart_is_announced_ends_sockets_and_tokens_and_passes_every_phase() {
    let settings = Settings {
        status: vec![rule(
            json!({"at": "400ms", "status": "restart", "lasts": "200ms", "drop_sockets": true, "void_tokens": true, "title": "Order entry upgrade"}),
        )],
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let token = rig.token();
    let mut client = Client::open(rig.sim.addresses().ws, "/v2").await.unwrap();
    let greeting = client.next().await;
    let window = &rows(&greeting)[0]["upcoming_maintenance"][0];
    assert_eq!(window["title"], "Order entry upgrade");
    assert_eq!(window["phase"], "final_warning_30s");
    let down = client.next().await;
    assert_eq!(rows(&down)[0]["system"], "maintenance");
    assert!(rows(&down)[0].get("connection_id").is_none());
    assert!(matches!(client.end().await, Ended::Broken));
    let mut client = Client::open(rig.sim.addresses().ws, "/v2").await.unwrap();
    let mut seen: Vec<String> = Vec::new();
    while seen.last().is_none_or(|last| last != "online") {
        let frame = within(client.until(of("status"))).await;
        let system = rows(&frame)[0]["system"].as_str().unwrap();
        if seen.last().is_none_or(|last| last != system) {
            seen.push(system.to_owned());
        }
        assert_eq!(rows(&frame)[0]["upcoming_maintenance"], json!([]));
    }
    assert_eq!(seen, ["maintenance", "cancel_only", "post_only", "online"]);
    let now = rig.sim.venue().clock().now();
    assert!(rig.sim.tokens().check(now, &token).is_err());
}

#[tokio::test]
async fn s1_5_announcements_are_told_when_they_are_made_and_taken_back() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let controls = rig.sim.controls();
    let window = NewMaintenance::new("soon".to_owned(), Duration::from_secs(3600));
    let id = controls.announce(window).unwrap();
    let told = client.next().await;
    let row = &rows(&told)[0];
    assert_eq!(row["upcoming_maintenance"][0]["event_id"], id);
    assert_eq!(
        (&row["system"], &row["emergency"]),
        (&json!("online"), &json!([]))
    );
    assert!(controls.withdraw(id));
    let told = client.next().await;
    assert_eq!(rows(&told)[0]["upcoming_maintenance"], json!([]));
    let incident = json!({"title": "feeds are slow", "impact": "major"});
    let id = controls
        .alert(serde_json::from_value(incident).unwrap())
        .unwrap();
    let told = client.next().await;
    let incident = &rows(&told)[0]["emergency"][0];
    assert_eq!(incident["title"], "feeds are slow");
    assert!(controls.resolve(id));
    let told = client.next().await;
    assert_eq!(rows(&told)[0]["emergency"], json!([]));
}

#[tokio::test]
async fn the_venues_clock_is_wrong_by_what_was_set() {
    let settings = Settings {
        clock_skew: "-30s".parse().unwrap(),
        ..quiet()
    };
    let (wrong, right) = (Rig::start(&settings).await, Rig::start(&quiet()).await);
    let time_in = async |rig: &Rig| {
        let pong = rig.public().await.ask("{\"method\":\"ping\"}").await;
        let text = pong["time_in"].as_str().unwrap();
        tradingd::types::Timestamp::parse(text).unwrap()
    };
    let behind = time_in(&right).await.since(time_in(&wrong).await);
    assert!((28..=32).contains(&behind.as_secs()), "{behind:?}");
    wrong
        .sim
        .controls()
        .set_skew(jiff::SignedDuration::from_secs(45));
    let ahead = time_in(&wrong).await.since(time_in(&right).await);
    assert!((43..=47).contains(&ahead.as_secs()), "{ahead:?}");
}
