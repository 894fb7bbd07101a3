//! Orders that wait for a price, one sentence a test.

use super::super::{fixture::*, *};
use crate::types::Side;

const CENT: i64 = 1_000_000; // 0.01 BTC

fn waiting(kind: TriggerKind, side: Side, at: Offset, limit: Option<Offset>) -> NewOrder {
    NewOrder {
        trigger: Some(NewTrigger {
            kind,
            reference: Reference::Last,
            price: at,
            limit,
        }),
        ..limit_order(side)
    }
}

fn limit_order(side: Side) -> NewOrder {
    limit(side, 1, CENT)
}

/// A market between 60,900.0 and 61,000.0 that last traded at 61,000.0.
fn market() -> Bench {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Buy, 609_000, 1_000 * CENT))
        .unwrap();
    bench
        .place(AGENT, limit(Side::Sell, 610_000, 1_000 * CENT))
        .unwrap();
    trade(&mut bench, 610_000);
    bench
}

/// Lets the market trade at a price.
fn trade(bench: &mut Bench, at: i64) {
    let sell = bench.place(AGENT, limit(Side::Sell, at, 1)).unwrap();
    if bench.exchange.order(&sell).is_some() {
        bench.place(AGENT, limit(Side::Buy, at, 1)).unwrap();
    }
}

fn no_asks(bench: &mut Bench) {
    let asks: Vec<_> = bench
        .exchange
        .open_orders(AGENT)
        .filter(|order| order.state.side == Side::Sell)
        .map(|order| order.state.order_id)
        .collect();
    for id in asks {
        bench.cancel(AGENT, id).unwrap();
    }
}

fn kinds(bench: &Bench) -> Vec<Change> {
    let changes = bench.facts.iter().filter_map(|(_, fact)| {
        let Fact::Changed(change) = fact else {
            return None;
        };
        Some(change.change)
    });
    changes.collect()
}

#[test]
fn a_stop_waits_in_no_book_and_holds_what_it_will_need() {
    let mut bench = market();
    let before = bench.exchange.levels(BTC_USD, Side::Sell).count();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Sell,
        Offset::At(price(605_000)),
        None,
    );
    let id = bench.place(ALICE, stop).unwrap();
    assert_eq!(bench.status(id), OrderStatus::Open);
    assert_eq!(bench.exchange.levels(BTC_USD, Side::Sell).count(), before);
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("0.01"));
    let buy = waiting(
        TriggerKind::StopLoss,
        Side::Buy,
        Offset::At(price(615_000)),
        None,
    );
    bench.place(BOB, buy).unwrap();
    assert_eq!(
        bench.balance(BOB, "USD").held,
        decimal("617.46"),
        "and its fee"
    );
    bench.cancel(ALICE, id).unwrap();
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("0"));
}

#[test]
fn a_stop_goes_to_the_market_under_its_own_id_when_its_price_trades() {
    let mut bench = market();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Sell,
        Offset::At(price(609_500)),
        None,
    );
    let id = bench.place(ALICE, stop).unwrap();
    trade(&mut bench, 609_501);
    assert_eq!(bench.filled(id), 0);
    trade(&mut bench, 609_500);
    assert_eq!(bench.status(id), OrderStatus::Closed);
    assert_eq!(bench.trades().last(), Some(&(609_000, CENT)));
    assert_eq!(kinds(&bench), [Change::Triggered]);
    let fired = bench.exchange.order(&id).unwrap().state.conditions.trigger;
    assert_eq!(fired.unwrap().fired, Some((price(609_500), bench.now)));
}

#[test]
fn a_price_that_is_there_already_fires_at_once() {
    let mut bench = market();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Sell,
        Offset::At(price(611_000)),
        None,
    );
    let id = bench.place(ALICE, stop).unwrap();
    assert_eq!(bench.status(id), OrderStatus::Closed);
}

#[test]
fn a_limit_rests_once_its_price_has_come() {
    let mut bench = market();
    let profit = waiting(
        TriggerKind::TakeProfit,
        Side::Sell,
        Offset::Percent(decimal("1")),
        Some(Offset::At(price(620_000))),
    );
    let id = bench.place(ALICE, profit).unwrap();
    no_asks(&mut bench);
    trade(&mut bench, 616_100);
    let order = &bench.exchange.order(&id).unwrap().state;
    assert_eq!(order.conditions.trigger.unwrap().price, price(616_100));
    assert_eq!(
        bench.exchange.best(BTC_USD, Side::Sell),
        Some((price(620_000), qty(CENT)))
    );
}

