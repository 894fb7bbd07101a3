//! What matters beside the table: a breaker's two steps, a journal record, a book's checksum, a checkpoint, the matching engine.
//!
//! `cargo bench --bench micro`. Plain times, for comparing a change with what was before it.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a program for developers: it stops where something is wrong"
)]

#[path = "support/desk.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod desk;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use tradingd::{
    app::clock,
    engine::{
        Command, Event,
        book::Book,
        command::{self, CommandId},
        event::{BookKind, BookUpdate, Level},
        strategy::quoter::Quoter,
    },
    io::rng::stream,
    journal::{
        self, BUILD, RunHeader,
        record::{Kind, Place, encode_entry, write_record},
    },
    resilience::circuit_breaker::{CircuitBreaker, Outcome, Settings},
    sim::matching::{
        AccountId, Cancel, CancelTarget, Exchange, NewOrder, OrderKind, PairId, Reply, Request,
        Rules, SelfTrade, TimeInForce, Universe,
    },
    types::{ClOrdId, InstrumentId, Price, Quantity, Side, Timestamp},
};

const NOON: Timestamp = Timestamp::from_secs(1_795_000_000);

/// Ten levels a side. The best bid has this quantity.
fn snapshot(best: i64) -> BookUpdate {
    let level = |price: i64, qty: i64| Level {
        price: Price::new(price).unwrap(),
        qty: Quantity::new(qty).unwrap(),
    };
    let bids: Vec<Level> = (0..10)
        .map(|index| {
            level(
                972_345 - 3 * index,
                if index == 0 { best } else { 12_345_678 },
            )
        })
        .collect();
    let asks: Vec<Level> = (0..10)
        .map(|index| level(972_350 + 3 * index, 12_345_678))
        .collect();
    let text: String = asks
        .iter()
        .chain(&bids)
        .map(|level| format!("{}{}", level.price.units(), level.qty.units()))
        .collect();
    BookUpdate {
        instrument: InstrumentId(0),
        kind: BookKind::Snapshot,
        bids,
        asks,
        checksum: crc32fast::hash(text.as_bytes()),
        at: None,
    }
}

fn breaker(criterion: &mut Criterion) {
    let breaker = CircuitBreaker::new("bench", Settings::default(), clock::system(), stream(1, 1));
    criterion.bench_function("circuit breaker: admit and record", |bencher| {
        bencher.iter(|| breaker.admit().unwrap().record(Outcome::Success));
    });
}

/// One level of the top ten changes: its text is written again, and the checksum of all twenty is taken.
fn book(criterion: &mut Criterion) {
    let mut book = Book::new(10);
    let quantities = [12_345_678, 23_456_789];
    let updates = quantities.map(|best| {
        let mut update = snapshot(best);
        book.apply(&update).unwrap();
        update.kind = BookKind::Update;
        update.bids.truncate(1);
        update.asks.clear();
        update
    });
    let mut turns = updates.iter().cycle();
    criterion.bench_function("book: one level and the checksum", |bencher| {
        bencher.iter(|| turns.next().map(|update| book.apply(update).unwrap()));
    });
}

fn record(criterion: &mut Criterion) {
    let (event, mut buffer) = (Event::Book(snapshot(12_345_678)), Vec::with_capacity(4_096));
    let place = Place {
        sequence: 1,
        previous: 0,
    };
    criterion.bench_function("journal: record of a book of twenty levels", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            write_record(&mut buffer, place, Kind::Entry, |buffer| {
                encode_entry(NOON, black_box(&event), &[], buffer)
            })
            .unwrap()
        });
    });
}

/// As the driver does it before a command leaves: the record of the same book and a cancel, and the `write(2)`.
fn append(criterion: &mut Criterion) {
    let event = Event::Book(snapshot(12_345_678));
    let commands = [Command::Cancel(command::Cancel {
        id: CommandId(1),
        cl_ord_id: ClOrdId::new("td1a").unwrap(),
        order_id: None,
    })];
    let run = RunHeader {
        build: BUILD.to_owned(),
        settings: String::new(),
        instruments: Vec::new(),
        epoch: 1,
        tag: "td".to_owned(),
        started: NOON,
    };
    criterion.bench_function("journal: the same with a cancel, written", |bencher| {
        bencher.iter_custom(|turns| {
            let directory = tempfile::tempdir().unwrap();
            let (settings, clock) = (journal::Settings::default(), clock::system());
            let journal = journal::start(directory.path(), &settings, &clock, &run, &[], None);
            let mut journal = journal.unwrap();
            let start = now();
            for _ in 0..turns {
                journal.writer.append(NOON, &event, &commands).unwrap();
            }
            start.elapsed()
        });
    });
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

fn checkpoint(criterion: &mut Criterion) {
    let mut desk = desk::Desk::with(vec![Box::new(Quoter::new(desk::params()))]);
    desk.feed(&Event::Book(snapshot(12_345_678)));
    desk.settle();
    criterion.bench_function(
        "engine: checkpoint of one pair and its two orders",
        |bencher| {
            bencher.iter(|| desk.engine.checkpoint().unwrap());
        },
    );
}

/// An order that rests among a hundred others, and its cancel.
fn matching(criterion: &mut Criterion) {
    let agent = AccountId(1);
    let mut exchange = Exchange::new(Universe::default_universe(), Rules::default());
    exchange.open_agent(agent);
    let mut facts = Vec::new();
    let order = |units: i64| {
        Request::Place(NewOrder {
            pair: PairId(0),
            side: Side::Buy,
            kind: OrderKind::Limit(Price::new(units).unwrap()),
            qty: Quantity::new(10_000_000).unwrap().into(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
            trigger: None,
            self_trade: SelfTrade::default(),
            display: None,
            cl_ord_id: None,
            userref: None,
            deadline: None,
            validate: false,
            extras: Default::default(),
        })
    };
    for index in 0..100 {
        let placed = exchange.act(NOON, agent, order(970_000 - index), &mut facts);
        placed.unwrap();
    }
    criterion.bench_function("matching engine: submit and cancel", |bencher| {
        bencher.iter(|| {
            facts.clear();
            let placed = exchange.act(NOON, agent, order(969_950), &mut facts);
            let Ok(Reply::Placed { order_id }) = placed else {
                panic!("not placed: {placed:?}");
            };
            let target = CancelTarget::Order(order_id);
            let cancel = Request::Cancel(Cancel { target });
            exchange.act(NOON, agent, cancel, &mut facts).unwrap()
        });
    });
}

criterion_group! {
    name = micro;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = breaker, book, record, append, checkpoint, matching
}
criterion_main!(micro);
