//! History against a naive recomputation.

use std::time::Duration;

use rand::RngExt;

use super::*;
use crate::{
    io::rng,
    sim::matching::OrderKey,
    types::{Decimal, Notional},
};

const BTC: PairId = PairId(0);
const START: i64 = 1_800_000_000;

fn trade(at: Timestamp, price: i64, qty: i64) -> TradeFact {
    TradeFact {
        pair: BTC,
        trade_id: 1,
        price: Price::new(price).unwrap(),
        qty: Quantity::new(qty).unwrap(),
        taker_side: Side::Buy,
        taker_market: false,
        maker: OrderKey(1),
        taker: OrderKey(2),
        at,
    }
}

fn history_of(trades: &[TradeFact]) -> History {
    let universe = Universe::default_universe();
    let mut history = History::new(&universe);
    for trade in trades {
        history.apply(trade.at, &universe, &[Fact::Trade(trade.clone())]);
    }
    history
}

fn random_trades(seed: u64, count: usize, longest_gap_ms: i64) -> Vec<TradeFact> {
    let mut dice = rng::stream(seed, 0);
    let mut at = Timestamp::from_secs(START);
    (0..count)
        .map(|_| {
            at = at.shifted_nanos(dice.random_range(0..longest_gap_ms * 1_000_000));
            trade(
                at,
                dice.random_range(900_000..1_100_000),
                dice.random_range(1..500_000_000),
            )
        })
        .collect()
}

/// Groups trades by the start of their interval, from the definition.
fn naive_candles(trades: &[TradeFact], minutes: i64) -> Vec<Candle> {
    let mut starts: Vec<i64> = trades
        .iter()
        .map(|t| t.at.as_secs() / (minutes * 60))
        .collect();
    starts.dedup();
    let candle = |start: &i64| {
        let own: Vec<&TradeFact> = trades
            .iter()
            .filter(|t| t.at.as_secs() / (minutes * 60) == *start)
            .collect();
        let notional = own
            .iter()
            .map(|t| i128::from(t.price.units()) * i128::from(t.qty.units()));
        Candle {
            begin: Timestamp::from_secs(start * minutes * 60),
            open: own[0].price,
            high: own.iter().map(|t| t.price).max().unwrap(),
            low: own.iter().map(|t| t.price).min().unwrap(),
            close: own[own.len() - 1].price,
            volume: Quantity::new(own.iter().map(|t| t.qty.units()).sum()).unwrap(),
            notional: Notional::new(notional.sum()).unwrap(),
            trades: own.len() as u64,
        }
    };
    starts.iter().map(candle).collect()
}

#[test]
fn candles_of_every_interval_equal_a_naive_recomputation() {
    let trades = random_trades(1, 4_000, 600_000);
    let history = history_of(&trades);
    for interval in INTERVALS {
        let naive = naive_candles(&trades, i64::from(interval));
        let kept = naive.len().min(720);
        let candles: Vec<Candle> = history
            .candles(BTC, interval, 720)
            .into_iter()
            .rev()
            .collect();
        assert_eq!(candles, naive[naive.len() - kept..], "{interval} min");
    }
    assert_eq!(history.candles(BTC, 7, 720), []);
    assert_eq!(history.candles(PairId(1), 1, 720), []);
}

#[test]
fn the_window_of_a_day_equals_a_naive_recomputation_and_rolls() {
    let trades = random_trades(2, 3_000, 120_000);
    let history = history_of(&trades);
    let last = trades[trades.len() - 1].at;
    for hours_later in [0, 1, 5, 20, 23] {
        let now = last.after(std::time::Duration::from_secs(hours_later * 3600));
        let from = (now.as_secs() - 86_400) / 60 * 60;
        let own: Vec<_> = trades.iter().filter(|t| t.at.as_secs() >= from).collect();
        let day = history.ticker(BTC, now).unwrap().day;
        assert!(!own.is_empty() && own.len() < trades.len());
        assert_eq!(day.trades, own.len() as u64);
        assert_eq!(
            day.volume.units(),
            own.iter().map(|t| t.qty.units()).sum::<i64>()
        );
        assert_eq!(day.open, own[0].price);
        assert_eq!(day.high, own.iter().map(|t| t.price).max().unwrap());
        assert_eq!(day.low, own.iter().map(|t| t.price).min().unwrap());
    }
}

