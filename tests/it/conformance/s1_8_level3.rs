//! §1.8 level3. Elsewhere: checksums, depths, tokens against a queue kept as the documents say → `sim_ws/level3.rs`, `sim/server/level3`;
//! the vector → `sim/server/checksum.rs`; its socket → `s1_1_endpoints`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::{
        Settings,
        matching::{OrderKind, Tier},
    },
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, refusal, replies, reply, row},
    shape::like,
};
use crate::{sim_ws::rig::quiet, support::ws::Client};

const SNAPSHOT: &str = r#"{"channel":"level3","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"order_id":"OAAAAA-BBBBB-CCCCC1","limit_price":61230.0,"order_qty":0.40000000,"timestamp":"2026-09-01T08:00:05.000000001Z"}],"asks":[{"order_id":"OAAAAA-BBBBB-CCCCC3","limit_price":61230.1,"order_qty":1.00000000,"timestamp":"2026-09-01T08:00:04.999999999Z"}],"checksum":123456789,"timestamp":"2026-09-01T08:00:05.100000000Z"}]}"#;
const UPDATE: &str = r#"{"channel":"level3","type":"update","data":[{"symbol":"BTC/USD","bids":[{"event":"delete","order_id":"OAAAAA-BBBBB-CCCCC1","limit_price":61230.0,"order_qty":0.40000000,"timestamp":"2026-09-01T08:00:06.000000000Z"}],"asks":[],"checksum":123456789,"timestamp":"2026-09-01T08:00:06.000100000Z"}]}"#;

async fn connect(desk: &Desk) -> Client {
    Client::connect(desk.sim.addresses().ws_l3).await
}

fn request(method: &str, symbols: &Value, more: &str, token: &str) -> String {
    format!(
        r#"{{"method":"{method}","params":{{"channel":"level3","symbol":{symbols}{more},"token":"{token}"}}}}"#
    )
}

fn subscribe(desk: &Desk, more: &str) -> String {
    request("subscribe", &json!(["BTC/USD"]), more, &desk.token())
}

/// A new subscriber and its snapshot.
async fn subscribed(desk: &Desk) -> (Client, Value) {
    let mut client = connect(desk).await;
    let frames = ask(&mut client, &subscribe(desk, "")).await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    let snapshot = row(of(&frames, "level3")[0]);
    (client, snapshot)
}

/// Event, price and size of each row of all updates.
fn told(frames: &[String]) -> Vec<Value> {
    let mut rows = Vec::new();
    for frame in of(frames, "level3") {
        let data = row(frame);
        for side in ["bids", "asks"] {
            for row in data[side].as_array().unwrap() {
                rows.push(json!([row["event"], row["limit_price"], row["order_qty"]]));
            }
        }
    }
    rows
}

/// Carries out a request about orders.
async fn act(client: &mut Client, token: &str, method: &str, params: &str) {
    let request = format!(r#"{{"method":"{method}","params":{{{params},"token":"{token}"}}}}"#);
    let answer = read(&reply(client, &request).await);
    assert_eq!(answer["success"], true, "{answer}");
}

fn at(units: i64) -> OrderKind {
    OrderKind::Limit(Price::new(units).unwrap())
}

#[tokio::test]
async fn s1_8_frames_have_their_documented_shapes() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let mut client = connect(&desk).await;
    let frames = ask(&mut client, &subscribe(&desk, "")).await;
    assert_eq!(
        read(&frames[0])["result"],
        json!({"channel": "level3", "depth": 10, "snapshot": true, "symbol": "BTC/USD"})
    );
    like(SNAPSHOT).check(of(&frames, "level3")[0]);
    desk.hand(pair, Side::Buy, at(599_990), 20_000_000);
    desk.hand(pair, Side::Sell, OrderKind::Market, 100_000_000);
    let frames = fence(&mut client).await;
    for frame in of(&frames, "level3") {
        like(UPDATE).check(frame);
    }
    assert_eq!(
        told(&frames),
        [
            json!(["add", 59_999.0, 0.2]),
            // With the size that it had.
            json!(["delete", 60_000.0, 1.0])
        ]
    );
}

