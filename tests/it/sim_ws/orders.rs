//! Orders over the private socket: replies, reports, balances, in every order of the two.

use serde_json::Value;
use tradingd::{
    sim::{Settings, matching::OrderKind, settings::ReplyOrder},
    types::Side,
};

use super::rig::{Rig, of, quiet, rows};
use crate::support::ws::Client;

pub(super) fn request(method: &str, params: &str, token: &str) -> String {
    format!(r#"{{"method":"{method}","params":{{{params},"token":"{token}"}},"req_id":1}}"#)
}

pub(super) fn limit(side: &str, price: &str, qty: &str, more: &str) -> String {
    format!(
        r#""order_type":"limit","side":"{side}","symbol":"BTC/USD","order_qty":{qty},"limit_price":{price}{more}"#
    )
}

/// The reply's position among the frames, and the reports in their order.
pub(super) fn split(frames: &[Value]) -> (usize, &Value, Vec<&Value>) {
    let at = frames
        .iter()
        .position(|frame| frame.get("method").is_some())
        .unwrap_or_else(|| panic!("no reply: {frames:?}"));
    let reports = frames
        .iter()
        .filter(|frame| frame["channel"] == "executions");
    let reports: Vec<&Value> = reports.map(one_row).collect();
    (at, &frames[at], reports)
}

fn one_row(frame: &Value) -> &Value {
    assert_eq!(rows(frame).len(), 1, "one row a frame: {frame}");
    &frame["data"][0]
}

pub(super) fn kinds<'a>(reports: &[&'a Value]) -> Vec<&'a str> {
    reports
        .iter()
        .map(|row| row["exec_type"].as_str().unwrap())
        .collect()
}

pub(super) async fn exchange(client: &mut Client, text: &str) -> Vec<Value> {
    client.send(text).await;
    client.drain().await
}

