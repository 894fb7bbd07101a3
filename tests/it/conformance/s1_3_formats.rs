//! §1.3 Numbers and times. Elsewhere: digits of every documented frame → the shapes of `s1_6` to `s2_3`; exponents →
//! `sim_ws/bad_frames.rs`; whole seconds of the dead man's switch → `s2_8_cancel_all`.

use serde_json::Value;

use super::desk::{Desk, ask, fence, of, read, refusal, reply};
use crate::support::ws::Client;

#[tokio::test]
async fn s1_3_prices_and_quantities_keep_the_zeros_of_the_pairs_precision() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#;
    let frames = ask(&mut client, request).await;
    let book = of(&frames, "book")[0];
    for level in [
        r#"{"price":60000.0,"qty":1.00000000}"#,
        r#"{"price":60010.0,"qty":1.00000000}"#,
    ] {
        assert!(book.contains(level), "{book}");
    }
    desk.two_sided(desk.pair("BTC/USD"));
    let frames = fence(&mut client).await;
    let gone = of(&frames, "book")[0];
    assert!(gone.contains(r#""qty":0.00000000}"#), "{gone}");
}

#[tokio::test]
async fn s1_3_connection_ids_exceed_the_signed_range_and_checksums_are_32_bits() {
    let desk = Desk::open().await;
    let mut client = Client::open(desk.sim.addresses().ws, "/v2").await.unwrap();
    let status = client.next().await;
    assert!(status["data"][0]["connection_id"].as_u64().unwrap() > i64::MAX.unsigned_abs());
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["ETH/USD"]}}"#;
    let frames = ask(&mut client, request).await;
    let book = read(of(&frames, "book")[0]);
    let checksum = book["data"][0]["checksum"].as_u64().unwrap();
    assert!(u32::try_from(checksum).is_ok());
}

#[tokio::test]
async fn s1_3_amounts_in_requests_are_json_numbers_never_texts() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = desk.trader().await;
    let order = |price: &str, qty: &str| {
        format!(
            r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","limit_price":{price},"order_qty":{qty},"validate":true,"token":"{token}"}}}}"#
        )
    };
    for (price, qty) in [("50000", "1"), ("50000.0", "0.1000000000000")] {
        let answer: Value = read(&reply(&mut client, &order(price, qty)).await);
        assert_eq!(answer["success"], true, "{answer}");
    }
    for value in ["\"1\"", "true", "null", "[1]", "{}"] {
        assert_eq!(
            refusal(&mut client, &order("50000.0", value)).await,
            "Order_qty field must be a number_float"
        );
        assert_eq!(
            refusal(&mut client, &order(value, "1")).await,
            "Limit_price field must be a number_float"
        );
    }
}

/// The texts in a frame that are times, with their names.
fn times(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                times(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| times(item, name, found)),
        Value::String(text) if text.as_bytes().get(10) == Some(&b'T') => {
            found.push((name.to_owned(), text.clone()));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn s1_3_times_are_utc_with_six_digits_and_nine_in_level3_and_ohlc() {
    let desk = Desk::two_sided().await;
    let (mut public, (mut private, token)) = (desk.public().await, desk.trader().await);
    let mut orders = Client::connect(desk.sim.addresses().ws_l3).await;
    for channel in ["ticker", "book", "trade", "ohlc"] {
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"{channel}","symbol":["BTC/USD"]}}}}"#
        );
        ask(&mut public, &request).await;
    }
    let balances =
        format!(r#"{{"method":"subscribe","params":{{"channel":"balances","token":"{token}"}}}}"#);
    ask(&mut private, &balances).await;
    let level3 = format!(
        r#"{{"method":"subscribe","params":{{"channel":"level3","symbol":["BTC/USD"],"token":"{token}"}}}}"#
    );
    let mut frames = ask(&mut orders, &level3).await;
    let buy = format!(
        r#"{{"method":"add_order","params":{{"order_type":"market","side":"buy","symbol":"BTC/USD","order_qty":0.01,"token":"{token}"}}}}"#
    );
    frames.extend(ask(&mut private, &buy).await);
    frames.extend(fence(&mut public).await);
    frames.extend(fence(&mut orders).await);
    for channel in [
        "ticker",
        "book",
        "trade",
        "ohlc",
        "level3",
        "executions",
        "balances",
    ] {
        let of = of(&frames, channel);
        let mut found = Vec::new();
        for frame in &of {
            let frame = read(frame);
            let rows = &frame["data"];
            times(rows, "row", &mut found);
            if channel == "ohlc" {
                assert_eq!(frame["timestamp"].as_str().unwrap().len(), 30, "{frame}");
            }
        }
        assert!(!found.is_empty(), "{channel}");
        for (name, time) in found {
            let nine = channel == "level3" || name == "interval_begin";
            let fraction = time.split_once('.').unwrap().1.strip_suffix('Z').unwrap();
            assert_eq!(
                fraction.len(),
                if nine { 9 } else { 6 },
                "{channel} {name} {time}"
            );
        }
    }
}
