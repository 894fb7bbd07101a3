//! Random requests in small numbers, and random faults, made concrete against the exchange that they meet.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{fixture::*, *};
use crate::types::{Decimal, Price, Side, Timestamp, TradingStatus};

/// A request in small numbers, made concrete against the state that it meets.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Place(Placing),
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
    Mishap(Mishap),
}

/// What happens unasked, as faults of the configuration and the operator's calls have it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    /// So many tenths of an order are filled, past all that stands before it.
    Fill {
        who: AccountId,
        nth: usize,
        tenths: u8,
    },
    /// Every dead man's switch goes off.
    Switches,
    /// A pair, or else the whole venue, does this and no more.
    Status(Option<u32>, TradingStatus),
    /// A pair ends.
    Delist(u32),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let status = prop_oneof![
        6 => Just(TradingStatus::Online),
        1 => Just(TradingStatus::CancelOnly),
        1 => Just(TradingStatus::PostOnly),
        1 => Just(TradingStatus::LimitOnly),
        1 => Just(TradingStatus::Maintenance),
    ];
    let who = prop_oneof![Just(ALICE), Just(BOB)];
    let fill = (who, 0_usize..6, 1_u8..=10).prop_map(|(who, nth, tenths)| Mishap::Fill {
        who,
        nth,
        tenths,
    });
    let status = (prop::option::of(0_u32..2), status);
    prop_oneof![
        12 => fill,
        4 => Just(Mishap::Switches),
        6 => status.prop_map(|(pair, status)| Mishap::Status(pair, status)),
        1 => (0_u32..2).prop_map(Mishap::Delist),
    ]
}

impl Mishap {
    /// Whether orders may have changed, and not only what is allowed.
    pub(super) fn happens(self, bench: &mut Bench) -> bool {
        match self {
            Self::Fill { who, nth, tenths } => {
                let mut open = bench.exchange.open_orders(who);
                let Some(id) = open.nth(nth).map(|order| order.state.order_id) else {
                    return false;
                };
                drop(open);
                let part = Decimal::new(i128::from(tenths), 1).unwrap();
                bench.intervene(|exchange, now, facts| {
                    exchange.fill_on_demand(now, who, &CancelTarget::Order(id), part, facts)
                })
            }
            Self::Switches => bench.intervene(Exchange::fire_switches) > 0,
            Self::Status(None, status) => {
                bench.exchange.set_system_status(status);
                false
            }
            Self::Status(Some(pair), status) => {
                bench.exchange.set_pair_status(PairId(pair), status);
                false
            }
            Self::Delist(pair) => {
                bench.intervene(|exchange, now, facts| exchange.delist(now, PairId(pair), facts));
                true
            }
        }
    }
}

/// An order in small numbers.
#[derive(Clone, Debug)]
pub(super) struct Placing {
    who: AccountId,
    pair: u32,
    side: Side,
    offset: i64,
    qty: i64,
    flavor: u8,
    name: Option<u8>,
    extras: Rare,
}

/// What few orders ask for, in small numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rare {
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

pub(super) fn step() -> impl Strategy<Value = Step> {
    let who = prop_oneof![Just(ALICE), Just(BOB), Just(AGENT)].boxed();
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
        .prop_map(|(who, pair, side, offset, qty, flavor, name, extras)| {
            Step::Place(Placing {
                who,
                pair,
                side,
                offset,
                qty,
                flavor,
                name,
                extras,
            })
        });
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
        3 => mishap().prop_map(Step::Mishap),
    ]
}

/// Prices near 61,000.0 USD and 0.04 BTC, with odd digits so that costs have to be rounded.
fn at(pair: u32, offset: i64) -> Price {
    price(if pair == 0 { 610_003 } else { 4_001 } + offset)
}

pub(super) fn concrete(bench: &Bench, step: &Step) -> Option<(AccountId, Request)> {
    let nth_open = |who, nth: usize| {
        let mut open = bench.exchange.open_orders(who);
        open.nth(nth)
            .map(|order| (order.state.order_id, order.state.pair.0))
    };
    match step.clone() {
        Step::Wait(_) | Step::Mishap(_) => None,
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
                qty: new.map(qty),
                price: offset.map(|offset| Offset::At(at(pair, offset))),
                ..Edit::of(CancelTarget::Order(id))
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
                qty: new.map(qty),
                price: offset.map(|offset| Offset::At(at(pair, offset))),
                post_only,
                ..Amend::of(CancelTarget::Order(id))
            };
            Some((who, Request::Amend(amend)))
        }
        Step::Place(placing) => Some((placing.who, Request::Place(placing.concrete(bench)?))),
    }
}

impl Placing {
    fn concrete(self, bench: &Bench) -> Option<NewOrder> {
        let Self {
            who,
            pair,
            side,
            offset,
            qty: quantity,
            flavor,
            name: tag,
            extras,
        } = self;
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
        Some(NewOrder {
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
        })
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
