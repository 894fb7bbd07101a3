//! What a run of the engine is started with. Written into the journal, so that a replay starts the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{risk::Limits, strategy, throttle::Tier};
use crate::types::{Instrument, Symbol};

/// Everything that the engine is configured with.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Settings {
    /// First characters of our order ids; tells two daemons on one account apart.
    pub tag: String,
    /// Number of this start; never used twice with one state directory.
    pub epoch: u32,
    /// What is traded. [`InstrumentId`](crate::types::InstrumentId) is the position.
    pub instruments: Vec<Instrument>,
    /// Levels of the subscribed books.
    pub depth: u16,
    /// How the engine treats its orders.
    pub orders: OrderSettings,
    /// Limits, one entry an instrument.
    pub limits: Vec<Limits>,
    /// Trading-rate tier to assume until the venue states the threshold.
    pub tier: Tier,
    /// The strategies.
    pub strategies: Vec<strategy::Settings>,
}

/// How the engine treats its orders.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderSettings {
    /// Time from sending to the venue's deadline of a create or amend.
    pub ttl: Duration,
    /// Time after the deadline in which a late answer is still waited for.
    pub grace: Duration,
    /// Pause between two look-ups of one order.
    pub look_up_every: Duration,
    /// Complete look-ups that must find nothing before an order counts as never placed.
    pub look_ups_absent: u32,
    /// Pause before a cancel is repeated.
    pub cancel_again: Duration,
    /// Pause between two reconciliations while all is well.
    pub reconcile_every: Duration,
    /// What becomes of orders that carry our tag but belong to no strategy.
    pub adopted: Adopted,
    /// Pairs whose halt ends with this start.
    pub resume: Vec<Symbol>,
}

impl Default for OrderSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(5),
            grace: Duration::from_secs(2),
            look_up_every: Duration::from_secs(2),
            look_ups_absent: 2,
            cancel_again: Duration::from_millis(500),
            reconcile_every: Duration::from_secs(60),
            adopted: Adopted::Keep,
            resume: Vec::new(),
        }
    }
}

/// What becomes of orders of ours that no strategy knows.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adopted {
    /// They stay, count in every limit, and are canceled at the stop.
    #[default]
    Keep,
    /// They are canceled once known.
    Cancel,
}
