//! Orders over REST: from placing to the ledger, and everything that the venue refuses.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::Side;

use super::rig::{Rig, bad, good};

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

fn only(map: &Value) -> (String, Value) {
    let map = map.as_object().unwrap();
    assert_eq!(map.len(), 1, "{map:?}");
    let (id, row) = map.iter().next().unwrap();
    (id.clone(), row.clone())
}

#[tokio::test]
async fn an_order_reads_as_documented_while_it_rests() {
    let rig = Rig::start().await;
    rig.hands.advance(Duration::from_nanos(60_123_400_000));
    let added = rig
        .call("AddOrder", &format!("{BUY}&oflags=post&cl_ord_id=mm-0001"))
        .await;
    let id = added["txid"][0].as_str().unwrap().to_owned();
    assert_eq!(
        added,
        json!({"descr": {"order": "buy 0.02000000 XBTUSD @ limit 61000.0"}, "txid": [id]})
    );
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.005");
    let row = json!({
        "refid": null, "userref": 0, "cl_ord_id": "mm-0001", "status": "open",
        "opentm": 1_788_249_660.123_4, "starttm": 0, "expiretm": 0, "time_in_force": "gtc",
        "descr": {
            "pair": "XBTUSD", "aclass": "forex", "type": "buy", "ordertype": "limit", "price": "61000.0",
            "price2": "0", "leverage": "none", "order": "buy 0.02000000 XBTUSD @ limit 61000.0", "close": "",
        },
        "vol": "0.02000000", "vol_exec": "0.00500000", "cost": "305.00000", "fee": "0.76250",
        "price": "61000.0", "stopprice": "0.00000", "limitprice": "0.00000", "misc": "partial",
        "oflags": "fciq,post",
    });
    let open = rig.call("OpenOrders", "").await;
    assert_eq!(open, json!({"open": {id.clone(): row}}));
    let queried = rig
        .call("QueryOrders", &format!("txid=ONOPE0-NOPE0-NOPE00,{id}"))
        .await;
    assert_eq!(queried, json!({id.clone(): row}), "unknown ids are missing");
    assert_eq!(
        rig.call("QueryOrders", "txid=ONOPE0-NOPE0-NOPE00").await,
        json!({})
    );
    let by_name = rig
        .call("QueryOrders", "cl_ord_id=mm-0001&trades=true")
        .await;
    assert_eq!(by_name[&id]["trades"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_fill_shows_in_trades_ledger_balances_and_volume() {
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
async fn what_one_order_takes_is_one_trade_unless_told_apart() {
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
async fn amends_and_cancels_work_by_either_id_in_either_body() {
    let rig = Rig::start().await;
    let added = rig
        .json("AddOrder", r#""pair":"XBT/USD","type":"buy","ordertype":"limit","price":"61000.0","volume":0.02,"cl_ord_id":"mm-0001""#)
        .await;
    let id = good(added)["txid"][0].as_str().unwrap().to_owned();
    let amended = rig
        .json(
            "AmendOrder",
            r#""cl_ord_id":"mm-0001","order_qty":"0.025","limit_price":"61010.0""#,
        )
        .await;
    assert!(good(amended)["amend_id"].as_str().unwrap().starts_with('T'));
    rig.call("AmendOrder", &format!("txid={id}&limit_price=61011.1"))
        .await;
    let (_, row) = only(&rig.call("OpenOrders", "").await["open"]);
    assert_eq!(
        (&row["vol"], &row["descr"]["price"], &row["misc"]),
        (&json!("0.02500000"), &json!("61011.1"), &json!("amended"))
    );
    let same = rig
        .refused("AmendOrder", &format!("txid={id}&limit_price=61011.1"))
        .await;
    assert_eq!(same, "EOrder:No amendable parameters specified");
    let fine = rig
        .refused("AmendOrder", &format!("txid={id}&limit_price=61011.12"))
        .await;
    assert_eq!(
        fine,
        "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."
    );

    assert_eq!(
        rig.call("CancelOrder", "cl_ord_id=mm-0001").await,
        json!({"count": 1})
    );
    assert_eq!(
        rig.refused("CancelOrder", &format!("txid={id}")).await,
        "EOrder:Unknown order"
    );
    assert_eq!(
        rig.refused("CancelOrder", "txid=ONOPE0-NOPE0-NOPE00").await,
        "EOrder:Invalid order"
    );
    assert_eq!(
        rig.refused("CancelOrder", "cl_ord_id=never").await,
        "EOrder:Invalid order"
    );
    assert_eq!(
        rig.refused("AmendOrder", &format!("txid={id}&limit_price=1"))
            .await,
        "EOrder:Unknown order"
    );
    let (_, row) = only(&rig.call("ClosedOrders", "cl_ord_id=mm-0001").await["closed"]);
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!("canceled"), &json!("User requested"))
    );
}

#[tokio::test]
async fn many_orders_are_placed_and_canceled_at_once() {
    let rig = Rig::start().await;
    let batch = rig
        .json("AddOrderBatch", r#""pair":"XBTUSD","orders":[{"close":{},"type":"buy","ordertype":"limit","price":"100","volume":"0.01","userref":7},{"type":"buy","ordertype":"limit","price":"1000000","volume":"5"},{"type":"buy","ordertype":"limit","price":"101","volume":"0.01","userref":"7"}]"#)
        .await;
    let orders = good(batch)["orders"].clone();
    assert!(orders[0]["txid"].as_str().unwrap().starts_with('O'));
    assert_eq!(orders[1], json!({"error": "EOrder:Insufficient funds"}));
    assert_eq!(
        orders[2]["descr"]["order"],
        "buy 0.01000000 XBTUSD @ limit 101.0"
    );
    let bad_row = rig.form("AddOrderBatch", "pair=XBTUSD&orders[0][type]=buy&orders[0][ordertype]=limit&orders[0][price]=100&orders[0][volume]=1&orders[1][type]=up").await;
    assert_eq!(bad(&bad_row), "EGeneral:Invalid arguments:type");
    let open = rig.call("OpenOrders", "userref=7").await;
    assert_eq!(
        open["open"].as_object().unwrap().len(),
        2,
        "none of the bad batch"
    );
    assert_eq!(rig.call("CancelOrder", "txid=7").await, json!({"count": 2}));
    assert_eq!(
        rig.refused("CancelOrder", "txid=7").await,
        "EOrder:Unknown order"
    );

    let mut ids = Vec::new();
    for n in 0..6 {
        let added = rig
            .call(
                "AddOrder",
                &format!(
                    "pair=XBTUSD&type=buy&ordertype=limit&price=10{n}&volume=0.01&cl_ord_id=n{n}"
                ),
            )
            .await;
        ids.push(added["txid"][0].as_str().unwrap().to_owned());
    }
    assert_eq!(
        rig.call("CancelOrder", &format!("txid={},{}", ids[0], ids[1]))
            .await,
        json!({"count": 2})
    );
    let batch = rig
        .json(
            "CancelOrderBatch",
            &format!(r#""orders":["{}"],"cl_ord_ids":["n3","gone"]"#, ids[2]),
        )
        .await;
    assert_eq!(good(batch), json!({"count": 2}));
    assert_eq!(rig.call("CancelAll", "").await, json!({"count": 2}));
    assert_eq!(rig.call("CancelAll", "").await, json!({"count": 0}));
}

#[tokio::test]
async fn what_the_venue_refuses_is_refused_in_its_words() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "62000.0", "1");
    let soon = "deadline=2026-09-01T08:00:01.000Z";
    let past = "deadline=2026-09-01T07:59:59.000Z";
    let fine = "deadline=2026-09-01T08:00:05.000Z";
    let cases = [
        ("pair=NOPE", "EQuery:Unknown asset pair"),
        ("pair=", "EGeneral:Invalid arguments:pair"),
        ("type=up", "EGeneral:Invalid arguments:type"),
        ("ordertype=fancy", "EGeneral:Invalid arguments:ordertype"),
        ("ordertype=iceberg", "EGeneral:Invalid arguments:displayvol"),
        (
            "ordertype=iceberg&displayvol=0.001",
            "EGeneral:Invalid arguments:display_qty",
        ),
        ("ordertype=settle-position", "EAPI:Feature disabled"),
        ("volume=", "EGeneral:Invalid arguments:volume"),
        ("volume=1e-2", "EGeneral:Invalid arguments:volume"),
        ("volume=-1", "EGeneral:Invalid arguments:volume"),
        (
            "volume=0",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            "volume=0.00001",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        ("volume=0.00005&price=1", "EOrder:Cost minimum not met"),
        ("price=6.1e4", "EGeneral:Invalid arguments:price"),
        ("price=", "EGeneral:Invalid arguments:price"),
        ("price=0", "EOrder:Invalid price:Invalid price argument"),
        (
            "price=61000.05",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        ("volume=1", "EOrder:Insufficient funds"),
        ("price=62000.0&oflags=post", "EOrder:Post only order"),
        ("oflags=viqc", "EGeneral:Invalid arguments:oflags"),
        ("oflags=nope", "EGeneral:Invalid arguments:oflags"),
        (
            "ordertype=market&oflags=post",
            "EGeneral:Invalid arguments:oflags",
        ),
        (
            "ordertype=market&timeinforce=FOK",
            "EGeneral:Invalid arguments:timeinforce",
        ),
        (
            "timeinforce=FOK&oflags=post",
            "EGeneral:Invalid arguments:timeinforce",
        ),
        ("timeinforce=GTD", "EGeneral:Invalid arguments:expiretm"),
        (
            "timeinforce=never",
            "EGeneral:Invalid arguments:timeinforce",
        ),
        ("leverage=3", "EOrder:Cannot open position"),
        ("reduce_only=true", "EOrder:Reduce only:No position exists"),
        ("expiretm=%2b4", "EGeneral:Invalid arguments:expiretm"),
        ("displayvol=0.01", "EGeneral:Invalid arguments:displayvol"),
        ("stptype=nope", "EGeneral:Invalid arguments:stptype"),
        (
            "userref=5&cl_ord_id=a",
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        (
            "cl_ord_id=nineteen-characters",
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        ("userref=99999999999", "EGeneral:Invalid arguments:userref"),
        (soon, "EGeneral:Invalid arguments:deadline"),
        (past, "EService:Deadline elapsed"),
    ];
    for (fields, want) in cases {
        // The last of two values of one name counts.
        assert_eq!(
            rig.refused("AddOrder", &format!("{BUY}&{fields}")).await,
            want,
            "{fields}"
        );
    }
    let usual = format!(
        "{BUY}&{fine}&starttm=0&expiretm=0&leverage=none&stptype=cancel-newest&oflags=fciq,nompp&cl_ord_id=6d1b345e-2821-40e2-ad83-4ecb18a06876&reduce_only=false&close=&unknown=1"
    );
    let valid = rig
        .call("AddOrder", &format!("{usual}&validate=true"))
        .await;
    assert_eq!(
        valid,
        json!({"descr": {"order": "buy 0.02000000 XBTUSD @ limit 61000.0"}})
    );
    assert_eq!(
        rig.call("OpenOrders", "").await,
        json!({"open": {}}),
        "only checked"
    );
    rig.call("AddOrder", &usual).await;
    let twice = rig.refused("AddOrder", &usual).await;
    assert_eq!(twice, "EGeneral:Invalid arguments:cl_ord_id not unique");
}

#[tokio::test]
async fn the_trading_counter_is_the_engines_and_shows_here() {
    let rig = Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    let mut refused = 0;
    for _ in 0..25 {
        let id = rig.form("AddOrder", order).await;
        if id.get("result").is_none() {
            assert_eq!(bad(&id), "EOrder:Rate limit exceeded");
            refused += 1;
            continue;
        }
        let txid = id["result"]["txid"][0].as_str().unwrap();
        let canceled = rig.form("CancelOrder", &format!("txid={txid}")).await;
        if canceled.get("result").is_none() {
            assert_eq!(bad(&canceled), "EOrder:Rate limit exceeded");
            refused += 1;
        }
    }
    assert!(refused > 0, "25 times 9 points are more than 180");
}

#[tokio::test]
async fn history_comes_in_pages_newest_first() {
    let rig = Rig::start().await;
    for n in 0..55 {
        let added = rig
            .call(
                "AddOrder",
                &format!(
                    "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&cl_ord_id=n{n}"
                ),
            )
            .await;
        rig.hands.advance(Duration::from_secs(10));
        let id = added["txid"][0].as_str().unwrap();
        rig.call("CancelOrder", &format!("txid={id}")).await;
    }
    let body = |answer: Value| answer["closed"].as_object().unwrap().len();
    let first = rig.call("ClosedOrders", "").await;
    assert_eq!((&first["count"], body(first.clone())), (&json!(55), 50));
    assert_eq!(body(rig.call("ClosedOrders", "ofs=50").await), 5);
    let newest = rig.signed_text("ClosedOrders", "").await;
    let position = |name: &str| newest.find(&format!("\"{name}\"")).unwrap();
    assert!(position("n54") < position("n53") && position("n53") < position("n10"));
    // Opened every ten seconds from 08:00:00, closed ten seconds later.
    for (fields, want) in [
        ("start=1788250140", 1),
        ("start=1788250130&closetime=open", 1),
        ("start=1788250140&closetime=open", 0),
        ("start=1788250140&closetime=close", 1),
        ("end=1788249600", 1),
        ("end=1788249600&closetime=close", 0),
        ("start=1788249600&end=1788249620&closetime=open", 2),
    ] {
        let page = rig.call("ClosedOrders", fields).await;
        assert_eq!(
            (&page["count"], body(page.clone())),
            (&json!(want), want),
            "{fields}"
        );
        rig.hands.advance(Duration::from_secs(2));
    }
    let (id, _) = only(&rig.call("ClosedOrders", "cl_ord_id=n52").await["closed"]);
    let since = rig
        .call("ClosedOrders", &format!("start={id}&closetime=open"))
        .await;
    assert_eq!(since["count"], 2);
    // 0 is no end, for clients that have one for each field.
    let all = rig.call("ClosedOrders", "start=0&end=0&ofs=0").await;
    assert_eq!(all["count"], 55);
    assert_eq!(
        rig.refused("ClosedOrders", "start=nope").await,
        "EGeneral:Invalid arguments:start"
    );
}

#[tokio::test]
async fn positions_and_what_is_not_built_say_so() {
    let rig = Rig::start().await;
    assert_eq!(rig.call("OpenPositions", "docalcs=true").await, json!({}));
    assert_eq!(
        rig.call("OpenPositions", "consolidation=market").await,
        json!([])
    );
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
