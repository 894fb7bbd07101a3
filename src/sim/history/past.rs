//! What was before the simulation began: a market that never happened, for clients that want charts and backfills.
//!
//! For: candles of every interval and the trades of a day, computed when they are asked for. Left out: orders, books, whatever an
//! account could have done. Always true: the same seed gives the same past; it ends at the price and with the trade number that the
//! simulation begins with; candles of up to an hour are the sums of their minutes.

use std::time::Duration;

use super::{
    Spread,
    candles::{Candle, begin},
    day::Day,
};
use crate::{
    sim::matching::{OrderKey, PairId, PairSpec, TradeFact},
    types::{Price, Quantity, Side, Timestamp},
};

/// Trades of each minute.
const A_MINUTE: u64 = 12;
/// Minutes of the past that have trades.
const TRADED: u64 = 24 * 60;
/// Most minutes that one candle is made of; longer ones take every so manieth.
const SAMPLES: i64 = 60;
/// Typical move in a minute, as a fraction of the price.
const MOVE: f64 = 0.0004;
/// Waves that the price is made of: the first lasts a minute, each other twice as long as the one before.
const WAVES: usize = 20;
/// The quantity of a minute in least order quantities.
const BUSY: i64 = 2_000;

/// One pair's past.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pair: PairId,
    seed: u64,
    /// The minute with which it ends.
    end: i64,
    /// The price that it ends at, in units, and the level there.
    price: f64,
    last_level: f64,
    tick: Price,
    minute_qty: i64,
    lot: Quantity,
}

impl Past {
    /// The past of a pair that begins to trade now.
    pub(super) fn new(seed: u64, pair: PairId, spec: &PairSpec, now: Timestamp) -> Option<Self> {
        let of = &spec.instrument;
        let units = spec.opening_price.mantissa_at(of.price_precision);
        let units = units.or_else(|| {
            let cut = spec.opening_price.rounded_toward_zero(of.price_precision);
            Some(cut.ok()?.mantissa())
        });
        let mut past = Self {
            pair,
            last_level: 0.0,
            seed: mixed(seed, u64::from(pair.0)),
            end: now.as_secs().div_euclid(60),
            price: i64::try_from(units?).ok()? as f64,
            tick: of.tick,
            minute_qty: of.qty_min.units().max(1).saturating_mul(BUSY),
            lot: of.lot,
        };
        past.last_level = Waves::default().level(&past, past.end);
        Some(past)
    }

    /// How many trades there were before the first of the simulation.
    pub(super) fn trades_before(&self) -> u64 {
        u64::try_from(self.end).unwrap_or(0) * A_MINUTE
    }

