//! The breaker and what its open times come from.

#[path = "../../../src/resilience/backoff.rs"]
pub mod backoff;
#[path = "../../../src/resilience/circuit_breaker/mod.rs"]
pub mod circuit_breaker;
#[path = "../../../src/resilience/settings.rs"]
pub mod settings;
