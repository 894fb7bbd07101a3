//! §3.4 Orders that wait for a price, prices told from the last trade's, and the grammar of `descr.order`.

use serde_json::json;
use tradingd::types::Side;

use crate::sim_rest::rig::Rig;

const SELL: &str = "pair=XBTUSD&type=sell&volume=0.02";

/// A market that last traded at 61,000.0.
async fn traded() -> Rig {
    let rig = Rig::start().await;
    for side in [Side::Sell, Side::Buy] {
        rig.agent(side, "BTC/USD", "61000.0", "0.01");
    }
    rig
}

#[tokio::test]
async fn s3_4_every_kind_reads_in_the_grammar_that_clients_split() {
    let rig = traded().await;
    for (fields, order) in [
        ("ordertype=stop-loss&price=60000.0", "stop loss 60000.0"),
        (
            "ordertype=stop-loss-limit&price=60000.0&price2=59900.0",
            "stop loss 60000.0 -> limit 59900.0",
        ),
        (
            "ordertype=take-profit&price=%2b10%25",
            "take profit +10.0000%",
        ),
        (
            "ordertype=take-profit-limit&price=62000.0&price2=62100.0",
            "take profit 62000.0 -> limit 62100.0",
        ),
        (
            "ordertype=trailing-stop&price=%2b5%25",
            "trailing stop +5.0000%",
        ),
        ("ordertype=limit&price=%235%25", "limit 64050.0"),
        ("ordertype=limit&price=%2b1000", "limit 62000.0"),
    ] {
        let added = rig.call("AddOrder", &format!("{SELL}&{fields}")).await;
        let text = format!("sell 0.02000000 XBTUSD @ {order}");
        assert_eq!(added["descr"]["order"], json!(text));
        let id = added["txid"][0].as_str().unwrap();
        let row = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
        assert_eq!(row["descr"]["order"], json!(text), "{row}");
        assert_eq!(row["status"], "open");
    }
}

#[tokio::test]
async fn s3_4_an_order_tells_what_it_waits_for_and_that_it_came() {
    let rig = traded().await;
    let fields = "ordertype=stop-loss-limit&price=60000.0&price2=59900.0&trigger=index";
    let added = rig.call("AddOrder", &format!("{SELL}&{fields}")).await;
    let id = added["txid"][0].as_str().unwrap();
    let query = format!("txid={id}");
    let row = &rig.call("QueryOrders", &query).await[id];
    assert_eq!(
        (
            &row["descr"]["ordertype"],
            &row["descr"]["price"],
            &row["descr"]["price2"]
        ),
        (
            &json!("stop-loss-limit"),
            &json!("60000.0"),
            &json!("59900.0")
        )
    );
    assert_eq!(
        (
            &row["stopprice"],
            &row["limitprice"],
            &row["trigger"],
            &row["misc"]
        ),
        (
            &json!("60000.00000"),
            &json!("0.00000"),
            &json!("index"),
            &json!("")
        )
    );
    for side in [Side::Buy, Side::Sell] {
        rig.agent(side, "BTC/USD", "59950.0", "0.01");
    }
    let row = &rig.call("QueryOrders", &query).await[id];
    assert_eq!(
        (&row["limitprice"], &row["misc"], &row["status"]),
        (&json!("59900.00000"), &json!("stopped"), &json!("open"))
    );
    rig.agent(Side::Buy, "BTC/USD", "59900.0", "0.02");
    let trades = rig.call("TradesHistory", "").await;
    let trades = trades["trades"].as_object().unwrap();
    let trade = trades.values().next().unwrap();
    assert_eq!(
        (&trade["ordertype"], &trade["tradeordertype"]),
        (&json!("stop-loss-limit"), &json!("limit"))
    );
}

