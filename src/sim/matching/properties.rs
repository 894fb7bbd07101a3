//! What must hold whatever is asked, by random requests.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{fixture::*, *};
use crate::types::{AssetCode, Decimal, Price, Quantity, Side, Timestamp};

/// A request in small numbers, made concrete against the state that it meets.
#[derive(Clone, Debug)]
enum Step {
    Place {
        who: AccountId,
        pair: u32,
        side: Side,
        offset: i64,
        qty: i64,
        flavor: u8,
        name: Option<u8>,
        extras: Rare,
    },
    Amend {
        who: AccountId,
        nth: usize,
        qty: Option<i64>,
        offset: Option<i64>,
        post_only: bool,
    },
    Edit {
        who: AccountId,
        nth: usize,
        qty: Option<i64>,
        offset: Option<i64>,
    },
    Cancel {
        who: AccountId,
        nth: usize,
    },
    CancelAll {
        who: AccountId,
    },
    Wind {
        who: AccountId,
        seconds: u64,
    },
    Wait(u64),
}

/// What few orders ask for, in small numbers.
#[derive(Clone, Copy, Debug)]
struct Rare {
    close: Option<u8>,
    start: Option<u64>,
    sub_id: Option<u8>,
    in_base: bool,
}

fn rare() -> impl Strategy<Value = Rare> {
    (
        prop::option::weighted(0.2, 0_u8..5),
        prop::option::weighted(0.1, 1_u64..60),
        prop::option::weighted(0.1, 0_u8..2),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(close, start, sub_id, in_base)| Rare {
            close,
            start,
            sub_id,
            in_base,
        })
}

impl Rare {
    fn concrete(self, now: Timestamp, near: Price) -> Extras {
        let quote = |text: &str| Offset::Quote(decimal(text));
        let close = self.close.map(|close| {
            let (trigger, limit) = match close {
                0 => (None, Some(Offset::At(near))),
                1 => (None, Some(quote("0"))),
                2 => (Some((TriggerKind::StopLoss, Offset::At(near))), None),
                3 => (
                    Some((TriggerKind::TakeProfit, Offset::Percent(decimal("0.001")))),
                    Some(quote("0")),
                ),
                _ => (
                    Some((TriggerKind::TrailingStop, Offset::Percent(decimal("0.001")))),
                    Some(quote("0")),
                ),
            };
            Close {
                trigger,
                limit,
                follows: true,
            }
        });
        Extras {
            close,
            start: self
                .start
                .map(|seconds| now.after(Duration::from_secs(seconds))),
            sub_id: self.sub_id.map(|id| name(&format!("s{id}"))),
            fee_in: if self.in_base {
                FeeCurrency::Base
            } else {
                FeeCurrency::Quote
            },
        }
    }
}

/// Quantities around the minimum, odd ones, and some that funds do not cover.
fn quantity() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 9_990_i64..3_000_000,
        2 => 3_000_000_i64..40_000_000,
        1 => 40_000_000_i64..300_000_000,
    ]
}

fn step(agents: bool) -> impl Strategy<Value = Step> {
    let who = if agents {
        prop_oneof![Just(ALICE), Just(BOB), Just(AGENT)].boxed()
    } else {
        prop_oneof![Just(ALICE), Just(BOB)].boxed()
    };
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let place = (
        who.clone(),
        0_u32..2,
        side,
        -6_i64..6,
        quantity(),
        0_u8..11,
        prop::option::weighted(0.3, 0_u8..4),
        rare(),
    )
        .prop_map(
            |(who, pair, side, offset, qty, flavor, name, extras)| Step::Place {
                who,
                pair,
                side,
                offset,
                qty,
                flavor,
                name,
                extras,
            },
        );
    let amend = (
        who.clone(),
        0_usize..6,
        prop::option::of(prop_oneof![1 => 0_i64..20_000, 5 => quantity()]),
        prop::option::of(-6_i64..6),
        any::<bool>(),
    )
        .prop_map(|(who, nth, qty, offset, post_only)| Step::Amend {
            who,
            nth,
            qty,
            offset,
            post_only,
        });
    let edit = (
        who.clone(),
        0_usize..6,
        prop::option::of(quantity()),
        prop::option::of(-6_i64..6),
    )
        .prop_map(|(who, nth, qty, offset)| Step::Edit {
            who,
            nth,
            qty,
            offset,
        });
    prop_oneof![
        10 => place,
        5 => amend,
        2 => edit,
        3 => (who.clone(), 0_usize..6).prop_map(|(who, nth)| Step::Cancel { who, nth }),
        1 => who.clone().prop_map(|who| Step::CancelAll { who }),
        1 => (who, 0_u64..60).prop_map(|(who, seconds)| Step::Wind { who, seconds }),
        4 => (0_u64..40).prop_map(Step::Wait),
    ]
}

