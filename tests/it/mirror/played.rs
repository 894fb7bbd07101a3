//! Recorded frames as a market.

use std::fs;

use serde_json::Value;
use tradingd::{
    app::{Simulated, simulated},
    sim::{Settings, Simulator, matching::PairId},
    types::TradingStatus,
};

use super::rig::{Trader, kraken, levels, reach, start, trades, until};
use crate::{
    sim_ws::rig::{Rig, quiet},
    support::{captures, clock, within, ws::Client},
};

fn playing(recordings: &[&str], speed: f64) -> Settings {
    Settings {
        pairs: vec!["BTC/USD".to_owned(), "ETH/USD".to_owned()],
        recordings: recordings.iter().map(|file| (*file).to_owned()).collect(),
        speed,
        ..Settings::default()
    }
}

fn own(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A shared capture, if it is there.
fn shared(name: &str) -> Option<String> {
    Some(captures::shared(name)?.to_string_lossy().into_owned())
}

fn status(sim: &Simulator, pair: u32) -> TradingStatus {
    sim.venue()
        .read(|view| view.exchange.pair_status(PairId(pair)))
}

async fn refused(settings: &Settings) -> simulated::Error {
    let kraken = kraken();
    let starting = Simulated::start(settings, reach(&kraken), None, clock());
    Box::pin(within(starting)).await.unwrap_err()
}

/// What a simulator tells about one busy moment, line by line; its book and trades after it.
async fn record(lines: &mut Vec<String>) -> (super::rig::Levels, Vec<(i64, i64)>) {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let mut client = Client::connect(rig.sim.addresses().ws).await;
    for channel in ["book", "trade"] {
        let depth = if channel == "book" {
            r#","depth":100"#
        } else {
            ""
        };
        client
            .send(&format!(
                r#"{{"method":"subscribe","params":{{"channel":"{channel}","symbol":["BTC/USD"]{depth}}}}}"#
            ))
            .await;
    }
    // The acknowledgements, and the whole book.
    let mut awaited = 3;
    while awaited > 0 {
        let text = client.text().await;
        let heard = ["\"method\":\"subscribe\"", "\"type\":\"snapshot\""];
        awaited -= usize::from(heard.iter().any(|part| text.contains(part)));
        lines.push(text);
    }
    let before = trades(rig.sim.venue()).len();
    rig.stir(pair, 5, 150);
    lines.extend(client.drain().await.iter().map(Value::to_string));
    let book = levels(rig.sim.venue(), pair, 100);
    let printed = trades(rig.sim.venue()).split_off(before);
    within(rig.sim.shutdown()).await;
    (book, printed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_plays_to_the_book_and_the_trades_that_it_was_made_of() {
    let mut lines = vec![r#"{"url":"wss://example/v2","depth":100}"#.to_owned()];
    let (book, printed) = record(&mut lines).await;
    assert!(printed.len() > 20);
    let directory = tempfile::tempdir().unwrap();
    // As they came; and in wrappers that say when.
    let wrapped = lines.iter().zip(1..).map(|(line, at)| {
        let quoted = serde_json::to_string(line).unwrap();
        format!(r#"{{"ts":{at}.5,"dir":"rx","raw":{quoted}}}"#)
    });
    let wrapped: Vec<String> = wrapped.collect();
    for (name, lines) in [("plain", &lines), ("wrapped", &wrapped)] {
        let path = directory.path().join(name);
        fs::write(&path, lines.join("\n")).unwrap();
        let file = format!("XBT/USD={}", path.display());
        let played = start(&playing(&[&file], 1_000.0)).await;
        let venue = played.simulator().venue();
        until("the last trade is printed", || {
            trades(venue).len() >= printed.len()
        })
        .await;
        until("it is over", || {
            status(played.simulator(), 0) == TradingStatus::CancelOnly
        })
        .await;
        assert!(trades(venue) == printed, "{name}");
        assert!(levels(venue, PairId(0), 100) == book, "{name}");
        // The other pair has agents.
        assert_eq!(status(played.simulator(), 1), TradingStatus::Online);
        within(played.shutdown()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_taken_while_it_plays_and_refused_once_it_is_over() {
    let file = own("recording.jsonl");
    // The first book, and then nothing for a long time.
    let played = start(&playing(&[&file], 0.000_001)).await;
    let mut trader = Trader::connect(&played).await;
    trader.limit("buy", 1, "50000.0").await;
    assert_eq!(status(played.simulator(), 1), TradingStatus::Online);
    within(played.shutdown()).await;

    let played = start(&playing(&[&file], 1_000_000.0)).await;
    until("it is over", || {
        status(played.simulator(), 0) == TradingStatus::CancelOnly
    })
    .await;
    let mut trader = Trader::connect(&played).await;
    let rest = r#""order_type":"limit","limit_price":50000.0"#;
    let refused = trader.order("buy", 1, rest).await;
    assert_eq!(refused["error"], "EService:Market in cancel_only mode");
    within(played.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_that_cannot_be_played_are_named_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let empty = write("empty", "");
    let error = refused(&playing(&[&empty], 1.0)).await;
    assert!(matches!(error, simulated::Error::NoBook { .. }), "{error}");
    let wrong = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":61234.5,"qty":4.24088725}],"asks":[],"checksum":1}]}"#;
    let error = refused(&playing(&[&write("wrong", wrong)], 1.0))
        .await
        .to_string();
    assert!(error.contains("line 1: BTC/USD: checksum"), "{error}");
    let error = refused(&playing(
        &[&own("recording.jsonl"), &own("recording.jsonl")],
        1.0,
    ))
    .await;
    assert!(matches!(error, simulated::Error::Twice { .. }), "{error}");
    for argument in ["BTC/USD=/nowhere", "/nowhere", "ABC/DEF=/dev/null"] {
        let error = refused(&playing(&[argument], 1.0)).await;
        assert_eq!(error.key(), Some("recordings"), "{argument}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_captures_play_to_their_end() {
    for (name, least) in [
        ("ws-v2/book_BTCUSD_d10_20230730.jsonl", 10),
        ("ws-v2/wire_book_BTCUSD_d10_20260816.ndjson", 10),
        ("derived/v2shape_book10_BTCUSD_20230830.jsonl", 10),
    ] {
        let Some(file) = shared(name) else { continue };
        let played = start(&playing(&[&format!("BTC/USD={file}")], 100_000.0)).await;
        let sim = played.simulator();
        until("it is over", || status(sim, 0) == TradingStatus::CancelOnly).await;
        let book = levels(sim.venue(), PairId(0), 1_000);
        assert_eq!(book.map(|side| side.len()), [least, least], "{name}");
        within(played.shutdown()).await;
    }
}
