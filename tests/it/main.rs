//! The integration tests: one binary, real sockets, the real program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod client;
mod config;
mod journal;
mod sim_verb;
mod sim_ws;
mod support;
mod verify_verb;
