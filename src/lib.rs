//! tradingd
pub mod io;
pub mod resilience;
pub mod sim;
pub mod types;
