//! What one run leaves to the next.

use std::time::Duration;

use super::rig::{Desk, canceled, fill, instrument, is_cancel, price, record, settings, text};
use crate::{
    engine::{
        Settings,
        event::{Control, Event, Link, RecordStatus, RejectReason, ReportKind},
        risk,
    },
    types::{Instrument, InstrumentId, Side},
};

/// The next run after `desk`'s, trading `pairs`.
fn next_run(desk: Desk, pairs: &[&str]) -> Desk {
    let mut settings = settings(Vec::new());
    settings.instruments = pairs.iter().map(|pair| instrument(pair)).collect();
    settings.limits = vec![risk::Limits::default(); pairs.len()];
    next_run_with(desk, settings)
}

fn next_run_with(desk: Desk, settings: Settings) -> Desk {
    let engine = desk.engine.succeed(desk.now, settings, Vec::new());
    Desk::over(engine, desk.script, desk.now)
}

#[test]
fn a_position_outlives_runs_without_its_pair() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report(id, ReportKind::Trade(fill("T1", "0.01")));
    let before = desk.engine.core.state.markets[0].position.clone();
    let without = next_run(next_run(desk, &["ETH/USD"]), &["ETH/USD"]);
    let again = next_run(without, &["ETH/USD", "BTC/USD"]);
    assert_eq!(before.base_units(), 1_000_000);
    assert_eq!(again.engine.core.state.markets[1].position, before);
}

#[test]
fn a_late_fill_in_a_pair_that_is_no_longer_configured_counts() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    desk.report(id, canceled());
    let mut without = next_run(desk, &["ETH/USD"]);
    without.report(id, ReportKind::Trade(fill("T2", "0.002")));
    let status = without.engine.status();
    let listed: Vec<_> = status.markets().map(|market| market.instrument).collect();
    let former: Vec<_> = status
        .former_markets()
        .map(|market| (market.instrument.symbol, market.position.base_units()))
        .collect();
    assert_eq!(listed, [&instrument("ETH/USD")]);
    assert_eq!(former, [(text("BTC/USD"), 600_000)]);
}

#[test]
fn a_cancel_that_an_earlier_run_wanted_waits_until_the_order_has_been_found() {
    let mut desk = Desk::trading();
    let id = desk.rest(Side::Buy, 999);
    desk.feed(Event::Control(Control::Stop));
    let mut next = next_run(desk, &["BTC/USD"]);
    next.feed(Event::Account(Link::Up));
    next.wait(Duration::from_secs(5));
    let commands = next.take_commands();
    assert!(!commands.iter().any(is_cancel), "{commands:?}");
    next.reconcile_open(vec![record(id, RecordStatus::Open, "0")]);
    assert!(next.take_commands().iter().any(is_cancel));
}

#[test]
fn a_stop_cancels_what_it_has_not_found_yet() {
    let mut desk = Desk::trading();
    desk.rest(Side::Buy, 999);
    let mut next = next_run(desk, &["BTC/USD"]);
    next.feed(Event::Control(Control::Stop));
    assert!(next.take_commands().iter().any(is_cancel));
}

#[test]
fn a_halt_outlives_a_restart() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.report(id, ReportKind::New);
    desk.reject(command, RejectReason::Other);
    assert!(desk.halted());
    let desk = next_run(desk, &["BTC/USD"]);
    assert!(desk.halted());
    let without = next_run(desk, &["ETH/USD"]);
    assert!(!without.halted());
    assert!(next_run(without, &["BTC/USD"]).halted());
}

#[test]
fn a_halt_ends_at_a_start_that_resumes_its_pair() {
    let mut desk = Desk::trading();
    desk.engine.core.state.markets[0].halted = true;
    let mut settings = settings(Vec::new());
    settings.orders.resume = vec![text("ETH/USD")];
    desk = next_run_with(desk, settings.clone());
    assert!(desk.halted());
    settings.orders.resume = vec![text("BTC/USD")];
    assert!(!next_run_with(desk, settings).halted());
}

#[test]
fn a_pair_whose_precision_changed_trades_again_in_the_next_run() {
    let mut desk = Desk::trading();
    let finer = Instrument {
        price_precision: 2,
        tick: price(5),
        ..instrument("BTC/USD")
    };
    let change = Event::Instrument(InstrumentId(0), Box::new(finer.clone()));
    desk.feed(change);
    let stands_still = |desk: &Desk| desk.engine.status().markets().any(|market| market.halted);
    assert!(stands_still(&desk));
    let mut settings = settings(Vec::new());
    settings.instruments = vec![finer];
    let desk = next_run_with(desk, settings);
    assert!(!stands_still(&desk));
}
