//! An engine with a quoter at the touch: where orders and amends of the benchmarks come from.

use std::{alloc::System, time::Duration};

use stats_alloc::{Region, StatsAlloc};
use tradingd::{
    engine::{
        Command, Engine, Event, OrderSettings, Outbox, Settings,
        command::Submit,
        event::{
            Answer, Balance, BookKind, BookUpdate, Level, Link, Outcome, Report, ReportKind,
            VenueState,
        },
        risk::Limits,
        strategy::{self, quoter},
        throttle::Tier,
    },
    types::{
        Decimal, Fees, InlineText, Instrument, InstrumentId, Price, Quantity, Timestamp,
        TradingStatus,
    },
    venue::kraken::encode,
};

pub const TOKEN: &str = "cc3kTqGgX3rPb0f4xSPSfYw2CPp5hxwXKZ6cHDg0Cyw";

fn instrument() -> Instrument {
    let decimal = |text: &str| -> Decimal { text.parse().unwrap() };
    Instrument {
        symbol: InlineText::lossy("BTC/USD"),
        base: InlineText::lossy("BTC"),
        quote: InlineText::lossy("USD"),
        price_precision: 1,
        tick: Price::new(1).unwrap(),
        qty_precision: 8,
        lot: Quantity::new(1).unwrap(),
        qty_min: Quantity::new(5_000).unwrap(),
        cost_precision: 5,
        cost_min: decimal("0.5"),
        fees: Fees {
            maker: decimal("0.0025"),
            taker: decimal("0.004"),
        },
        status: TradingStatus::Online,
    }
}

fn settings() -> Settings {
    let quoter = quoter::Params {
        qty: Quantity::new(1_000_000).unwrap(),
        half_spread_ppm: 0,
        skew_ppm: 0,
        max_position: Quantity::new(100_000_000).unwrap(),
        refresh_ticks: 1,
        min_interval: Duration::ZERO,
        stale_grace: Duration::from_secs(1),
    };
    Settings {
        tag: "td".to_owned(),
        epoch: 7,
        instruments: vec![instrument()],
        depth: 10,
        orders: OrderSettings::default(),
        limits: vec![Limits::default()],
        tier: Tier::Pro,
        strategies: vec![strategy::Settings {
            name: "quoter".to_owned(),
            instrument: InstrumentId(0),
            kind: strategy::Kind::Quoter(quoter),
        }],
    }
}

/// The engine, and the instant that its last event had.
struct Desk {
    engine: Engine,
    now: Timestamp,
    out: Outbox,
}

impl Desk {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_795_000_000);
        let mut desk = Self {
            engine: Engine::new(now, settings()),
            now,
            out: Outbox::new(),
        };
        for event in [Event::Feed(Link::Up), Event::Account(Link::Up)] {
            desk.feed(&event);
        }
        let balance = |asset: &str, total: &str| Balance {
            asset: InlineText::lossy(asset),
            total: total.parse().unwrap(),
        };
        let state = VenueState {
            asked: now,
            balances: vec![balance("USD", "10000000"), balance("BTC", "100")],
            ..VenueState::default()
        };
        desk.feed(&Event::Reconciled(Box::new(state)));
        desk
    }

    fn feed(&mut self, event: &Event) {
        self.out.clear();
        self.engine.handle(self.now, event, &mut self.out);
    }

    /// Accepts every create and amend, those included that the answers lead to; reports each as done.
    fn settle(&mut self) {
        let mut open = self.out.commands().to_vec();
        while let Some(command) = open.pop() {
            let (id, order, kind) = match command {
                Command::Submit(submit) => (submit.id, submit.cl_ord_id, ReportKind::New),
                Command::Amend(amend) => {
                    (amend.id, amend.change.get().cl_ord_id, ReportKind::Amended)
                }
                Command::Cancel(_)
                | Command::LookUp(_)
                | Command::Reconcile(_)
                | Command::Resync(_) => continue,
            };
            let digits = order
                .as_str()
                .get(order.len().saturating_sub(8)..)
                .unwrap_or_default();
            let order_id = InlineText::lossy(&format!("O-{digits}"));
            let report = Report {
                order_id,
                cl_ord_id: Some(order),
                symbol: None,
                side: None,
                order_qty: None,
                limit_price: None,
                cum_qty: None,
                kind,
                at: self.now,
            };
            let answer = Answer::Accepted {
                order_id: Some(order_id),
            };
            for event in [
                Event::Outcome(Outcome {
                    command: id,
                    answer,
                }),
                Event::Report(Box::new(report)),
            ] {
                self.feed(&event);
                open.extend_from_slice(self.out.commands());
            }
        }
    }
}

fn book(bid: i64) -> Event {
    let level = |units| Level {
        price: Price::new(units).unwrap(),
        qty: Quantity::new(100_000_000).unwrap(),
    };
    let ask = bid + 2;
    Event::Book(BookUpdate {
        instrument: InstrumentId(0),
        kind: BookKind::Snapshot,
        bids: vec![level(bid)],
        asks: vec![level(ask)],
        checksum: crc32fast::hash(format!("{ask}100000000{bid}100000000").as_bytes()),
        at: None,
    })
}

/// A create as the engine decides it.
pub fn a_submit() -> (Submit, Instrument) {
    let mut desk = Desk::new();
    desk.feed(&book(972_345));
    for command in desk.out.commands() {
        if let Command::Submit(submit) = command {
            return (submit.clone(), instrument());
        }
    }
    panic!(
        "no order, but {:?} {:?}",
        desk.out.commands(),
        desk.out.notes()
    );
}

/// Allocations of an amend, from the frame's event to its bytes; the worst of many.
pub fn allocations_per_amend(allocator: &StatsAlloc<System>) -> usize {
    let (mut desk, instrument) = (Desk::new(), instrument());
    let mut bytes = Vec::with_capacity(1024);
    let (mut worst, mut amends) = (0, 0);
    for round in 0..200 {
        desk.now = desk.now.after(Duration::from_secs(3));
        let event = book(972_345 + 10 * (round % 2));
        desk.out.clear();
        let region = Region::new(allocator);
        desk.engine.handle(desk.now, &event, &mut desk.out);
        for command in desk.out.commands() {
            if let Command::Amend(amend) = command {
                encode::amend_order(amend, &instrument, TOKEN, &mut bytes);
                amends += 1;
            }
        }
        let change = region.change();
        // The first rounds grow what is used again afterwards.
        if round >= 20 {
            worst = worst.max(change.allocations + change.reallocations);
        }
        desk.settle();
    }
    assert!(amends > 100, "only {amends} amends: {:?}", desk.out.notes());
    worst
}
