//! Amends, cancels and fills of orders that rest.

use std::time::Duration;

use super::rig::{Desk, canceled, decimal, fill, is_cancel, order_id, price, qty, record, text};
use crate::{
    engine::{
        Command,
        event::{
            Answer, OrderRecord, RecordStatus, RejectReason, Rejection, ReportKind, Unsent,
            VenueState,
        },
        order::{End, State},
        strategy::Intent,
    },
    types::Side,
};

#[test]
fn the_same_fill_told_twice_counts_once() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    let fills = vec![(order_id(), fill("T1", "0.004"))];
    let open = vec![record(id, RecordStatus::Open, "0.004")];
    desk.reconcile(VenueState {
        open,
        fills,
        ..VenueState::default()
    });
    assert_eq!(desk.position(), 400_000);
}

#[test]
fn late_fill_after_cancel_still_counts() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report_cum(id, canceled(), Some("0"));
    assert_eq!(desk.end(&id), Some(End::Canceled));
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    assert_eq!(
        (desk.end(&id), desk.position()),
        (Some(End::Canceled), 400_000)
    );
}

#[test]
fn a_cancel_report_that_counts_unseen_fills_waits_for_them() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report_cum(id, canceled(), Some("0.004"));
    assert_eq!(desk.end(&id), None);
    assert!(desk.asked_for(&id));
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    assert_eq!(
        (desk.end(&id), desk.position()),
        (Some(End::Canceled), 400_000)
    );
}

#[test]
fn a_cancel_that_overtakes_its_create_is_repeated_until_the_end_is_reported() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 999);
    desk.wish(Intent::Cancel { order: id });
    let commands = desk.take_commands();
    let [Command::Cancel(cancel)] = &commands[..] else {
        panic!("{commands:?}")
    };
    desk.reject(cancel.id, RejectReason::UnknownOrder);
    assert!(matches!(desk.state(&id), State::Pending { .. }));
    desk.accept(create);
    desk.wait(Duration::from_secs(1));
    let commands = desk.take_commands();
    let again = commands.iter().filter(|command| is_cancel(command)).count();
    assert_eq!(again, 1, "{commands:?}");
    desk.report(id, canceled());
    assert_eq!(desk.end(&id), Some(End::Canceled));
}

#[test]
fn a_cancel_waits_for_the_answer_to_an_amend() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    let amend = desk.amend(id, 998, 1_000_000);
    desk.wish(Intent::Cancel { order: id });
    assert!(desk.take_commands().is_empty());
    desk.answer(amend, Answer::Accepted { order_id: None });
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}

#[test]
fn an_unanswered_amend_counts_at_its_worst_until_it_is_settled() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 998);
    let (price, qty) = (price(999), qty(3_000_000));
    let amend = desk.amend(id, 999, 3_000_000);
    desk.answer(amend, Answer::Unanswered);
    let order = desk.order(&id);
    assert_eq!((order.worst_price(), order.open_qty()), (price, qty));
    desk.wait(Duration::from_secs(7));
    assert!(desk.asked_for(&id));
    desk.found_order(OrderRecord {
        qty: decimal("0.03"),
        limit_price: Some(decimal("99.9")),
        ..record(id, RecordStatus::Open, "0")
    });
    let order = desk.order(&id);
    assert!(order.is_settled());
    assert_eq!((order.price, order.qty), (price, qty));
}

#[test]
fn a_late_answer_to_an_amend_does_not_settle_the_next() {
    let late = [
        Answer::Accepted { order_id: None },
        Answer::Rejected(Rejection {
            reason: RejectReason::PostOnly,
            text: text("EOrder:Post only order"),
        }),
        Answer::Unsent(Unsent::Stopping),
    ];
    for answer in late {
        let mut desk = Desk::trading();
        let id = desk.rest(Side::Buy, 999);
        let first = desk.amend(id, 998, 1_000_000);
        desk.answer(first, Answer::Unanswered);
        desk.wait(Duration::from_secs(10));
        desk.found_order(record(id, RecordStatus::Open, "0"));
        let second = desk.amend(id, 997, 1_000_000);
        desk.answer(first, answer);
        let order = desk.order(&id);
        assert_eq!(
            (order.price.units(), order.pending_change()),
            (999, Some((price(997), qty(1_000_000)))),
            "{answer:?}"
        );
        desk.answer(second, Answer::Accepted { order_id: None });
        let order = desk.order(&id);
        assert_eq!((order.price.units(), order.is_settled()), (997, true));
    }
}

#[test]
fn a_late_answer_settles_the_amend_that_it_answers() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    let amend = desk.amend(id, 998, 1_000_000);
    desk.answer(amend, Answer::Unanswered);
    desk.answer(amend, Answer::Accepted { order_id: None });
    let order = desk.order(&id);
    assert_eq!((order.price.units(), order.is_settled()), (998, true));
}
