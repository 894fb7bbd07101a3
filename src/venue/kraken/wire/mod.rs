//! What the venue writes on a WebSocket v2 connection, key by key.
//!
//! For: structs that know every key of the reference, and the scanner for the two busiest channels. Left out: what follows from it.
//! Always true: an unknown key is passed over and named; a number keeps its digits; nothing here panics on any input.

pub mod account;
pub(super) mod error;
pub mod market;
pub(super) mod object;
pub mod reply;
pub(super) mod scan;
pub(super) mod time;

pub use error::{DecodeError, Why};
pub use object::{Instant, MaybeInstant, Number, Text};
