//! What both sockets work with.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::settings::Settings;
use crate::{
    engine::Event,
    io::{Clock, net::Connector},
    resilience::{CircuitBreaker, budget},
    types::Instrument,
};

/// What both sockets work with.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Opens connections.
    pub connector: Connector,
    /// Addresses and patience.
    pub settings: Settings,
    /// Tells the time.
    pub clock: Clock,
    /// Attempts to connect, shared by all sockets.
    pub budget: budget::Shared,
    /// Guards attempts to connect, shared by all sockets.
    pub connect: CircuitBreaker,
    /// Where events go that must not be lost.
    pub account: mpsc::Sender<Event>,
    /// The run's instruments, by their id.
    pub instruments: Arc<[Instrument]>,
}
