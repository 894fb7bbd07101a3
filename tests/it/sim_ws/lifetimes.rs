//! How long orders work: fill or kill, expiry, the dead man's switch.

use std::time::Duration;

use tradingd::types::Timestamp;

use super::{
    orders::{exchange, kinds, limit, request, split},
    rig::{Rig, quiet},
};

#[tokio::test]
async fn a_fill_or_kill_order_that_cannot_be_filled_is_canceled_untouched() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    for (qty, ends) in [("1.5", "canceled"), ("0.5", "filled")] {
        let order = limit("buy", "60010.0", qty, r#","time_in_force":"fok""#);
        let frames = exchange(&mut client, &request("add_order", &order, &token)).await;
        let (_, reply, reports) = split(&frames);
        assert_eq!(reply["success"], true, "{reply}");
        assert_eq!(reports[0]["time_in_force"], "FOK");
        assert_eq!(kinds(&reports).last(), Some(&ends));
    }
}

#[tokio::test]
async fn an_order_with_a_time_of_expiry_is_reported_expired() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let now: Timestamp = rig.sim.venue().clock().now();
    let add = |seconds: i64| {
        let at = Timestamp::from_secs(now.as_secs() + seconds).rfc3339(0);
        let more = format!(r#","time_in_force":"gtd","expire_time":"{at}""#);
        request("add_order", &limit("buy", "50000.0", "0.5", &more), &token)
    };
    for seconds in [2, 32 * 24 * 3_600] {
        let frames = exchange(&mut client, &add(seconds)).await;
        assert_eq!(
            split(&frames).1["error"],
            "EGeneral:Invalid arguments:expire_time"
        );
    }
    let frames = exchange(&mut client, &add(6)).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(reports[0]["time_in_force"], "GTD");
    let at = Timestamp::from_secs(now.as_secs() + 6);
    let told = reports[0]["expire_time"].as_str().unwrap();
    assert_eq!(Timestamp::parse(told).unwrap(), at);
    let report = client.until(|frame| frame["channel"] == "executions").await;
    assert_eq!(report["data"][0]["exec_type"], "expired");
    assert_eq!(report["data"][0]["order_status"], "expired");
    assert!(rig.sim.venue().clock().now() >= at);
}

#[tokio::test]
async fn a_dead_mans_switch_that_is_not_wound_again_cancels_everything() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    for price in ["50000.0", "50001.0"] {
        let add = request("add_order", &limit("buy", price, "0.1", ""), &token);
        exchange(&mut client, &add).await;
    }
    let wind = |timeout: u64| {
        let params = format!(r#""timeout":{timeout}"#);
        request("cancel_all_orders_after", &params, &token)
    };
    let off = exchange(&mut client, &wind(0)).await;
    assert_eq!(off[0]["result"]["triggerTime"], "0");
    let late = exchange(&mut client, &wind(86_400)).await;
    assert_eq!(
        late[0]["error"],
        "EGeneral:Invalid timeout argument:above max"
    );
    let wound = exchange(&mut client, &wind(1)).await;
    let result = &wound[0]["result"];
    let read = |name: &str| Timestamp::parse(result[name].as_str().unwrap()).unwrap();
    assert_eq!(
        read("triggerTime").since(read("currentTime")),
        Duration::from_secs(1)
    );
    for _ in 0..2 {
        let report = client.until(|frame| frame["channel"] == "executions").await;
        assert_eq!(report["data"][0]["exec_type"], "canceled");
    }
}