/// Prices near 61,000.0 USD and 0.04 BTC, with odd digits so that costs have to be rounded.
fn at(pair: u32, offset: i64) -> Price {
    price(if pair == 0 { 610_003 } else { 4_001 } + offset)
}

fn concrete(bench: &Bench, step: &Step) -> Option<(AccountId, Request)> {
    let nth_open = |who, nth: usize| {
        let mut open = bench.exchange.open_orders(who);
        open.nth(nth)
            .map(|order| (order.state.order_id, order.state.pair.0))
    };
    match step.clone() {
        Step::Wait(_) => None,
        Step::CancelAll { who } => Some((who, Request::CancelAll)),
        Step::Wind { who, seconds } => {
            let timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            Some((who, Request::CancelAllAfter(timeout)))
        }
        Step::Cancel { who, nth } => {
            let target = CancelTarget::Order(nth_open(who, nth)?.0);
            Some((who, Request::Cancel(Cancel { target })))
        }
        Step::Edit {
            who,
            nth,
            qty: new,
            offset,
        } => {
            let (id, pair) = nth_open(who, nth)?;
            let edit = Edit {
                target: CancelTarget::Order(id),
                qty: new.map(qty),
                price: offset.map(|offset| Offset::At(at(pair, offset))),
                trigger: None,
                display: None,
                post_only: false,
                userref: None,
                deadline: None,
                validate: false,
            };
            Some((who, Request::Edit(edit)))
        }
        Step::Amend {
            who,
            nth,
            qty: new,
            offset,
            post_only,
        } => {
            let (id, pair) = nth_open(who, nth)?;
            let amend = Amend {
                target: CancelTarget::Order(id),
                qty: new.map(qty),
                price: offset.map(|offset| Offset::At(at(pair, offset))),
                trigger: None,
                display: None,
                post_only,
                deadline: None,
            };
            Some((who, Request::Amend(amend)))
        }
        Step::Place {
            who,
            pair,
            side,
            offset,
            qty: quantity,
            flavor,
            name: tag,
            extras,
        } => {
            let kind = match flavor {
                0 => OrderKind::Market,
                _ => OrderKind::Limit(at(pair, offset)),
            };
            let all = || all_in(bench, who, pair, side, at(pair, offset));
            let quantity = if flavor == 3 { all()? } else { quantity };
            let size = match flavor {
                // A market buy of an amount of quote.
                0 if tag == Some(0) => Size::Cash(decimal(if pair == 0 { "300" } else { "0.01" })),
                _ => qty(quantity).into(),
            };
            let order = NewOrder {
                pair: PairId(pair),
                kind,
                qty: size,
                time_in_force: match flavor {
                    1 => TimeInForce::Ioc,
                    4 => TimeInForce::Fok,
                    5 => TimeInForce::Gtd(bench.now.after(Duration::from_secs(30))),
                    _ => TimeInForce::Gtc,
                },
                post_only: flavor == 2,
                trigger: trigger(flavor, tag, at(pair, offset)),
                display: (flavor == 10).then(|| qty(quantity / 7 + 1)),
                self_trade: match flavor {
                    6 => SelfTrade::CancelOldest,
                    7 => SelfTrade::CancelBoth,
                    _ => SelfTrade::CancelNewest,
                },
                cl_ord_id: tag.map(|tag| name(&format!("n{tag}"))),
                extras: extras.concrete(bench.now, at(pair, -offset)),
                ..limit(side, 1, quantity)
            };
            Some((who, Request::Place(order)))
        }
    }
}

