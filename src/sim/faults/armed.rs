//! Faults that wait to happen, and the chance that decides when they do.
//!
//! Always true: each rule draws from a stream of its own, once for each occasion; so its n-th occasion turns out the same in every run
//! with the same seed, whatever else is armed.

use rand::{Rng as _, RngExt as _};
use serde::{Deserialize, Serialize};

use super::{Fault, kind::ANY, rule::RawRule};
use crate::{
    io::rng::{self, Rng},
    sim::matching::Universe,
};

/// Number of the first rule's stream; no other purpose of a run is near it.
const PURPOSE: u64 = 0xFA17_0000_0000;

/// A fault with its number of times. In the config: `kind`, `on`, and what the kind needs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "RawRule", into = "RawRule")]
pub struct FaultRule {
    /// What.
    pub fault: Fault,
    /// So many occasions pass unharmed first.
    pub skip: u32,
    /// How often; [`u32::MAX`] is without end.
    pub times: u32,
    /// How probable it is on each occasion, above 0 and up to 1.
    pub rate: f64,
}

impl FaultRule {
    /// Checks what can be told only where pairs are listed.
    ///
    /// # Errors
    ///
    /// A symbol that is not listed: the fault could never happen.
    pub fn check(&self, universe: &Universe) -> Result<(), String> {
        let Fault::Checksum(symbol) = &self.fault else {
            return Ok(());
        };
        if symbol == ANY || universe.find_symbol(symbol).is_some() {
            return Ok(());
        }
        Err(format!("on: {symbol:?} is not listed"))
    }

    /// A fault on each of the next occasions.
    #[must_use]
    pub const fn new(fault: Fault, times: u32) -> Self {
        Self {
            fault,
            skip: 0,
            times,
            rate: 1.0,
        }
    }
}

/// A rule that still has something to do.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) id: u64,
    pub(super) rule: FaultRule,
    rng: Rng,
}

/// All rules, oldest first.
#[derive(Debug)]
pub(super) struct Rules {
    seed: u64,
    next: u64,
    armed: Vec<Armed>,
}

impl Rules {
    pub(super) fn new(rules: Vec<FaultRule>, seed: u64) -> Self {
        let mut new = Self {
            seed,
            next: 1,
            armed: Vec::new(),
        };
        for rule in rules {
            new.arm(rule);
        }
        new
    }

    /// Takes a rule in and returns its number.
    pub(super) fn arm(&mut self, rule: FaultRule) -> u64 {
        let id = self.next;
        self.next += 1;
        if rule.times > 0 {
            let rng = rng::stream(self.seed, PURPOSE.wrapping_add(id));
            self.armed.push(Armed { id, rule, rng });
        }
        id
    }

    /// Takes a rule back. False if there is none of that number.
    pub(super) fn disarm(&mut self, id: u64) -> bool {
        let before = self.armed.len();
        self.armed.retain(|armed| armed.id != id);
        self.armed.len() < before
    }

    /// Takes all rules back and says how many that were.
    pub(super) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.armed).len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Armed> {
        self.armed.iter()
    }

    /// What the first rule that applies and happens is about, with a number drawn for it.
    pub(super) fn take<T>(&mut self, applies: impl Fn(&Fault) -> Option<T>) -> Option<(T, u64)> {
        for (position, armed) in self.armed.iter_mut().enumerate() {
            let Some(taken) = applies(&armed.rule.fault) else {
                continue;
            };
            let Some(luck) = armed.luck() else { continue };
            if armed.rule.times == 0 {
                self.armed.remove(position);
            }
            return Some((taken, luck));
        }
        None
    }
}

impl Armed {
    /// A number if it happens on this occasion.
    fn luck(&mut self) -> Option<u64> {
        let rule = &mut self.rule;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        if !self.rng.random_bool(rule.rate.clamp(0.0, 1.0)) {
            return None;
        }
        if rule.times < u32::MAX {
            rule.times = rule.times.saturating_sub(1);
        }
        Some(self.rng.next_u64())
    }
}
