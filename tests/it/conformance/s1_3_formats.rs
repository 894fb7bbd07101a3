//! §1.3 Numbers and times. Elsewhere: digits of every documented frame → the shapes of `s1_6` to `s2_3`.

use serde_json::Value;

use super::desk::{Desk, ask, of, read, refusal, reply};

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
    let frames = super::desk::fence(&mut client).await;
    let gone = of(&frames, "book")[0];
    assert!(gone.contains(r#""qty":0.00000000}"#), "{gone}");
}

#[tokio::test]
async fn s1_3_connection_ids_exceed_the_signed_range_and_checksums_are_32_bits() {
    let desk = Desk::open().await;
    let mut client = crate::support::ws::Client::open(desk.sim.addresses().ws, "/v2")
        .await
        .unwrap();
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