/// Stops and profits, with and without a limit, and stops that trail.
fn trigger(flavor: u8, tag: Option<u8>, price: Price) -> Option<NewTrigger> {
    let (kind, price, limit) = match (flavor, tag) {
        (8, None | Some(0)) => (TriggerKind::StopLoss, Offset::At(price), None),
        (8, Some(1)) => (TriggerKind::TakeProfit, Offset::At(price), None),
        (8, Some(_)) => (TriggerKind::StopLoss, Offset::At(price), Some(price)),
        (9, None | Some(0)) => (
            TriggerKind::TrailingStop,
            Offset::Percent(decimal("0.001")),
            None,
        ),
        (9, Some(_)) => (
            TriggerKind::TrailingStop,
            Offset::Percent(decimal("0.001")),
            Some(price),
        ),
        _ => return None,
    };
    Some(NewTrigger {
        kind,
        reference: Reference::Last,
        price,
        limit: limit.map(|limit| match kind {
            TriggerKind::TrailingStop => Offset::Quote(decimal("0")),
            TriggerKind::StopLoss | TriggerKind::TakeProfit => Offset::At(limit),
        }),
    })
}

/// The largest quantity that the account can pay to the last digit.
fn all_in(bench: &Bench, who: AccountId, pair: u32, side: Side, at: Price) -> Option<i64> {
    let code = match (pair, side) {
        (0, Side::Buy) => "USD",
        (0, Side::Sell) | (_, Side::Buy) => "BTC",
        (_, Side::Sell) => "ETH",
    };
    let mut balances = bench.exchange.balances(who);
    let (_, balance) = balances.find(|(asset, _)| asset.as_str() == code)?;
    let available = balance.available().rounded_toward_zero(8).unwrap();
    let units = available.mantissa();
    if side == Side::Sell {
        return i64::try_from(units).ok();
    }
    let price_digits = if pair == 0 { 1 } else { 5 };
    let units = units * 10_i128.pow(price_digits) * 10_000 / (i128::from(at.units()) * 10_040);
    i64::try_from(units).ok()
}

/// Runs the steps, checking after each one, and gives back how the bench ended.
fn run(rules: Rules, steps: &[Step]) -> Bench {
    let mut bench = Bench::with(rules);
    let (mut shadow, mut turns) = (Shadow::default(), Turns::default());
    for step in steps {
        let told = bench.facts.len();
        let queues = Queues::of(&bench.exchange);
        let seen = Seen::of(&bench.exchange);
        if let Step::Wait(seconds) = step {
            bench.wait(*seconds);
            bench.tick();
            seen.moves_to(&bench.exchange);
        } else if let Some((who, request)) = concrete(&bench, step) {
            let result = bench.act(who, request);
            assert!(
                result.is_ok() || bench.facts.len() == told,
                "a refusal tells nothing"
            );
            seen.moves_to(&bench.exchange);
        }
        let facts = &bench.facts[told..];
        shadow.follow(facts);
        turns.follow(facts);
        turns.hold_in(&bench.exchange);
        queues.are_served_in_order(facts);
        shadow.equals(&bench.exchange);
        check_money(&bench.exchange);
        check_trades(&bench.exchange, facts);
    }
    bench
}

const SIDES: [(u32, Side); 4] = [
    (0, Side::Buy),
    (0, Side::Sell),
    (1, Side::Buy),
    (1, Side::Sell),
];

/// Whose turn comes when, kept by the venue's words: a new order, a new price and a higher quantity go to the back.
#[derive(Default)]
struct Turns {
    next: u64,
    orders: BTreeMap<OrderKey, (OrderState, u64)>,
}

