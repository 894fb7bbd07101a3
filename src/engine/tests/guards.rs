//! One test a guard that stands between a misunderstanding and money: what is in doubt counts at its worst, and no error is evidence.

use std::time::Duration;

use super::rig::{Desk, Script, decimal, fill, instrument, is_look_up, limit, limit_of, price};
use crate::{
    engine::{
        Checkpoint, Command, Mode, Settings,
        command::NewOrder,
        event::{
            Answer, BookKind, BookUpdate, Event, Found, Level, Link, RejectReason, ReportKind,
            VenueState,
        },
        order::State,
        risk::{self, Code},
        strategy::{Intent, Strategy},
    },
    types::{ClOrdId, Instrument, InstrumentId, Price, Quantity, Side, TimeInForce, TradingStatus},
};

fn buy(at: i64, of: i64) -> Intent {
    limit_of(Side::Buy, at, of)
}

fn change(order: ClOrdId, at: i64, of: i64) -> Intent {
    Intent::Amend {
        order,
        price: price(at),
        qty: Quantity::new(of).unwrap(),
    }
}

fn submits(commands: &[Command]) -> usize {
    let submits = |command: &&Command| matches!(command, Command::Submit(_));
    commands.iter().filter(submits).count()
}

#[test]
fn a_wrong_checksum_asks_for_one_fresh_book() {
    let mut desk = Desk::trading();
    let level = |units| Level {
        price: Price::new(units).unwrap(),
        qty: Quantity::new(1).unwrap(),
    };
    for _ in 0..3 {
        desk.feed(Event::Book(BookUpdate {
            instrument: InstrumentId(0),
            kind: BookKind::Update,
            bids: vec![level(999)],
            asks: Vec::new(),
            checksum: 1,
            at: None,
        }));
    }
    assert_eq!(desk.take_commands(), [Command::Resync(InstrumentId(0))]);
    desk.wish(buy(999, 1_000_000));
    assert_eq!(submits(&desk.take_commands()), 1, "and heals by it");
}

#[test]
fn a_change_in_doubt_counts_with_the_larger_size_and_the_worse_price() {
    for (from, to) in [
        ((998, 1_000_000), (999, 3_000_000)),
        ((999, 3_000_000), (998, 1_000_000)),
    ] {
        let mut desk = Desk::trading();
        desk.wish(buy(from.0, from.1));
        let [Command::Submit(create)] = &desk.take_commands()[..] else {
            panic!("no create")
        };
        desk.accept(create.id);
        desk.wish(change(create.cl_ord_id, to.0, to.1));
        let [Command::Amend(amend)] = &desk.take_commands()[..] else {
            panic!("no amend")
        };
        for _ in 0..2 {
            let order = desk.engine.core.state.orders.get(&create.cl_ord_id);
            let order = order.unwrap();
            let worst = (order.worst_price().units(), order.open_qty().units());
            assert_eq!(worst, (999, 3_000_000), "sent first, then unanswered");
            desk.answer(amend.id, Answer::Unanswered);
        }
    }
}

#[test]
fn what_open_orders_may_buy_counts_in_the_position() {
    let mut desk = Desk::trading();
    desk.engine.core.settings.limits[0].max_position = Some(decimal("0.015"));
    desk.wish(buy(999, 1_000_000));
    desk.wish(buy(998, 1_000_000));
    assert_eq!(submits(&desk.take_commands()), 1);
    assert_eq!(desk.denied(), [Code::Position]);
}

#[test]
fn what_open_orders_may_cost_is_not_spent_twice() {
    let mut desk = Desk::trading();
    // 100,000 USD: one of these fits, two do not.
    desk.wish(buy(999, 60_000_000_000));
    desk.wish(buy(998, 60_000_000_000));
    assert_eq!(submits(&desk.take_commands()), 1);
    assert_eq!(desk.denied(), [Code::Balance]);
}

#[test]
fn only_an_order_that_is_settled_is_changed() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 990);
    desk.wish(change(id, 991, 1_000_000));
    assert_eq!(desk.denied(), [Code::NotChangeable], "not answered yet");
    desk.accept(create);
    desk.wish(change(id, 991, 1_000_000));
    desk.wish(change(id, 992, 1_000_000));
    let amends = desk.take_commands();
    assert!(matches!(amends[..], [Command::Amend(_)]), "{amends:?}");
    assert_eq!(desk.denied(), [Code::NotChangeable; 2], "one at a time");
}

#[test]
fn look_ups_that_fail_are_no_evidence_however_many() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.answer(command, Answer::Unanswered);
    for _ in 0..20 {
        desk.wait(Duration::from_secs(10));
        desk.found(id, Found::Failed);
    }
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    assert_eq!(submits(&desk.take_commands()), 0);
}

#[test]
fn an_id_that_the_venue_calls_taken_is_an_order_that_is_there() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.reject(command, RejectReason::DuplicateId);
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    let commands = desk.take_commands();
    assert!(
        matches!(&commands[..], [look] if is_look_up(look, &id)),
        "{commands:?}"
    );
}

