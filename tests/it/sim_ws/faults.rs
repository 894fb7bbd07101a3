//! Faults on purpose, as a client meets them.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tradingd::sim::{
    faults::{Fault, Garbage, RequestFault, SocketFault},
    server::Role,
};

use super::rig::{Rig, of, quiet, rows};
use crate::support::ws::{Client, Ended};

const BOOK: &str = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#;

async fn subscribed(rig: &Rig) -> Client {
    rig.two_sided(rig.pair("BTC/USD"));
    let mut client = rig.public().await;
    assert_eq!(client.ask(BOOK).await["success"], true);
    client.until(of("book")).await;
    client
}

fn add(name: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":50000.0,"cl_ord_id":"{name}","token":"{token}"}}}}"#
    )
}

fn open_orders(rig: &Rig) -> usize {
    let account = rig.sim.accounts()[0].id;
    rig.sim
        .venue()
        .read(|view| view.exchange.open_orders(account).count())
}

#[tokio::test]
async fn a_dropped_socket_ends_without_a_close_frame_and_only_once() {
    let rig = Rig::start(&quiet()).await;
    let mut client = subscribed(&rig).await;
    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Public, SocketFault::Drop), 1);
    assert!(matches!(client.end().await, Ended::Broken));
    assert_eq!(rig.sim.faults().armed(), 0);
    rig.public().await;
}

#[tokio::test]
async fn sockets_are_dropped_once_however_often_that_is_said() {
    let rig = Rig::start(&quiet()).await;
    let mut clients = [subscribed(&rig).await, rig.private().await.0];
    for _ in 0..3 {
        rig.sim.controls().sockets.drop_all();
    }
    for client in &mut clients {
        assert!(matches!(client.end().await, Ended::Broken));
    }
    assert_eq!(rig.public().await.ask(BOOK).await["success"], true);
}

#[tokio::test]
async fn a_half_closed_socket_sends_nothing_more_and_still_reads() {
    let rig = Rig::start(&quiet()).await;
    let mut client = subscribed(&rig).await;
    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Public, SocketFault::HalfClose), 1);
    assert!(matches!(client.end().await, Ended::Broken));
}

#[tokio::test]
async fn a_muted_socket_stays_open_without_a_sound() {
    let rig = Rig::start(&quiet()).await;
    let mut client = subscribed(&rig).await;
    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Public, SocketFault::Mute), 1);
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.drain().await;
    client.send("{\"method\":\"ping\"}").await;
    assert!(client.drain().await.is_empty());
    assert_eq!(rig.sim.connections(), 1);
}

#[tokio::test]
async fn a_silent_subscription_is_acknowledged_and_never_served() {
    let settings = tradingd::sim::Settings {
        heartbeat: Duration::from_millis(30),
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let pair = rig.pair("BTC/USD");
    rig.sim.faults().arm(Fault::Silence("book".to_owned()), 1);
    let mut client = rig.public().await;
    assert_eq!(client.ask(BOOK).await["success"], true);
    rig.two_sided(pair);
    assert_eq!(client.next().await["channel"], "heartbeat");
    let again = BOOK.replace("\"subscribe\"", "\"unsubscribe\"");
    assert_eq!(client.ask(&again).await["success"], true);
    assert_eq!(client.ask(BOOK).await["success"], true);
    assert_eq!(client.until(of("book")).await["type"], "snapshot");
}

#[tokio::test]
async fn s8_3_a_create_whose_answer_is_lost_was_carried_out() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    rig.sim.faults().arm(
        Fault::Request("add_order".to_owned(), RequestFault::NoAnswer),
        1,
    );
    client.send(&add("lost", &token)).await;
    let frames = client.drain().await;
    assert!(
        frames.iter().all(|frame| frame.get("method").is_none()),
        "{frames:?}"
    );
    assert_eq!(frames.len(), 2, "its reports came");
    assert_eq!(open_orders(&rig), 1);
    rig.sim.faults().arm(
        Fault::Request("amend_order".to_owned(), RequestFault::NoAnswer),
        1,
    );
    let amend = format!(
        r#"{{"method":"amend_order","params":{{"cl_ord_id":"lost","order_qty":0.02,"token":"{token}"}}}}"#
    );
    client.send(&amend).await;
    let frames = client.drain().await;
    assert_eq!(frames.len(), 1);
    assert_eq!(rows(&frames[0])[0]["exec_type"], "amended");
    rig.sim.faults().arm(
        Fault::Request("add_order".to_owned(), RequestFault::Ignore),
        1,
    );
    client.send(&add("ignored", &token)).await;
    assert!(client.drain().await.is_empty());
    assert_eq!(open_orders(&rig), 1);
}

#[tokio::test]
async fn s6_1_any_error_is_answered_with_or_without_the_order_placed() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    for (execute, open) in [(false, 0), (true, 1)] {
        let unavailable = RequestFault::Error {
            text: "EService:Unavailable".to_owned(),
            execute,
        };
        let fault = Fault::Request("add_order".to_owned(), unavailable);
        rig.sim.faults().arm(fault, 1);
        let answer = client.ask(&add("x", &token)).await;
        assert_eq!(answer["error"], "EService:Unavailable");
        assert_eq!(open_orders(&rig), open);
    }
}

#[tokio::test]
async fn garbage_comes_in_every_shape_and_the_socket_lives_on() {
    let rig = Rig::start(&quiet()).await;
    let mut client = subscribed(&rig).await;
    for garbage in [
        Garbage::Truncated,
        Garbage::Text,
        Garbage::Binary,
        Garbage::HugeNumbers,
        Garbage::UnknownChannel,
        Garbage::WrongTypes,
    ] {
        rig.sim.faults().arm(
            Fault::Socket(Role::Public, SocketFault::Garbage(garbage)),
            1,
        );
        let message = loop {
            let message = client.raw().await;
            if !matches!(&message, Message::Text(text) if text.contains("heartbeat")) {
                break message;
            }
        };
        match (garbage, message) {
            (Garbage::Binary, Message::Binary(_)) => {}
            (Garbage::Truncated | Garbage::Text, Message::Text(text)) => {
                assert!(serde_json::from_str::<Value>(&text).is_err());
            }
            (_, Message::Text(text)) => assert!(text.starts_with("{\"channel\"")),
            (garbage, message) => panic!("{garbage:?}: {message:?}"),
        }
    }
    assert_eq!(client.ask("{\"method\":\"ping\"}").await["method"], "pong");
}

#[tokio::test]
async fn one_checksum_of_one_symbol_is_wrong_and_the_next_is_right() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    let (mut hurt, mut sound) = (subscribed(&rig).await, rig.public().await);
    sound.ask(&BOOK.replace("]", "],\"depth\":25")).await;
    sound.until(of("book")).await;
    rig.sim
        .faults()
        .arm(Fault::Checksum("BTC/USD".to_owned()), 1);
    for wrong in [true, false] {
        rig.hand(
            pair,
            tradingd::types::Side::Buy,
            tradingd::sim::matching::OrderKind::Limit(
                tradingd::types::Price::new(500_000).unwrap(),
            ),
            1_000_000,
        );
        let sums = [hurt.until(of("book")).await, sound.until(of("book")).await];
        let [left, right] = sums.map(|frame| rows(&frame)[0]["checksum"].clone());
        assert_eq!(left != right, wrong);
    }
}
