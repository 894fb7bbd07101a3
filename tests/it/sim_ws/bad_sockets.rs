//! Sockets that end badly, crawl, or are refused, as a client meets them.

use std::{io, time::Duration};

use futures_util::StreamExt as _;
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::Error;
use tradingd::sim::{
    faults::{Fault, SocketFault},
    server::Role,
};

use super::rig::{Rig, of, quiet};
use crate::support::{
    within,
    ws::{Client, Ended},
};

const BOOK: &str = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#;

#[tokio::test]
async fn a_reset_socket_ends_with_a_reset() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let reset = Fault::Socket(Role::Public, SocketFault::Reset);
    rig.sim.faults().arm(reset, 1);
    let error = loop {
        match within(client.socket.next()).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it ended in order"),
        }
    };
    let Error::Io(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn s1_2_a_socket_is_closed_with_the_code_and_reason_that_were_asked_for() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let close = SocketFault::Close(1013, "Market data unavailable".to_owned());
    rig.sim.faults().arm(Fault::Socket(Role::Public, close), 1);
    let Ended::Closed(Some(frame)) = client.end().await else {
        panic!("no close frame");
    };
    assert_eq!(u16::from(frame.code), 1013);
    assert_eq!(frame.reason.as_str(), "Market data unavailable");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_answered_with_the_code_for_that() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let padding = " ".repeat((1 << 20) + 1);
    client
        .send(&format!(r#"{{"method":"ping"{padding}}}"#))
        .await;
    let Ended::Closed(Some(frame)) = client.end().await else {
        panic!("no close frame");
    };
    assert_eq!(u16::from(frame.code), 1009);
}

#[tokio::test]
async fn a_slow_link_carries_so_many_bytes_a_second_and_loses_none() {
    let rig = Rig::start(&quiet()).await;
    let mut client = rig.public().await;
    let slow = Fault::Socket(Role::Public, SocketFault::Slow(2_000));
    rig.sim.faults().arm(slow, 1);
    let begun = rig.sim.venue().clock().now();
    assert_eq!(client.ask(BOOK).await["success"], true);
    let frame = client.until(of("book")).await;
    let took = rig.sim.venue().clock().now().since(begun);
    assert_eq!(frame["type"], "snapshot");
    let bytes = u32::try_from(frame.to_string().len()).unwrap();
    assert!(
        took > Duration::from_secs(1) * bytes / 4_000,
        "{bytes} bytes in {took:?}"
    );
}

#[tokio::test]
async fn a_client_that_connects_is_refused_with_a_status_and_then_let_in() {
    let rig = Rig::start(&quiet()).await;
    let refuse = Fault::Refuse(Role::Public, 503);
    rig.sim.faults().arm(refuse, 1);
    let address = rig.sim.addresses().ws;
    match Client::open(address, "/v2").await.err() {
        Some(Error::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{other:?}"),
    }
    rig.public().await;
}

#[tokio::test]
async fn s2_8_the_dead_mans_switch_goes_off_while_the_client_is_away() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let add = format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":50000.0,"token":"{token}"}}}}"#
    );
    assert_eq!(client.ask(&add).await["success"], true);
    let wind = format!(
        r#"{{"method":"cancel_all_orders_after","params":{{"timeout":600,"token":"{token}"}}}}"#
    );
    assert_eq!(client.ask(&wind).await["success"], true);
    let away = Fault::Socket(Role::Private, SocketFault::SwitchOff);
    rig.sim.faults().arm(away, 1);
    assert!(matches!(client.end().await, Ended::Broken));
    let (mut again, token) = rig.private().await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":true,"token":"{token}"}}}}"#
    );
    assert_eq!(again.ask(&subscribe).await["success"], true);
    let snapshot = again.until(of("executions")).await;
    assert_eq!(snapshot["data"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_does_not_hold_up_the_end() {
    let rig = Rig::start(&quiet()).await;
    let address = rig.sim.addresses().ws;
    let mut mute = tokio::net::TcpStream::connect(address).await.unwrap();
    // Whoever came later is served, so this one was accepted.
    let _served = rig.public().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), rig.sim.shutdown());
    ended.await.expect("it waits for the handshake");
    assert_eq!(mute.read(&mut [0]).await.unwrap(), 0);
}
