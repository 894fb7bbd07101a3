//! Calls that end in a broken connection, a crawl, the wrong order or a lie about what was done.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tradingd::sim::faults::{Ending, Fault, RestFault};

use super::rig::{FORM, Rig, sign};
use crate::support::within;

const ORDER: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";

/// A signed call whose answer is read as bytes, as far as there are any.
async fn bytes(rig: &Rig, endpoint: &str, fields: &str) -> std::io::Result<Vec<u8>> {
    let nonce = rig.next_nonce();
    let (path, body) = (
        format!("/0/private/{endpoint}"),
        format!("nonce={nonce}&{fields}"),
    );
    let signature = sign(&path, &nonce.to_string(), &body);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAPI-Key: KEY\r\nAPI-Sign: {signature}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(rig.address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await?;
    Ok(answer)
}

async fn open(rig: &Rig) -> usize {
    let open = rig.call("OpenOrders", "").await;
    open["open"].as_object().unwrap().len()
}

#[tokio::test]
async fn s6_1_a_connection_ends_instead_of_an_answer_with_or_without_the_order() {
    let rig = Rig::start().await;
    let mut placed = 0;
    for reset in [false, true] {
        for execute in [false, true] {
            let ending = RestFault::Drop(Ending { reset, execute });
            rig.faults.arm_rest("AddOrder", ending, 1);
            let answer = bytes(&rig, "AddOrder", ORDER).await;
            if reset {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            } else {
                assert!(answer.unwrap().is_empty());
            }
            placed += usize::from(execute);
            assert_eq!(open(&rig).await, placed);
        }
    }
}

#[tokio::test]
async fn s6_1_an_error_or_a_page_hides_that_the_order_was_placed() {
    let rig = Rig::start().await;
    let error = "EService:Unavailable".to_owned();
    rig.faults
        .arm_rest("AddOrder", RestFault::DoThenError(error.clone()), 1);
    assert_eq!(rig.refused("AddOrder", ORDER).await, error);
    assert_eq!(open(&rig).await, 1);
    rig.faults.arm_rest("AddOrder", RestFault::Error(error), 1);
    rig.refused("AddOrder", ORDER).await;
    assert_eq!(open(&rig).await, 1);
    let page = RestFault::DoThenStatus(502, "<html>Bad Gateway</html>".to_owned());
    rig.faults.arm_rest("AddOrder", page, 1);
    let answer = bytes_closed(&rig, "AddOrder", ORDER).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.ends_with("<html>Bad Gateway</html>"));
    assert_eq!(open(&rig).await, 2);
}

/// As [`bytes`], of a connection that the server keeps open.
async fn bytes_closed(rig: &Rig, endpoint: &str, fields: &str) -> String {
    let nonce = rig.next_nonce();
    let (path, body) = (
        format!("/0/private/{endpoint}"),
        format!("nonce={nonce}&{fields}"),
    );
    let signature = sign(&path, &nonce.to_string(), &body);
    let headers = [
        ("API-Key", "KEY"),
        ("API-Sign", &signature),
        ("Content-Type", FORM),
    ];
    let answer = rig.send("POST", &path, &headers, &body).await;
    format!("{}\r\n\r\n{}", answer.head, answer.body)
}

#[tokio::test]
async fn s6_1_half_an_answer_comes_and_then_the_end() {
    let rig = Rig::start().await;
    rig.faults.arm_rest("Balance", RestFault::Cut, 1);
    let answer = bytes(&rig, "Balance", "").await.unwrap();
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1).unwrap();
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    assert!(
        !body.is_empty() && body.len() < length,
        "{} of {length}",
        body.len()
    );
}

#[tokio::test]
async fn an_answer_crawls_and_arrives_whole() {
    let rig = Rig::start().await;
    let whole = rig.signed_text("Balance", "").await;
    let rate = u32::try_from(whole.len() * 4).unwrap();
    rig.faults.arm_rest("Balance", RestFault::Slow(rate), 2);
    // At four times its length a second, it takes a quarter of one.
    let early = timeout(Duration::from_millis(100), rig.signed_text("Balance", "")).await;
    assert!(early.is_err(), "it takes its time");
    assert_eq!(rig.signed_text("Balance", "").await, whole);
}

#[tokio::test]
async fn s4_2_a_call_that_is_overtaken_has_a_nonce_from_the_past() {
    let rig = Rig::start().await;
    let wait = RestFault::Overtaken(Duration::from_secs(20).into());
    rig.faults.arm_rest("TradeBalance", wait, 1);
    let first = rig.form("TradeBalance", "");
    let second = async {
        // The first one has its nonce and waits.
        while rig.faults.armed() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        rig.form("Balance", "").await
    };
    let (first, second) = within(async { tokio::join!(first, second) }).await;
    assert_eq!(second["error"], serde_json::json!([]));
    assert_eq!(first["error"], serde_json::json!(["EAPI:Invalid nonce"]));
    let wait = RestFault::Overtaken(Duration::from_millis(50).into());
    rig.faults.arm_rest("TradeBalance", wait, 1);
    rig.call("TradeBalance", "").await;
}

#[tokio::test]
async fn an_order_is_filled_in_part_before_its_cancel_is_decided() {
    let rig = Rig::start().await;
    let id = rig.call("AddOrder", ORDER).await["txid"][0].clone();
    let id = id.as_str().unwrap();
    let fault = Fault::Fill("CancelOrder".to_owned(), "0.5".parse().unwrap());
    rig.faults.arm(fault, 1);
    let canceled = rig.call("CancelOrder", &format!("txid={id}")).await;
    assert_eq!(canceled["count"], 1);
    let order = rig.call("QueryOrders", &format!("txid={id}")).await[id].clone();
    assert_eq!(order["vol_exec"], "0.00500000");
    assert_eq!(order["status"], "canceled");
}
