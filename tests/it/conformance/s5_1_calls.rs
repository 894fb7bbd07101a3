//! §5.1 The counter of private calls, and calls that are open at once. Elsewhere: its arithmetic → `sim/server/rest_limits.rs`.

use std::time::Duration;

use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tradingd::{
    io::net::Stream,
    sim::{faults::RestFault, matching::Tier, server::rest::RestLimits},
    types::Timestamp,
};

use crate::sim_rest::rig::{Rig, Setup, bad, exchange};

#[tokio::test]
async fn s5_1_the_call_counter_goes_by_tier_and_lets_orders_through() {
    for (tier, most) in [
        (Tier::Starter, 15),
        (Tier::Intermediate, 20),
        (Tier::Pro, 20),
    ] {
        let rig = Rig::with(Setup {
            tier,
            ..Setup::default()
        })
        .await;
        rig.call("Ledgers", "").await;
        rig.call("TradesHistory", "").await;
        for _ in 4..most {
            rig.call("Balance", "").await;
        }
        assert_eq!(rig.refused("Balance", "").await, "EAPI:Rate limit exceeded");
        assert_eq!(
            rig.refused("CancelAll", "").await,
            "EAPI:Rate limit exceeded"
        );
        let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
        let added = rig.call("AddOrder", order).await;
        let id = added["txid"][0].as_str().unwrap();
        rig.call("CancelOrder", &format!("txid={id}")).await;
        rig.hands.advance(Duration::from_secs(4));
        rig.call("Balance", "").await;
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
