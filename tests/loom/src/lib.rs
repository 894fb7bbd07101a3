//! The circuit breaker from the daemon's own sources, for loom, which runs its threads in every order:
//!
//! `RUSTFLAGS="--cfg tradingd_loom" cargo test --manifest-path tests/loom/Cargo.toml under_loom`
#![allow(dead_code, unused_imports, reason = "the breaker needs a part of what these modules have")]

#[path = "../../../src/types/mod.rs"]
mod types;

mod io;
mod resilience;
