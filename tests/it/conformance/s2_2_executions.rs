//! §2.2 executions. Elsewhere: the counter, several connections → `sim_ws/orders.rs`; reports of stops and icebergs →
//! `sim_ws/triggers.rs`, `sim_ws/icebergs.rs`; of amends and edits → `s2_5_amend_order`, `s2_6_edit_order`; a snapshot in two frames, a gap in
//! the numbers → `sim_ws/bad_frames.rs`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::{
        Settings,
        matching::{OrderKind, PostOnlyRule},
    },
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, row, with_token},
    shape::like,
};
use crate::{sim_ws::rig::quiet, support::ws::Client};

const SUBSCRIBE: &str = r#"{"method":"subscribe","params":{"channel":"executions","snap_orders":true,"snap_trades":true,"order_status":true,"ratecounter":true,"token":"TOKEN"},"req_id":9001}"#;
const ACK: &str = r#"{"method":"subscribe","req_id":9001,"result":{"channel":"executions","maxratecount":180,"snap_orders":true,"snap_trades":true,"warnings":["cancel_reason is deprecated, use reason","stop_price is deprecated, use triggers.price","trigger is deprecated use triggers.reference","triggered_price is deprecated use triggers.last_price"]},"success":true,"time_in":"2026-09-01T08:00:08.000001Z","time_out":"2026-09-01T08:00:08.008001Z"}"#;
const PENDING: &str = r#"{"channel":"executions","type":"update","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":"mm-0001","order_userref":0,"symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.02000000,"limit_price":61000.0,"limit_price_type":"static","stop_price":0.0,"time_in_force":"GTC","post_only":true,"cum_cost":0.00000,"fee_usd_equiv":0.00000,"fee_ccy_pref":"fciq","exec_type":"pending_new","order_status":"pending_new","timestamp":"2026-09-01T08:01:00.000101Z"}],"sequence":2}"#;
const NEW: &str = r#"{"channel":"executions","type":"update","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":"mm-0001","order_userref":0,"exec_type":"new","order_status":"new","timestamp":"2026-09-01T08:01:00.000140Z"}],"sequence":3}"#;
const TRADE: &str = r#"{"channel":"executions","type":"update","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":"mm-0001","order_userref":0,"exec_id":"TQQQQQ-CCCCC-DDDDD1","exec_type":"trade","trade_id":90000010,"symbol":"BTC/USD","side":"buy","order_type":"limit","last_qty":0.00500000,"last_price":61000.0,"liquidity_ind":"m","cost":305.00000,"order_status":"partially_filled","cum_qty":0.00500000,"cum_cost":305.00000,"avg_price":61000.0,"fee_usd_equiv":0.76250,"fees":[{"asset":"USD","qty":0.76250}],"timestamp":"2026-09-01T08:01:30.000001Z"}],"sequence":4}"#;
const CANCELED: &str = r#"{"channel":"executions","type":"update","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":"mm-0001","order_userref":0,"exec_type":"canceled","order_status":"canceled","reason":"User requested","cancel_reason":"User requested","cum_qty":0.00500000,"cum_cost":305.00000,"avg_price":61000.0,"fee_usd_equiv":0.76250,"timestamp":"2026-09-01T08:02:00.000001Z"}],"sequence":5}"#;
const BUY: &str = r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":61000.0,"post_only":true,"cl_ord_id":"mm-0001","token":"TOKEN"}}"#;

async fn subscribed(desk: &Desk, options: &str) -> (Client, String, Vec<String>) {
    let (mut client, token) = desk.private().await;
    let request = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions"{options},"token":"{token}"}}}}"#
    );
    let frames = ask(&mut client, &request).await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    (client, token, frames)
}

/// Type, status and sequence of the reports among these frames.
fn told(frames: &[String]) -> Vec<Value> {
    let frames = of(frames, "executions").into_iter();
    let brief = |frame: &str| {
        let row = row(frame);
        json!([
            row["exec_type"],
            row["order_status"],
            read(frame)["sequence"]
        ])
    };
    frames.map(brief).collect()
}

