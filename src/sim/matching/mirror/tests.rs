//! Clients among mirrored orders.

use rand::RngExt as _;

use super::*;
use crate::sim::matching::{fixture::*, properties::Seen};

const MIRROR: AccountId = AccountId(900);
const CENT: i64 = 1_000_000;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.exchange.open_agent(MIRROR);
    bench
}

fn level(side: Side, at: i64, units: i64) -> MirroredLevel {
    MirroredLevel {
        side,
        price: price(at),
        qty: qty(units),
    }
}

fn show(bench: &mut Bench, levels: &[MirroredLevel]) -> Vec<MirroredLevel> {
    let (now, mut facts) = (bench.now, Vec::new());
    let lost = bench
        .exchange
        .mirror_levels(now, MIRROR, BTC_USD, levels, &mut facts);
    bench
        .facts
        .extend(facts.into_iter().map(|fact| (now, fact)));
    lost
}

fn sell(at: i64, units: i64, gone: i64, level: i64) -> MirroredTrade {
    MirroredTrade {
        taker_side: Side::Sell,
        price: price(at),
        qty: qty(units),
        market: false,
        gone: qty(gone),
        level: qty(level),
    }
}

fn print(bench: &mut Bench, trade: MirroredTrade) {
    let (now, mut facts) = (bench.now, Vec::new());
    bench
        .exchange
        .mirror_trade(now, MIRROR, BTC_USD, &trade, &mut facts);
    bench
        .facts
        .extend(facts.into_iter().map(|fact| (now, fact)));
}

fn queue(bench: &Bench, side: Side) -> Vec<(i64, bool, i64)> {
    let resting = bench.exchange.resting(BTC_USD, side);
    resting
        .map(|(price, _, account, qty)| (price.units(), account == MIRROR, qty.units()))
        .collect()
}

/// All that was traded so far.
fn printed(bench: &Bench) -> i64 {
    bench.trades().iter().map(|(_, qty)| qty).sum()
}

/// A queue of five mirrored, one of Alice's, two mirrored.
fn between() -> (Bench, crate::types::OrderId) {
    let mut bench = bench();
    show(&mut bench, &[level(Side::Buy, 600_000, 5 * CENT)]);
    let id = bench.place(ALICE, limit(Side::Buy, 600_000, CENT)).unwrap();
    show(&mut bench, &[level(Side::Buy, 600_000, 7 * CENT)]);
    let queued = [
        (600_000, true, 5 * CENT),
        (600_000, false, CENT),
        (600_000, true, 2 * CENT),
    ];
    assert_eq!(queue(&bench, Side::Buy), queued);
    (bench, id)
}

#[test]
fn a_level_grows_behind_a_client_and_shrinks_from_behind_first() {
    let (mut bench, _) = between();
    assert_eq!(show(&mut bench, &[level(Side::Buy, 600_000, 6 * CENT)]), []);
    let left = [
        (600_000, true, 5 * CENT),
        (600_000, false, CENT),
        (600_000, true, CENT),
    ];
    assert_eq!(queue(&bench, Side::Buy), left);
    let lost = show(&mut bench, &[level(Side::Buy, 600_000, 2 * CENT)]);
    assert_eq!(lost, [level(Side::Buy, 600_000, 3 * CENT)]);
    let left = [(600_000, true, 2 * CENT), (600_000, false, CENT)];
    assert_eq!(queue(&bench, Side::Buy), left);
    show(&mut bench, &[level(Side::Buy, 600_000, 0)]);
    assert_eq!(queue(&bench, Side::Buy), [(600_000, false, CENT)]);
}

#[test]
fn a_level_that_grows_many_times_is_one_order() {
    let mut bench = bench();
    for times in 1..=50 {
        show(&mut bench, &[level(Side::Sell, 600_100, times * CENT)]);
    }
    assert_eq!(queue(&bench, Side::Sell), [(600_100, true, 50 * CENT)]);
}

/// Whether the trade or the new level is told first, a client gets what it would have got in the queue: no more, no less.
#[test]
fn a_trade_reaches_a_client_only_after_what_was_ahead_of_it() {
    for (traded, filled) in [(4, 0), (5, 0), (6, 1), (7, 1)] {
        let left = (7 - traded) * CENT;
        let (mut trade_first, id) = between();
        print(&mut trade_first, sell(600_000, traded * CENT, 0, 7 * CENT));
        assert_eq!(
            trade_first.exchange.best(BTC_USD, Side::Buy).unwrap().1,
            qty(7 * CENT + (1 - filled) * CENT)
        );
        show(&mut trade_first, &[level(Side::Buy, 600_000, left)]);
        let (mut level_first, again) = between();
        let lost = show(&mut level_first, &[level(Side::Buy, 600_000, left)]);
        let gone = lost.first().map_or(0, |level| level.qty.units());
        print(&mut level_first, sell(600_000, traded * CENT, gone, left));
        for (bench, id) in [(&trade_first, id), (&level_first, again)] {
            assert_eq!(bench.filled(id), filled * CENT, "{traded}");
            let held: i64 = queue(bench, Side::Buy)
                .iter()
                .filter(|(_, mirrored, _)| *mirrored)
                .map(|(.., qty)| qty)
                .sum();
            assert_eq!(held, left, "{traded}");
            assert_eq!(printed(bench), traded * CENT, "{traded}");
        }
    }
}

