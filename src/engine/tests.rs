//! The engine as its edges see it: events in, commands out, no clock, no socket.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the variant it wants; every other fails it"
)]

mod guards;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;

use super::{
    command::{Command, CommandId},
    event::{
        Answer, Balance, BookKind, BookUpdate, Control, Event, Fill, Found, Level, Link, LookedUp,
        OrderRecord, Outcome, RecordStatus, RejectReason, Rejection, Report, ReportKind, Unsent,
        VenueState,
    },
    order::{End, State},
    risk::Code,
    strategy::{self, Intent, Strategy, View, grid, quoter},
    throttle::Tier,
    *,
};
use crate::types::{
    AssetCode, ClOrdId, Decimal, ExecId, Fees, InlineText, Instrument, InstrumentId, OrderId,
    Price, Quantity, Side, Symbol, TimeInForce, Timestamp, TradingStatus,
};

fn text<const N: usize>(text: &str) -> InlineText<N> {
    InlineText::new(text).unwrap()
}

fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

fn instrument(symbol: &str) -> Instrument {
    let (base, quote) = symbol.split_once('/').unwrap();
    Instrument {
        symbol: text(symbol),
        base: text(base),
        quote: text(quote),
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

fn settings(kinds: Vec<strategy::Kind>) -> Settings {
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

fn quoter_params() -> quoter::Params {
    quoter::Params {
        qty: Quantity::new(1_000_000).unwrap(),
        half_spread_ppm: 5_000,
        skew_ppm: 100,
        max_position: Quantity::new(10_000_000).unwrap(),
        refresh_ticks: 2,
        min_interval: Duration::ZERO,
        stale_grace: Duration::from_secs(1),
    }
}

/// Wishes what the test puts in.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<Vec<Intent>>>);

impl Strategy for Script {
    fn decide(&mut self, _: &View<'_>, out: &mut Vec<Intent>) {
        out.append(&mut self.0.lock().unwrap());
    }
}

/// An engine on a bench: feeds events, keeps what came out.
struct Desk {
    engine: Engine,
    script: Script,
    out: Outbox,
    now: Timestamp,
    commands: Vec<Command>,
    notes: Vec<Note>,
}

impl Desk {
    fn new() -> Self {
        let script = Script::default();
        let now = Timestamp::from_secs(1_000);
        let strategies: Vec<Box<dyn Strategy>> = vec![Box::new(script.clone())];
        let settings = settings(vec![strategy::Kind::Custom]);
        let engine = Engine::with_strategies(now, settings, strategies);
        Self::over(engine, script, now)
    }

    fn over(engine: Engine, script: Script, now: Timestamp) -> Self {
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
    fn trading() -> Self {
        let mut desk = Self::new();
        desk.bring_up();
        desk
    }

    fn bring_up(&mut self) {
        self.feed(Event::Feed(Link::Up));
        self.book(1_000, 1_005);
        self.feed(Event::Account(Link::Up));
        self.reconcile(VenueState::default());
        assert_eq!(self.engine.mode(), Mode::Trading);
        self.commands.clear();
        self.notes.clear();
    }

    fn feed(&mut self, event: Event) {
        self.out.clear();
        self.engine.handle(self.now, &event, &mut self.out);
        self.commands.extend_from_slice(self.out.commands());
        self.notes.extend_from_slice(self.out.notes());
    }

    /// Lets time pass, ticking whenever the engine wants it.
    fn wait(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            assert!(
                at >= self.now || self.engine.next_deadline() != Some(at),
                "spins"
            );
            self.now = self.now.max(at);
            self.feed(Event::Tick);
        }
        self.now = end;
        self.feed(Event::Tick);
    }

    fn book(&mut self, bid: i64, ask: i64) {
        let level = |units| Level {
            price: Price::new(units).unwrap(),
            qty: Quantity::new(100_000_000).unwrap(),
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

    fn reconcile(&mut self, mut state: VenueState) {
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

    fn wish(&mut self, intent: Intent) {
        self.script.0.lock().unwrap().push(intent);
        self.book(1_000, 1_005);
    }

    fn place(&mut self, side: Side, price: i64) -> (CommandId, ClOrdId) {
        self.wish(Intent::Place {
            side,
            price: Price::new(price).unwrap(),
            qty: Quantity::new(1_000_000).unwrap(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
        });
        match self.commands.pop() {
            Some(Command::Submit(submit)) => (submit.id, submit.cl_ord_id),
            other => panic!("{other:?} instead of a create; {:?}", self.notes),
        }
    }

    fn answer(&mut self, command: CommandId, answer: Answer) {
        self.feed(Event::Outcome(Outcome { command, answer }));
    }

    fn accept(&mut self, command: CommandId) {
        self.answer(
            command,
            Answer::Accepted {
                order_id: Some(order_id()),
            },
        );
    }

    fn reject(&mut self, command: CommandId, reason: RejectReason) {
        let rejection = Rejection {
            reason,
            text: text("EOrder:Some refusal"),
        };
        self.answer(command, Answer::Rejected(rejection));
    }

    fn report(&mut self, id: ClOrdId, kind: ReportKind) {
        self.report_cum(id, kind, None);
    }

    fn report_cum(&mut self, id: ClOrdId, kind: ReportKind, cum: Option<&str>) {
        self.feed(Event::Report(Box::new(Report {
            order_id: order_id(),
            cl_ord_id: Some(id),
            symbol: None,
            side: None,
            order_qty: None,
            limit_price: None,
            cum_qty: cum.map(decimal),
            kind,
            at: self.now,
        })));
    }

    fn state(&self, id: &ClOrdId) -> State {
        self.engine.core.state.orders.get(id).unwrap().state.clone()
    }

    fn end(&self, id: &ClOrdId) -> Option<End> {
        self.engine.core.state.orders.end_of(id)
    }

    fn position(&self) -> i128 {
        self.engine.core.state.markets[0].position.base_units()
    }

    fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    fn denied(&self) -> Vec<Code> {
        let code = |note: &Note| match note {
            Note::Denied { refusal, .. } => Some(refusal.code),
            _ => None,
        };
        self.notes.iter().filter_map(code).collect()
    }
}

fn order_id() -> OrderId {
    text("OAAAAA-BBBBB-CCCCCC")
}

fn fill(exec: &str, qty: &str) -> Fill {
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

fn canceled() -> ReportKind {
    ReportKind::Canceled {
        reason: text("User requested"),
    }
}

fn record(id: ClOrdId, status: RecordStatus, filled: &str) -> OrderRecord {
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

fn is_look_up(command: &Command, id: &ClOrdId) -> bool {
    matches!(command, Command::LookUp(look) if look.cl_ord_id == *id)
}

#[test]
fn nothing_is_sent_before_the_account_is_reconciled() {
    let mut desk = Desk::new();
    desk.feed(Event::Feed(Link::Up));
    desk.wish(Intent::Place {
        side: Side::Buy,
        price: Price::new(999).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    });
    desk.feed(Event::Account(Link::Up));
    assert!(matches!(desk.take_commands()[..], [Command::Reconcile(_)]));
    desk.reconcile(VenueState::default());
    assert!(matches!(desk.take_commands()[..], [Command::Submit(_)]));
}

#[test]
fn unanswered_create_is_looked_up_and_never_sent_again() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.answer(command, Answer::Unanswered);
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    let commands = desk.take_commands();
    assert!(
        matches!(&commands[..], [look] if is_look_up(look, &id)),
        "{commands:?}"
    );
    for _ in 0..20 {
        let asked = desk.now;
        let answer = LookedUp {
            cl_ord_id: id,
            asked,
            found: Found::Absent,
        };
        desk.feed(Event::LookedUp(Box::new(answer)));
        desk.wait(Duration::from_secs(2));
    }
    let commands = desk.take_commands();
    assert!(
        commands
            .iter()
            .all(|command| !matches!(command, Command::Submit(_)))
    );
    assert_eq!(desk.end(&id), Some(End::NeverPlaced));
}

#[test]
fn absence_before_the_deadline_is_no_evidence() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.answer(command, Answer::Unanswered);
    for _ in 0..5 {
        let answer = LookedUp {
            cl_ord_id: id,
            asked: desk.now,
            found: Found::Absent,
        };
        desk.feed(Event::LookedUp(Box::new(answer)));
    }
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
}

#[test]
fn a_refused_look_up_keeps_the_order_unknown_and_stops_its_pair() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.answer(command, Answer::Unanswered);
    desk.wait(Duration::from_secs(60));
    let answer = LookedUp {
        cl_ord_id: id,
        asked: desk.now,
        found: Found::Failed,
    };
    desk.feed(Event::LookedUp(Box::new(answer)));
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    desk.wish(Intent::Place {
        side: Side::Buy,
        price: Price::new(998).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    });
    assert_eq!(desk.denied(), [Code::PairHalted]);
}

#[test]
fn an_edge_that_says_nothing_leaves_no_order_pending_for_ever() {
    let mut desk = Desk::trading();
    let (_, id) = desk.place(Side::Buy, 999);
    desk.wait(Duration::from_secs(8));
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    assert!(desk.commands.iter().any(|command| is_look_up(command, &id)));
}

#[test]
fn an_unknown_order_found_filled_is_booked_with_its_fills() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.answer(command, Answer::Unanswered);
    let order = record(id, RecordStatus::Filled, "0.01");
    let fills = vec![(order_id(), fill("T1", "0.01"))];
    let found = Found::Order { order, fills };
    desk.feed(Event::LookedUp(Box::new(LookedUp {
        cl_ord_id: id,
        asked: desk.now,
        found,
    })));
    assert_eq!(
        (desk.end(&id), desk.position()),
        (Some(End::Filled), 1_000_000)
    );
}

#[test]
fn a_report_before_the_reply_opens_the_order() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.report(id, ReportKind::Trade(fill("T1", "0.004")));
    desk.accept(command);
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert_eq!(desk.position(), 400_000);
}

#[test]
fn the_same_fill_told_twice_counts_once() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.accept(command);
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
    let (command, id) = desk.place(Side::Buy, 999);
    desk.accept(command);
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
    let (command, id) = desk.place(Side::Buy, 999);
    desk.accept(command);
    desk.report_cum(id, canceled(), Some("0.004"));
    assert_eq!(desk.end(&id), None);
    assert!(desk.commands.iter().any(|command| is_look_up(command, &id)));
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
    let again = commands
        .iter()
        .filter(|command| matches!(command, Command::Cancel(_)))
        .count();
    assert_eq!(again, 1, "{commands:?}");
    desk.report(id, canceled());
    assert_eq!(desk.end(&id), Some(End::Canceled));
}

#[test]
fn a_cancel_waits_for_the_answer_to_an_amend() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 999);
    desk.accept(create);
    let (price, qty) = (Price::new(998).unwrap(), Quantity::new(1_000_000).unwrap());
    desk.wish(Intent::Amend {
        order: id,
        price,
        qty,
    });
    let commands = desk.take_commands();
    let [Command::Amend(amend)] = &commands[..] else {
        panic!("{commands:?}")
    };
    desk.wish(Intent::Cancel { order: id });
    assert!(desk.take_commands().is_empty());
    desk.answer(amend.id, Answer::Accepted { order_id: None });
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}

#[test]
fn an_unanswered_amend_counts_at_its_worst_until_it_is_settled() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 998);
    desk.accept(create);
    let (price, qty) = (Price::new(999).unwrap(), Quantity::new(3_000_000).unwrap());
    desk.wish(Intent::Amend {
        order: id,
        price,
        qty,
    });
    let commands = desk.take_commands();
    let [Command::Amend(amend)] = &commands[..] else {
        panic!("{commands:?}")
    };
    desk.answer(amend.id, Answer::Unanswered);
    let order = desk.engine.core.state.orders.get(&id).unwrap();
    assert_eq!((order.worst_price(), order.open_qty()), (price, qty));
    assert!(desk.commands.iter().any(|command| is_look_up(command, &id)));
    let order = OrderRecord {
        qty: decimal("0.03"),
        limit_price: Some(decimal("99.9")),
        ..record(id, RecordStatus::Open, "0")
    };
    let found = Found::Order {
        order,
        fills: Vec::new(),
    };
    desk.feed(Event::LookedUp(Box::new(LookedUp {
        cl_ord_id: id,
        asked: desk.now,
        found,
    })));
    let order = desk.engine.core.state.orders.get(&id).unwrap();
    assert!(order.is_settled());
    assert_eq!((order.price, order.qty), (price, qty));
}

