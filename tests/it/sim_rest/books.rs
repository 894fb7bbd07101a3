//! Books and trades as `Level3`, `GroupedBook`, `PreTrade` and `PostTrade` tell them.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tradingd::{
    sim::server::auth::Permission,
    types::{Side, Timestamp},
};

use super::rig::{JSON, Rig, Setup, bad, good};

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
async fn a_book_order_by_order_has_queues_ids_and_nanoseconds() {
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
async fn the_depth_of_an_order_by_order_book_counts_prices() {
    let rig = Rig::start().await;
    for tick in 0..120 {
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
        ("&depth=0", 240),
        ("&depth=1000", 240),
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

#[tokio::test]
async fn a_grouped_book_rounds_bids_down_and_asks_up() {
    let rig = Rig::start().await;
    for (side, price, qty) in [
        (Side::Buy, "90400.0", "1"),
        (Side::Buy, "90399.9", "2"),
        (Side::Buy, "90300.1", "0.5"),
        (Side::Buy, "90299.9", "4"),
        (Side::Sell, "90400.1", "1"),
        (Side::Sell, "90500.0", "2"),
        (Side::Sell, "90500.1", "3"),
    ] {
        rig.agent(side, "BTC/USD", price, qty);
    }
    let grouped = json!({
        "pair": "BTC/USD", "grouping": 1000,
        "bids": [
            {"price": "90400.00000", "qty": "1.00000000"},
            {"price": "90300.00000", "qty": "2.50000000"},
            {"price": "90200.00000", "qty": "4.00000000"},
        ],
        "asks": [
            {"price": "90500.00000", "qty": "3.00000000"},
            {"price": "90600.00000", "qty": "3.00000000"},
        ],
    });
    assert_eq!(
        rig.ask("GroupedBook?pair=BTC/USD&depth=10&grouping=1000")
            .await,
        grouped
    );
    let body = r#"{"pair":"BTC/USD","depth":10,"grouping":1000}"#;
    let kind = [("Content-Type", JSON)];
    let answer = rig.send("GET", "/0/public/GroupedBook", &kind, body).await;
    assert_eq!(
        good(answer.json()),
        grouped,
        "a body, as the documents show it"
    );
    let plain = rig.ask("GroupedBook?pair=XBTUSD").await;
    assert_eq!(
        (&plain["grouping"], plain["bids"].as_array().unwrap().len()),
        (&json!(1), 4)
    );
    for tick in 0..15 {
        rig.agent(Side::Buy, "BTC/USD", &format!("{}.0", 80_000 + tick), "1");
    }
    let cut = rig.ask("GroupedBook?pair=XBTUSD").await;
    assert_eq!(cut["bids"].as_array().unwrap().len(), 10);
    for (query, want) in [
        (
            "pair=XBTUSD&grouping=2",
            "EGeneral:Invalid arguments:grouping",
        ),
        ("pair=XBTUSD&depth=11", "EGeneral:Invalid arguments:depth"),
        ("depth=10", "EGeneral:Invalid arguments:pair"),
    ] {
        let answer = rig.public(&format!("GroupedBook?{query}")).await;
        assert_eq!(bad(&answer), want, "{query}");
    }
}

#[tokio::test]
async fn what_is_published_before_a_trade_is_ten_levels_with_their_counts() {
    let rig = Rig::start().await;
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.3");
    rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.2");
    later(&rig);
    for tick in 0..12 {
        rig.agent(
            Side::Sell,
            "BTC/USD",
            &format!("{}.5", 61_300 + tick),
            "1.25",
        );
    }
    let answer = rig.ask("PreTrade?symbol=BTC/USD").await;
    let mut asks = answer["asks"].as_array().unwrap().clone();
    assert_eq!(asks.len(), 10);
    assert_eq!(
        asks.remove(0),
        json!({"side": "SELL", "price": "61300.5", "qty": "1.25000000", "count": 1, "publication_ts": "2026-09-01T08:00:01.000000Z"})
    );
    let mut rest = answer.clone();
    rest.as_object_mut().unwrap().remove("asks");
    assert_eq!(
        rest,
        json!({
            "symbol": "BTC/USD", "description": "BTC / USD", "base_asset": "BTC", "base_notation": "NOML",
            "quote_asset": "USD", "quote_notation": "MONE", "venue": "PGSL", "system": "CLOB",
            "bids": [{"side": "BUY", "price": "61230.0", "qty": "0.50000000", "count": 2, "publication_ts": "2026-09-01T08:00:00.000000Z"}],
        })
    );
    for (query, want) in [
        ("", "EGeneral:Invalid arguments:symbol"),
        ("symbol=NO/PE", "EQuery:Unknown asset pair"),
    ] {
        assert_eq!(bad(&rig.public(&format!("PreTrade?{query}")).await), want);
    }
}

#[tokio::test]
async fn what_is_published_after_trades_pages_over_all_pairs_in_their_order() {
    let rig = Rig::start().await;
    for (pair, price) in [("BTC/USD", "61230.0"), ("ETH/USD", "2450.10")] {
        rig.agent(Side::Sell, pair, price, "100");
    }
    for nth in 0..6 {
        later(&rig);
        let (pair, price) = [("BTC/USD", "61230.0"), ("ETH/USD", "2450.10")][nth % 2];
        rig.agent(Side::Buy, pair, price, "0.5");
    }
    let all = rig.ask("PostTrade").await;
    assert_eq!(all["count"], 6);
    assert_eq!(all["last_ts"], "2026-09-01T08:00:06.000000000Z");
    let row = &all["trades"][0];
    let id = row["trade_id"].as_str().unwrap();
    assert_eq!((id.len(), &id[..1]), (19, "T"));
    assert_eq!(
        row,
        &json!({
            "trade_id": id, "price": "61230.0", "quantity": "0.50000000", "symbol": "BTC/USD", "description": "BTC / USD",
            "base_asset": "BTC", "base_notation": "UNIT", "quote_asset": "USD", "quote_notation": "MONE",
            "trade_venue": "PGSL", "trade_ts": "2026-09-01T08:00:01.000000000Z",
            "publication_venue": "PGSL", "publication_ts": "2026-09-01T08:00:01.000000000Z",
        })
    );
    let rows = all["trades"].as_array().unwrap();
    let ids: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["trade_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 6, "each its own");
    let at = |second: i64| {
        let instant = super::rig::START.after(Duration::from_secs(second.unsigned_abs()));
        instant.rfc3339(9).to_string()
    };
    for (query, want) in [
        ("count=2".to_owned(), vec![5, 6]),
        ("symbol=ETH/USD".to_owned(), vec![2, 4, 6]),
        (format!("from_ts={}&count=2", at(1)), vec![2, 3]),
        (format!("from_ts={}&to_ts={}", at(2), at(5)), vec![3, 4, 5]),
        (format!("to_ts={}&count=2", at(3)), vec![2, 3]),
        (format!("from_ts={}", at(6)), vec![]),
    ] {
        let page = rig.ask(&format!("PostTrade?{query}")).await;
        let times = page["trades"].as_array().unwrap().iter().map(|row| {
            let at = Timestamp::parse(row["trade_ts"].as_str().unwrap()).unwrap();
            at.since(super::rig::START).as_secs()
        });
        assert_eq!(times.collect::<Vec<_>>(), want, "{query}");
        assert_eq!(page["count"], want.len());
    }
    let (mut from, mut met) = (at(0), 0);
    while met < 6 {
        let page = rig.ask(&format!("PostTrade?from_ts={from}&count=1")).await;
        met += page["count"].as_u64().unwrap();
        page["last_ts"].as_str().unwrap().clone_into(&mut from);
    }
    assert_eq!((met, from), (6, at(6)));
    for (query, want) in [
        ("count=0", "EGeneral:Invalid arguments:count"),
        ("count=1001", "EGeneral:Invalid arguments:count"),
        ("from_ts=yesterday", "EGeneral:Invalid arguments:from_ts"),
        ("symbol=NO/PE", "EQuery:Unknown asset pair"),
    ] {
        assert_eq!(bad(&rig.public(&format!("PostTrade?{query}")).await), want);
    }
}

#[tokio::test]
async fn trades_page_from_zero_to_the_last_one_without_a_gap() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61230.0", "1000");
    for nth in 0..6_200 {
        if nth % 3 == 0 {
            rig.hands.advance(Duration::from_nanos(1));
        }
        rig.agent(Side::Buy, "BTC/USD", "61230.0", "0.0001");
    }
    let (mut since, mut met) = ("0".to_owned(), Vec::new());
    loop {
        let page = rig.ask(&format!("Trades?pair=XBTUSD&since={since}")).await;
        let rows = page["XXBTZUSD"].as_array().unwrap();
        assert!(rows.len() <= 1_002, "a page, and the rest of an instant");
        met.extend(rows.iter().map(|row| row[6].as_u64().unwrap()));
        page["last"].as_str().unwrap().clone_into(&mut since);
        if rows.is_empty() {
            break;
        }
    }
    assert_eq!(met, (1..=6_200).collect::<Vec<_>>());
}
