//! The account as the venue's records tell it: orders adopted, strays, differences.

use std::time::Duration;

use super::rig::{Desk, decimal, order_id, record, text};
use crate::{
    engine::{
        Command, Mode, Note,
        event::{Answer, Control, Event, Link, OrderRecord, RecordStatus, ReportKind, VenueState},
    },
    types::{ClOrdId, OrderId, Side},
};

#[test]
fn an_open_order_with_our_tag_is_adopted_and_a_foreign_one_is_not() {
    let mut desk = Desk::new();
    desk.feed(Event::Account(Link::Up));
    let ours = ClOrdId::new("td0000100000001").unwrap();
    assert_eq!(ours.len(), 15);
    let foreign = ClOrdId::new("manual-1").unwrap();
    let other: OrderId = text("OZZZZZ-ZZZZZ-ZZZZZZ");
    let open = vec![
        record(ours, RecordStatus::Open, "0.004"),
        OrderRecord {
            order_id: other,
            ..record(foreign, RecordStatus::Open, "0")
        },
    ];
    desk.reconcile_open(open);
    let live: Vec<_> = desk.engine.status().live_ids();
    assert_eq!(live, [ours]);
    assert_eq!(
        desk.position(),
        0,
        "what was filled before the journal began is not ours to count"
    );
}

fn stray() -> OrderRecord {
    OrderRecord {
        symbol: text("DOGE/USD"),
        ..record(
            ClOrdId::new("td0000100000001").unwrap(),
            RecordStatus::Open,
            "0",
        )
    }
}

#[test]
fn an_order_of_ours_in_a_pair_that_is_not_configured_keeps_the_engine_from_trading() {
    let mut desk = Desk::new();
    desk.feed(Event::Feed(Link::Up));
    desk.feed(Event::Account(Link::Up));
    desk.reconcile_open(vec![stray()]);
    assert_eq!(desk.engine.mode(), Mode::Syncing);
    let named = Note::Stray {
        cl_ord_id: stray().cl_ord_id.unwrap(),
        order_id: order_id(),
        symbol: text("DOGE/USD"),
    };
    assert!(desk.notes.contains(&named), "{:?}", desk.notes);
    desk.wait(Duration::from_secs(60));
    assert!(matches!(
        desk.take_commands()[..],
        [Command::Reconcile(_), Command::Reconcile(_)]
    ));
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Trading);
    desk.reconcile_open(vec![stray()]);
    assert_eq!(desk.engine.mode(), Mode::Syncing);
}

#[test]
fn a_stop_does_not_end_while_an_order_rests_in_a_pair_that_is_not_configured() {
    let mut desk = Desk::trading();
    desk.feed(Event::Control(Control::Stop));
    desk.reconcile_open(vec![stray()]);
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    let named = desk.engine.status().live_ids();
    assert_eq!(named, [stray().cl_ord_id.unwrap()]);
    desk.take_commands();
    desk.feed(Event::Tick);
    assert!(desk.commands.is_empty(), "asked again without a pause");
    desk.wait(Duration::from_secs(10));
    assert!(matches!(desk.take_commands()[..], [Command::Reconcile(_)]));
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Stopped);
}

#[test]
fn a_resting_order_that_the_records_tell_otherwise_is_looked_up_and_then_halts_its_pair() {
    for (price, qty) in [("99.9", "0.02"), ("99.8", "0.01")] {
        let mut desk = Desk::trading();
        let id = desk.rest(Side::Buy, 999);
        desk.wait(Duration::from_secs(30));
        let told = OrderRecord {
            limit_price: Some(decimal(price)),
            qty: decimal(qty),
            ..record(id, RecordStatus::Open, "0")
        };
        desk.reconcile_open(vec![told.clone()]);
        assert!(!desk.halted());
        desk.wait(Duration::from_secs(5));
        assert!(desk.asked_for(&id));
        desk.found_order(told);
        assert!(desk.halted());
        let order = desk.order(&id);
        let rules = &desk.engine.core.state.instruments[0];
        assert_eq!(rules.price_decimal(order.price), decimal(price));
        assert_eq!(rules.quantity_decimal(order.qty), decimal(qty));
    }
}

#[test]
fn records_that_lag_behind_an_amend_change_nothing() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.wait(Duration::from_secs(30));
    let amend = desk.amend(id, 998, 1_000_000);
    desk.answer(amend, Answer::Accepted { order_id: None });
    desk.wait(Duration::from_secs(1));
    desk.take_commands();
    let old = record(id, RecordStatus::Open, "0");
    desk.reconcile_open(vec![old.clone()]);
    desk.reconcile_open(vec![old.clone()]);
    assert!(desk.commands.is_empty(), "{:?}", desk.commands);
    desk.wait(Duration::from_secs(30));
    desk.reconcile_open(vec![old]);
    desk.wait(Duration::from_secs(5));
    desk.found_order(OrderRecord {
        limit_price: Some(decimal("99.8")),
        ..record(id, RecordStatus::Open, "0")
    });
    assert!(!desk.halted());
    let order = desk.order(&id);
    assert_eq!((order.price.units(), order.look), (998, None));
}

#[test]
fn after_an_outage_the_records_are_asked_from_the_last_reconciliation_on() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    let known = desk.now;
    desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    desk.feed(Event::Account(Link::Down));
    desk.now = desk.now.after(Duration::from_secs(3_600));
    desk.feed(Event::ReconcileFailed);
    desk.report(id, ReportKind::New);
    desk.take_commands();
    desk.feed(Event::Account(Link::Up));
    let commands = desk.take_commands();
    let [Command::Reconcile(reconcile)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(reconcile.since <= known, "{:?}", reconcile.since);
}
