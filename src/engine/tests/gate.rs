//! What the gate refuses.

use std::time::Duration;

use super::rig::{Desk, decimal, fill, limit, limit_of, price, qty};
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

type Enter = fn(&mut Desk, TradingStatus);

/// The two that can be in a mode: the venue, and the market.
const MODES: [(&str, Enter); 2] = [
    ("venue", |desk, status| desk.feed(Event::Venue(status))),
    ("market", |desk, status| {
        desk.engine.core.state.instruments[0].status = status;
    }),
];

/// Whether a desk lets a wish out; if not, it must be because of the mode.
fn takes(mut desk: Desk, wish: Intent) -> bool {
    desk.wish(wish);
    let denied = desk.denied();
    assert_eq!(desk.commands.is_empty(), !denied.is_empty(), "{wish:?}");
    assert!(denied.is_empty() || denied == [Code::VenueStatus]);
    denied.is_empty()
}

#[test]
fn each_mode_takes_its_kinds_of_orders_and_every_cancel_is_tried() {
    use TradingStatus as S;
    let buy = |at, time_in_force, post_only| Intent::Place {
        side: Side::Buy,
        price: price(at),
        qty: qty(1_000_000),
        time_in_force,
        post_only,
    };
    let places = [
        buy(999, TimeInForce::Gtc, true),
        buy(999, TimeInForce::Gtc, false),
        buy(1_005, TimeInForce::Gtc, false),
        buy(1_005, TimeInForce::Ioc, false),
    ];
    // Of the orders above, and of a change of one that is post-only.
    let cases = [
        (S::Online, [true; 4], true),
        (S::LimitOnly, [true; 4], true),
        (S::PostOnly, [true, false, false, false], true),
        (S::ReduceOnly, [false; 4], false),
        (S::CancelOnly, [false; 4], false),
        (S::Maintenance, [false; 4], false),
        (S::Closed, [false; 4], false),
        (S::InProgress, [false; 4], false),
    ];
    for (of, enter) in MODES {
        for (status, taken, changed) in cases {
            let desk = || {
                let mut desk = Desk::trading();
                let order = desk.rest(Side::Buy, 990);
                enter(&mut desk, status);
                (desk, order)
            };
            for (wish, taken) in places.into_iter().zip(taken) {
                assert_eq!(takes(desk().0, wish), taken, "{of} {status:?} {wish:?}");
            }
            let ((changing, order), (price, qty)) = (desk(), (price(991), qty(1_000_000)));
            let change = Intent::Amend { order, price, qty };
            assert_eq!(takes(changing, change), changed, "{of} {status:?}");
            let (canceling, order) = desk();
            assert!(takes(canceling, Intent::Cancel { order }));
        }
    }
}

#[test]
fn a_mode_that_only_reduces_takes_what_makes_the_position_smaller() {
    for (of, enter) in MODES {
        for (held, side, wanted, taken) in [
            (Side::Buy, Side::Sell, 1_000_000, true),
            (Side::Buy, Side::Sell, 1_000_001, false),
            (Side::Buy, Side::Buy, 1_000_000, false),
            (Side::Sell, Side::Buy, 1_000_000, true),
            (Side::Sell, Side::Buy, 1_000_001, false),
            (Side::Sell, Side::Sell, 1_000_000, false),
        ] {
            let mut desk = Desk::trading();
            let position = &mut desk.engine.core.state.markets[0].position;
            let traded = position.apply(held, qty(1_000_000), &fill("E1", "0.01"));
            traded.unwrap();
            enter(&mut desk, TradingStatus::ReduceOnly);
            let at = match side {
                Side::Buy => 999,
                Side::Sell => 1_006,
            };
            let told = takes(desk, limit_of(side, at, wanted));
            assert_eq!(told, taken, "{of}: {held:?}, then {side:?} {wanted}");
        }
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