#[tokio::test]
async fn s3_4_triggers_are_amended_under_their_own_name() {
    let rig = traded().await;
    let added = rig
        .call(
            "AddOrder",
            &format!("{SELL}&ordertype=stop-loss&price=60000.0"),
        )
        .await;
    let id = added["txid"][0].as_str().unwrap();
    let limit = rig
        .refused("AmendOrder", &format!("txid={id}&limit_price=59000.0"))
        .await;
    assert_eq!(limit, "EOrder:Invalid limit price");
    rig.call("AmendOrder", &format!("txid={id}&trigger_price=-2%25"))
        .await;
    let row = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
    assert_eq!(row["stopprice"], "59780.00000");
}

#[tokio::test]
async fn s3_4_prices_that_lead_nowhere_are_refused() {
    let rig = Rig::start().await;
    for (fields, error) in [
        ("ordertype=stop-loss", "EGeneral:Invalid arguments:price"),
        (
            "ordertype=stop-loss&price=x",
            "EGeneral:Invalid arguments:price",
        ),
        (
            "ordertype=stop-loss&price=5%25",
            "EGeneral:Invalid arguments:price",
        ),
        (
            "ordertype=stop-loss-limit&price=60000",
            "EGeneral:Invalid arguments:price2",
        ),
        (
            "ordertype=trailing-stop&price=60000",
            "EGeneral:Invalid arguments:price",
        ),
        (
            "ordertype=stop-loss&price=1&trigger=fair",
            "EGeneral:Invalid arguments:trigger",
        ),
        // Nothing has traded yet.
        ("ordertype=stop-loss&price=-5%25", "EOrder:Invalid price"),
        ("ordertype=limit&price=%2b5%25", "EOrder:Invalid price"),
    ] {
        let refused = rig.refused("AddOrder", &format!("{SELL}&{fields}")).await;
        assert_eq!(refused, error, "{fields}");
    }
}

#[tokio::test]
async fn s3_4_relative_prices_stay_relative_and_what_they_come_to_is_told_beside() {
    let rig = traded().await;
    for (fields, price, trigger) in [
        (
            "ordertype=take-profit&price=%2b10%25",
            "+10.0000%",
            "67100.00000",
        ),
        ("ordertype=stop-loss&price=-1000", "-1000.0", "60000.00000"),
        (
            "ordertype=stop-loss&price=%2310%25",
            "-10.0000%",
            "54900.00000",
        ),
    ] {
        let added = rig.call("AddOrder", &format!("{SELL}&{fields}")).await;
        let id = added["txid"][0].as_str().unwrap();
        let row = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
        assert_eq!(
            (&row["descr"]["price"], &row["stopprice"]),
            (&json!(price), &json!(trigger)),
            "{fields}"
        );
    }
}

#[tokio::test]
async fn s3_4_trailing_orders_take_distances_alone() {
    let rig = traded().await;
    let (price, price2) = (
        Some("EGeneral:Invalid arguments:price"),
        Some("EGeneral:Invalid arguments:price2"),
    );
    for (fields, words) in [
        ("trailing-stop&price=%2b100", None),
        ("trailing-stop&price=-100", price),
        ("trailing-stop&price=60000.0", price),
        ("trailing-stop-limit&price=%2b1%25&price2=%2b10", None),
        ("trailing-stop-limit&price=%2b1%25&price2=-10", None),
        ("trailing-stop-limit&price=%2b1%25&price2=60000.0", price2),
    ] {
        let order = format!("{SELL}&validate=true&ordertype={fields}");
        let answer = rig.form("AddOrder", &order).await;
        assert_eq!(answer["error"][0].as_str(), words, "{fields}");
    }
}

#[tokio::test]
async fn s3_4_amended_prices_may_be_told_from_the_last_trades() {
    let rig = traded().await;
    let added = rig
        .call("AddOrder", &format!("{SELL}&ordertype=limit&price=70000.0"))
        .await;
    let id = added["txid"][0].as_str().unwrap();
    for (limit, price) in [("%2b5%25", "64050.0"), ("%2b500", "61500.0")] {
        rig.call("AmendOrder", &format!("txid={id}&limit_price={limit}"))
            .await;
        let row = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
        assert_eq!(row["descr"]["price"], price, "{limit}");
    }
}
