//! §5.2 The limit of public calls. Elsewhere: the counters → `sim/server/rest_limits.rs`.

use std::time::Duration;

use tradingd::sim::server::rest::RestLimits;

use crate::sim_rest::rig::{Rig, Setup, bad};

#[tokio::test]
async fn s5_2_public_calls_are_limited_by_address_and_trades_and_candles_by_pair() {
    let rig = Rig::with(Setup {
        limits: RestLimits {
            public_calls: 2,
            ..RestLimits::default()
        },
        ..Setup::default()
    })
    .await;
    rig.ask("Time").await;
    rig.ask("SystemStatus").await;
    assert_eq!(bad(&rig.public("Time").await), "EAPI:Rate limit exceeded");
    // Trades and candles have a counter for each pair.
    rig.ask("Trades?pair=XBTUSD").await;
    rig.ask("OHLC?pair=ETHUSD").await;
    rig.call("Balance", "").await;
    rig.hands.advance(Duration::from_millis(500));
    rig.ask("Time").await;
    assert_eq!(bad(&rig.public("Time").await), "EAPI:Rate limit exceeded");
}
