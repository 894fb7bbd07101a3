//! Behavior of the exchange, one sentence a test.

use std::time::Duration;

use super::{fixture::*, *};
use crate::types::{OrderId, Side, TradingStatus};

const CENT: i64 = 1_000_000; // 0.01 BTC

fn canceled(reason: CancelReason) -> OrderStatus {
    OrderStatus::Canceled { reason }
}

fn market(side: Side, quantity: i64) -> NewOrder {
    NewOrder {
        kind: OrderKind::Market,
        ..limit(side, 1, quantity)
    }
}

#[test]
fn earlier_orders_at_a_price_fill_first_and_at_their_own_price() {
    let mut bench = Bench::new();
    let first = bench
        .place(AGENT, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    let second = bench.place(BOB, limit(Side::Sell, 610_000, CENT)).unwrap();
    let cheap = bench
        .place(AGENT, limit(Side::Sell, 609_990, CENT))
        .unwrap();
    let taker = limit(Side::Buy, 610_050, 2 * CENT + CENT / 2);
    let taker = bench.place(ALICE, taker).unwrap();
    assert_eq!(
        bench.trades(),
        [(609_990, CENT), (610_000, CENT), (610_000, CENT / 2)]
    );
    assert_eq!(bench.filled(second), CENT / 2);
    assert_eq!(bench.status(taker), OrderStatus::Closed);
    assert!(
        bench.exchange.order(&first).is_none(),
        "agents are forgotten"
    );
    assert!(bench.exchange.order(&cheap).is_none());
    assert_eq!(bench.exchange.last_price(BTC_USD), Some(price(610_000)));
}

#[test]
fn a_fill_moves_cost_and_fee_and_tells_two_ledger_entries_for_each_client() {
    let mut bench = Bench::new();
    let maker = bench
        .place(ALICE, limit(Side::Buy, 610_000, 2 * CENT))
        .unwrap();
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("1224.88"));
    bench
        .place(BOB, limit(Side::Sell, 610_000, CENT / 2))
        .unwrap();
    assert_eq!(bench.balance(ALICE, "USD").total, decimal("19694.2375"));
    assert_eq!(bench.balance(ALICE, "BTC").total, decimal("2.005"));
    assert_eq!(bench.balance(BOB, "USD").total, decimal("20303.78"));
    assert_eq!(bench.balance(BOB, "BTC").total, decimal("1.995"));
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("918.66"));
    let order = &bench.exchange.order(&maker).unwrap().state;
    assert_eq!(order.cost.to_string(), "305.00000");
    assert_eq!(order.fee.to_string(), "0.76250");
    let shape: Vec<String> = bench.facts[2..]
        .iter()
        .map(|(_, fact)| shape(fact))
        .collect();
    assert_eq!(
        shape,
        [
            "accepted 2",
            "trade",
            "fill 1",
            "ledger 1 BTC",
            "ledger 1 USD",
            "fill 2",
            "filled 2",
            "ledger 2 BTC",
            "ledger 2 USD",
            "level"
        ][..]
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()[..],
        "the level of the first order was told before"
    );
}

fn shape(fact: &Fact) -> String {
    match fact {
        Fact::Accepted(accepted) => format!("accepted {}", accepted.order.account.0),
        Fact::Trade(_) => "trade".to_owned(),
        Fact::Fill(fill) => format!("fill {}", fill.order.account.0),
        Fact::Filled { order } => format!("filled {}", order.account.0),
        Fact::Amended(amend) => format!("amended {}", amend.order.account.0),
        Fact::Changed(change) => format!("changed {}", change.order.account.0),
        Fact::Canceled { order, .. } => format!("canceled {}", order.account.0),
        Fact::Ledger(entry) => format!("ledger {} {}", entry.account.0, entry.asset),
        Fact::Level(_) => "level".to_owned(),
        Fact::Switch { account, .. } => format!("switch {}", account.0),
    }
}

#[test]
fn an_immediate_order_never_rests() {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    let order = NewOrder {
        time_in_force: TimeInForce::Ioc,
        ..limit(Side::Buy, 610_000, 3 * CENT)
    };
    let id = bench.place(ALICE, order).unwrap();
    assert_eq!(bench.status(id), canceled(CancelReason::Immediate));
    assert_eq!(bench.filled(id), CENT);
    assert_eq!(bench.exchange.best(BTC_USD, Side::Buy), None);
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
}

