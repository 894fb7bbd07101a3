//! Random numbers in the shapes that agents need.

use std::time::Duration;

use rand::RngExt;

use crate::{
    io::rng::{self, Rng},
    types::Side,
};

/// One independent stream of randomness.
#[derive(Debug)]
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        Self(rng::stream(seed, purpose))
    }

    /// Evenly from 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Evenly from 0 to below `count`; 0 if there is nothing to choose from.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count.max(1))
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(super) fn side(&mut self) -> Side {
        if self.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Heavy to the right: half of the results are below `median`.
    pub(super) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Time to the next of events that come independently.
    pub(super) fn wait(&mut self, mean_seconds: f64) -> Duration {
        let seconds = -mean_seconds * (1.0 - self.unit()).ln();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}
