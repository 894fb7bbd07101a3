//! The simulated Kraken's wire: REST and WebSocket v2.
//!
//! For: whatever a client of Kraken Spot sends and reads, checked as strictly as the venue does.
//! Left out: what becomes of a request; the [`Venue`](super::Venue) decides.

pub mod auth;
pub mod names;
pub mod refusal;
mod render;
pub mod rest;
mod rest_limits;
pub mod tokens;
