//! Names for self-trade prevention, currencies of fees, indexes, and what an order remembers; one sentence a test.

use super::super::{fixture::*, *};
use crate::types::Side;

const CENT: i64 = 1_000_000; // 0.01 BTC

fn named(order: NewOrder, sub_id: Option<&str>) -> NewOrder {
    NewOrder {
        extras: Extras {
            sub_id: sub_id.map(name),
            ..Extras::NONE
        },
        ..order
    }
}

fn in_base(order: NewOrder) -> NewOrder {
    NewOrder {
        extras: Extras {
            fee_in: FeeCurrency::Base,
            ..Extras::NONE
        },
        ..order
    }
}

#[test]
fn orders_of_one_account_meet_if_they_are_placed_for_different_names() {
    for (resting, coming, meets) in [
        (Some("a"), Some("b"), true),
        (Some("a"), None, true),
        (Some("a"), Some("a"), false),
        (None, None, false),
    ] {
        for time_in_force in [TimeInForce::Gtc, TimeInForce::Fok] {
            let mut bench = Bench::new();
            let sell = named(limit(Side::Sell, 610_000, CENT), resting);
            bench.place(ALICE, sell).unwrap();
            let buy = NewOrder {
                time_in_force,
                ..named(limit(Side::Buy, 610_000, CENT), coming)
            };
            bench.place(ALICE, buy).unwrap();
            assert_eq!(
                bench.trades().len() == 1,
                meets,
                "{resting:?} {coming:?} {time_in_force:?}"
            );
            assert_eq!(bench.balance(ALICE, "BTC").total, decimal("2"));
        }
    }
}

#[test]
fn a_fee_in_base_comes_out_of_what_is_bought() {
    let mut bench = Bench::new();
    let buy = in_base(limit(Side::Buy, 610_000, CENT));
    let id = bench.place(ALICE, buy).unwrap();
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("610"), "no fee");
    bench
        .place(AGENT, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    assert_eq!(bench.balance(ALICE, "USD").total, decimal("19390"));
    assert_eq!(bench.balance(ALICE, "BTC").total, decimal("2.009975"));
    let fill = bench.exchange.fills(ALICE).next().unwrap();
    assert_eq!(fill.base_fee, Some(decimal("0.000025")));
    assert_eq!(fill.fee, decimal("1.525"), "what it is worth");
    assert_eq!(bench.exchange.order(&id).unwrap().state.fee, fill.fee);
}

#[test]
fn a_fee_in_base_comes_on_top_of_what_is_sold_if_it_is_there() {
    let mut bench = Bench::new();
    let sell = |cents| in_base(limit(Side::Sell, 610_000, cents * CENT));
    let id = bench.place(ALICE, sell(100)).unwrap();
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("1.004"));
    bench.cancel(ALICE, id).unwrap();
    // All that there is: nothing is left for a fee.
    bench.place(ALICE, sell(200)).unwrap();
    assert_eq!(bench.balance(ALICE, "BTC").held, decimal("2"));
    bench
        .place(AGENT, limit(Side::Buy, 610_000, 200 * CENT))
        .unwrap();
    let fill = bench.exchange.fills(ALICE).next().unwrap();
    assert_eq!((fill.base_fee, fill.fee), (None, decimal("305")));
    assert_eq!(bench.balance(ALICE, "BTC").total, decimal("0"));
}

#[test]
fn a_trigger_by_an_index_needs_one() {
    let mut bench = Bench::new();
    let stop = |pair, at| NewOrder {
        pair,
        trigger: Some(NewTrigger {
            kind: TriggerKind::StopLoss,
            reference: Reference::Index,
            price: Offset::At(price(at)),
            limit: None,
        }),
        ..limit(Side::Sell, 1, CENT)
    };
    assert!(bench.place(ALICE, stop(BTC_USD, 500_000)).is_ok());
    let refused = bench.place(ALICE, stop(PairId(1), 3_000));
    assert_eq!(refused, Err(Refusal::NoIndex));
}

