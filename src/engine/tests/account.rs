//! The account as the venue's records tell it: orders adopted, strays, differences.

use std::time::Duration;

use super::rig::{Desk, canceled, decimal, fill, order_id, record, report, text};
use crate::{
    engine::{
        Command, Mode, Note,
        event::{
            Answer, Control, Event, Fill, Link, OrderRecord, RecordStatus, Report, ReportKind,
            VenueState,
        },
        order::End,
    },
    types::{ClOrdId, OrderId, Side, Timestamp},
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

/// Neither the part that was filled before the journal began, nor the part that is counted, is asked for again and again.
#[test]
fn an_order_of_ours_that_a_snapshot_tells_partly_filled_is_adopted_by_the_records() {
    let mut desk = Desk::new();
    desk.now = Timestamp::from_secs(6_000);
    desk.feed(Event::Account(Link::Up));
    let id = ClOrdId::new("td0000100000001").unwrap();
    let told = Report {
        symbol: Some(text("BTC/USD")),
        side: Some(Side::Buy),
        order_qty: Some(decimal("0.01")),
        limit_price: Some(decimal("99.9")),
        cum_qty: Some(decimal("0.006")),
        ..report(id, ReportKind::New, desk.now)
    };
    desk.feed(Event::Report(Box::new(told)));
    assert!(desk.engine.status().live_ids().is_empty());
    let fill = |exec, qty, at| Fill {
        at: Timestamp::from_secs(at),
        ..fill(exec, qty)
    };
    desk.reconcile(VenueState::default());
    desk.reconcile(VenueState {
        open: vec![record(id, RecordStatus::Open, "0.006")],
        fills: vec![
            (order_id(), fill("T1", "0.003", 900)),
            (order_id(), fill("T2", "0.002", 1_500)),
        ],
        ..VenueState::default()
    });
    assert_eq!(desk.position(), 200_000, "the fill of this run alone");
    assert_eq!(desk.order(&id).filled.units(), 600_000);
    assert_eq!(desk.engine.mode(), Mode::Trading);
    desk.report_cum(id, canceled(), Some("0.006"));
    assert_eq!(desk.end(&id), Some(End::Canceled));
    assert!(!desk.halted());
}

/// A clock that is a minute and a half ahead: what the venue records of a create lies before our time of sending it.
#[test]
fn the_venue_is_asked_in_its_own_time() {
    let mut desk = Desk::trading();
    desk.feed(Event::ClockOffset(-90_000_000_000));
    let id = desk.lose(Side::Buy, 999);
    let sent = desk.order(&id).sent.before(Duration::from_secs(90));
    desk.wait(Duration::from_secs(8));
    let commands = desk.take_commands();
    let [Command::LookUp(look_up)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(look_up.sent, sent);
    desk.feed(Event::Account(Link::Down));
    desk.feed(Event::Account(Link::Up));
    let commands = desk.take_commands();
    let [Command::Reconcile(wish)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(wish.since <= sent.before(Duration::from_secs(120)));
}

/// The order is hours old, the records are known up to a minute ago.
#[test]
fn an_old_order_is_searched_for_in_what_is_not_known_yet() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.wait(Duration::from_secs(3_600));
    desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    let known = desk.now;
    let amend = desk.amend(id, 998, 1_000_000);
    desk.answer(amend, Answer::Unanswered);
    desk.wait(Duration::from_secs(8));
    let commands = desk.take_commands();
    let asked = commands.iter().find_map(|command| match command {
        Command::LookUp(look_up) => Some(look_up.since),
        _ => None,
    });
    assert_eq!(asked, Some(known.before(Duration::from_secs(120))));
}
