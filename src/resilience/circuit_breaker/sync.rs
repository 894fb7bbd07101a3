//! The lock and the counter that the shared form stands on: those of the standard library, or loom's, which tries every order of steps.

#[cfg(all(test, tradingd_loom))]
pub(super) use loom::sync::{Arc, Mutex, MutexGuard};
pub(super) use std::sync::PoisonError;
#[cfg(not(all(test, tradingd_loom)))]
pub(super) use std::sync::{Arc, Mutex, MutexGuard};
