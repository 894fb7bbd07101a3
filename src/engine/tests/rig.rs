//! The bench that the engine's tests stand on: an engine, what goes in, what came out; and what they put in.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    engine::{
        Command, Engine, Mode, Note, OrderSettings, Outbox, Settings,
        command::CommandId,
        event::{
            Answer, Balance, BookKind, BookUpdate, Event, Fill, Found, Level, Link, LookedUp,
            OrderRecord, Outcome, RecordStatus, RejectReason, Rejection, Report, ReportKind,
            VenueState,
        },
        order::{End, Order, State},
        orders::Orders,
        risk::{self, Code},
        strategy::{self, Intent, Strategy, View, quoter},
        throttle::Tier,
    },
    types::{
        ClOrdId, Decimal, ExecId, Fees, InlineText, Instrument, InstrumentId, OrderId, Price,
        Quantity, Side, Symbol, TimeInForce, Timestamp, TradingStatus,
    },
};

pub(super) fn text<const N: usize>(text: &str) -> InlineText<N> {
    InlineText::new(text).unwrap()
}

pub(super) fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

pub(super) fn price(units: i64) -> Price {
    Price::new(units).unwrap()
}

pub(super) fn qty(units: i64) -> Quantity {
    Quantity::new(units).unwrap()
}

pub(super) fn instrument(symbol: &str) -> Instrument {
    let (base, quote) = symbol.split_once('/').unwrap();
    Instrument {
        symbol: text(symbol),
        base: text(base),
        quote: text(quote),
        price_precision: 1,
        tick: price(1),
        qty_precision: 8,
        lot: qty(1),
        qty_min: qty(5_000),
        cost_precision: 5,
        cost_min: decimal("0.5"),
        fees: Fees {
            maker: decimal("0.0025"),
            taker: decimal("0.004"),
        },
        status: TradingStatus::Online,
    }
}

pub(super) fn settings(kinds: Vec<strategy::Kind>) -> Settings {
    let strategies = kinds
        .into_iter()
        .enumerate()
        .map(|(index, kind)| strategy::Settings {
            name: format!("s{index}"),
            instrument: InstrumentId(0),
            kind,
        })
        .collect();
    Settings {
        tag: "td".to_owned(),
        epoch: 7,
        instruments: vec![instrument("BTC/USD")],
        depth: 10,
        orders: OrderSettings::default(),
        limits: vec![risk::Limits::default()],
        tier: Tier::Pro,
        strategies,
    }
}

/// Wishes what the test puts in.
#[derive(Clone, Debug, Default)]
pub(super) struct Script(pub(super) Arc<Mutex<Vec<Intent>>>);

impl Strategy for Script {
    fn decide(&mut self, _: &View<'_>, out: &mut Vec<Intent>) {
        out.append(&mut self.0.lock().unwrap());
    }
}

/// An engine on a bench: feeds events, keeps what came out.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) script: Script,
    pub(super) out: Outbox,
    pub(super) now: Timestamp,
    pub(super) commands: Vec<Command>,
    pub(super) notes: Vec<Note>,
}

impl Desk {
    pub(super) fn new() -> Self {
        let script = Script::default();
        let now = Timestamp::from_secs(1_000);
        let strategies: Vec<Box<dyn Strategy>> = vec![Box::new(script.clone())];
        let settings = settings(vec![strategy::Kind::Custom]);
        let engine = Engine::with_strategies(now, settings, strategies);
        Self::over(engine, script, now)
    }

    /// A desk whose strategies are the engine's own.
    pub(super) fn with(kinds: Vec<strategy::Kind>) -> Self {
        let now = Timestamp::from_secs(1_000);
        let engine = Engine::new(now, settings(kinds));
        Self::over(engine, Script::default(), now)
    }