#[test]
fn a_pair_without_trades_for_a_day_keeps_its_last_price() {
    let at = Timestamp::from_secs(START);
    let history = history_of(&[trade(at, 970_000, 5)]);
    assert_eq!(history.ticker(PairId(1), at), None);
    let later = at.after(std::time::Duration::from_secs(25 * 3600));
    let ticker = history.ticker(BTC, later).unwrap();
    assert_eq!(ticker.last.units(), 970_000);
    assert_eq!((ticker.day.trades, ticker.today.trades), (0, 0));
    assert_eq!(
        (ticker.day.high, ticker.day.vwap),
        (ticker.last, ticker.last)
    );
    assert_eq!(ticker.change(), 0);
}

#[test]
fn today_starts_at_midnight_and_the_day_does_not() {
    let midnight = Timestamp::from_secs(START - START % 86_400 + 86_400);
    let before = midnight.before(std::time::Duration::from_secs(60));
    let after = midnight.after(std::time::Duration::from_secs(60));
    let history = history_of(&[trade(before, 1_000_000, 10), trade(after, 1_010_000, 30)]);
    let ticker = history.ticker(BTC, after).unwrap();
    assert_eq!((ticker.day.trades, ticker.today.trades), (2, 1));
    assert_eq!(ticker.day.vwap.units(), 1_007_500);
    assert_eq!(ticker.today.open.units(), 1_010_000);
    assert_eq!(ticker.change(), 10_000);
    assert_eq!(ticker.change_pct(), "1.00".parse::<Decimal>().unwrap());
}

#[test]
fn spreads_tell_each_change_of_the_best_prices_once() {
    let universe = Universe::default_universe();
    let mut history = History::new(&universe);
    let mut level = |second: i64, side, price: i64, qty: i64| {
        let fact = Fact::Level(LevelFact {
            pair: BTC,
            side,
            price: Price::new(price).unwrap(),
            qty: Quantity::new(qty).unwrap(),
        });
        history.apply(Timestamp::from_secs(START + second), &universe, &[fact]);
    };
    level(1, Side::Buy, 100, 5);
    level(2, Side::Sell, 103, 5);
    level(3, Side::Sell, 105, 5);
    level(4, Side::Buy, 100, 9);
    level(5, Side::Sell, 103, 0);
    let told: Vec<_> = history
        .spreads(BTC)
        .iter()
        .map(|s| (s.at.as_secs() - START, s.bid.units(), s.ask.units()))
        .collect();
    assert_eq!(told, [(2, 100, 103), (5, 100, 105)]);
}

#[test]
fn spreads_of_the_past_lie_around_its_trades_and_come_before_those_of_the_present() {
    let universe = Universe::default_universe();
    let start = Timestamp::from_secs(START);
    let mut history = History::with_past(&universe, 5, start);
    let before = history.spreads(BTC);
    assert!(before.len() > 150, "{}", before.len());
    assert!(
        before
            .iter()
            .all(|spread| spread.bid < spread.ask && spread.at < start)
    );
    assert!(before.is_sorted_by_key(|spread| spread.at));
    for (side, price) in [(Side::Buy, 100), (Side::Sell, 103)] {
        let fact = Fact::Level(LevelFact {
            pair: BTC,
            side,
            price: Price::new(price).unwrap(),
            qty: Quantity::new(5).unwrap(),
        });
        history.apply(start, &universe, &[fact]);
    }
    let after = history.spreads(BTC);
    assert_eq!(
        after[..after.len() - 1],
        before[before.len() + 1 - after.len()..]
    );
    assert_eq!(after.last().unwrap().ask.units(), 103);
}

