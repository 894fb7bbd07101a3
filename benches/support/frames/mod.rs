//! Synthetic frames with the sizes, rates and key order of the venue's: books with valid checksums, trades, tickers, executions.
//!
//! Left out: how a book changes ([`book`]) and what happens on it ([`events`]). The same seed gives the same frames.

mod book;
mod events;

use rand::Rng as _;
use tradingd::io::rng::{Rng, stream};

pub use self::{
    book::{many, single, snapshots},
    events::{executions, tickers, trades},
};

/// Frames end to end, and where each ends.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// These frames.
    pub fn of(frames: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::default();
        frames.into_iter().for_each(|frame| all.push(&frame));
        all
    }

    fn push(&mut self, frame: &str) {
        self.bytes.extend_from_slice(frame.as_bytes());
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn mean_bytes(&self) -> usize {
        self.bytes.len() / self.len().max(1)
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }
}
/// A pair of the synthetic universe.
#[derive(Clone)]
pub struct Pair {
    pub symbol: String,
    pub price_precision: u8,
    pub qty_precision: u8,
    pub mid: i64,
}

pub fn btc_usd() -> Pair {
    Pair {
        symbol: "BTC/USD".to_owned(),
        price_precision: 1,
        qty_precision: 8,
        mid: 972_345,
    }
}

/// `count` pairs whose first is BTC/USD.
pub fn universe(seed: u64, count: usize) -> Vec<Pair> {
    let mut dice = Dice(stream(seed, 1));
    let mut pairs = vec![btc_usd()];
    for index in 1..count {
        pairs.push(Pair {
            symbol: format!(
                "T{:03}/{}",
                index / 5,
                ["USD", "EUR", "USDT", "USDC", "GBP"][index % 5]
            ),
            price_precision: dice.pick(&[1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10]),
            qty_precision: dice.pick(&[8, 8, 8, 8, 5, 6, 7]),
            mid: 10_f64.powf(4.2 + 2.0 * dice.unit()) as i64,
        });
    }
    pairs
}

struct Dice(Rng);

impl Dice {
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.unit() * end.max(1) as f64) as i64
    }

    fn exponential(&mut self, mean: f64) -> i64 {
        (-(1.0 - self.unit()).ln() * mean) as i64
    }

    fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        (mean + deviation * radius * angle.cos()).exp()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as i64) as usize]
    }

    fn qty(&mut self, mean: f64, deviation: f64, precision: u8) -> i64 {
        let units = self.log_normal(mean, deviation) * 10_f64.powi(i32::from(precision));
        (units as i64).max(1)
    }
}

/// Appends a count of units as a number with this many fraction digits.
pub fn decimal(units: i64, precision: u8, out: &mut String) {
    let width = usize::from(precision) + 1;
    let digits = format!("{units:0width$}");
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(precision));
    out.push_str(whole);
    if precision > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

fn stamp(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let (hour, minute, second) = (12 + seconds / 3600 % 12, seconds / 60 % 60, seconds % 60);
    format!(
        "2026-11-20T{hour:02}:{minute:02}:{second:02}.{:06}Z",
        micros % 1_000_000
    )
}

/// Chooses by 1/rank.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let mut next = |rank: usize| {
            sum += 1.0 / (rank + 1) as f64;
            sum
        };
        Self((0..count).map(&mut next).collect())
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let total = self.0.last().copied().unwrap_or(0.0);
        let at = dice.unit() * total;
        self.0
            .partition_point(|sum| *sum < at)
            .min(self.0.len() - 1)
    }
}
