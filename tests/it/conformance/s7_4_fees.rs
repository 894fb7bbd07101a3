//! §7.4 Fees by what was traded in thirty days, and their currency. Elsewhere: `fee_preference` on the socket → `sim_ws/extras.rs`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::types::{Decimal, Side};

use crate::sim_rest::rig::{CLIENT, Rig};

const BUY: &str = "pair=XBTUSD&type=buy&ordertype=limit&price=61000.0&volume=0.02";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn credit(rig: &Rig, usd: i64) {
    let usd = Decimal::new(i128::from(usd), 0).unwrap();
    let now = rig.venue.clock().now();
    rig.venue
        .change(|exchange| exchange.credit_volume(CLIENT, now, usd));
}

async fn volume(rig: &Rig) -> Value {
    rig.call("TradeVolume", "pair=XBTUSD").await
}

/// Buys 0.01 BTC at 61,000 from the market, and tells the fee.
async fn fee_of_a_fill(rig: &Rig) -> String {
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.01");
    let order = "pair=XBTUSD&type=buy&ordertype=market&volume=0.01";
    let added = rig.call("AddOrder", order).await;
    let id = added["txid"][0].as_str().unwrap();
    let found = rig.call("QueryOrders", &format!("txid={id}")).await;
    found[id]["fee"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s7_4_the_fee_told_is_the_fee_charged_at_every_step() {
    let rig = Rig::start().await;
    let listed = rig.ask("AssetPairs?pair=XBTUSD").await["XXBTZUSD"].clone();
    let steps = listed["fees"].as_array().unwrap();
    let mut before = 0;
    for (position, step) in steps.iter().enumerate().take(5) {
        let (from, percent) = (step[0].as_i64().unwrap(), step[1].as_f64().unwrap());
        credit(&rig, from - before);
        // The fill of this round, above the step.
        before = from + 610;
        let told = volume(&rig).await;
        let taker = &told["fees"]["XXBTZUSD"];
        assert_eq!(taker["fee"], format!("{percent:.4}"));
        assert_eq!(taker["tiervolume"], format!("{from}.0000"));
        let next = &steps[position + 1];
        assert_eq!(
            taker["nextfee"],
            format!("{:.4}", next[1].as_f64().unwrap())
        );
        assert_eq!(taker["nextvolume"], format!("{}.0000", next[0]));
        assert_eq!(
            (&taker["minfee"], &taker["maxfee"]),
            (&json!("0.1000"), &json!("0.4000"))
        );
        let maker = &listed["fees_maker"][position][1];
        assert_eq!(
            told["fees_maker"]["XXBTZUSD"]["fee"],
            format!("{:.4}", maker.as_f64().unwrap())
        );
        let fee = fee_of_a_fill(&rig).await;
        // 610 USD at the step's rate.
        assert_eq!(fee, format!("{:.5}", 6.10 * percent), "{step}");
    }
}

#[tokio::test]
async fn s7_4_volume_is_in_dollars_and_leaves_after_thirty_days() {
    let rig = Rig::start().await;
    assert_eq!(volume(&rig).await["volume"], "0.0000");
    // Where nothing traded yet, the opening price counts: 97,000 USD.
    rig.agent(Side::Sell, "ETH/BTC", "0.03000", "1");
    rig.call("AddOrder", "pair=ETHXBT&type=buy&ordertype=market&volume=1")
        .await;
    assert_eq!(volume(&rig).await["volume"], "2910.0000");
    rig.hands.advance(DAY);
    fee_of_a_fill(&rig).await;
    assert_eq!(volume(&rig).await["volume"], "3520.0000");
    rig.hands.advance(DAY * 29);
    assert_eq!(volume(&rig).await["volume"], "610.0000");
    rig.hands.advance(DAY);
    assert_eq!(volume(&rig).await["volume"], "0.0000");
}

#[tokio::test]
async fn s7_4_a_last_step_has_no_next_one_and_schedules_come_when_asked_for() {
    let rig = Rig::start().await;
    credit(&rig, 20_000_000);
    let told = volume(&rig).await;
    assert_eq!(told["volume"], "20000000.0000");
    let taker = &told["fees"]["XXBTZUSD"];
    assert_eq!(taker["fee"], "0.1000");
    assert!(taker["nextfee"].is_null() && taker["nextvolume"].is_null());
    assert_eq!(told["fees_maker"]["XXBTZUSD"]["fee"], "0.0000");
    assert!(told.get("schedules").is_none());
    let told = rig
        .call("TradeVolume", "pair=XBTUSD&fee_schedule=true")
        .await;
    let tiers = told["schedules"][0]["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 10);
    let active: Vec<bool> = tiers
        .iter()
        .map(|tier| tier["active"].as_bool().unwrap())
        .collect();
    assert!(active[9] && !active[..9].contains(&true));
    assert_eq!(tiers[1]["min_spot_volume"], "10000.0000");
    assert_eq!(tiers[1]["taker_fee"], "0.3500");
    // Maker orders are free here.
    rig.call(
        "AddOrder",
        "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&oflags=post",
    )
    .await;
    rig.agent(Side::Sell, "BTC/USD", "100.0", "0.01");
    let trades = rig.call("TradesHistory", "").await;
    let trade = trades["trades"].as_object().unwrap().values().next();
    assert_eq!(trade.unwrap()["fee"], "0.00000");
}

#[tokio::test]
async fn s7_4_fees_in_base_are_told_by_the_flag_and_the_ledger() {
    let rig = Rig::start().await;
    rig.agent(Side::Sell, "BTC/USD", "61000.0", "0.02");
    let added = rig.call("AddOrder", &format!("{BUY}&oflags=fcib")).await;
    let id = added["txid"][0].as_str().unwrap();
    let order = rig.call("QueryOrders", &format!("txid={id}")).await;
    assert_eq!(order[id]["oflags"], "fcib");
    let ledger = rig.call("Ledgers", "").await;
    let rows = ledger["ledger"].as_object().unwrap();
    for row in rows.values() {
        let want = if row["asset"] == "XXBT" {
            "0.0000800000"
        } else {
            "0.0000"
        };
        assert_eq!(row["fee"], want, "{row}");
    }
    // In trades a fee is what it is worth in quote.
    let trades = rig.call("TradesHistory", "").await;
    let trade = trades["trades"].as_object().unwrap().values().next();
    assert_eq!(trade.unwrap()["fee"], "4.88000");
    for both in ["fcib,fciq", "fciq,fcib"] {
        let order = format!("{BUY}&oflags={both}");
        let refused = rig.refused("AddOrder", &order).await;
        assert_eq!(refused, "EGeneral:Invalid arguments:oflags");
    }
}

#[tokio::test]
async fn s7_4_each_pair_lists_its_schedule_and_stablecoins_have_one_of_their_own() {
    let rig = Rig::start().await;
    let pairs = rig.ask("AssetPairs?pair=XBTUSD,USDTUSD").await;
    let (spot, stable) = (&pairs["XXBTZUSD"], &pairs["USDTZUSD"]);
    assert_eq!(
        spot["fees"],
        json!([
            [0, 0.4],
            [10_000, 0.35],
            [50_000, 0.24],
            [100_000, 0.22],
            [250_000, 0.2],
            [500_000, 0.18],
            [1_000_000, 0.16],
            [2_500_000, 0.14],
            [5_000_000, 0.12],
            [10_000_000, 0.1],
        ])
    );
    assert_eq!(
        spot["fees_maker"],
        json!([
            [0, 0.25],
            [10_000, 0.2],
            [50_000, 0.14],
            [100_000, 0.12],
            [250_000, 0.08],
            [500_000, 0.06],
            [1_000_000, 0.04],
            [2_500_000, 0.02],
            [5_000_000, 0],
            [10_000_000, 0],
        ])
    );
    assert_ne!(stable["fees"], spot["fees"]);
    let told = rig.call("TradeVolume", "pair=USDTUSD").await;
    let first = stable["fees"][0][1].as_f64().unwrap();
    assert_eq!(told["fees"]["USDTZUSD"]["fee"], format!("{first:.4}"));
}

#[tokio::test]
async fn s7_4_fees_are_in_quote_by_default_and_a_post_only_order_pays_the_makers() {
    let rig = Rig::start().await;
    rig.agent(Side::Buy, "BTC/USD", "60000.0", "0.01");
    for (order, fee) in [
        ("type=sell&ordertype=market&volume=0.01", "2.4000"),
        (
            "type=buy&ordertype=limit&price=59000.0&volume=0.01&oflags=post",
            "1.4750",
        ),
    ] {
        rig.call("AddOrder", &format!("pair=XBTUSD&{order}")).await;
        if order.ends_with("post") {
            rig.agent(Side::Sell, "BTC/USD", "59000.0", "0.01");
        }
        let ledger = rig.call("Ledgers", "").await;
        let rows = ledger["ledger"].as_object().unwrap().values();
        let paid = rows.filter(|row| row["asset"] == "ZUSD" && row["fee"] == fee);
        assert_eq!(paid.count(), 1, "{ledger}");
    }
    let ledger = rig.call("Ledgers", "asset=XBT").await;
    for row in ledger["ledger"].as_object().unwrap().values() {
        assert_eq!(row["fee"], "0.0000000000");
    }
}