impl Turns {
    fn follow(&mut self, facts: &[(Timestamp, Fact)]) {
        for (_, fact) in facts {
            let order = match fact {
                Fact::Accepted(accepted) => &accepted.order,
                Fact::Amended(amend) => &amend.order,
                Fact::Changed(change) if change.change == Change::Refilled => {
                    self.next += 1;
                    let entry = (change.order.clone(), self.next);
                    self.orders.insert(change.order.key, entry);
                    continue;
                }
                Fact::Changed(change) => &change.order,
                Fact::Trade(_)
                | Fact::Fill(_)
                | Fact::Filled { .. }
                | Fact::Canceled { .. }
                | Fact::Ledger(_)
                | Fact::Switch { .. }
                | Fact::Level(_) => continue,
            };
            let stays = self
                .orders
                .get(&order.key)
                .filter(|(old, _)| {
                    let idle = |order: &OrderState| order.is_waiting() || order.is_pending();
                    let waited = idle(old) && !idle(order);
                    !waited && old.kind == order.kind && old.qty >= order.qty
                })
                .map(|(_, turn)| *turn);
            self.next += 1;
            let turn = stays.unwrap_or(self.next);
            self.orders.insert(order.key, (order.clone(), turn));
        }
    }

    fn hold_in(&self, exchange: &Exchange) {
        for (pair, side) in SIDES {
            let resting = exchange.resting(PairId(pair), side);
            let seen: Vec<_> = resting.map(|(price, key, _, _)| (price, key)).collect();
            let mut expected = seen.clone();
            expected.sort_by_key(|(price, key)| {
                let better = if side == Side::Buy {
                    -price.units()
                } else {
                    price.units()
                };
                (better, self.orders[key].1)
            });
            assert_eq!(seen, expected);
        }
    }
}

/// What rested before an act, in the order in which it must be served.
struct Queues(BTreeMap<(u32, Side), Vec<(OrderKey, i64)>>);

impl Queues {
    fn of(exchange: &Exchange) -> Self {
        let queue = |(pair, side)| {
            let resting = exchange.resting(PairId(pair), side);
            let queue = resting
                .map(|(_, key, _, left)| (key, left.units()))
                .collect();
            ((pair, side), queue)
        };
        Self(SIDES.map(queue).into_iter().collect())
    }

    fn are_served_in_order(mut self, facts: &[(Timestamp, Fact)]) {
        // An order that goes to the market in the middle of an act stands in no queue of before it.
        // Neither does the next part of an iceberg, nor what a fill leaves behind.
        let triggered = |fact: &Fact| match fact {
            Fact::Changed(change) => change.change != Change::Trailed,
            Fact::Accepted(accepted) => accepted.order.conditions.parent.is_some(),
            Fact::Trade(_)
            | Fact::Fill(_)
            | Fact::Filled { .. }
            | Fact::Amended(_)
            | Fact::Canceled { .. }
            | Fact::Ledger(_)
            | Fact::Level(_)
            | Fact::Switch { .. } => false,
        };
        if facts.iter().any(|(_, fact)| triggered(fact)) {
            return;
        }
        for (_, fact) in facts {
            if let Fact::Canceled { order, .. } = fact
                && let Some(queue) = self.0.get_mut(&(order.pair.0, order.side))
            {
                queue.retain(|(key, _)| *key != order.key);
            }
            let Fact::Trade(trade) = fact else { continue };
            let side = (trade.pair.0, trade.taker_side.opposite());
            let queue = self.0.get_mut(&side).unwrap();
            let (first, left) = queue.first_mut().unwrap();
            assert_eq!(trade.maker, *first, "out of turn");
            *left -= trade.qty.units();
            assert!(*left >= 0);
            if *left == 0 {
                queue.remove(0);
            }
        }
    }
}

/// The queues as a reader of moves sees them.
pub(super) struct Seen(BTreeMap<(u32, Side), BTreeMap<(Price, u64), Queued>>);

impl Seen {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let queue = |(pair, side)| {
            let queue = exchange.queue(PairId(pair), side);
            let queue = queue.map(|order| ((order.price, order.turn), order));
            ((pair, side), queue.collect())
        };
        Self(SIDES.map(queue).into_iter().collect())
    }

    pub(super) fn moves_to(mut self, exchange: &Exchange) {
        let mut in_flight = std::collections::BTreeSet::new();
        for step in exchange.moves() {
            match *step {
                Move::Entered(pair, side, order) => {
                    in_flight.insert((pair, side, order.price, order.turn));
                    let queue = self.0.get_mut(&(pair.0, side)).unwrap();
                    let place = (order.price, order.turn);
                    let behind = queue.range(..place).next_back();
                    let behind = behind.filter(|((price, _), _)| *price == order.price);
                    assert!(behind.is_none_or(|(_, last)| last.since < order.since));
                    assert!(queue.insert(place, order).is_none());
                }
                Move::Resized(pair, side, price, turn, left) => {
                    let queue = self.0.get_mut(&(pair.0, side)).unwrap();
                    if left.is_zero() {
                        queue.remove(&(price, turn)).unwrap();
                        in_flight.remove(&(pair, side, price, turn));
                    } else {
                        queue.get_mut(&(price, turn)).unwrap().qty = left;
                    }
                }
                Move::Settled(pair, side, price, turn) => {
                    in_flight.remove(&(pair, side, price, turn));
                }
            }
        }
        assert!(in_flight.is_empty(), "unsettled: {in_flight:?}");
        assert_eq!(self.0, Self::of(exchange).0);
    }
}