#[test]
fn a_fill_or_kill_order_is_filled_whole_or_not_at_all() {
    let mut bench = Bench::new();
    bench
        .place(ALICE, limit(Side::Sell, 609_900, CENT))
        .unwrap();
    bench
        .place(AGENT, limit(Side::Sell, 610_000, 2 * CENT))
        .unwrap();
    let order = |at, cents| NewOrder {
        time_in_force: TimeInForce::Fok,
        self_trade: SelfTrade::CancelOldest,
        ..limit(Side::Buy, at, cents * CENT)
    };
    for missing in [order(610_000, 3), order(609_900, 1), order(609_999, 2)] {
        let id = bench.place(ALICE, missing).unwrap();
        assert_eq!(bench.status(id), canceled(CancelReason::Unfillable));
    }
    assert!(bench.trades().is_empty(), "its own order fills nothing");
    let id = bench.place(ALICE, order(610_000, 2)).unwrap();
    assert_eq!(bench.status(id), OrderStatus::Closed);
}

#[test]
fn an_order_rests_until_its_time_is_over() {
    let mut bench = Bench::new();
    let until = bench.now.after(Duration::from_secs(10));
    let order = NewOrder {
        time_in_force: TimeInForce::Gtd(until),
        ..limit(Side::Buy, 610_000, CENT)
    };
    let (id, other) = (
        bench.place(ALICE, order.clone()).unwrap(),
        bench.place(ALICE, order).unwrap(),
    );
    assert_eq!(bench.exchange.next_due(), Some(until));
    bench.cancel(ALICE, other).unwrap();
    bench.wait(9);
    bench.tick();
    assert_eq!(bench.status(id), OrderStatus::Open);
    bench.wait(1);
    bench.tick();
    assert_eq!(bench.status(id), canceled(CancelReason::Expired));
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
    assert_eq!(bench.exchange.next_due(), None);
}

#[test]
fn self_trade_prevention_cancels_whom_the_order_that_comes_names() {
    for (self_trade, resting, coming) in [
        (SelfTrade::CancelNewest, false, true),
        (SelfTrade::CancelOldest, true, false),
        (SelfTrade::CancelBoth, true, true),
    ] {
        let mut bench = Bench::new();
        let old = bench
            .place(ALICE, limit(Side::Sell, 610_000, CENT))
            .unwrap();
        let order = NewOrder {
            self_trade,
            ..limit(Side::Buy, 610_000, CENT)
        };
        let new = bench.place(ALICE, order).unwrap();
        let gone = |id| bench.status(id) == canceled(CancelReason::SelfTrade);
        assert_eq!((gone(old), gone(new)), (resting, coming), "{self_trade:?}");
        assert!(bench.trades().is_empty());
    }
}

#[test]
fn a_dead_mans_switch_cancels_everything_once_unless_it_is_wound_again() {
    let mut bench = Bench::new();
    let wind = |bench: &mut Bench, seconds: Option<u64>| {
        let timeout = seconds.map(Duration::from_secs);
        bench.act(ALICE, Request::CancelAllAfter(timeout)).unwrap()
    };
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    let others = bench.place(BOB, limit(Side::Buy, 600_000, CENT)).unwrap();
    wind(&mut bench, Some(10));
    bench.wait(9);
    let at = bench.now.after(Duration::from_secs(10));
    assert_eq!(wind(&mut bench, Some(10)), Reply::Wound { at: Some(at) });
    bench.wait(9);
    bench.tick();
    assert_eq!(bench.status(id), OrderStatus::Open);
    bench.wait(1);
    bench.tick();
    assert_eq!(bench.status(id), canceled(CancelReason::NotAlive));
    assert_eq!(bench.status(others), OrderStatus::Open);
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    bench.wait(20);
    bench.tick();
    assert_eq!(bench.status(id), OrderStatus::Open, "it is off now");
    wind(&mut bench, Some(5));
    assert_eq!(wind(&mut bench, None), Reply::Wound { at: None });
    assert_eq!(bench.exchange.next_due(), None);
}

#[test]
fn a_market_order_stops_at_the_protection_band() {
    let mut bench = Bench::new();
    for at in [610_000, 640_500, 640_501] {
        bench.place(AGENT, limit(Side::Sell, at, CENT)).unwrap();
    }
    let id = bench.place(ALICE, market(Side::Buy, 3 * CENT)).unwrap();
    assert_eq!(bench.trades(), [(610_000, CENT), (640_500, CENT)]);
    assert_eq!(bench.status(id), canceled(CancelReason::Immediate));
}

