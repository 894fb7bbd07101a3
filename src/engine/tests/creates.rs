//! A create, from the wish to whatever the venue makes of it.

use std::time::Duration;

use super::rig::{Desk, fill, is_look_up, limit, order_id, record};
use crate::{
    engine::{
        Command, Mode,
        event::{
            Answer, Event, Found, Link, RecordStatus, RejectReason, ReportKind, Unsent, VenueState,
        },
        order::{End, State},
        risk::Code,
    },
    types::Side,
};

#[test]
fn nothing_is_sent_before_the_account_is_reconciled() {
    let mut desk = Desk::new();
    desk.feed(Event::Feed(Link::Up));
    desk.wish(limit(Side::Buy, 999));
    desk.feed(Event::Account(Link::Up));
    assert!(matches!(desk.take_commands()[..], [Command::Reconcile(_)]));
    desk.reconcile(VenueState::default());
    assert!(matches!(desk.take_commands()[..], [Command::Submit(_)]));
}

#[test]
fn unanswered_create_is_looked_up_and_never_sent_again() {
    let mut desk = Desk::trading();
    let id = desk.lose(Side::Buy, 999);
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    desk.wait(Duration::from_secs(6));
    assert_eq!(desk.take_commands(), [], "the venue may still match it");
    desk.wait(Duration::from_secs(1));
    let commands = desk.take_commands();
    assert!(
        matches!(&commands[..], [look] if is_look_up(look, &id)),
        "{commands:?}"
    );
    for _ in 0..20 {
        desk.found(id, Found::Absent);
        desk.wait(Duration::from_secs(2));
    }
    let commands = desk.take_commands();
    assert!(
        commands
            .iter()
            .all(|command| !matches!(command, Command::Submit(_)))
    );
    assert_eq!(desk.end(&id), Some(End::NeverPlaced));
}

#[test]
fn absence_before_the_deadline_is_no_evidence() {
    let mut desk = Desk::trading();
    let id = desk.lose(Side::Buy, 999);
    for _ in 0..5 {
        desk.found(id, Found::Absent);
    }
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
}

#[test]
fn a_refused_look_up_keeps_the_order_unknown_and_stops_its_pair() {
    let mut desk = Desk::trading();
    let id = desk.lose(Side::Buy, 999);
    desk.wait(Duration::from_secs(60));
    desk.found(id, Found::Failed);
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    desk.wish(limit(Side::Buy, 998));
    assert_eq!(desk.denied(), [Code::PairHalted]);
}

#[test]
fn an_edge_that_says_nothing_leaves_no_order_pending_for_ever() {
    let mut desk = Desk::trading();
    let (_, id) = desk.place(Side::Buy, 999);
    desk.wait(Duration::from_secs(8));
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    assert!(desk.asked_for(&id));
}

#[test]
fn an_unknown_order_found_filled_is_booked_with_its_fills() {
    let mut desk = Desk::trading();
    let id = desk.lose(Side::Buy, 999);
    let order = record(id, RecordStatus::Filled, "0.01");
    let fills = vec![(order_id(), fill("T1", "0.01"))];
    let found = Found::Order { order, fills };
    desk.found(id, found);
    assert_eq!(
        (desk.end(&id), desk.position()),
        (Some(End::Filled), 1_000_000)
    );
}

#[test]
fn a_report_before_the_reply_opens_the_order() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    desk.accept(command);
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert_eq!(desk.position(), 400_000);
}

#[test]
fn what_was_in_flight_on_a_lost_connection_is_unknown_and_trading_stops() {
    let mut desk = Desk::trading();
    let (_, id) = desk.place(Side::Buy, 999);
    desk.feed(Event::Account(Link::Down));
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    assert_eq!(desk.engine.mode(), Mode::Syncing);
    desk.feed(Event::Account(Link::Up));
    desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert_eq!(desk.engine.mode(), Mode::Trading);
}

#[test]
fn an_order_that_never_left_is_over() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.feed(Event::Account(Link::Down));
    desk.answer(command, Answer::Unsent(Unsent::NotConnected));
    assert_eq!(desk.end(&id), Some(End::Unsent));
}

#[test]
fn an_order_that_the_venue_refused_and_reports_halts_the_pair() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.report(id, ReportKind::New);
    desk.reject(command, RejectReason::Other);
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert!(desk.halted());
}
