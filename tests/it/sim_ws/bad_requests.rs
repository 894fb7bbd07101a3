//! Requests that meet a fill, a late answer, a void token or an answer of another shape, as a client meets them.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::sim::{
    Settings,
    faults::{Fault, RequestFault, Shape},
    settings::ReplyOrder,
};

use super::rig::{Rig, quiet, rows};
use crate::support::ws::Client;

fn arm(rig: &Rig, method: &str, fault: RequestFault) {
    let fault = Fault::Request(method.to_owned(), fault);
    rig.sim.faults().arm(fault, 1);
}

fn fill(rig: &Rig, method: &str, part: &str) {
    let fault = Fault::Fill(method.to_owned(), part.parse().unwrap());
    rig.sim.faults().arm(fault, 1);
}

fn request(method: &str, params: &Value, token: &str) -> String {
    let mut params = params.clone();
    params["token"] = token.into();
    json!({"method": method, "req_id": 7, "params": params}).to_string()
}

fn order(name: &str) -> Value {
    json!({"order_type": "limit", "side": "buy", "order_qty": 0.02, "limit_price": 50000.0, "cl_ord_id": name})
}

async fn add(client: &mut Client, name: &str, token: &str) -> Value {
    let mut order = order(name);
    order["symbol"] = "BTC/USD".into();
    client.ask(&request("add_order", &order, token)).await
}

/// The reports that come until one of this kind.
async fn reports(client: &mut Client, last: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let frame = client.until(|frame| frame["channel"] == "executions").await;
        let row = rows(&frame)[0].clone();
        let over = row["exec_type"] == last;
        seen.push(row);
        if over {
            return seen;
        }
    }
}

