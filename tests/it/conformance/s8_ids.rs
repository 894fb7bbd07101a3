//! §8 Ids of clients, and what is visible where. Elsewhere: answers that lag → `s8_2_lag`; orders that outlive the restart of the
//! venue → `sim_ws/life.rs`.

use serde_json::{Value, json};
use tradingd::{sim::matching::OrderKind, types::Side};

use super::desk::{Desk, ask, of, read, refusal, reply, row};

const FORMS: [&str; 6] = [
    "6d1b345e-2821-40e2-ad83-4ecb18a06876",
    "6D1B345E-2821-40E2-AD83-4ECB18A06877",
    "da8e4ad59b78481c93e589746b0cf91f",
    "arb-20240509-00010",
    "p1641_47",
    "Q",
];
const WRONG: [&str; 8] = [
    "nineteen-characters",
    "6d1b345e-2821-40e2-ad83-4ecb18a0687",
    "6d1b345e-2821-40e2-ad83-4ecb18a068767",
    "6d1b345e28-21-40e2-ad83-4ecb18a06876",
    "6d1b345e-2821-40e2-ad83-4ecb18a0687g",
    "da8e4ad59b78481c93e589746b0cf91",
    "da8e4ad59b78481c93e589746b0cf91g",
    "has a blank",
];

fn add(name: &str, price: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.001,"limit_price":{price},"cl_ord_id":"{name}","token":"{token}"}}}}"#
    )
}

fn form(name: &str) -> String {
    format!("pair=XBTUSD&type=buy&ordertype=limit&price=50000&volume=0.001&cl_ord_id={name}")
}

#[tokio::test]
async fn s8_1_an_id_is_a_uuid_with_or_without_dashes_or_at_most_18_characters() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    for name in FORMS {
        let frames = ask(&mut client, &add(name, "50000.0", &token)).await;
        assert_eq!(read(&frames[0])["result"]["cl_ord_id"], name);
        for report in of(&frames, "executions") {
            assert_eq!(row(report)["cl_ord_id"], name);
        }
        let taken = read(&desk.call("AddOrder", &form(name)).await);
        assert_eq!(
            taken["error"],
            json!(["EGeneral:Invalid arguments:cl_ord_id not unique"])
        );
    }
    for name in WRONG {
        assert_eq!(
            refusal(&mut client, &add(name, "50000.0", &token)).await,
            "EGeneral:Invalid arguments:cl_ord_id",
            "{name}"
        );
        let refused = read(
            &desk
                .call("AddOrder", &form(&name.replace(' ', "%20")))
                .await,
        );
        assert_eq!(
            refused["error"],
            json!(["EGeneral:Invalid arguments:cl_ord_id"]),
            "{name}"
        );
    }
    assert_eq!(
        refusal(&mut client, &add("", "50000.0", &token)).await,
        "EGeneral:Invalid arguments:cl_ord_id"
    );
}

#[tokio::test]
async fn s8_1_an_id_is_unique_among_open_orders_and_free_again_after_them() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let twice = "EGeneral:Invalid arguments:cl_ord_id not unique";
    // One that is filled at once, one that rests, one that is canceled.
    for price in ["60010.0", "60010.0", "50000.0"] {
        assert_eq!(
            read(&reply(&mut client, &add("again", price, &token)).await)["success"],
            true
        );
    }
    assert_eq!(
        refusal(&mut client, &add("again", "60010.0", &token)).await,
        twice
    );
    let cancel = format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["again"],"token":"{token}"}}}}"#
    );
    assert_eq!(read(&reply(&mut client, &cancel).await)["success"], true);
    assert_eq!(
        read(&reply(&mut client, &add("again", "50000.0", &token)).await)["success"],
        true
    );
    let closed = read(&desk.call("ClosedOrders", "cl_ord_id=again").await);
    assert_eq!(
        closed["result"]["count"], 3,
        "all of them come back: {closed}"
    );
    let states: Vec<Value> = closed["result"]["closed"]
        .as_object()
        .unwrap()
        .values()
        .map(|row| row["status"].clone())
        .collect();
    assert_eq!(states.iter().filter(|state| *state == "closed").count(), 2);
    assert_eq!(
        states.iter().filter(|state| *state == "canceled").count(),
        1
    );
}

