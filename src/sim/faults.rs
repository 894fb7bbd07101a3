//! Faults on purpose, of REST calls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What a REST call gets instead of its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RestFault {
    /// An error in the envelope; the call is not carried out.
    Error(String),
    /// An HTTP status with a page.
    Status(u16, String),
    /// The call is carried out and never answered.
    DoThenSilence,
    /// The call is neither carried out nor answered.
    Silence,
    /// The proper answer, late.
    Delay(Duration),
}

/// Arms faults, and tells the servers what to do wrong. Clones share the faults.
#[derive(Clone, Debug, Default)]
pub struct FaultHandle(Arc<Mutex<VecDeque<(String, RestFault)>>>);

impl FaultHandle {
    /// No faults so far.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Arms a fault of a REST endpoint.
    pub fn arm_rest(&self, endpoint: &str, fault: RestFault, times: u32) {
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        armed.extend((0..times).map(|_| (endpoint.to_owned(), fault.clone())));
    }

    /// What to do with this call instead of answering it properly; consumes one-shot faults.
    #[must_use]
    pub fn rest(&self, endpoint: &str) -> Option<RestFault> {
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position = armed.iter().position(|(on, _)| on == endpoint)?;
        armed.remove(position).map(|(_, fault)| fault)
    }
}
