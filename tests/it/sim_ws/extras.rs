//! What few orders ask for, over the private socket: a close, a start, a name, a currency of fees.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    io::Clock,
    sim::{
        Settings, Simulator,
        matching::{
            Extras, NewOrder, OrderKind, OrderStatus, PairId, Reply, Request, SelfTrade,
            TimeInForce,
        },
    },
    types::{Price, Quantity, Side, Timestamp},
};

use super::{
    orders::{exchange, kinds, limit, request, split},
    rig::{Rig, quiet},
};
use crate::support::within;

const STOP: &str = r#","conditional":{"order_type":"stop-loss-limit","trigger_price":59000.0,"limit_price":-10.0,"limit_price_type":"quote"}"#;

async fn two_sided(settings: &Settings) -> (Rig, PairId) {
    let rig = Rig::start(settings).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    (rig, pair)
}

fn error(frames: &[Value]) -> &Value {
    &split(frames).1["error"]
}

#[tokio::test]
async fn s2_4_every_fill_of_an_order_with_a_close_is_followed_by_an_order_of_its_own() {
    let (rig, pair) = two_sided(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    let order = limit("buy", "60010.0", "1.5", STOP);
    let frames = exchange(&mut client, &request("add_order", &order, &token)).await;
    let (_, reply, reports) = split(&frames);
    let parent = &reply["result"]["order_id"];
    assert_eq!(
        kinds(&reports),
        ["pending_new", "new", "trade", "pending_new", "new"]
    );
    assert_eq!(
        reports[0]["contingent"],
        json!({
            "order_type": "stop-loss-limit",
            "trigger_price": 59_000.0, "trigger_price_type": "static",
            "limit_price": -10.0, "limit_price_type": "quote",
        })
    );
    let child = reports[3];
    for (name, want) in [
        ("ord_ref_id", parent.clone()),
        ("side", json!("sell")),
        ("order_type", json!("stop-loss-limit")),
        ("order_qty", json!(1.0)),
        ("limit_price", json!(58_990.0)),
        ("order_status", json!("pending_new")),
    ] {
        assert_eq!(child[name], want, "{name}");
    }
    assert_eq!(child["triggers"]["status"], "untriggered");
    assert!(child.get("contingent").is_none());
    assert_eq!(reports[4]["ord_ref_id"], *parent);

    // The rest of the parent fills, and once more something follows.
    let at = OrderKind::Limit(Price::new(600_100).unwrap());
    rig.hand(pair, Side::Sell, at, 50_000_000);
    let frames = client.drain().await;
    let rows: Vec<&Value> = frames.iter().map(|frame| &frame["data"][0]).collect();
    assert_eq!(kinds(&rows), ["trade", "filled", "pending_new", "new"]);
    assert_eq!(rows[2]["order_qty"], 0.5);
}

#[tokio::test]
async fn s2_5_an_order_with_a_close_is_neither_amended_nor_edited_nor_named() {
    let (rig, _) = two_sided(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    let add = request("add_order", &limit("buy", "50000.0", "0.5", STOP), &token);
    let frames = exchange(&mut client, &add).await;
    let id = split(&frames).1["result"]["order_id"].clone();
    let amend = format!(r#""order_id":{id},"order_qty":0.6"#);
    let edit = format!(r#""order_id":{id},"symbol":"BTC/USD","order_qty":0.6"#);
    let named = format!(r#"{STOP},"cl_ord_id":"a""#);
    let named = limit("buy", "50000.0", "0.5", &named);
    for (method, params, want) in [
        ("amend_order", amend, "EOrder:Invalid order"),
        ("edit_order", edit, "EOrder:Invalid order"),
        (
            "add_order",
            named,
            "EOrder:cl_ord_id is not supported on conditional close",
        ),
    ] {
        let frames = exchange(&mut client, &request(method, &params, &token)).await;
        assert_eq!(error(&frames), want);
    }
    let cancel = request("cancel_order", &format!(r#""order_id":[{id}]"#), &token);
    assert_eq!(
        kinds(&split(&exchange(&mut client, &cancel).await).2),
        ["canceled"]
    );
}

#[tokio::test]
async fn s2_9_a_batch_may_have_closes_and_a_snapshot_tells_them() {
    let (rig, _) = two_sided(&quiet()).await;
    let (mut client, token) = rig.private().await;
    let entry =
        |price: &str| limit("buy", price, "0.1", STOP).replace(r#""symbol":"BTC/USD","#, "");
    let orders = format!("[{{{}}},{{{}}}]", entry("50000.0"), entry("60010.0"));
    let batch = format!(r#""symbol":"BTC/USD","orders":{orders}"#);
    let reply = client.ask(&request("batch_add", &batch, &token)).await;
    assert_eq!(reply["success"], true, "{reply}");
    let filled = reply["result"][1]["order_id"].clone();
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","token":"{token}"}}}}"#
    );
    client.send(&subscribe).await;
    let snapshot = client.until(|frame| frame["type"] == "snapshot").await;
    let open = snapshot["data"].as_array().unwrap();
    assert_eq!(open.len(), 2, "{snapshot}");
    assert_eq!(open[0]["contingent"]["trigger_price"], 59_000.0);
    assert_eq!(open[1]["ord_ref_id"], filled);
}

#[tokio::test]
async fn s2_8_an_order_that_has_not_begun_goes_with_all_others() {
    let (rig, _) = two_sided(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    let now = rig.sim.venue().clock().now().as_secs();
    let start = Timestamp::from_secs(now + 3_600).rfc3339(0);
    let order = limit(
        "buy",
        "50000.0",
        "0.5",
        &format!(r#","effective_time":"{start}""#),
    );
    let frames = exchange(&mut client, &request("add_order", &order, &token)).await;
    assert_eq!(kinds(&split(&frames).2), ["pending_new"]);
    let id = split(&frames).1["result"]["order_id"].clone();
    let amend = format!(r#""order_id":{id},"order_qty":0.6"#);
    let frames = exchange(&mut client, &request("amend_order", &amend, &token)).await;
    assert_eq!(split(&frames).2[0]["order_status"], "pending_new");
    let all = format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    let frames = exchange(&mut client, &all).await;
    assert_eq!(split(&frames).1["result"]["count"], 1);
}

#[tokio::test]
async fn s2_4_orders_for_different_names_trade_with_each_other() {
    let (rig, _) = two_sided(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    let order = |side, name: &str| {
        let more = format!(r#","sender_sub_id":"{name}""#);
        request("add_order", &limit(side, "60005.0", "0.1", &more), &token)
    };
    exchange(&mut client, &order("sell", "desk-a")).await;
    let frames = exchange(&mut client, &order("buy", "desk-a")).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(reports.last().unwrap()["exec_type"], "canceled");
    assert_eq!(reports[0]["sender_sub_id"], "desk-a");
    let frames = exchange(&mut client, &order("buy", "desk-b")).await;
    let (_, _, reports) = split(&frames);
    let trades = kinds(&reports).into_iter().filter(|kind| *kind == "trade");
    assert_eq!(trades.count(), 2, "both are told");
    let bad = order("buy", "no-name-is-as-long-as-this");
    let frames = exchange(&mut client, &bad).await;
    assert_eq!(error(&frames), "EGeneral:Invalid arguments:sender_sub_id");
}

#[tokio::test]
async fn s2_4_fees_are_taken_in_the_currency_that_is_preferred() {
    let (rig, _) = two_sided(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    let balances = format!(
        r#"{{"method":"subscribe","params":{{"channel":"balances","snapshot":false,"token":"{token}"}}}}"#
    );
    client.ask(&balances).await;
    for (preference, flag, asset, fee) in [
        ("base", "fcib", "BTC", 0.000_4),
        ("quote", "fciq", "USD", 24.004),
    ] {
        let more = format!(r#","fee_preference":"{preference}""#);
        let order = limit("buy", "60010.0", "0.1", &more);
        let frames = exchange(&mut client, &request("add_order", &order, &token)).await;
        let (_, _, reports) = split(&frames);
        assert_eq!(reports[0]["fee_ccy_pref"], flag);
        let trade = reports.iter().find(|row| row["exec_type"] == "trade");
        let trade = trade.unwrap();
        assert_eq!(trade["fees"], json!([{"asset": asset, "qty": fee}]));
        assert_eq!(trade["fee_usd_equiv"], 24.004);
        for frame in frames.iter().filter(|frame| frame["channel"] == "balances") {
            let row = &frame["data"][0];
            let want = if row["asset"] == asset { fee } else { 0.0 };
            assert_eq!(row["fee"], want, "{row}");
        }
    }
}

#[tokio::test]
async fn s2_4_limits_at_a_distance_need_a_trigger_and_indexes_a_pair_that_has_one() {
    let settings = Settings {
        pairs: vec!["BTC/USD".to_owned(), "ETH/BTC".to_owned()],
        ..quiet()
    };
    let (rig, _) = two_sided(&settings).await;
    let (mut client, token) = rig.trader().await;
    let stop = |symbol: &str| {
        format!(
            r#""order_type":"stop-loss","side":"sell","symbol":"{symbol}","order_qty":0.1,"triggers":{{"price":0.01,"price_type":"pct","reference":"index"}}"#
        )
        .replace("0.01,", "-50,")
    };
    let distance = limit("buy", "5.0", "0.1", r#","limit_price_type":"pct""#);
    for (order, want) in [
        (
            distance,
            json!("EGeneral:Invalid arguments:limit_price_type"),
        ),
        (
            stop("ETH/BTC"),
            json!("EGeneral:Invalid arguments:Index unavailable"),
        ),
        (stop("BTC/USD"), Value::Null),
    ] {
        let frames = exchange(&mut client, &request("add_order", &order, &token)).await;
        assert_eq!(*error(&frames), want);
    }
}

#[tokio::test]
async fn s2_5_a_trailing_stop_is_amended_in_distances() {
    let (rig, pair) = two_sided(&quiet()).await;
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000);
    let (mut client, token) = rig.trader().await;
    let order = r#""order_type":"trailing-stop-limit","side":"sell","symbol":"BTC/USD","order_qty":0.1,"triggers":{"price":100.0,"price_type":"quote"},"limit_price":-3.0"#;
    let frames = exchange(&mut client, &request("add_order", order, &token)).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(reports[0]["limit_price"], 59_907.0);
    let id = &reply["result"]["order_id"];
    for (change, want) in [
        (r#""limit_price":-5.0"#, json!(59_905.0)),
        (
            r#""trigger_price":200.0,"trigger_price_type":"quote""#,
            json!(59_805.0),
        ),
    ] {
        let amend = format!(r#""order_id":{id},{change}"#);
        let frames = exchange(&mut client, &request("amend_order", &amend, &token)).await;
        assert_eq!(split(&frames).2[0]["limit_price"], want, "{change}");
    }
    let amend = format!(r#""order_id":{id},"trigger_price":59000.0"#);
    let frames = exchange(&mut client, &request("amend_order", &amend, &token)).await;
    assert_eq!(error(&frames), "EOrder:Invalid price");
}

#[tokio::test]
async fn a_market_order_stops_at_the_band_of_the_settings() {
    let settings = Settings {
        market_band: 0.001,
        ..quiet()
    };
    let (rig, pair) = two_sided(&settings).await;
    let at = OrderKind::Limit(Price::new(600_800).unwrap());
    rig.hand(pair, Side::Sell, at, 100_000_000);
    let (mut client, token) = rig.trader().await;
    let order = r#""order_type":"market","side":"buy","symbol":"BTC/USD","order_qty":1.5"#;
    let frames = exchange(&mut client, &request("add_order", order, &token)).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(kinds(&reports), ["pending_new", "new", "trade", "canceled"]);
    assert_eq!(reports[3]["cum_qty"], 1.0);
}

#[tokio::test]
async fn switches_and_starts_and_closes_outlive_the_simulator() {
    let state = tempfile::tempdir().unwrap();
    let rig = Rig::with_state(&quiet(), Some(state.path())).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let start = Timestamp::from_secs(rig.sim.venue().clock().now().as_secs() + 3_600);
    let start = format!(r#","effective_time":"{}""#, start.rfc3339(0));
    for more in [STOP, &start] {
        let add = request("add_order", &limit("buy", "50000.0", "0.5", more), &token);
        let frames = exchange(&mut client, &add).await;
        assert_eq!(split(&frames).1["success"], true);
    }
    let wind = request("cancel_all_orders_after", r#""timeout":2"#, &token);
    exchange(&mut client, &wind).await;
    rig.sim.shutdown().await;

    let rig = Rig::with_state(&quiet(), Some(state.path())).await;
    let (mut client, token) = rig.private().await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","token":"{token}"}}}}"#
    );
    client.send(&subscribe).await;
    let snapshot = client.until(|frame| frame["type"] == "snapshot").await;
    assert_eq!(snapshot["data"][0]["contingent"]["trigger_price"], 59_000.0);
    assert_eq!(snapshot["data"][1]["order_status"], "pending_new");
    for _ in 0..2 {
        let report = client.until(|frame| frame["type"] == "update").await;
        assert_eq!(report["data"][0]["reason"], "Cancel all orders after");
    }
}

#[tokio::test]
async fn an_order_that_was_due_while_the_simulator_was_away_begins_in_a_market() {
    let state = tempfile::tempdir().unwrap();
    let begin = Timestamp::from_secs(1_788_249_600);
    let simulator = async |at: Timestamp| {
        let (clock, _hand) = Clock::manual(at);
        let started = Simulator::start(&quiet(), Some(state.path()), clock).await;
        started.unwrap()
    };
    let sim = simulator(begin).await;
    let account = sim.accounts()[0].id;
    let order = NewOrder {
        pair: PairId(0),
        side: Side::Buy,
        kind: OrderKind::Market,
        qty: Quantity::new(1_000_000).unwrap().into(),
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        trigger: None,
        self_trade: SelfTrade::default(),
        display: None,
        cl_ord_id: None,
        userref: None,
        deadline: None,
        validate: false,
        extras: Extras {
            start: Some(begin.after(Duration::from_secs(60))),
            ..Extras::NONE
        },
    };
    let placed = sim.venue().act(account, Request::Place(order));
    let Ok(Reply::Placed { order_id }) = placed else {
        panic!("{placed:?}");
    };
    sim.shutdown().await;
    let sim = simulator(begin.after(Duration::from_secs(3_600))).await;
    let mut due = sim.venue().due();
    within(due.wait_for(Option::is_none)).await.unwrap();
    let status = sim
        .venue()
        .read(|view| view.exchange.order(&order_id).unwrap().status);
    assert_eq!(status, OrderStatus::Closed);
    sim.shutdown().await;
}
