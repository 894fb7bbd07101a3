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
        strategy::{
            self, Intent, Strategy, View,
            quoter::{self, Quoter},
        },
        throttle::Tier,
    },
    types::{
        Decimal, Fees, InlineText, Instrument, InstrumentId, Price, Quantity, Side, Timestamp,
        TradingStatus,
    },
    venue::kraken::encode,
};

/// Time between two frames: longer than the fastest tier needs to forget what two amends cost.
const PAUSE: Duration = Duration::from_secs(3);

pub fn instrument() -> Instrument {
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

pub fn params() -> quoter::Params {
    quoter::Params {
        qty: Quantity::new(1_000_000).unwrap(),
        half_spread_ppm: 0,
        skew_ppm: 0,
        max_position: Quantity::new(100_000_000).unwrap(),
        refresh_ticks: 1,
        min_interval: Duration::ZERO,
        stale_grace: Duration::from_secs(1),
    }
}

fn settings() -> Settings {
    Settings {
        tag: "td".to_owned(),
        epoch: 7,
        instruments: vec![instrument()],
        depth: 10,
        orders: OrderSettings {
            reconcile_every: Duration::from_secs(365 * 86_400),
            ..OrderSettings::default()
        },
        limits: vec![Limits::default()],
        tier: Tier::Pro,
        strategies: vec![strategy::Settings {
            name: "quoter".to_owned(),
            instrument: InstrumentId(0),
            kind: strategy::Kind::Custom,
        }],
    }
}

/// A quoter that never rests: where it leaves its bid alone, the bid goes a tick down, once an instant.
#[derive(Debug)]
pub struct Restless {
    quoter: Quoter,
    acted: Option<Timestamp>,
}

impl Restless {
    pub const fn new(quoter: Quoter) -> Self {
        Self {
            quoter,
            acted: None,
        }
    }
}

impl Strategy for Restless {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        self.quoter.decide(view, out);
        let acted = self.acted.replace(view.now) == Some(view.now);
        if acted || !out.is_empty() {
            return;
        }
        let bid = view
            .own()
            .find(|order| order.side == Side::Buy && order.is_settled());
        out.extend(bid.map(|order| Intent::Amend {
            order: order.cl_ord_id,
            price: order.price.shifted(-1).unwrap(),
            qty: order.qty,
        }));
    }

    fn wake(&self) -> Option<Timestamp> {
        self.quoter.wake()
    }
}

/// The engine, and the instant that its last event had.
pub struct Desk {
    pub engine: Engine,
    pub now: Timestamp,
    pub out: Outbox,
}

impl Desk {
    fn new() -> Self {
        Self::with(vec![Box::new(Quoter::new(params()))])
    }

    /// A desk whose account is reconciled and whose one seat has this strategy.
    pub fn with(strategies: Vec<Box<dyn Strategy>>) -> Self {
        let now = Timestamp::from_secs(1_795_000_000);
        let mut desk = Self {
            engine: Engine::with_strategies(now, settings(), strategies),
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

    /// Lets time pass.
    pub fn pass(&mut self) {
        self.now = self.now.after(PAUSE);
    }

    #[inline]
    pub fn feed(&mut self, event: &Event) {
        self.out.clear();
        self.engine.handle(self.now, event, &mut self.out);
    }

    /// Accepts every create and amend, those included that the answers lead to; reports each as done.
    pub fn settle(&mut self) {
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
pub fn allocations_per_amend(token: &str, allocator: &StatsAlloc<System>) -> usize {
    let (mut desk, instrument) = (Desk::new(), instrument());
    let mut bytes = Vec::with_capacity(1024);
    let (mut worst, mut amends) = (0, 0);
    for round in 0..200 {
        desk.pass();
        let event = book(972_345 + 10 * (round % 2));
        desk.out.clear();
        let region = Region::new(allocator);
        desk.engine.handle(desk.now, &event, &mut desk.out);
        for command in desk.out.commands() {
            if let Command::Amend(amend) = command {
                encode::amend_order(amend, &instrument, token, &mut bytes);
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