#[test]
fn a_market_order_into_an_empty_book_is_canceled() {
    let mut bench = Bench::new();
    let id = bench.place(ALICE, market(Side::Sell, CENT)).unwrap();
    assert_eq!(bench.status(id), canceled(CancelReason::Immediate));
}

#[test]
fn a_market_buy_needs_what_the_book_asks_and_the_fee() {
    let mut bench = Bench::new();
    // 20,000 USD buy 0.3265 BTC at 61,000 with the fee, and 0.3278 without.
    bench
        .place(AGENT, limit(Side::Sell, 610_000, 2_000 * CENT))
        .unwrap();
    let result = bench.place(ALICE, market(Side::Buy, 32_700_000));
    assert_eq!(result, Err(Refusal::InsufficientFunds));
    assert!(bench.place(ALICE, market(Side::Buy, 32_650_000)).is_ok());
}

#[test]
fn a_post_only_order_that_would_take_is_refused_or_canceled_as_the_rule_says() {
    let crossing = NewOrder {
        post_only: true,
        ..limit(Side::Buy, 610_000, CENT)
    };
    for rule in [PostOnlyRule::Refuse, PostOnlyRule::Cancel] {
        let mut bench = Bench::with(Rules {
            post_only: rule,
            ..Rules::default()
        });
        bench
            .place(AGENT, limit(Side::Sell, 610_000, CENT))
            .unwrap();
        let result = bench.place(ALICE, crossing.clone());
        match rule {
            PostOnlyRule::Refuse => assert_eq!(result, Err(Refusal::PostOnly)),
            PostOnlyRule::Cancel => {
                assert_eq!(
                    bench.status(result.unwrap()),
                    canceled(CancelReason::PostOnly)
                );
            }
        }
        assert!(bench.trades().is_empty());
        assert_eq!(bench.exchange.best(BTC_USD, Side::Buy), None);
    }
}

#[test]
fn the_newer_of_two_own_orders_leaves_before_they_meet() {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Sell, 609_000, CENT))
        .unwrap();
    let old = bench
        .place(ALICE, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    let new = bench
        .place(ALICE, limit(Side::Buy, 611_000, 2 * CENT))
        .unwrap();
    assert_eq!(bench.status(new), canceled(CancelReason::SelfTrade));
    assert_eq!(bench.filled(new), CENT);
    assert_eq!(bench.status(old), OrderStatus::Open);
}

#[test]
fn agents_may_meet_themselves() {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    bench.place(AGENT, limit(Side::Buy, 610_000, CENT)).unwrap();
    assert_eq!(bench.trades().len(), 1);
    assert!(
        !bench
            .facts
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::Fill(_) | Fact::Ledger(_)))
    );
}

/// Two orders of one level, an amend of the first, then a taker for one of them: which was served.
fn first_is_served_after(new_qty: Option<i64>, new_price: Option<i64>, back: bool) -> bool {
    let mut bench = Bench::new();
    let first = bench
        .place(ALICE, limit(Side::Buy, 600_000, 2 * CENT))
        .unwrap();
    bench
        .place(AGENT, limit(Side::Buy, 600_000, 2 * CENT))
        .unwrap();
    bench.wait(20);
    bench.amend(ALICE, first, new_qty, new_price).unwrap();
    if back {
        bench.amend(ALICE, first, None, Some(600_000)).unwrap();
    }
    bench.place(BOB, limit(Side::Sell, 600_000, CENT)).unwrap();
    bench.filled(first) == CENT
}

#[test]
fn an_amend_keeps_its_turn_only_when_the_quantity_falls() {
    assert!(first_is_served_after(Some(CENT), None, false));
    assert!(!first_is_served_after(Some(3 * CENT), None, false));
    assert!(!first_is_served_after(None, Some(599_990), true));
}