#[test]
fn what_was_in_flight_on_a_lost_connection_is_unknown_and_trading_stops() {
    let mut desk = Desk::trading();
    let (_, id) = desk.place(Side::Buy, 999);
    desk.feed(Event::Account(Link::Down));
    assert!(matches!(desk.state(&id), State::Unknown { .. }));
    assert_eq!(desk.engine.mode(), Mode::Syncing);
    desk.feed(Event::Account(Link::Up));
    let open = vec![record(id, RecordStatus::Open, "0")];
    desk.reconcile(VenueState {
        open,
        ..VenueState::default()
    });
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert_eq!(desk.engine.mode(), Mode::Trading);
}

#[test]
fn an_order_that_never_left_is_over() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.feed(Event::Account(Link::Down));
    desk.answer(command, Answer::Unsent(Unsent::NotConnected));
    assert_eq!(desk.end(&id), Some(End::Unsent));
}

#[test]
fn an_order_that_the_venue_refused_and_reports_halts_the_pair() {
    let mut desk = Desk::trading();
    let (command, id) = desk.place(Side::Buy, 999);
    desk.report(id, ReportKind::New);
    desk.reject(command, RejectReason::Other);
    assert!(matches!(desk.state(&id), State::Open { .. }));
    assert!(desk.engine.core.state.markets[0].halted);
}

