//! §3.4 What `AddOrder` refuses, parameter by parameter.

use serde_json::json;
use tradingd::types::Side;

use crate::sim_rest::rig::Rig;

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";

#[tokio::test]
async fn s3_4_what_an_order_may_not_ask_for_is_refused_in_the_venues_words() {
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
async fn s3_4_a_deadline_lies_two_seconds_to_a_minute_ahead() {
    let rig = Rig::start().await;
    for (deadline, good) in [
        ("08:00:01.999Z", false),
        ("08:00:02Z", true),
        ("08:01:00Z", true),
        ("08:01:00.001Z", false),
    ] {
        let order = format!("{BUY}&validate=true&deadline=2026-09-01T{deadline}");
        let answer = rig.form("AddOrder", &order).await;
        let words = answer["error"][0].as_str();
        let invalid = Some("EGeneral:Invalid arguments:deadline");
        assert_eq!(words, invalid.filter(|_| !good), "{deadline}");
    }
}

#[tokio::test]
async fn s3_4_an_iceberg_shows_a_fifteenth_at_least() {
    let rig = Rig::start().await;
    let order = BUY.replace("limit&", "iceberg&");
    for (shown, words) in [
        ("0.00133333", Some("EGeneral:Invalid arguments:display_qty")),
        ("0.00133334", None),
        ("0.02", None),
    ] {
        let order = format!("{order}&validate=true&displayvol={shown}");
        let answer = rig.form("AddOrder", &order).await;
        assert_eq!(answer["error"][0].as_str(), words, "{shown}");
    }
}
