//! §3.4 The shapes of trading answers, and how orders are named. Elsewhere: refusals → `s3_4_refusals`; amends, cancels and batches →
//! `s3_4_changes`; the grammar of `descr.order`, relative prices → `s3_4_triggers`; edits and cost orders → `s3_4_edits`; closes and
//! starts → `s3_4_extras`; expiry, the dead man's switch → `s3_4_lifetimes`.

use serde_json::{Value, json};
use tradingd::types::Side;

use super::shape::like;
use crate::sim_rest::rig::Rig;

const ADDED: &str = r#"{"error":[],"result":{"descr":{"order":"buy 0.02000000 XBTUSD @ limit 61000.0"},"txid":["OQQQQQ-AAAAA-BBBBB1"]}}"#;
const BATCH: &str = r#"{"error":[],"result":{"orders":[{"txid":"OQQQQQ-AAAAA-BBBBB1","descr":{"order":"buy 0.02000000 XBTUSD @ limit 61000.0"}},{"error":"EOrder:Insufficient funds"}]}}"#;
const AMENDED: &str = r#"{"error":[],"result":{"amend_id":"TAAAAA-MMMMM-NNNNN1"}}"#;
const EDITED: &str = r#"{"error":[],"result":{"status":"ok","txid":"OQQQQQ-AAAAA-BBBBB2","originaltxid":"OQQQQQ-AAAAA-BBBBB1","volume":"0.03000000","price":"61000.0","price2":"0","orders_cancelled":1,"descr":{"order":"buy 0.03000000 XBTUSD @ limit 61000.0"}}}"#;
const COUNT: &str = r#"{"error":[],"result":{"count":1}}"#;
const WOUND: &str = r#"{"error":[],"result":{"currentTime":"2026-09-01T08:03:10Z","triggerTime":"2026-09-01T08:04:10Z"}}"#;
const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

