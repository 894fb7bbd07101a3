//! The strategies, over the whole engine.

use std::time::Duration;

use super::rig::{Desk, decimal, fill, is_cancel, price, qty, quoter_params, report, text};
use crate::{
    engine::{
        Command,
        event::{Answer, Event, Link, Report, ReportKind, VenueState},
        order::{State, StrategyId},
        orders::Orders,
        position::Position,
        strategy::{self, Intent, Strategy, View, grid, quoter},
    },
    types::{InstrumentId, Quantity, Side},
};

fn quoter_desk() -> Desk {
    let mut desk = Desk::with(vec![strategy::Kind::Quoter(quoter_params())]);
    desk.bring_up();
    desk
}

#[test]
fn the_quoter_amends_in_place_instead_of_canceling() {
    let mut desk = quoter_desk();
    desk.book(1_000, 1_005);
    let creates: Vec<_> = desk
        .orders()
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
        let mut position = Position::default();
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
            orders: &Orders::default(),
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
        .filter(|command| is_cancel(command))
        .count();
    assert_eq!(cancels, 2);
}

/// A desk whose strategy is a grid of two lines on each side of 1 002.
fn grid_desk() -> Desk {
    let params = grid::Params {
        qty: qty(1_000_000),
        levels: 2,
        step_ppm: 10_000,
        center: Some(price(1_002)),
    };
    let mut desk = Desk::with(vec![strategy::Kind::Grid(params)]);
    desk.bring_up();
    desk
}

#[test]
fn the_grid_turns_a_filled_line_around() {
    let mut desk = grid_desk();
    let (buy, sell) = (Side::Buy, Side::Sell);
    assert_eq!(
        desk.ladder(),
        [(982, buy), (992, buy), (1_012, sell), (1_022, sell)]
    );
    let id = desk.at(992);
    desk.report(id, ReportKind::Trade(fill("T1", "0.01")));
    assert_eq!(
        desk.ladder(),
        [(982, buy), (1_002, sell), (1_012, sell), (1_022, sell)]
    );
}

#[test]
fn the_grid_turns_every_line_around_that_filled_while_it_could_not_look() {
    let (buy, sell) = (Side::Buy, Side::Sell);
    let sells = [(992, sell), (1_002, sell), (1_012, sell), (1_022, sell)];
    let buys = [(982, buy), (992, buy), (1_002, buy), (1_012, buy)];
    let both = [(982, buy), (992, buy), (1_012, sell), (1_022, sell)];
    check_grid(&[992, 982], 975, &sells);
    check_grid(&[982, 992], 975, &sells);
    check_grid(&[1_012, 1_022], 1_025, &buys);
    check_grid(&[992, 1_012], 1_000, &both);
}

/// Fills orders of a grid while the account is down and the market moves to `bid`; then looks at what rests.
fn check_grid(filled: &[i64], bid: i64, expected: &[(i64, Side)]) {
    let mut desk = grid_desk();
    let ids: Vec<_> = filled.iter().map(|price| desk.at(*price)).collect();
    desk.feed(Event::Account(Link::Down));
    for id in ids {
        let exec = format!("T{}", &*id);
        desk.feed(Event::Report(Box::new(Report {
            order_id: text(&format!("O{}", &*id)),
            ..report(id, ReportKind::Trade(fill(&exec, "0.01")), desk.now)
        })));
    }
    desk.book(bid, bid + 5);
    desk.feed(Event::Account(Link::Up));
    desk.reconcile(VenueState::default());
    assert_eq!(desk.ladder(), expected, "after {filled:?}");
}
