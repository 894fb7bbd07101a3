//! What the assets are worth and how busy the markets are, at every moment.
//!
//! For: values that move as prices do: together, in trends, with quiet spells, bursts and news. Pure; time comes as steps.
//! Always true: every value is pulled back to where it started, so that a market that runs for days stays near its opening.

use std::{collections::BTreeMap, time::Duration};

use super::{
    dice::Dice,
    profile::{is_crypto, volatility},
};
use crate::types::AssetCode;

/// Typical move of bitcoin in one second, as a share of its price.
const MOVE: f64 = 0.000_02;
/// Share of a move's variance that all crypto assets have in common.
const COMMON: f64 = 0.5;
/// Seconds after which a third of a deviation is left.
const MEMORY: f64 = 3.0 * 3600.0;
/// Strongest trend, as a share of the price in one second.
const TREND: f64 = 0.000_001_5;
/// Mean length of a trend, in seconds.
const TREND_LENGTH: f64 = 600.0;
/// News in one second, on average, and their typical size in seconds' moves.
const NEWS_RATE: f64 = 1.0 / 1_800.0;
const NEWS_SIZE: f64 = 25.0;
/// Largest deviation, as a logarithm.
const FARTHEST: f64 = 0.25;

/// How busy the whole market is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    Quiet,
    Normal,
    Burst,
}

impl Mood {
    /// Activity, so that the mean over time is one.
    const fn activity(self) -> f64 {
        match self {
            Self::Quiet => 0.5 / 0.948,
            Self::Normal => 1.0 / 0.948,
            Self::Burst => 3.0 / 0.948,
        }
    }

    /// Mean length in seconds.
    const fn length(self) -> f64 {
        match self {
            Self::Quiet => 60.0,
            Self::Normal => 120.0,
            Self::Burst => 12.0,
        }
    }

    fn next(self, dice: &mut Dice) -> Self {
        match self {
            Self::Quiet | Self::Burst => Self::Normal,
            Self::Normal if dice.chance(0.6) => Self::Quiet,
            Self::Normal => Self::Burst,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Value {
    deviation: f64,
    trend: f64,
    volatility: f64,
    is_crypto: bool,
}

/// The state of the world.
#[derive(Debug)]
pub(super) struct Climate {
    values: BTreeMap<AssetCode, Value>,
    mood: Mood,
    mood_left: Duration,
    dice: Dice,
}

impl Climate {
    pub(super) fn new(mut dice: Dice) -> Self {
        Self {
            values: BTreeMap::new(),
            mood: Mood::Normal,
            mood_left: dice.wait(Mood::Normal.length()),
            dice,
        }
    }

    /// Adds an asset at a deviation from its opening, as a logarithm.
    pub(super) fn list(&mut self, asset: AssetCode, deviation: f64) {
        let value = Value {
            deviation: deviation.clamp(-FARTHEST, FARTHEST),
            trend: 0.0,
            volatility: volatility(&asset),
            is_crypto: is_crypto(&asset),
        };
        self.values.entry(asset).or_insert(value);
    }

    /// Present deviation of an asset from its opening, as a logarithm.
    pub(super) fn deviation(&self, asset: &AssetCode) -> f64 {
        self.values.get(asset).map_or(0.0, |value| value.deviation)
    }

    /// Present deviations of all assets, in the order of [`place`](Self::place).
    pub(super) fn deviations(&self) -> Vec<f64> {
        self.values.values().map(|value| value.deviation).collect()
    }

    /// An asset's place among all that are listed by now.
    pub(super) fn place(&self, asset: &AssetCode) -> usize {
        self.values.keys().filter(|known| *known < asset).count()
    }

    /// Present activity; one on average.
    pub(super) const fn activity(&self) -> f64 {
        self.mood.activity()
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.change_mood(time);
        let seconds = time.as_secs_f64();
        let dice = &mut self.dice;
        let size = MOVE * (self.mood.activity() * seconds).sqrt();
        let common = size * dice.normal();
        for value in self
            .values
            .values_mut()
            .filter(|value| value.volatility > 0.0)
        {
            if dice.chance(seconds / TREND_LENGTH) {
                let trend = dice.between(-TREND, TREND);
                value.trend = if dice.chance(0.4) { 0.0 } else { trend };
            }
            let own = size * dice.normal();
            let mut step = if value.is_crypto {
                COMMON.sqrt() * common + (1.0 - COMMON).sqrt() * own
            } else {
                own
            };
            if dice.chance(NEWS_RATE * seconds) {
                step += MOVE * NEWS_SIZE * dice.normal();
            }
            step += value.trend * seconds;
            let pull = value.deviation * seconds / MEMORY;
            let moved = value.volatility.mul_add(step, value.deviation - pull);
            value.deviation = moved.clamp(-FARTHEST, FARTHEST);
        }
    }

    fn change_mood(&mut self, time: Duration) {
        self.mood_left = self.mood_left.saturating_sub(time);
        if self.mood_left.is_zero() {
            self.mood = self.mood.next(&mut self.dice);
            self.mood_left = self.dice.wait(self.mood.length());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_near_their_opening_for_weeks_and_do_move() {
        let mut climate = Climate::new(Dice::new(7, 0));
        let assets = ["BTC", "DOGE", "USDT", "USD"].map(|code| AssetCode::new(code).unwrap());
        for asset in assets {
            climate.list(asset, 0.0);
        }
        let (mut farthest, mut activity) = ([0.0_f64; 4], 0.0);
        let seconds = 30 * 86_400;
        for _ in 0..seconds {
            climate.pass(Duration::from_secs(1));
            activity += climate.activity();
            for (asset, farthest) in assets.iter().zip(&mut farthest) {
                *farthest = farthest.max(climate.deviation(asset).abs());
            }
        }
        let [btc, doge, usdt, usd] = farthest;
        assert!((0.003..0.06).contains(&btc), "{btc}");
        assert!((0.005..0.12).contains(&doge), "{doge}");
        assert!((0.000_05..0.004).contains(&usdt), "{usdt}");
        assert!(usd == 0.0);
        let mean = activity / f64::from(seconds);
        assert!((0.93..1.07).contains(&mean), "{mean}");
    }
}
