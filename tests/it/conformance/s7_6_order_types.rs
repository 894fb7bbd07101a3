//! §7.6 What each type of order does, as the reports tell it. Elsewhere: the words for what is wrong with one → `s2_4_add_order`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::{Settings, matching::OrderKind},
    types::{Price, Side},
};

use super::desk::{Desk, ask, fence, of, read, row};
use crate::{sim_ws::rig::quiet, support::ws::Client};

/// A book of 60,000.0 × 1 and 60,010.0 × 1, and one who trades in it.
struct Floor {
    desk: Desk,
    client: Client,
    token: String,
}

impl Floor {
    async fn open() -> Self {
        Self::with(Desk::open().await).await
    }

    async fn with(desk: Desk) -> Self {
        desk.two_sided(desk.pair("BTC/USD"));
        let (client, token) = desk.trader().await;
        Self {
            desk,
            client,
            token,
        }
    }

    /// Places an order; its reports.
    async fn add(&mut self, params: &str) -> Vec<Value> {
        let request = format!(
            r#"{{"method":"add_order","params":{{"symbol":"BTC/USD",{params},"token":"{}"}}}}"#,
            self.token
        );
        let frames = ask(&mut self.client, &request).await;
        assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
        reports(&frames)
    }

    /// An order of somebody else; what is reported of it. Prices and quantities in the pair's units.
    async fn other(&mut self, side: Side, price: Option<i64>, qty: i64) -> Vec<Value> {
        let limit = price.map(|price| OrderKind::Limit(Price::new(price).unwrap()));
        let pair = self.desk.pair("BTC/USD");
        self.desk
            .hand(pair, side, limit.unwrap_or(OrderKind::Market), qty);
        reports(&fence(&mut self.client).await)
    }
}

fn reports(frames: &[String]) -> Vec<Value> {
    of(frames, "executions").into_iter().map(row).collect()
}

fn kinds(reports: &[Value]) -> Vec<&str> {
    let kinds = reports.iter().map(|row| row["exec_type"].as_str().unwrap());
    kinds.collect()
}

const BUY: &str = r#""order_type":"limit","side":"buy","limit_price":60010.0"#;

