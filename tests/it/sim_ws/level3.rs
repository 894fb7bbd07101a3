//! Order by order: who gets it, how much of it, and a copy that is right after every frame.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tradingd::{
    sim::{
        Settings,
        faults::Fault,
        matching::{OrderKind, PairId},
    },
    types::{Price, Side},
};

use super::{
    frame::Frame,
    rig::{Rig, of, quiet, rows},
};
use crate::support::ws::{Client, Ended};

const DEPTHS: [usize; 3] = [10, 100, 1000];

#[derive(Deserialize)]
struct Row<'a> {
    event: Option<&'a str>,
    order_id: &'a str,
    #[serde(borrow)]
    limit_price: &'a RawValue,
    #[serde(borrow)]
    order_qty: &'a RawValue,
    timestamp: &'a str,
}

/// One side: by price, best first, the ids and digits of its orders in queue order.
type Queues = BTreeMap<i64, Vec<(String, String)>>;

/// A book as the simplest client keeps it.
#[derive(Default)]
struct Orders {
    bids: Queues,
    asks: Queues,
}

impl Orders {
    /// Applies a frame and proves it. Frames of other kinds are passed over.
    fn apply(&mut self, text: &str, depth: usize) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame<'_, Row<'_>>>(text) else {
            return false;
        };
        let [data] = frame.data;
        assert_eq!((frame.channel, data.timestamp.len()), ("level3", 30));
        if frame.kind == "snapshot" {
            *self = Self::default();
        }
        for (side, sign, rows) in [
            (&mut self.bids, -1, data.bids),
            (&mut self.asks, 1, data.asks),
        ] {
            for row in rows {
                change(side, sign, &row);
            }
            while side.len() > depth {
                side.pop_last();
            }
        }
        assert_eq!(self.checksum(), data.checksum, "{text}");
        true
    }

    fn checksum(&self) -> u32 {
        let mut text = String::new();
        for (place, queue) in self.asks.iter().take(10).chain(self.bids.iter().take(10)) {
            for (_, qty) in queue {
                text += &place.abs().to_string();
                text += qty.replace('.', "").trim_start_matches('0');
            }
        }
        crc32fast::hash(text.as_bytes())
    }

    /// What the exchange has.
    fn of(rig: &Rig, pair: PairId, depth: usize) -> Self {
        let mut orders = Self::default();
        rig.sim.venue().read(|view| {
            for (side, sign, name) in [
                (&mut orders.bids, -1, Side::Buy),
                (&mut orders.asks, 1, Side::Sell),
            ] {
                for order in view.exchange.queue(pair, name) {
                    let units = order.qty.units();
                    let qty = format!("{}.{:08}", units / 100_000_000, units % 100_000_000);
                    let queue = side.entry(sign * order.price.units()).or_default();
                    queue.push((order.order_id.to_string(), qty));
                }
                while side.len() > depth {
                    side.pop_last();
                }
            }
        });
        orders
    }

    /// Reads until the copy is the exchange's. How many frames that took.
    async fn catch_up(&mut self, client: &mut Client, want: &Self, depth: usize) -> usize {
        let mut frames = 0;
        while (&self.bids, &self.asks) != (&want.bids, &want.asks) {
            let text = client.text().await;
            frames += usize::from(self.apply(&text, depth));
        }
        frames
    }
}

fn change(side: &mut Queues, sign: i64, row: &Row<'_>) {
    let price: i64 = row.limit_price.get().replace('.', "").parse().unwrap();
    let qty = row.order_qty.get();
    assert_eq!(
        qty.split_once('.').unwrap().1.len(),
        8,
        "all zeros are there"
    );
    assert_eq!(row.timestamp.len(), 30, "nanoseconds");
    let form: Vec<usize> = row.order_id.split('-').map(str::len).collect();
    assert_eq!((form, &row.order_id[..1]), (vec![6, 5, 6], "O"));
    let queue = side.entry(sign * price).or_default();
    let found = queue.iter().position(|(id, _)| id == row.order_id);
    match (row.event, found) {
        (None | Some("add"), None) => queue.push((row.order_id.to_owned(), qty.to_owned())),
        (Some("modify"), Some(position)) => qty.clone_into(&mut queue[position].1),
        (Some("delete"), Some(position)) => {
            queue.remove(position);
        }
        odd => panic!("{odd:?} {}", row.order_id),
    }
    if queue.is_empty() {
        side.remove(&(sign * price));
    }
}

async fn connect(rig: &Rig) -> Client {
    Client::connect(rig.sim.addresses().ws_l3).await
}