#[tokio::test]
async fn s2_2_a_subscription_is_acknowledged_with_the_limit_the_flags_and_every_warning() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.private().await;
    let frames = ask(&mut client, &with_token(SUBSCRIBE, &token)).await;
    like(ACK).check(&frames[0]);
    assert_eq!(read(&frames[0])["result"], read(ACK)["result"]);
    let snapshot = read(of(&frames, "executions")[0]);
    assert_eq!(
        (&snapshot["type"], &snapshot["sequence"], &snapshot["data"]),
        (&json!("snapshot"), &json!(1), &json!([]))
    );
    assert_eq!(
        refusal(&mut client, &with_token(SUBSCRIBE, &token)).await,
        "Already subscribed"
    );
}

#[tokio::test]
async fn s2_2_the_limit_is_the_tiers_whether_or_not_the_counter_was_asked_for() {
    use tradingd::sim::matching::Tier;
    for (tier, threshold) in [
        (Tier::Starter, 60),
        (Tier::Intermediate, 125),
        (Tier::Pro, 180),
    ] {
        let settings = Settings { tier, ..quiet() };
        let desk = Desk::with(settings).await;
        let (_, _, frames) = subscribed(&desk, "").await;
        assert_eq!(read(&frames[0])["result"]["maxratecount"], threshold);
    }
}

#[tokio::test]
async fn s2_2_an_orders_reports_come_one_a_frame_each_with_its_own_fields() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    let frames = ask(&mut client, &with_token(BUY, &token)).await;
    let placed = of(&frames, "executions");
    like(PENDING).check(placed[0]);
    like(NEW).check(placed[1]);
    assert_eq!(
        told(&frames),
        [
            json!(["pending_new", "pending_new", 2]),
            json!(["new", "new", 3])
        ]
    );
    let pair = desk.pair("BTC/USD");
    desk.hand(pair, Side::Sell, OrderKind::Market, 500_000);
    let frames = fence(&mut client).await;
    like(TRADE).check(of(&frames, "executions")[0]);
    assert_eq!(told(&frames), [json!(["trade", "partially_filled", 4])]);
    let row = row(of(&frames, "executions")[0]);
    assert_eq!(row["fees"], json!([{"asset": "USD", "qty": 0.7625}]));
    assert_eq!(
        (&row["cost"], &row["avg_price"]),
        (&json!(305.0), &json!(61_000.0))
    );
    let cancel = format!(
        r#"{{"method":"cancel_order","params":{{"cl_ord_id":["mm-0001"],"token":"{token}"}}}}"#
    );
    let frames = ask(&mut client, &cancel).await;
    like(CANCELED).check(of(&frames, "executions")[0]);
    assert_eq!(told(&frames), [json!(["canceled", "canceled", 5])]);
}

#[tokio::test]
async fn s2_2_the_last_fill_is_partial_too_and_a_report_of_filled_follows() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    ask(&mut client, &with_token(BUY, &token)).await;
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Sell,
        OrderKind::Market,
        2_000_000,
    );
    let frames = fence(&mut client).await;
    assert_eq!(
        told(&frames),
        [
            json!(["trade", "partially_filled", 4]),
            json!(["filled", "filled", 5])
        ]
    );
    let filled = row(of(&frames, "executions")[1]);
    assert_eq!(
        (&filled["cum_qty"], &filled["cum_cost"]),
        (&json!(0.02), &json!(1_220.0))
    );
}