#[tokio::test]
async fn s1_8_depths_are_three() {
    let desk = Desk::two_sided().await;
    for depth in [10, 100, 1000] {
        let mut client = connect(&desk).await;
        let more = format!(r#","depth":{depth}"#);
        let ack = read(&reply(&mut client, &subscribe(&desk, &more)).await);
        assert_eq!(ack["result"]["depth"], depth);
    }
    let mut client = connect(&desk).await;
    for depth in [0, 25, 500] {
        let more = format!(r#","depth":{depth}"#);
        let words = refusal(&mut client, &subscribe(&desk, &more)).await;
        assert_eq!(words, "Subscription depth not supported", "{depth}");
    }
}

#[tokio::test]
async fn s1_8_only_what_rests_and_shows_is_told() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    // The last price lies between those that are waited for.
    desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    let (mut trader, token) = desk.trader().await;
    let (mut client, _) = subscribed(&desk).await;
    let stop = r#""order_type":"stop-loss-limit","side":"sell","symbol":"BTC/USD","order_qty":0.1,"limit_price":49990.0,"triggers":{"price":50000.0}"#;
    let profit = r#""order_type":"take-profit","side":"sell","symbol":"BTC/USD","order_qty":0.1,"triggers":{"price":70000.0}"#;
    let iceberg = r#""order_type":"iceberg","side":"sell","symbol":"BTC/USD","order_qty":0.5,"limit_price":60005.0,"display_qty":0.2"#;
    for (order, rows) in [
        (stop, vec![]),
        (profit, vec![]),
        (iceberg, vec![json!(["add", 60_005.0, 0.2])]),
    ] {
        act(&mut trader, &token, "add_order", order).await;
        assert_eq!(told(&fence(&mut client).await), rows, "{order}");
    }
    // Of a taker nothing shows but what it takes.
    desk.hand(pair, Side::Buy, OrderKind::Market, 5_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(told(&frames), [json!(["modify", 60_005.0, 0.15])]);
    desk.hand(pair, Side::Buy, OrderKind::Market, 15_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(
        told(&frames),
        [
            json!(["delete", 60_005.0, 0.15]),
            json!(["add", 60_005.0, 0.2])
        ],
        "the next part"
    );
}

#[tokio::test]
async fn s1_8_rows_of_a_price_are_its_queue_and_what_changes_price_goes_to_the_back() {
    let desk = Desk::two_sided().await;
    let (mut trader, token) = desk.trader().await;
    let (mut client, _) = subscribed(&desk).await;
    for (name, qty) in [("a", 0.1), ("b", 0.2)] {
        let order = format!(
            r#""order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":{qty},"limit_price":60005.0,"cl_ord_id":"{name}""#
        );
        act(&mut trader, &token, "add_order", &order).await;
        let frames = fence(&mut client).await;
        assert_eq!(told(&frames), [json!(["add", 60_005.0, qty])]);
    }
    for (change, rows, queue) in [
        (
            r#""cl_ord_id":"a","order_qty":0.05"#,
            vec![json!(["modify", 60_005.0, 0.05])],
            [json!(0.05), json!(0.2)],
        ),
        (
            r#""cl_ord_id":"a","order_qty":0.15"#,
            vec![
                json!(["delete", 60_005.0, 0.05]),
                json!(["add", 60_005.0, 0.15]),
            ],
            [json!(0.2), json!(0.15)],
        ),
        (
            r#""cl_ord_id":"b","limit_price":60004.0"#,
            vec![
                json!(["delete", 60_005.0, 0.2]),
                json!(["add", 60_004.0, 0.2]),
            ],
            [json!(0.15), json!(0.2)],
        ),
        (
            r#""cl_ord_id":"b","limit_price":60005.0"#,
            vec![
                json!(["delete", 60_004.0, 0.2]),
                json!(["add", 60_005.0, 0.2]),
            ],
            [json!(0.15), json!(0.2)],
        ),
    ] {
        act(&mut trader, &token, "amend_order", change).await;
        assert_eq!(told(&fence(&mut client).await), rows, "{change}");
        let (_, snapshot) = subscribed(&desk).await;
        let bids = snapshot["bids"].as_array().unwrap();
        let sizes: Vec<_> = bids.iter().map(|row| row["order_qty"].clone()).collect();
        assert_eq!(sizes[..2], queue, "{change}");
    }
    // The first in the queue is filled first, and what is left of it shows.
    let pair = desk.pair("BTC/USD");
    desk.hand(pair, Side::Sell, OrderKind::Market, 5_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(told(&frames), [json!(["modify", 60_005.0, 0.1])]);
}

#[tokio::test]
async fn s1_8_orders_of_a_level_that_moves_into_range_come_with_their_own_times() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    for units in 599_989..=599_998 {
        desk.hand(pair, Side::Buy, at(units), 1_000_000);
    }
    // Two in the eleventh level.
    desk.hand(pair, Side::Buy, at(599_989), 2_000_000);
    desk.hands.advance(Duration::from_secs(1));
    let (mut client, snapshot) = subscribed(&desk).await;
    assert_eq!(snapshot["bids"].as_array().unwrap().len(), 10);
    desk.hand(pair, Side::Sell, OrderKind::Market, 100_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(of(&frames, "level3").len(), 1, "{frames:?}");
    assert_eq!(
        told(&frames),
        [
            json!(["delete", 60_000.0, 1.0]),
            json!(["add", 59_998.9, 0.01]),
            json!(["add", 59_998.9, 0.02]),
        ]
    );
    let update = row(of(&frames, "level3")[0]);
    for row in &update["bids"].as_array().unwrap()[1..] {
        assert!(
            row["timestamp"].as_str() < update["timestamp"].as_str(),
            "{update}"
        );
    }
    desk.hand(pair, Side::Buy, at(599_999), 3_000_000);
    let frames = fence(&mut client).await;
    assert_eq!(
        told(&frames),
        [json!(["add", 59_999.9, 0.03])],
        "what is pushed out is not told"
    );
}

#[tokio::test]
async fn s1_8_each_symbol_costs_by_its_depth_and_each_tier_has_its_budget_a_second() {
    for (tier, fits) in [
        (Tier::Starter, [(10, 40), (100, 8), (1000, 2)]),
        (Tier::Pro, [(10, 100), (100, 20), (1000, 5)]),
    ] {
        let desk = Desk::with(Settings { tier, ..quiet() }).await;
        let token = desk.token();
        let mut client = connect(&desk).await;
        for (depth, count) in fits {
            let more = format!(r#","depth":{depth},"snapshot":false"#);
            let enter = request("subscribe", &json!(["BTC/USD"]), &more, &token);
            let leave = enter.replacen("subscribe", "unsubscribe", 1);
            for _ in 0..count {
                let ack = read(&reply(&mut client, &enter).await);
                assert_eq!(ack["success"], true, "{tier:?} {depth} {ack}");
                let left = read(&reply(&mut client, &leave).await);
                assert_eq!(left["success"], true, "{left}");
            }
            let words = refusal(&mut client, &enter).await;
            assert_eq!(words, "EAPI:Rate limit exceeded", "{tier:?} {depth}");
            desk.hands.advance(Duration::from_secs(1));
        }
    }
}

#[tokio::test]
async fn s1_8_what_is_too_much_for_a_second_is_refused_symbol_by_symbol() {
    let desk = Desk::with(Settings {
        tier: Tier::Starter,
        ..quiet()
    })
    .await;
    let mut client = connect(&desk).await;
    let symbols = json!(["BTC/USD", "XBT/USD", "ETH/USD", "SOL/USD"]);
    let request = request("subscribe", &symbols, r#","depth":1000"#, &desk.token());
    let frames = ask(&mut client, &request).await;
    let answers: Vec<Value> = frames
        .iter()
        .map(|frame| read(frame))
        .filter(|frame| frame.get("method").is_some())
        .collect();
    let words: Vec<_> = answers
        .iter()
        .map(|answer| answer["error"].as_str().unwrap_or("taken"))
        .collect();
    assert_eq!(
        words,
        [
            "taken",
            "Currency pair not supported XBT/USD",
            "taken",
            "EAPI:Rate limit exceeded"
        ]
    );
    assert_eq!(answers[3]["symbol"], "SOL/USD");
    assert_eq!(of(&frames, "level3").len(), 2, "two snapshots");
}

#[tokio::test]
async fn s1_8_a_connection_has_two_hundred_symbols_and_another_one_more() {
    let desk = Desk::with(Settings {
        extra_pairs: 198,
        ..quiet()
    })
    .await;
    let symbols: Vec<String> = desk.sim.venue().read(|view| {
        let pairs = view.exchange.universe().pairs.iter();
        pairs
            .map(|pair| pair.instrument.symbol.to_string())
            .collect()
    });
    let token = desk.token();
    let mut client = connect(&desk).await;
    let subscribe =
        |symbols: &[String]| request("subscribe", &json!(symbols), r#","snapshot":false"#, &token);
    // A hundred symbols are all that a second has room for.
    for hundred in [&symbols[..100], &symbols[100..200]] {
        let acks = replies(&mut client, &subscribe(hundred)).await;
        assert!(acks.iter().all(|ack| read(ack)["success"] == true));
        assert_eq!(acks.len(), 100);
        desk.hands.advance(Duration::from_secs(1));
    }
    let last = subscribe(&symbols[200..]);
    let refused = read(&reply(&mut client, &last).await);
    assert_eq!(
        (&refused["error"], &refused["symbol"]),
        (
            &json!("Exceeded max symbols per connection"),
            &json!(symbols[200])
        )
    );
    let mut other = connect(&desk).await;
    assert_eq!(read(&reply(&mut other, &last).await)["success"], true);
    let leave = subscribe(&symbols[..1]).replacen("subscribe", "unsubscribe", 1);
    let leave = leave.replace(r#","snapshot":false"#, "");
    assert_eq!(read(&reply(&mut client, &leave).await)["success"], true);
    assert_eq!(read(&reply(&mut client, &last).await)["success"], true);
}
