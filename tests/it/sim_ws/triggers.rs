//! Orders that wait for a price, over the private socket.

use serde_json::{Value, json};
use tradingd::{
    sim::matching::{OrderKind, PairId},
    types::{Price, Side},
};

use super::{
    orders::{exchange, kinds, request, split},
    rig::{Rig, quiet},
};

fn order(kind: &str, more: &str) -> String {
    format!(r#""order_type":"{kind}","side":"sell","symbol":"BTC/USD","order_qty":0.1,{more}"#)
}

/// The market falls from 60,000.0 to 59,985.0, where somebody buys more.
fn fall(rig: &Rig, pair: PairId) {
    let at = OrderKind::Limit(Price::new(599_850).unwrap());
    rig.hand(pair, Side::Buy, at, 100_000_000);
    rig.hand(pair, Side::Sell, at, 150_000_000);
}

fn row(frame: &Value) -> &Value {
    &frame["data"][0]
}

#[tokio::test]
async fn s2_2_a_stop_is_reported_untriggered_then_triggered_then_filled() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let (mut client, token) = rig.trader().await;
    let stop = order("stop-loss", r#""triggers":{"price":59990.0}"#);
    let frames = exchange(&mut client, &request("add_order", &stop, &token)).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(reply["success"], true, "{reply}");
    assert_eq!(kinds(&reports), ["pending_new", "new"]);
    let told = reports[0];
    assert_eq!(told["order_type"], "stop-loss");
    assert_eq!(told["stop_price"], 59_990.0);
    assert_eq!(told["triggers"]["status"], "untriggered");
    assert_eq!(told["triggers"]["price"], 59_990.0);
    assert_eq!(told["triggers"]["price_type"], "static");
    fall(&rig, pair);
    let reports = client.drain().await;
    let reports: Vec<&Value> = reports.iter().map(row).collect();
    assert_eq!(kinds(&reports), ["status", "trade", "filled"]);
    assert_eq!(reports[0]["triggers"]["status"], "triggered");
    assert_eq!(reports[0]["triggers"]["last_price"], 59_985.0);
    assert_eq!(reports[1]["last_price"], 59_985.0);
}

#[tokio::test]
async fn s2_4_a_trailing_stop_with_a_limit_takes_distances() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000);
    let (mut client, token) = rig.trader().await;
    let trailing = order(
        "trailing-stop-limit",
        r#""triggers":{"reference":"last","price":2.5,"price_type":"pct"},"limit_price":-3.0,"limit_price_type":"quote""#,
    );
    let frames = exchange(&mut client, &request("add_order", &trailing, &token)).await;
    let (_, _, reports) = split(&frames);
    let told = reports[0];
    assert_eq!(told["order_type"], "trailing-stop-limit");
    // 2.5 % below 60,010.0, and 3.0 below that.
    assert_eq!(told["triggers"]["actual_price"], 58_509.8);
    assert_eq!(told["triggers"]["peak_price"], 60_010.0);
    assert_eq!(told["triggers"]["price"], 2.5);
    assert_eq!(told["limit_price"], 58_506.8);
    let id = told["order_id"].clone();
    let snapshot = client
        .ask(&format!(
            r#"{{"method":"subscribe","params":{{"channel":"balances","snapshot":false,"token":"{token}"}}}}"#
        ))
        .await;
    assert_eq!(snapshot["success"], true);
    let cancel = request("cancel_order", &format!(r#""order_id":[{id}]"#), &token);
    let frames = exchange(&mut client, &cancel).await;
    assert_eq!(kinds(&split(&frames).2), ["canceled"]);
}

#[tokio::test]
async fn s2_5_what_is_waited_for_can_be_amended() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let (mut client, token) = rig.trader().await;
    let stop = order("stop-loss", r#""triggers":{"price":50000.0}"#);
    let frames = exchange(&mut client, &request("add_order", &stop, &token)).await;
    let id = split(&frames).1["result"]["order_id"].clone();
    for (change, error) in [
        (
            r#""limit_price":50001.0"#,
            json!("EOrder:Invalid limit price"),
        ),
        (r#""trigger_price":59990.0"#, Value::Null),
    ] {
        let amend = request(
            "amend_order",
            &format!(r#""order_id":{id},{change}"#),
            &token,
        );
        let frames = exchange(&mut client, &amend).await;
        let (_, reply, reports) = split(&frames);
        assert_eq!(reply["error"], error);
        if let Some(report) = reports.first() {
            assert_eq!(report["exec_type"], "amended");
            assert_eq!(report["triggers"]["price"], 59_990.0);
        }
    }
    fall(&rig, pair);
    let reports = client.drain().await;
    assert_eq!(row(&reports[0])["triggers"]["status"], "triggered");
}

#[tokio::test]
async fn s2_4_triggers_are_checked_as_strictly_as_everything_else() {
    let rig = Rig::start(&quiet()).await;
    let (mut client, token) = rig.trader().await;
    for (kind, more, error) in [
        (
            "stop-loss",
            r#""time_in_force":"gtc""#,
            "Triggers(s) not found",
        ),
        (
            "stop-loss",
            r#""triggers":5"#,
            "Triggers field must be an object",
        ),
        ("stop-loss", r#""triggers":{}"#, "Price(s) not found"),
        (
            "stop-loss",
            r#""triggers":{"price":"5"}"#,
            "Price field must be a number_float",
        ),
        (
            "stop-loss",
            r#""triggers":{"price":5,"limit":4}"#,
            "Unsupported field: 'limit' for the given msg type: add order",
        ),
        (
            "stop-loss",
            r#""triggers":{"price":59990.05}"#,
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            "stop-loss",
            r#""triggers":{"price":5},"limit_price":4"#,
            "EOrder:Invalid limit price",
        ),
        (
            "stop-loss-limit",
            r#""triggers":{"price":5}"#,
            "Limit_price(s) not found",
        ),
        (
            "trailing-stop",
            r#""triggers":{"price":5}"#,
            "EGeneral:Invalid arguments:triggers",
        ),
        (
            "limit",
            r#""limit_price":5,"triggers":{"price":5}"#,
            "EGeneral:Invalid arguments:triggers",
        ),
    ] {
        let add = request("add_order", &order(kind, more), &token);
        let frames = exchange(&mut client, &add).await;
        assert_eq!(split(&frames).1["error"], error, "{kind} {more}");
    }
}
