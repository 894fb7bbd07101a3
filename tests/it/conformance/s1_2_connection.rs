//! §1.2 The life of a connection.
//!
//! Elsewhere: the upgrade on `/v2` alone → `s1_1_endpoints`; close codes of incidents → `sim_ws/bad_sockets.rs`; a reader that is too
//! slow, a shutdown → `sim_ws/life.rs`.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{CloseCode, Data, OpCode},
    },
};
use tradingd::{
    sim::{
        Settings,
        faults::{Fault, Garbage, SocketFault},
        matching::OrderKind,
        server::Role,
    },
    types::Side,
};

use super::desk::{Desk, ask, fence, of, read, reply};
use crate::{
    sim_ws::rig::quiet,
    support::{
        clock,
        ws::{Client, Ended},
    },
};

const TRADES: &str = r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#;
const PING: &str = r#"{"method":"ping"}"#;

fn code(ended: Ended) -> CloseCode {
    match ended {
        Ended::Closed(Some(frame)) => frame.code,
        Ended::Closed(None) | Ended::Broken => panic!("no close frame: {ended:?}"),
    }
}

/// Trades a little; a subscriber hears of it once.
fn trade(desk: &Desk) {
    let pair = desk.pair("BTC/USD");
    desk.hand(pair, Side::Buy, OrderKind::Market, 1_000);
}

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

#[tokio::test]
async fn s1_2_every_frame_is_a_text_of_one_object() {
    let desk = Desk::two_sided().await;
    let mut client = desk.public().await;
    for channel in ["ticker", "book", "trade"] {
        ask(&mut client, &TRADES.replace("trade", channel)).await;
    }
    client.send("{").await;
    desk.stir(desk.pair("BTC/USD"), 4, 50);
    // The fence takes texts only.
    let frames = fence(&mut client).await;
    assert!(frames.iter().all(|frame| read(frame).is_object()));
    for channel in ["ticker", "book", "trade"] {
        assert!(!of(&frames, channel).is_empty(), "{channel}");
    }
}

#[tokio::test]
async fn s1_2_a_plain_text_may_come_before_a_drop() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let garbage = SocketFault::Garbage(Garbage::Text);
    desk.sim
        .faults()
        .arm(Fault::Socket(Role::Public, garbage), 1);
    assert_eq!(client.text().await, "CloudFlare WebSocket proxy restarting");
    let drop = Fault::Socket(Role::Public, SocketFault::Drop);
    desk.sim.faults().arm(drop, 1);
    assert!(matches!(client.end().await, Ended::Broken));
}

#[tokio::test]
async fn s1_2_binary_frames_are_requests_too() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let ping = br#"{"method":"ping","req_id":55}"#.to_vec();
    client.message(Message::binary(ping)).await;
    let pong = client.next().await;
    assert_eq!(
        (&pong["method"], &pong["req_id"]),
        (&json!("pong"), &json!(55))
    );
    client.message(Message::binary(vec![0xFF, 0xFE])).await;
    assert_eq!(client.next().await["error"], "Malformed request");
}

#[tokio::test]
async fn s1_2_updates_follow_the_snapshots_and_those_of_subscriptions_interleave() {
    let desk = Desk::two_sided().await;
    let (btc, eth) = (desk.pair("BTC/USD"), desk.pair("ETH/USD"));
    desk.two_sided(eth);
    let mut client = desk.public().await;
    let both = TRADES
        .replace("trade", "book")
        .replace(']', r#","ETH/USD"]"#);
    ask(&mut client, &both).await;
    for pair in [btc, eth, btc] {
        desk.hand(pair, Side::Buy, OrderKind::Market, 1_000_000);
    }
    let frames = fence(&mut client).await;
    let told = frames.iter().map(|frame| {
        let frame = read(frame);
        json!([frame["type"], frame["data"][0]["symbol"]])
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            json!(["update", "BTC/USD"]),
            json!(["update", "ETH/USD"]),
            json!(["update", "BTC/USD"]),
        ]
    );
}

#[tokio::test]
async fn s1_2_heartbeats_begin_with_the_first_subscription() {
    let heartbeat = Duration::from_millis(40);
    let settings = Settings {
        heartbeat,
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let mut client = desk.public().await;
    let silence = tokio::time::timeout(3 * heartbeat, client.raw()).await;
    assert!(silence.is_err(), "{silence:?}");
    client.send(TRADES).await;
    assert_eq!(client.next().await["method"], "subscribe");
    for _ in 0..3 {
        assert_eq!(client.next().await, json!({"channel": "heartbeat"}));
    }
}

#[tokio::test]
async fn s1_2_no_heartbeat_comes_while_a_channel_speaks() {
    let settings = Settings {
        heartbeat: Duration::from_secs(1),
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    desk.two_sided(desk.pair("BTC/USD"));
    let mut client = desk.public().await;
    ask(&mut client, TRADES).await;
    let clock = clock();
    let later = clock.now().after(Duration::from_millis(1_300));
    while clock.now() < later {
        trade(&desk);
        assert_eq!(client.next().await["channel"], "trade");
    }
    assert_eq!(client.next().await["channel"], "heartbeat", "now it does");
}

#[tokio::test]
async fn s1_2_who_says_nothing_is_closed_and_any_request_counts() {
    let settings = Settings {
        idle_timeout: Duration::from_millis(300),
        heartbeat: Duration::from_millis(50),
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let (mut idle, mut lively) = (desk.public().await, desk.public().await);
    idle.ask(TRADES).await;
    let pings = async { while lively.ask(PING).await["method"] == "pong" {} };
    let ended = tokio::select! {
        ended = idle.end() => ended,
        () = pings => panic!("a ping without a pong"),
    };
    assert_eq!(code(ended), CloseCode::Normal);
    assert_eq!(lively.ask(PING).await["method"], "pong");
    assert_eq!(desk.sim.connections(), 1);
}

#[tokio::test]
async fn s1_2_a_private_socket_without_a_subscription_is_closed_after_an_order() {
    let settings = Settings {
        unsubscribed_timeout: Duration::from_millis(50),
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let (mut lonely, token) = desk.private().await;
    let (mut trader, own) = desk.trader().await;
    let all = |token: &str| format!(r#"{{"method":"cancel_all","params":{{"token":"{token}"}}}}"#);
    assert_eq!(lonely.ask(&all(&token)).await["success"], true);
    assert_eq!(trader.ask(&all(&own)).await["success"], true);
    assert_eq!(code(lonely.end().await), CloseCode::Normal);
    assert_eq!(trader.ask(&all(&own)).await["success"], true);
    // Who leaves its last subscription is as lonely.
    let leave = format!(
        r#"{{"method":"unsubscribe","params":{{"channel":"executions","token":"{own}"}}}}"#
    );
    assert_eq!(trader.ask(&leave).await["success"], true);
    assert_eq!(code(trader.end().await), CloseCode::Normal);
}