    pub(super) fn over(engine: Engine, script: Script, now: Timestamp) -> Self {
        Self {
            engine,
            script,
            out: Outbox::new(),
            now,
            commands: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A desk that is reconciled and sees a book of 100.0 to 100.5.
    pub(super) fn trading() -> Self {
        let mut desk = Self::new();
        desk.bring_up();
        desk
    }

    pub(super) fn bring_up(&mut self) {
        self.feed(Event::Feed(Link::Up));
        self.book(1_000, 1_005);
        self.feed(Event::Account(Link::Up));
        self.reconcile(VenueState::default());
        assert_eq!(self.engine.mode(), Mode::Trading);
        self.commands.clear();
        self.notes.clear();
    }

    pub(super) fn feed(&mut self, event: Event) {
        self.out.clear();
        self.engine.handle(self.now, &event, &mut self.out);
        self.commands.extend_from_slice(self.out.commands());
        self.notes.extend_from_slice(self.out.notes());
    }

    /// Lets time pass, ticking whenever the engine wants it.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.feed(Event::Tick);
            let next = self.engine.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "spins");
        }
        self.now = end;
        self.feed(Event::Tick);
    }

    pub(super) fn book(&mut self, bid: i64, ask: i64) {
        let level = |units| Level {
            price: price(units),
            qty: qty(100_000_000),
        };
        let checksum = |text: String| crc32fast::hash(text.as_bytes());
        self.feed(Event::Book(BookUpdate {
            instrument: InstrumentId(0),
            kind: BookKind::Snapshot,
            bids: vec![level(bid)],
            asks: vec![level(ask)],
            checksum: checksum(format!("{ask}100000000{bid}100000000")),
            at: None,
        }));
    }

    pub(super) fn reconcile(&mut self, mut state: VenueState) {
        state.asked = self.now;
        if state.balances.is_empty() {
            let balance = |asset, total| Balance {
                asset: text(asset),
                total: decimal(total),
            };
            state.balances = vec![balance("USD", "100000"), balance("BTC", "10")];
        }
        self.feed(Event::Reconciled(Box::new(state)));
    }

    pub(super) fn reconcile_open(&mut self, open: Vec<OrderRecord>) {
        self.reconcile(VenueState {
            open,
            ..VenueState::default()
        });
    }

    pub(super) fn found(&mut self, id: ClOrdId, found: Found) {
        self.feed(Event::LookedUp(Box::new(LookedUp {
            cl_ord_id: id,
            asked: self.now,
            found,
        })));
    }

    pub(super) fn found_order(&mut self, order: OrderRecord) {
        let id = order.cl_ord_id.unwrap();
        let fills = Vec::new();
        self.found(id, Found::Order { order, fills });
    }

    pub(super) fn amend(&mut self, order: ClOrdId, to_price: i64, to_qty: i64) -> CommandId {
        self.wish(Intent::Amend {
            order,
            price: price(to_price),
            qty: qty(to_qty),
        });
        match self.commands.pop() {
            Some(Command::Amend(amend)) => amend.id,
            other => panic!("{other:?} instead of an amend; {:?}", self.notes),
        }
    }

    pub(super) fn wish(&mut self, intent: Intent) {
        self.script.0.lock().unwrap().push(intent);
        self.book(1_000, 1_005);
    }

    pub(super) fn place(&mut self, side: Side, price: i64) -> (CommandId, ClOrdId) {
        self.wish(limit(side, price));
        match self.commands.pop() {
            Some(Command::Submit(submit)) => (submit.id, submit.cl_ord_id),
            other => panic!("{other:?} instead of a create; {:?}", self.notes),
        }
    }

    /// An order that the venue took.
    pub(super) fn rest(&mut self, side: Side, price: i64) -> ClOrdId {
        let (command, id) = self.place(side, price);
        self.accept(command);
        id
    }

    /// An order that the venue did not answer.
    pub(super) fn lose(&mut self, side: Side, price: i64) -> ClOrdId {
        let (command, id) = self.place(side, price);
        self.answer(command, Answer::Unanswered);
        id
    }

    pub(super) fn answer(&mut self, command: CommandId, answer: Answer) {
        self.feed(Event::Outcome(Outcome { command, answer }));
    }

    pub(super) fn accept(&mut self, command: CommandId) {
        self.answer(
            command,
            Answer::Accepted {
                order_id: Some(order_id()),
            },
        );
    }

    pub(super) fn reject(&mut self, command: CommandId, reason: RejectReason) {
        let rejection = Rejection {
            reason,
            text: text("EOrder:Some refusal"),
        };
        self.answer(command, Answer::Rejected(rejection));
    }

    pub(super) fn report(&mut self, id: ClOrdId, kind: ReportKind) {
        self.report_cum(id, kind, None);
    }

    pub(super) fn report_cum(&mut self, id: ClOrdId, kind: ReportKind, cum: Option<&str>) {
        self.feed(Event::Report(Box::new(Report {
            cum_qty: cum.map(decimal),
            ..report(id, kind, self.now)
        })));
    }

    pub(super) fn state(&self, id: &ClOrdId) -> State {
        self.order(id).state.clone()
    }

    pub(super) fn orders(&self) -> &Orders {
        &self.engine.core.state.orders
    }

    pub(super) fn order(&self, id: &ClOrdId) -> &Order {
        self.orders().get(id).unwrap()
    }

    /// The order that rests at a price.
    pub(super) fn at(&self, price: i64) -> ClOrdId {
        let order = self
            .orders()
            .live()
            .find(|order| order.price.units() == price);
        order.unwrap().cl_ord_id
    }

    /// Price and side of what rests, by price.
    pub(super) fn ladder(&self) -> Vec<(i64, Side)> {
        let price_side = |order: &Order| (order.price.units(), order.side);
        let mut ladder: Vec<_> = self.orders().live().map(price_side).collect();
        ladder.sort_unstable();
        ladder
    }

    pub(super) fn asked_for(&self, id: &ClOrdId) -> bool {
        self.commands.iter().any(|command| is_look_up(command, id))
    }

    pub(super) fn end(&self, id: &ClOrdId) -> Option<End> {
        self.orders().end_of(id)
    }

    pub(super) fn position(&self) -> i128 {
        self.engine.core.state.markets[0].position.base_units()
    }

    pub(super) fn halted(&self) -> bool {
        self.engine.core.state.markets[0].halted
    }

    pub(super) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    pub(super) fn denied(&self) -> Vec<Code> {
        let code = |note: &Note| match note {
            Note::Denied { refusal, .. } => Some(refusal.code),
            _ => None,
        };
        self.notes.iter().filter_map(code).collect()
    }
}

