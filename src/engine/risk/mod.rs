//! The gate on the only path to the wire.
//!
//! For: letting an order pass, or saying why not with a stable code and numbers. Left out: strategies (they do not know each other).
//! Always true: only this module can make an [`Approved`]; missing data refuses.

use serde::Serialize;

/// An order or change that passed every check. Only this module can make one.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
impl<T> Approved<T> {
    /// Something that no check has seen, for tests of what comes after the checks.
    pub(crate) const fn unchecked(value: T) -> Self {
        Self(value)
    }
}