#[test]
fn an_open_order_with_our_tag_is_adopted_and_a_foreign_one_is_not() {
    let mut desk = Desk::new();
    desk.feed(Event::Account(Link::Up));
    let ours = ClOrdId::new("td0000100000001").unwrap();
    assert_eq!(ours.len(), 15);
    let foreign = ClOrdId::new("manual-1").unwrap();
    let other: OrderId = text("OZZZZZ-ZZZZZ-ZZZZZZ");
    let open = vec![
        record(ours, RecordStatus::Open, "0.004"),
        OrderRecord {
            order_id: other,
            ..record(foreign, RecordStatus::Open, "0")
        },
    ];
    desk.reconcile(VenueState {
        open,
        ..VenueState::default()
    });
    let live: Vec<_> = desk.engine.status().live_ids();
    assert_eq!(live, [ours]);
    assert_eq!(
        desk.position(),
        0,
        "what was filled before the journal began is not ours to count"
    );
}

#[test]
fn a_stop_cancels_everything_and_ends_when_the_venue_agrees() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 999);
    desk.accept(create);
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
    let open = vec![record(ours, RecordStatus::Open, "0")];
    desk.take_commands();
    desk.reconcile(VenueState {
        open,
        ..VenueState::default()
    });
    assert_eq!(desk.engine.mode(), Mode::Stopping);
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}

