//! §3.3 A fill as `TradesHistory`, `QueryTrades`, `Ledgers` and the balances tell it, by value.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use super::desk::only;
use crate::sim_rest::rig::Rig;

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

#[tokio::test]
async fn s3_3_a_fill_shows_in_trades_ledger_balances_and_volume() {
    let rig = Rig::start().await;
    rig.call("AddOrder", &format!("{BUY}&oflags=post")).await;
    rig.hands.advance(Duration::from_nanos(90_000_100_000));
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.005");

    let history = rig.call("TradesHistory", "ledgers=true").await;
    assert_eq!(history["count"], 1);
    let (trade_id, trade) = only(&history["trades"]);
    let (order_id, _) = only(&rig.call("OpenOrders", "").await["open"]);
    let postxid = format!("T{}", &order_id[1..]);
    let ledgers = trade["ledgers"].clone();
    assert_eq!(ledgers.as_array().unwrap().len(), 2);
    assert_eq!(
        trade,
        json!({
            "ordertxid": order_id, "postxid": postxid, "pair": "XXBTZUSD", "aclass": "forex",
            "time": 1_788_249_690.000_1, "type": "buy", "ordertype": "limit", "tradeordertype": "limit",
            "price": "61000.00000", "cost": "305.00000", "fee": "0.76250", "vol": "0.00500000",
            "margin": "0.00000", "leverage": "0", "misc": "", "trade_id": 1, "maker": true, "ledgers": ledgers,
        })
    );
    let queried = rig.call("QueryTrades", &format!("txid={trade_id}")).await;
    let (_, mut queried) = only(&queried);
    queried["ledgers"] = ledgers.clone();
    assert_eq!(queried, trade);

    let ledger = rig.call("Ledgers", "asset=ZUSD").await;
    let (ledger_id, entry) = only(&ledger["ledger"]);
    assert_eq!(ledger["count"], 1);
    assert!(ledgers.as_array().unwrap().contains(&json!(ledger_id)));
    assert_eq!(
        entry,
        json!({
            "refid": trade_id, "time": 1_788_249_690.000_1, "type": "trade", "subtype": "",
            "aclass": "currency", "asset": "ZUSD", "amount": "-305.0000", "fee": "0.7625",
            "balance": "19694.2375",
        })
    );
    let bare = rig.call("QueryLedgers", &format!("id={ledger_id}")).await;
    assert_eq!(bare, json!({ledger_id: entry}));
    let all = rig.call("Ledgers", "without_count=true").await;
    assert_eq!(all["ledger"].as_object().unwrap().len(), 2);
    assert!(all.get("count").is_none());
    assert_eq!(
        rig.call("Ledgers", "type=deposit").await,
        json!({"ledger": {}, "count": 0})
    );

    let balance = rig.call("Balance", "").await;
    assert_eq!(
        balance,
        json!({"XXBT": "2.0050000000", "XETH": "10.0000000000", "ZUSD": "19694.2375"})
    );
    // 0.015 × 61000 at the maker's rate of 0.25 %.
    let extended = rig.call("BalanceEx", "").await;
    assert_eq!(
        extended["ZUSD"],
        json!({"balance": "19694.2375", "hold_trade": "917.2875"})
    );

    let volume = rig
        .call("TradeVolume", "pair=XBTUSD,ETHUSD&fee-info=true")
        .await;
    assert_eq!(
        (&volume["currency"], &volume["volume"]),
        (&json!("ZUSD"), &json!("305.0000"))
    );
    assert_eq!(
        volume["inputs"],
        json!({"domain_spot_volume_30d": "305.0000", "domain_futures_volume_30d": "0",
               "domain_assets_on_platform": "0"})
    );
    assert_eq!(
        volume["fees"]["XXBTZUSD"],
        json!({"fee": "0.4000", "minfee": "0.1000", "maxfee": "0.4000", "nextfee": "0.3500",
               "nextvolume": "10000.0000", "tiervolume": "0.0000"})
    );
    assert_eq!(volume["fees_maker"]["XETHZUSD"]["fee"], "0.2500");
    let no_pair = rig.call("TradeVolume", "").await;
    assert!(no_pair["fees"].is_null() && no_pair["fees_maker"].is_null());

    let trade_balance = rig.call("TradeBalance", "").await;
    let equity = &trade_balance["eb"];
    // 2.005 BTC at the last price, 10 ETH at the opening price, dollars.
    assert_eq!(equity, "175999.2375");
    // The same at the opening prices of BTC/EUR, ETH/EUR and EUR/USD.
    let euros = rig.call("TradeBalance", "asset=ZEUR").await;
    assert_eq!(euros["eb"], "236361.0211");
    for field in ["tb", "e", "mf"] {
        assert_eq!(&trade_balance[field], equity, "{field}");
    }
    assert_eq!(
        (&trade_balance["m"], &trade_balance["uv"]),
        (&json!("0.0000"), &json!("915.0000"))
    );
}

