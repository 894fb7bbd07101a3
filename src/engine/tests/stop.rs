//! The end of a run, wished for or forced.

use super::rig::{Desk, canceled, limit, record};
use crate::{
    engine::{
        Command, Mode,
        event::{Control, Event, RecordStatus, VenueState},
    },
    types::{ClOrdId, Side},
};

#[test]
fn a_stop_cancels_everything_and_ends_when_the_venue_agrees() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.feed(Event::Control(Control::Stop));
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
    desk.report(id, canceled());
    assert!(matches!(desk.take_commands()[..], [Command::Reconcile(_)]));
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Stopped);
}

#[test]
fn a_stop_does_not_end_while_the_venue_still_shows_an_order_of_ours() {
    let mut desk = Desk::trading();
    desk.feed(Event::Control(Control::Stop));
    let ours = ClOrdId::new("td0000100000001").unwrap();
    desk.take_commands();
    desk.reconcile_open(vec![record(ours, RecordStatus::Open, "0")]);
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}

#[test]
fn after_a_failed_journal_only_cancels_leave() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.feed(Event::JournalFailed);
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
    desk.wish(limit(Side::Buy, 998));
    assert!(
        desk.take_commands()
            .iter()
            .all(|command| !matches!(command, Command::Submit(_)))
    );
    assert!(desk.orders().get(&id).is_some());
}