#[test]
fn an_amend_that_crosses_takes_unless_it_says_post_only() {
    let mut bench = Bench::new();
    bench
        .place(AGENT, limit(Side::Sell, 610_000, CENT))
        .unwrap();
    let id = bench
        .place(ALICE, limit(Side::Buy, 600_000, 2 * CENT))
        .unwrap();
    let amend = Amend {
        price: Some(Offset::At(price(610_000))),
        post_only: true,
        ..Amend::of(CancelTarget::Order(id))
    };
    let result = bench.act(ALICE, Request::Amend(amend));
    assert_eq!(result, Err(Refusal::PostOnly));
    assert_eq!(
        bench.exchange.best(BTC_USD, Side::Buy),
        Some((price(600_000), qty(2 * CENT)))
    );
    bench.amend(ALICE, id, None, Some(610_000)).unwrap();
    assert_eq!(bench.trades(), [(610_000, CENT)]);
    assert_eq!(
        bench.exchange.best(BTC_USD, Side::Buy),
        Some((price(610_000), qty(CENT)))
    );
}

#[test]
fn amending_to_no_more_than_what_is_filled_ends_the_order_there() {
    let mut bench = Bench::new();
    let id = bench
        .place(ALICE, limit(Side::Buy, 600_000, 2 * CENT))
        .unwrap();
    bench
        .place(AGENT, limit(Side::Sell, 600_000, CENT))
        .unwrap();
    bench.wait(100);
    let before = bench.exchange.counter(bench.now, ALICE, BTC_USD);
    bench.amend(ALICE, id, Some(CENT / 2), None).unwrap();
    assert_eq!(bench.status(id), canceled(CancelReason::AmendedToFilled));
    assert_eq!(bench.exchange.order(&id).unwrap().state.qty, qty(CENT));
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
    let after = bench.exchange.counter(bench.now, ALICE, BTC_USD);
    // One for the amend, one for the cancel at an age between 90 and 300 s.
    assert_eq!(after.checked_sub(before), Ok(decimal("2")));
}

#[test]
fn an_amend_must_change_something_and_keep_the_rules() {
    let mut bench = Bench::new();
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    let mut refused = |new_qty, new_price| bench.amend(ALICE, id, new_qty, new_price).unwrap_err();
    assert_eq!(refused(None, None), Refusal::NothingToAmend);
    assert_eq!(refused(Some(CENT), Some(600_000)), Refusal::NothingToAmend);
    assert_eq!(refused(Some(9_999), None), Refusal::VolumeMinimum);
    assert_eq!(refused(Some(0), None), Refusal::VolumeMinimum);
    assert_eq!(
        refused(Some(2_000 * CENT), None),
        Refusal::InsufficientFunds
    );
}

#[test]
fn orders_that_are_over_are_unknown_and_others_are_invalid() {
    let mut bench = Bench::new();
    let named = NewOrder {
        cl_ord_id: Some(name("mm-1")),
        ..limit(Side::Buy, 600_000, CENT)
    };
    let id = bench.place(ALICE, named).unwrap();
    assert_eq!(bench.cancel(BOB, id), Err(Refusal::InvalidOrder));
    bench.wait(300);
    let by_name = Cancel {
        target: CancelTarget::Client(name("mm-1")),
    };
    assert_eq!(
        bench.act(ALICE, Request::Cancel(by_name)),
        Ok(Reply::Canceled { order_id: id })
    );
    assert_eq!(bench.cancel(ALICE, id), Err(Refusal::UnknownOrder));
    assert_eq!(
        bench.act(ALICE, Request::Cancel(by_name)),
        Err(Refusal::UnknownOrder)
    );
    let never = CancelTarget::Client(name("mm-2"));
    let never = Request::Cancel(Cancel { target: never });
    assert_eq!(bench.act(ALICE, never), Err(Refusal::InvalidOrder));
}

#[test]
fn a_client_id_is_free_again_when_its_order_is_over() {
    let mut bench = Bench::new();
    let named = NewOrder {
        cl_ord_id: Some(name("mm-1")),
        ..limit(Side::Buy, 600_000, CENT)
    };
    let id = bench.place(ALICE, named.clone()).unwrap();
    assert_eq!(
        bench.place(ALICE, named.clone()),
        Err(Refusal::DuplicateClOrdId)
    );
    assert!(bench.place(BOB, named.clone()).is_ok(), "another account's");
    bench.cancel(ALICE, id).unwrap();
    assert!(bench.place(ALICE, named).is_ok());
}

