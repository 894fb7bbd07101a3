//! Orders that begin later, one sentence a test.

use std::time::Duration;

use super::super::{fixture::*, *};
use crate::types::{OrderId, Side, TradingStatus};

const CENT: i64 = 1_000_000; // 0.01 BTC

/// The same order in a minute.
fn later(bench: &Bench, order: NewOrder) -> NewOrder {
    NewOrder {
        extras: Extras {
            start: Some(bench.now.after(Duration::from_secs(60))),
            ..Extras::NONE
        },
        ..order
    }
}

fn market(side: Side, quantity: i64) -> NewOrder {
    NewOrder {
        kind: OrderKind::Market,
        ..limit(side, 1, quantity)
    }
}

fn agent(bench: &mut Bench, side: Side, at: i64, quantity: i64) {
    bench.place(AGENT, limit(side, at, quantity)).unwrap();
}

fn minute(bench: &mut Bench) {
    bench.wait(60);
    bench.tick();
}

fn canceled(bench: &Bench, id: OrderId) -> Option<CancelReason> {
    match bench.status(id) {
        OrderStatus::Canceled { reason } => Some(reason),
        OrderStatus::Open | OrderStatus::Closed => None,
    }
}

#[test]
fn an_order_waits_outside_the_book_and_then_takes_and_rests_like_any_other() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    let order = later(&bench, limit(Side::Buy, 610_000, 3 * CENT));
    let id = bench.place(ALICE, order).unwrap();
    assert_eq!(bench.filled(id), 0);
    assert_eq!(bench.exchange.best(BTC_USD, Side::Buy), None);
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("1837.32"));
    assert_eq!(
        bench.exchange.next_due(),
        Some(bench.now.after(Duration::from_secs(60)))
    );
    bench.wait(59);
    bench.tick();
    assert_eq!(bench.filled(id), 0);
    bench.wait(1);
    bench.tick();
    assert_eq!(bench.filled(id), CENT);
    assert_eq!(
        bench.exchange.best(BTC_USD, Side::Buy),
        Some((price(610_000), qty(2 * CENT)))
    );
    assert_eq!(bench.exchange.next_due(), None, "once");
}

#[test]
fn a_start_that_is_over_is_now() {
    let mut bench = Bench::new();
    let order = NewOrder {
        extras: Extras {
            start: Some(bench.now),
            ..Extras::NONE
        },
        ..limit(Side::Buy, 610_000, CENT)
    };
    let id = bench.place(ALICE, order).unwrap();
    assert!(bench.exchange.best(BTC_USD, Side::Buy).is_some());
    let order = bench.exchange.order(&id).unwrap();
    assert_eq!(order.state.conditions.start, None);
}

#[test]
fn what_the_market_forbids_is_decided_at_the_start() {
    let cases: [(NewOrder, CancelReason); 4] = [
        (
            NewOrder {
                post_only: true,
                ..limit(Side::Buy, 610_000, CENT)
            },
            CancelReason::PostOnly,
        ),
        (
            NewOrder {
                time_in_force: TimeInForce::Fok,
                ..limit(Side::Buy, 610_000, 2 * CENT)
            },
            CancelReason::Unfillable,
        ),
        (
            NewOrder {
                time_in_force: TimeInForce::Ioc,
                ..limit(Side::Buy, 600_000, CENT)
            },
            CancelReason::Immediate,
        ),
        (market(Side::Buy, 2 * CENT), CancelReason::Immediate),
    ];
    for (order, want) in cases {
        let mut bench = Bench::new();
        let id = bench.place(ALICE, later(&bench, order)).unwrap();
        agent(&mut bench, Side::Sell, 610_000, CENT);
        minute(&mut bench);
        assert_eq!(canceled(&bench, id), Some(want));
        assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
    }
}

#[test]
fn a_market_that_is_closed_at_the_start_cancels_the_order() {
    for (status, ends) in [
        (TradingStatus::CancelOnly, true),
        (TradingStatus::PostOnly, true),
        (TradingStatus::LimitOnly, false),
    ] {
        let mut bench = Bench::new();
        let order = later(&bench, limit(Side::Buy, 610_000, CENT));
        let id = bench.place(ALICE, order).unwrap();
        bench.exchange.set_pair_status(BTC_USD, status);
        minute(&mut bench);
        let want = ends.then_some(CancelReason::MarketStatus);
        assert_eq!(canceled(&bench, id), want, "{status:?}");
    }
}

#[test]
fn a_market_order_holds_what_it_would_take_now_and_is_canceled_if_that_is_not_enough() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    let id = bench
        .place(ALICE, later(&bench, market(Side::Buy, 25 * CENT)))
        .unwrap();
    // At the edge of the band, 64,050.0, and its fee.
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("16076.55"));
    agent(&mut bench, Side::Buy, 600_000, CENT);
    agent(&mut bench, Side::Sell, 1_000_000, 100 * CENT);
    bench.place(AGENT, market(Side::Buy, CENT)).unwrap();
    minute(&mut bench);
    assert_eq!(canceled(&bench, id), Some(CancelReason::Funds));
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
    let sell = later(&bench, market(Side::Sell, CENT));
    let sell = bench.place(ALICE, sell).unwrap();
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("0.01"));
    minute(&mut bench);
    assert_eq!(bench.status(sell), OrderStatus::Closed);
}

