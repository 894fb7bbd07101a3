//! A book that is right after every frame. The rest of what public channels tell → `conformance/s1_…`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tradingd::{sim::Settings, types::Side};

use super::{
    frame::Frame,
    rig::{Rig, quiet},
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
async fn s1_7_every_checksum_of_every_depth_is_right() {
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
async fn s1_7_a_busy_market_never_shows_a_wrong_checksum() {
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