/// The book as a reader of level facts sees it.
#[derive(Default)]
struct Shadow {
    levels: BTreeMap<(u32, Side), BTreeMap<Price, Quantity>>,
}

impl Shadow {
    fn follow(&mut self, facts: &[(Timestamp, Fact)]) {
        for (_, fact) in facts {
            let Fact::Level(level) = fact else { continue };
            let side = self.levels.entry((level.pair.0, level.side)).or_default();
            if level.qty.is_zero() {
                assert!(side.remove(&level.price).is_some(), "an absent level went");
            } else {
                side.insert(level.price, level.qty);
            }
            self.uncrossed(level.pair.0);
        }
    }

    fn uncrossed(&self, pair: u32) {
        let bid = self
            .levels
            .get(&(pair, Side::Buy))
            .and_then(|side| side.last_key_value());
        let ask = self
            .levels
            .get(&(pair, Side::Sell))
            .and_then(|side| side.first_key_value());
        if let (Some((bid, _)), Some((ask, _))) = (bid, ask) {
            assert!(bid < ask, "crossed at {bid:?} {ask:?}");
        }
    }

    fn equals(&self, exchange: &Exchange) {
        for pair in 0..2 {
            for side in [Side::Buy, Side::Sell] {
                let mut seen: Vec<_> = exchange.levels(PairId(pair), side).collect();
                seen.sort();
                let shadow = self.levels.get(&(pair, side));
                let shadow: Vec<_> = shadow
                    .into_iter()
                    .flatten()
                    .map(|(p, q)| (*p, *q))
                    .collect();
                assert_eq!(seen, shadow);
                let mut sums = BTreeMap::new();
                for (price, key, _, remaining) in exchange.resting(PairId(pair), side) {
                    let order = &exchange.orders[&key].state;
                    assert_eq!(order.visible(), remaining);
                    assert!(!remaining.is_zero(), "nothing shows");
                    *sums.entry(price).or_insert(0) += remaining.units();
                }
                let sums: Vec<_> = sums.into_iter().map(|(p, q)| (p, qty(q))).collect();
                assert_eq!(sums, seen, "levels are the sums of their orders");
            }
        }
    }
}

/// What an open order must hold, computed in integers of the asset's last digit.
fn hold(order: &OrderState) -> (AssetCode, Decimal) {
    let base = order.conditions.fee_in == FeeCurrency::Base;
    let rate = if order.post_only { 25 } else { 40 };
    let remaining = i128::from(order.qty.units() - order.filled.units());
    let btc_usd = order.pair == BTC_USD;
    if order.side == Side::Sell {
        let code = if btc_usd { "BTC" } else { "ETH" };
        let rate = if base { rate } else { 0 };
        return (asset(code), rounded_up(remaining, rate, 8, 10));
    }
    let rate = if base { 0 } else { rate };
    let (code, scale, digits) = if btc_usd {
        ("USD", 9, 4)
    } else {
        ("BTC", 13, 10)
    };
    let start = order.conditions.start.filter(|start| !start.begun);
    let at = match (order.kind, order.conditions.trigger, start) {
        (OrderKind::Limit(at), _, _) => at,
        (OrderKind::Market, Some(trigger), _) if order.is_waiting() => trigger.price,
        (OrderKind::Market, _, Some(start)) => {
            if let Some(cash) = order.conditions.cash {
                let exact = cash.mantissa_at(scale).unwrap();
                return (
                    asset(code),
                    rounded_up(exact, rate, u32::from(scale), digits),
                );
            }
            let Some(price) = start.price else {
                return (asset(code), Decimal::ZERO);
            };
            price
        }
        (OrderKind::Market, _, None) => panic!("an open market order"),
    };
    let exact = i128::from(at.units()) * remaining;
    (
        asset(code),
        rounded_up(exact, rate, u32::from(scale), digits),
    )
}

