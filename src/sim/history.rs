//! Public history of the market, made of facts.

use super::matching::{Fact, Universe};
use crate::types::Timestamp;

/// What was traded and quoted.
#[derive(Debug)]
pub struct History;

impl History {
    /// A history in which nothing has happened.
    #[must_use]
    pub const fn new(_universe: &Universe) -> Self {
        Self
    }

    /// Takes in what happened at `now`.
    pub const fn apply(&mut self, _now: Timestamp, _universe: &Universe, _facts: &[Fact]) {}
}
