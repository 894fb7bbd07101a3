//! Seeded randomness: one seed a run, one independent stream a purpose.

use rand::{SeedableRng, TryRng, rngs::SysRng};
use rand_chacha::ChaCha8Rng;

/// The generator used everywhere. Its output for a seed never changes between releases.
pub type Rng = ChaCha8Rng;

/// A generator for one purpose of a run. Purposes with different numbers are independent.
#[must_use]
pub fn stream(seed: u64, purpose: u64) -> Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

/// A seed from the operating system, to be logged so that the run can be repeated.
///
/// # Errors
///
/// When the operating system has no entropy to give.
pub fn entropy() -> std::io::Result<u64> {
    SysRng.try_next_u64().map_err(std::io::Error::other)
}
