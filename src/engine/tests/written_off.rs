//! Orders taken as never placed, which the venue then shows.

use std::time::Duration;

use super::rig::{Desk, canceled, fill, is_cancel, order_id, record};
use crate::{
    engine::{
        Mode,
        event::{
            Answer, Control, Event, Found, RecordStatus, RejectReason, ReportKind, Unsent,
            VenueState,
        },
        order::End,
    },
    types::{ClOrdId, Side},
};

/// A desk with an order that ended without ever having been at the venue, as far as we know.
fn written_off(end: End) -> (Desk, ClOrdId) {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    match end {
        End::Rejected => desk.reject(command, RejectReason::Deadline),
        End::Unsent => desk.answer(command, Answer::Unsent(Unsent::DeadlinePassed)),
        _ => {
            desk.answer(command, Answer::Unanswered);
            for _ in 0..2 {
                desk.wait(Duration::from_secs(10));
                desk.found(id, Found::Absent);
            }
        }
    }
    assert_eq!(desk.end(&id), Some(end));
    desk.book(1_000, 1_005);
    desk.take_commands();
    (desk, id)
}

#[test]
fn an_order_written_off_that_the_venue_shows_is_live_again_and_halts_its_pair() {
    type Show = fn(&mut Desk, ClOrdId);
    let shows: [Show; 4] = [
        |desk, id| desk.report(id, ReportKind::New),
        |desk, id| desk.report(id, ReportKind::Trade(fill("T1", "0.004"))),
        |desk, id| desk.report_cum(id, canceled(), Some("0.004")),
        |desk, id| desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]),
    ];
    for end in [End::NeverPlaced, End::Rejected, End::Unsent] {
        for (number, show) in shows.iter().enumerate() {
            let (mut desk, id) = written_off(end);
            show(&mut desk, id);
            let live = desk.engine.status().live_ids();
            assert_eq!(live, [id], "{end:?}, {number}");
            assert!(desk.halted(), "{end:?}, {number}");
            assert_eq!(desk.engine.status().anomalies(), 1, "{end:?}, {number}");
        }
    }
}

#[test]
fn a_stop_does_not_end_while_an_order_written_off_rests() {
    let (mut desk, id) = written_off(End::NeverPlaced);
    desk.feed(Event::Control(Control::Stop));
    desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    assert!(desk.commands.iter().any(is_cancel), "{:?}", desk.commands);
    desk.report(id, canceled());
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Stopped);
}

#[test]
fn a_stop_that_had_ended_goes_on_when_an_order_turns_up() {
    let (mut desk, id) = written_off(End::NeverPlaced);
    desk.feed(Event::Control(Control::Stop));
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Stopped);
    desk.report(id, ReportKind::New);
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    assert!(desk.commands.iter().any(is_cancel), "{:?}", desk.commands);
}

#[test]
fn an_order_written_off_that_filled_whole_is_booked_and_halts_its_pair() {
    let (mut desk, id) = written_off(End::NeverPlaced);
    desk.reconcile(VenueState {
        closed: vec![record(id, RecordStatus::Filled, "0.01")],
        fills: vec![(order_id(), fill("T1", "0.01"))],
        ..VenueState::default()
    });
    assert_eq!(
        (desk.end(&id), desk.position(), desk.halted()),
        (Some(End::Filled), 1_000_000, true)
    );
}

#[test]
fn the_end_of_an_order_written_off_is_no_news() {
    for end in [End::NeverPlaced, End::Rejected, End::Unsent] {
        let (mut desk, id) = written_off(end);
        desk.report_cum(id, canceled(), Some("0"));
        assert_eq!((desk.end(&id), desk.halted()), (Some(end), false));
    }
}

#[test]
fn a_stale_row_of_an_order_that_was_canceled_changes_nothing() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report(id, canceled());
    desk.report(id, ReportKind::New);
    desk.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    assert_eq!((desk.end(&id), desk.halted()), (Some(End::Canceled), false));
}