/// A request about `level3`; `TOKEN` in it is replaced.
async fn ask(client: &mut Client, method: &str, params: &str, token: &str) -> Value {
    let params = params.replace("TOKEN", token);
    client
        .ask(&format!(
            r#"{{"method":"{method}","params":{{"channel":"level3",{params}}},"req_id":3}}"#
        ))
        .await
}

fn error(answer: &Value) -> &str {
    assert_eq!(answer["success"], false, "{answer}");
    answer["error"].as_str().unwrap()
}

#[tokio::test]
async fn s1_8_every_checksum_of_every_depth_is_right_and_clients_orders_are_in_it() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    rig.stir(pair, 7, 300);
    let (mut trader, token) = rig.trader().await;
    let mut seen = Vec::new();
    for depth in DEPTHS {
        let mut client = connect(&rig).await;
        let params = format!(r#""symbol":["BTC/USD"],"depth":{depth},"token":"TOKEN""#);
        let ack = ask(&mut client, "subscribe", &params, &token).await;
        assert_eq!(
            (&ack["result"]["depth"], &ack["result"]["symbol"]),
            (&depth.into(), &"BTC/USD".into())
        );
        assert_eq!(
            (&ack["result"]["snapshot"], &ack["req_id"]),
            (&true.into(), &3.into())
        );
        seen.push((depth, client, Orders::default()));
    }
    let mut checked = 0;
    for round in 0..10 {
        rig.stir(pair, 200 + round, 100);
        for (depth, client, orders) in &mut seen {
            let want = Orders::of(&rig, pair, *depth);
            checked += orders.catch_up(client, &want, *depth).await;
        }
    }
    assert!(checked > 1_000, "{checked} frames");
    let (bid, _) = rig
        .sim
        .venue()
        .read(|view| view.exchange.best(pair, Side::Buy))
        .unwrap();
    let bid = bid.units();
    let order = format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":{}.{},"token":"{token}"}}}}"#,
        bid / 10,
        bid % 10
    );
    let reply = trader.ask(&order).await;
    let id = reply["result"]["order_id"].as_str().unwrap();
    for (depth, client, orders) in &mut seen {
        let want = Orders::of(&rig, pair, *depth);
        assert_eq!(orders.catch_up(client, &want, *depth).await, 1);
        let back = orders.bids[&-bid].last().unwrap();
        assert_eq!(back, &(id.to_owned(), "0.01000000".to_owned()));
    }
}

