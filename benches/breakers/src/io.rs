//! Clock and randomness.

#[path = "../../../src/io/clock.rs"]
pub mod clock;
#[path = "../../../src/io/rng.rs"]
pub mod rng;

pub use clock::Clock;
