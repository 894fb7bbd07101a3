//! Books and trades as `GroupedBook`, `PreTrade` and `PostTrade` tell them.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tradingd::types::{Side, Timestamp};

use super::rig::{JSON, Rig, bad, good};

/// The next instant is a second later.
fn later(rig: &Rig) -> i64 {
    rig.hands.advance(Duration::from_secs(1));
    rig.venue.clock().now().as_nanos()
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
