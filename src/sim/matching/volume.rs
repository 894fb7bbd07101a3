//! What an account has traded in the last thirty days, in USD: what its fees go by.
//!
//! Left out: schedules, which come with the pairs. Always true: volume counts from the fill after the one that made it; it leaves
//! by the hour in which it came.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::{AccountId, Exchange, FeeTier, PairId, PairSpec, Universe, money::sum};
use crate::types::{Decimal, Liquidity, Timestamp};

/// How long volume counts, in hours.
const HOURS: i64 = 30 * 24;
const HOUR: Duration = Duration::from_secs(3600);
/// Fraction digits of USD amounts.
const DIGITS: u8 = 8;
/// Fraction digits of a rate that has to be divided.
const RATE_DIGITS: u8 = 15;

/// Volume by the hour, oldest first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Volume {
    hours: VecDeque<(i64, Decimal)>,
    /// The sum of all of them.
    total: Decimal,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            hours: VecDeque::new(),
            total: Decimal::ZERO,
        }
    }
}

impl Volume {
    /// Adds what was traded at an instant that is not before the others.
    pub(super) fn add(&mut self, at: Timestamp, usd: Decimal) {
        let hour = hour(at);
        while let Some((old, amount)) = self.hours.front().copied()
            && old <= hour - HOURS
        {
            self.hours.pop_front();
            self.total = sum(self.total, amount.negated());
        }
        self.total = sum(self.total, usd);
        match self.hours.back_mut() {
            Some((last, amount)) if *last >= hour => *amount = sum(*amount, usd),
            _ => self.hours.push_back((hour, usd)),
        }
    }

    /// The volume that counts at an instant.
    pub(super) fn at(&self, now: Timestamp) -> Decimal {
        let begin = hour(now) - HOURS;
        let over = self.hours.iter().take_while(|(hour, _)| *hour <= begin);
        over.fold(self.total, |total, (_, amount)| {
            sum(total, amount.negated())
        })
    }
}

fn hour(at: Timestamp) -> i64 {
    let length = i64::try_from(HOUR.as_secs()).unwrap_or(i64::MAX);
    at.as_secs().div_euclid(length)
}

/// How an amount of a pair's quote becomes USD.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dollars {
    /// It is.
    Same,
    /// At the price of a pair of this asset in USD.
    Times(PairId),
    /// At the price of a pair of USD in this asset.
    Over(PairId),
    /// No pair leads there; it does not count.
    Unknown,
}

impl Dollars {
    /// How a pair's quote becomes USD.
    pub(super) fn of(universe: &Universe, pair: &PairSpec) -> Self {
        const USD: &str = "USD";
        let asset = pair.instrument.quote.as_str();
        if asset == USD {
            return Self::Same;
        }
        let find = |base: &str, quote: &str| {
            let mut pairs = (0..).map(PairId).zip(&universe.pairs);
            let found = pairs.find(|(_, pair)| {
                let of = &pair.instrument;
                (of.base.as_str(), of.quote.as_str()) == (base, quote)
            });
            found.map(|(id, _)| id)
        };
        let times = find(asset, USD).map(Self::Times);
        times
            .or_else(|| find(USD, asset).map(Self::Over))
            .unwrap_or(Self::Unknown)
    }
}

impl PairSpec {
    /// The step of the fee schedule that a 30-day volume in USD reaches, and its position.
    #[must_use]
    pub fn fee_step(&self, volume: Decimal) -> Option<(usize, &FeeTier)> {
        let mut steps = self.fees.iter().enumerate();
        steps.rfind(|(_, step)| step.volume <= volume)
    }
}

impl Exchange {
    /// What a client has traded in the thirty days before an instant, in USD.
    #[must_use]
    pub fn volume(&self, now: Timestamp, account: AccountId) -> Decimal {
        let client = self.client(account);
        client.map_or(Decimal::ZERO, |client| client.volume.at(now))
    }