#[tokio::test]
async fn s8_2_an_order_is_visible_by_its_id_wherever_it_is() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &add("seen", "59000.0", &token)).await;
    let find = async |endpoint: &str, name: &str| {
        let answer = read(&desk.call(endpoint, "cl_ord_id=seen").await);
        let result = if name.is_empty() {
            &answer["result"]
        } else {
            &answer["result"][name]
        };
        result
            .as_object()
            .unwrap_or_else(|| panic!("{answer}"))
            .len()
    };
    assert_eq!(find("OpenOrders", "open").await, 1);
    assert_eq!(find("ClosedOrders", "closed").await, 0);
    assert_eq!(find("QueryOrders", "").await, 1);
    let cancel = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    ask(&mut client, &cancel).await;
    assert_eq!(find("OpenOrders", "open").await, 0);
    assert_eq!(
        find("ClosedOrders", "closed").await,
        1,
        "though nothing of it was filled"
    );
    assert_eq!(find("QueryOrders", "").await, 1);
}

#[tokio::test]
async fn s8_5_ids_begin_with_their_letters_and_fees_of_fills_add_up() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    ask(
        &mut client,
        &add("sum", "61000.0", &token).replace("0.001", "0.03"),
    )
    .await;
    for qty in [300_000, 700_000, 2_000_000] {
        desk.hand(desk.pair("BTC/USD"), Side::Sell, OrderKind::Market, qty);
    }
    let frames = super::desk::fence(&mut client).await;
    let fees: f64 = of(&frames, "executions")
        .into_iter()
        .map(row)
        .filter(|row| row["exec_type"] == "trade")
        .map(|row| {
            assert!(row["order_id"].as_str().unwrap().starts_with('O'));
            assert!(row["exec_id"].as_str().unwrap().starts_with('T'));
            row["fees"][0]["qty"].as_f64().unwrap()
        })
        .sum();
    let orders = read(&desk.call("QueryOrders", "cl_ord_id=sum").await);
    let order = orders["result"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    let fee: f64 = order["fee"].as_str().unwrap().parse().unwrap();
    assert!((fee - fees).abs() < 1e-9 && fee > 0.0, "{order}");
    let ledger = read(&desk.call("Ledgers", "").await);
    assert!(
        ledger["result"]["ledger"]
            .as_object()
            .unwrap()
            .keys()
            .all(|id| id.starts_with('L'))
    );
}

#[tokio::test]
async fn s8_1_a_duplicate_that_is_refused_costs_a_point() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    for points in 1..=3 {
        reply(&mut client, &add("again", "50000.0", &token)).await;
        let (pair, account) = (desk.pair("BTC/USD"), desk.sim.accounts()[0].id);
        let venue = desk.sim.venue();
        let counter = venue.read(|view| view.exchange.counter(venue.clock().now(), account, pair));
        assert_eq!(
            counter.to_string().parse::<f64>().unwrap(),
            f64::from(points)
        );
    }
}

#[tokio::test]
async fn s8_1_an_id_goes_neither_with_a_reference_nor_into_an_edit() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let both =
        add("own", "50000.0", &token).replace(r#""cl_ord_id""#, r#""order_userref":5,"cl_ord_id""#);
    let words = "EGeneral:Invalid arguments:cl_ord_id";
    assert_eq!(refusal(&mut client, &both).await, words);
    let refused = read(&desk.call("AddOrder", &(form("own") + "&userref=5")).await);
    assert_eq!(refused["error"], json!([words]));
    ask(&mut client, &add("own", "50000.0", &token)).await;
    let edit = format!(
        r#"{{"method":"edit_order","params":{{"cl_ord_id":"own","symbol":"BTC/USD","order_qty":0.01,"token":"{token}"}}}}"#
    );
    assert_eq!(
        refusal(&mut client, &edit).await,
        "Unsupported field: 'cl_ord_id' for the given msg type: edit order"
    );
}