#[tokio::test]
async fn s3_4_every_answer_has_its_documented_shape() {
    let rig = Rig::start().await;
    let added = rig
        .signed_text("AddOrder", &format!("{BUY}&cl_ord_id=mm-0001"))
        .await;
    like(ADDED).check(&added);
    like(AMENDED).check(
        &rig.signed_text(
            "AmendOrder",
            "cl_ord_id=mm-0001&order_qty=0.025&limit_price=61010.0&post_only=true",
        )
        .await,
    );
    like(COUNT).check(&rig.signed_text("CancelOrder", "cl_ord_id=mm-0001").await);
    let id = rig.call("AddOrder", BUY).await["txid"][0]
        .as_str()
        .unwrap()
        .to_owned();
    like(EDITED).check(
        &rig.signed_text("EditOrder", &format!("txid={id}&pair=XBTUSD&volume=0.03"))
            .await,
    );
    let batch = "pair=XBTUSD&orders[0][ordertype]=limit&orders[0][type]=buy&orders[0][price]=61000.0&orders[0][volume]=0.02&orders[1][ordertype]=limit&orders[1][type]=buy&orders[1][price]=61000.0&orders[1][volume]=2";
    let answer = rig.signed_text("AddOrderBatch", batch).await;
    like(BATCH).check(&answer);
    assert!(
        answer.contains(r#""error":"EOrder:Insufficient funds""#),
        "{answer}"
    );
    like(WOUND).check(&rig.signed_text("CancelAllOrdersAfter", "timeout=60").await);
    like(COUNT).check(&rig.signed_text("CancelAll", "").await);
    like(COUNT).check(&rig.signed_text("CancelAll", "").await);
}

#[tokio::test]
async fn s3_4_a_batch_is_placed_unless_an_order_of_it_is_wrong_in_itself() {
    let rig = Rig::start().await;
    let good = r#"{"ordertype":"limit","type":"buy","price":"61000.0","volume":"0.01"}"#;
    for (change, words) in [
        (
            ("0.01", "0.00001"),
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (("61000.0", "1.0"), "EOrder:Cost minimum not met"),
        (("0.01", "1e-2"), "EGeneral:Invalid arguments:volume"),
    ] {
        let spoiled = good.replace(change.0, change.1);
        let batch = format!(r#""pair":"XBTUSD","orders":[{good},{spoiled}]"#);
        let answer = rig.json("AddOrderBatch", &batch).await;
        assert_eq!(answer, json!({"error": [words]}));
    }
    assert_eq!(rig.call("OpenOrders", "").await, json!({"open": {}}));
}

#[tokio::test]
async fn s3_4_a_pair_may_be_named_in_every_way() {
    let rig = Rig::start().await;
    for pair in ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"] {
        let order = format!("{}&validate=true", BUY.replace("XBTUSD", pair));
        let added = rig.call("AddOrder", &order).await;
        assert_eq!(
            added,
            json!({"descr": {"order": "buy 0.02000000 XBTUSD @ limit 61000.0"}})
        );
    }
}

#[tokio::test]
async fn s3_4_times_of_expiry_are_seconds_or_so_many_from_now() {
    let rig = Rig::start().await;
    for (fields, expires) in [
        ("expiretm=%2b30", 1_788_249_630),
        ("timeinforce=GTD&expiretm=1788249700", 1_788_249_700),
        ("timeinforce=gtd&expiretm=%2B5", 1_788_249_605),
        ("expiretm=0", 0),
        ("timeinforce=GTC&expiretm=+0", 0),
    ] {
        if fields.ends_with("+0") {
            // A bare plus in a form is a blank.
            let refused = rig.refused("AddOrder", &format!("{BUY}&{fields}")).await;
            assert_eq!(refused, "EGeneral:Invalid arguments:expiretm");
            continue;
        }
        let id = rig.call("AddOrder", &format!("{BUY}&{fields}")).await["txid"][0]
            .as_str()
            .unwrap()
            .to_owned();
        let row = &rig.call("QueryOrders", &format!("txid={id}")).await[&id];
        assert_eq!(row["expiretm"], expires, "{fields}");
        assert_eq!(
            row["time_in_force"],
            if expires == 0 { "gtc" } else { "gtd" }
        );
    }
    for fields in [
        "expiretm=%2b4",
        "expiretm=1788249604",
        "expiretm=1798249604",
        "timeinforce=GTD",
        "timeinforce=IOC&expiretm=%2b30",
    ] {
        let refused = rig.refused("AddOrder", &format!("{BUY}&{fields}")).await;
        assert_eq!(refused, "EGeneral:Invalid arguments:expiretm", "{fields}");
    }
}

#[tokio::test]
async fn s3_4_amounts_are_plain_decimals() {
    let rig = Rig::start().await;
    for (field, value, words) in [
        ("price", "6.1e4", "EGeneral:Invalid arguments:price"),
        ("price", "", "EGeneral:Invalid arguments:price"),
        ("price", "abc", "EGeneral:Invalid arguments:price"),
        ("price", "0", "EOrder:Invalid price:Invalid price argument"),
        (
            "price",
            "61000.01",
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        ("volume", "2e-2", "EGeneral:Invalid arguments:volume"),
        ("volume", "", "EGeneral:Invalid arguments:volume"),
        ("volume", "-1", "EGeneral:Invalid arguments:volume"),
        (
            "volume",
            "0.00001",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
    ] {
        let fields = format!("{BUY}&{field}={value}");
        assert_eq!(rig.refused("AddOrder", &fields).await, words, "{fields}");
    }
    // Surplus decimals of a quantity are cut.
    let cut = rig
        .call(
            "AddOrder",
            &format!("{BUY}&volume=0.0200000099&validate=true"),
        )
        .await;
    assert_eq!(
        cut["descr"]["order"],
        "buy 0.02000000 XBTUSD @ limit 61000.0"
    );
}

#[tokio::test]
async fn s3_4_cancels_take_ids_lists_numbers_and_names() {
    let rig = Rig::start().await;
    let add = async |mark: &str| {
        let added = rig
            .call("AddOrder", &format!("{BUY}&volume=0.001&{mark}"))
            .await;
        added["txid"][0].as_str().unwrap().to_owned()
    };
    let (one, two) = (add("userref=5").await, add("userref=5").await);
    assert_eq!(
        rig.call("CancelOrder", &format!("txid={one},{two}")).await["count"],
        2
    );
    assert_eq!(
        rig.refused("CancelOrder", &format!("txid={one}")).await,
        "EOrder:Unknown order"
    );
    add("userref=5").await;
    add("userref=5").await;
    assert_eq!(rig.call("CancelOrder", "txid=5").await["count"], 2);
    assert_eq!(
        rig.refused("CancelOrder", "txid=5").await,
        "EOrder:Unknown order"
    );
    let (id, _) = (add("userref=-6").await, add("cl_ord_id=own").await);
    add("userref=7").await;
    let batch = format!(r#""orders":["{id}",7],"cl_ord_ids":["own"]"#);
    let count: Value = rig.json("CancelOrderBatch", &batch).await;
    assert_eq!(count["result"], json!({"count": 3}));
    // What nothing has is passed over, whichever kind of id it is, and the others are canceled.
    let (live, own) = (add("userref=1").await, add("cl_ord_id=own2").await);
    for fields in [
        format!(r#""orders":["{live}",77]"#),
        r#""orders":[77],"cl_ord_ids":["own2"]"#.to_owned(),
    ] {
        let count: Value = rig.json("CancelOrderBatch", &fields).await;
        assert_eq!(count["result"], json!({"count": 1}), "{fields} {own}");
    }
    let live = add("userref=1").await;
    let count = rig.call("CancelOrder", &format!("txid=77,{live}")).await;
    assert_eq!(count["count"], 1);
    for (endpoint, fields, words) in [
        ("CancelOrder", "", "EGeneral:Invalid arguments:txid"),
        (
            "CancelOrder",
            "txid=OAAAAA-BBBBB-CCCCC1",
            "EOrder:Invalid order",
        ),
        ("CancelOrder", "cl_ord_id=never", "EOrder:Invalid order"),
        ("CancelOrder", "cl_ord_id=own", "EOrder:Unknown order"),
        ("CancelOrderBatch", "", "EGeneral:Invalid arguments:orders"),
        (
            "AmendOrder",
            "order_qty=1",
            "EGeneral:Invalid arguments:txid",
        ),
        (
            "AmendOrder",
            "txid=OAAAAA-BBBBB-CCCCC1&order_qty=1",
            "EOrder:Invalid order",
        ),
        (
            "EditOrder",
            "txid=OAAAAA-BBBBB-CCCCC1&volume=1",
            "EGeneral:Invalid arguments:pair",
        ),
        (
            "CancelAllOrdersAfter",
            "",
            "EGeneral:Invalid arguments:timeout",
        ),
        (
            "CancelAllOrdersAfter",
            "timeout=-1",
            "EGeneral:Invalid arguments:timeout",
        ),
        (
            "CancelAllOrdersAfter",
            "timeout=86400",
            "EGeneral:Invalid timeout argument:above max",
        ),
        (
            "AddOrderBatch",
            "pair=XBTUSD",
            "EGeneral:Invalid arguments:orders",
        ),
    ] {
        assert_eq!(
            rig.refused(endpoint, fields).await,
            words,
            "{endpoint} {fields}"
        );
    }
    let fifty_one = vec!["\"OAAAAA-BBBBB-CCCCC1\""; 51].join(",");
    let refused = rig
        .json("CancelOrderBatch", &format!(r#""orders":[{fifty_one}]"#))
        .await;
    assert_eq!(
        refused["error"],
        json!(["EGeneral:Invalid arguments:orders"])
    );
}

#[tokio::test]
async fn s3_4_a_switch_that_is_off_says_zero() {
    let rig = Rig::start().await;
    let off = rig.call("CancelAllOrdersAfter", "timeout=0").await;
    assert_eq!(
        off,
        json!({"currentTime": "2026-09-01T08:00:00Z", "triggerTime": "0"})
    );
}

#[tokio::test]
async fn s3_4_an_amend_takes_its_own_vocabulary() {
    let rig = Rig::start().await;
    for side in [Side::Sell, Side::Buy] {
        rig.agent(side, "BTC/USD", "61000.0", "0.01");
    }
    let stop = "pair=XBTUSD&type=sell&ordertype=stop-loss&price=60000.0&volume=0.02&cl_ord_id=stop";
    rig.call("AddOrder", stop).await;
    assert_eq!(
        rig.refused("AmendOrder", "cl_ord_id=stop&limit_price=59000.0")
            .await,
        "EOrder:Invalid limit price"
    );
    assert_eq!(
        rig.refused("AmendOrder", "cl_ord_id=stop&price=59000.0")
            .await,
        "EOrder:No amendable parameters specified"
    );
    like(AMENDED).check(
        &rig.signed_text("AmendOrder", "cl_ord_id=stop&trigger_price=59000.0")
            .await,
    );
    let row = rig.call("QueryOrders", "cl_ord_id=stop").await;
    let row = row.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        (&row["descr"]["price"], &row["misc"]),
        (&json!("59000.0"), &json!("amended"))
    );
}
