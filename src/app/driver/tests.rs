//! What leaves, and what must not.

use super::*;
use crate::{
    app::recover::Past,
    engine::{
        OrderSettings, Settings,
        command::{Cancel, CommandId, Reconcile, Submit},
        event::{
            Answer, Balance, BookKind, BookUpdate, Level, Link, Outcome, Report, ReportKind,
            VenueState,
        },
        risk::Limits,
        strategy::{self, Intent, Strategy, View},
        throttle::Tier,
    },
    types::{
        Decimal, Fees, InlineText, Instrument, InstrumentId, OrderId, Price, Quantity, Side,
        TimeInForce, TradingStatus,
    },
    venue::kraken::lanes::{Ends, Entry, Query, lanes},
};

/// Wants another order each time that it is asked.
#[derive(Debug)]
struct Greedy;

impl Strategy for Greedy {
    fn decide(&mut self, _: &View<'_>, out: &mut Vec<Intent>) {
        out.push(place());
    }
}

/// Wants one order, and another price for it each time that it is asked.
#[derive(Debug)]
struct Restless;

impl Strategy for Restless {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        let order = view.orders.live().next();
        out.push(order.map_or_else(place, |order| Intent::Amend {
            order: order.cl_ord_id,
            price: Price::new(order.price.units() - 1).unwrap(),
            qty: order.qty,
        }));
    }
}

fn place() -> Intent {
    Intent::Place {
        side: Side::Buy,
        price: Price::new(990).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    }
}

fn settings() -> Settings {
    let instrument = Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USD".parse().unwrap(),
        price_precision: 1,
        tick: Price::new(1).unwrap(),
        qty_precision: 8,
        lot: Quantity::new(1).unwrap(),
        qty_min: Quantity::new(5_000).unwrap(),
        cost_precision: 5,
        cost_min: Decimal::ZERO,
        fees: Fees {
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        },
        status: TradingStatus::Online,
    };
    Settings {
        tag: "td".to_owned(),
        epoch: 0,
        instruments: vec![instrument],
        depth: 10,
        orders: OrderSettings::default(),
        limits: vec![Limits::default()],
        tier: Tier::Pro,
        strategies: vec![strategy::Settings {
            name: "greedy".to_owned(),
            instrument: InstrumentId(0),
            kind: strategy::Kind::Custom,
        }],
    }
}

fn book() -> Event {
    let level = |units| Level {
        price: Price::new(units).unwrap(),
        qty: Quantity::new(1).unwrap(),
    };
    Event::Book(BookUpdate {
        instrument: InstrumentId(0),
        kind: BookKind::Snapshot,
        bids: vec![level(1_000)],
        asks: vec![level(1_005)],
        checksum: crc32fast::hash(b"1005110001"),
        at: None,
    })
}

fn driver(state: &std::path::Path) -> (Driver, Ends) {
    driver_with(state, Box::new(Greedy))
}

fn driver_with(state: &std::path::Path, strategy: Box<dyn Strategy>) -> (Driver, Ends) {
    let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
    let past = Past::read(state).unwrap();
    let journal = journal::Settings::default();
    let (engine, journal) = past
        .begin(state, settings(), vec![strategy], &journal, &clock)
        .unwrap();
    let (lanes, ends) = lanes(1);
    let inlets = Inlets {
        marks: Marks::default(),
        account: mpsc::channel(1).1,
        market: mpsc::channel(1).1,
        journal: journal.failures,
        looks: mpsc::channel(1).1,
    };
    let writing = (journal.writer, journal.pin);
    let driver = Driver::new(engine, writing, lanes, inlets, mpsc::channel(1).0, clock);
    (driver, ends)
}

/// Turns the driver until its strategy may trade.
fn bring_up(driver: &mut Driver) {
    let usd = Balance {
        asset: "USD".parse().unwrap(),
        total: "100000".parse().unwrap(),
    };
    let venue = VenueState {
        asked: Timestamp::from_secs(1_001),
        balances: vec![usd],
        ..VenueState::default()
    };
    for event in [
        Event::Feed(Link::Up),
        book(),
        Event::Account(Link::Up),
        Event::Reconciled(Box::new(venue)),
    ] {
        driver.turn(event).unwrap();
    }
}

