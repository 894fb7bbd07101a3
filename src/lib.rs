//! tradingd
pub mod engine;
pub mod io;
pub mod resilience;
pub mod sim;
pub mod types;
pub mod venue;