#[test]
fn an_amount_of_quote_buys_what_it_is_worth_at_the_start() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    let cash = NewOrder {
        qty: Size::Cash(decimal("305")),
        ..market(Side::Buy, 0)
    };
    let id = bench.place(ALICE, later(&bench, cash)).unwrap();
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("306.22"));
    bench.place(AGENT, market(Side::Buy, CENT)).unwrap();
    agent(&mut bench, Side::Sell, 305_000, CENT);
    minute(&mut bench);
    assert_eq!(bench.filled(id), CENT);
    let kinds: Vec<RevisionKind> = bench
        .exchange
        .order(&id)
        .unwrap()
        .revisions
        .iter()
        .map(|revision| revision.kind)
        .collect();
    assert!(matches!(
        kinds[..],
        [
            RevisionKind::Original,
            RevisionKind::Amended {
                by: Amender::Venue,
                ..
            }
        ]
    ));
}

#[test]
fn a_trigger_at_a_distance_lies_where_the_market_is_at_the_start() {
    let mut bench = Bench::new();
    let trade = |bench: &mut Bench, at| {
        agent(bench, Side::Sell, at, CENT);
        agent(bench, Side::Buy, at, CENT);
    };
    trade(&mut bench, 610_000);
    let stop = NewOrder {
        trigger: Some(NewTrigger {
            kind: TriggerKind::TrailingStop,
            reference: Reference::Last,
            price: Offset::Quote(decimal("100.0")),
            limit: None,
        }),
        ..limit(Side::Sell, 1, CENT)
    };
    let id = bench.place(ALICE, later(&bench, stop)).unwrap();
    trade(&mut bench, 600_000);
    assert_eq!(bench.status(id), OrderStatus::Open, "it watches nothing");
    trade(&mut bench, 605_000);
    minute(&mut bench);
    let state = bench.exchange.order(&id).unwrap().state.clone();
    assert_eq!(state.conditions.trigger.unwrap().price, price(604_000));
    agent(&mut bench, Side::Buy, 590_000, CENT);
    trade(&mut bench, 604_000);
    assert_eq!(bench.status(id), OrderStatus::Closed);
}

#[test]
fn what_has_not_begun_can_be_amended_and_canceled_and_counts_as_open() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    let order = later(&bench, limit(Side::Buy, 600_000, CENT));
    let (first, second) = (
        bench.place(ALICE, order.clone()).unwrap(),
        bench.place(ALICE, order.clone()).unwrap(),
    );
    bench
        .amend(ALICE, first, Some(2 * CENT), Some(610_000))
        .unwrap();
    assert!(bench.trades().is_empty(), "it has not begun");
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("1827.28"));
    bench.cancel(ALICE, second).unwrap();
    minute(&mut bench);
    assert_eq!(bench.filled(first), CENT);
    assert_eq!(canceled(&bench, second), Some(CancelReason::User));
    let third = bench
        .place(ALICE, later(&bench, limit(Side::Buy, 600_000, CENT)))
        .unwrap();
    let all = bench.act(ALICE, Request::CancelAll);
    assert_eq!(all, Ok(Reply::CanceledAll { count: 2 }));
    assert_eq!(canceled(&bench, third), Some(CancelReason::User));
    assert_eq!(bench.exchange.next_due(), None);
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
}

#[test]
fn of_what_is_due_together_the_earliest_comes_first() {
    let mut bench = Bench::new();
    let until = bench.now.after(Duration::from_secs(30));
    let gone = NewOrder {
        time_in_force: TimeInForce::Gtd(until),
        ..limit(Side::Sell, 610_000, CENT)
    };
    bench.place(BOB, gone).unwrap();
    let id = bench
        .place(ALICE, later(&bench, limit(Side::Buy, 610_000, CENT)))
        .unwrap();
    bench.wait(1_000);
    bench.tick();
    assert_eq!(bench.filled(id), 0, "it had expired by then");
    assert!(bench.exchange.best(BTC_USD, Side::Buy).is_some());
}

#[test]
fn an_order_that_has_not_begun_outlives_a_restart() {
    let mut bench = Bench::new();
    let order = later(&bench, limit(Side::Buy, 610_000, CENT));
    let id = bench.place(ALICE, order).unwrap();
    let mut next = Bench::new();
    next.exchange.load(bench.exchange.save()).unwrap();
    assert_eq!(next.balance(ALICE, "USD").held, decimal("612.44"));
    assert_eq!(next.exchange.best(BTC_USD, Side::Buy), None);
    minute(&mut next);
    assert_eq!(next.status(id), OrderStatus::Open);
    assert!(next.exchange.best(BTC_USD, Side::Buy).is_some());
}