#[tokio::test]
async fn s1_8_a_busy_market_never_shows_a_wrong_checksum_and_is_never_crossed() {
    let settings = Settings {
        rate: 3_000.0,
        ..Settings::default()
    };
    let rig = Rig::start(&settings).await;
    let mut seen = Vec::new();
    for (symbol, depth) in ["BTC/USD", "ETH/USD", "SOL/USD"].into_iter().zip(DEPTHS) {
        let mut client = connect(&rig).await;
        let params = format!(r#""symbol":["{symbol}"],"depth":{depth},"token":"TOKEN""#);
        ask(&mut client, "subscribe", &params, &rig.token()).await;
        seen.push((depth, client, Orders::default(), 0));
    }
    while seen.iter().any(|(_, _, _, frames)| *frames < 300) {
        for (depth, client, orders, frames) in &mut seen {
            *frames += u32::from(orders.apply(&client.text().await, *depth));
        }
    }
    for (_, _, orders, _) in &seen {
        let (bid, ask) = (orders.bids.first_key_value(), orders.asks.first_key_value());
        assert!(-bid.unwrap().0 < *ask.unwrap().0, "never crossed");
    }
}

#[tokio::test]
async fn s1_8_a_token_opens_it_and_lives_as_long_as_the_subscription() {
    let rig = Rig::start(&quiet()).await;
    let (account, now) = (rig.sim.accounts()[0].id, rig.sim.venue().clock().now());
    let long_ago = now.before(Duration::from_secs(901));
    let token = rig.token();
    let stale = rig.sim.tokens().issue(long_ago, account);
    let mut client = connect(&rig).await;
    let symbol = r#""symbol":["BTC/USD"]"#;
    for (params, want) in [
        (symbol.to_owned(), "Token(s) not found"),
        (
            format!(r#"{symbol},"token":"invented""#),
            "EAPI:Invalid token",
        ),
        (
            format!(r#"{symbol},"token":"{stale}""#),
            "ESession:Invalid session",
        ),
        (r#""token":"TOKEN""#.to_owned(), "Symbol(s) not found"),
        (
            format!(r#"{symbol},"token":"TOKEN","depth":25"#),
            "Subscription depth not supported",
        ),
        (
            format!(r#"{symbol},"token":"TOKEN","interval":1"#),
            "Unsupported field: 'interval' for the given msg type: subscribe",
        ),
    ] {
        let answer = ask(&mut client, "subscribe", &params, &token).await;
        assert_eq!(error(&answer), want, "{params}");
    }
    let good = format!(r#"{symbol},"token":"TOKEN""#);
    ask(&mut client, "subscribe", &good, &token).await;
    let later = now.after(Duration::from_secs(2_000));
    assert_eq!(rig.sim.tokens().check(later, &token), Ok(account));
    ask(&mut client, "unsubscribe", &good, &token).await;
    assert!(rig.sim.tokens().check(later, &token).is_err());
}

#[tokio::test]
async fn s1_8_a_symbol_has_one_depth_and_is_left_at_that() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let token = rig.token();
    let mut client = connect(&rig).await;
    let at = |depth: u16| format!(r#""symbol":["BTC/USD"],"depth":{depth},"token":"TOKEN""#);
    ask(&mut client, "subscribe", &at(100), &token).await;
    let snapshot = client.until(of("level3")).await;
    assert_eq!(snapshot["type"], "snapshot");
    assert!(rows(&snapshot)[0]["bids"][0].get("event").is_none());
    for (depth, want) in [
        (100, "Already subscribed"),
        (10, "Already subscribed to one depth on this symbol"),
    ] {
        let answer = ask(&mut client, "subscribe", &at(depth), &token).await;
        assert_eq!(
            (error(&answer), &answer["symbol"]),
            (want, &"BTC/USD".into())
        );
    }
    let without = r#""symbol":["BTC/USD"],"token":"TOKEN""#;
    let answer = ask(&mut client, "unsubscribe", without, &token).await;
    assert_eq!(error(&answer), "Subscription Not Found", "that is depth 10");
    let answer = ask(
        &mut client,
        "unsubscribe",
        r#""symbol":["BTC/USD"],"depth":100"#,
        "",
    )
    .await;
    assert_eq!(error(&answer), "Token(s) not found");
    let left = ask(&mut client, "unsubscribe", &at(100), &token).await;
    assert_eq!(
        (&left["success"], &left["result"]["depth"]),
        (&true.into(), &100.into())
    );
    rig.stir(pair, 1, 20);
    assert!(client.drain().await.is_empty());
    let silent = format!(r#"{},"snapshot":false"#, at(10));
    let ack = ask(&mut client, "subscribe", &silent, &token).await;
    assert_eq!(ack["result"]["snapshot"], false);
    let inside = OrderKind::Limit(Price::new(600_050).unwrap());
    rig.two_sided(pair);
    client.drain().await;
    rig.hand(pair, Side::Buy, inside, 1_000_000);
    let update = client.until(of("level3")).await;
    assert_eq!(update["type"], "update");
    let row = &rows(&update)[0]["bids"][0];
    assert_eq!(
        (&row["event"], &row["limit_price"]),
        (&"add".into(), &60_005.0.into())
    );
    assert_eq!(rows(&update)[0]["asks"], serde_json::json!([]));
}

#[tokio::test]
async fn who_reads_too_slowly_is_cut_off_and_begins_anew_with_a_snapshot() {
    let settings = Settings {
        outbound_frames: 64,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let token = rig.token();
    let params = r#""symbol":["BTC/USD"],"token":"TOKEN""#;
    let mut slow = connect(&rig).await;
    ask(&mut slow, "subscribe", params, &token).await;
    rig.stir(pair, 3, 2_000);
    assert!(matches!(slow.end().await, Ended::Broken));
    let mut again = connect(&rig).await;
    let ack = ask(&mut again, "subscribe", params, &token).await;
    assert_eq!(ack["success"], true, "the token is still good: {ack}");
    let mut orders = Orders::default();
    let want = Orders::of(&rig, pair, 10);
    assert_eq!(orders.catch_up(&mut again, &want, 10).await, 1);
}

#[tokio::test]
async fn a_wrong_checksum_on_purpose_is_wrong_once() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let mut client = connect(&rig).await;
    let params = r#""symbol":["BTC/USD"],"token":"TOKEN""#;
    ask(&mut client, "subscribe", params, &rig.token()).await;
    let mut orders = Orders::default();
    let want = Orders::of(&rig, pair, 10);
    orders.catch_up(&mut client, &want, 10).await;
    rig.sim
        .faults()
        .arm(Fault::Checksum("BTC/USD".to_owned()), 1);
    for (price, right) in [(600_010, false), (600_020, true)] {
        let at = OrderKind::Limit(Price::new(price).unwrap());
        rig.hand(pair, Side::Buy, at, 1_000_000);
        let frame = client.until(of("level3")).await;
        let computed = Orders::of(&rig, pair, 10).checksum();
        assert_eq!(rows(&frame)[0]["checksum"] == computed, right, "{frame}");
    }
}
