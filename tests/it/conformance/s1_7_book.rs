//! §1.7 book. Elsewhere: checksums of every depth against a book kept as the documents say → `sim_ws/feed.rs`; the vectors →
//! `sim/server/checksum.rs`; depths that are none, and one that is not told → `s1_4_refusals`, `s1_4_envelopes`.

use serde_json::{Value, json};
use tradingd::{
    sim::{Settings, matching::OrderKind},
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, row},
    shape::like,
};
use crate::sim_ws::rig::quiet;

const SNAPSHOT: &str = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":29999.9,"qty":1.25000000}],"asks":[{"price":30001.0,"qty":0.50000000}],"checksum":1871965336,"timestamp":"2026-09-01T08:00:04.000001Z"}]}"#;
const UPDATE: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":29999.9,"qty":0.00000000}],"asks":[],"checksum":123456789,"timestamp":"2026-09-01T08:00:04.250000Z"}]}"#;

fn book(depth: &str) -> String {
    format!(r#"{{"method":"subscribe","params":{{"channel":"book","symbol":["BTC/USD"]{depth}}}}}"#)
}

fn prices(levels: &Value) -> Vec<f64> {
    levels
        .as_array()
        .unwrap()
        .iter()
        .map(|level| level["price"].as_f64().unwrap())
        .collect()
}

#[tokio::test]
async fn s1_7_a_snapshot_has_the_depth_and_the_best_first() {
    let desk = Desk::open().await;
    desk.stir(desk.pair("BTC/USD"), 3, 300);
    for (depth, most) in [
        ("", 10),
        (r#","depth":10"#, 10),
        (r#","depth":25"#, 25),
        (r#","depth":100"#, 100),
        (r#","depth":500"#, 500),
        (r#","depth":1000"#, 1000),
    ] {
        let mut client = desk.public().await;
        let frames = ask(&mut client, &book(depth)).await;
        assert_eq!(read(&frames[0])["result"]["depth"], most);
        let snapshot = of(&frames, "book")[0];
        like(SNAPSHOT).check(snapshot);
        let row = row(snapshot);
        let (bids, asks) = (prices(&row["bids"]), prices(&row["asks"]));
        assert!(bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b));
        assert!(bids.len() <= most && asks.len() <= most);
        assert!(
            bids.len() >= most.min(20) && asks.len() >= most.min(20),
            "{depth}"
        );
    }
}

#[tokio::test]
async fn s1_7_an_update_has_both_sides_and_zero_takes_a_level_away() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    ask(&mut client, &book("")).await;
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Sell,
        OrderKind::Market,
        100_000_000,
    );
    let frames = fence(&mut client).await;
    let updates = of(&frames, "book");
    assert_eq!(updates.len(), 1, "{frames:?}");
    like(UPDATE).check(updates[0]);
    let update = row(updates[0]);
    assert_eq!(update["bids"], json!([{"price": 60_000.0, "qty": 0.0}]));
    assert_eq!(update["asks"], json!([]));
}

#[tokio::test]
async fn s1_7_the_level_that_moves_into_range_is_sent_and_the_one_that_leaves_it_is_not() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let bid = |units| OrderKind::Limit(Price::new(units).unwrap());
    for units in 599_989..=599_998 {
        desk.hand(pair, Side::Buy, bid(units), 1_000_000);
    }
    // Eleven bids; ten are shown.
    let mut client = desk.public().await;
    let frames = ask(&mut client, &book("")).await;
    assert_eq!(prices(&row(of(&frames, "book")[0])["bids"]).len(), 10);
    desk.hand(pair, Side::Sell, OrderKind::Market, 100_000_000);
    let frames = fence(&mut client).await;
    let moved = row(of(&frames, "book")[0])["bids"].clone();
    let mut moved = prices(&moved);
    moved.sort_by(f64::total_cmp);
    assert_eq!(moved, [59_998.9, 60_000.0], "one left, the eleventh came");
    desk.hand(pair, Side::Buy, bid(599_999), 1_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(prices(&row(of(&frames, "book")[0])["bids"]), [59_999.9]);
}

#[tokio::test]
async fn s1_7_a_resubscription_begins_with_a_fresh_snapshot() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    ask(&mut client, &book("")).await;
    ask(&mut client, &book("").replace("subscribe", "unsubscribe")).await;
    desk.hand(
        desk.pair("BTC/USD"),
        Side::Sell,
        OrderKind::Market,
        50_000_000,
    );
    assert!(fence(&mut client).await.is_empty());
    let frames = ask(&mut client, &book("")).await;
    let bids = row(of(&frames, "book")[0])["bids"].clone();
    assert_eq!(bids, json!([{"price": 60_000.0, "qty": 0.5}]));
}

#[tokio::test]
async fn s1_7_an_entry_is_the_new_total_of_its_price() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let mut client = desk.public().await;
    ask(&mut client, &book("")).await;
    let bid = OrderKind::Limit(Price::new(600_000).unwrap());
    for (side, kind, qty, total) in [
        (Side::Buy, bid, 50_000_000, 1.5),
        (Side::Sell, OrderKind::Market, 25_000_000, 1.25),
    ] {
        desk.hand(pair, side, kind, qty);
        let frames = fence(&mut client).await;
        let update = row(of(&frames, "book")[0]);
        assert_eq!(update["bids"], json!([{"price": 60_000.0, "qty": total}]));
        assert_eq!(update["asks"], json!([]));
    }
}

#[tokio::test]
async fn s1_7_a_short_book_is_summed_as_it_is_and_an_empty_one_to_zero() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let mut client = desk.public().await;
    ask(&mut client, &book("")).await;
    for side in [Side::Buy, Side::Sell] {
        desk.hand(pair, side, OrderKind::Market, 100_000_000);
    }
    let frames = fence(&mut client).await;
    let empty = of(&frames, "book").pop().map(row).unwrap();
    assert_eq!(empty["checksum"], 0);
    let at = |units| OrderKind::Limit(Price::new(units).unwrap());
    desk.hand(pair, Side::Buy, at(299_999), 125_000_000);
    desk.hand(pair, Side::Buy, at(299_995), 12_000);
    desk.hand(pair, Side::Sell, at(300_010), 50_000_000);
    let frames = fence(&mut client).await;
    let short = of(&frames, "book").pop().map(row).unwrap();
    assert_eq!(short["checksum"], 1_871_965_336);
    let mut late = desk.public().await;
    let frames = ask(&mut late, &book("")).await;
    let snapshot = row(of(&frames, "book")[0]);
    assert_eq!(snapshot["checksum"], 1_871_965_336);
}

#[tokio::test]
async fn s1_7_digits_are_those_of_the_precision_though_the_tick_is_coarser() {
    let directory = tempfile::tempdir().unwrap();
    let universe = directory.path().join("instruments.json");
    let listed = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"qty_min":0.00005,"price_precision":2,"price_increment":0.1,"tick_size":0.1,"cost_precision":5,"cost_min":0.5,"marginable":false}]}}"#;
    std::fs::write(&universe, listed).unwrap();
    let desk = Desk::with(Settings {
        universe,
        pairs: vec!["BTC/USD".to_owned()],
        ..quiet()
    })
    .await;
    desk.two_sided(desk.pair("BTC/USD"));
    let mut client = desk.public().await;
    let frames = ask(&mut client, &book("")).await;
    let snapshot = of(&frames, "book")[0];
    assert!(snapshot.contains(r#""price":6000.00,"#), "{snapshot}");
    let text = "600100100000000600000100000000";
    assert_eq!(row(snapshot)["checksum"], crc32fast::hash(text.as_bytes()));
}