/// The first minute of the simulation is half past and half present, in every interval and however many are asked for.
#[test]
fn the_past_goes_over_into_the_present_without_a_seam() {
    let universe = Universe::default_universe();
    let start = Timestamp::from_secs(START + 30 * 60);
    let mut history = History::with_past(&universe, 5, start);
    let opening = history.candles(BTC, 1, 1)[0].close;
    let before = history.candles(BTC, 60, 720);
    let live = trade(
        start.after(Duration::from_secs(1)),
        opening.units() + 10,
        700,
    );
    history.apply(live.at, &universe, &[Fact::Trade(live.clone())]);
    let after = history.candles(BTC, 60, 720);
    assert_eq!((before.len(), after.len()), (720, 720));
    let (old, new) = (before[0], after[0]);
    assert_eq!((new.begin, new.open), (old.begin, old.open));
    assert_eq!(new.close, live.price);
    assert_eq!(new.volume.units(), old.volume.units() + 700);
    assert_eq!(new.trades, old.trades + 1);
    assert_eq!(after[1..], before[1..]);
    assert_eq!(history.candles(BTC, 60, 1), [new]);
    let trades: Vec<_> = history
        .trades_after(BTC, start.before(Duration::from_secs(1)))
        .collect();
    let anonymous = TradeFact {
        maker: OrderKey(0),
        taker: OrderKey(0),
        ..live.clone()
    };
    assert_eq!(trades, [anonymous]);
    assert!(history.trades(BTC).count() > 10_000);
    let ticker = history.ticker(BTC, live.at).unwrap();
    assert_eq!(ticker.last, live.price);
    assert!(ticker.day.trades > 10_000, "{ticker:?}");
    assert!(ticker.day.high >= ticker.day.open && ticker.day.low <= ticker.day.open);
    assert!(ticker.today.volume <= ticker.day.volume);
}

#[test]
fn the_same_seed_has_the_same_past() {
    let universe = Universe::default_universe();
    let past = |seed| {
        let history = History::with_past(&universe, seed, Timestamp::from_secs(START));
        history.candles(BTC, 5, 10)
    };
    assert_eq!(past(1), past(1));
    assert_ne!(past(1), past(2));
}

/// Pages from the very first trade meet every one once; where there were too many, the oldest are gone and no gap is in the rest.
#[test]
fn trades_page_from_the_first_one_without_a_gap_and_in_bounded_memory() {
    let universe = Universe::default_universe();
    let start = Timestamp::from_secs(START);
    let mut history = History::with_past(&universe, 5, start);
    let before = history.trades(BTC).count();
    let last = history.trades(BTC).next_back().unwrap().trade_id;
    let live = |nth: u64| TradeFact {
        trade_id: last + nth,
        taker_side: [Side::Buy, Side::Sell][nth as usize % 2],
        taker_market: nth.is_multiple_of(3),
        ..trade(start.after(Duration::from_millis(nth / 3)), 1_000_000, 7)
    };
    let (all, kept) = (20 * trades::CHUNK as u64, 5 * trades::CHUNK);
    let ids = |history: &History| {
        let (mut ids, mut since) = (Vec::new(), Timestamp::MIN);
        loop {
            let page: Vec<_> = history.trades_after(BTC, since).take(999).collect();
            let Some(end) = page.last().map(|trade| trade.at) else {
                return ids;
            };
            // The last instant may go on; it is asked for again.
            let whole = page
                .iter()
                .filter(|trade| trade.at < end || page.len() < 999);
            let whole: Vec<_> = whole.collect();
            since = whole.last().unwrap().at;
            ids.extend(whole.iter().map(|trade| trade.trade_id));
        }
    };
    for nth in 1..=all {
        let fact = Fact::Trade(live(nth));
        history.apply(start, &universe, &[fact]);
    }
    let first = last - before as u64 + 1;
    assert_eq!(ids(&history), (first..=last + all).collect::<Vec<_>>());
    let told: Vec<_> = history.trades(BTC).skip(before).take(6).collect();
    for (nth, told) in (1..).zip(told) {
        let want = live(nth);
        assert_eq!(
            (told.taker_side, told.taker_market),
            (want.taker_side, want.taker_market)
        );
        assert_eq!(
            (told.price, told.qty, told.at),
            (want.price, want.qty, want.at)
        );
    }
    history.most_trades = kept;
    for nth in all + 1..=all + 30 {
        history.apply(start, &universe, &[Fact::Trade(live(nth))]);
    }
    let left = ids(&history);
    assert!(
        left.len() <= kept && left.len() > kept - trades::CHUNK,
        "{}",
        left.len()
    );
    assert_eq!(left, (left[0]..=last + all + 30).collect::<Vec<_>>());
}
