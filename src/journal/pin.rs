//! Holds back the removal of segments that are still needed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The oldest segment that must stay, shared between who knows it and who removes segments.
#[derive(Clone, Debug)]
pub struct Pin(Arc<AtomicU64>);

impl Pin {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Keeps segment number `oldest` and all after it; `None` keeps only what their age keeps.
    pub fn set(&self, oldest: Option<u64>) {
        self.0.store(oldest.unwrap_or(u64::MAX), Ordering::Release);
    }

    pub(super) fn allows_removal_of(&self, segment: u64) -> bool {
        segment < self.0.load(Ordering::Acquire)
    }
}