    /// Counts volume that was traded elsewhere.
    pub fn credit_volume(&mut self, account: AccountId, at: Timestamp, usd: Decimal) {
        if let Some(client) = self.client_mut(account) {
            client.volume.add(at, usd);
        }
    }

    /// The rate of a client's fee in a pair now, as a fraction.
    pub(super) fn fee_rate(
        &self,
        now: Timestamp,
        account: AccountId,
        pair: PairId,
        liquidity: Liquidity,
    ) -> Decimal {
        let spec = self.universe.pair(pair);
        let step = spec.and_then(|spec| spec.fee_step(self.volume(now, account)));
        step.map_or(Decimal::ZERO, |(_, step)| match liquidity {
            Liquidity::Maker => step.maker,
            Liquidity::Taker => step.taker,
        })
    }

    /// An amount of a pair's quote in USD, at the last prices.
    pub(super) fn in_dollars(&self, pair: PairId, amount: Decimal) -> Decimal {
        let way = self.market(pair).map(|market| market.dollars);
        let rate = match way.unwrap_or(Dollars::Unknown) {
            Dollars::Same => return amount,
            Dollars::Times(over) => self.price_of(over),
            Dollars::Over(over) => self.price_of(over).and_then(|price| {
                let one = Decimal::new(1, 0).ok()?;
                one.divided_toward_zero(price, RATE_DIGITS).ok()
            }),
            Dollars::Unknown => None,
        };
        let product = rate.and_then(|rate| amount.checked_mul(rate).ok());
        let cut = product.and_then(|product| product.rounded_toward_zero(DIGITS).ok());
        cut.unwrap_or(Decimal::ZERO)
    }

    /// The last price, or the opening price before the first trade.
    fn price_of(&self, pair: PairId) -> Option<Decimal> {
        let spec = self.universe.pair(pair)?;
        let last = self.last_price(pair);
        Some(last.map_or(spec.opening_price, |price| {
            spec.instrument.price_decimal(price)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_secs(1_788_249_600).after(HOUR * u32::try_from(hours).unwrap())
    }

    fn usd(amount: i64) -> Decimal {
        Decimal::new(i128::from(amount), 0).unwrap()
    }

    #[test]
    fn volume_counts_for_thirty_days() {
        let mut volume = Volume::default();
        volume.add(at(0), usd(100));
        volume.add(at(0), usd(20));
        volume.add(at(1), usd(3));
        assert_eq!(volume.at(at(1)), usd(123));
        assert_eq!(volume.at(at(719)), usd(123));
        assert_eq!(volume.at(at(720)), usd(3));
        assert_eq!(volume.at(at(721)), usd(0));
        volume.add(at(720), usd(5));
        assert_eq!(volume.hours.len(), 2, "what counts no more is dropped");
        assert_eq!(volume.at(at(720)), usd(8));
    }

    #[test]
    fn every_pair_of_the_universe_has_a_way_to_dollars() {
        let universe = Universe::default_universe();
        let way = |symbol: &str| {
            let id = universe.find_symbol(symbol).unwrap();
            Dollars::of(&universe, universe.pair(id).unwrap())
        };
        let pair = |symbol: &str| universe.find_symbol(symbol).unwrap();
        assert_eq!(way("BTC/USD"), Dollars::Same);
        assert_eq!(way("ETH/BTC"), Dollars::Times(pair("BTC/USD")));
        assert_eq!(way("BTC/EUR"), Dollars::Times(pair("EUR/USD")));
        assert_eq!(way("BTC/USDT"), Dollars::Times(pair("USDT/USD")));
    }

    #[test]
    fn a_step_is_reached_at_its_volume() {
        let universe = Universe::default_universe();
        let pair = &universe.pairs[0];
        let step = |volume| pair.fee_step(usd(volume)).unwrap().0;
        assert_eq!(
            [0, 9_999, 10_000, 49_999, 50_000].map(step),
            [0, 0, 1, 1, 2]
        );
        assert_eq!(step(1_000_000_000), pair.fees.len() - 1);
    }
}
