//! The last 24 hours, rolling, and the calendar day in UTC.
//!
//! Always true: the window rolls by whole minutes; a minute leaves it when all of it is older than 24 hours.

use std::{collections::VecDeque, time::Duration};

use super::candles::{Candle, begin, vwap};
use crate::{
    sim::matching::TradeFact,
    types::{Decimal, Notional, Price, Quantity, Timestamp},
};

const WINDOW: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const DAY_MINUTES: u32 = 24 * 60;
/// Fraction digits of the change in percent.
const PERCENT_DIGITS: u8 = 2;

/// What was traded in a span of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// First price; where nothing was traded, the last price before.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Base traded.
    pub volume: Quantity,
    /// Mean price by volume.
    pub vwap: Price,
    /// How many trades.
    pub trades: u64,
}

/// A pair's figures at an instant. The best bid and ask are the exchange's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticker {
    /// Price of the last trade.
    pub last: Price,
    /// Quantity of the last trade.
    pub last_qty: Quantity,
    /// The last 24 hours.
    pub day: Span,
    /// Since 00:00 UTC.
    pub today: Span,
}

impl Ticker {
    /// `last` less the price 24 hours ago, in units of price.
    #[must_use]
    pub const fn change(&self) -> i64 {
        self.last.units() - self.day.open.units()
    }

    /// The change in percent of the price 24 hours ago, with two fraction digits.
    #[must_use]
    pub fn change_pct(&self) -> Decimal {
        let hundred = |units: i64| Decimal::new(i128::from(units) * 100, 0);
        let open = Decimal::new(i128::from(self.day.open.units()), 0);
        let ratio = |scale| hundred(self.change())?.divided_toward_zero(open?, scale);
        ratio(PERCENT_DIGITS + 4)
            .and_then(|exact| exact.rounded_half_up(PERCENT_DIGITS))
            .unwrap_or(Decimal::ZERO)
    }
}

/// Keeps one candle a minute, their sums, and the minutes that are highest and lowest until a later one is.
#[derive(Debug, Default)]
pub(super) struct Day {
    minutes: VecDeque<Candle>,
    highs: VecDeque<(Timestamp, Price)>,
    lows: VecDeque<(Timestamp, Price)>,
    sums: Sums,
    last: Option<(Price, Quantity)>,
    today: Option<Candle>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    volume: i128,
    notional: i128,
    trades: u64,
}

impl Sums {
    fn change(&mut self, sign: i128, minute: &Candle) {
        self.volume += sign * i128::from(minute.volume.units());
        self.notional += sign * minute.notional.units();
        self.trades = match sign {
            1 => self.trades + minute.trades,
            _ => self.trades - minute.trades,
        };
    }

    fn span(&self, [open, high, low]: [Price; 3], fallback: Price) -> Span {
        let volume = i64::try_from(self.volume).unwrap_or(i64::MAX);
        let volume = Quantity::new(volume).unwrap_or(Quantity::ZERO);
        let notional = Notional::new(self.notional).unwrap_or(Notional::ZERO);
        Span {
            open,
            high,
            low,
            volume,
            vwap: vwap(notional, volume).unwrap_or(fallback),
            trades: self.trades,
        }
    }
}

impl Day {
    pub(super) fn add(&mut self, trade: &TradeFact) {
        self.forget(trade.at);
        self.last = Some((trade.price, trade.qty));
        let minute = begin(trade.at, 1);
        if self.minutes.back().is_none_or(|last| last.begin < minute) {
            self.minutes.push_back(Candle::first(minute, trade));
        }
        let mut single = Candle::first(minute, trade);
        single.add(trade);
        self.sums.change(1, &single);
        if let Some(candle) = self.minutes.back_mut() {
            candle.add(trade);
        }
        keep_extreme(&mut self.highs, (minute, trade.price), |old, new| {
            old <= new
        });
        keep_extreme(&mut self.lows, (minute, trade.price), |old, new| old >= new);
        self.add_today(trade);
    }

    /// Takes in what was traded in a span before everything that it has. To be called in the order of time.
    pub(super) fn recall(&mut self, span: &Candle) {
        self.sums.change(1, span);
        self.minutes.push_back(*span);
        keep_extreme(&mut self.highs, (span.begin, span.high), |old, new| {
            old <= new
        });
        keep_extreme(&mut self.lows, (span.begin, span.low), |old, new| {
            old >= new
        });
        self.last = Some((span.close, Quantity::ZERO));
        let midnight = begin(span.begin, DAY_MINUTES);
        match &mut self.today {
            Some(today) if today.begin == midnight => today.append(span),
            today => {
                *today = Some(Candle {
                    begin: midnight,
                    ..*span
                });
            }
        }
    }

    fn add_today(&mut self, trade: &TradeFact) {
        let midnight = begin(trade.at, DAY_MINUTES);
        if self.today.is_none_or(|today| today.begin < midnight) {
            self.today = Some(Candle::first(midnight, trade));
        }
        if let Some(today) = &mut self.today {
            today.add(trade);
        }
    }

    pub(super) fn ticker(&self, now: Timestamp) -> Option<Ticker> {
        let (last, last_qty) = self.last?;
        Some(Ticker {
            last,
            last_qty,
            day: self.window(now, last),
            today: self.since_midnight(now, last),
        })
    }

    /// The window as of an instant at or after the last trade: what has grown too old since is left out.
    fn window(&self, now: Timestamp, last: Price) -> Span {
        let mut sums = self.sums;
        let mut open = None;
        for minute in &self.minutes {
            if !is_over(minute.begin, now) {
                open = Some(minute.open);
                break;
            }
            sums.change(-1, minute);
        }
        let within = |extremes: &VecDeque<(Timestamp, Price)>| {
            let alive = extremes.iter().find(|(minute, _)| !is_over(*minute, now));
            alive.map_or(last, |(_, price)| *price)
        };
        let prices = [
            open.unwrap_or(last),
            within(&self.highs),
            within(&self.lows),
        ];
        sums.span(prices, last)
    }

    fn since_midnight(&self, now: Timestamp, last: Price) -> Span {
        let mut sums = Sums::default();
        match self.today {
            Some(today) if today.begin == begin(now, DAY_MINUTES) => {
                sums.change(1, &today);
                sums.span([today.open, today.high, today.low], last)
            }
            Some(_) | None => sums.span([last; 3], last),
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.minutes.front()
            && is_over(oldest.begin, now)
        {
            self.sums.change(-1, oldest);
            self.minutes.pop_front();
        }
        for extremes in [&mut self.highs, &mut self.lows] {
            while let Some((minute, _)) = extremes.front()
                && is_over(*minute, now)
            {
                extremes.pop_front();
            }
        }
    }
}

/// Appends to a queue of ever less extreme prices what can become the extreme once older ones are gone.
fn keep_extreme(
    queue: &mut VecDeque<(Timestamp, Price)>,
    new: (Timestamp, Price),
    beaten: impl Fn(Price, Price) -> bool,
) {
    while let Some((_, price)) = queue.back()
        && beaten(*price, new.1)
    {
        queue.pop_back();
    }
    queue.push_back(new);
}

fn is_over(minute: Timestamp, now: Timestamp) -> bool {
    minute.after(MINUTE) <= now.before(WINDOW)
}