fn order_id() -> OrderId {
    "OAAAAA-BBBBB-CCCCCC".parse().unwrap()
}

fn accepted(command: CommandId) -> Event {
    let order_id = Some(order_id());
    Event::Outcome(Outcome {
        command,
        answer: Answer::Accepted { order_id },
    })
}

/// The first entry, accepted in a turn from which on nothing more can be recorded.
fn fail_at_its_answer(driver: &mut Driver, ends: &mut Ends) -> Entry {
    bring_up(driver);
    let first = ends.entries.try_recv().unwrap();
    driver.writer.seal().unwrap();
    driver.turn(accepted(first.id())).unwrap();
    first
}

/// Ends the one order that rests, and has the venue agree that none does.
fn end(driver: &mut Driver, ends: &mut Ends) {
    let report = Report {
        order_id: order_id(),
        cl_ord_id: None,
        symbol: None,
        side: None,
        order_qty: None,
        limit_price: None,
        cum_qty: Some(Decimal::ZERO),
        kind: ReportKind::Canceled {
            reason: InlineText::lossy("user"),
        },
        at: Timestamp::from_secs(1_001),
    };
    while ends.queries.try_recv().is_ok() {}
    driver.turn(Event::Report(Box::new(report))).unwrap();
    assert!(matches!(ends.queries.try_recv(), Ok(Query::Reconcile(_))));
    let venue = VenueState {
        asked: Timestamp::from_secs(1_001),
        ..VenueState::default()
    };
    driver.turn(Event::Reconciled(Box::new(venue))).unwrap();
    assert_eq!(driver.engine.mode(), Mode::Stopped);
}

#[test]
fn what_makes_an_order_leaves_only_once_it_is_recorded() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver(state.path());
    let first = fail_at_its_answer(&mut driver, &mut ends);
    driver.turn(book()).unwrap();
    assert!(ends.entries.try_recv().is_err(), "unrecorded");
    let cancel = ends.cancels.try_recv().unwrap();
    assert_eq!(cancel.cl_ord_id, first.cl_ord_id(), "cancels leave");
    assert_eq!(driver.engine.mode(), Mode::Stopping);
    assert!(driver.finish().journal_failed);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_room_among_the_books_is_heard_to_its_end() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, _ends) = driver(state.path());
    bring_up(&mut driver);
    let (market, queue) = mpsc::channel(1);
    driver.inlets.market = queue;
    market.try_send(book()).unwrap();
    let over = CancellationToken::new();
    over.cancel();
    let (stop, drained) = (CancellationToken::new(), CancellationToken::new());
    let driving = driver.run(stop, over, drained, Duration::from_secs(5));
    let reading = async move { market.send(Event::Feed(Link::Down)).await };
    let (finished, read) = tokio::join!(driving, reading);
    read.unwrap();
    assert_eq!(finished.unwrap().picture.feed, Link::Down);
}

#[test]
fn an_order_that_is_not_recorded_is_over_at_once_and_the_stop_does_not_wait_for_it() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver(state.path());
    let first = fail_at_its_answer(&mut driver, &mut ends).cl_ord_id();
    assert_eq!(driver.engine.status().live_ids(), [first]);
    assert_eq!(ends.cancels.try_recv().unwrap().cl_ord_id, first);
    assert!(ends.cancels.try_recv().is_err(), "it never was");
    let told = (driver.tally.orders, driver.tally.cancels);
    assert_eq!(told, (1, 1), "told as sent");
    end(&mut driver, &mut ends);
}

#[test]
fn an_amend_that_is_not_recorded_does_not_keep_the_cancel_waiting() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver_with(state.path(), Box::new(Restless));
    let first = fail_at_its_answer(&mut driver, &mut ends).cl_ord_id();
    assert_eq!(ends.cancels.try_recv().unwrap().cl_ord_id, first);
    let told = (driver.tally.amends, driver.tally.cancels);
    assert_eq!(told, (0, 1), "told as sent");
    end(&mut driver, &mut ends);
}

