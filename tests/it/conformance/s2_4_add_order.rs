//! §2.4 add_order. Elsewhere: reply and reports in every order → `sim_ws/orders.rs`; triggers and their checks → `sim_ws/triggers.rs`;
//! market buys by amount → `sim_ws/edits.rs`; closes, names, fees in base → `sim_ws/extras.rs`; how orders end → `s2_2_executions`; more
//! refusals → `sim_ws/errors.rs`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::{
        Settings,
        matching::{OrderKind, PostOnlyRule},
    },
    types::Side,
};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, reply, row, with_token},
    shape::like,
};
use crate::sim_ws::rig::quiet;

const ADD: &str = r#"{"method":"add_order","req_id":101,"params":{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,"time_in_force":"gtc","post_only":true,"cl_ord_id":"mm-0001","deadline":"2026-09-01T08:01:02.000Z","stp_type":"cancel_newest","token":"TOKEN"}}"#;
const ADDED: &str = r#"{"method":"add_order","req_id":101,"result":{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":"mm-0001"},"success":true,"time_in":"2026-09-01T08:01:00.000050Z","time_out":"2026-09-01T08:01:00.005050Z"}"#;
const REFUSED: &str = r#"{"error":"EOrder:Insufficient funds","method":"add_order","req_id":102,"success":false,"time_in":"2026-09-01T08:01:05.000050Z","time_out":"2026-09-01T08:01:05.003050Z"}"#;
const TRAILING: &str = r#"{"method":"add_order","req_id":103,"params":{"order_type":"trailing-stop-limit","side":"sell","symbol":"ETH/USD","order_qty":1.5,"triggers":{"reference":"last","price":2.5,"price_type":"pct"},"limit_price":-3.0,"limit_price_type":"quote","token":"TOKEN"}}"#;
const CONDITIONAL: &str = r#"{"method":"add_order","req_id":104,"params":{"order_type":"limit","side":"buy","symbol":"ETH/USD","order_qty":1.5,"limit_price":2400.00,"conditional":{"order_type":"stop-loss-limit","trigger_price":2300.00,"limit_price":2295.00},"token":"TOKEN"}}"#;
const LIMIT: &str = r#""order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0"#;

fn add(params: &str, token: &str) -> String {
    format!(r#"{{"method":"add_order","params":{{{params},"token":"{token}"}},"req_id":102}}"#)
}

#[tokio::test]
async fn s2_4_the_documented_orders_are_accepted() {
    let desk = Desk::documented().await;
    desk.hands.advance(Duration::from_secs(60));
    let (mut client, token) = desk.trader().await;
    let added = reply(&mut client, &with_token(ADD, &token)).await;
    like(ADDED).check(&added);
    assert_eq!(read(&added)["result"]["cl_ord_id"], "mm-0001");
    let trailing = reply(&mut client, &with_token(TRAILING, &token)).await;
    like(ADDED).lacking(&["cl_ord_id"]).check(&trailing);
    assert!(read(&trailing)["result"].get("cl_ord_id").is_none());
    let conditional = reply(&mut client, &with_token(CONDITIONAL, &token)).await;
    like(ADDED).lacking(&["cl_ord_id"]).check(&conditional);
}

#[tokio::test]
async fn s2_4_a_refused_order_has_an_error_and_no_result() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let order = add(&LIMIT.replace("0.02", "1000"), &token);
    let refused = reply(&mut client, &order).await;
    like(REFUSED).check(&refused);
    assert_eq!(read(&refused)["error"], "EOrder:Insufficient funds");
}

#[tokio::test]
async fn s2_4_the_result_repeats_the_one_mark_that_the_client_sent() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for (mark, echo) in [
        ("", None),
        (r#","cl_ord_id":"own""#, Some(("cl_ord_id", json!("own")))),
        (
            r#","order_userref":2147483647"#,
            Some(("order_userref", json!(2_147_483_647))),
        ),
    ] {
        let answer = read(&reply(&mut client, &add(&format!("{LIMIT}{mark}"), &token)).await);
        let mut result = answer["result"].as_object().unwrap().clone();
        assert!(result.remove("order_id").is_some());
        let echo: serde_json::Map<String, Value> = echo
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(result, echo);
    }
}

