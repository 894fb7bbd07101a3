//! §1.2 The life of a connection.
//!
//! Elsewhere: the upgrade on `/v2` alone, heartbeats once subscribed, the idle end, the end of a socket that only trades, a
//! reader that is too slow, a shutdown → `sim_ws/life.rs`. Binary frames → `sim_ws/errors.rs`.

use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::desk::{Desk, ask, fence, of, read, reply};
use crate::support::ws::{Client, Ended};

const TRADES: &str = r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#;

#[tokio::test]
async fn s1_2_one_status_frame_comes_unasked_on_every_socket() {
    let desk = Desk::open().await;
    let addresses = desk.sim.addresses();
    for address in [addresses.ws, addresses.ws_auth, addresses.ws_l3] {
        let mut client = Client::open(address, "/v2").await.unwrap();
        let frames = fence(&mut client).await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(read(&frames[0])["channel"], "status");
    }
}

#[tokio::test]
async fn s1_2_one_acknowledgement_a_symbol_comes_before_its_snapshot() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["SOL/USD","BTC/USD"]},"req_id":1}"#;
    let frames = ask(&mut client, request).await;
    let told = frames.iter().map(|frame| {
        let frame = read(frame);
        match frame.get("method") {
            Some(_) => json!(["ack", frame["result"]["symbol"]]),
            None => json!([frame["type"], frame["data"][0]["symbol"]]),
        }
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            json!(["ack", "SOL/USD"]),
            json!(["snapshot", "SOL/USD"]),
            json!(["ack", "BTC/USD"]),
            json!(["snapshot", "BTC/USD"]),
        ]
    );
}

#[tokio::test]
async fn s1_2_nothing_is_remembered_after_a_reconnect() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    assert!(
        reply(&mut client, TRADES)
            .await
            .contains("\"success\":true")
    );
    drop(client);
    let mut client = desk.public().await;
    desk.stir(desk.pair("BTC/USD"), 1, 50);
    let frames = fence(&mut client).await;
    assert!(frames.is_empty(), "{frames:?}");
    assert!(
        reply(&mut client, TRADES)
            .await
            .contains("\"success\":true")
    );
    let (mut client, token) = desk.private().await;
    let balances =
        format!(r#"{{"method":"subscribe","params":{{"channel":"balances","token":"{token}"}}}}"#);
    for _ in 0..2 {
        let frames = ask(&mut client, &balances).await;
        assert_eq!(read(of(&frames, "balances")[0])["sequence"], 1);
        client = desk.private().await.0;
    }
}

#[tokio::test]
async fn s1_2_a_request_may_come_in_pieces() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let pieces = [
        (r#"{"method":"#, OpCode::Data(Data::Text), false),
        (r#""ping","#, OpCode::Data(Data::Continue), false),
        (r#""req_id":8}"#, OpCode::Data(Data::Continue), true),
    ];
    for (text, code, last) in pieces {
        let frame = Frame::message(text.as_bytes().to_vec(), code, last);
        client.message(Message::Frame(frame)).await;
    }
    let pong = client.next().await;
    assert_eq!(
        (&pong["method"], &pong["req_id"]),
        (&json!("pong"), &json!(8))
    );
}

#[tokio::test]
async fn s1_2_pings_of_the_protocol_are_answered_too() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    client
        .message(Message::Ping(b"there?".to_vec().into()))
        .await;
    assert_eq!(client.raw().await, Message::Pong(b"there?".to_vec().into()));
}

#[tokio::test]
async fn s1_2_what_is_no_request_leaves_the_socket_open_and_what_is_huge_does_not() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for text in [
        "",
        "null",
        "\"ping\"",
        "[{\"method\":\"ping\"}]",
        "{}{}",
        "{\"method\":\"ping\"}x",
    ] {
        let answer = read(&reply(&mut client, text).await);
        let words = if text == "{}" {
            "Unsupported event"
        } else {
            "Malformed request"
        };
        assert_eq!(answer["error"], words, "{text}");
        assert_eq!(answer["success"], false);
    }
    client.send(&format!("\"{}\"", "x".repeat(2 << 20))).await;
    assert!(matches!(
        client.end().await,
        Ended::Broken | Ended::Closed(_)
    ));
}