#[tokio::test]
async fn s2_2_snapshots_hold_open_orders_and_the_last_fifty_fills_as_they_are_asked_for() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    ask(&mut client, &with_token(BUY, &token)).await;
    let pair = desk.pair("BTC/USD");
    for _ in 0..55 {
        desk.hand(pair, Side::Sell, OrderKind::Market, 10_000);
    }
    for (options, orders, trades) in [
        ("", 1, 0),
        (r#","snap_trades":true"#, 1, 50),
        (r#","snap_orders":false,"snap_trades":true"#, 0, 50),
        (r#","snap_orders":false"#, 0, 0),
        (r#","snapshot":false,"snapshot_trades":true"#, 0, 50),
        (r#","users":"all","snap_trades":true"#, 0, 0),
        (r#","rebased":true"#, 1, 0),
    ] {
        let (_, _, frames) = subscribed(&desk, options).await;
        let rows: Vec<Value> = of(&frames, "executions")
            .into_iter()
            .flat_map(|frame| read(frame)["data"].as_array().unwrap().clone())
            .collect();
        let of_kind = |kind: &str| rows.iter().filter(|row| row["exec_type"] == kind).count();
        assert_eq!(
            (of_kind("new"), of_kind("trade")),
            (orders, trades),
            "{options}"
        );
        for (position, frame) in of(&frames, "executions").into_iter().enumerate() {
            let frame = read(frame);
            let mut rows = frame["data"].as_array().unwrap().iter();
            let trades = rows.clone().any(|row| row["exec_type"] == "trade");
            assert!(
                rows.all(|row| (row["exec_type"] == "trade") == trades),
                "fills and orders never share a frame"
            );
            assert_eq!(
                (&frame["type"], &frame["sequence"]),
                (&json!("snapshot"), &json!(position + 1))
            );
        }
        let times: Vec<&str> = rows
            .iter()
            .filter(|row| row["exec_type"] == "trade")
            .map(|row| row["timestamp"].as_str().unwrap())
            .collect();
        let numbers = rows.iter().filter_map(|row| row["trade_id"].as_u64());
        assert!(
            numbers.is_sorted_by(|newer, older| newer > older),
            "newest first: {times:?}"
        );
        let trade = rows.iter().find(|row| row["exec_type"] == "trade");
        if let Some(trade) = trade {
            assert_eq!(
                trade["order_status"], "partially_filled",
                "the order's present state"
            );
            assert!(trade.get("cum_qty").is_none() && trade.get("avg_price").is_none());
        }
    }
}

#[tokio::test]
async fn s2_2_without_order_status_only_decisive_reports_come() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, r#","order_status":false"#).await;
    let mut frames = ask(&mut client, &with_token(BUY, &token)).await;
    let amend = format!(
        r#"{{"method":"amend_order","params":{{"cl_ord_id":"mm-0001","order_qty":0.03,"token":"{token}"}}}}"#
    );
    frames.extend(ask(&mut client, &amend).await);
    let cancel = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    frames.extend(ask(&mut client, &cancel).await);
    assert_eq!(
        told(&frames),
        [json!(["new", "new", 2]), json!(["canceled", "canceled", 3])]
    );
}

#[tokio::test]
async fn s2_2_the_clients_number_shows_where_its_text_would() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    let numbered = BUY.replace(r#""cl_ord_id":"mm-0001""#, r#""order_userref":-7"#);
    let frames = ask(&mut client, &with_token(&numbered, &token)).await;
    for frame in of(&frames, "executions") {
        let row = row(frame);
        assert_eq!(
            (&row["order_userref"], row.get("cl_ord_id")),
            (&json!(-7), None)
        );
    }
}

#[tokio::test]
async fn s2_2_an_unsubscribed_stream_is_silent_and_a_new_one_counts_from_one() {
    let desk = Desk::documented().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    let leave = format!(
        r#"{{"method":"unsubscribe","params":{{"channel":"executions","token":"{token}"}},"req_id":4}}"#
    );
    let left = read(&ask(&mut client, &leave).await[0]);
    assert_eq!(
        (&left["method"], &left["success"]),
        (&json!("unsubscribe"), &json!(true))
    );
    assert_eq!(left["result"]["channel"], "executions");
    let frames = ask(&mut client, &with_token(BUY, &token)).await;
    assert!(of(&frames, "executions").is_empty(), "{frames:?}");
    let again = ask(&mut client, &with_token(SUBSCRIBE, &token)).await;
    assert_eq!(read(of(&again, "executions")[0])["sequence"], 1);
}

fn at(units: i64) -> OrderKind {
    OrderKind::Limit(Price::new(units).unwrap())
}

fn add(params: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"symbol":"BTC/USD",{params},"token":"{token}"}}}}"#
    )
}

/// The rows of all reports among these frames.
fn rows(frames: &[String]) -> Vec<Value> {
    of(frames, "executions").into_iter().map(row).collect()
}

