//! tradingd
pub mod io;
pub mod sim;
pub mod types;