#[tokio::test]
async fn s7_6_a_market_order_is_canceled_where_the_price_slips_too_far() {
    let settings = Settings {
        market_band: 0.001,
        ..quiet()
    };
    let mut floor = Floor::with(Desk::with(settings).await).await;
    floor.other(Side::Sell, Some(600_800), 100_000_000).await;
    for more in ["", r#","no_mpp":true"#] {
        let order = format!(r#""order_type":"market","side":"buy","order_qty":1.5{more}"#);
        let told = floor.add(&order).await;
        assert_eq!(
            kinds(&told),
            ["pending_new", "new", "trade", "canceled"],
            "it cannot be switched off"
        );
        assert_eq!(told[3]["cum_qty"], 1.0);
        floor.other(Side::Sell, Some(600_100), 100_000_000).await;
    }
}

#[tokio::test]
async fn s7_6_an_ioc_order_fills_what_it_can_and_a_fok_order_all_or_nothing() {
    let mut floor = Floor::open().await;
    for (time, qty, ends, filled) in [
        ("fok", "1.5", "canceled", 0.0),
        ("ioc", "0.25", "filled", 0.25),
        ("fok", "0.25", "filled", 0.25),
        ("ioc", "1.5", "canceled", 0.5),
    ] {
        let order = format!(r#"{BUY},"order_qty":{qty},"time_in_force":"{time}""#);
        let told = floor.add(&order).await;
        let last = told.last().unwrap();
        assert_eq!(
            (&last["exec_type"], &last["cum_qty"]),
            (&json!(ends), &json!(filled)),
            "{time} {qty}"
        );
    }
}

#[tokio::test]
async fn s7_6_a_gtd_order_expires_at_its_time() {
    let mut floor = Floor::open().await;
    let order = BUY.replace("60010.0", "50000.0");
    let order = format!(
        r#"{order},"order_qty":0.1,"time_in_force":"gtd","expire_time":"2026-09-01T08:00:30Z""#
    );
    floor.add(&order).await;
    floor.desk.hands.advance(Duration::from_millis(29_999));
    floor.desk.sim.venue().elapse();
    assert!(fence(&mut floor.client).await.is_empty());
    floor.desk.hands.advance(Duration::from_millis(1));
    floor.desk.sim.venue().elapse();
    let told = reports(&fence(&mut floor.client).await);
    assert_eq!(kinds(&told), ["expired"]);
}

#[tokio::test]
async fn s7_6_a_post_only_order_never_takes() {
    let mut floor = Floor::open().await;
    let order = format!(r#"{BUY},"order_qty":0.1,"post_only":true"#);
    let request = format!(
        r#"{{"method":"add_order","params":{{"symbol":"BTC/USD",{order},"token":"{}"}}}}"#,
        floor.token
    );
    let frames = ask(&mut floor.client, &request).await;
    assert_eq!(read(&frames[0])["error"], "EOrder:Post only order");
    assert!(reports(&frames).is_empty());
    floor.add(&order.replace("60010.0", "60009.9")).await;
    let told = floor.other(Side::Sell, None, 10_000_000).await;
    assert_eq!(told[0]["liquidity_ind"], "m");
}

#[tokio::test]
async fn s7_6_of_two_own_orders_the_newest_leaves_unless_another_is_named() {
    for (mode, expected) in [
        ("", ["open", "canceled"]),
        (r#","stp_type":"cancel_newest""#, ["open", "canceled"]),
        (r#","stp_type":"cancel_oldest""#, ["canceled", "open"]),
        (r#","stp_type":"cancel_both""#, ["canceled", "canceled"]),
    ] {
        let mut floor = Floor::open().await;
        let order = BUY.replace("60010.0", "60005.0");
        let old = floor.add(&format!(r#"{order},"order_qty":0.1"#)).await;
        let sell = order.replace("buy", "sell");
        let new = floor.add(&format!(r#"{sell},"order_qty":0.1{mode}"#)).await;
        let id = |reports: &[Value]| reports[0]["order_id"].as_str().unwrap().to_owned();
        let new = new
            .iter()
            .find(|row| row["exec_type"] == "pending_new")
            .unwrap();
        let ids = [id(&old), new["order_id"].as_str().unwrap().to_owned()];
        let list = format!("txid={}", ids.join(","));
        let orders = read(&floor.desk.call("QueryOrders", &list).await);
        let told = ids
            .each_ref()
            .map(|id| orders["result"][id]["status"].as_str().unwrap());
        assert_eq!(told, expected, "{mode}");
    }
}

#[tokio::test]
async fn s7_6_an_iceberg_shows_a_slice_and_the_next_one_stands_behind_all_others() {
    let mut floor = Floor::open().await;
    floor
        .add(r#""order_type":"iceberg","side":"sell","order_qty":0.5,"display_qty":0.2,"limit_price":60005.0"#)
        .await;
    let pair = floor.desk.pair("BTC/USD");
    let shown = |desk: &Desk| {
        let venue = desk.sim.venue();
        let best = venue.read(|view| view.exchange.best(pair, Side::Sell));
        best.unwrap().1.units()
    };
    assert_eq!(shown(&floor.desk), 20_000_000);
    floor.other(Side::Sell, Some(600_050), 10_000_000).await;
    let told = floor.other(Side::Buy, None, 20_000_000).await;
    assert_eq!(kinds(&told), ["trade", "iceberg_refill"]);
    assert_eq!(shown(&floor.desk), 30_000_000);
    // The other one is before it now.
    let told = floor.other(Side::Buy, None, 10_000_000).await;
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn s7_6_a_trigger_by_the_last_price_makes_a_market_order_or_a_limit_under_one_id() {
    for (kind, limit, then) in [
        ("stop-loss", "", vec!["status", "trade", "filled"]),
        (
            "stop-loss-limit",
            r#","limit_price":59995.0"#,
            vec!["status"],
        ),
    ] {
        let mut floor = Floor::open().await;
        let order = format!(
            r#""order_type":"{kind}","side":"sell","order_qty":0.1,"triggers":{{"reference":"last","price":59990.0}}{limit}"#
        );
        let id = floor.add(&order).await[0]["order_id"].clone();
        // Quotes alone do not trigger it.
        let quoted = floor.other(Side::Sell, Some(600_001), 10_000_000).await;
        assert!(quoted.is_empty(), "{quoted:?}");
        floor.other(Side::Buy, Some(599_900), 100_000_000).await;
        let told = floor.other(Side::Sell, Some(599_900), 150_000_000).await;
        assert_eq!(kinds(&told), then, "{kind}");
        assert!(told.iter().all(|row| row["order_id"] == id));
        assert_eq!(told[0]["triggers"]["status"], "triggered");
    }
}

#[tokio::test]
async fn s7_6_an_index_falls_back_to_the_last_price() {
    let mut floor = Floor::open().await;
    floor.other(Side::Buy, None, 10_000_000).await;
    floor.other(Side::Sell, Some(600_200), 10_000_000).await;
    let order = r#""order_type":"take-profit","side":"sell","order_qty":0.1,"triggers":{"reference":"index","price":60020.0}"#;
    floor.add(order).await;
    // There is no other venue whose price makes an index: that of the last trade stands for it.
    let told = floor.other(Side::Buy, Some(600_200), 100_000_000).await;
    assert_eq!(kinds(&told), ["status", "trade", "filled"]);
}

#[tokio::test]
async fn s7_6_a_trailing_stop_follows_the_peak_at_its_distance() {
    let mut floor = Floor::open().await;
    floor.other(Side::Buy, None, 10_000_000).await;
    let order = r#""order_type":"trailing-stop","side":"sell","order_qty":0.1,"triggers":{"reference":"last","price":20.0,"price_type":"quote"}"#;
    let told = floor.add(order).await;
    let at = |row: &Value| {
        (
            row["triggers"]["peak_price"].clone(),
            row["triggers"]["actual_price"].clone(),
        )
    };
    assert_eq!(at(&told[0]), (json!(60_010.0), json!(59_990.0)));
    // Two higher trades, each of which it follows.
    for (price, peak) in [(600_500, 60_050.0), (600_600, 60_060.0)] {
        floor.other(Side::Sell, Some(price), 10_000_000).await;
        let told = floor.other(Side::Buy, Some(price), 200_000_000).await;
        let moved: Vec<&Value> = told
            .iter()
            .filter(|row| row["exec_type"] == "status")
            .collect();
        let last = moved.last().unwrap_or_else(|| panic!("{told:?}"));
        assert_eq!(at(last), (json!(peak), json!(peak - 20.0)));
    }
}

#[tokio::test]
async fn s7_6_each_fill_leaves_its_own_close_and_no_close_cancels_another() {
    let mut floor = Floor::open().await;
    let order = format!(
        r#"{BUY},"order_qty":1.5,"conditional":{{"order_type":"limit","limit_price":61000.0}}"#
    );
    let told = floor.add(&order).await;
    let parent = told[0]["order_id"].clone();
    let mut told: Vec<Value> = told.into_iter().skip(2).collect();
    told.extend(floor.other(Side::Sell, Some(600_100), 50_000_000).await);
    let children: Vec<&Value> = told
        .iter()
        .filter(|row| row["exec_type"] == "pending_new")
        .collect();
    let sizes = children.iter().map(|row| row["order_qty"].clone());
    assert_eq!(sizes.collect::<Vec<_>>(), [json!(1.0), json!(0.5)]);
    assert!(children.iter().all(|row| row["ord_ref_id"] == parent));
    // One is filled, the other stays.
    floor.other(Side::Sell, Some(600_100), 100_000_000).await;
    floor.other(Side::Buy, Some(610_000), 200_000_000).await;
    let ids: Vec<&str> = children
        .iter()
        .map(|row| row["order_id"].as_str().unwrap())
        .collect();
    let list = format!("txid={}", ids.join(","));
    let orders = read(&floor.desk.call("QueryOrders", &list).await);
    let status = |id: &str| orders["result"][id]["status"].clone();
    assert_eq!(status(ids[0]), "closed");
    assert_eq!(status(ids[1]), "open");
    assert_eq!(orders["result"][ids[0]]["refid"], parent);
}