async fn life_of_an_order(order: ReplyOrder) {
    let settings = Settings {
        reply_order: order,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let (mut client, token) = rig.trader().await;
    let mut sequence = 0;
    let mut check = |frames: &[Value]| {
        let reply = split(frames).0;
        match order {
            ReplyOrder::ReplyFirst => assert_eq!(reply, 0),
            ReplyOrder::ReportFirst => assert_eq!(reply, frames.len() - 1),
            ReplyOrder::Random => {}
        }
        for frame in frames
            .iter()
            .filter(|frame| frame["channel"] == "executions")
        {
            sequence += 1;
            assert_eq!(frame["sequence"], sequence);
        }
    };

    let more = r#","post_only":true,"cl_ord_id":"mm-0001","limit_price_type":"static","fee_preference":"quote","stp_type":"cancel_newest","no_mpp":false"#;
    let add = request("add_order", &limit("buy", "60005.0", "0.02", more), &token);
    let frames = exchange(&mut client, &add).await;
    check(&frames);
    let (_, reply, reports) = split(&frames);
    assert_eq!(reply["result"]["cl_ord_id"], "mm-0001");
    let order_id = reply["result"]["order_id"].as_str().unwrap().to_owned();
    assert_eq!(kinds(&reports), ["pending_new", "new"]);
    for (name, want) in [
        ("symbol", "BTC/USD"),
        ("side", "buy"),
        ("order_type", "limit"),
        ("limit_price_type", "static"),
        ("time_in_force", "GTC"),
        ("fee_ccy_pref", "fciq"),
        ("order_id", &order_id),
        ("cl_ord_id", "mm-0001"),
    ] {
        assert_eq!(reports[0][name], want, "{name}");
    }
    assert_eq!(reports[0]["order_userref"], 0);
    assert_eq!(reports[0]["post_only"], true);
    assert!(reports[1].get("symbol").is_none(), "follow-ups are sparse");

    let amend = r#""cl_ord_id":"mm-0001","order_qty":0.025,"limit_price":60006.0"#;
    let frames = exchange(&mut client, &request("amend_order", amend, &token)).await;
    check(&frames);
    let (_, reply, reports) = split(&frames);
    assert!(
        reply["result"]["amend_id"]
            .as_str()
            .unwrap()
            .starts_with('T')
    );
    assert_eq!(reply["result"]["cl_ord_id"], "mm-0001");
    assert_eq!(kinds(&reports), ["amended"]);
    assert_eq!(
        (&reports[0]["order_qty"], &reports[0]["amended"]),
        (&0.025.into(), &true.into())
    );
    assert_eq!(reports[0]["order_status"], "new");

    rig.hand(pair, Side::Sell, OrderKind::Market, 500_000);
    let frames = client.drain().await;
    sequence += 1;
    assert_eq!(frames[0]["sequence"], sequence);
    let trade = one_row(&frames[0]);
    for (name, want) in [
        ("exec_type", "trade"),
        ("order_status", "partially_filled"),
        ("liquidity_ind", "m"),
    ] {
        assert_eq!(trade[name], want);
    }
    assert_eq!(
        (&trade["last_qty"], &trade["last_price"]),
        (&0.005.into(), &60_006.0.into())
    );
    assert_eq!(
        (&trade["cum_qty"], &trade["cost"]),
        (&0.005.into(), &300.03.into())
    );
    assert_eq!(trade["fees"][0]["asset"], "USD");
    assert_eq!(trade["fee_usd_equiv"], trade["fees"][0]["qty"]);

    let cancel = request(
        "cancel_order",
        &format!(r#""order_id":["{order_id}"]"#),
        &token,
    );
    client.send(&cancel).await;
    let frames = client.drain().await;
    let (at, reply, reports) = split(&frames);
    assert_eq!(reply["result"]["order_id"], order_id);
    assert!(order != ReplyOrder::ReplyFirst || at == 0);
    assert_eq!(kinds(&reports), ["canceled"]);
    let canceled = reports[0];
    assert_eq!(
        (&canceled["reason"], &canceled["cancel_reason"]),
        (&"User requested".into(), &"User requested".into())
    );
    assert_eq!(canceled["cum_qty"], 0.005);
    assert!(canceled.get("symbol").is_none() && canceled.get("order_qty").is_none());
    let again = client.ask(&cancel).await;
    assert_eq!(again["error"], "EOrder:Unknown order");
}

#[tokio::test]
async fn s2_4_an_order_lives_with_the_reply_first() {
    life_of_an_order(ReplyOrder::ReplyFirst).await;
}

#[tokio::test]
async fn s2_4_an_order_lives_with_the_reports_first() {
    life_of_an_order(ReplyOrder::ReportFirst).await;
}

#[tokio::test]
async fn s2_4_an_order_lives_with_either_first() {
    life_of_an_order(ReplyOrder::Random).await;
}

#[tokio::test]
async fn s2_3_a_taker_is_filled_and_its_balances_move_twice_a_fill() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let balances =
        format!(r#"{{"method":"subscribe","params":{{"channel":"balances","token":"{token}"}}}}"#);
    client.send(&balances).await;
    let snapshot = client.until(of("balances")).await;
    assert_eq!(
        (&snapshot["type"], &snapshot["sequence"]),
        (&"snapshot".into(), &1.into())
    );
    let usd = rows(&snapshot)
        .iter()
        .find(|row| row["asset"] == "USD")
        .unwrap();
    assert_eq!(usd["balance"], 1_000_000.0);
    assert_eq!(usd["wallets"][0]["type"], "spot");

    let add = request("add_order", &limit("buy", "60010.0", "0.5", ""), &token);
    let frames = exchange(&mut client, &add).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(kinds(&reports), ["pending_new", "new", "trade", "filled"]);
    assert_eq!(reports[2]["order_status"], "partially_filled");
    assert_eq!(
        (&reports[3]["order_status"], &reports[3]["cum_qty"]),
        (&"filled".into(), &0.5.into())
    );
    let entries = frames.iter().filter(|frame| frame["channel"] == "balances");
    let entries: Vec<&Value> = entries.map(one_row).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (&entries[0]["asset"], &entries[0]["amount"]),
        (&"BTC".into(), &0.5.into())
    );
    assert_eq!(
        (&entries[1]["asset"], &entries[1]["amount"]),
        (&"USD".into(), &(-30_005.0).into())
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry["ref_id"] == reports[2]["exec_id"])
    );
    let fee = entries[1]["fee"].as_f64().unwrap();
    assert_eq!(entries[1]["balance"], 1_000_000.0 - 30_005.0 - fee);

    let (mut late, token) = rig.private().await;
    let both = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":true,"snap_trades":true,"ratecounter":true,"token":"{token}"}}}}"#
    );
    let frames = exchange(&mut late, &both).await;
    let ack = &frames[0]["result"];
    assert_eq!(
        (&ack["maxratecount"], &ack["snap_trades"]),
        (&180.into(), &true.into())
    );
    assert_eq!(ack["warnings"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&frames[1]["type"], &frames[1]["sequence"]),
        (&"snapshot".into(), &1.into())
    );
    assert!(rows(&frames[1]).is_empty());
    assert_eq!(
        (&frames[2]["type"], &frames[2]["sequence"]),
        (&"snapshot".into(), &2.into())
    );
    let past = &frames[2]["data"][0];
    assert_eq!(past["order_id"], reply["result"]["order_id"]);
    assert_eq!(
        (&past["exec_type"], &past["order_status"]),
        (&"trade".into(), &"filled".into())
    );
    assert!(past.get("cum_qty").is_none());
}

#[tokio::test]
async fn s2_2_every_connection_of_the_account_hears_the_reports() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut first, token) = rig.trader().await;
    let (mut second, other) = rig.private().await;
    let sparse = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","order_status":false,"ratecounter":true,"token":"{other}"}}}}"#
    );
    assert_eq!(second.ask(&sparse).await["success"], true);
    second.until(of("executions")).await;
    first
        .send(&request(
            "add_order",
            &limit("buy", "50000.0", "0.01", ""),
            &token,
        ))
        .await;
    let report = second.until(of("executions")).await;
    assert_eq!(report["sequence"], 2);
    assert_eq!(
        one_row(&report)["exec_type"],
        "new",
        "only decisive reports"
    );
    assert!(one_row(&report)["ratecount"].is_number());
}

