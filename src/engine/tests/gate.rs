//! What the gate refuses.

use std::time::Duration;

use super::rig::{Desk, decimal, limit, limit_of, price, qty};
use crate::{
    engine::{
        Command,
        event::{Answer, Event, Link, OrderEntry},
        risk::Code,
        strategy::Intent,
    },
    types::{Side, TimeInForce, TradingStatus},
};

#[test]
fn every_rule_of_the_gate_refuses_with_its_code() {
    let wish = |at, of| limit_of(Side::Buy, at, of);
    type Prepare = fn(&mut Desk);
    let cases: [(Prepare, Intent, Code); 13] = [
        (
            |d| d.feed(Event::OrderEntry(OrderEntry::Shut)),
            wish(999, 1_000_000),
            Code::OrderEntryShut,
        ),
        (
            |d| d.feed(Event::Venue(TradingStatus::CancelOnly)),
            wish(999, 1_000_000),
            Code::VenueStatus,
        ),
        (
            |d| d.engine.core.state.markets[0].halted = true,
            wish(999, 1_000_000),
            Code::PairHalted,
        ),
        (
            |d| d.engine.core.state.instruments[0].tick = price(5),
            wish(999, 1_000_000),
            Code::Tick,
        ),
        (
            |d| d.engine.core.state.instruments[0].lot = qty(7),
            wish(999, 1_000_000),
            Code::Lot,
        ),
        (|_| {}, wish(999, 4_999), Code::Minimum),
        (|_| {}, wish(999, 100_000), Code::Minimum),
        (
            |d| d.engine.core.settings.limits[0].max_order_qty = Some(decimal("0.005")),
            wish(999, 1_000_000),
            Code::OrderQty,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_order_notional = Some(decimal("0.9")),
            wish(999, 1_000_000),
            Code::OrderNotional,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_position = Some(decimal("0.005")),
            wish(999, 1_000_000),
            Code::Position,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_open_orders = 0,
            wish(999, 1_000_000),
            Code::OpenOrders,
        ),
        (|_| {}, wish(700, 1_000_000), Code::Collar),
        (|_| {}, wish(999, 900_000_000_000), Code::Balance),
    ];
    for (prepare, intent, code) in cases {
        let mut desk = Desk::trading();
        prepare(&mut desk);
        desk.wish(intent);
        assert_eq!(desk.denied(), [code], "{intent:?}");
        assert!(desk.commands.is_empty());
    }
}

#[test]
fn a_stale_book_denies() {
    let mut desk = Desk::trading();
    desk.script.0.lock().unwrap().push(limit(Side::Buy, 999));
    desk.feed(Event::Feed(Link::Down));
    assert_eq!(desk.denied(), [Code::BookStale]);
}

#[test]
fn two_orders_of_ours_never_meet() {
    let mut desk = Desk::trading();
    desk.rest(Side::Sell, 1_004);
    desk.wish(Intent::Place {
        side: Side::Buy,
        price: price(1_004),
        qty: qty(1_000_000),
        time_in_force: TimeInForce::Ioc,
        post_only: false,
    });
    assert_eq!(desk.denied(), [Code::SelfTrade]);
}

#[test]
fn a_strategy_that_amends_without_end_is_slowed_and_can_always_cancel() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 990);
    let mut sent = 0;
    for step in 0..500_i64 {
        desk.wish(Intent::Amend {
            order: id,
            price: price(980 + step % 2),
            qty: qty(1_000_000),
        });
        for command in desk.take_commands() {
            let Command::Amend(amend) = command else {
                continue;
            };
            sent += 1;
            desk.answer(amend.id, Answer::Accepted { order_id: None });
        }
        desk.now = desk.now.after(Duration::from_millis(10));
    }
    // Pro: 180, less the create, the cancel and the margin, plus 5 s of decay, at 4 an amend.
    assert!((40..=47).contains(&sent), "{sent}");
    assert!(desk.denied().contains(&Code::Throttled));
    desk.wish(Intent::Cancel { order: id });
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}