#[test]
fn a_trade_through_a_client_fills_it_at_its_price_and_spares_what_is_mirrored_there() {
    let mut bench = bench();
    let levels = [
        level(Side::Buy, 600_010, 2 * CENT),
        level(Side::Buy, 600_000, 3 * CENT),
        level(Side::Sell, 600_100, CENT),
    ];
    show(&mut bench, &levels);
    let id = bench.place(ALICE, limit(Side::Buy, 600_010, CENT)).unwrap();
    print(&mut bench, sell(600_000, 2 * CENT, 0, 3 * CENT));
    assert_eq!(bench.filled(id), CENT);
    assert_eq!(bench.trades(), [(600_010, CENT), (600_000, CENT)]);
    let left = [(600_010, true, 2 * CENT), (600_000, true, 3 * CENT)];
    assert_eq!(queue(&bench, Side::Buy), left);
}

#[test]
fn a_trade_prints_once_at_its_price_whatever_the_book_has() {
    let mut bench = bench();
    print(&mut bench, sell(600_000, CENT, 0, 0));
    show(&mut bench, &[level(Side::Buy, 600_010, CENT)]);
    print(&mut bench, sell(599_990, 2 * CENT, 0, 0));
    assert_eq!(bench.trades(), [(600_000, CENT), (599_990, 2 * CENT)]);
    assert_eq!(queue(&bench, Side::Buy), [(600_010, true, CENT)]);
    assert_eq!(queue(&bench, Side::Sell), []);
}

#[test]
fn a_level_beyond_a_clients_price_fills_the_client_first() {
    let mut bench = bench();
    let id = bench.place(ALICE, limit(Side::Buy, 600_050, CENT)).unwrap();
    let levels = [
        level(Side::Buy, 600_000, CENT),
        level(Side::Sell, 600_040, 3 * CENT),
    ];
    show(&mut bench, &levels);
    assert_eq!(bench.filled(id), CENT);
    assert_eq!(bench.trades(), [(600_050, CENT)]);
    assert_eq!(queue(&bench, Side::Sell), [(600_040, true, 2 * CENT)]);
}

#[test]
fn what_a_client_takes_is_there_again_with_the_next_word_of_the_level() {
    let mut bench = bench();
    show(&mut bench, &[level(Side::Sell, 600_100, 3 * CENT)]);
    bench
        .place(ALICE, limit(Side::Buy, 600_100, 2 * CENT))
        .unwrap();
    assert_eq!(queue(&bench, Side::Sell), [(600_100, true, CENT)]);
    show(&mut bench, &[level(Side::Sell, 600_100, 3 * CENT)]);
    assert_eq!(queue(&bench, Side::Sell), [(600_100, true, 3 * CENT)]);
}

/// An iceberg shows its next part behind what is mirrored, and the trade goes on through it.
#[test]
fn a_trade_meets_the_hidden_part_of_a_client_too() {
    let mut bench = bench();
    show(&mut bench, &[level(Side::Buy, 600_000, CENT)]);
    let mut iceberg = limit(Side::Buy, 600_010, 3 * CENT);
    iceberg.display = Some(qty(CENT));
    let id = bench.place(ALICE, iceberg).unwrap();
    print(&mut bench, sell(600_000, 4 * CENT, 0, CENT));
    assert_eq!(bench.filled(id), 3 * CENT);
    assert_eq!(bench.trades().len(), 4);
}

#[test]
fn the_mirror_works_while_a_pair_takes_no_orders() {
    let mut bench = bench();
    let closed = crate::types::TradingStatus::CancelOnly;
    bench.exchange.set_pair_status(BTC_USD, closed);
    show(&mut bench, &[level(Side::Buy, 600_000, CENT)]);
    assert_eq!(queue(&bench, Side::Buy), [(600_000, true, CENT)]);
}

/// Against a market that changes at random, with clients in it: what is mirrored is what was told, the moves that are told lead
/// there, and nothing crosses.
#[test]
fn whatever_happens_a_level_holds_what_was_told_last_and_nothing_is_crossed() {
    for seed in 0..30 {
        let mut rng = crate::io::rng::stream(seed, 0x3178);
        let mut bench = bench();
        for step in 0..300 {
            let side = if rng.random_bool(0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            let away = rng.random_range(1..6);
            let at = if side == Side::Buy {
                600_000 - away
            } else {
                600_000 + away
            };
            let units = rng.random_range(0..4) * CENT;
            let seen = Seen::of(&bench.exchange);
            match rng.random_range(0..4) {
                0 | 1 => {
                    let level = level(side, at, units);
                    let before = printed(&bench);
                    show(&mut bench, &[level]);
                    let queue = bench.exchange.queued_at(BTC_USD, side, level.price);
                    // What met clients on its way in is theirs.
                    let held = held(&queue, MIRROR).units() + printed(&bench) - before;
                    assert_eq!(held, level.qty.units(), "seed {seed} step {step}");
                }
                2 => {
                    let taker_side = side.opposite();
                    let trade = MirroredTrade {
                        taker_side,
                        ..sell(at, units + CENT, 0, 0)
                    };
                    let before = printed(&bench);
                    print(&mut bench, trade);
                    assert_eq!(
                        printed(&bench) - before,
                        units + CENT,
                        "seed {seed} step {step}"
                    );
                }
                _ => {
                    let at = 600_000 + rng.random_range(-4..5);
                    // A client without funds is refused, as it should be; nothing moves then.
                    let _maybe = bench.place(ALICE, limit(side, at, units + CENT));
                }
            }
            seen.moves_to(&bench.exchange);
            let best = |side| bench.exchange.best(BTC_USD, side).map(|(price, _)| price);
            if let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) {
                assert!(bid < ask, "seed {seed} step {step}");
            }
        }
    }
}