#[test]
fn after_a_failed_journal_only_cancels_leave() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 999);
    desk.accept(create);
    desk.feed(Event::JournalFailed);
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
    desk.wish(Intent::Place {
        side: Side::Buy,
        price: Price::new(998).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    });
    assert!(
        desk.take_commands()
            .iter()
            .all(|command| !matches!(command, Command::Submit(_)))
    );
    assert!(desk.engine.core.state.orders.get(&id).is_some());
}

#[test]
fn every_rule_of_the_gate_refuses_with_its_code() {
    let wish = |price, qty| Intent::Place {
        side: Side::Buy,
        price: Price::new(price).unwrap(),
        qty: Quantity::new(qty).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    };
    type Prepare = fn(&mut Desk);
    let cases: [(Prepare, Intent, Code); 13] = [
        (
            |d| d.feed(Event::OrderEntry(event::OrderEntry::Shut)),
            wish(999, 1_000_000),
            Code::OrderEntryShut,
        ),
        (
            |d| d.feed(Event::Venue(TradingStatus::CancelOnly)),
            wish(999, 1_000_000),
            Code::VenueStatus,
        ),
        (
            |d| d.engine.core.state.markets[0].halted = true,
            wish(999, 1_000_000),
            Code::PairHalted,
        ),
        (
            |d| d.engine.core.state.instruments[0].tick = Price::new(5).unwrap(),
            wish(999, 1_000_000),
            Code::Tick,
        ),
        (
            |d| d.engine.core.state.instruments[0].lot = Quantity::new(7).unwrap(),
            wish(999, 1_000_000),
            Code::Lot,
        ),
        (|_| {}, wish(999, 4_999), Code::Minimum),
        (|_| {}, wish(999, 100_000), Code::Minimum),
        (
            |d| d.engine.core.settings.limits[0].max_order_qty = Some(decimal("0.005")),
            wish(999, 1_000_000),
            Code::OrderQty,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_order_notional = Some(decimal("0.9")),
            wish(999, 1_000_000),
            Code::OrderNotional,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_position = Some(decimal("0.005")),
            wish(999, 1_000_000),
            Code::Position,
        ),
        (
            |d| d.engine.core.settings.limits[0].max_open_orders = 0,
            wish(999, 1_000_000),
            Code::OpenOrders,
        ),
        (|_| {}, wish(700, 1_000_000), Code::Collar),
        (|_| {}, wish(999, 900_000_000_000), Code::Balance),
    ];
    for (prepare, intent, code) in cases {
        let mut desk = Desk::trading();
        prepare(&mut desk);
        desk.wish(intent);
        assert_eq!(desk.denied(), [code], "{intent:?}");
        assert!(desk.commands.is_empty());
    }
}