#[tokio::test]
async fn s2_9_batches_add_and_cancel_and_cancel_all_counts() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let order = |price: &str, name: &str| {
        format!(
            r#"{{"order_type":"limit","side":"buy","order_qty":0.01,"limit_price":{price},"cl_ord_id":"{name}"}}"#
        )
    };
    let batch = |orders: &[String]| {
        let params = format!(r#""symbol":"BTC/USD","orders":[{}]"#, orders.join(","));
        request("batch_add", &params, &token)
    };
    let three = [
        order("50000.0", "a"),
        order("50001.0", "b"),
        order("50002.0", "a"),
    ];
    let reply = client.ask(&batch(&three)).await;
    let result = reply["result"].as_array().unwrap();
    assert_eq!(reply["success"], false);
    assert_eq!(
        (&result[0]["cl_ord_id"], &result[1]["cl_ord_id"]),
        (&"a".into(), &"b".into())
    );
    assert_eq!(
        result[2]["error"],
        "EGeneral:Invalid arguments:cl_ord_id not unique"
    );
    let invalid = [order("50000.0", "c"), order("50000.01", "d")];
    let refused = client.ask(&batch(&invalid)).await;
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .starts_with("EOrder:Invalid price:")
    );
    client.drain().await;
    let ids = format!(
        r#""orders":["{}"],"cl_ord_id":["b","nobody"]"#,
        result[0]["order_id"].as_str().unwrap()
    );
    let canceled = client.ask(&request("batch_cancel", &ids, &token)).await;
    assert_eq!(canceled["result"]["count"], 2);
    for price in ["50004.0", "50005.0"] {
        client
            .ask(&request(
                "add_order",
                &limit("buy", price, "0.01", ""),
                &token,
            ))
            .await;
    }
    let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    assert_eq!(client.ask(&all).await["result"]["count"], 2);
}

#[tokio::test]
async fn s2_4_a_market_order_takes_and_an_ioc_rest_is_canceled() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let market = r#""order_type":"market","side":"sell","symbol":"BTC/USD","order_qty":0.25"#;
    let frames = exchange(&mut client, &request("add_order", market, &token)).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(kinds(&reports), ["pending_new", "new", "trade", "filled"]);
    assert!(reports[0].get("limit_price").is_none());
    assert_eq!(reports[2]["liquidity_ind"], "t");
    let ioc = limit("sell", "60000.0", "2", r#","time_in_force":"ioc""#);
    let frames = exchange(&mut client, &request("add_order", &ioc, &token)).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(kinds(&reports), ["pending_new", "new", "trade", "canceled"]);
    assert_eq!(reports[0]["time_in_force"], "IOC");
    assert_eq!(reports[3]["cum_qty"], 0.75);
}

#[tokio::test]
async fn s2_7_a_delay_holds_the_reply_and_a_cancel_may_overtake_its_create() {
    let settings = Settings {
        reply_delay: std::time::Duration::from_millis(200),
        reply_order: ReplyOrder::ReportFirst,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let more = r#","cl_ord_id":"fast""#;
    client
        .send(&request(
            "add_order",
            &limit("buy", "50000.0", "0.01", more),
            &token,
        ))
        .await;
    client
        .send(&request("cancel_order", r#""cl_ord_id":["fast"]"#, &token))
        .await;
    let mut order = Vec::new();
    while order.len() < 5 {
        let frame = client.until(|frame| frame["channel"] != "heartbeat").await;
        let name = frame["method"]
            .as_str()
            .or(frame["data"][0]["exec_type"].as_str());
        order.push(name.unwrap().to_owned());
    }
    assert_eq!(
        order,
        [
            "pending_new",
            "new",
            "canceled",
            "add_order",
            "cancel_order"
        ]
    );
}

/// What waits for the delay of its reply is bounded: a client that asks faster is not read meanwhile.
#[tokio::test]
async fn requests_that_wait_for_their_replies_hold_up_the_client_that_sends_more() {
    let delay = std::time::Duration::from_millis(500);
    let settings = Settings {
        reply_delay: delay,
        reply_order: ReplyOrder::ReportFirst,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let (mut client, token) = rig.trader().await;
    let most = 257;
    for _ in 0..most {
        let unknown = request("cancel_order", r#""cl_ord_id":["unknown"]"#, &token);
        client.send(&unknown).await;
    }
    let mut read = Vec::new();
    while read.len() < most {
        let reply = client
            .until(|frame| frame["method"] == "cancel_order")
            .await;
        let at: jiff::Timestamp = reply["time_in"].as_str().unwrap().parse().unwrap();
        read.push(at);
    }
    let waited = read[most - 1].duration_since(read[0]).unsigned_abs();
    assert!(waited >= delay, "read after {waited:?}");
}
