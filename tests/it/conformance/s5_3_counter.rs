//! §5.3 The trading counter and the cap of open orders. Elsewhere: what each request costs → `s5_3_costs`; the arithmetic →
//! `sim/matching/limits.rs`.

use std::time::Duration;

use tradingd::sim::{Settings, matching::Tier, refused::Limit};

use super::desk::{Desk, ask, of, read, refusal, reply, row};
use crate::{sim_ws::rig::quiet, support::ws::Client};

/// A trader whose reports tell the counter.
async fn counted(desk: &Desk) -> (Client, String) {
    let (mut client, token) = desk.private().await;
    let request = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":false,"ratecounter":true,"token":"{token}"}}}}"#
    );
    ask(&mut client, &request).await;
    (client, token)
}

fn add(name: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.02,"limit_price":50000.0,"cl_ord_id":"{name}","token":"{token}"}}}}"#
    )
}

fn amend(name: &str, qty: &str, token: &str) -> String {
    format!(
        r#"{{"method":"amend_order","params":{{"cl_ord_id":"{name}","order_qty":{qty},"token":"{token}"}}}}"#
    )
}

fn cancel(name: &str, token: &str) -> String {
    format!(r#"{{"method":"cancel_order","params":{{"cl_ord_id":["{name}"],"token":"{token}"}}}}"#)
}

/// The counter after the last report.
async fn counter(client: &mut Client, request: &str) -> f64 {
    let frames = ask(client, request).await;
    let last = of(&frames, "executions").last().map(|frame| row(frame));
    let last = last.unwrap_or_else(|| panic!("{request}: {frames:?}"));
    last["ratecount"]
        .as_f64()
        .unwrap_or_else(|| panic!("{last}"))
}

#[tokio::test]
async fn s5_3_amends_and_cancels_cost_by_the_age_of_the_order() {
    let desk = Desk::two_sided().await;
    let (mut client, token) = counted(&desk).await;
    for (age, amended, canceled) in [
        (0_u32, 4.0, 8.0),
        (4_999, 4.0, 8.0),
        (5_000, 3.0, 6.0),
        (10_000, 2.0, 5.0),
        (15_000, 1.0, 4.0),
        (45_000, 1.0, 2.0),
        (90_000, 1.0, 1.0),
        (300_000, 1.0, 0.0),
    ] {
        // The order before has decayed; this one still has what is left of its own cost.
        let left = |spent: f64| (spent - 3.75 * f64::from(age) / 1_000.0).max(0.0);
        for (request, cost) in [
            (amend("a", "0.03", &token), amended),
            (cancel("a", &token), canceled),
        ] {
            desk.hands.advance(Duration::from_secs(600));
            let spent = counter(&mut client, &add("a", &token)).await;
            desk.hands.advance(Duration::from_millis(age.into()));
            let told = counter(&mut client, &request).await;
            assert!(
                (told - left(spent) - cost).abs() < 0.01,
                "{age} ms: {told} for {request}"
            );
            if cost == amended && request.contains("amend") {
                ask(&mut client, &cancel("a", &token)).await;
            }
        }
    }
}

#[tokio::test]
async fn s5_3_the_threshold_is_the_tiers_and_the_counter_is_the_pairs() {
    let settings = Settings {
        tier: Tier::Starter,
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let (mut client, token) = desk.trader().await;
    let market = |symbol: &str| {
        format!(
            r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"{symbol}","order_qty":1,"limit_price":10.0,"token":"{token}"}}}}"#
        )
    };
    for count in 0..7 {
        let name = format!("n{count}");
        ask(&mut client, &add(&name, &token)).await;
        if count < 6 {
            ask(&mut client, &cancel(&name, &token)).await;
        }
    }
    // 7 orders and 6 cancels of 8 are 55; one more cancel would be 63.
    assert_eq!(
        refusal(&mut client, &cancel("n6", &token)).await,
        "EOrder:Rate limit exceeded"
    );
    assert_eq!(desk.sim.refused().of(Limit::Trading), 1);
    let other = read(&reply(&mut client, &market("ETH/USD")).await);
    assert_eq!(other["success"], true, "{other}");
    desk.hands.advance(Duration::from_secs(4));
    let later = read(&reply(&mut client, &cancel("n6", &token)).await);
    assert_eq!(later["success"], true, "{later}");
}

#[tokio::test]
async fn s5_3_open_orders_are_capped_by_tier_and_pair() {
    for (tier, most) in [
        (Tier::Starter, 60),
        (Tier::Intermediate, 80),
        (Tier::Pro, 225),
    ] {
        let settings = Settings { tier, ..quiet() };
        let desk = Desk::with(settings).await;
        let (mut client, token) = desk.trader().await;
        for count in 0..=most {
            desk.hands.advance(Duration::from_secs(2));
            let order = add(&format!("n{count}"), &token).replace("0.02", "0.0001");
            let answer = read(&reply(&mut client, &order).await);
            let words = answer["error"].as_str();
            let expected = (count == most).then_some("EOrder:Orders limit exceeded");
            assert_eq!(words, expected, "{tier:?} {count}");
        }
        assert_eq!(desk.sim.refused().of(Limit::OpenOrders), 1);
    }
}

#[tokio::test]
async fn s5_3_the_tier_decides_the_threshold_and_how_fast_the_counter_falls() {
    for (tier, threshold, decay) in [
        (Tier::Starter, 60, 1.0),
        (Tier::Intermediate, 125, 2.34),
        (Tier::Pro, 180, 3.75),
    ] {
        let desk = Desk::with(Settings { tier, ..quiet() }).await;
        let (mut client, token) = counted(&desk).await;
        let mut spent = 0;
        let refused = loop {
            let (request, cost) = match spent % 9 {
                0 => (add("a", &token), 1),
                _ => (cancel("a", &token), 8),
            };
            let frames = ask(&mut client, &request).await;
            if let Some(words) = read(&frames[0])["error"].as_str() {
                assert_eq!(words, "EOrder:Rate limit exceeded");
                break cost;
            }
            spent += cost;
        };
        assert!(
            spent <= threshold && spent + refused > threshold,
            "{tier:?}: {spent} and {refused}"
        );
        desk.hands.advance(Duration::from_secs(10));
        let name = if spent % 9 == 0 { "a" } else { "b" };
        let told = counter(&mut client, &add(name, &token)).await;
        // Reports tell whole points, begun ones included.
        let left = (f64::from(spent) - 10.0 * decay + 1.0).ceil();
        assert!((told - left).abs() < 0.01, "{tier:?}: {told}, not {left}");
    }
}