#[test]
fn values_and_minimums_are_checked() {
    let mut bench = Bench::new();
    let mut refused = |order| bench.place(ALICE, order).unwrap_err();
    assert_eq!(
        refused(limit(Side::Buy, 600_000, 9_999)),
        Refusal::VolumeMinimum
    );
    assert_eq!(
        refused(limit(Side::Buy, 40_000, 10_000)),
        Refusal::CostMinimum
    );
    assert_eq!(
        refused(limit(Side::Sell, 600_000, 201 * CENT)),
        Refusal::InsufficientFunds
    );
    let late = NewOrder {
        deadline: Some(bench.now.before(Duration::from_nanos(1))),
        ..limit(Side::Buy, 600_000, CENT)
    };
    assert_eq!(
        bench.place(ALICE, late).unwrap_err(),
        Refusal::DeadlineElapsed
    );
    assert!(bench.facts.is_empty());
}

#[test]
fn a_check_only_order_leaves_no_trace() {
    let mut bench = Bench::new();
    let order = NewOrder {
        validate: true,
        ..limit(Side::Buy, 600_000, CENT)
    };
    assert_eq!(bench.act(ALICE, Request::Place(order)), Ok(Reply::Valid));
    assert!(bench.facts.is_empty());
    assert!(bench.exchange.counter(bench.now, ALICE, BTC_USD).is_zero());
}

#[test]
fn churn_is_refused_until_the_counter_has_decayed() {
    let mut bench = Bench::new();
    // Nine points each round: one for the add, eight for the early cancel.
    for _ in 0..20 {
        let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
        bench.cancel(ALICE, id).unwrap();
    }
    assert_eq!(
        bench.exchange.counter(bench.now, ALICE, BTC_USD),
        decimal("180")
    );
    let order = limit(Side::Buy, 600_000, CENT);
    assert_eq!(bench.place(ALICE, order.clone()), Err(Refusal::RateLimit));
    assert!(bench.place(BOB, order.clone()).is_ok(), "per account");
    let other_pair = NewOrder {
        pair: PairId(1),
        kind: OrderKind::Limit(price(4_000)),
        ..order.clone()
    };
    assert!(bench.place(ALICE, other_pair).is_ok(), "per pair");
    bench.wait(1);
    assert!(bench.place(ALICE, order).is_ok());
}

#[test]
fn a_refused_order_pays_its_point_too() {
    let mut bench = Bench::new();
    assert!(bench.place(ALICE, limit(Side::Buy, 600_000, 1)).is_err());
    assert_eq!(
        bench.exchange.counter(bench.now, ALICE, BTC_USD),
        decimal("1")
    );
}

#[test]
fn open_orders_are_capped_per_pair() {
    let mut bench = Bench::new();
    for step in 0..225 {
        bench
            .place(ALICE, limit(Side::Buy, 500_000 - step, 10_000))
            .unwrap();
        bench.wait(1);
    }
    let one_more = limit(Side::Buy, 400_000, 10_000);
    assert_eq!(bench.place(ALICE, one_more), Err(Refusal::OrdersLimit));
    assert_eq!(
        bench.act(ALICE, Request::CancelAll),
        Ok(Reply::CanceledAll { count: 225 })
    );
    assert_eq!(bench.exchange.open_orders(ALICE).count(), 0);
    assert_eq!(bench.balance(ALICE, "USD").held, decimal("0"));
}

#[test]
fn statuses_let_through_what_they_should() {
    let (plain, taker) = (limit(Side::Buy, 600_000, CENT), market(Side::Sell, CENT));
    let post_only = NewOrder {
        post_only: true,
        ..plain.clone()
    };
    let cases = [
        (TradingStatus::CancelOnly, &plain, Err(Refusal::CancelOnly)),
        (TradingStatus::PostOnly, &plain, Err(Refusal::PostOnlyMode)),
        (TradingStatus::PostOnly, &post_only, Ok(())),
        (TradingStatus::LimitOnly, &taker, Err(Refusal::LimitOnly)),
        (TradingStatus::LimitOnly, &plain, Ok(())),
        (
            TradingStatus::Maintenance,
            &plain,
            Err(Refusal::Unavailable),
        ),
    ];
    for (status, order, expected) in cases {
        for system in [false, true] {
            let mut bench = Bench::new();
            let resting = bench.place(ALICE, limit(Side::Buy, 500_000, CENT)).unwrap();
            if system {
                bench.exchange.set_system_status(status);
            } else {
                bench.exchange.set_pair_status(BTC_USD, status);
            }
            let result = bench.place(ALICE, order.clone()).map(|_id| ());
            assert_eq!(result, expected, "{status:?}");
            let cancel = bench.cancel(ALICE, resting);
            assert_eq!(cancel.is_ok(), status != TradingStatus::Maintenance);
        }
    }
}

