//! The simulated Kraken: a matching engine, a market of agents, and a server that speaks Kraken's REST and WebSocket v2.
//!
//! For: running, testing and demonstrating anything that talks to Kraken Spot, on one machine, strictly and repeatably.
//! Left out: the client side. This side has its own wire code, written from the protocol, so that a mistake in one is caught by the other.

pub mod access;
mod accounts;
mod certificate;
pub mod control;
pub mod controls;
mod error;
pub mod faults;
pub mod history;
mod listeners;
mod log;
pub mod market;
pub mod matching;
mod mirror;
pub mod notices;
pub mod plan;
pub mod refused;
pub mod server;
pub mod settings;
mod setup;
mod simulator;
pub mod skew;
mod timers;
mod universe;
mod venue;

pub use accounts::{KeyFileError, SimAccount};
pub use certificate::CertificateError;
pub use error::SimError;
pub use history::History;
pub use listeners::Addresses;
pub use log::LogError;
pub use mirror::Feed;
pub use settings::Settings;
pub use setup::{MOST_ACCOUNTS, check, universe};
pub use simulator::Simulator;
pub use universe::file::UniverseError;
pub use venue::{Listener, Venue, VenueError, View};