#[test]
fn a_stale_book_denies() {
    let mut desk = Desk::trading();
    desk.script.0.lock().unwrap().push(Intent::Place {
        side: Side::Buy,
        price: Price::new(999).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    });
    desk.feed(Event::Feed(Link::Down));
    assert_eq!(desk.denied(), [Code::BookStale]);
}

#[test]
fn a_book_that_stands_still_too_long_denies() {
    let mut desk = Desk::trading();
    desk.engine.core.settings.limits[0].max_book_age = Duration::from_secs(2);
    let script = desk.script.clone();
    let wish = move |desk: &mut Desk| {
        script.0.lock().unwrap().push(Intent::Place {
            side: Side::Buy,
            price: Price::new(999).unwrap(),
            qty: Quantity::new(1_000_000).unwrap(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
        });
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
    desk.script.0.lock().unwrap().push(Intent::Place {
        side: Side::Buy,
        price: Price::new(9_995).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    });
    desk.book(10_000, 10_055);
    assert_eq!(desk.denied(), [Code::PairHalted]);
    assert!(desk.take_commands().is_empty());
}

#[test]
fn two_orders_of_ours_never_meet() {
    let mut desk = Desk::trading();
    let (create, _) = desk.place(Side::Sell, 1_004);
    desk.accept(create);
    desk.wish(Intent::Place {
        side: Side::Buy,
        price: Price::new(1_004).unwrap(),
        qty: Quantity::new(1_000_000).unwrap(),
        time_in_force: TimeInForce::Ioc,
        post_only: false,
    });
    assert_eq!(desk.denied(), [Code::SelfTrade]);
}

#[test]
fn a_strategy_that_amends_without_end_is_slowed_and_can_always_cancel() {
    let mut desk = Desk::trading();
    let (create, id) = desk.place(Side::Buy, 990);
    desk.accept(create);
    let mut sent = 0;
    for step in 0..500_i64 {
        let (price, qty) = (
            Price::new(980 + step % 2).unwrap(),
            Quantity::new(1_000_000).unwrap(),
        );
        desk.wish(Intent::Amend {
            order: id,
            price,
            qty,
        });
        for command in desk.take_commands() {
            let Command::Amend(amend) = command else {
                continue;
            };
            sent += 1;
            desk.answer(amend.id, Answer::Accepted { order_id: None });
        }
        desk.now = desk.now.after(Duration::from_millis(10));
    }
    // Pro: 180, less the create, the cancel and the margin, plus 5 s of decay, at 4 an amend.
    assert!((40..=47).contains(&sent), "{sent}");
    assert!(desk.denied().contains(&Code::Throttled));
    desk.wish(Intent::Cancel { order: id });
    assert!(matches!(desk.take_commands()[..], [Command::Cancel(_)]));
}

fn quoter_desk() -> Desk {
    let now = Timestamp::from_secs(1_000);
    let engine = Engine::new(now, settings(vec![strategy::Kind::Quoter(quoter_params())]));
    let mut desk = Desk::over(engine, Script::default(), now);
    desk.bring_up();
    desk
}

#[test]
fn the_quoter_amends_in_place_instead_of_canceling() {
    let mut desk = quoter_desk();
    desk.book(1_000, 1_005);
    let creates: Vec<_> = desk
        .engine
        .core
        .state
        .orders
        .live()
        .map(|order| (order.cl_ord_id, order.state.clone(), order.price.units()))
        .collect();
    assert_eq!(creates.len(), 2);
    for (index, (id, state, _)) in creates.iter().enumerate() {
        let State::Pending { command, .. } = state else {
            panic!("{state:?}")
        };
        let order_id = Some(text(&format!("OAAAAA-BBBBB-{index:06}")));
        desk.answer(*command, Answer::Accepted { order_id });
        assert!(matches!(desk.state(id), State::Open { .. }));
    }
    desk.take_commands();
    desk.book(1_004, 1_009);
    let commands = desk.take_commands();
    assert_eq!(commands.len(), 2);
    assert!(
        commands
            .iter()
            .all(|command| matches!(command, Command::Amend(_))),
        "{commands:?}"
    );
}

#[test]
fn the_quoter_leans_against_its_position_and_stops_at_the_most() {
    let mut desk = quoter_desk();
    desk.engine.core.settings.limits[0].max_open_orders = 0;
    desk.book(1_000_000, 1_000_005);
    let params = quoter::Params {
        half_spread_ppm: 0,
        ..quoter_params()
    };
    let mut quoter = quoter::Quoter::new(params);
    let targets = |desk: &mut Desk, quoter: &mut quoter::Quoter, held: &str| {
        let mut position = position::Position::default();
        if held != "0" {
            let qty = Quantity::new(i64::try_from(decimal(held).mantissa_at(8).unwrap()).unwrap())
                .unwrap();
            position.apply(Side::Buy, qty, &fill("T1", held)).unwrap();
        }
        let state = &desk.engine.core.state;
        let view = View {
            now: desk.now,
            me: StrategyId(0),
            id: InstrumentId(0),
            instrument: &state.instruments[0],
            book: Some(&state.markets[0].book),
            orders: &orders::Orders::default(),
            position: &position,
            account: &state.account,
        };
        let mut out = Vec::new();
        quoter.decide(&view, &mut out);
        desk.now = desk.now.after(Duration::from_millis(1));
        out.iter()
            .map(|intent| match intent {
                Intent::Place { side, price, .. } => (*side, price.units()),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let flat = targets(&mut desk, &mut quoter, "0");
    let long = targets(&mut desk, &mut quoter, "0.05");
    let full = targets(&mut desk, &mut quoter, "0.1");
    assert_eq!(flat, [(Side::Buy, 1_000_002), (Side::Sell, 1_000_003)]);
    assert!(long[0].1 < flat[0].1 && long[1].1 < flat[1].1, "{long:?}");
    assert_eq!(full.len(), 1, "no more buying at the most: {full:?}");
}

#[test]
fn the_quoter_pulls_its_quotes_when_the_book_stays_stale() {
    let mut desk = quoter_desk();
    desk.book(1_000, 1_005);
    desk.take_commands();
    desk.feed(Event::Feed(Link::Down));
    assert!(desk.take_commands().is_empty());
    desk.wait(Duration::from_millis(1_100));
    let cancels = desk
        .take_commands()
        .iter()
        .filter(|command| matches!(command, Command::Cancel(_)))
        .count();
    assert_eq!(cancels, 2);
}

#[test]
fn the_grid_turns_a_filled_line_around() {
    let params = grid::Params {
        qty: Quantity::new(1_000_000).unwrap(),
        levels: 2,
        step_ppm: 10_000,
        center: Some(Price::new(1_002).unwrap()),
    };
    let now = Timestamp::from_secs(1_000);
    let engine = Engine::new(now, settings(vec![strategy::Kind::Grid(params)]));
    let mut desk = Desk::over(engine, Script::default(), now);
    desk.bring_up();
    let live = |desk: &Desk| {
        let mut live: Vec<_> = desk
            .engine
            .core
            .state
            .orders
            .live()
            .map(|order| (order.price.units(), order.side))
            .collect();
        live.sort_unstable();
        live
    };
    let (buy, sell) = (Side::Buy, Side::Sell);
    assert_eq!(
        live(&desk),
        [(982, buy), (992, buy), (1_012, sell), (1_022, sell)]
    );
    let order = desk
        .engine
        .core
        .state
        .orders
        .live()
        .find(|order| order.price.units() == 992);
    let id = order.unwrap().cl_ord_id;
    desk.report(id, ReportKind::Trade(fill("T1", "0.01")));
    assert_eq!(
        live(&desk),
        [(982, buy), (1_002, sell), (1_012, sell), (1_022, sell)]
    );
}

/// Turns arbitrary bytes into events that a venue, or a mad one, could send.
fn event(desk: &Desk, kind: u8, number: u64) -> Event {
    let ids: Vec<_> = desk
        .engine
        .core
        .state
        .orders
        .live()
        .map(|order| order.cl_ord_id)
        .collect();
    let id = ids
        .get(usize::try_from(number).unwrap() % ids.len().max(1))
        .copied();
    let id = id.unwrap_or_else(|| ClOrdId::new("td0000700000001").unwrap());
    let order_id = text(&format!("O{}", &id[2..]));
    let command = CommandId(number % 64);
    let report = |kind| {
        Event::Report(Box::new(Report {
            order_id,
            cl_ord_id: Some(id),
            symbol: Some(text("BTC/USD")),
            side: Some(if number.is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            }),
            order_qty: Some(decimal("0.01")),
            limit_price: Some(decimal("99.9")),
            cum_qty: None,
            kind,
            at: desk.now,
        }))
    };
    let answer = |answer| Event::Outcome(Outcome { command, answer });
    let level = |units: u64| Level {
        price: Price::new(i64::try_from(units).unwrap()).unwrap(),
        qty: Quantity::new(100_000_000).unwrap(),
    };
    match kind % 16 {
        0..=4 => {
            let (bid, ask) = (1_000 + number % 20, 1_005 + number % 20);
            let checksum = crc32fast::hash(format!("{ask}100000000{bid}100000000").as_bytes());
            Event::Book(BookUpdate {
                instrument: InstrumentId(0),
                kind: BookKind::Snapshot,
                bids: vec![level(bid)],
                asks: vec![level(ask)],
                checksum: if number.is_multiple_of(17) {
                    1
                } else {
                    checksum
                },
                at: None,
            })
        }
        5 => answer(Answer::Accepted {
            order_id: Some(order_id),
        }),
        6 => answer(Answer::Unanswered),
        7 => answer(Answer::Rejected(Rejection {
            reason: RejectReason::UnknownOrder,
            text: text("EOrder:Unknown order"),
        })),
        8 => report(ReportKind::New),
        9 => report(ReportKind::Trade(fill(
            &format!("T{}", number % 50),
            "0.002",
        ))),
        10 => report(canceled()),
        11 => Event::Account(if number.is_multiple_of(5) {
            Link::Down
        } else {
            Link::Up
        }),
        12 => Event::Reconciled(Box::new(VenueState {
            asked: desk.now,
            balances: vec![
                Balance {
                    asset: text("USD"),
                    total: decimal("100000"),
                },
                Balance {
                    asset: text::<16>("BTC") as AssetCode,
                    total: decimal("10"),
                },
            ],
            ..VenueState::default()
        })),
        13 => Event::LookedUp(Box::new(LookedUp {
            cl_ord_id: id,
            asked: desk.now,
            found: if number.is_multiple_of(2) {
                Found::Absent
            } else {
                Found::Failed
            },
        })),
        14 => Event::Feed(if number.is_multiple_of(3) {
            Link::Down
        } else {
            Link::Up
        }),
        _ => Event::Tick,
    }
}

fn both() -> Vec<strategy::Kind> {
    let grid = grid::Params {
        qty: Quantity::new(1_000_000).unwrap(),
        levels: 3,
        step_ppm: 5_000,
        center: None,
    };
    vec![
        strategy::Kind::Quoter(quoter_params()),
        strategy::Kind::Grid(grid),
    ]
}

fn bytes(commands: &[Command]) -> Vec<u8> {
    postcard::to_stdvec(commands).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    /// The same events give the same bytes, also from a checkpoint taken anywhere on the way.
    #[test]
    fn an_engine_fed_twice_gives_identical_commands(
        steps in prop::collection::vec((any::<u8>(), any::<u64>(), 0_u64..3_000), 1..120),
        cut in 0_usize..120,
    ) {
        let now = Timestamp::from_secs(1_000);
        let mut first = Desk::over(Engine::new(now, settings(both())), Script::default(), now);
        let mut second = Desk::over(Engine::new(now, settings(both())), Script::default(), now);
        for (index, (kind, number, millis)) in steps.into_iter().enumerate() {
            if index == cut {
                let saved = first.engine.checkpoint().unwrap();
                let checkpoint = Checkpoint::decode(settings(both()), &saved).unwrap();
                second.engine = checkpoint.restore();
                prop_assert_eq!(second.engine.checkpoint().unwrap(), saved);
            }
            first.now = first.now.after(Duration::from_millis(millis));
            second.now = first.now;
            let event = event(&first, kind, number);
            first.feed(event.clone());
            second.feed(event);
            prop_assert_eq!(bytes(&first.take_commands()), bytes(&second.take_commands()));
        }
    }

    /// Whatever happens, no id is created twice, one change an order is in flight, and nothing is created outside of trading.
    #[test]
    fn no_order_is_ever_doubled(
        steps in prop::collection::vec((any::<u8>(), any::<u64>(), 0_u64..3_000), 1..200),
    ) {
        let now = Timestamp::from_secs(1_000);
        let mut desk = Desk::over(Engine::new(now, settings(both())), Script::default(), now);
        let mut created = std::collections::BTreeSet::new();
        for (kind, number, millis) in steps {
            desk.now = desk.now.after(Duration::from_millis(millis));
            let event = event(&desk, kind, number);
            desk.feed(event);
            for command in desk.take_commands() {
                match command {
                    Command::Submit(submit) => {
                        prop_assert_eq!(desk.engine.mode(), Mode::Trading);
                        prop_assert!(created.insert(submit.cl_ord_id), "created twice");
                    }
                    Command::Amend(amend) => {
                        let order = desk.engine.core.state.orders.get(&amend.change.get().cl_ord_id);
                        prop_assert!(order.is_some_and(|order| order.pending_change().is_some()));
                    }
                    Command::Cancel(_) | Command::LookUp(_) | Command::Reconcile(_) | Command::Resync(_) => {}
                }
            }
            let next = desk.engine.next_deadline();
            prop_assert!(next.is_none_or(|next| next > desk.now.before(Duration::from_nanos(1))), "the loop would spin");
        }
    }
}