#[test]
fn a_total_that_comes_late_takes_no_fill_back() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 999);
    desk.accept(create);
    let first = ReportKind::Trade(fill("TAAAAA-AAAAA-AAAAAA", "0.004"));
    desk.report_cum(id, first, Some("0.004"));
    desk.report_cum(id, ReportKind::New, Some("0"));
    let order = desk.engine.core.state.orders.get(&id).unwrap();
    assert_eq!(order.filled.units(), 400_000);
    assert_eq!(order.open_qty().units(), 600_000);
}

#[test]
fn an_account_that_was_read_before_the_link_came_back_proves_nothing() {
    let mut desk = Desk::new();
    desk.feed(Event::Account(Link::Up));
    desk.feed(Event::Account(Link::Down));
    desk.feed(Event::Account(Link::Up));
    desk.take_commands();
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Syncing);
    let commands = desk.take_commands();
    assert!(
        matches!(commands[..], [Command::Reconcile(_)]),
        "{commands:?}"
    );
    desk.reconcile(VenueState::default());
    assert_eq!(desk.engine.mode(), Mode::Trading);
}

#[test]
fn what_was_in_flight_when_a_run_ended_is_unknown_to_the_next() {
    let mut desk = Desk::trading();
    let (_, pending) = desk.place(Side::Buy, 990);
    let (now, settings) = (desk.now, desk.engine.settings().clone());
    let saved = desk.engine.checkpoint().unwrap();
    let read = Checkpoint::decode(settings.clone(), &saved).unwrap();
    let next = Settings {
        epoch: settings.epoch + 1,
        ..settings
    };
    let script = Script::default();
    let strategies: Vec<Box<dyn Strategy>> = vec![Box::new(script.clone())];
    let engine = read.restore().succeed(now, next, strategies);
    let mut desk = Desk::over(engine, script, now);
    assert!(matches!(desk.state(&pending), State::Unknown { .. }));
    desk.wait(Duration::from_secs(7));
    let commands = desk.take_commands();
    assert!(
        commands.iter().any(|command| is_look_up(command, &pending)),
        "{commands:?}"
    );
}

#[test]
fn the_gate_itself_lets_nothing_pass_while_the_engine_does_not_trade() {
    let desk = Desk::trading();
    let order = NewOrder {
        instrument: InstrumentId(0),
        side: Side::Buy,
        price: Price::new(999).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    };
    let view = desk.engine.core.risk_view(InstrumentId(0)).unwrap();
    assert!(risk::check_new(&view, order).is_ok());
    let still = risk::View {
        trading: false,
        ..view
    };
    let refused = risk::check_new(&still, order).unwrap_err();
    assert_eq!(refused.code, Code::NotTrading);
}

#[test]
fn a_book_that_stands_still_too_long_denies() {
    let mut desk = Desk::trading();
    desk.engine.core.settings.limits[0].max_book_age = Duration::from_secs(2);
    let script = desk.script.clone();
    let wish = move |desk: &mut Desk| {
        script.0.lock().unwrap().push(limit(Side::Buy, 999));
        // Asks the strategies, and is no news of the book.
        desk.feed(Event::Venue(TradingStatus::Online));
    };
    desk.now = desk.now.after(Duration::from_millis(2_001));
    wish(&mut desk);
    assert_eq!(desk.denied(), [Code::BookOld]);
    desk.book(1_000, 1_005);
    desk.now = desk.now.after(Duration::from_millis(2_000));
    wish(&mut desk);
    assert!(matches!(desk.take_commands()[..], [Command::Submit(_)]));
}

#[test]
fn a_changed_precision_takes_the_book_anew_and_stops_the_pair() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 990);
    desk.accept(create);
    desk.take_commands();
    let finer = Instrument {
        price_precision: 2,
        tick: Price::new(5).unwrap(),
        ..instrument("BTC/USD")
    };
    desk.feed(Event::Instrument(InstrumentId(0), Box::new(finer)));
    let commands = desk.take_commands();
    let ends = |command: &Command| matches!(command, Command::Cancel(one) if one.cl_ord_id == id);
    assert!(commands.iter().any(ends), "{commands:?}");
    assert!(commands.contains(&Command::Resync(InstrumentId(0))));
    let market = &desk.engine.core.state.markets[0];
    assert!(!market.book.is_verified() && market.book.best_bid().is_none());
    let order = desk.engine.core.state.orders.get(&id).unwrap();
    assert_eq!(order.price.units(), 9_900, "the same price in finer units");
    // What the edge encodes by is in the old units: nothing may leave.
    desk.book(10_000, 10_050);
    assert!(desk.engine.core.state.markets[0].book.is_verified());
    desk.script.0.lock().unwrap().push(limit(Side::Buy, 9_995));
    desk.book(10_000, 10_055);
    assert_eq!(desk.denied(), [Code::PairHalted]);
    assert!(desk.take_commands().is_empty());
}
