//! One call at a time: signing, repeating, overtaking, and what a failure means.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tradingd::{
    engine::event::{Answer, RejectReason, Unsent},
    resilience::Place,
    types::{ClOrdId, Side, TimeInForce, Timestamp},
    venue::kraken::rest::calls::{
        AddOrder, Balance, CancelOrder, GetWebSocketsToken, OpenOrders, Time,
    },
};

use super::{credentials, rest, rest_with, settings};
use crate::support::{
    self,
    http::{Reply, Server, refusal, result},
    within,
};

fn order() -> AddOrder {
    AddOrder {
        pair: "BTC/USD".to_owned(),
        side: Side::Buy,
        volume: "0.02000000".parse().unwrap(),
        price: "61000.0".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
        cl_ord_id: ClOrdId::new("a1").unwrap(),
        deadline: Timestamp::parse("2026-09-01T08:00:05.000Z").unwrap(),
    }
}

fn cancel() -> CancelOrder {
    CancelOrder::ClOrdId(ClOrdId::new("a1").unwrap())
}

#[tokio::test]
async fn a_private_call_is_signed_over_the_bytes_that_arrive() {
    let server = Server::start(|_| result(r#"{"token":"T0","expires":900}"#)).await;
    rest(&server).read(&GetWebSocketsToken).await.unwrap();
    let call = server.received().remove(0);
    assert_eq!(call.path, "/0/private/GetWebSocketsToken");
    assert_eq!(call.headers["api-key"], "PUBLIC");
    assert_eq!(
        call.headers["api-sign"],
        credentials().sign(&call.path, call.nonce(), &call.text)
    );
    assert!(call.headers["user-agent"].starts_with("tradingd/"));
}

#[tokio::test]
async fn an_order_writes_what_the_venue_expects() {
    let server = Server::start(|_| result(r#"{"descr":{"order":""},"txid":["OQQ"]}"#)).await;
    let added = rest(&server).order(order()).await.unwrap();
    assert_eq!(added.txid[0].as_str(), "OQQ");
    let text = server.received().remove(0).text;
    let (_, after_nonce) = text.split_once('&').unwrap();
    assert_eq!(
        after_nonce,
        "ordertype=limit&pair=BTC%2FUSD&type=buy&volume=0.02000000&price=61000.0&timeinforce=GTC\
         &oflags=post&cl_ord_id=a1&deadline=2026-09-01T08%3A00%3A05.000Z"
    );
}

#[tokio::test]
async fn an_order_without_a_readable_answer_is_unanswered_and_never_sent_again() {
    for reply in [
        Reply::Answer(520, "<html>".to_owned()),
        Reply::Answer(502, r#"{"error":["EOrder:Insufficient funds"]}"#.to_owned()),
        Reply::Answer(403, "<html>".to_owned()),
        Reply::Answer(307, String::new()),
        Reply::Answer(200, "<html>".to_owned()),
        Reply::Answer(200, r#"{"error":[]}"#.to_owned()),
        Reply::Answer(200, r#"{"error":[],"result":{"txid":7}}"#.to_owned()),
        Reply::Silence,
        Reply::Close,
        Reply::Half,
        refusal("EService:Unavailable"),
        refusal("EGeneral:Internal error"),
        refusal("EWhat:nobody knows"),
        Reply::Answer(
            200,
            r#"{"error":["EOrder:Insufficient funds","EService:Busy"]}"#.to_owned(),
        ),
    ] {
        let shown = format!("{reply:?}");
        let server = Server::start(move |_| reply.clone()).await;
        let error = within(rest(&server).order(order())).await.unwrap_err();
        assert_eq!(error.answer(), Answer::Unanswered, "{shown}");
        assert_eq!(server.received().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_certain_refusal_of_an_order_is_a_rejection() {
    let server = Server::start(|_| refusal("EOrder:Insufficient funds")).await;
    let answer = rest(&server).order(order()).await.unwrap_err().answer();
    assert!(
        matches!(answer, Answer::Rejected(r) if r.reason == RejectReason::InsufficientFunds
            && r.text.as_str() == "EOrder:Insufficient funds")
    );
}

#[tokio::test]
async fn an_order_that_finds_no_server_has_not_left() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = rest_with(&settings(&address)).order(order()).await;
    assert_eq!(
        error.unwrap_err().answer(),
        Answer::Unsent(Unsent::NotConnected)
    );
}

#[tokio::test]
async fn reads_are_repeated_when_that_may_help_and_only_so_often() {
    for (reply, calls) in [
        (Reply::Answer(503, "<html>".to_owned()), 3),
        (refusal("EService:Unavailable"), 3),
        (Reply::Close, 3),
        (Reply::Silence, 3),
        (refusal("EAPI:Invalid key"), 1),
        (refusal("EGeneral:Permission denied"), 1),
        (refusal("EGeneral:Temporary lockout"), 1),
    ] {
        let shown = format!("{reply:?}");
        let server = Server::start(move |_| reply.clone()).await;
        within(rest(&server).read(&Balance)).await.unwrap_err();
        assert_eq!(server.calls("Balance"), calls, "{shown}");
    }
}

#[tokio::test]
async fn a_warning_is_no_failure() {
    let body = r#"{"error":["WGeneral:deprecated"],"result":{"unixtime":1788249600,"rfc1123":""}}"#;
    let server = Server::start(move |_| Reply::Answer(200, body.to_owned())).await;
    let time = rest(&server).public(&Time).await.unwrap();
    assert_eq!(time.unixtime, 1_788_249_600);
}

#[tokio::test]
async fn private_calls_take_turns() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = Server::start(|_| {
        Reply::Late(
            Duration::from_millis(20),
            200,
            r#"{"error":[],"result":{}}"#.to_owned(),
        )
    })
    .await;
    let rest = rest(&server);
    let read = async || {
        rest.read(&Balance).await.unwrap();
        let running = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        now.fetch_sub(1, Ordering::SeqCst);
    };
    within(async { tokio::join!(read(), read(), read(), read()) }).await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    let nonces: Vec<_> = server.received().iter().map(|call| call.nonce()).collect();
    assert!(nonces.is_sorted());
}

#[tokio::test]
async fn a_cancel_does_not_wait_for_a_read_and_the_overtaken_read_is_repeated() {
    let cancels = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&cancels);
    let server = Server::start(move |call| match call.endpoint.as_str() {
        "CancelOrder" => {
            seen.fetch_add(1, Ordering::SeqCst);
            result(r#"{"count":1}"#)
        }
        // The first read is on its way while the cancel passes it.
        _ if seen.load(Ordering::SeqCst) == 0 => Reply::Late(
            Duration::from_millis(200),
            200,
            r#"{"error":["EAPI:Invalid nonce"]}"#.to_owned(),
        ),
        _ => result(r#"{"open":{}}"#),
    })
    .await;
    let rest = rest(&server);
    let all = OpenOrders::default();
    let (read, count) = within(async {
        tokio::join!(rest.read(&all), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            rest.cancel(&cancel()).await
        })
    })
    .await;
    assert!(read.unwrap().open.is_empty());
    assert_eq!(count.unwrap().count, 1);
    let calls = server.received();
    let order: Vec<_> = calls.iter().map(|call| call.endpoint.as_str()).collect();
    assert_eq!(order, ["OpenOrders", "CancelOrder", "OpenOrders"]);
    assert!(calls.is_sorted_by_key(|call| call.nonce()));
}

#[tokio::test]
async fn cancels_follow_each_other_and_reads_follow_them() {
    let server = Server::start(|call| match call.endpoint.as_str() {
        "CancelOrder" => Reply::Late(
            Duration::from_millis(20),
            200,
            r#"{"error":[],"result":{"count":1}}"#.to_owned(),
        ),
        _ => result("{}"),
    })
    .await;
    let (rest, cancel) = (rest(&server), cancel());
    let canceled = AtomicUsize::new(0);
    let one = async || {
        rest.cancel(&cancel).await.unwrap();
        canceled.fetch_add(1, Ordering::SeqCst);
    };
    let read = async || {
        rest.read(&Balance).await.unwrap();
        assert_eq!(canceled.load(Ordering::SeqCst), 4);
    };
    within(async { tokio::join!(one(), one(), read(), one(), one()) }).await;
    let calls = server.received();
    let order: Vec<_> = calls.iter().map(|call| call.endpoint.as_str()).collect();
    assert_eq!(order[..4], ["CancelOrder"; 4]);
    assert_eq!(order[4..], ["Balance"]);
    assert!(calls.is_sorted_by_key(|call| call.nonce()));
}

#[tokio::test]
async fn a_cancel_overtaken_by_another_goes_again_with_a_fresh_nonce() {
    let calls = AtomicUsize::new(0);
    let server = Server::start(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => refusal("EAPI:Invalid nonce"),
        _ => result(r#"{"count":1}"#),
    })
    .await;
    assert_eq!(rest(&server).cancel(&cancel()).await.unwrap().count, 1);
    let nonces: Vec<_> = server.received().iter().map(|call| call.nonce()).collect();
    assert!(nonces.len() == 3 && nonces.is_sorted());
}

#[tokio::test]
async fn a_call_that_waits_too_long_for_its_turn_is_not_sent() {
    let server = Server::start(|_| refusal("EAPI:Rate limit exceeded")).await;
    let mut settings = settings(&server.address);
    settings.deadlines.turn = Duration::from_millis(100);
    settings.retry.attempts = 2;
    let rest = rest_with(&settings);
    let error = within(rest.read(&Balance)).await.unwrap_err();
    assert_eq!(error.answer(), Answer::Unsent(Unsent::DeadlinePassed));
    let told = error.to_string();
    assert_eq!(told, "Balance not sent: turn took longer than 100ms");
    assert_eq!(rest.deadlines().missed(Place::Turn), 1);
    assert_eq!(server.calls("Balance"), 1);
}

#[tokio::test]
async fn a_wait_that_http_asks_for_is_kept_and_a_long_one_is_not_waited_for() {
    let now = support::clock();
    for (seconds, calls) in [(1, 2), (11, 1)] {
        let first = AtomicUsize::new(0);
        let server = Server::start(move |_| match first.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Busy(503, seconds, "<html>busy</html>".to_owned()),
            _ => result(r#"{"unixtime":7,"rfc1123":""}"#),
        })
        .await;
        let since = now.now();
        let answered = within(rest(&server).public(&Time)).await;
        let kept = now.now().since(since) >= Duration::from_secs(1);
        assert_eq!((answered.is_ok(), kept), (calls == 2, calls == 2));
        assert_eq!(server.calls("Time"), calls);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::start(|_| Reply::Answer(301, String::new())).await;
    rest(&server).public(&Time).await.unwrap_err();
    assert_eq!(server.calls("elsewhere"), 0);
    assert_eq!(server.calls("Time"), 1);
}

#[tokio::test]
async fn an_open_breaker_stops_reads_and_orders_but_no_cancel() {
    let server = Server::start(|_| Reply::Answer(503, "<html>".to_owned())).await;
    let mut settings = settings(&server.address);
    settings.retry.attempts = 1;
    settings.breakers.private.consecutive_failures = 2;
    let rest = rest_with(&settings);
    for _ in 0..2 {
        rest.read(&Balance).await.unwrap_err();
    }
    let unsent = Answer::Unsent(Unsent::BreakerOpen);
    assert_eq!(rest.read(&Balance).await.unwrap_err().answer(), unsent);
    assert_eq!(rest.order(order()).await.unwrap_err().answer(), unsent);
    assert_eq!(server.calls("Balance"), 2);
    assert_eq!(server.calls("AddOrder"), 0);
    for sent in 1..=9 {
        let answer = rest.cancel(&cancel()).await.unwrap_err().answer();
        assert_eq!(answer, Answer::Unanswered);
        assert_eq!(server.calls("CancelOrder"), sent);
    }
    assert_eq!(rest.breakers().cancels.snapshot().totals.failed, 9);
    // Public calls have a breaker of their own.
    rest.public(&Time).await.unwrap_err();
    assert_eq!(server.calls("Time"), 1);
}

#[tokio::test]
async fn a_read_whose_failures_open_the_breaker_tells_the_failure() {
    let server = Server::start(|_| Reply::Answer(503, "<html>".to_owned())).await;
    let mut settings = settings(&server.address);
    settings.breakers.private.consecutive_failures = 2;
    let rest = rest_with(&settings);
    let first = rest.read(&Balance).await.unwrap_err().to_string();
    assert_eq!(first, "Balance answered with HTTP status 503");
    assert_eq!(server.calls("Balance"), 2);
    let next = rest.read(&Balance).await.unwrap_err().to_string();
    assert_eq!(next, "Balance not sent: circuit breaker open");
}

#[tokio::test]
async fn certain_refusals_open_no_breaker() {
    let server = Server::start(|_| refusal("EGeneral:Permission denied")).await;
    let mut settings = settings(&server.address);
    settings.breakers.private.consecutive_failures = 2;
    let rest = rest_with(&settings);
    for calls in 1..=5 {
        rest.read(&Balance).await.unwrap_err();
        assert_eq!(server.calls("Balance"), calls);
    }
}