#[tokio::test]
async fn s8_1_an_order_is_amended_found_and_canceled_by_its_id_on_either_wire() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    for name in ["a", "b", "c"] {
        ask(&mut client, &add(name, "50000.0", &token)).await;
    }
    let amend = format!(
        r#"{{"method":"amend_order","params":{{"cl_ord_id":"a","order_qty":0.002,"token":"{token}"}}}}"#
    );
    assert_eq!(read(&reply(&mut client, &amend).await)["success"], true);
    let amended = read(&desk.call("AmendOrder", "cl_ord_id=b&order_qty=0.002").await);
    assert_eq!(amended["error"], json!([]));
    for name in ["a", "b"] {
        let found = read(&desk.call("QueryOrders", &format!("cl_ord_id={name}")).await);
        let row = found["result"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap();
        assert_eq!(row["vol"], "0.00200000");
    }
    let batch = format!(
        r#"{{"method":"batch_cancel","params":{{"orders":[],"cl_ord_id":["a","b"],"token":"{token}"}}}}"#
    );
    assert_eq!(read(&reply(&mut client, &batch).await)["success"], true);
    let canceled = read(&desk.call("CancelOrder", "cl_ord_id=c").await);
    assert_eq!(canceled["result"]["count"], 1);
}

#[tokio::test]
async fn s8_2_a_snapshot_has_the_open_orders_and_history_has_every_fill() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &add("rests", "50000.0", &token)).await;
    let many = add("many", "61000.0", &token).replace("0.001", "0.06");
    ask(&mut client, &many).await;
    for _ in 0..60 {
        desk.hand(desk.pair("BTC/USD"), Side::Sell, OrderKind::Market, 100_000);
    }
    let (mut late, token) = desk.private().await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":true,"snap_trades":true,"token":"{token}"}}}}"#
    );
    let frames = ask(&mut late, &subscribe).await;
    let rows: Vec<Vec<Value>> = of(&frames, "executions")
        .iter()
        .map(|frame| read(frame)["data"].as_array().unwrap().clone())
        .collect();
    assert_eq!(rows[0].len(), 1);
    assert_eq!(rows[0][0]["cl_ord_id"], "rests");
    assert_eq!(rows[1].len(), 50, "the last ones only");
    let history = read(&desk.call("TradesHistory", "consolidate_taker=false").await);
    assert_eq!(history["result"]["count"], 60);
}

#[tokio::test]
async fn s8_5_a_canceled_order_keeps_what_was_filled_of_it() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let order = add("part", "61000.0", &token).replace("0.001", "0.03");
    ask(&mut client, &order).await;
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Sell,
        OrderKind::Market,
        1_000_000,
    );
    let cancel = format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["part"],"token":"{token}"}}}}"#
    );
    let frames = ask(&mut client, &cancel).await;
    let last = row(of(&frames, "executions").last().unwrap());
    assert_eq!(
        (&last["exec_type"], &last["cum_qty"]),
        (&json!("canceled"), &json!(0.01))
    );
    let closed = read(&desk.call("ClosedOrders", "cl_ord_id=part").await);
    let rows = closed["result"]["closed"].as_object().unwrap();
    let row = rows.values().next().unwrap();
    assert_eq!(
        (&row["status"], &row["vol_exec"]),
        (&json!("canceled"), &json!("0.01000000"))
    );
    let balance = read(&desk.call("BalanceEx", "").await);
    assert_eq!(
        balance["result"]["XXBT"]["balance"], "10.0100000000",
        "the filled part is booked"
    );
    assert_eq!(balance["result"]["ZUSD"]["hold_trade"], "0.0000");
}
