//! What the edge counts about itself; read by telemetry.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of one socket.
#[derive(Debug, Default)]
pub struct SocketCounters {
    /// Data frames received.
    pub frames: Count,
    /// Frames that could not be decoded.
    pub decode_errors: Count,
    /// Frames of a kind that this program does not know.
    pub unknown_frames: Count,
    /// Fields that this program does not know.
    pub unknown_fields: Count,
    /// Connections that came up.
    pub connections: Count,
    /// Attempts to connect that failed.
    pub failed_connections: Count,
    /// Connections lost after they were up.
    pub lost_connections: Count,
    /// Market events dropped because their queue was full.
    pub dropped: Count,
    /// Books subscribed anew because the engine asked.
    pub resyncs: Count,
    /// Requests given up without an answer.
    pub unanswered: Count,
    /// Answers that came after their request was given up.
    pub late_answers: Count,
}