#[test]
fn a_stop_that_fires_can_fire_the_next() {
    let mut bench = market();
    bench
        .place(AGENT, limit(Side::Buy, 600_000, 1_000 * CENT))
        .unwrap();
    let stop = |at| {
        waiting(
            TriggerKind::StopLoss,
            Side::Sell,
            Offset::At(price(at)),
            None,
        )
    };
    let (first, second) = (
        bench.place(ALICE, stop(609_500)).unwrap(),
        bench.place(BOB, stop(609_000)).unwrap(),
    );
    trade(&mut bench, 609_500);
    for id in [first, second] {
        assert_eq!(bench.status(id), OrderStatus::Closed);
    }
}

#[test]
fn a_trailing_stop_follows_the_market_up_and_sells_when_it_turns() {
    let mut bench = market();
    let trailing = waiting(
        TriggerKind::TrailingStop,
        Side::Sell,
        Offset::Quote(decimal("50.0")),
        Some(Offset::Quote(decimal("-1.0"))),
    );
    let id = bench.place(ALICE, trailing).unwrap();
    let stands = |bench: &Bench| {
        let order = &bench.exchange.order(&id).unwrap().state;
        let trigger = order.conditions.trigger.unwrap();
        (trigger.price.units(), order.kind.limit().unwrap().units())
    };
    assert_eq!(stands(&bench), (609_500, 609_490));
    no_asks(&mut bench);
    trade(&mut bench, 611_000);
    assert_eq!(stands(&bench), (610_500, 610_490));
    trade(&mut bench, 610_600);
    assert_eq!(stands(&bench), (610_500, 610_490));
    trade(&mut bench, 610_500);
    assert_eq!(kinds(&bench), [Change::Trailed, Change::Triggered]);
    assert_eq!(
        bench.exchange.best(BTC_USD, Side::Sell),
        Some((price(610_490), qty(CENT)))
    );
}

#[test]
fn a_buy_that_has_become_too_dear_is_canceled() {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Sell, 1_500_000, 100 * CENT))
        .unwrap();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Buy,
        Offset::At(price(610_000)),
        None,
    );
    let stop = NewOrder {
        qty: qty(30 * CENT).into(),
        ..stop
    };
    let id = bench.place(ALICE, stop).unwrap();
    bench.place(AGENT, limit(Side::Buy, 1_500_000, 1)).unwrap();
    let reason = CancelReason::Funds;
    assert_eq!(bench.status(id), OrderStatus::Canceled { reason });
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
}

#[test]
fn what_is_waited_for_can_be_amended_until_it_has_come() {
    let mut bench = market();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Sell,
        Offset::At(price(600_000)),
        None,
    );
    let id = bench.place(ALICE, stop).unwrap();
    let amend = |trigger: Option<i64>, limit: Option<i64>| {
        Request::Amend(Amend {
            price: limit.map(|units| Offset::At(price(units))),
            trigger: trigger.map(|units| Offset::At(price(units))),
            ..Amend::of(CancelTarget::Order(id))
        })
    };
    assert_eq!(
        bench.act(ALICE, amend(None, Some(600_000))),
        Err(Refusal::InvalidLimitPrice)
    );
    assert_eq!(
        bench.act(ALICE, amend(Some(600_000), None)),
        Err(Refusal::NothingToAmend)
    );
    bench.act(ALICE, amend(Some(601_000), None)).unwrap();
    let trigger = bench.exchange.order(&id).unwrap().state.conditions.trigger;
    assert_eq!(trigger.unwrap().price, price(601_000));
    bench.act(ALICE, amend(Some(610_500), None)).unwrap();
    assert_eq!(
        bench.status(id),
        OrderStatus::Closed,
        "amended to where the market is"
    );
}

#[test]
fn where_only_limits_may_trade_a_stop_needs_one() {
    for (limit, want) in [
        (None, Err(Refusal::LimitOnly)),
        (Some(Offset::At(price(600_000))), Ok(())),
    ] {
        let mut bench = market();
        let status = crate::types::TradingStatus::LimitOnly;
        bench.exchange.set_pair_status(BTC_USD, status);
        let stop = NewOrder {
            // What the wires say of an order that waits.
            kind: OrderKind::Market,
            ..waiting(
                TriggerKind::StopLoss,
                Side::Sell,
                Offset::At(price(605_000)),
                limit,
            )
        };
        assert_eq!(bench.place(ALICE, stop).map(|_id| ()), want);
    }
}

#[test]
fn an_order_that_waits_outlives_a_restart() {
    let mut bench = market();
    let stop = waiting(
        TriggerKind::StopLoss,
        Side::Sell,
        Offset::At(price(609_500)),
        None,
    );
    let id = bench.place(ALICE, stop).unwrap();
    let mut next = Bench::new();
    next.exchange.load(bench.exchange.save()).unwrap();
    next.place(AGENT, limit(Side::Buy, 609_000, 1_000 * CENT))
        .unwrap();
    trade(&mut next, 609_500);
    assert_eq!(next.status(id), OrderStatus::Closed);
}