/// A passive order of the usual size.
pub(super) fn limit(side: Side, at: i64) -> Intent {
    limit_of(side, at, 1_000_000)
}

pub(super) fn limit_of(side: Side, at: i64, of: i64) -> Intent {
    Intent::Place {
        side,
        price: price(at),
        qty: qty(of),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    }
}

pub(super) fn order_id() -> OrderId {
    text("OAAAAA-BBBBB-CCCCCC")
}

pub(super) fn fill(exec: &str, qty: &str) -> Fill {
    let cost = decimal(qty).checked_mul(decimal("100.0")).unwrap();
    let fee = cost.checked_mul(decimal("0.0025")).unwrap();
    Fill {
        exec_id: text::<24>(exec) as ExecId,
        qty: decimal(qty),
        price: decimal("100.0"),
        cost,
        liquidity: None,
        fees: vec![(text("USD"), fee)],
        at: Timestamp::from_secs(5_000),
    }
}

pub(super) fn canceled() -> ReportKind {
    ReportKind::Canceled {
        reason: text("User requested"),
    }
}

/// A report without what the venue leaves out after the first.
pub(super) fn report(id: ClOrdId, kind: ReportKind, at: Timestamp) -> Report {
    Report {
        order_id: order_id(),
        cl_ord_id: Some(id),
        symbol: None,
        side: None,
        order_qty: None,
        limit_price: None,
        cum_qty: None,
        kind,
        at,
    }
}

pub(super) fn record(id: ClOrdId, status: RecordStatus, filled: &str) -> OrderRecord {
    OrderRecord {
        order_id: order_id(),
        cl_ord_id: Some(id),
        symbol: text::<24>("BTC/USD") as Symbol,
        side: Side::Buy,
        qty: decimal("0.01"),
        limit_price: Some(decimal("99.9")),
        filled: decimal(filled),
        status,
        opened: Timestamp::from_secs(1_000),
    }
}

pub(super) const fn is_cancel(command: &Command) -> bool {
    matches!(command, Command::Cancel(_))
}

pub(super) fn is_look_up(command: &Command, id: &ClOrdId) -> bool {
    matches!(command, Command::LookUp(look) if look.cl_ord_id == *id)
}

pub(super) fn quoter_params() -> quoter::Params {
    quoter::Params {
        qty: qty(1_000_000),
        half_spread_ppm: 5_000,
        skew_ppm: 100,
        max_position: qty(10_000_000),
        refresh_ticks: 2,
        min_interval: Duration::ZERO,
        stale_grace: Duration::from_secs(1),
    }
}