#[test]
fn the_oldest_closed_orders_are_forgotten_first_but_stay_unknown() {
    let mut bench = Bench::with(Rules {
        history: 3,
        ..Rules::default()
    });
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
        bench.wait(300);
        bench.cancel(ALICE, id).unwrap();
        ids.push(id);
    }
    let kept: Vec<_> = bench
        .exchange
        .closed_orders(ALICE)
        .map(|order| order.state.order_id)
        .collect();
    assert_eq!(kept, ids[2..]);
    assert!(bench.exchange.order(&ids[0]).is_none());
    assert_eq!(bench.cancel(ALICE, ids[0]), Err(Refusal::UnknownOrder));
}

#[test]
fn a_cash_order_buys_what_its_amount_is_good_for_and_no_more() {
    let mut bench = Bench::new();
    for at in [610_000, 611_000, 700_000] {
        bench.place(AGENT, limit(Side::Sell, at, CENT)).unwrap();
    }
    let cash = |amount: &str| NewOrder {
        qty: Size::Cash(decimal(amount)),
        ..market(Side::Buy, 0)
    };
    let id = bench.place(ALICE, cash("915")).unwrap();
    // 0.01 at 61,000.0, and what 305 buys at 61,100.0.
    assert_eq!(bench.trades(), [(610_000, CENT), (611_000, 499_181)]);
    assert_eq!(bench.status(id), OrderStatus::Closed);
    let order = &bench.exchange.order(&id).unwrap().state;
    assert!(order.cost <= decimal("915"));
    assert_eq!(order.conditions.cash, Some(decimal("915")));
    assert_eq!(bench.place(ALICE, cash("0.1")), Err(Refusal::VolumeMinimum));
    let sell = NewOrder {
        side: Side::Sell,
        ..cash("915")
    };
    assert_eq!(bench.place(ALICE, sell), Err(Refusal::InvalidVolume));
}

fn edit(id: OrderId, to: i64, quantity: i64) -> Edit {
    Edit {
        qty: Some(qty(quantity)),
        price: Some(Offset::At(price(to))),
        ..Edit::of(CancelTarget::Order(id))
    }
}

fn replace(bench: &mut Bench, edit: Edit) -> Result<OrderId, Refusal> {
    let reply = bench.act(ALICE, Request::Edit(edit))?;
    let Reply::Edited { order_id, .. } = reply else {
        panic!("{reply:?}");
    };
    Ok(order_id)
}

#[test]
fn an_edited_order_is_replaced_by_one_of_what_is_left_at_the_back_of_the_queue() {
    let mut bench = Bench::new();
    let old = bench
        .place(ALICE, limit(Side::Buy, 600_000, 3 * CENT))
        .unwrap();
    let other = bench.place(BOB, limit(Side::Buy, 600_000, CENT)).unwrap();
    bench
        .place(AGENT, limit(Side::Sell, 600_000, CENT))
        .unwrap();
    let new = replace(&mut bench, edit(old, 600_000, 4 * CENT)).unwrap();
    assert_eq!(bench.status(old), canceled(CancelReason::Replaced));
    assert_eq!(bench.filled(old), CENT);
    let order = &bench.exchange.order(&new).unwrap().state;
    assert_eq!((order.qty.units(), order.filled.units()), (3 * CENT, 0));
    bench
        .place(AGENT, limit(Side::Sell, 600_000, CENT))
        .unwrap();
    assert_eq!((bench.filled(new), bench.filled(other)), (0, CENT));
    assert_eq!(
        replace(&mut bench, edit(old, 600_000, CENT)),
        Err(Refusal::UnknownOrder)
    );
}

#[test]
fn a_refused_edit_leaves_the_order_where_it_was() {
    let mut bench = Bench::new();
    // 20,000 USD less the fee buy no more than 0.3 at 60,000.0.
    let id = bench
        .place(ALICE, limit(Side::Buy, 600_000, 30 * CENT))
        .unwrap();
    for (to, cents, want) in [
        (600_000, 40, Refusal::InsufficientFunds),
        (600_000, 0, Refusal::InvalidOrder),
    ] {
        let refused = replace(&mut bench, edit(id, to, cents * CENT));
        assert_eq!(refused, Err(want));
        assert_eq!(bench.status(id), OrderStatus::Open);
    }
    let checked = Edit {
        validate: true,
        ..edit(id, 600_000, 31 * CENT)
    };
    assert_eq!(bench.act(ALICE, Request::Edit(checked)), Ok(Reply::Valid));
    assert_eq!(bench.status(id), OrderStatus::Open);
    // What the old one holds pays for the new one.
    assert!(replace(&mut bench, edit(id, 600_001, 31 * CENT)).is_ok());
}

