//! What of the journal is a matter of taste.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::span;

/// How the record is kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Bytes of market events without consequence that may wait in memory, at most one second long.
    pub buffer: usize,
    /// A segment that is longer than this many bytes is followed by the next.
    pub segment_bytes: u64,
    /// How long old segments stay, unless an unresolved order needs them for longer.
    #[serde(with = "span")]
    pub keep: Duration,
    /// Whether a command waits for the disk.
    pub durability: Durability,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            buffer: 64 << 10,
            segment_bytes: 64 << 20,
            keep: Duration::from_hours(30 * 24),
            durability: Durability::Overlap,
        }
    }
}

/// Whether a command waits for the disk.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Written before it leaves, synced while it travels: survives the end of the process, and nearly always that of the machine.
    #[default]
    Overlap,
    /// Written and synced before it leaves: survives the end of the machine; each decision waits for the disk.
    Strict,
}
