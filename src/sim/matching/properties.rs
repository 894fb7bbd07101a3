//! What must hold whatever is asked and whatever goes wrong, by random steps.

mod books;
mod steps;

use std::collections::BTreeMap;

use proptest::prelude::*;

pub(super) use self::books::Seen;
use self::{
    books::{Queues, Shadow, Turns},
    steps::{Mishap, Step, concrete, step},
};
use super::{fixture::*, interventions::NOBODY, *};
use crate::types::{AssetCode, Decimal, Side, Timestamp};

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
        } else if let Step::Mishap(mishap) = step {
            if mishap.happens(&mut bench) {
                seen.moves_to(&bench.exchange);
            } else {
                assert_eq!(bench.facts.len(), told, "nothing happened, and it is told");
            }
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
        if !matches!(step, Step::Mishap(Mishap::Fill { .. })) {
            queues.are_served_in_order(facts);
        }
        shadow.equals(&bench.exchange);
        check_money(&bench.exchange);
        check_trades(&bench.exchange, facts);
    }
    bench
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
                    .is_some_and(|o| is_client(o.state.account))
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

/// Not those whom clients meet in the market, or on demand.
fn is_client(account: AccountId) -> bool {
    account != AGENT && account != NOBODY
}

/// What clients got of an asset, or gave, in trades whose other side was no client's.
fn from_outside(bench: &Bench, code: &str) -> Decimal {
    let mut sum = Decimal::ZERO;
    for trade in bench
        .facts
        .split(|(_, fact)| matches!(fact, Fact::Trade(_)))
    {
        let fills: Vec<&FillFact> = trade
            .iter()
            .filter_map(|(_, fact)| {
                let Fact::Fill(fill) = fact else { return None };
                Some(fill)
            })
            .collect();
        let [fill] = fills[..] else { continue };
        let universe = bench.exchange.universe();
        let instrument = &universe.pair(fill.order.pair).unwrap().instrument;
        let base = instrument.quantity_decimal(fill.qty);
        let buys = fill.order.side == Side::Buy;
        let ledger = universe.asset(&instrument.quote).unwrap().decimals;
        let cost = fill.cost.rounded_toward_zero(ledger).unwrap();
        for (asset, amount, gets) in [
            (instrument.base, base, buys),
            (instrument.quote, cost, !buys),
        ] {
            if asset.as_str() == code && gets {
                sum = sum.checked_add(amount).unwrap();
            } else if asset.as_str() == code {
                sum = sum.checked_sub(amount).unwrap();
            }
        }
    }
    sum
}

/// The facts that a log keeps: those of clients.
fn of_clients(facts: &[(Timestamp, Fact)]) -> Vec<(Timestamp, Fact)> {
    let keep = |fact: &Fact| match fact {
        Fact::Accepted(accepted) => is_client(accepted.order.account),
        Fact::Amended(amend) => is_client(amend.order.account),
        Fact::Changed(change) => is_client(change.order.account),
        Fact::Filled { order } | Fact::Canceled { order, .. } => is_client(order.account),
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
    fn money_is_conserved_whoever_trades_and_whatever_goes_wrong(steps in prop::collection::vec(step(), 1..120)) {
        let bench = run(Rules::default(), &steps);
        for (code, opening) in [("BTC", "4"), ("ETH", "4"), ("USD", "40000")] {
            let fees = [ALICE, BOB].iter().flat_map(|account| bench.exchange.ledger(*account))
                .filter(|entry| entry.asset.as_str() == code)
                .fold(Decimal::ZERO, |sum, entry| sum.checked_add(entry.fee).unwrap());
            let all = decimal(opening).checked_add(from_outside(&bench, code)).unwrap();
            prop_assert_eq!(total(&bench, code).checked_add(fees).unwrap(), all);
        }
    }

    #[test]
    fn a_balance_is_the_opening_and_the_ledger(steps in prop::collection::vec(step(), 1..120)) {
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
    fn facts_rebuild_the_state_that_wrote_them(steps in prop::collection::vec(step(), 1..120), cut in 0_usize..=100) {
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
    fn ids_never_repeat(steps in prop::collection::vec(step(), 1..120)) {
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
        } else if let Step::Mishap(mishap) = step {
            mishap.happens(&mut bench);
        } else if let Some((who, request)) = concrete(&bench, step) {
            let _refused_or_not = bench.act(who, request);
        }
    }
    bench
}
