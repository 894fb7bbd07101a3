//! Kraken Spot: WebSocket v2 and REST, from the client's side.
//!
//! For: turning frames into messages and events, and commands into bytes. Left out: opinions; what to do is the engine's.

pub mod account;
pub mod address;
pub mod auth;
pub mod breakers;
pub mod catalog;
pub mod counters;
pub mod decode;
pub mod encode;
pub mod error;
pub mod lanes;
pub mod names;
pub mod nonce;
pub mod private;
pub mod public;
pub mod queries;
pub mod rate_limit;
pub mod redial;
pub mod rest;
pub mod session;
pub mod settings;
pub mod socket;
pub mod tls;
pub mod wire;
pub mod wiring;

#[cfg(test)]
mod testing;