#[tokio::test]
async fn s3_3_what_one_order_takes_is_one_trade_unless_told_apart() {
    let rig = Rig::start().await;
    for (price, qty) in [("61000.0", "0.01"), ("61000.5", "0.03")] {
        rig.agent(Side::Sell, "BTC/USD", price, qty);
    }
    let added = rig
        .call(
            "AddOrder",
            "pair=XBTUSD&type=buy&ordertype=market&volume=0.04&timeinforce=IOC",
        )
        .await;
    assert_eq!(added["descr"]["order"], "buy 0.04000000 XBTUSD @ market");
    let (_, merged) = only(&rig.call("TradesHistory", "").await["trades"]);
    let id = added["txid"][0].as_str().unwrap();
    // From an order's own beginning.
    let since = rig.call("TradesHistory", &format!("end={id}")).await;
    assert_eq!(since["count"], 1);
    assert_eq!(merged["vol"], "0.04000000");
    assert_eq!(merged["cost"], "2440.01500");
    assert_eq!(merged["price"], "61000.37500");
    assert_eq!(
        (&merged["maker"], &merged["ordertype"]),
        (&json!(false), &json!("market"))
    );
    let apart = rig.call("TradesHistory", "consolidate_taker=false").await;
    assert_eq!(apart["count"], 2);
    let fees: Vec<_> = apart["trades"]
        .as_object()
        .unwrap()
        .values()
        .map(|row| row["fee"].clone())
        .collect();
    assert!(
        fees.contains(&json!("2.44000")) && fees.contains(&json!("7.32006")),
        "{fees:?}"
    );

    let (_, closed) = only(
        &rig.call("ClosedOrders", "trades=true&consolidate_taker=false")
            .await["closed"],
    );
    assert_eq!(
        (&closed["status"], &closed["reason"]),
        (&json!("closed"), &Value::Null)
    );
    assert!(closed["closetm"].is_number() && closed.as_object().unwrap().contains_key("reason"));
    assert_eq!(
        (&closed["descr"]["price"], &closed["time_in_force"]),
        (&json!("0"), &json!("ioc"))
    );
    assert_eq!(closed["trades"].as_array().unwrap().len(), 2);

    // Whichever ids a client was given, their trades add up to the order.
    let (id, merged) = only(&rig.call("TradesHistory", "ledgers=true").await["trades"]);
    assert_eq!(merged["ledgers"].as_array().unwrap().len(), 4);
    let alone = rig.call("QueryTrades", &format!("txid={id}")).await;
    assert_eq!(alone[&id]["vol"], "0.04000000");
    let both: Vec<&str> = apart["trades"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for (fields, volumes) in [
        (
            format!("txid={}", both.join(",")),
            vec!["0.01000000", "0.03000000"],
        ),
        (
            format!("txid={id}&consolidate_taker=false"),
            vec!["0.01000000"],
        ),
    ] {
        let found = rig.call("QueryTrades", &fields).await;
        let mut told: Vec<_> = found
            .as_object()
            .unwrap()
            .values()
            .map(|row| row["vol"].clone())
            .collect();
        told.sort_by_key(Value::to_string);
        assert_eq!(told, volumes, "{fields}");
    }
}

#[tokio::test]
async fn s3_3_fills_at_one_price_average_to_that_price() {
    let rig = Rig::start().await;
    for _ in 0..2 {
        rig.agent(Side::Sell, "BTC/USD", "96963.0", "0.00051566");
    }
    let buy = "pair=XBTUSD&type=buy&ordertype=market&volume=0.00103132";
    let added = rig.call("AddOrder", buy).await;
    let id = added["txid"][0].as_str().unwrap();
    // The ledger keeps four digits of the cost, and the average is not made of them.
    let order = &rig.call("QueryOrders", &format!("txid={id}")).await[id];
    assert_eq!(
        (&order["cost"], &order["price"]),
        (&json!("99.99988"), &json!("96963.0"))
    );
    let trades = rig.call("TradesHistory", "").await;
    let trades = trades["trades"].as_object().unwrap();
    let told: Vec<_> = trades.values().map(|trade| &trade["price"]).collect();
    assert_eq!(told, ["96963.00000"], "consolidated");
}
