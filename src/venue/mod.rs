//! The outside: one module per venue, each with its own wire format.

pub mod kraken;
