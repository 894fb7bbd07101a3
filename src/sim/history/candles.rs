//! Candles of all intervals that the venue knows.

use std::collections::VecDeque;

use crate::{
    sim::matching::TradeFact,
    types::{Notional, Price, Quantity, Timestamp},
};

/// Lengths of candles, in minutes. They begin at multiples of their length since 1970.
pub const INTERVALS: [u32; 9] = [1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600];

/// Candles kept of each interval, as at the venue.
pub(super) const KEPT: usize = 720;

/// The trades of one interval, summed up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Candle {
    /// When the interval began.
    pub begin: Timestamp,
    /// Price of the first trade.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Price of the last trade.
    pub close: Price,
    /// Base traded.
    pub volume: Quantity,
    /// Quote traded.
    pub notional: Notional,
    /// How many trades.
    pub trades: u64,
}

impl Candle {
    pub(super) const fn first(begin: Timestamp, trade: &TradeFact) -> Self {
        Self {
            begin,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: Quantity::ZERO,
            notional: Notional::ZERO,
            trades: 0,
        }
    }

    pub(super) fn add(&mut self, trade: &TradeFact) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        // Sums that do not fit stay where they are; 92 billion units of base in one candle are beyond any market.
        self.volume = self.volume.checked_add(trade.qty).unwrap_or(self.volume);
        self.notional = self
            .notional
            .checked_add(trade.price.notional(trade.qty))
            .unwrap_or(self.notional);
        self.trades += 1;
    }

    /// Takes a later candle in, as if both were one.
    pub(super) fn append(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.checked_add(later.volume).unwrap_or(self.volume);
        self.notional = self
            .notional
            .checked_add(later.notional)
            .unwrap_or(self.notional);
        self.trades += later.trades;
    }

    /// Multiplies what was traded. Where that does not fit, it stays.
    pub(super) fn scale(&mut self, times: i64) {
        let volume = self.volume.units().checked_mul(times);
        let volume = volume.and_then(|units| Quantity::new(units).ok());
        let notional = self.notional.units().checked_mul(i128::from(times));
        let notional = notional.and_then(|units| Notional::new(units).ok());
        if let (Some(volume), Some(notional)) = (volume, notional) {
            (self.volume, self.notional) = (volume, notional);
            self.trades = self.trades.saturating_mul(times.unsigned_abs());
        }
    }

    /// Mean price by volume, to the price's last digit; the close if nothing was traded.
    #[must_use]
    pub fn vwap(&self) -> Price {
        vwap(self.notional, self.volume).unwrap_or(self.close)
    }
}

/// Mean price by volume, rounded half up.
pub(super) fn vwap(notional: Notional, volume: Quantity) -> Option<Price> {
    if volume.is_zero() {
        return None;
    }
    let volume = i128::from(volume.units());
    let mean = (notional.units() + volume / 2) / volume;
    Price::new(i64::try_from(mean).ok()?).ok()
}

/// Candles of one pair.
#[derive(Debug, Default)]
pub(super) struct Candles([VecDeque<Candle>; INTERVALS.len()]);

impl Candles {
    pub(super) fn of(&self, interval: u32) -> impl DoubleEndedIterator<Item = &Candle> {
        let position = INTERVALS.iter().position(|known| *known == interval);
        position
            .and_then(|position| self.0.get(position))
            .into_iter()
            .flatten()
    }

    /// Whether older candles of an interval were dropped.
    pub(super) fn is_full(&self, interval: u32) -> bool {
        self.of(interval).count() >= KEPT
    }

    pub(super) fn add(&mut self, trade: &TradeFact) {
        for (interval, candles) in INTERVALS.iter().zip(&mut self.0) {
            let begin = begin(trade.at, *interval);
            if candles.back().is_none_or(|last| last.begin < begin) {
                if candles.len() == KEPT {
                    candles.pop_front();
                }
                candles.push_back(Candle::first(begin, trade));
            }
            if let Some(candle) = candles.back_mut() {
                candle.add(trade);
            }
        }
    }
}

/// When the interval that holds an instant began.
pub(super) fn begin(at: Timestamp, minutes: u32) -> Timestamp {
    let length = i64::from(minutes) * 60;
    Timestamp::from_secs(at.as_secs() - at.as_secs().rem_euclid(length))
}