    /// The trades of the last day, oldest first.
    pub(super) fn trades(&self) -> impl DoubleEndedIterator<Item = TradeFact> + '_ {
        let before = self.trades_before();
        let first = before.saturating_sub(TRADED * A_MINUTE);
        (first..before).filter_map(|number| self.trade(number))
    }

    /// The same, without those at or before an instant.
    pub(super) fn trades_after(&self, since: Timestamp) -> impl Iterator<Item = TradeFact> + '_ {
        let before = self.trades_before();
        let minute = u64::try_from(since.as_secs().div_euclid(60)).unwrap_or(0);
        let first = before
            .saturating_sub(TRADED * A_MINUTE)
            .max(minute.saturating_mul(A_MINUTE))
            .min(before);
        let trades = (first..before).filter_map(|number| self.trade(number));
        trades.filter(move |trade| trade.at > since)
    }

    /// The best prices around each of the last trades, oldest first: the taker met the far side, and the near one is a tick away.
    pub(super) fn spreads(&self, count: usize) -> Vec<Spread> {
        let around = |trade: TradeFact| {
            let tick = self.tick.units();
            let (bid, ask) = match trade.taker_side {
                Side::Buy => (trade.price.units().checked_sub(tick)?, trade.price.units()),
                Side::Sell => (trade.price.units(), trade.price.units().checked_add(tick)?),
            };
            Some(Spread {
                at: trade.at,
                bid: Price::new(bid).ok().filter(|bid| bid.units() > 0)?,
                ask: Price::new(ask).ok()?,
            })
        };
        let mut spreads: Vec<Spread> = self.trades().rev().filter_map(around).take(count).collect();
        spreads.reverse();
        spreads.dedup_by_key(|spread| (spread.bid, spread.ask));
        spreads
    }

    fn trade(&self, number: u64) -> Option<TradeFact> {
        let minute = i64::try_from(number / A_MINUTE).ok()?;
        let nth = number % A_MINUTE;
        let candle = self.minute(minute)?;
        let part = nth as f64 / (A_MINUTE - 1) as f64;
        let (open, close) = (candle.open.units() as f64, candle.close.units() as f64);
        let price = match nth {
            3 => candle.high,
            7 => candle.low,
            _ => self.on_grid(open + (close - open) * part)?,
        };
        let wobble = (self.unit(number, 11) * 4e9) as u64;
        let within = Duration::from_nanos(nth * 5_000_000_000 + wobble);
        Some(TradeFact {
            pair: self.pair,
            trade_id: number + 1,
            price,
            qty: Quantity::new(candle.volume.units() / A_MINUTE as i64).ok()?,
            taker_side: if self.unit(number, 12) < 0.5 {
                Side::Buy
            } else {
                Side::Sell
            },
            taker_market: self.unit(number, 13) < 0.5,
            maker: OrderKey(0),
            taker: OrderKey(0),
            at: Timestamp::from_secs(minute * 60).after(within),
        })
    }

    /// Up to `count` candles before an instant, newest first.
    fn candles(
        &self,
        interval: u32,
        before: Timestamp,
        count: usize,
    ) -> impl Iterator<Item = Candle> + '_ {
        let length = i64::from(interval);
        let last = begin(before, interval).as_secs().div_euclid(60) - length;
        (0_i64..)
            .take(count)
            .map_while(move |nth| self.candle(last - nth * length, length))
    }

    /// Puts its candles behind those of the simulation, which come newest first, until there are `count`.
    pub(super) fn precede(&self, candles: &mut Vec<Candle>, interval: u32, count: usize) {
        let end = Timestamp::from_secs(self.end * 60);
        // The interval in which the simulation began is of both; where nothing was traded in it, it is the past's alone.
        let begun = begin(end, interval);
        let room = candles.len() < count;
        match candles.last_mut().filter(|first| first.begin == begun) {
            Some(first) => {
                if let Some(mut whole) = self.rest(begun) {
                    whole.append(first);
                    *first = whole;
                }
            }
            None if room => candles.extend(self.rest(begun)),
            None => {}
        }
        let missing = count.saturating_sub(candles.len());
        candles.extend(self.candles(interval, end, missing));
    }

    /// The part of an interval that lies before the simulation; nothing if none does.
    fn rest(&self, begins: Timestamp) -> Option<Candle> {
        let minute = begins.as_secs().div_euclid(60);
        let length = self.end - minute;
        (length > 0).then(|| self.candle(minute, length)).flatten()
    }

    /// The day before, into the figures of the last 24 hours: an hour at a time.
    pub(super) fn tell(&self, day: &mut Day) {
        let hours = (1..=24).rev();
        let hours = hours.filter_map(|ago| self.candle(self.end - ago * 60, 60));
        hours.for_each(|hour| day.recall(&hour));
    }

    fn candle(&self, minute: i64, length: i64) -> Option<Candle> {
        let step = (length / SAMPLES).max(1);
        let mut waves = Waves::default();
        let mut open = self.price_at(minute, &mut waves)?;
        let mut whole: Option<Candle> = None;
        for nth in 0..length / step {
            let at = minute + nth * step;
            if step > 1 {
                open = self.price_at(at, &mut waves)?;
            }
            let part = self.minute_from(at, open, &mut waves)?;
            open = part.close;
            match &mut whole {
                Some(whole) => whole.append(&part),
                None => whole = Some(part),
            }
        }
        let mut whole = whole?;
        whole.begin = Timestamp::from_secs(minute * 60);
        if step > 1 {
            whole.close = self.price_at(minute + length, &mut waves)?;
            whole.high = whole.high.max(whole.close);
            whole.low = whole.low.min(whole.close);
            whole.scale(step);
        }
        Some(whole)
    }

    fn minute(&self, minute: i64) -> Option<Candle> {
        let mut waves = Waves::default();
        let open = self.price_at(minute, &mut waves)?;
        self.minute_from(minute, open, &mut waves)
    }

    /// A minute whose first price is known.
    fn minute_from(&self, minute: i64, open: Price, waves: &mut Waves) -> Option<Candle> {
        let close = self.price_at(minute + 1, waves)?;
        let number = minute.unsigned_abs();
        let (top, bottom) = (open.max(close), open.min(close));
        let wick = |purpose| 1.0 + MOVE / 2.0 * self.unit(number, purpose);
        let high = self.on_grid(top.units() as f64 * wick(1))?.max(top);
        let low = self.on_grid(bottom.units() as f64 / wick(2))?.min(bottom);
        let share = 0.2 + 1.6 * self.unit(number, 3);
        let units = (self.minute_qty as f64 * share) as i64 / A_MINUTE as i64;
        let each = Quantity::new(units).ok()?.rounded_down_to(self.lot);
        let volume = Quantity::new(each.units().saturating_mul(A_MINUTE as i64)).ok()?;
        let middle = Price::new(i64::midpoint(open.units(), close.units())).ok()?;
        Some(Candle {
            begin: Timestamp::from_secs(minute * 60),
            open,
            high,
            low,
            close,
            volume,
            notional: middle.notional(volume),
            trades: A_MINUTE,
        })
    }

    /// The price at the beginning of a minute.
    fn price_at(&self, minute: i64, waves: &mut Waves) -> Option<Price> {
        let away = waves.level(self, minute) - self.last_level;
        self.on_grid(self.price * away.exp())
    }

    /// The height of a wave at one of its knots.
    fn knot(&self, octave: u64, cell: i64) -> f64 {
        self.unit(mixed(cell.unsigned_abs(), octave), 4) - 0.5
    }

    fn on_grid(&self, units: f64) -> Option<Price> {
        let tick = self.tick.units();
        let ticks = (units / tick as f64).round().max(1.0);
        Price::new((ticks as i64).checked_mul(tick)?).ok()
    }

    /// Evenly from 0 to below 1, by number and purpose.
    fn unit(&self, number: u64, purpose: u64) -> f64 {
        (mixed(mixed(self.seed, purpose), number) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The waves of one past at minutes that follow each other: a knot is computed once.
#[derive(Default)]
struct Waves([Option<Cell>; WAVES]);

/// A wave between two knots.
#[derive(Clone, Copy)]
struct Cell {
    number: i64,
    left: f64,
    right: f64,
}

impl Waves {
    /// The logarithm of the price, but for a constant: waves of every length, each as high as a random walk is wide.
    fn level(&mut self, past: &Past, minute: i64) -> f64 {
        let waves = (0..).zip(&mut self.0);
        waves
            .map(|(octave, known)| {
                let period = 1_i64 << octave;
                let number = minute.div_euclid(period);
                let cell = match known {
                    Some(cell) if cell.number == number => *cell,
                    _ => Cell {
                        number,
                        left: past.knot(octave, number),
                        right: past.knot(octave, number + 1),
                    },
                };
                *known = Some(cell);
                let part = minute.rem_euclid(period) as f64 / period as f64;
                let smooth = part * part * (3.0 - 2.0 * part);
                let height = cell.left + (cell.right - cell.left) * smooth;
                height * MOVE * (period as f64).sqrt()
            })
            .sum()
    }
}

/// Two numbers made one that looks like neither (the finalizer of SplitMix64).
const fn mixed(left: u64, right: u64) -> u64 {
    let mut word = left
        .wrapping_add(right.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::matching::Universe;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_030);

    fn pasts() -> Vec<(Past, PairSpec)> {
        let universe = Universe::default_universe();
        let pairs = (0..).map(PairId).zip(universe.pairs);
        pairs
            .map(|(id, spec)| (Past::new(7, id, &spec, NOW).unwrap(), spec))
            .collect()
    }

    #[test]
    fn it_ends_where_the_simulation_begins() {
        for (past, spec) in pasts() {
            let last = past.candles(1, NOW, 1).next().unwrap();
            let opening = spec.instrument.price_decimal(last.close);
            assert_eq!(opening, spec.opening_price, "{}", spec.instrument.symbol);
            assert_eq!(last.begin, Timestamp::from_secs(1_799_999_940));
            let trade = past.trades().next_back().unwrap();
            assert_eq!(trade.trade_id, past.trades_before());
            assert!(trade.at < Timestamp::from_secs(1_800_000_000));
        }
    }

    #[test]
    fn candles_are_sound_and_an_hour_is_the_sum_of_its_minutes() {
        for (past, spec) in pasts() {
            for interval in super::super::INTERVALS {
                let candles: Vec<_> = past.candles(interval, NOW, 720).collect();
                assert_eq!(candles.len(), 720);
                for (candle, older) in candles.iter().zip(&candles[1..]) {
                    let length = Duration::from_secs(u64::from(interval) * 60);
                    assert_eq!(older.begin.after(length), candle.begin);
                    assert!(candle.low <= candle.open.min(candle.close));
                    assert!(candle.high >= candle.open.max(candle.close));
                    assert!((candle.low..=candle.high).contains(&candle.vwap()));
                    assert!(candle.open.is_multiple_of(spec.instrument.tick));
                    assert_eq!(older.close, candle.open);
                }
            }
            let hour = past.candles(60, NOW, 1).next().unwrap();
            let minutes: Vec<_> = past.candles(1, NOW, 120).collect();
            let within = minutes.iter().filter(|minute| {
                minute.begin >= hour.begin
                    && minute.begin < hour.begin.after(Duration::from_secs(3_600))
            });
            let volume: i64 = within.map(|minute| minute.volume.units()).sum();
            assert_eq!(volume, hour.volume.units());
        }
    }

    #[test]
    fn trades_add_up_to_their_minutes_and_page_from_any_instant() {
        let (past, _) = pasts().remove(0);
        let minute = past.candles(1, NOW, 1).next().unwrap();
        let before = minute.begin.before(Duration::from_nanos(1));
        let trades: Vec<_> = past.trades_after(before).collect();
        assert_eq!(trades.len() as u64, A_MINUTE);
        let volume: i64 = trades.iter().map(|trade| trade.qty.units()).sum();
        assert_eq!(volume, minute.volume.units());
        let prices = || trades.iter().map(|trade| trade.price);
        assert_eq!(prices().max(), Some(minute.high));
        assert_eq!(prices().min(), Some(minute.low));
        let ids: Vec<_> = past.trades().map(|trade| trade.trade_id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        let times: Vec<_> = past.trades().map(|trade| trade.at).collect();
        assert!(times.is_sorted());
        assert_eq!(past.trades_after(Timestamp::MIN).count(), ids.len());
    }
}
