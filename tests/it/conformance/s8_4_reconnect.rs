//! §8.4 What a client learns that was away. Elsewhere: the dead man's switch meanwhile → `sim_ws/bad_sockets.rs`; books anew → `s1_7_book`.

use std::collections::BTreeSet;

use serde_json::Value;
use tradingd::{sim::matching::OrderKind, types::Side};

use super::desk::{Desk, ask, of, read, reply};

fn add(name: &str, qty: &str, token: &str) -> String {
    format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":{qty},"limit_price":61000.0,"cl_ord_id":"{name}","token":"{token}"}}}}"#
    )
}

#[tokio::test]
async fn s8_4_the_snapshots_make_good_for_what_was_not_heard() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    for (name, qty) in [("gone", "0.01"), ("part", "0.02"), ("rests", "0.03")] {
        reply(&mut client, &add(name, qty, &token)).await;
    }
    drop(client);
    // The first is filled, the second in part, in three trades.
    for qty in [400_000, 600_000, 500_000] {
        desk.hand(desk.pair("BTC/USD"), Side::Sell, OrderKind::Market, qty);
    }
    // The token is good still, for nobody else has it and its time is not over.
    let (mut again, _) = desk.private().await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":true,"snap_trades":true,"token":"{token}"}}}}"#
    );
    let frames = ask(&mut again, &subscribe).await;
    let frames: Vec<Value> = of(&frames, "executions").into_iter().map(read).collect();
    let sequences: Vec<_> = frames
        .iter()
        .map(|frame| (frame["type"].as_str().unwrap(), frame["sequence"].clone()))
        .collect();
    assert_eq!(sequences, [("snapshot", 1.into()), ("snapshot", 2.into())]);
    let rows = |frame: usize| frames[frame]["data"].as_array().unwrap().iter();
    // What is missing is closed; of what is there the sum of the fills is told.
    let open: Vec<_> = rows(0)
        .map(|row| {
            let filled = row["cum_qty"].as_f64().unwrap_or_default();
            (row["cl_ord_id"].as_str().unwrap(), filled)
        })
        .collect();
    assert_eq!(open, [("part", 0.005), ("rests", 0.0)]);
    let closed = read(&desk.call("ClosedOrders", "cl_ord_id=gone").await);
    assert_eq!(closed["result"]["count"], 1);
    // Fills are the trades of the history, by their ids.
    let fills: BTreeSet<&str> = rows(1)
        .map(|row| row["exec_id"].as_str().unwrap())
        .collect();
    let history = read(&desk.call("TradesHistory", "consolidate_taker=false").await);
    let trades = history["result"]["trades"].as_object().unwrap();
    assert_eq!(fills, trades.keys().map(String::as_str).collect());
    assert_eq!(fills.len(), 3);
}

#[tokio::test]
async fn s8_4_the_switch_is_the_accounts_and_is_wound_again_over_the_new_socket() {
    let desk = Desk::documented().await;
    let (mut client, token) = desk.trader().await;
    reply(&mut client, &add("rests", "0.01", &token)).await;
    let wind = format!(
        r#"{{"method":"cancel_all_orders_after","params":{{"timeout":60,"token":"{token}"}}}}"#
    );
    reply(&mut client, &wind).await;
    drop(client);
    let (mut again, _) = desk.private().await;
    for (seconds, open) in [(59, 1), (59, 1), (60, 0)] {
        desk.hands.advance(std::time::Duration::from_secs(seconds));
        desk.sim.venue().elapse();
        let orders = read(&desk.call("OpenOrders", "").await);
        let orders = orders["result"]["open"].as_object().unwrap().len();
        assert_eq!(orders, open);
        reply(&mut again, &wind).await;
    }
}