/// An amount and a fee of so many hundredths of a percent on top, in fewer digits.
fn rounded_up(exact: i128, rate: i128, scale: u32, digits: u8) -> Decimal {
    let exact = exact * (10_000 + rate) * 10_i128.pow(10);
    let unit = 10_i128.pow(scale + 4 + 10 - u32::from(digits));
    let units = exact.div_euclid(unit) + i128::from(exact.rem_euclid(unit) != 0);
    Decimal::new(units, digits).unwrap()
}

fn check_money(exchange: &Exchange) {
    for account in [ALICE, BOB] {
        let mut held: BTreeMap<AssetCode, Decimal> = BTreeMap::new();
        for order in exchange.open_orders(account) {
            let (code, amount) = hold(&order.state);
            let sum = held.entry(code).or_insert(Decimal::ZERO);
            *sum = sum.checked_add(amount).unwrap();
        }
        for (code, balance) in exchange.balances(account) {
            assert!(!balance.total.is_negative(), "{code} {balance:?}");
            assert!(!balance.available().is_negative(), "{code} {balance:?}");
            let expected = held.remove(&code).unwrap_or(Decimal::ZERO);
            assert_eq!(balance.held, expected, "{account:?} {code}");
        }
        assert!(held.is_empty());
    }
}

/// Every trade has one fill for each client in it, equal to it; orders are the sums of their fills.
fn check_trades(exchange: &Exchange, facts: &[(Timestamp, Fact)]) {
    for (position, (_, fact)) in facts.iter().enumerate() {
        let Fact::Trade(trade) = fact else { continue };
        let after = facts[position + 1..].iter().map(|(_, fact)| fact);
        let fills: Vec<&FillFact> = after
            .take_while(|fact| !matches!(fact, Fact::Trade(_)))
            .filter_map(|fact| {
                let Fact::Fill(fill) = fact else { return None };
                Some(fill)
            })
            .collect();
        for fill in &fills {
            assert_eq!((fill.price, fill.qty), (trade.price, trade.qty));
            assert!([trade.maker, trade.taker].contains(&fill.order.key));
        }
        let clients = [trade.maker, trade.taker]
            .iter()
            .filter(|key| {
                exchange
                    .orders
                    .get(key)
                    .is_some_and(|o| o.state.account != AGENT)
            })
            .count();
        assert_eq!(fills.len(), clients);
    }
    for account in [ALICE, BOB] {
        let mut sums: BTreeMap<OrderKey, (i64, Decimal, Decimal)> = BTreeMap::new();
        for fill in exchange.fills(account) {
            let sum = sums
                .entry(fill.order.key)
                .or_insert((0, Decimal::ZERO, Decimal::ZERO));
            sum.0 += fill.qty.units();
            sum.1 = sum.1.checked_add(fill.cost).unwrap();
            sum.2 = sum.2.checked_add(fill.fee).unwrap();
        }
        for order in exchange
            .open_orders(account)
            .chain(exchange.closed_orders(account))
        {
            let sum = sums
                .remove(&order.state.key)
                .unwrap_or((0, Decimal::ZERO, Decimal::ZERO));
            let state = &order.state;
            assert_eq!((state.filled.units(), state.cost, state.fee), sum);
        }
        assert!(sums.is_empty());
    }
}

fn total(bench: &Bench, code: &str) -> Decimal {
    let totals = [ALICE, BOB].map(|account| bench.balance(account, code).total);
    totals[0].checked_add(totals[1]).unwrap()
}

