//! Kraken Spot: WebSocket v2 and REST, from the client's side.
//!
//! For: turning frames into messages and events, and commands into bytes. Left out: opinions; what to do is the engine's.

pub mod encode;
pub mod session;
