//! Public channels: snapshots, updates, and a book that is right after every frame.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tradingd::{
    sim::{Settings, matching::OrderKind},
    types::{Price, Side, TradingStatus},
};

use super::{
    frame::Frame,
    rig::{Rig, of, quiet, rows},
};
use crate::support::ws::Client;

const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1000];

/// A book as the simplest client keeps it: digits as they came, keyed by price.
#[derive(Default)]
struct Naive {
    bids: BTreeMap<u64, (String, String)>,
    asks: BTreeMap<u64, (String, String)>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

impl Naive {
    fn apply(&mut self, frame: &str, depth: usize) -> u32 {
        let frame: Frame<'_, Entry<'_>> = serde_json::from_str(frame).unwrap();
        let [data] = frame.data;
        assert_eq!(frame.channel, "book");
        assert!(data.timestamp.ends_with('Z'));
        if frame.kind == "snapshot" {
            assert!(self.bids.is_empty() && self.asks.is_empty(), "one snapshot");
        } else {
            assert!(!(data.bids.is_empty() && data.asks.is_empty()), "an update");
        }
        set(&mut self.bids, data.bids);
        set(&mut self.asks, data.asks);
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
        assert_eq!(self.checksum(), data.checksum, "depth {depth}");
        data.checksum
    }

