//! Orders that fills leave behind, one sentence a test.

use super::super::{fixture::*, *};
use crate::types::{OrderId, Price, Side};

const CENT: i64 = 1_000_000; // 0.01 BTC

fn stop(at: i64) -> Close {
    Close {
        trigger: Some((TriggerKind::StopLoss, Offset::At(price(at)))),
        limit: None,
        follows: true,
    }
}

fn target(offset: Offset) -> Close {
    Close {
        trigger: None,
        limit: Some(offset),
        follows: true,
    }
}

fn closed_by(order: NewOrder, close: Close) -> NewOrder {
    NewOrder {
        extras: Extras {
            close: Some(close),
            ..Extras::NONE
        },
        ..order
    }
}

/// The orders that an order left behind, oldest first.
fn children(bench: &Bench, parent: OrderId) -> Vec<Order> {
    let account = bench.exchange.order(&parent).unwrap().state.account;
    let open = bench.exchange.open_orders(account);
    let closed = bench.exchange.closed_orders(account);
    let mut all: Vec<Order> = open
        .chain(closed)
        .filter(|order| order.state.conditions.parent == Some(parent))
        .cloned()
        .collect();
    all.sort_by_key(|order| order.state.key);
    all
}

fn agent(bench: &mut Bench, side: Side, at: i64, quantity: i64) {
    bench.place(AGENT, limit(side, at, quantity)).unwrap();
}

#[test]
fn every_fill_leaves_an_order_of_its_size_the_other_way() {
    let mut bench = Bench::new();
    let parent = closed_by(limit(Side::Buy, 610_000, 3 * CENT), stop(600_000));
    let parent = bench.place(ALICE, parent).unwrap();
    assert_eq!(children(&bench, parent), [], "nothing is filled yet");
    agent(&mut bench, Side::Sell, 610_000, CENT);
    // Less than the minimum of an order.
    agent(&mut bench, Side::Sell, 610_000, 500);
    let orders = children(&bench, parent);
    let sizes: Vec<i64> = orders.iter().map(|order| order.state.qty.units()).collect();
    assert_eq!(sizes, [CENT, 500]);
    for order in &orders {
        assert_eq!(order.state.side, Side::Sell);
        assert!(order.state.is_waiting());
        assert_eq!(order.state.cl_ord_id, None);
        assert_eq!(order.state.conditions.close, None);
    }
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("0.010005"));
    // The stop sells what was bought, and what is left of its parent stays.
    bench.cancel(ALICE, parent).unwrap();
    agent(&mut bench, Side::Buy, 600_000, 10 * CENT);
    agent(&mut bench, Side::Sell, 600_000, CENT);
    for order in children(&bench, parent) {
        assert_eq!(order.status, OrderStatus::Closed);
    }
}

#[test]
fn what_a_taker_leaves_behind_comes_after_all_that_it_took() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    agent(&mut bench, Side::Sell, 610_010, CENT);
    // Below the price that it is bought at: in the middle of the act it would meet nobody but its own parent.
    let parent = closed_by(
        limit(Side::Buy, 610_010, 2 * CENT),
        target(Offset::Quote(decimal("-0.5"))),
    );
    let parent = bench.place(ALICE, parent).unwrap();
    assert_eq!(bench.status(parent), OrderStatus::Closed);
    let limits: Vec<Option<Price>> = children(&bench, parent)
        .iter()
        .map(|order| order.state.kind.limit())
        .collect();
    assert_eq!(
        limits,
        [Some(price(609_995)), Some(price(610_005))],
        "each beside its own fill"
    );
}

#[test]
fn a_close_that_crosses_trades_at_once_and_leaves_nothing() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    agent(&mut bench, Side::Buy, 609_000, CENT);
    let parent = closed_by(
        limit(Side::Buy, 610_000, CENT),
        target(Offset::At(price(608_000))),
    );
    let parent = bench.place(ALICE, parent).unwrap();
    assert_eq!(bench.trades(), [(610_000, CENT), (609_000, CENT)]);
    let orders = children(&bench, parent);
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].status, OrderStatus::Closed);
    assert_eq!(children(&bench, orders[0].state.order_id), []);
}

#[test]
fn a_stop_whose_price_is_there_already_fires_at_once() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Sell, 610_000, CENT);
    agent(&mut bench, Side::Buy, 609_000, CENT);
    let parent = closed_by(limit(Side::Buy, 610_000, CENT), stop(610_000));
    bench.place(ALICE, parent).unwrap();
    assert_eq!(bench.trades(), [(610_000, CENT), (609_000, CENT)]);
}

