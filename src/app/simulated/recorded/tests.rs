//! What a file tells, and when.

use std::{fs, pin::pin};

use futures_util::poll;

use super::*;

fn listed() -> Vec<Instrument> {
    let universe = crate::sim::matching::Universe::default_universe();
    let pairs = universe.pairs.into_iter().take(2);
    pairs.map(|pair| pair.instrument).collect()
}

/// A book without levels, whose checksum is zero.
fn book(kind: &str, symbol: &str, more: &str) -> String {
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[],"asks":[],"checksum":0{more}}}]}}"#
    )
}

fn trade(kind: &str, second: u8) -> String {
    format!(
        r#"{{"channel":"trade","type":"{kind}","data":[{{"symbol":"BTC/USD","side":"buy","price":61234.6,"qty":0.01000000,"ord_type":"market","trade_id":1,"timestamp":"2026-09-01T08:00:{second:02}.000000Z"}}]}}"#
    )
}

/// Everything that a file tells: seconds since its first time, and how many words.
fn told(lines: &[String], only: Option<&str>) -> (Vec<(u64, usize)>, Vec<Upstream>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    fs::write(&path, lines.join("\n")).unwrap();
    let wanted = |symbol: &Symbol| only.is_none_or(|only| only == symbol.as_str());
    let mut reel = Reel::open(&path, &listed(), wanted).unwrap();
    let (mut times, mut all, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = None;
    while reel.next(&mut told).unwrap() {
        if !told.is_empty() {
            let at = reel.at.map(|at| at.since(*first.get_or_insert(at)));
            times.push((at.unwrap_or_default().as_secs(), told.len()));
        }
        all.append(&mut told);
    }
    (times, all)
}

#[test]
fn times_come_from_the_wrapper_else_from_the_frame_and_never_go_back() {
    let stamped = |second| format!(r#","timestamp":"2026-09-01T08:00:{second:02}.000000Z""#);
    let lines = [
        book("snapshot", "BTC/USD", &stamped(10)),
        trade("snapshot", 1),
        trade("update", 12),
        book("update", "BTC/USD", &stamped(11)),
        book("update", "BTC/USD", ""),
    ];
    let (times, all) = told(&lines, None);
    assert_eq!(times, [(0, 1), (2, 1), (2, 1), (2, 1)]);
    assert!(matches!(all[1], Upstream::Trade { market: true, .. }));

    let wrapped: Vec<String> = lines
        .iter()
        .zip(1..)
        .map(|(line, at)| format!(r#"{{"rx_ns":{at}000000000,"frame":{line}}}"#))
        .collect();
    let (times, _) = told(&wrapped, None);
    assert_eq!(times, [(0, 1), (2, 1), (3, 1), (4, 1)]);
}

#[test]
fn an_acknowledgement_tells_the_depth_and_a_whole_book_the_least_that_holds_it() {
    let ack = r#"{"method":"subscribe","req_id":1,"result":{"channel":"book","depth":500,"snapshot":true,"symbol":"BTC/USD"},"success":true}"#;
    let whole = book("snapshot", "BTC/USD", "");
    let depth = |lines: &[String]| match told(lines, None).1[..] {
        [Upstream::Book { depth, .. }] => depth,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(depth(&[ack.to_owned(), whole.clone()]), 500);
    assert_eq!(depth(&[whole]), 10);
}

#[test]
fn a_wrong_book_is_stale_until_the_next_whole_one() {
    let wrong = book("update", "BTC/USD", "").replace("\"checksum\":0", "\"checksum\":9");
    let lines = [
        book("snapshot", "BTC/USD", ""),
        wrong,
        book("update", "BTC/USD", ""),
        book("snapshot", "BTC/USD", ""),
    ];
    let (_, all) = told(&lines, None);
    assert_eq!(all.len(), 3);
    assert!(matches!(all[1], Upstream::Stale { .. }));
    assert!(matches!(all[2], Upstream::Book { .. }));
}

#[test]
fn pairs_that_are_not_meant_are_passed_over() {
    let lines = [
        book("snapshot", "XXX/YYY", ""),
        book("snapshot", "ETH/USD", ""),
        book("snapshot", "BTC/USD", ""),
    ];
    assert_eq!(told(&lines, None).1.len(), 2);
    let (_, all) = told(&lines, Some("ETH/USD"));
    let eth = InstrumentId(1);
    assert!(matches!(all[..], [Upstream::Book { instrument, .. }] if instrument == eth));
}

#[tokio::test]
async fn a_full_queue_to_the_simulator_holds_up_the_recording_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    let lines: Vec<_> = std::iter::once(book("snapshot", "BTC/USD", ""))
        .chain((0..10).map(|_| trade("update", 7)))
        .collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let reel = Reel::open(&path, &listed()[..1], |_| true).unwrap();
    let (out, mut told) = mpsc::channel(1);
    let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
    let mut playing = pin!(play(reel, out, (clock, 1.0), CancellationToken::new()));
    // The book, the trades, and that it is over: one at a time, none before there is room.
    for words in 0..11 {
        assert!(poll!(&mut playing).is_pending(), "after {words}");
        told.try_recv().unwrap();
        assert!(told.try_recv().is_err());
    }
    assert!(playing.await.is_ok());
    assert!(matches!(told.try_recv(), Ok(Upstream::Stale { .. })));
    assert!(told.try_recv().is_err());
}