#[tokio::test]
async fn s2_2_each_fill_tells_itself_and_the_totals_so_far() {
    let desk = Desk::two_sided().await;
    desk.hand(desk.pair("BTC/USD"), Side::Sell, at(600_050), 1_000_000);
    let (mut client, token, _) = subscribed(&desk, "").await;
    let buy = r#""order_type":"limit","side":"buy","order_qty":0.02,"limit_price":60010.0"#;
    let frames = ask(&mut client, &add(buy, &token)).await;
    let told: Vec<Value> = rows(&frames)
        .iter()
        .filter(|row| row["exec_type"] == "trade")
        .map(|row| {
            json!([
                [row["last_qty"], row["last_price"], row["cost"]],
                [row["cum_qty"], row["cum_cost"], row["avg_price"]],
                [row["fees"][0]["qty"], row["fee_usd_equiv"]],
                row["liquidity_ind"],
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!([
                [0.01, 60_005.0, 600.05],
                [0.01, 600.05, 60_005.0],
                [2.400_2, 2.400_2],
                "t"
            ]),
            json!([
                [0.01, 60_010.0, 600.1],
                [0.02, 1_200.15, 60_007.5],
                [2.400_4, 4.800_6],
                "t"
            ]),
        ]
    );
    let ids: Vec<_> = rows(&frames)
        .iter()
        .filter_map(|row| row["exec_id"].as_str().map(str::to_owned))
        .collect();
    assert!(ids[0].starts_with('T') && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn s2_2_a_trailing_stop_tells_each_move_of_what_it_waits_for_and_that_it_came() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let (mut client, token, _) = subscribed(&desk, "").await;
    let stop = r#""order_type":"trailing-stop","side":"sell","order_qty":0.1,"triggers":{"price":100.0,"price_type":"quote"}"#;
    let frames = ask(&mut client, &add(stop, &token)).await;
    let triggers = |row: &Value| {
        let of = &row["triggers"];
        json!([of["status"], of["peak_price"], of["actual_price"]])
    };
    assert_eq!(
        triggers(&rows(&frames)[0]),
        json!(["untriggered", 60_010.0, 59_910.0])
    );
    // Up to 60,020.0.
    desk.hand(pair, Side::Sell, at(600_200), 1_000_000);
    desk.hand(pair, Side::Buy, at(600_200), 100_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(told(&frames), [json!(["status", "new", 4])]);
    let moved = &rows(&frames)[0];
    assert_eq!(triggers(moved), json!(["untriggered", 60_020.0, 59_920.0]));
    assert!(moved.get("symbol").is_none() && moved.get("order_qty").is_none());
    // Down to 59,910.0.
    desk.hand(pair, Side::Buy, at(599_100), 100_000_000);
    desk.hand(pair, Side::Sell, OrderKind::Market, 101_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(
        told(&frames),
        [
            json!(["status", "new", 5]),
            json!(["trade", "partially_filled", 6]),
            json!(["filled", "filled", 7]),
        ]
    );
    let fired = &rows(&frames)[0]["triggers"];
    assert_eq!(
        (&fired["status"], &fired["last_price"]),
        (&json!("triggered"), &json!(59_910.0))
    );
}

#[tokio::test]
async fn s2_2_an_amount_of_quote_that_is_worth_something_else_at_its_start_is_restated() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let (mut client, token, _) = subscribed(&desk, "").await;
    let buy = r#""order_type":"market","side":"buy","cash_order_qty":600.1,"effective_time":"2026-09-01T08:01:00Z""#;
    let frames = ask(&mut client, &add(buy, &token)).await;
    assert_eq!(
        told(&frames),
        [json!(["pending_new", "pending_new", 2])],
        "{frames:?}"
    );
    assert_eq!(rows(&frames)[0]["order_qty"], 0.01);
    desk.hand(pair, Side::Buy, OrderKind::Market, 100_000_000);
    desk.hand(pair, Side::Sell, at(625_000), 100_000_000);
    desk.hands.advance(Duration::from_secs(60));
    desk.sim.venue().elapse();
    let frames = fence(&mut client).await;
    assert_eq!(
        told(&frames),
        [
            json!(["restated", "pending_new", 3]),
            json!(["new", "new", 4]),
            json!(["trade", "partially_filled", 5]),
            json!(["filled", "filled", 6]),
        ]
    );
    let mut restated = rows(&frames)[0].as_object().unwrap().clone();
    assert!(!restated["reason"].as_str().unwrap().is_empty());
    for gone in ["order_id", "timestamp", "reason"] {
        restated.remove(gone).unwrap();
    }
    assert_eq!(
        Value::from(restated),
        json!({
            "exec_type": "restated", "order_status": "pending_new", "order_userref": 0, "amended": true,
            // What 600.1 is good for at 62,500.0.
            "order_qty": 0.009_601_6, "cum_qty": 0.0,
        })
    );
}

#[tokio::test]
async fn s2_2_whatever_ends_an_order_is_its_reason() {
    let desk = Desk::with(Settings {
        post_only: PostOnlyRule::Cancel,
        ..quiet()
    })
    .await;
    desk.two_sided(desk.pair("BTC/USD"));
    let (mut client, token, _) = subscribed(&desk, "").await;
    let own = r#""order_type":"limit","side":"sell","order_qty":0.1,"limit_price":60005.0"#;
    ask(&mut client, &add(own, &token)).await;
    let buy = r#""order_type":"limit","side":"buy""#;
    for (more, reason, filled) in [
        (
            r#","order_qty":0.1,"limit_price":60005.0"#,
            "Cannot trade with self",
            0.0,
        ),
        (
            r#","order_qty":0.1,"limit_price":60005.0,"post_only":true"#,
            "Post only order",
            0.0,
        ),
        (
            r#","order_qty":1.5,"limit_price":60010.0,"time_in_force":"fok","stp_type":"cancel_oldest""#,
            "Fill or kill",
            0.0,
        ),
        (
            r#","order_qty":1.5,"limit_price":60010.0,"time_in_force":"ioc","stp_type":"cancel_oldest""#,
            "Immediate or cancel",
            1.0,
        ),
    ] {
        let frames = ask(&mut client, &add(&format!("{buy}{more}"), &token)).await;
        let last = *of(&frames, "executions").last().unwrap();
        like(CANCELED).lacking(&["cl_ord_id"]).check(last);
        let last = row(last);
        assert_eq!(
            (&last["order_status"], &last["reason"], &last["cum_qty"]),
            (&json!("canceled"), &json!(reason), &json!(filled)),
            "{more}"
        );
        assert_eq!(last["cancel_reason"], reason);
        for absent in ["symbol", "side", "order_qty"] {
            assert!(last.get(absent).is_none(), "{last}");
        }
    }
}

#[tokio::test]
async fn s2_2_times_in_force_are_in_capitals_and_an_expired_order_says_so() {
    let desk = Desk::two_sided().await;
    let (mut client, token, _) = subscribed(&desk, "").await;
    let buy = r#""order_type":"limit","side":"buy","order_qty":0.1,"limit_price":50000.0"#;
    for (asked, told) in [
        ("", "GTC"),
        (r#","time_in_force":"gtc""#, "GTC"),
        (r#","time_in_force":"ioc""#, "IOC"),
        (r#","time_in_force":"fok""#, "FOK"),
        (
            r#","time_in_force":"gtd","expire_time":"2026-09-01T08:00:30Z""#,
            "GTD",
        ),
    ] {
        let frames = ask(&mut client, &add(&format!("{buy}{asked}"), &token)).await;
        assert_eq!(rows(&frames)[0]["time_in_force"], told);
        if told == "GTD" {
            assert_eq!(
                rows(&frames)[0]["expire_time"],
                "2026-09-01T08:00:30.000000Z"
            );
        }
    }
    desk.hands.advance(Duration::from_millis(29_999));
    desk.sim.venue().elapse();
    assert!(fence(&mut client).await.is_empty());
    desk.hands.advance(Duration::from_millis(1));
    desk.sim.venue().elapse();
    let frames = fence(&mut client).await;
    let expired = &rows(&frames)[0];
    assert_eq!(
        (&expired["exec_type"], &expired["order_status"]),
        (&json!("expired"), &json!("expired"))
    );
    assert_eq!(
        (&expired["cum_qty"], &expired["cum_cost"]),
        (&json!(0.0), &json!(0.0))
    );
}