#[test]
fn a_close_that_cannot_be_paid_is_told_and_canceled() {
    let mut bench = Bench::new();
    agent(&mut bench, Side::Buy, 610_000, 200 * CENT);
    // Two bitcoins bring 121,512 USD, which buy less than two at 80,000.
    let parent = closed_by(limit(Side::Sell, 610_000, 200 * CENT), stop(800_000));
    let parent = bench.place(ALICE, parent).unwrap();
    let orders = children(&bench, parent);
    let reason = CancelReason::Funds;
    assert_eq!(orders[0].status, OrderStatus::Canceled { reason });
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
}

#[test]
fn fills_leave_no_more_orders_than_an_account_may_have() {
    let mut bench = Bench::new();
    let parent = closed_by(limit(Side::Buy, 610_000, 300 * 20_000), stop(600_000));
    let parent = bench.place(ALICE, parent).unwrap();
    for _ in 0..226 {
        agent(&mut bench, Side::Sell, 610_000, 20_000);
    }
    let (open, over): (Vec<_>, Vec<_>) = children(&bench, parent)
        .into_iter()
        .partition(|order| order.status == OrderStatus::Open);
    assert_eq!((open.len(), over.len()), (224, 2), "and their parent");
    let reason = CancelReason::OrdersLimit;
    for order in over {
        assert_eq!(order.status, OrderStatus::Canceled { reason });
    }
}

#[test]
fn an_order_with_a_close_stays_as_it_is() {
    let mut bench = Bench::new();
    let parent = closed_by(limit(Side::Buy, 600_000, CENT), stop(590_000));
    let id = bench.place(ALICE, parent).unwrap();
    let amended = bench.amend(ALICE, id, Some(2 * CENT), None);
    assert_eq!(amended, Err(Refusal::InvalidOrder));
    let edit = Edit {
        qty: Some(qty(2 * CENT)),
        ..Edit::of(CancelTarget::Order(id))
    };
    let edited = bench.act(ALICE, Request::Edit(edit));
    assert_eq!(edited, Err(Refusal::InvalidOrder));
    assert!(bench.cancel(ALICE, id).is_ok());
}

#[test]
fn a_template_must_lead_to_prices() {
    let mut bench = Bench::new();
    let tick = Close {
        trigger: None,
        limit: Some(Offset::Percent(decimal("-100"))),
        follows: true,
    };
    let parent = closed_by(limit(Side::Buy, 600_000, CENT), tick);
    assert_eq!(bench.place(ALICE, parent), Err(Refusal::InvalidPrice));
    // Nothing has traded, and a market order has no price of its own.
    let blind = NewOrder {
        kind: OrderKind::Market,
        ..closed_by(
            limit(Side::Sell, 1, CENT),
            target(Offset::Percent(decimal("5"))),
        )
    };
    assert_eq!(bench.place(ALICE, blind), Err(Refusal::InvalidPrice));
    assert!(bench.facts.is_empty());
}

#[test]
fn limits_at_a_distance_lie_beside_the_trigger_or_beside_the_fill() {
    let mut bench = Bench::new();
    for (follows, want) in [(true, 598_900), (false, 608_900)] {
        let close = Close {
            trigger: Some((TriggerKind::StopLoss, Offset::At(price(600_000)))),
            limit: Some(Offset::Quote(decimal("-110.0"))),
            follows,
        };
        agent(&mut bench, Side::Sell, 610_000, CENT);
        let parent = closed_by(limit(Side::Buy, 610_000, CENT), close);
        let parent = bench.place(ALICE, parent).unwrap();
        let order = &children(&bench, parent)[0].state;
        assert_eq!(order.kind, OrderKind::Limit(price(want)));
    }
}

#[test]
fn a_template_outlives_a_restart() {
    let mut bench = Bench::new();
    let parent = closed_by(limit(Side::Buy, 610_000, CENT), stop(600_000));
    let parent = bench.place(ALICE, parent).unwrap();
    let mut next = Bench::new();
    next.exchange.load(bench.exchange.save()).unwrap();
    agent(&mut next, Side::Sell, 610_000, CENT);
    assert_eq!(children(&next, parent).len(), 1);
}