async fn trading() -> (Rig, Client, String) {
    let settings = Settings {
        // No report is passed over while an answer is waited for.
        reply_order: ReplyOrder::ReplyFirst,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (client, token) = rig.trader().await;
    (rig, client, token)
}

#[tokio::test]
async fn a_new_order_is_filled_in_part_on_demand() {
    let (rig, mut client, token) = trading().await;
    fill(&rig, "add_order", "0.25");
    add(&mut client, "part", &token).await;
    let trade = reports(&mut client, "trade").await.pop().unwrap();
    assert_eq!(trade["cl_ord_id"], "part");
    assert_eq!(trade["last_qty"], 0.005);
    assert_eq!(
        trade["last_price"], 50_000.0,
        "at its price, past better ones"
    );
    assert_eq!(trade["order_status"], "partially_filled");
    assert_eq!(trade["liquidity_ind"], "m");
}

#[tokio::test]
async fn s2_7_a_trade_arrives_between_a_cancel_and_its_outcome() {
    let (rig, mut client, token) = trading().await;
    add(&mut client, "raced", &token).await;
    reports(&mut client, "new").await;
    fill(&rig, "cancel_order", "0.5");
    let cancel = json!({"cl_ord_id": ["raced"]});
    client.send(&request("cancel_order", &cancel, &token)).await;
    let seen = reports(&mut client, "canceled").await;
    let kinds: Vec<_> = seen.iter().map(|row| row["exec_type"].clone()).collect();
    assert_eq!(kinds, ["trade", "canceled"]);
    assert_eq!(seen[1]["cum_qty"], 0.01);
}

#[tokio::test]
async fn s2_7_a_cancel_finds_its_order_filled() {
    let (rig, mut client, token) = trading().await;
    add(&mut client, "gone", &token).await;
    fill(&rig, "cancel_order", "1");
    let cancel = json!({"cl_ord_id": ["gone"]});
    let answer = client.ask(&request("cancel_order", &cancel, &token)).await;
    assert_eq!(answer["error"], "EOrder:Unknown order");
}

#[tokio::test]
async fn s2_4_a_late_answer_comes_after_its_reports() {
    let (rig, mut client, token) = trading().await;
    let late = Duration::from_millis(400);
    arm(&rig, "add_order", RequestFault::Late(late.into()));
    let begun = rig.sim.venue().clock().now();
    let mut late_order = order("late");
    late_order["symbol"] = "BTC/USD".into();
    client
        .send(&request("add_order", &late_order, &token))
        .await;
    reports(&mut client, "new").await;
    let answer = client.until(|frame| frame["method"] == "add_order").await;
    assert_eq!(answer["success"], true);
    assert!(rig.sim.venue().clock().now().since(begun) >= late);
    arm(&rig, "ping", RequestFault::Late(late.into()));
    let begun = rig.sim.venue().clock().now();
    assert_eq!(client.ask("{\"method\":\"ping\"}").await["method"], "pong");
    assert!(rig.sim.venue().clock().now().since(begun) >= late);
}

#[tokio::test]
async fn s2_1_a_token_is_void_from_one_request_to_the_next() {
    let (rig, mut client, token) = trading().await;
    assert_eq!(add(&mut client, "before", &token).await["success"], true);
    let void = Fault::VoidTokens("add_order".to_owned());
    rig.sim.faults().arm(void, 1);
    let answer = add(&mut client, "after", &token).await;
    assert_eq!(answer["error"], "EAPI:Invalid token");
    let answer = add(&mut client, "fresh", &rig.token()).await;
    assert_eq!(answer["success"], true);
}

#[tokio::test]
async fn s2_9_a_batch_that_fails_in_part_is_answered_in_three_shapes() {
    let (rig, mut client, token) = trading().await;
    let refusal = || Some("EOrder:Insufficient funds".to_owned());
    let mut number = 0;
    let mut batch = || {
        number += 1;
        let orders = [order(&format!("a{number}")), order(&format!("b{number}"))];
        request(
            "batch_add",
            &json!({"symbol": "BTC/USD", "orders": orders}),
            &token,
        )
    };
    for (shape, success) in [(Shape::Rows, false), (Shape::Lenient, true)] {
        let refusal = refusal();
        arm(&rig, "batch_add", RequestFault::Shape { shape, refusal });
        let answer = client.ask(&batch()).await;
        assert_eq!(answer["success"], success, "{answer}");
        assert!(answer["result"][0]["order_id"].is_string());
        assert_eq!(answer["result"][1]["error"], "EOrder:Insufficient funds");
    }
    let shape = Shape::Nested;
    let refusal = refusal();
    arm(&rig, "batch_add", RequestFault::Shape { shape, refusal });
    let answer = client.ask(&batch()).await;
    let orders = &answer["result"]["orders"];
    assert_eq!(
        (&orders[0]["success"], &orders[1]["success"]),
        (&json!(true), &json!(false))
    );
    let account = rig.sim.accounts()[0].id;
    let open = rig.sim.venue();
    let open = open.read(|view| view.exchange.open_orders(account).count());
    assert_eq!(open, 3, "the last of each was not placed");
}

#[tokio::test]
async fn s2_9_canceled_batches_are_counted_in_both_shapes() {
    let (rig, mut client, token) = trading().await;
    let cancel = |name: &str| {
        let ids = json!({"orders": [], "cl_ord_id": [name, "none-of-it"]});
        request("batch_cancel", &ids, &token)
    };
    for name in ["usual", "older"] {
        assert_eq!(add(&mut client, name, &token).await["success"], true);
    }
    let answer = client.ask(&cancel("usual")).await;
    assert_eq!(answer["result"]["count"], 1, "{answer}");
    let shape = Shape::TopLevel;
    let refusal = None;
    arm(&rig, "batch_cancel", RequestFault::Shape { shape, refusal });
    let answer = client.ask(&cancel("older")).await;
    assert_eq!(answer["orders_cancelled"], 1, "{answer}");
    assert!(answer.get("result").is_none() && answer["success"] == true);
}

#[tokio::test]
async fn any_error_comes_at_a_rate_that_the_seed_decides() {
    let answers = async |seed: u64| {
        let rule = r#"{"kind":"error","on":"*","text":"EService:Busy","rate":0.5}"#;
        let settings = Settings {
            seed,
            faults: vec![serde_json::from_str(rule).unwrap()],
            ..quiet()
        };
        let rig = Rig::start(&settings).await;
        let mut client = rig.public().await;
        let mut answers = Vec::new();
        for _ in 0..40 {
            let answer = client.ask("{\"method\":\"ping\"}").await;
            answers.push(answer["error"] == "EService:Busy");
        }
        answers
    };
    let first = answers(21).await;
    assert_eq!(first, answers(21).await, "seed 21");
    assert_ne!(first, answers(22).await, "seeds 21 and 22");
    assert!(first.contains(&true) && first.contains(&false));
}
