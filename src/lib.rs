//! tradingd
pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod io;
pub mod journal;
pub mod resilience;
pub mod sim;
pub mod types;
pub mod venue;
