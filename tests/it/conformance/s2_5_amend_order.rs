//! §2.5 amend_order. Elsewhere: triggers → `sim_ws/triggers.rs`; distances, and orders with a close → `sim_ws/extras.rs`; what it costs →
//! `s5_3_costs`.

use std::time::Duration;

use serde_json::json;
use tradingd::{sim::matching::OrderKind, types::Side};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, reply, row, with_token},
    shape::like,
};

const ADD: &str = r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,"cl_ord_id":"mm-0001","token":"TOKEN"}}"#;
const AMEND: &str = r#"{"method":"amend_order","req_id":110,"params":{"cl_ord_id":"mm-0001","order_qty":0.025,"limit_price":61010.0,"post_only":true,"deadline":"2026-09-01T08:01:12.000Z","token":"TOKEN"}}"#;
const AMENDED: &str = r#"{"method":"amend_order","req_id":110,"result":{"amend_id":"TAAAAA-MMMMM-NNNNN1","cl_ord_id":"mm-0001"},"success":true,"time_in":"2026-09-01T08:01:10.000001Z","time_out":"2026-09-01T08:01:10.002001Z"}"#;
const AMENDED_BY_ID: &str = r#"{"method":"amend_order","req_id":110,"result":{"amend_id":"TAAAAA-MMMMM-NNNNN1","order_id":"OQQQQQ-AAAAA-BBBBB1"},"success":true,"time_in":"2026-09-01T08:01:10.000001Z","time_out":"2026-09-01T08:01:10.002001Z"}"#;
const REPORT: &str = r#"{"channel":"executions","type":"update","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB1","order_userref":0,"exec_type":"amended","order_status":"new","amended":true,"reason":"User requested","order_qty":0.02500000,"limit_price":61010.0,"limit_price_type":"static","cum_qty":0.00000000,"timestamp":"2026-09-01T08:01:10.001500Z"}],"sequence":20}"#;

fn amend(params: &str, token: &str) -> String {
    format!(r#"{{"method":"amend_order","req_id":110,"params":{{{params},"token":"{token}"}}}}"#)
}

#[tokio::test]
async fn s2_5_the_documented_amend_keeps_the_order_and_is_reported() {
    let desk = Desk::documented().await;
    desk.hands.advance(Duration::from_secs(70));
    let (mut client, token) = desk.trader().await;
    let added = read(&reply(&mut client, &with_token(ADD, &token)).await);
    let frames = ask(&mut client, &with_token(AMEND, &token)).await;
    like(AMENDED).check(&frames[0]);
    let report = of(&frames, "executions")[0];
    like(REPORT).more(&["cl_ord_id"]).check(report);
    let report = row(report);
    assert_eq!(report["order_id"], added["result"]["order_id"]);
    assert_eq!(
        (&report["order_qty"], &report["limit_price"]),
        (&json!(0.025), &json!(61_010.0))
    );
}

#[tokio::test]
async fn s2_5_the_result_has_the_id_that_addressed_the_order() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    let added = read(&reply(&mut client, &with_token(ADD, &token)).await);
    let id = added["result"]["order_id"].as_str().unwrap();
    let by_id = amend(
        &format!(
            r#""order_id":"{id}","limit_price":60990.0,"limit_price_type":"static","symbol":"BTC/USD""#
        ),
        &token,
    );
    like(AMENDED_BY_ID).check(&reply(&mut client, &by_id).await);
}

#[tokio::test]
async fn s2_5_a_quantity_below_the_filled_one_ends_the_order_with_its_fills() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &with_token(ADD, &token)).await;
    desk.hand(desk.pair("BTC/USD"), Side::Sell, OrderKind::Market, 500_000);
    let request = amend(r#""cl_ord_id":"mm-0001","order_qty":0.001"#, &token);
    let frames = ask(&mut client, &request).await;
    let last = of(&frames, "executions")
        .last()
        .map(|frame| row(frame))
        .unwrap();
    assert_eq!(
        (&last["exec_type"], &last["cum_qty"]),
        (&json!("canceled"), &json!(0.005))
    );
}

