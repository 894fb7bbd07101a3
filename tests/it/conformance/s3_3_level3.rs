//! §3.3 `Level3`: the book order by order.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use tradingd::{sim::server::auth::Permission, types::Side};

use crate::sim_rest::rig::{Rig, Setup, good};

/// The next instant is a second later.
fn later(rig: &Rig) -> i64 {
    rig.hands.advance(Duration::from_secs(1));
    rig.venue.clock().now().as_nanos()
}

fn ids(rows: &Value) -> BTreeSet<&str> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["order_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn s3_3_a_book_order_by_order_has_queues_ids_and_nanoseconds() {
    let rig = Rig::start().await;
    let first = later(&rig);
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.3");
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.2");
    let second = later(&rig);
    let order = "pair=XBTUSD&type=sell&ordertype=iceberg&price=61240.0&volume=1&displayvol=0.25";
    let placed = rig.call("AddOrder", order).await;
    rig.agent(Side::Sell, "BTC/USD", "61250.0", "2");
    for pair in ["XBTUSD", "XXBTZUSD", "BTC/USD", "XBT/USD"] {
        let book = rig.call("Level3", &format!("pair={pair}")).await;
        assert_eq!(book["pair"], "BTC/USD");
        let row = |row: &Value| {
            (
                row["price"].clone(),
                row["qty"].clone(),
                row["timestamp"].clone(),
            )
        };
        let rows = |side: &str| {
            book[side]
                .as_array()
                .unwrap()
                .iter()
                .map(row)
                .collect::<Vec<_>>()
        };
        let want = |price: &str, qty: &str, at: i64| (price.into(), qty.into(), at.into());
        assert_eq!(
            rows("bids"),
            [
                want("61230.00000", "0.30000000", first),
                want("61230.00000", "0.20000000", first + 1),
            ],
            "one after the other"
        );
        assert_eq!(
            rows("asks"),
            [
                want("61240.00000", "0.25000000", second),
                want("61250.00000", "2.00000000", second),
            ],
            "what is hidden does not show"
        );
        assert_eq!(book["asks"][0]["order_id"], placed["txid"][0]);
        assert_eq!(ids(&book["bids"]).len(), 2);
    }
    let json = rig.json("Level3", r#""pair":"BTC/USD","depth":10"#).await;
    assert_eq!(good(json)["asks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn s3_3_the_depth_of_an_order_by_order_book_counts_prices() {
    let rig = Rig::start().await;
    for tick in 0..300 {
        for _ in 0..2 {
            rig.agent(
                Side::Buy,
                "BTC/USD",
                &format!("{}.0", 61_000 - tick),
                "0.01",
            );
        }
    }
    for (depth, orders) in [
        ("", 200),
        ("&depth=10", 20),
        ("&depth=25", 50),
        ("&depth=100", 200),
        ("&depth=250", 500),
        ("&depth=1000", 600),
        ("&depth=0", 600),
    ] {
        let book = rig.call("Level3", &format!("pair=XBTUSD{depth}")).await;
        assert_eq!(ids(&book["bids"]).len(), orders, "{depth}");
    }
    for (fields, want) in [
        ("pair=XBTUSD&depth=11", "EGeneral:Invalid arguments:depth"),
        ("pair=XBTUSD&depth=all", "EGeneral:Invalid arguments:depth"),
        ("depth=10", "EGeneral:Invalid arguments:pair"),
        ("pair=NOPE", "EQuery:Unknown asset pair"),
    ] {
        assert_eq!(rig.refused("Level3", fields).await, want, "{fields}");
    }
    let setup = Setup {
        permissions: BTreeSet::from([Permission::QueryFunds, Permission::QueryClosedTrades]),
        ..Setup::default()
    };
    let rig = Rig::with(setup).await;
    let refused = rig.refused("Level3", "pair=XBTUSD").await;
    assert_eq!(refused, "EGeneral:Permission denied");
}