#[test]
fn an_order_remembers_what_it_asked_for_and_of_many_changes_the_last() {
    let mut bench = Bench::new();
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    bench
        .place(AGENT, limit(Side::Sell, 600_000, CENT / 4))
        .unwrap();
    for step in 1..=120 {
        bench.wait(20);
        bench
            .amend(ALICE, id, Some(CENT + step), Some(600_000 - step))
            .unwrap();
    }
    let mut next = Bench::new();
    next.exchange.load(bench.exchange.save()).unwrap();
    let revisions = &next.exchange.order(&id).unwrap().revisions;
    assert_eq!(revisions.len(), 101);
    let told: Vec<_> = [&revisions[0], &revisions[1], &revisions[100]]
        .map(|revision| {
            let units = |qty: crate::types::Quantity| qty.units();
            (
                units(revision.qty),
                units(revision.remaining),
                revision.limit,
            )
        })
        .into();
    let quarter = CENT / 4;
    assert_eq!(
        told,
        [
            (CENT, CENT, Some(price(600_000))),
            (CENT + 21, CENT + 21 - quarter, Some(price(599_979))),
            (CENT + 120, CENT + 120 - quarter, Some(price(599_880))),
        ]
    );
    assert_eq!(revisions[0].kind, RevisionKind::Original);
}

/// A stop that trails by 50.0, its limit 1.0 below, placed at 61,000.0; then the market rose to 61,100.0 and fell to 61,080.0.
fn trailing(bench: &mut Bench) -> crate::types::OrderId {
    let trade = |bench: &mut Bench, at| {
        bench.place(AGENT, limit(Side::Sell, at, CENT)).unwrap();
        bench.place(AGENT, limit(Side::Buy, at, CENT)).unwrap();
    };
    trade(bench, 610_000);
    let stop = NewOrder {
        trigger: Some(NewTrigger {
            kind: TriggerKind::TrailingStop,
            reference: Reference::Last,
            price: Offset::Quote(decimal("50.0")),
            limit: Some(Offset::Quote(decimal("-1.0"))),
        }),
        ..limit(Side::Sell, 1, CENT)
    };
    let id = bench.place(ALICE, stop).unwrap();
    trade(bench, 611_000);
    trade(bench, 610_800);
    bench.wait(20);
    id
}

#[test]
fn a_trailing_stop_is_amended_by_distances_from_the_best_price_that_it_saw() {
    let stands = |bench: &Bench, id| {
        let order = &bench.exchange.order(&id).unwrap().state;
        let trigger = order.conditions.trigger.unwrap();
        (trigger.price.units(), order.kind.limit().unwrap().units())
    };
    let (quote, at) = (
        |text| Offset::Quote(decimal(text)),
        |units| Offset::At(price(units)),
    );
    for (limit, trigger, want) in [
        (Some(quote("-2.0")), None, Ok((610_500, 610_480))),
        (None, Some(quote("60.0")), Ok((610_400, 610_390))),
        (Some(at(600_000)), None, Ok((610_500, 600_000))),
        (None, Some(at(610_000)), Err(Refusal::InvalidPrice)),
        (None, Some(quote("-5.0")), Err(Refusal::InvalidPrice)),
    ] {
        let mut bench = Bench::new();
        let id = trailing(&mut bench);
        assert_eq!(stands(&bench, id), (610_500, 610_490));
        let amend = Amend {
            price: limit,
            trigger,
            ..Amend::of(CancelTarget::Order(id))
        };
        let result = bench.act(ALICE, Request::Amend(amend));
        assert_eq!(result.map(|_| stands(&bench, id)), want);
    }
}

#[test]
fn a_distance_is_no_limit_of_an_order_that_follows_nothing() {
    let mut bench = Bench::new();
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    let amend = Amend {
        price: Some(Offset::Quote(decimal("-1.0"))),
        ..Amend::of(CancelTarget::Order(id))
    };
    let refused = bench.act(ALICE, Request::Amend(amend));
    assert_eq!(refused, Err(Refusal::InvalidLimitPrice));
}