/// Why a run ends one of whose lanes is full when `next` happens: of what `fill` makes of the first order.
async fn jammed(
    fill: impl FnOnce(Submit) -> Command,
    next: impl FnOnce(Submit) -> Vec<Event>,
) -> String {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver(state.path());
    bring_up(&mut driver);
    let Ok(Entry::Submit(first)) = ends.entries.try_recv() else {
        panic!("no order");
    };
    let command = fill(first.clone());
    while driver.lanes.dispatch(command.clone()).is_ok() {}
    let next = next(first);
    let (happens, market) = mpsc::channel(next.len());
    let (_journal, failures) = mpsc::channel(1);
    (driver.inlets.market, driver.inlets.journal) = (market, failures);
    for event in next {
        happens.try_send(event).unwrap();
    }
    let token = CancellationToken::new;
    let running = driver.run(token(), token(), token(), Duration::ZERO);
    let ended = timeout(Duration::from_secs(20), running).await;
    ended.expect("the run goes on").unwrap_err().to_string()
}

#[tokio::test]
async fn a_full_lane_stops_the_run() {
    let since = Timestamp::MIN;
    let orders = jammed(Command::Submit, |first| vec![accepted(first.id)]).await;
    assert_eq!(orders, "the lane of orders is full");
    let cancel = |first: Submit| {
        Command::Cancel(Cancel {
            id: first.id,
            cl_ord_id: first.cl_ord_id,
            order_id: None,
        })
    };
    let stop = |first: Submit| vec![accepted(first.id), Event::Control(Control::Stop)];
    let cancels = jammed(cancel, stop).await;
    assert_eq!(cancels, "the lane of cancels is full");
    let back = |_| [Link::Down, Link::Up].map(Event::Account).to_vec();
    let queries = jammed(|_| Command::Reconcile(Reconcile { since }), back).await;
    assert_eq!(queries, "the lane of queries is full");
    let wrong = |_| {
        let Event::Book(update) = book() else {
            unreachable!();
        };
        let checksum = 1;
        vec![Event::Book(BookUpdate { checksum, ..update })]
    };
    let resyncs = jammed(|_| Command::Resync(InstrumentId(0)), wrong).await;
    assert_eq!(resyncs, "the lane of resyncs is full");
}

#[tokio::test]
async fn a_full_queue_of_spare_books_costs_an_allocation_and_no_more() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, _ends) = driver(state.path());
    let (spares, mut kept) = mpsc::channel(1);
    driver.spares = spares;
    bring_up(&mut driver);
    driver.turn(book()).unwrap();
    assert!(kept.try_recv().is_ok());
    assert!(kept.try_recv().is_err(), "the second one found no room");
    driver.turn(book()).unwrap();
    assert!(kept.try_recv().is_ok(), "taken again once there is room");
}

#[tokio::test]
async fn a_failed_journal_stops_the_whole_run() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, _ends) = driver(state.path());
    bring_up(&mut driver);
    driver.writer.seal().unwrap();
    let (left, account) = mpsc::channel(1);
    driver.inlets.account = account;
    left.try_send(Event::Feed(Link::Down)).unwrap();
    let stop = CancellationToken::new();
    let (give_up, drained) = (CancellationToken::new(), CancellationToken::new());
    let running = driver.run(stop.clone(), give_up, drained, Duration::ZERO);
    let stopped = timeout(Duration::from_secs(20), async {
        tokio::select! {
            biased;
            () = stop.cancelled() => true,
            _ended = running => false,
        }
    });
    assert_eq!(stopped.await, Ok(true));
}

#[tokio::test]
async fn what_is_decided_after_the_last_turn_is_not_told_as_sent() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver(state.path());
    bring_up(&mut driver);
    let (left, account) = mpsc::channel(1);
    driver.inlets.account = account;
    left.try_send(Event::Control(Control::Stop)).unwrap();
    drop(left);
    driver.drain().await;
    assert_eq!(driver.engine.mode(), Mode::Stopping);
    assert!(ends.cancels.try_recv().is_err());
    assert_eq!(driver.tally.cancels, 0);
}

#[test]
fn every_run_has_an_epoch_and_ids_of_its_own() {
    let state = tempfile::tempdir().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for run in 1..=3 {
        let (mut driver, mut ends) = driver(state.path());
        assert_eq!(driver.engine.settings().epoch, run);
        bring_up(&mut driver);
        while let Ok(entry) = ends.entries.try_recv() {
            assert!(seen.insert(entry.cl_ord_id()), "an id given twice");
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}
