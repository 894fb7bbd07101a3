//! The integration tests: one binary, real sockets, the real program.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod accounting;
mod client;
mod closed_pipe;
mod config;
mod conformance;
mod daemon;
mod guide;
mod journal;
mod mirror;
mod process;
mod refused_start;
mod replay;
mod sim_control;
mod sim_rest;
mod sim_verb;
mod sim_ws;
mod support;
mod terminal;
mod tidy;
mod verify_verb;