    fn checksum(&self) -> u32 {
        let best = self.asks.values().take(10);
        let best = best.chain(self.bids.values().rev().take(10));
        let digits = |text: &str| text.replace('.', "").trim_start_matches('0').to_owned();
        let text: String = best
            .map(|(price, qty)| digits(price) + &digits(qty))
            .collect();
        crc(text.as_bytes())
    }
}

fn set(side: &mut BTreeMap<u64, (String, String)>, entries: Vec<Entry<'_>>) {
    for entry in entries {
        let (price, qty) = (entry.price.get(), entry.qty.get());
        let (whole, fraction) = qty.split_once('.').expect("trailing zeros are kept");
        assert_eq!(fraction.len(), 8, "{whole}.{fraction}");
        let key = price.replace('.', "").parse().unwrap();
        if qty == "0.00000000" {
            side.remove(&key);
        } else {
            side.insert(key, (price.to_owned(), qty.to_owned()));
        }
    }
}

/// CRC-32 bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

async fn subscribe(client: &mut Client, params: &str) -> Value {
    client
        .ask(&format!(
            r#"{{"method":"subscribe","params":{{{params}}},"req_id":7}}"#
        ))
        .await
}

#[tokio::test]
async fn every_checksum_of_every_depth_is_right() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.stir(pair, 1, 300);
    let mut clients = Vec::new();
    for depth in DEPTHS {
        let mut client = rig.public().await;
        let params = format!(r#""channel":"book","symbol":["BTC/USD"],"depth":{depth}"#);
        let ack = subscribe(&mut client, &params).await;
        assert_eq!(ack["result"]["depth"], depth);
        clients.push((depth, client, Naive::default()));
    }
    let mut checked = 0;
    for round in 0..10 {
        rig.stir(pair, 100 + round, 100);
        let want = rig.sim.venue().read(|view| {
            let side = |side| view.exchange.levels(pair, side).count();
            (side(Side::Buy), side(Side::Sell))
        });
        for (depth, client, book) in &mut clients {
            loop {
                let frame = client.text().await;
                if frame.contains("heartbeat") {
                    continue;
                }
                book.apply(&frame, *depth);
                checked += 1;
                if up_to_date(&rig, pair, *depth, book) {
                    break;
                }
            }
            assert_eq!(book.bids.len(), want.0.min(*depth));
            assert_eq!(book.asks.len(), want.1.min(*depth));
        }
    }
    assert!(checked > 1_000, "{checked} frames");
}

#[tokio::test]
async fn a_busy_market_never_shows_a_wrong_checksum() {
    let settings = Settings {
        rate: 3_000.0,
        ..Settings::default()
    };
    let rig = Rig::start(&settings).await;
    let mut seen = Vec::new();
    for (symbol, depth) in [("BTC/USD", 10), ("ETH/USD", 25), ("SOL/USD", 100)] {
        let mut client = rig.public().await;
        let params = format!(r#""channel":"book","symbol":["{symbol}"],"depth":{depth}"#);
        subscribe(&mut client, &params).await;
        seen.push((depth, client, Naive::default(), 0));
    }
    while seen.iter().any(|(_, _, _, frames)| *frames < 300) {
        for (depth, client, book, frames) in &mut seen {
            let frame = client.text().await;
            if !frame.contains("heartbeat") {
                book.apply(&frame, *depth);
                *frames += 1;
            }
        }
    }
    for (_, _, book, _) in &seen {
        let (bid, ask) = (book.bids.last_key_value(), book.asks.first_key_value());
        assert!(bid.unwrap().0 < ask.unwrap().0, "never crossed");
    }
}

fn up_to_date(
    rig: &Rig,
    pair: tradingd::sim::matching::PairId,
    depth: usize,
    book: &Naive,
) -> bool {
    rig.sim.venue().read(|view| {
        let of = |side| {
            let levels = view.exchange.levels(pair, side).take(depth);
            levels
                .map(|(price, qty)| (price.units(), qty.units()))
                .collect::<Vec<_>>()
        };
        let digits = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let plain = |(price, qty): &(String, String)| (digits(price), digits(qty));
        let bids: Vec<_> = book.bids.values().rev().map(plain).collect();
        let asks: Vec<_> = book.asks.values().map(plain).collect();
        bids == of(Side::Buy) && asks == of(Side::Sell)
    })
}

#[tokio::test]
async fn each_symbol_gets_its_own_acknowledgement_and_snapshot() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    client
        .send(r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XBT/USD","ETH/USD"],"depth":25},"req_id":7001}"#)
        .await;
    let frames = client.drain().await;
    let acks: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["method"] == "subscribe")
        .collect();
    assert_eq!(acks.len(), 3);
    assert!(acks.iter().all(|ack| ack["req_id"] == 7001));
    assert_eq!(acks[0]["result"]["symbol"], "BTC/USD");
    assert_eq!(acks[0]["result"]["snapshot"], true);
    assert_eq!(acks[1]["error"], "Currency pair not supported XBT/USD");
    assert_eq!(acks[1]["symbol"], "XBT/USD");
    assert!(acks[1].get("result").is_none());
    let snapshots = frames.iter().filter(|frame| frame["type"] == "snapshot");
    assert_eq!(snapshots.count(), 2);
}

#[tokio::test]
async fn unsubscribing_ends_the_updates_and_needs_the_depth() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let mut client = rig.public().await;
    let book = r#""channel":"book","symbol":["BTC/USD"]"#;
    subscribe(&mut client, &format!("{book},\"depth\":100")).await;
    let without_depth = format!(r#"{{"method":"unsubscribe","params":{{{book}}}}}"#);
    assert_eq!(
        client.ask(&without_depth).await["error"],
        "Subscription Not Found"
    );
    let with_depth = format!(r#"{{"method":"unsubscribe","params":{{{book},"depth":100}}}}"#);
    let left = client.ask(&with_depth).await;
    assert_eq!(
        (&left["success"], &left["result"]["depth"]),
        (&true.into(), &100.into())
    );
    rig.stir(pair, 1, 20);
    assert!(client.drain().await.is_empty());
}

#[tokio::test]
async fn trades_come_with_the_takers_side_and_rising_numbers() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let mut client = rig.public().await;
    let ack = subscribe(
        &mut client,
        r#""channel":"trade","symbol":["BTC/USD"],"snapshot":true"#,
    )
    .await;
    assert_eq!(ack["result"]["snapshot"], true);
    let snapshot = client.until(of("trade")).await;
    assert_eq!(snapshot["type"], "snapshot");
    let last = rows(&snapshot).last().unwrap().clone();
    assert_eq!(
        (&last["side"], &last["ord_type"]),
        (&"buy".into(), &"market".into())
    );
    let at = OrderKind::Limit(Price::new(600_000).unwrap());
    rig.hand(pair, Side::Sell, at, 2_000_000);
    let text = client.text().await;
    assert!(
        text.contains(r#""price":60000.0,"qty":0.02000000,"ord_type":"limit""#),
        "{text}"
    );
    let update: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(update["type"], "update");
    let number = |row: &Value| row["trade_id"].as_u64().unwrap();
    assert_eq!(number(&rows(&update)[0]), number(&last) + 1);
}

#[tokio::test]
async fn tickers_follow_their_trigger() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let (mut trades, mut bbo) = (rig.public().await, rig.public().await);
    let ticker = r#""channel":"ticker","symbol":["BTC/USD"]"#;
    let ack = subscribe(&mut trades, ticker).await;
    assert_eq!(ack["result"]["event_trigger"], "trades");
    subscribe(&mut bbo, &format!(r#"{ticker},"event_trigger":"bbo""#)).await;
    for client in [&mut trades, &mut bbo] {
        let snapshot = client.until(of("ticker")).await;
        let row = &rows(&snapshot)[0];
        assert_eq!(
            (&row["bid"], &row["ask"]),
            (&60_000.0.into(), &60_010.0.into())
        );
        assert_eq!(row["ask_qty"], 0.99);
        assert_eq!(row["last"], 60_010.0);
        for name in ["volume", "vwap", "low", "high", "change", "change_pct"] {
            assert!(row[name].is_number(), "{name}");
        }
        assert!(row["timestamp"].is_string());
    }
    let inside = OrderKind::Limit(Price::new(600_050).unwrap());
    rig.hand(pair, Side::Buy, inside, 1_000_000);
    assert_eq!(rows(&bbo.until(of("ticker")).await)[0]["bid"], 60_005.0);
    rig.hand(pair, Side::Sell, OrderKind::Market, 500_000);
    let update = trades.until(of("ticker")).await;
    assert_eq!(
        rows(&update)[0]["last"],
        60_005.0,
        "only the trade was told"
    );
}

#[tokio::test]
async fn candles_come_with_one_interval_a_symbol() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let mut client = rig.public().await;
    let ohlc =
        |minutes: u32| format!(r#""channel":"ohlc","symbol":["BTC/USD"],"interval":{minutes}"#);
    let ack = subscribe(&mut client, &ohlc(5)).await;
    assert_eq!(ack["result"]["interval"], 5);
    assert!(ack["result"]["warnings"].is_array());
    let snapshot = client.until(of("ohlc")).await;
    let before = rows(&snapshot).last().unwrap().clone();
    let refused = subscribe(&mut client, &ohlc(1)).await;
    assert_eq!(
        refused["error"],
        "Already subscribed to one ohlc interval on this symbol"
    );
    assert_eq!(
        subscribe(&mut client, &ohlc(5)).await["error"],
        "Already subscribed"
    );
    rig.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let update = client.until(of("ohlc")).await;
    let candle = &rows(&update)[0];
    assert_eq!(
        (&candle["close"], &candle["interval"]),
        (&60_010.0.into(), &5.into())
    );
    assert_eq!(candle["interval_begin"], before["interval_begin"]);
    assert_eq!(
        candle["trades"].as_u64().unwrap(),
        before["trades"].as_u64().unwrap() + 1
    );
    assert_eq!(
        update["timestamp"].as_str().unwrap().len(),
        30,
        "nanoseconds"
    );
}

#[tokio::test]
async fn instruments_are_one_object_and_statuses_are_told() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let ack = subscribe(&mut client, r#""channel":"instrument""#).await;
    assert!(ack["result"]["warnings"].is_array());
    let text = client.text().await;
    assert!(text.contains(r#""qty_increment":0.00000001"#), "{text}");
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let pairs = snapshot["data"]["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    assert_eq!(pairs[0]["symbol"], "BTC/USD");
    let assets = snapshot["data"]["assets"].as_array().unwrap();
    assert!(assets.iter().any(|asset| asset["id"] == "USD"));
    // kraken-async-rs reads no list in which an asset lacks it.
    let worth = |asset: &Value| asset["collateral_value"].as_f64();
    assert!(assets.iter().all(|asset| worth(asset) == Some(0.0)));
    rig.sim
        .set_pair_status(rig.pair("ETH/USD"), TradingStatus::LimitOnly);
    let update = client.until(of("instrument")).await;
    assert_eq!(update["type"], "update");
    assert_eq!(update["data"]["pairs"][0]["symbol"], "ETH/USD");
    assert_eq!(update["data"]["pairs"][0]["status"], "limit_only");
    rig.sim.set_system_status(TradingStatus::CancelOnly);
    let status = client.until(of("status")).await;
    assert_eq!(rows(&status)[0]["system"], "cancel_only");
}

#[tokio::test]
async fn the_other_venue_lists_nothing_and_says_nothing_more() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let elsewhere = r#""channel":"instrument","execution_venue":"bitnomial-exchange","include_tokenized_assets":true"#;
    assert_eq!(subscribe(&mut client, elsewhere).await["success"], true);
    let snapshot = client.until(of("instrument")).await;
    assert_eq!(
        snapshot["data"],
        serde_json::json!({"assets": [], "pairs": []})
    );
    rig.sim
        .set_pair_status(rig.pair("ETH/USD"), TradingStatus::LimitOnly);
    assert!(client.drain().await.is_empty());
    let unknown = r#""channel":"instrument","execution_venue":"moon""#;
    let refused = subscribe(&mut client, unknown).await;
    assert_eq!(
        refused["error"],
        "EGeneral:Invalid arguments:execution_venue"
    );
    let leave = r#"{"method":"unsubscribe","params":{"channel":"instrument"}}"#;
    let left = client.ask(leave).await;
    assert_eq!(
        (&left["method"], &left["result"]["channel"]),
        (&"unsubscribe".into(), &"instrument".into())
    );
}

#[tokio::test]
async fn fifty_trades_come_first_if_they_are_asked_for_and_the_oldest_is_first() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    for _ in 0..60 {
        rig.hand(pair, Side::Buy, OrderKind::Market, 100_000);
    }
    let mut client = rig.public().await;
    let trade = r#""channel":"trade","symbol":["BTC/USD"]"#;
    let ack = subscribe(&mut client, trade).await;
    assert_eq!(ack["result"]["snapshot"], false);
    assert!(client.drain().await.is_empty());
    let mut client = rig.public().await;
    subscribe(&mut client, &format!("{trade},\"snapshot\":true")).await;
    let snapshot = client.until(of("trade")).await;
    let ids = rows(&snapshot).iter().map(|row| row["trade_id"].as_u64());
    let ids: Vec<u64> = ids.map(Option::unwrap).collect();
    assert_eq!(ids.len(), 50);
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{ids:?}");
}

#[tokio::test]
async fn candles_of_every_interval_are_told_and_of_no_other() {
    let rig = Rig::start(&quiet()).await;
    for minutes in [1_u32, 5, 15, 30, 60, 240, 1440, 10_080, 21_600] {
        let mut client = rig.public().await;
        let ohlc = format!(r#""channel":"ohlc","symbol":["BTC/USD"],"interval":{minutes}"#);
        let ack = subscribe(&mut client, &ohlc).await;
        assert_eq!(ack["result"]["interval"], minutes);
        let snapshot = client.until(of("ohlc")).await;
        let (all, end) = (rows(&snapshot), rows(&snapshot).last().unwrap());
        assert!(all.iter().all(|row| row["interval"] == minutes));
        let begin = instant(&end["interval_begin"]);
        assert_eq!(
            instant(&end["timestamp"]).since(begin).as_secs(),
            u64::from(minutes) * 60
        );
    }
    let mut client = rig.public().await;
    let refused = subscribe(
        &mut client,
        r#""channel":"ohlc","symbol":["BTC/USD"],"interval":3"#,
    )
    .await;
    assert_eq!(refused["error"], "Subscription ohlc interval not supported");
}

fn instant(value: &Value) -> tradingd::types::Timestamp {
    tradingd::types::Timestamp::parse(value.as_str().unwrap()).unwrap()
}