fn iceberg(side: Side, at: i64, quantity: i64, display: i64) -> NewOrder {
    NewOrder {
        display: Some(qty(display)),
        ..limit(side, at, quantity)
    }
}

#[test]
fn an_iceberg_shows_a_part_and_the_next_part_stands_behind_all_others() {
    let mut bench = Bench::new();
    let ice = bench
        .place(ALICE, iceberg(Side::Sell, 610_000, 5 * CENT, 2 * CENT))
        .unwrap();
    let other = bench.place(BOB, limit(Side::Sell, 610_000, CENT)).unwrap();
    let shows = |bench: &Bench| bench.exchange.best(BTC_USD, Side::Sell).unwrap().1.units();
    assert_eq!(shows(&bench), 3 * CENT);
    assert_eq!(
        bench.balance(ALICE, "BTC").held,
        decimal("0.05"),
        "all of it"
    );
    bench
        .place(AGENT, limit(Side::Buy, 610_000, 2 * CENT))
        .unwrap();
    assert_eq!((bench.filled(ice), bench.filled(other)), (2 * CENT, 0));
    assert_eq!(shows(&bench), 3 * CENT, "the next part");
    bench.place(AGENT, limit(Side::Buy, 610_000, CENT)).unwrap();
    assert_eq!((bench.filled(ice), bench.filled(other)), (2 * CENT, CENT));
    bench
        .place(AGENT, limit(Side::Buy, 610_000, 3 * CENT))
        .unwrap();
    assert_eq!(bench.status(ice), OrderStatus::Closed);
    let refills = bench.facts.iter().filter(
        |(_, fact)| matches!(fact, Fact::Changed(change) if change.change == Change::Refilled),
    );
    assert_eq!(refills.count(), 2);
}

#[test]
fn what_hides_is_paid_for_and_fills_whole_orders() {
    let mut bench = Bench::new();
    bench
        .place(BOB, iceberg(Side::Sell, 610_000, 60 * CENT, 4 * CENT))
        .unwrap();
    let whole = NewOrder {
        time_in_force: TimeInForce::Fok,
        ..limit(Side::Buy, 610_000, 20 * CENT)
    };
    let id = bench.place(ALICE, whole).unwrap();
    assert_eq!(bench.status(id), OrderStatus::Closed);
    let dear = bench.place(ALICE, market(Side::Buy, 20 * CENT));
    assert_eq!(
        dear,
        Err(Refusal::InsufficientFunds),
        "12,200 of some 7,700 left"
    );
}

#[test]
fn what_an_iceberg_shows_is_bounded_and_can_be_amended() {
    let mut bench = Bench::new();
    for display in [0, CENT / 2, 16 * CENT] {
        let refused = bench.place(ALICE, iceberg(Side::Sell, 610_000, 15 * CENT, display));
        assert_eq!(refused, Err(Refusal::InvalidDisplay));
    }
    let id = bench
        .place(ALICE, iceberg(Side::Sell, 610_000, 15 * CENT, 2 * CENT))
        .unwrap();
    let show = |display| {
        Request::Amend(Amend {
            display: Some(qty(display)),
            ..Amend::of(CancelTarget::Order(id))
        })
    };
    let shows = |bench: &Bench| bench.exchange.best(BTC_USD, Side::Sell).unwrap().1.units();
    bench.act(ALICE, show(CENT)).unwrap();
    assert_eq!(shows(&bench), CENT, "less at once");
    bench.act(ALICE, show(3 * CENT)).unwrap();
    assert_eq!(shows(&bench), CENT, "more with the next part");
    bench.place(AGENT, limit(Side::Buy, 610_000, CENT)).unwrap();
    assert_eq!(shows(&bench), 3 * CENT);
    let plain = bench
        .place(ALICE, limit(Side::Sell, 620_000, CENT))
        .unwrap();
    let target = CancelTarget::Order(plain);
    let Request::Amend(amend) = show(CENT) else {
        panic!()
    };
    let refused = bench.act(ALICE, Request::Amend(Amend { target, ..amend }));
    assert_eq!(refused, Err(Refusal::InvalidDisplay));
}
