//! What is told of a market, and what clients see of it.

use super::*;
use crate::sim::matching::{Refusal, fixture::*};

const CENT: i64 = 1_000_000;
const BTC: InstrumentId = InstrumentId(0);

struct Scene {
    bench: Bench,
    mirror: Mirror,
}

fn quotes(quotes: &[(i64, i64)]) -> Vec<Quote> {
    let quote = |(at, cents): &(i64, i64)| (price(*at), qty(cents * CENT));
    quotes.iter().map(quote).collect()
}

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Upstream {
    Upstream::Book {
        instrument: BTC,
        depth: 3,
        bids: quotes(bids),
        asks: quotes(asks),
    }
}

fn levels(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Upstream {
    Upstream::Levels {
        instrument: BTC,
        bids: quotes(bids),
        asks: quotes(asks),
    }
}

fn sold(at: i64, cents: i64) -> Upstream {
    Upstream::Trade {
        instrument: BTC,
        taker_side: Side::Sell,
        price: price(at),
        qty: qty(cents * CENT),
        market: true,
    }
}

impl Scene {
    fn new() -> Self {
        let mut bench = Bench::new();
        let mirror = Mirror::new([(BTC_USD, TradingStatus::Online)], &mut bench.exchange);
        Self { bench, mirror }
    }

    /// With a book of three bids and three asks.
    fn open() -> Self {
        let mut scene = Self::new();
        scene.tell(book(
            &[(600_000, 5), (599_990, 1), (599_980, 1)],
            &[(600_100, 5), (600_110, 1), (600_120, 1)],
        ));
        scene
    }

    fn tell(&mut self, told: Upstream) -> bool {
        let (now, mut facts) = (self.bench.now, Vec::new());
        let changed = self
            .mirror
            .take(now, told, &mut self.bench.exchange, &mut facts);
        let stamped = facts.into_iter().map(|fact| (now, fact));
        self.bench.facts.extend(stamped);
        changed
    }

    fn bids(&self) -> Vec<(i64, i64)> {
        let levels = self.bench.exchange.levels(BTC_USD, Side::Buy);
        levels
            .map(|(price, qty)| (price.units(), qty.units() / CENT))
            .collect()
    }

    fn buy(&mut self, at: i64) -> Result<crate::types::OrderId, Refusal> {
        self.bench.place(ALICE, limit(Side::Buy, at, CENT))
    }
}

#[test]
fn a_pair_takes_no_order_before_its_book_is_there_and_none_once_it_is_stale() {
    let mut scene = Scene::new();
    assert_eq!(scene.buy(600_000), Err(Refusal::CancelOnly));
    assert!(!scene.mirror.has_begun());
    assert!(scene.tell(book(&[(600_000, 5)], &[(600_100, 5)])));
    assert!(scene.mirror.has_begun());
    let resting = scene.buy(600_000).unwrap();
    for told in [Upstream::Down, Upstream::Stale { instrument: BTC }] {
        assert!(scene.tell(told));
        assert_eq!(scene.buy(600_000), Err(Refusal::CancelOnly));
        // Nothing of a book that may be wrong is believed.
        scene.tell(levels(&[(600_000, 0)], &[(599_000, 5)]));
        scene.tell(sold(599_000, 9));
        assert_eq!(scene.bids(), [(600_000, 6)]);
        assert_eq!(scene.bench.filled(resting), 0);
        assert!(scene.tell(book(&[(600_000, 5)], &[(600_100, 5)])));
        assert_eq!(scene.bids(), [(600_000, 6)]);
    }
    scene.bench.cancel(ALICE, resting).unwrap();
    scene.buy(600_000).unwrap();
}

#[test]
fn a_cancel_is_possible_while_the_book_is_stale() {
    let mut scene = Scene::open();
    let resting = scene.buy(600_000).unwrap();
    scene.tell(Upstream::Down);
    scene.bench.cancel(ALICE, resting).unwrap();
}

#[test]
fn statuses_of_the_mirrored_market_hold_here_unless_the_book_is_stale() {
    let mut scene = Scene::open();
    let status = |status| Upstream::Status {
        instrument: BTC,
        status,
    };
    assert!(scene.tell(status(TradingStatus::PostOnly)));
    assert_eq!(scene.buy(600_000), Err(Refusal::PostOnlyMode));
    assert!(scene.tell(Upstream::Down));
    assert_eq!(scene.buy(600_000), Err(Refusal::CancelOnly));
    assert!(!scene.tell(status(TradingStatus::Online)));
    assert_eq!(scene.buy(600_000), Err(Refusal::CancelOnly));
    for less in [
        TradingStatus::Maintenance,
        TradingStatus::InProgress,
        TradingStatus::Closed,
    ] {
        assert!(scene.tell(status(less)));
        assert_eq!(scene.buy(600_000), Err(Refusal::Unavailable), "{less:?}");
    }
}

#[test]
fn what_falls_behind_the_depth_is_gone() {
    let mut scene = Scene::open();
    scene.tell(levels(&[(600_050, 2)], &[]));
    assert_eq!(scene.bids(), [(600_050, 2), (600_000, 5), (599_990, 1)]);
    scene.tell(levels(&[(600_050, 0), (599_985, 4)], &[]));
    assert_eq!(scene.bids(), [(600_000, 5), (599_990, 1), (599_985, 4)]);
}

#[test]
fn both_sides_may_move_over_each_other_in_one_word() {
    let mut scene = Scene::open();
    scene.tell(levels(
        &[(600_200, 1), (600_190, 1), (600_180, 1)],
        &[(600_100, 0), (600_110, 0), (600_120, 0), (600_300, 1)],
    ));
    assert_eq!(scene.bids(), [(600_200, 1), (600_190, 1), (600_180, 1)]);
    assert_eq!(scene.bench.trades(), []);
}

/// The level is told before the trade that shrank it. What was ahead of the client is what traded.
#[test]
fn a_trade_that_is_told_late_does_not_jump_over_what_was_ahead() {
    let mut scene = Scene::open();
    let id = scene.buy(600_000).unwrap();
    scene.tell(levels(&[(600_000, 0)], &[]));
    scene.tell(sold(600_000, 5));
    assert_eq!(scene.bench.filled(id), 0);
    scene.tell(sold(600_000, 1));
    assert_eq!(scene.bench.filled(id), CENT);
    assert_eq!(scene.bench.trades(), [(600_000, 5 * CENT), (600_000, CENT)]);
}

#[test]
fn what_was_canceled_ahead_is_not_ahead_for_ever() {
    let mut scene = Scene::open();
    let id = scene.buy(600_000).unwrap();
    scene.tell(levels(&[(600_000, 0)], &[]));
    scene.bench.wait(2);
    scene.tell(sold(600_000, 1));
    assert_eq!(scene.bench.filled(id), CENT);
}

#[test]
fn a_book_after_a_gap_fills_what_it_went_through_and_keeps_the_place_of_the_rest() {
    let mut scene = Scene::open();
    let through = scene.buy(600_050).unwrap();
    let waits = scene.buy(600_000).unwrap();
    scene.tell(Upstream::Down);
    scene.tell(book(
        &[(600_000, 7), (599_990, 1)],
        &[(600_040, 3), (600_110, 1)],
    ));
    assert_eq!(scene.bench.filled(through), CENT);
    assert_eq!(scene.bids(), [(600_000, 8), (599_990, 1)]);
    scene.tell(sold(600_000, 5));
    assert_eq!(scene.bench.filled(waits), 0);
    scene.tell(sold(600_000, 1));
    assert_eq!(scene.bench.filled(waits), CENT);
}