#[tokio::test]
async fn s2_5_amends_are_refused_in_the_venues_words() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    ask(&mut client, &with_token(ADD, &token)).await;
    let stop = r#"{"method":"add_order","params":{"order_type":"stop-loss","side":"sell","symbol":"BTC/USD","order_qty":0.02,"triggers":{"price":50000.0},"cl_ord_id":"stop","token":"TOKEN"}}"#;
    ask(&mut client, &with_token(stop, &token)).await;
    let gone = ADD.replace("mm-0001", "gone");
    ask(&mut client, &with_token(&gone, &token)).await;
    let cancel = r#"{"method":"cancel_order","params":{"cl_ord_id":["gone"],"token":"TOKEN"}}"#;
    ask(&mut client, &with_token(cancel, &token)).await;
    for (params, words) in [
        (r#""order_qty":1"#, "Order_id(s) not found"),
        (
            r#""order_id":"O","cl_ord_id":"a""#,
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        (
            r#""order_id":["O"],"order_qty":1"#,
            "Order_id field must be a string",
        ),
        (
            r#""cl_ord_id":"mm-0001""#,
            "EOrder:No amendable parameters specified",
        ),
        (
            r#""cl_ord_id":"mm-0001","order_qty":0.02,"limit_price":61000.0"#,
            "EOrder:No amendable parameters specified",
        ),
        (
            r#""cl_ord_id":"mm-0001","order_qty":"1""#,
            "Order_qty field must be a number_float",
        ),
        (
            r#""cl_ord_id":"mm-0001","limit_price":61000.05"#,
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            r#""cl_ord_id":"mm-0001","order_qty":0.00001"#,
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            r#""cl_ord_id":"mm-0001","order_qty":100"#,
            "EOrder:Insufficient funds",
        ),
        (
            r#""cl_ord_id":"mm-0001","limit_price":61600.0,"post_only":true"#,
            "EOrder:Post only order",
        ),
        (
            r#""cl_ord_id":"mm-0001","display_qty":0.01"#,
            "EGeneral:Invalid arguments:display_qty",
        ),
        (
            r#""cl_ord_id":"mm-0001","time_in_force":"ioc""#,
            "Unsupported field: 'time_in_force' for the given msg type: amend order",
        ),
        (
            r#""cl_ord_id":"mm-0001","order_qty":1,"deadline":"2020-01-01T00:00:00Z""#,
            "EService:Deadline elapsed",
        ),
        (
            r#""cl_ord_id":"stop","limit_price":50000.0"#,
            "EOrder:Invalid limit price",
        ),
        (
            r#""cl_ord_id":"gone","order_qty":1"#,
            "EOrder:Unknown order",
        ),
        (
            r#""cl_ord_id":"never","order_qty":1"#,
            "EOrder:Invalid order",
        ),
        (
            r#""order_id":"OAAAAA-BBBBB-CCCCC1","order_qty":1"#,
            "EOrder:Invalid order",
        ),
        (
            r#""order_id":"nonsense","order_qty":1"#,
            "EOrder:Invalid order",
        ),
    ] {
        assert_eq!(
            refusal(&mut client, &amend(params, &token)).await,
            words,
            "{params}"
        );
    }
}

#[tokio::test]
async fn s2_5_more_and_another_price_go_to_the_back_and_less_keeps_its_place() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let (mut client, token) = desk.trader().await;
    let add = |name: &str, more: &str| {
        format!(
            r#"{{"method":"add_order","params":{{"side":"buy","symbol":"BTC/USD","limit_price":60005.0,"cl_ord_id":"{name}",{more},"token":"{token}"}}}}"#
        )
    };
    let plain = r#""order_type":"limit","order_qty":0.1"#;
    let iceberg = r#""order_type":"iceberg","order_qty":0.5,"display_qty":0.1"#;
    for (order, changes, filled) in [
        (plain, vec![r#""order_qty":0.2"#], "second"),
        (plain, vec![r#""order_qty":0.06"#], "first"),
        (
            plain,
            vec![r#""limit_price":60004.0"#, r#""limit_price":60005.0"#],
            "second",
        ),
        (iceberg, vec![r#""display_qty":0.2"#], "first"),
        (iceberg, vec![r#""display_qty":0.06"#], "first"),
    ] {
        for (name, order) in [("first", order), ("second", plain)] {
            let answer = read(&reply(&mut client, &add(name, order)).await);
            assert_eq!(answer["success"], true, "{answer}");
        }
        for change in &changes {
            let request = amend(&format!(r#""cl_ord_id":"first",{change}"#), &token);
            let answer = read(&reply(&mut client, &request).await);
            assert_eq!(answer["success"], true, "{answer}");
        }
        desk.hand(pair, Side::Sell, OrderKind::Market, 5_000_000);
        let frames = fence(&mut client).await;
        let trade = row(of(&frames, "executions")[0]);
        assert_eq!(
            (&trade["exec_type"], &trade["cl_ord_id"]),
            (&json!("trade"), &json!(filled)),
            "{changes:?}"
        );
        let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
        ask(&mut client, &all).await;
        // The counter falls.
        desk.hands.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn s2_5_more_of_an_iceberg_shows_with_its_next_part_and_a_fifteenth_of_what_is_left_is_least()
{
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let (mut client, token) = desk.trader().await;
    let iceberg = r#"{"method":"add_order","params":{"order_type":"iceberg","side":"buy","symbol":"BTC/USD","order_qty":0.5,"display_qty":0.2,"limit_price":60005.0,"cl_ord_id":"ice","token":"TOKEN"}}"#;
    ask(&mut client, &with_token(iceberg, &token)).await;
    let show = |display: &str| {
        amend(
            &format!(r#""cl_ord_id":"ice","display_qty":{display}"#),
            &token,
        )
    };
    assert_eq!(
        refusal(&mut client, &show("0.03")).await,
        "EGeneral:Invalid arguments:display_qty"
    );
    let shown = || {
        let best = desk
            .sim
            .venue()
            .read(|view| view.exchange.best(pair, Side::Buy));
        best.unwrap().1.units()
    };
    ask(&mut client, &show("0.25")).await;
    assert_eq!(shown(), 20_000_000);
    desk.hand(pair, Side::Sell, OrderKind::Market, 20_000_000);
    assert_eq!(shown(), 25_000_000);
    // 0.3 are left.
    fence(&mut client).await;
    let answer = read(&reply(&mut client, &show("0.03")).await);
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(shown(), 3_000_000);
}

#[tokio::test]
async fn s2_5_an_amend_may_take_unless_it_says_post_only() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let resting = ADD.replace("61000.0", "60000.0");
    ask(&mut client, &with_token(&resting, &token)).await;
    let cross = r#""cl_ord_id":"mm-0001","limit_price":60010.0"#;
    let careful = amend(&format!(r#"{cross},"post_only":true"#), &token);
    assert_eq!(
        refusal(&mut client, &careful).await,
        "EOrder:Post only order"
    );
    let frames = ask(&mut client, &amend(cross, &token)).await;
    assert_eq!(read(&frames[0])["success"], true);
    let reports = of(&frames, "executions").into_iter().map(row);
    let kinds: Vec<_> = reports.map(|row| row["exec_type"].clone()).collect();
    assert_eq!(kinds, ["amended", "trade", "filled"]);
}
