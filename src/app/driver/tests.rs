//! What leaves, and what must not.

use super::*;
use crate::{
    app::recover::Past,
    engine::{
        OrderSettings, Settings,
        event::{Answer, Balance, BookKind, BookUpdate, Level, Link, Outcome, VenueState},
        risk::Limits,
        strategy::{self, Intent, Strategy, View},
        throttle::Tier,
    },
    types::{
        Decimal, Fees, Instrument, InstrumentId, Price, Quantity, Side, TimeInForce, TradingStatus,
    },
    venue::kraken::lanes::{Ends, lanes},
};

/// Wants another order each time that it is asked.
#[derive(Debug)]
struct Greedy;

impl Strategy for Greedy {
    fn decide(&mut self, _: &View<'_>, out: &mut Vec<Intent>) {
        out.push(Intent::Place {
            side: Side::Buy,
            price: Price::new(990).unwrap(),
            qty: Quantity::new(1_000_000).unwrap(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
        });
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
    let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
    let past = Past::read(state).unwrap();
    let journal = journal::Settings::default();
    let (engine, journal) = past
        .begin(state, settings(), vec![Box::new(Greedy)], &journal, &clock)
        .unwrap();
    let (lanes, ends) = lanes(16);
    let inlets = Inlets {
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

#[test]
fn what_makes_an_order_leaves_only_once_it_is_recorded() {
    let state = tempfile::tempdir().unwrap();
    let (mut driver, mut ends) = driver(state.path());
    bring_up(&mut driver);
    let first = ends.entries.try_recv().unwrap();
    let accepted = Answer::Accepted {
        order_id: Some("OAAAAA-BBBBB-CCCCCC".parse().unwrap()),
    };
    // From here on nothing more can be recorded.
    driver.writer.seal().unwrap();
    driver
        .turn(Event::Outcome(Outcome {
            command: first.id(),
            answer: accepted,
        }))
        .unwrap();
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
