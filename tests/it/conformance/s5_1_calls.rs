//! §5.1 The counter of private calls, and calls that are open at once. Elsewhere: its arithmetic → `sim/server/rest_limits.rs`.

use std::time::Duration;

use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tradingd::{
    io::net::Stream,
    sim::{faults::RestFault, matching::Tier, refused::Limit, server::rest::RestLimits},
    types::Timestamp,
};

use super::desk::{call_as, read, two_keys};
use crate::sim_rest::rig::{Rig, Setup, bad, exchange};

/// Calls until one is refused, that one left out.
async fn room(rig: &Rig) -> usize {
    let mut calls = 0;
    loop {
        let answer = rig.form("Balance", "").await;
        match answer["error"][0].as_str() {
            None => calls += 1,
            Some(words) => {
                assert_eq!(words, "EAPI:Rate limit exceeded");
                return calls;
            }
        }
    }
}

#[tokio::test]
async fn s5_1_each_endpoint_has_its_cost_and_orders_have_none() {
    let rig = Rig::start().await;
    for (endpoint, cost) in [
        ("Ledgers", 2),
        ("TradesHistory", 2),
        ("AddOrder", 0),
        ("AmendOrder", 0),
        ("EditOrder", 0),
        ("CancelOrder", 0),
        ("AddOrderBatch", 0),
        ("CancelOrderBatch", 0),
        ("CancelAll", 1),
        ("CancelAllOrdersAfter", 1),
        ("GetWebSocketsToken", 1),
        ("GetApiKeyInfo", 1),
        ("Balance", 1),
        ("BalanceEx", 1),
        ("TradeBalance", 1),
        ("TradeVolume", 1),
        ("OpenOrders", 1),
        ("ClosedOrders", 1),
        ("QueryOrders", 1),
        ("OrderAmends", 1),
        ("QueryTrades", 1),
        ("QueryLedgers", 1),
        ("OpenPositions", 1),
        ("Level3", 1),
    ] {
        rig.hands.advance(Duration::from_secs(100));
        // Whether or not it is what it should be, a call costs.
        rig.form(endpoint, "pair=XBTUSD").await;
        assert_eq!(room(&rig).await, 20 - cost, "{endpoint}");
        // Nor does a full counter stop what costs nothing.
        let full = rig.form(endpoint, "pair=XBTUSD").await;
        let limited = full["error"][0] == "EAPI:Rate limit exceeded";
        assert_eq!(limited, cost > 0, "{endpoint}: {full}");
    }
}

#[tokio::test]
async fn s5_1_the_tier_decides_how_much_the_counter_holds_and_how_fast_it_falls() {
    for (tier, most, hundred) in [
        (Tier::Starter, 15, 33),
        (Tier::Intermediate, 20, 50),
        (Tier::Pro, 20, 100),
    ] {
        let rig = Rig::with(Setup {
            tier,
            ..Setup::default()
        })
        .await;
        assert_eq!(room(&rig).await, most, "{tier:?}");
        // A second's decay is a fraction of a call: in ten seconds it is a tenth of what it is in a hundred.
        rig.hands.advance(Duration::from_secs(10));
        assert_eq!(room(&rig).await, hundred / 10, "{tier:?}");
        rig.hands.advance(Duration::from_secs(100));
        assert_eq!(room(&rig).await, most.min(hundred), "{tier:?}");
    }
}

#[tokio::test]
async fn s5_1_calls_made_while_limited_prolong_it() {
    let rig = Rig::start().await;
    assert_eq!(room(&rig).await, 20);
    for _ in 0..10 {
        rig.hands.advance(Duration::from_millis(900));
        assert_eq!(rig.refused("Balance", "").await, "EAPI:Rate limit exceeded");
    }
    rig.hands.advance(Duration::from_secs(1));
    rig.call("Balance", "").await;
}

#[tokio::test]
async fn s5_1_each_key_has_its_own_counter() {
    let desk = two_keys().await;
    for (key, words) in [("A", Some("EAPI:Rate limit exceeded")), ("B", None)] {
        let mut last = None;
        for nonce in 1..=if key == "A" { 21 } else { 20 } {
            let answer = read(&call_as(&desk, key, nonce, "Balance").await);
            last = answer["error"][0].as_str().map(str::to_owned);
        }
        assert_eq!(last.as_deref(), words, "{key}");
    }
}

#[tokio::test]
async fn s5_1_calls_beyond_the_keys_counter_are_refused_until_it_has_decayed() {
    let rig = Rig::start().await;
    for _ in 0..20 {
        rig.call("GetWebSocketsToken", "").await;
    }
    for endpoint in ["Balance", "OpenOrders", "CancelAll", "GetApiKeyInfo"] {
        assert_eq!(
            rig.refused(endpoint, "").await,
            "EAPI:Rate limit exceeded",
            "{endpoint}"
        );
    }
    assert_eq!(rig.venue.refused().of(Limit::Calls), 4);
    rig.hands.advance(Duration::from_secs(2));
    rig.call("Balance", "").await;
}

#[tokio::test]
async fn s5_1_too_many_calls_open_at_once_are_throttled_until_an_instant() {
    let rig = Rig::with(Setup {
        limits: RestLimits {
            concurrent: 2,
            ..RestLimits::default()
        },
        ..Setup::default()
    })
    .await;
    rig.faults.arm_rest("Balance", RestFault::Silence, 2);
    let mut open = JoinSet::new();
    for _ in 0..2 {
        let stream = Stream::Plain(TcpStream::connect(rig.address).await.unwrap());
        open.spawn(async move {
            let headers = [("API-Key", "KEY")];
            exchange(stream, "POST", "/0/private/Balance", &headers, "").await
        });
    }
    // Once both faults are taken, both calls are open.
    let taken = async {
        while rig.faults.armed() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), taken).await.unwrap();
    let error = rig.refused("TradeVolume", "").await;
    assert_eq!(error, "EService:Throttled: 1788249602");
    assert_eq!(rig.venue.refused().of(Limit::CallsAtOnce), 1);
    let until = Timestamp::from_secs(1_788_249_602);
    assert!(until > rig.venue.clock().now());
    // Others are not held up.
    rig.ask("Time").await;
    let headers = [("API-Key", "OTHER")];
    let stranger = rig
        .send("POST", "/0/private/Balance", &headers, "nonce=1")
        .await;
    assert_eq!(bad(&stranger.json()), "EAPI:Invalid key");
    open.abort_all();
    let again = async {
        while rig.form("TradeVolume", "").await["result"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), again).await.unwrap();
}