/// The facts that a log keeps: those of clients.
fn of_clients(facts: &[(Timestamp, Fact)]) -> Vec<(Timestamp, Fact)> {
    let client = |account| account != AGENT;
    let keep = |fact: &Fact| match fact {
        Fact::Accepted(accepted) => client(accepted.order.account),
        Fact::Amended(amend) => client(amend.order.account),
        Fact::Changed(change) => client(change.order.account),
        Fact::Filled { order } | Fact::Canceled { order, .. } => client(order.account),
        Fact::Trade(_) | Fact::Fill(_) | Fact::Ledger(_) | Fact::Switch { .. } => true,
        Fact::Level(_) => false,
    };
    let kept = facts.iter().filter(|(_, fact)| keep(fact));
    kept.cloned().collect()
}

fn small_history() -> Rules {
    Rules {
        history: 10,
        ..Rules::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved_between_clients(steps in prop::collection::vec(step(false), 1..120)) {
        let bench = run(Rules::default(), &steps);
        for (code, opening) in [("BTC", "4"), ("ETH", "4"), ("USD", "40000")] {
            let fees = [ALICE, BOB].iter().flat_map(|account| bench.exchange.ledger(*account))
                .filter(|entry| entry.asset.as_str() == code)
                .fold(Decimal::ZERO, |sum, entry| sum.checked_add(entry.fee).unwrap());
            prop_assert_eq!(total(&bench, code).checked_add(fees).unwrap(), decimal(opening));
        }
    }

    #[test]
    fn a_balance_is_the_opening_and_the_ledger(steps in prop::collection::vec(step(true), 1..120)) {
        let bench = run(Rules::default(), &steps);
        for account in [ALICE, BOB] {
            for (code, opening) in [("BTC", "2"), ("ETH", "2"), ("USD", "20000")] {
                let mut balance = decimal(opening);
                for entry in bench.exchange.ledger(account).filter(|e| e.asset.as_str() == code) {
                    balance = balance.checked_add(entry.amount).unwrap().checked_sub(entry.fee).unwrap();
                    prop_assert_eq!(balance, entry.balance);
                }
                prop_assert_eq!(balance, bench.balance(account, code).total);
            }
        }
    }

    #[test]
    fn facts_rebuild_the_state_that_wrote_them(steps in prop::collection::vec(step(true), 1..120), cut in 0_usize..=100) {
        let bench = run_short(&steps);
        let whole = bench.exchange.save();
        let middle = bench.acts.get(bench.acts.len() * cut / 100).copied().unwrap_or(0);
        let (before, after) = bench.facts.split_at(middle);
        let mut restored = exchange(small_history());
        // A snapshot between two acts changes nothing.
        restored.restore(of_clients(before));
        let snapshot = restored.save();
        let mut loaded = exchange(small_history());
        loaded.load(snapshot.clone()).unwrap();
        prop_assert_eq!(&loaded.save(), &snapshot);
        loaded.restore(of_clients(after));
        for account in [ALICE, BOB] {
            loaded.restore_rates(account, bench.exchange.rates(account));
        }
        loaded.raise_counters(bench.exchange.counters());
        prop_assert_eq!(loaded.save(), whole);
        check_money(&loaded);
    }

    #[test]
    fn ids_never_repeat(steps in prop::collection::vec(step(true), 1..120)) {
        let bench = run(Rules::default(), &steps);
        let mut ids = std::collections::BTreeSet::new();
        for (_, fact) in &bench.facts {
            let id = match fact {
                Fact::Accepted(accepted) => accepted.order.order_id,
                Fact::Fill(fill) => fill.exec_id,
                Fact::Amended(amend) => amend.amend_id,
                Fact::Ledger(entry) => entry.ledger_id,
                Fact::Trade(_)
                | Fact::Changed(_)
                | Fact::Filled { .. }
                | Fact::Canceled { .. }
                | Fact::Switch { .. }
                | Fact::Level(_) => continue,
            };
            prop_assert!(ids.insert(id), "{} twice", id);
        }
    }
}

/// With so short a memory that closed orders, fills and entries are forgotten on the way; [`run`]'s checks need them all.
fn run_short(steps: &[Step]) -> Bench {
    let mut bench = Bench::with(small_history());
    for step in steps {
        if let Step::Wait(seconds) = step {
            bench.wait(*seconds);
            bench.tick();
        } else if let Some((who, request)) = concrete(&bench, step) {
            let _refused_or_not = bench.act(who, request);
        }
    }
    bench
}
