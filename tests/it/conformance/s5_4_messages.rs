//! §5.4 How fast a socket may ask, and how much of `level3` it may have. Elsewhere: symbol by symbol → `sim_ws/level3.rs`.

use std::time::Duration;

use tradingd::sim::{Settings, matching::Tier, refused::Limit};

use super::desk::{Desk, read, replies};
use crate::{
    sim_ws::rig::{Rig, quiet},
    support::ws::Client,
};

/// A simulator of many pairs, and all their symbols.
async fn many(tier: Tier) -> (Desk, Vec<String>) {
    let desk = Desk::with(Settings {
        tier,
        extra_pairs: 210,
        ..quiet()
    })
    .await;
    let symbols = desk.sim.venue().read(|view| {
        let pairs = view.exchange.universe().pairs.iter();
        let symbols = pairs.map(|pair| pair.instrument.symbol.to_string());
        symbols.collect()
    });
    (desk, symbols)
}

/// How many of these symbols are taken at once, and the words for the others.
async fn taken(
    desk: &Desk,
    client: &mut Client,
    symbols: &[String],
    depth: u32,
) -> (usize, Vec<String>) {
    let params = format!(
        r#""channel":"level3","snapshot":false,"depth":{depth},"symbol":["{}"],"token":"{}""#,
        symbols.join("\",\""),
        desk.token()
    );
    let request = format!(r#"{{"method":"subscribe","params":{{{params}}}}}"#);
    let answers = replies(client, &request).await;
    assert_eq!(answers.len(), symbols.len());
    let words = |answer: &String| read(answer)["error"].as_str().map(str::to_owned);
    let mut refused: Vec<String> = answers.iter().filter_map(words).collect();
    let taken = symbols.len() - refused.len();
    refused.dedup();
    (taken, refused)
}

#[tokio::test]
async fn s5_4_a_flood_of_requests_is_told_off_without_a_method() {
    let settings = Settings {
        messages_per_second: 5,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let mut client = rig.public().await;
    for _ in 0..20 {
        client.send("{\"method\":\"ping\"}").await;
    }
    let flooded = client.until(|frame| frame.get("Error").is_some()).await;
    assert_eq!(flooded, serde_json::json!({"Error": "Exceeded msg rate"}));
    assert!(rig.sim.refused().of(Limit::Requests) > 0);
}

#[tokio::test]
async fn s5_4_symbols_of_level3_cost_by_depth_and_each_tier_has_so_much_a_second() {
    for (tier, most) in [(Tier::Intermediate, 200), (Tier::Pro, 500)] {
        let (desk, symbols) = many(tier).await;
        for (depth, cost) in [(10, 5), (100, 25), (1000, 100)] {
            let mut client = Client::connect(desk.sim.addresses().ws_l3).await;
            let wanted = &symbols[..most / cost + 1];
            let limited = vec!["EAPI:Rate limit exceeded".to_owned()];
            let told = taken(&desk, &mut client, wanted, depth).await;
            assert_eq!(told, (most / cost, limited), "{tier:?} {depth}");
            desk.hands.advance(Duration::from_secs(1));
            let told = taken(&desk, &mut client, &wanted[most / cost..], depth).await;
            assert_eq!(told, (1, vec![]), "a second later");
        }
    }
}

#[tokio::test]
async fn s5_4_a_connection_has_at_most_200_symbols_of_level3() {
    let (desk, symbols) = many(Tier::Pro).await;
    let mut client = Client::connect(desk.sim.addresses().ws_l3).await;
    for (from, count) in [(0, 100), (100, 100), (200, 0)] {
        let told = taken(&desk, &mut client, &symbols[from..][..count.max(1)], 10).await;
        assert_eq!((told.0, told.1.is_empty()), (count, count > 0), "{told:?}");
        desk.hands.advance(Duration::from_secs(1));
    }
}
