//! §3.3 The shapes of account answers, filters and pages. Elsewhere: values → `s3_3_orders`, `s3_3_trades`, `s3_3_amends`,
//! `s3_3_level3`; triggers → `s3_4_triggers`; key info → `s4_5_keys`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use super::shape::like;
use crate::sim_rest::rig::Rig;

const BALANCE: &str =
    r#"{"error":[],"result":{"XXBT":"2.0000000000","XETH":"10.0000000000","ZUSD":"20000.0000"}}"#;
const BALANCE_EX: &str = r#"{"error":[],"result":{"XXBT":{"balance":"2.0000000000","hold_trade":"0.0000000000"},"XETH":{"balance":"10.0000000000","hold_trade":"0.0000000000"},"ZUSD":{"balance":"20000.0000","hold_trade":"0.0000"}}}"#;
const TRADE_BALANCE: &str = r#"{"error":[],"result":{"eb":"1.0000","tb":"1.0000","m":"0.0000","n":"0.0000","c":"0.0000","v":"0.0000","e":"1.0000","mf":"1.0000","uv":"0.0000"}}"#;
const OPEN: &str = r#"{"error":[],"result":{"open":{"OQQQQQ-AAAAA-BBBBB1":{"refid":null,"userref":0,"cl_ord_id":"mm-0001","status":"open","opentm":1788249660.1234,"starttm":0,"expiretm":0,"time_in_force":"gtc","descr":{"pair":"XBTUSD","aclass":"forex","type":"buy","ordertype":"limit","price":"61000.0","price2":"0","leverage":"none","order":"buy 0.02000000 XBTUSD @ limit 61000.0","close":""},"vol":"0.02000000","vol_exec":"0.00500000","cost":"305.00000","fee":"0.76250","price":"61000.0","stopprice":"0.00000","limitprice":"0.00000","misc":"partial","oflags":"fciq,post"}}}}"#;
const CLOSED: &str = r#"{"error":[],"result":{"closed":{"OQQQQQ-AAAAA-BBBBB1":{"refid":null,"userref":0,"cl_ord_id":"mm-0001","status":"canceled","reason":"User requested","opentm":1788249660.1234,"closetm":1788249690.1234,"starttm":0,"expiretm":0,"time_in_force":"gtc","descr":{"pair":"XBTUSD","aclass":"forex","type":"buy","ordertype":"limit","price":"61000.0","price2":"0","leverage":"none","order":"buy 0.02000000 XBTUSD @ limit 61000.0","close":""},"vol":"0.02000000","vol_exec":"0.00500000","cost":"305.00000","fee":"0.76250","price":"61000.0","stopprice":"0.00000","limitprice":"0.00000","misc":"partial","oflags":"fciq,post","trades":["TQQQQQ-CCCCC-DDDDD1"]}},"count":1}}"#;
const TRADES: &str = r#"{"error":[],"result":{"trades":{"TQQQQQ-CCCCC-DDDDD1":{"ordertxid":"OQQQQQ-AAAAA-BBBBB1","postxid":"TQQQQQ-PPPPP-QQQQQ1","pair":"XXBTZUSD","aclass":"forex","time":1788249690.0001,"type":"buy","ordertype":"limit","tradeordertype":"limit","price":"61000.00000","cost":"305.00000","fee":"0.76250","vol":"0.00500000","margin":"0.00000","leverage":"0","misc":"","trade_id":90000010,"maker":true,"ledgers":["LQQQQQ-EEEEE-FFFFF1","LQQQQQ-EEEEE-FFFFF2"]}},"count":1}}"#;
const LEDGER: &str = r#"{"error":[],"result":{"ledger":{"LQQQQQ-EEEEE-FFFFF2":{"refid":"TQQQQQ-CCCCC-DDDDD1","time":1788249690.0002,"type":"trade","subtype":"","aclass":"currency","asset":"ZUSD","amount":"-305.0000","fee":"0.7625","balance":"19694.2375"}},"count":1}}"#;
const VOLUME: &str = r#"{"error":[],"result":{"currency":"ZUSD","volume":"305.0000","inputs":{"domain_spot_volume_30d":"305.0000","domain_futures_volume_30d":"0","domain_assets_on_platform":"0"},"fees":{"XXBTZUSD":{"fee":"0.4000","minfee":"0.1000","maxfee":"0.4000","nextfee":"0.3500","nextvolume":"10000.0000","tiervolume":"0.0000"}},"fees_maker":{"XXBTZUSD":{"fee":"0.2500","minfee":"0.0000","maxfee":"0.2500","nextfee":"0.2000","nextvolume":"10000.0000","tiervolume":"0.0000"}}}}"#;
const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02&oflags=post";

