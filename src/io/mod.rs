//! The seams: the only ways by which time, randomness, sockets and files enter.
//!
//! For: everything that a simulation has to replace. Left out: protocols, retries, deadlines, meaning.
//! Always true: nothing here reads the wall clock by itself; a [`Clock`] is built once, by `app/clock`, and handed down.

#[cfg(test)]
pub(crate) mod captures;
pub mod clock;
pub mod files;
pub mod lines;
#[cfg(test)]
pub(crate) mod logged;
pub mod net;
pub mod rng;

pub use clock::Clock;