#[tokio::test]
async fn s2_4_what_clients_send_beside_is_accepted() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for more in [
        r#","limit_price_type":"static","fee_preference":"base","no_mpp":false,"stp_type":"cancel_both""#,
        r#","fee_preference":"quote","no_mpp":true,"reduce_only":false,"margin":false"#,
        r#","time_in_force":"ioc","stp_type":"cancel_oldest""#,
        r#","time_in_force":"gtd","expire_time":"2026-09-01T08:00:30Z""#,
        r#","post_only":false,"validate":false"#,
    ] {
        let answer = read(&reply(&mut client, &add(&format!("{LIMIT}{more}"), &token)).await);
        assert_eq!(answer["success"], true, "{more}: {answer}");
    }
}

#[tokio::test]
async fn s2_4_the_old_names_of_a_trigger_still_work() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let stop = r#""order_type":"stop-loss","side":"sell","symbol":"BTC/USD","order_qty":0.02,"stop_price":50000.0,"trigger":"index""#;
    let frames = ask(&mut client, &add(stop, &token)).await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    let row = row(of(&frames, "executions")[0]);
    assert_eq!(row["triggers"]["reference"], "index");
    assert_eq!(
        (&row["triggers"]["price"], &row["stop_price"]),
        (&json!(50_000.0), &json!(50_000.0))
    );
    for (params, words) in [
        (
            stop.replace("50000.0", "\"1\""),
            "Stop_price field must be a number_float",
        ),
        (
            stop.replace("\"index\"", "1"),
            "Trigger field must be a string",
        ),
        (
            stop.replace("index", "mark"),
            "EGeneral:Invalid arguments:trigger",
        ),
        (
            stop.replace("stop-loss", "trailing-stop"),
            "EGeneral:Invalid arguments:stop_price",
        ),
        (
            format!(r#"{LIMIT},"stop_price":1"#),
            "EGeneral:Invalid arguments:stop_price",
        ),
        (
            format!(r#"{LIMIT},"trigger":"last""#),
            "EGeneral:Invalid arguments:trigger",
        ),
    ] {
        assert_eq!(
            refusal(&mut client, &add(&params, &token)).await,
            words,
            "{params}"
        );
    }
}

#[tokio::test]
async fn s2_4_a_validated_order_has_an_empty_id_and_no_reports() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let order = add(
        &format!(r#"{LIMIT},"cl_ord_id":"check","validate":true"#),
        &token,
    );
    for _ in 0..2 {
        let frames = ask(&mut client, &order).await;
        assert_eq!(
            read(&frames[0])["result"],
            json!({"order_id": "", "cl_ord_id": "check"})
        );
        assert!(of(&frames, "executions").is_empty(), "{frames:?}");
    }
    let dear = order.replace("0.02", "1000");
    assert_eq!(
        refusal(&mut client, &dear).await,
        "EOrder:Insufficient funds"
    );
}

#[tokio::test]
async fn s2_4_a_deadline_lies_half_a_second_to_a_minute_ahead() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let at = |time: &str| {
        add(
            &format!(r#"{LIMIT},"validate":true,"deadline":"2026-09-01T{time}""#),
            &token,
        )
    };
    for good in [
        "08:00:00.500Z",
        "08:01:00.000Z",
        "08:00:05Z",
        "10:00:05.000+02:00",
    ] {
        let answer = read(&reply(&mut client, &at(good)).await);
        assert_eq!(answer["success"], true, "{good}: {answer}");
    }
    for (bad, words) in [
        ("08:00:00.499Z", "EGeneral:Invalid arguments:deadline"),
        ("08:01:00.001Z", "EGeneral:Invalid arguments:deadline"),
        ("25:00:00Z", "EGeneral:Invalid arguments:deadline"),
        ("08:00:00.000Z", "EService:Deadline elapsed"),
        ("07:59:00.000Z", "EService:Deadline elapsed"),
    ] {
        assert_eq!(refusal(&mut client, &at(bad)).await, words, "{bad}");
    }
}

#[tokio::test]
async fn s2_4_the_engine_takes_no_order_after_its_deadline_which_is_five_seconds_if_none_is_given()
{
    let delayed = Settings {
        // Long enough for the clock to be turned in between.
        reply_delay: Duration::from_secs(1),
        ..quiet()
    };
    let desk = Desk::with(delayed).await;
    desk.two_sided(desk.pair("BTC/USD"));
    let (mut client, token) = desk.trader().await;
    let soon = r#","deadline":"2026-09-01T08:00:00.500Z""#;
    for (deadline, waits, taken) in [(soon, 501, false), ("", 5_000, true), ("", 5_001, false)] {
        let order = LIMIT.replace("61000.0", "50000.0");
        client
            .send(&add(&format!("{order}{deadline}"), &token))
            .await;
        // It has come, and is carried out a little later.
        client.send(r#"{"method":"ping"}"#).await;
        assert_eq!(client.next().await["method"], "pong");
        desk.hands.advance(Duration::from_millis(waits));
        let answer = client.until(|frame| frame["method"] == "add_order").await;
        if taken {
            assert_eq!(answer["success"], true, "{deadline} {waits} {answer}");
        } else {
            assert_eq!(answer["error"], "EService:Deadline elapsed", "{deadline}");
        }
        fence(&mut client).await;
    }
}

/// A member of [`LIMIT`] and what is put in its place, and the venue's words.
const REFUSALS: &[(&str, &str, &str)] = &[
    // Missing.
    (r#""order_type":"limit","#, "", "Order_type(s) not found"),
    (r#""side":"buy","#, "", "Side(s) not found"),
    (r#""symbol":"BTC/USD","#, "", "Symbol(s) not found"),
    (r#""order_qty":0.02,"#, "", "Order_qty(s) not found"),
    (r#","limit_price":61000.0"#, "", "Limit_price(s) not found"),
    (
        r#""limit""#,
        r#""stop-loss-limit""#,
        "Triggers(s) not found",
    ),
    (r#""limit""#, r#""iceberg""#, "Display_qty(s) not found"),
    // Types.
    (r#""limit""#, "1", "Order_type field must be a string"),
    (r#""buy""#, "true", "Side field must be a string"),
    (
        r#""BTC/USD""#,
        r#"["BTC/USD"]"#,
        "Symbol field must be a string",
    ),
    (
        "0.02",
        r#""0.02""#,
        "Order_qty field must be a number_float",
    ),
    (
        "61000.0",
        "null",
        "Limit_price field must be a number_float",
    ),
    (
        "0.02",
        r#"0.02,"display_qty":"1""#,
        "Display_qty field must be a number_float",
    ),
    (
        r#""order_qty":0.02"#,
        r#""cash_order_qty":"5""#,
        "Cash_order_qty field must be a number_float",
    ),
    (
        "0.02",
        r#"0.02,"post_only":"true""#,
        "Post_only field must be a boolean",
    ),
    (
        "0.02",
        r#"0.02,"validate":1"#,
        "Validate field must be a boolean",
    ),
    (
        "0.02",
        r#"0.02,"margin":0"#,
        "Margin field must be a boolean",
    ),
    (
        "0.02",
        r#"0.02,"reduce_only":"no""#,
        "Reduce_only field must be a boolean",
    ),
    (
        "0.02",
        r#"0.02,"no_mpp":1"#,
        "No_mpp field must be a boolean",
    ),
    (
        "0.02",
        r#"0.02,"order_userref":"7""#,
        "Order_userref field must be a number_integer",
    ),
    (
        "0.02",
        r#"0.02,"order_userref":7.5"#,
        "Order_userref field must be a number_integer",
    ),
    (
        "0.02",
        r#"0.02,"cl_ord_id":7"#,
        "Cl_ord_id field must be a string",
    ),
    (
        "0.02",
        r#"0.02,"deadline":5"#,
        "Deadline field must be a string",
    ),
    (
        "0.02",
        r#"0.02,"triggers":5"#,
        "EGeneral:Invalid arguments:triggers",
    ),
    // Unknown or misplaced members.
    (
        "0.02",
        r#"0.02,"price":1"#,
        "Unsupported field: 'price' for the given msg type: add order",
    ),
    (
        "0.02",
        r#"0.02,"leverage":5"#,
        "Unsupported field: 'leverage' for the given msg type: add order",
    ),
    (
        "0.02",
        r#"0.02,"oflags":"post""#,
        "Unsupported field: 'oflags' for the given msg type: add order",
    ),
    (
        "0.02",
        r#"0.02,"userref":1"#,
        "Unsupported field: 'userref' for the given msg type: add order",
    ),
    (
        "0.02",
        r#"0.02,"order_id":"O""#,
        "Unsupported field: 'order_id' for the given msg type: add order",
    ),
    // Values.
    (
        r#""limit""#,
        r#""Limit""#,
        "EGeneral:Invalid arguments:order_type",
    ),
    (r#""buy""#, r#""b""#, "EGeneral:Invalid arguments:side"),
    ("BTC/USD", "XBT/USD", "Currency pair not supported XBT/USD"),
    ("BTC/USD", "XBTUSD", "Currency pair not supported XBTUSD"),
    (
        "0.02",
        r#"0.02,"time_in_force":"GTC""#,
        "EGeneral:Invalid arguments:time_in_force",
    ),
    (
        "0.02",
        r#"0.02,"time_in_force":"gtd""#,
        "EGeneral:Invalid arguments:expire_time",
    ),
    (
        "0.02",
        r#"0.02,"expire_time":"2026-09-01T08:00:30Z""#,
        "EGeneral:Invalid arguments:expire_time",
    ),
    (
        "0.02",
        r#"0.02,"time_in_force":"gtd","expire_time":"2026-09-01T08:00:04Z""#,
        "EGeneral:Invalid arguments:expire_time",
    ),
    (
        "0.02",
        r#"0.02,"effective_time":"2026-10-09T08:00:30Z""#,
        "EGeneral:Invalid arguments:effective_time",
    ),
    (
        "0.02",
        r#"0.02,"effective_time":"2026-09-01T08:01:00Z","time_in_force":"gtd","expire_time":"2026-09-01T08:01:00Z""#,
        "EGeneral:Invalid arguments:expire_time",
    ),
    (
        "0.02",
        r#"0.02,"time_in_force":"gtd","expire_time":"2026-10-09T08:00:30Z""#,
        "EGeneral:Invalid arguments:expire_time",
    ),
    (
        "0.02",
        r#"0.02,"stp_type":"cancel-newest""#,
        "EGeneral:Invalid arguments:stp_type",
    ),
    (
        "0.02",
        r#"0.02,"fee_preference":"fciq""#,
        "EGeneral:Invalid arguments:fee_preference",
    ),
    (
        "0.02",
        r#"0.02,"limit_price_type":"percent""#,
        "EGeneral:Invalid arguments:limit_price_type",
    ),
    (
        "0.02",
        r#"0.02,"order_userref":2147483648"#,
        "EGeneral:Invalid arguments:order_userref",
    ),
    (
        "0.02",
        r#"0.02,"cl_ord_id":"a","order_userref":1"#,
        "EGeneral:Invalid arguments:cl_ord_id",
    ),
    (
        "0.02",
        r#"0.02,"display_qty":0.01"#,
        "EGeneral:Invalid arguments:display_qty",
    ),
    (
        "0.02",
        r#"0.02,"cash_order_qty":5"#,
        "EGeneral:Invalid arguments:cash_order_qty",
    ),
    ("0.02", "-0.02", "EGeneral:Invalid arguments:volume"),
    ("0.02", "0.020000001", "EGeneral:Invalid arguments:volume"),
    (
        "0.02",
        "0",
        "EGeneral:Invalid arguments:volume minimum not met",
    ),
    (
        "61000.0",
        "61000.01",
        "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
    ),
    (
        "61000.0",
        "0",
        "EOrder:Invalid price:Invalid price argument",
    ),
    (
        "61000.0",
        "-1.0",
        "EOrder:Invalid price:Invalid price argument",
    ),
    (
        "0.02",
        r#"0.02,"margin":true"#,
        "EOrder:Cannot open position",
    ),
    (
        "0.02",
        r#"0.02,"reduce_only":true"#,
        "EOrder:Reduce only:No position exists",
    ),
];

#[tokio::test]
async fn s2_4_members_types_and_values_are_checked_strictly() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for (from, to, words) in REFUSALS {
        let params = LIMIT.replacen(from, to, 1);
        assert_ne!(params, LIMIT, "{from}");
        assert_eq!(
            refusal(&mut client, &add(&params, &token)).await,
            *words,
            "{params}"
        );
    }
    let market = LIMIT.replacen("limit", "market", 1);
    for (more, words) in [
        ("", "EOrder:Invalid limit price"),
        (r#","post_only":true"#, "EOrder:Invalid limit price"),
    ] {
        assert_eq!(
            refusal(&mut client, &add(&format!("{market}{more}"), &token)).await,
            words
        );
    }
}

#[tokio::test]
async fn s2_4_what_is_wrong_with_a_request_is_told_before_what_is_wrong_with_its_token() {
    let desk = Desk::documented().await;
    let (mut client, _token) = desk.trader().await;
    for (params, words) in [
        (
            format!(r#"{LIMIT},"price":1"#),
            "Unsupported field: 'price' for the given msg type: add order",
        ),
        (
            LIMIT.replace("0.02", "\"1\""),
            "Order_qty field must be a number_float",
        ),
        (LIMIT.replace("BTC/USD", "XBT/USD"), "EAPI:Invalid token"),
        (LIMIT.replace("61000.0", "61000.01"), "EAPI:Invalid token"),
    ] {
        assert_eq!(
            refusal(&mut client, &add(&params, "stale")).await,
            words,
            "{params}"
        );
    }
}

#[tokio::test]
async fn s2_4_every_type_of_order_is_taken_but_the_one_of_margin() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    // `static` goes with every limit.
    let limit = r#""limit_price":59000.0,"limit_price_type":"static""#;
    let stop = r#""triggers":{"price":59500.0}"#;
    let profit = r#""triggers":{"price":70000.0,"reference":"last","price_type":"static"}"#;
    let trail = r#""triggers":{"price":5,"price_type":"pct"}"#;
    for (kind, more) in [
        (
            "limit",
            r#""limit_price":70000.0,"limit_price_type":"static""#.to_owned(),
        ),
        (
            "iceberg",
            r#""limit_price":70000.0,"limit_price_type":"static","display_qty":0.01"#.to_owned(),
        ),
        ("stop-loss", stop.to_owned()),
        ("stop-loss-limit", format!("{stop},{limit}")),
        ("take-profit", profit.to_owned()),
        ("take-profit-limit", format!("{profit},{limit}")),
        ("trailing-stop", trail.to_owned()),
        (
            "trailing-stop-limit",
            format!(r#"{trail},"limit_price":0,"limit_price_type":"quote""#),
        ),
        ("market", r#""no_mpp":false"#.to_owned()),
    ] {
        let params = format!(
            r#""order_type":"{kind}","side":"sell","symbol":"BTC/USD","order_qty":0.05,{more}"#
        );
        let frames = ask(&mut client, &add(&params, &token)).await;
        assert_eq!(read(&frames[0])["success"], true, "{kind} {frames:?}");
        assert_eq!(row(of(&frames, "executions")[0])["order_type"], kind);
    }
    let settle = LIMIT.replacen("limit", "settle-position", 1);
    assert_eq!(
        refusal(&mut client, &add(&settle, &token)).await,
        "EAPI:Feature disabled"
    );
}

#[tokio::test]
async fn s2_4_a_trigger_lies_at_a_price_or_a_distance_from_the_last_one() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    // Last traded at 60,010.0.
    for (kind, triggers, actual) in [
        ("stop-loss", r#"{"price":59000.0}"#, 59_000.0),
        (
            "stop-loss",
            r#"{"price":-150,"price_type":"quote"}"#,
            59_860.0,
        ),
        ("stop-loss", r#"{"price":-1,"price_type":"pct"}"#, 59_409.9),
        ("take-profit", r#"{"price":5,"price_type":"pct"}"#, 63_010.5),
        (
            "trailing-stop",
            r#"{"price":150,"price_type":"quote"}"#,
            59_860.0,
        ),
    ] {
        let params = format!(
            r#""order_type":"{kind}","side":"sell","symbol":"BTC/USD","order_qty":0.05,"triggers":{triggers}"#
        );
        let frames = ask(&mut client, &add(&params, &token)).await;
        let told = row(of(&frames, "executions")[0])["triggers"].clone();
        assert_eq!(
            (&told["actual_price"], &told["reference"]),
            (&json!(actual), &json!("last")),
            "{triggers}"
        );
    }
    for triggers in [
        r#"{"price":59000.0}"#,
        r#"{"price":-150,"price_type":"quote"}"#,
        r#"{"price":-1,"price_type":"pct"}"#,
    ] {
        let params = format!(
            r#""order_type":"trailing-stop","side":"sell","symbol":"BTC/USD","order_qty":0.05,"triggers":{triggers}"#
        );
        assert_eq!(
            refusal(&mut client, &add(&params, &token)).await,
            "EGeneral:Invalid arguments:triggers",
            "{triggers}"
        );
    }
}

#[tokio::test]
async fn s2_4_fill_or_kill_is_for_limit_orders() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for (kind, more) in [
        ("market", ""),
        ("iceberg", r#","limit_price":61000.0,"display_qty":0.01"#),
        (
            "stop-loss-limit",
            r#","limit_price":61000.0,"triggers":{"price":62000.0}"#,
        ),
    ] {
        let params = format!(
            r#""order_type":"{kind}","side":"buy","symbol":"BTC/USD","order_qty":0.02,"time_in_force":"fok"{more}"#
        );
        assert_eq!(
            refusal(&mut client, &add(&params, &token)).await,
            "EGeneral:Invalid arguments:time_in_force",
            "{kind}"
        );
    }
    let whole = format!(
        r#"{},"time_in_force":"fok""#,
        LIMIT.replace("61000.0", "61600.0")
    );
    let frames = ask(&mut client, &add(&whole, &token)).await;
    let last = row(of(&frames, "executions").last().unwrap());
    assert_eq!(last["exec_type"], "filled");
}

#[tokio::test]
async fn s2_4_an_iceberg_shows_a_fifteenth_or_more() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let iceberg = |display: &str| {
        let params = format!(
            r#""order_type":"iceberg","side":"buy","symbol":"BTC/USD","order_qty":0.15,"limit_price":61000.0,"display_qty":{display},"validate":true"#
        );
        add(&params, &token)
    };
    for display in ["0.01", "0.15"] {
        let answer = read(&reply(&mut client, &iceberg(display)).await);
        assert_eq!(answer["success"], true, "{display} {answer}");
    }
    for display in ["0.00999999", "0", "0.16"] {
        assert_eq!(
            refusal(&mut client, &iceberg(display)).await,
            "EGeneral:Invalid arguments:display_qty",
            "{display}"
        );
    }
}

#[tokio::test]
async fn s2_4_a_post_only_order_that_would_take_is_refused_or_canceled() {
    for rule in [PostOnlyRule::Refuse, PostOnlyRule::Cancel] {
        let desk = Desk::with(Settings {
            post_only: rule,
            ..quiet()
        })
        .await;
        desk.two_sided(desk.pair("BTC/USD"));
        let (mut client, token) = desk.trader().await;
        let crossing = format!(r#"{LIMIT},"post_only":true"#);
        let frames = ask(&mut client, &add(&crossing, &token)).await;
        let answer = read(&frames[0]);
        let reports: Vec<Value> = of(&frames, "executions").into_iter().map(row).collect();
        if rule == PostOnlyRule::Refuse {
            assert_eq!(answer["error"], "EOrder:Post only order");
            assert!(reports.is_empty());
            continue;
        }
        assert_eq!(answer["success"], true);
        let last = reports.last().unwrap();
        assert_eq!(
            (&last["exec_type"], &last["reason"]),
            (&json!("canceled"), &json!("Post only order"))
        );
        assert!(reports.iter().all(|row| row["exec_type"] != "trade"));
    }
}

#[tokio::test]
async fn s2_4_an_order_names_who_leaves_when_it_would_meet_its_own_account() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let order = |side: &str, more: &str| {
        let params = format!(
            r#""order_type":"limit","side":"{side}","symbol":"BTC/USD","order_qty":0.02,"limit_price":60005.0{more}"#
        );
        add(&params, &token)
    };
    for (stp, leave) in [
        ("", vec!["new"]),
        (r#","stp_type":"cancel_newest""#, vec!["new"]),
        (r#","stp_type":"cancel_oldest""#, vec!["old"]),
        (r#","stp_type":"cancel_both""#, vec!["new", "old"]),
    ] {
        ask(&mut client, &order("sell", r#","cl_ord_id":"old""#)).await;
        let new = order("buy", &format!(r#","cl_ord_id":"new"{stp}"#));
        let frames = ask(&mut client, &new).await;
        let reports: Vec<Value> = of(&frames, "executions").into_iter().map(row).collect();
        let canceled = reports.iter().filter(|row| row["exec_type"] == "canceled");
        let mut gone: Vec<_> = canceled
            .map(|row| row["cl_ord_id"].as_str().unwrap())
            .collect();
        gone.sort_unstable();
        assert_eq!(gone, leave, "{stp}");
        assert!(reports.iter().all(|row| row["exec_type"] != "trade"));
        let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
        ask(&mut client, &all).await;
    }
}

#[tokio::test]
async fn s2_4_an_order_with_a_start_is_pending_until_then() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let order = format!(r#"{LIMIT},"effective_time":"2026-09-01T08:01:00Z""#);
    let kinds = |frames: &[String]| {
        let reports = of(frames, "executions").into_iter().map(row);
        let kinds = reports.map(|row| row["exec_type"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    let frames = ask(&mut client, &add(&order, &token)).await;
    assert_eq!(kinds(&frames), ["pending_new"]);
    let pending = row(of(&frames, "executions")[0]);
    assert_eq!(pending["effective_time"], "2026-09-01T08:01:00.000000Z");
    desk.hands.advance(Duration::from_secs(59));
    desk.sim.venue().elapse();
    assert!(fence(&mut client).await.is_empty());
    desk.hands.advance(Duration::from_secs(1));
    desk.sim.venue().elapse();
    let frames = fence(&mut client).await;
    assert_eq!(kinds(&frames), ["new", "trade", "filled"]);
}

#[tokio::test]
async fn s2_4_fees_are_in_quote_unless_base_is_preferred() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    for side in ["buy", "sell"] {
        for (more, flag, asset) in [
            ("", "fciq", "USD"),
            (r#","fee_preference":"quote""#, "fciq", "USD"),
            (r#","fee_preference":"base""#, "fcib", "BTC"),
        ] {
            let params = format!(
                r#""order_type":"market","side":"{side}","symbol":"BTC/USD","order_qty":0.01{more}"#
            );
            let frames = ask(&mut client, &add(&params, &token)).await;
            let reports: Vec<Value> = of(&frames, "executions").into_iter().map(row).collect();
            assert_eq!(reports[0]["fee_ccy_pref"], flag, "{side} {more}");
            let trade = reports.iter().find(|row| row["exec_type"] == "trade");
            assert_eq!(trade.unwrap()["fees"][0]["asset"], asset);
        }
    }
}

#[tokio::test]
async fn s2_4_a_number_of_the_client_is_not_unique() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let marked = add(&format!(r#"{LIMIT},"order_userref":7"#), &token);
    for _ in 0..2 {
        let answer = read(&reply(&mut client, &marked).await);
        assert_eq!(answer["result"]["order_userref"], 7);
    }
    let mut hears = 0;
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Sell,
        OrderKind::Market,
        4_000_000,
    );
    for frame in of(&fence(&mut client).await, "executions") {
        let row = row(frame);
        assert_eq!(row["order_userref"], 7);
        hears += u32::from(row["exec_type"] == "filled");
    }
    assert_eq!(hears, 2);
}