/// An order that is filled by a quarter, and one more that rests.
async fn filled() -> Rig {
    let rig = Rig::start().await;
    rig.hands.advance(Duration::from_secs(60));
    rig.call("AddOrder", &format!("{BUY}&cl_ord_id=mm-0001"))
        .await;
    rig.hands.advance(Duration::from_secs(30));
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.005");
    rig
}

fn ids(map: &Value) -> Vec<&str> {
    map.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn s3_3_money_has_its_documented_shape_under_the_old_codes() {
    let rig = Rig::start().await;
    for (endpoint, fields, example) in [
        ("Balance", "", BALANCE),
        ("BalanceEx", "", BALANCE_EX),
        ("TradeBalance", "", TRADE_BALANCE),
        ("TradeBalance", "asset=ZUSD", TRADE_BALANCE),
        ("TradeVolume", "pair=XBTUSD&fee-info=true", VOLUME),
        ("TradeVolume", "pair=BTC/USD,XXBTZUSD", VOLUME),
    ] {
        like(example).check(&rig.signed_text(endpoint, fields).await);
    }
    let volume = rig.call("TradeVolume", "").await;
    assert_eq!(
        (&volume["fees"], &volume["fees_maker"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        rig.refused("TradeVolume", "pair=NOPE").await,
        "EQuery:Unknown asset pair"
    );
    assert_eq!(
        rig.refused("TradeBalance", "asset=NOPE").await,
        "EQuery:Unknown asset"
    );
}

#[tokio::test]
async fn s3_3_orders_trades_and_ledger_entries_have_their_documented_shape() {
    let rig = filled().await;
    like(OPEN).check(&rig.signed_text("OpenOrders", "").await);
    like(TRADES).check(&rig.signed_text("TradesHistory", "ledgers=true").await);
    like(LEDGER).check(&rig.signed_text("Ledgers", "asset=ZUSD").await);
    rig.call("CancelOrder", "cl_ord_id=mm-0001").await;
    like(CLOSED).check(&rig.signed_text("ClosedOrders", "trades=true").await);
    let open = rig.signed_text("OpenOrders", "").await;
    assert_eq!(open, r#"{"error":[],"result":{"open":{}}}"#);
}

#[tokio::test]
async fn s3_3_the_available_balance_is_the_balance_less_what_orders_hold() {
    let rig = Rig::start().await;
    rig.call("AddOrder", BUY).await;
    rig.call(
        "AddOrder",
        "pair=XBTUSD&type=sell&ordertype=limit&price=70000&volume=1.5",
    )
    .await;
    let money = rig.call("BalanceEx", "").await;
    // 0.02 × 61,000 and the maker's fee of 0.25 %.
    assert_eq!(
        money["ZUSD"],
        json!({"balance": "20000.0000", "hold_trade": "1223.0500"})
    );
    assert_eq!(
        money["XXBT"],
        json!({"balance": "2.0000000000", "hold_trade": "1.5000000000"})
    );
    let over = "pair=XBTUSD&type=sell&ordertype=limit&price=70000&volume=0.50000001";
    assert_eq!(
        rig.refused("AddOrder", over).await,
        "EOrder:Insufficient funds"
    );
    rig.call("AddOrder", &over.replace("0.50000001", "0.5"))
        .await;
}

#[tokio::test]
async fn s3_3_open_and_closed_orders_are_filtered_by_the_clients_marks() {
    let rig = Rig::start().await;
    for mark in ["userref=1", "userref=1", "userref=2", "cl_ord_id=own"] {
        rig.call("AddOrder", &format!("{BUY}&{mark}")).await;
    }
    let open = async |fields: &str| ids(&rig.call("OpenOrders", fields).await["open"]).len();
    assert_eq!(open("").await, 4);
    assert_eq!(open("userref=1").await, 2);
    assert_eq!(open("cl_ord_id=own").await, 1);
    assert_eq!(open("cl_ord_id=other").await, 0);
    let queried = rig.call("QueryOrders", "userref=1").await;
    assert_eq!(ids(&queried).len(), 2);
    rig.call("CancelAll", "").await;
    let uncounted = rig.call("ClosedOrders", "without_count=true").await;
    assert_eq!(
        (ids(&uncounted["closed"]).len(), uncounted.get("count")),
        (4, None)
    );
    let closed = async |fields: &str| rig.call("ClosedOrders", fields).await["count"].clone();
    assert_eq!(closed("").await, 4);
    assert_eq!(closed("userref=1").await, 2);
    assert_eq!(closed("cl_ord_id=own").await, 1);
    rig.hands.advance(Duration::from_secs(20));
    let queried = rig.call("QueryOrders", "cl_ord_id=own").await;
    assert_eq!(ids(&queried).len(), 1);
    for (fields, words) in [
        ("userref=x", "EGeneral:Invalid arguments:userref"),
        (
            "cl_ord_id=nineteen-characters",
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        ("closetime=never", "EGeneral:Invalid arguments:closetime"),
        ("ofs=-1", "EGeneral:Invalid arguments:ofs"),
        ("end=x", "EGeneral:Invalid arguments:end"),
    ] {
        assert_eq!(rig.refused("ClosedOrders", fields).await, words);
    }
}

#[tokio::test]
async fn s3_3_an_order_lists_the_trades_that_the_history_tells() {
    let rig = Rig::start().await;
    for price in ["61000.0", "61000.5", "61001.0"] {
        rig.agent(Side::Sell, "BTC/USD", price, "0.01");
    }
    let order = "pair=XBTUSD&type=buy&ordertype=market&volume=0.03";
    rig.call("AddOrder", order).await;
    for (fields, count) in [("", 1), ("&consolidate_taker=false", 3)] {
        let history = rig.call("TradesHistory", &fields.replace('&', "")).await;
        let closed = rig
            .call("ClosedOrders", &format!("trades=true{fields}"))
            .await;
        let row = closed["closed"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap();
        let mut listed: Vec<&str> = row["trades"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, ids(&history["trades"]), "{fields}");
        assert_eq!(listed.len(), count);
        let id = ids(&closed["closed"])[0];
        let queried = rig
            .call("QueryOrders", &format!("txid={id}&trades=true{fields}"))
            .await;
        assert_eq!(queried[id]["trades"], row["trades"]);
    }
}

#[tokio::test]
async fn s3_3_queries_by_id_take_comma_lists_leave_out_the_unknown_and_repeat_nothing() {
    let rig = filled().await;
    let open = rig.call("OpenOrders", "").await;
    let id = ids(&open["open"])[0];
    for list in [
        id.to_owned(),
        format!("{id},OAAAAA-BBBBB-CCCCC1"),
        format!("{id},{id},nonsense"),
        format!("{id}, {id}"),
    ] {
        let text = rig
            .signed_text("QueryOrders", &format!("txid={list}"))
            .await;
        assert_eq!(text.matches(&format!("\"{id}\":")).count(), 1, "{text}");
        rig.hands.advance(Duration::from_secs(1));
    }
    let fifty = vec!["OAAAAA-BBBBB-CCCCC1"; 51].join(",");
    assert_eq!(
        rig.call("QueryOrders", &format!("txid={fifty}")).await,
        json!({}),
        "one id, many times"
    );
    let many: Vec<String> = (100..151).map(|n| format!("OAAAAA-BBBBB-CCC{n}")).collect();
    assert_eq!(
        rig.refused("QueryOrders", &format!("txid={}", many.join(",")))
            .await,
        "EGeneral:Invalid arguments:txid"
    );
    let twenty = many[..21].join(",");
    for (endpoint, fields, words) in [
        (
            "QueryOrders",
            String::new(),
            "EGeneral:Invalid arguments:txid",
        ),
        (
            "QueryTrades",
            String::new(),
            "EGeneral:Invalid arguments:txid",
        ),
        (
            "QueryTrades",
            format!("txid={twenty}"),
            "EGeneral:Invalid arguments:txid",
        ),
        (
            "QueryLedgers",
            String::new(),
            "EGeneral:Invalid arguments:id",
        ),
        (
            "QueryLedgers",
            format!("id={twenty}"),
            "EGeneral:Invalid arguments:id",
        ),
    ] {
        assert_eq!(rig.refused(endpoint, &fields).await, words, "{endpoint}");
    }
    assert_eq!(
        rig.call("QueryTrades", "txid=TAAAAA-BBBBB-CCCCC1").await,
        json!({})
    );
    assert_eq!(
        rig.call("QueryLedgers", "id=LAAAAA-BBBBB-CCCCC1").await,
        json!({})
    );
}

#[tokio::test]
async fn s3_3_trades_and_ledgers_page_by_fifty_and_take_times_and_ids_as_ends() {
    let rig = Rig::start().await;
    rig.call("AddOrder", &BUY.replace("0.02", "0.3")).await;
    for _ in 0..60 {
        rig.hands.advance(Duration::from_secs(1));
        rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.001");
    }
    rig.hands.advance(Duration::from_secs(100));
    let page = async |endpoint: &str, name: &str, fields: &str| {
        rig.hands.advance(Duration::from_secs(2));
        let answer = rig.call(endpoint, fields).await;
        let rows = ids(&answer[name]).len();
        (rows, answer.get("count").cloned())
    };
    for (fields, rows, count) in [
        ("", 50, Some(json!(60))),
        ("ofs=50", 10, Some(json!(60))),
        ("ofs=60", 0, Some(json!(60))),
        ("without_count=true", 50, None),
        (
            "consolidate_taker=false&type=no position",
            50,
            Some(json!(60)),
        ),
        ("type=closed position", 0, Some(json!(0))),
        // Every second from 08:00:01 on; the start is left out and the end is not.
        ("start=1788249601&end=1788249604", 3, Some(json!(3))),
        ("end=1788249601.5", 1, Some(json!(1))),
    ] {
        assert_eq!(
            page("TradesHistory", "trades", fields).await,
            (rows, count),
            "{fields}"
        );
    }
    for (fields, rows, count) in [
        ("", 50, Some(json!(120))),
        ("asset=ZUSD&ofs=50", 10, Some(json!(60))),
        ("asset=ZUSD,XXBT&without_count=true", 50, None),
        (
            "type=trade&start=1788249601&end=1788249602",
            2,
            Some(json!(2)),
        ),
        ("type=deposit", 0, Some(json!(0))),
    ] {
        assert_eq!(
            page("Ledgers", "ledger", fields).await,
            (rows, count),
            "{fields}"
        );
    }
    let second = rig.call("TradesHistory", "end=1788249602").await;
    let second: Vec<(String, Value)> = second["trades"]
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .collect();
    let id = &second
        .iter()
        .find(|(_, row)| row["time"] == 1_788_249_602.0)
        .unwrap()
        .0;
    assert_eq!(
        page("TradesHistory", "trades", &format!("end={id}")).await,
        (2, Some(json!(2)))
    );
    assert_eq!(
        page("TradesHistory", "trades", &format!("start={id}")).await,
        (50, Some(json!(58)))
    );
    for (endpoint, fields, words) in [
        (
            "TradesHistory",
            "type=some",
            "EGeneral:Invalid arguments:type",
        ),
        ("Ledgers", "type=some", "EGeneral:Invalid arguments:type"),
        ("Ledgers", "asset=NOPE", "EQuery:Unknown asset"),
    ] {
        rig.hands.advance(Duration::from_secs(2));
        assert_eq!(rig.refused(endpoint, fields).await, words);
    }
}

#[tokio::test]
async fn s3_3_there_are_no_positions_and_what_is_not_built_says_so() {
    let rig = Rig::start().await;
    for fields in ["", "docalcs=true", "consolidation=market"] {
        let none = rig.call("OpenPositions", fields).await;
        assert_eq!(none, json!([]), "a list where there is none: {fields}");
    }
    for endpoint in [
        "AddExport",
        "DepositAddresses",
        "WithdrawStatus",
        "Earn/Strategies",
        "CreateSubaccount",
    ] {
        assert_eq!(
            rig.refused(endpoint, "timeout=60").await,
            "EAPI:Feature disabled"
        );
    }
}

#[tokio::test]
async fn s3_3_an_order_tells_its_trades_if_they_are_asked_for() {
    let rig = filled().await;
    let id = ids(&rig.call("OpenOrders", "").await["open"])[0].to_owned();
    for (fields, told) in [("", false), ("trades=false", false), ("trades=true", true)] {
        let open = rig.call("OpenOrders", fields).await;
        let trades = open["open"][&id].get("trades");
        assert_eq!(trades.is_some(), told, "{fields}");
        let trades = trades.and_then(Value::as_array).map(Vec::len);
        assert_eq!(trades.unwrap_or(1), 1);
    }
}

#[tokio::test]
async fn s3_3_ledger_entries_come_by_list_and_by_every_kind_that_there_is() {
    let rig = filled().await;
    let ledger = rig.call("Ledgers", "").await;
    let both = ids(&ledger["ledger"]);
    assert_eq!(both.len(), 2);
    let list = format!("id={}", both.join(","));
    assert_eq!(rig.call("QueryLedgers", &list).await, ledger["ledger"]);
    for kind in [
        "all",
        "trade",
        "deposit",
        "withdrawal",
        "transfer",
        "margin",
        "adjustment",
        "rollover",
        "credit",
        "settled",
        "staking",
        "dividend",
        "sale",
        "nft_rebate",
    ] {
        rig.hands.advance(Duration::from_secs(2));
        let told = rig.call("Ledgers", &format!("type={kind}")).await;
        let some = ["all", "trade"].contains(&kind);
        assert_eq!(told["count"], if some { 2 } else { 0 }, "{kind}");
    }
    let trades = rig.call("TradesHistory", "").await;
    assert_eq!(trades["count"], 1);
    for (kind, count) in [
        ("all", 1),
        ("no position", 1),
        ("any position", 0),
        ("closed position", 0),
        ("closing position", 0),
    ] {
        rig.hands.advance(Duration::from_secs(2));
        let told = rig.call("TradesHistory", &format!("type={kind}")).await;
        assert_eq!(told["count"], count, "{kind}");
    }
}
