//! The market: agents that trade on the simulated venue as the world does on the real one.
//!
//! For: two-sided, deep, moving books and a stream of trades, from nothing ([`Synthetic`]) or around recorded trades ([`Playback`]);
//! or a market that happens elsewhere, told as [`Upstream`].
//! Left out: the venue itself, the clients. Agents know only what the exchange shows, and are matched like everyone else.
//! Always true: a source is pure and knows market time only; the driver alone waits, and speed changes how long it waits, nothing else.
//! Behavior is computed in floats; what is asked of the exchange is in whole ticks and lots.

mod climate;
mod course;
mod crowd;
mod dice;
mod driver;
mod listing;
mod maker;
pub(in crate::sim) mod mirror;
mod pit;
mod playback;
mod profile;
mod recording;
mod regime;
mod scene;
mod schedule;
mod synthetic;
mod taker;
mod tape;

use std::time::Duration;

use super::matching::{AccountId, Exchange, PairId, Request, Universe};
use crate::types::Timestamp;

pub use self::{
    driver::{run, warm_up},
    mirror::{Quote, Upstream},
    playback::Playback,
    recording::Recording,
    regime::{Regime, Regimes},
    synthetic::Synthetic,
    tape::{RowProblem, Tape, TapeEnd, TapeError},
};

/// Book updates a second over all pairs, where nothing else is set.
pub const DEFAULT_RATE: f64 = 150.0;

/// A part of the market.
pub trait Source: Send {
    /// Accounts of its agents, to be opened before it acts.
    fn accounts(&self) -> Vec<AccountId>;

    /// When it wants to act next, in market time since its start. What is due at zero fills the books.
    fn next(&mut self) -> Option<Duration>;

    /// Acts once: writes what its agents ask for, in order, given the exchange as it stands now.
    fn act(&mut self, now: Timestamp, view: &Exchange, out: &mut Vec<(AccountId, Request)>);
}

/// The whole market of a universe: recorded pairs play their tapes, all others are synthetic.
/// `rate` is in book updates a second of market time, over all pairs.
#[must_use]
pub fn sources(
    universe: &Universe,
    tapes: Vec<Tape>,
    seed: u64,
    rate: f64,
    regimes: &Regimes,
) -> Vec<Box<dyn Source>> {
    sources_beside(&[], universe, tapes, seed, rate, regimes)
}

/// The same, but for pairs whose market comes from elsewhere.
#[must_use]
pub fn sources_beside(
    others: &[PairId],
    universe: &Universe,
    tapes: Vec<Tape>,
    seed: u64,
    rate: f64,
    regimes: &Regimes,
) -> Vec<Box<dyn Source>> {
    let all: Vec<PairId> = (0..)
        .map(PairId)
        .zip(&universe.pairs)
        .map(|(id, _)| id)
        .filter(|id| !others.contains(id))
        .collect();
    let is_taped = |pair: &PairId| tapes.iter().any(|tape| tape.pair() == *pair);
    let (taped, free): (Vec<PairId>, Vec<PairId>) = all.iter().partition(|pair| is_taped(pair));
    let share = |taped: bool| -> f64 {
        let shares = weights(universe, &all, rate);
        let own = shares.filter(|(pair, _)| is_taped(pair) == taped);
        own.map(|(_, rate)| rate).sum()
    };
    let (taped_rate, free_rate) = (share(true), share(false));
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if !taped.is_empty() {
        let playback = Playback::new(universe, tapes, seed, taped_rate, regimes);
        sources.push(Box::new(playback));
    }
    if !free.is_empty() {
        let market = Synthetic::new(universe, &free, seed, free_rate, regimes);
        sources.push(Box::new(market));
    }
    sources
}

/// Each pair's part of a rate.
fn weights(
    universe: &Universe,
    pairs: &[PairId],
    rate: f64,
) -> impl Iterator<Item = (PairId, f64)> {
    let weight = |pair: &PairId| {
        let spec = universe.pair(*pair);
        spec.map_or(0.0, |spec| profile::of_pair(&spec.instrument.symbol).weight)
    };
    let weighted: Vec<(PairId, f64)> = pairs.iter().map(|pair| (*pair, weight(pair))).collect();
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    weighted
        .into_iter()
        .map(move |(pair, weight)| (pair, rate * weight / total))
}

#[cfg(test)]
mod tests;
