//! Whatever a venue, or a mad one, sends.

use std::time::Duration;

use proptest::prelude::*;

use super::rig::{Desk, canceled, decimal, fill, qty, quoter_params, settings, text};
use crate::{
    engine::{
        Checkpoint, Command, Mode,
        command::CommandId,
        event::{
            Answer, Balance, BookKind, BookUpdate, Event, Found, Level, Link, LookedUp, Outcome,
            RejectReason, Rejection, Report, ReportKind, VenueState,
        },
        strategy::{self, grid},
    },
    types::{AssetCode, ClOrdId, InstrumentId, Price, Side},
};

/// Turns arbitrary bytes into events that a venue, or a mad one, could send.
fn event(desk: &Desk, kind: u8, number: u64) -> Event {
    let ids: Vec<_> = desk.orders().live().map(|order| order.cl_ord_id).collect();
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
        qty: qty(100_000_000),
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
        qty: qty(1_000_000),
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
        let mut first = Desk::with(both());
        let mut second = Desk::with(both());
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
        let mut desk = Desk::with(both());
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
                        let order = desk.orders().get(&amend.change.get().cl_ord_id);
                        prop_assert!(order.is_some_and(|order| order.pending_change().is_some()));
                    }
                    Command::Cancel(_) | Command::LookUp(_) | Command::Reconcile(_) | Command::Resync(_) => {}
                }
            }
            desk.feed(Event::Tick);
            let next = desk.engine.next_deadline();
            prop_assert!(next.is_none_or(|next| next > desk.now), "the loop would spin");
        }
    }
}
