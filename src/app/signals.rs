//! Signals of the operating system: the first asks for an orderly stop, the second shortens it, the third ends it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// SIGTERM and SIGINT, from the moment of construction.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// What the signals cancel, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    /// The root: everybody hears it.
    pub stop: CancellationToken,
    /// The budgets of the stop are cut short.
    pub hurry: CancellationToken,
    /// Leave at once.
    pub abandon: CancellationToken,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for signals for as long as it is polled.
    ///
    /// # Cancel safety
    ///
    /// A signal that has not been taken stays pending.
    pub async fn run(mut self, stops: Stops) {
        self.next().await;
        info!("stopping: strategies stop, orders are canceled");
        stops.stop.cancel();
        self.next().await;
        warn!("second signal: hurrying");
        stops.hurry.cancel();
        self.next().await;
        warn!("third signal: leaving at once; orders may rest");
        stops.abandon.cancel();
    }

    async fn next(&mut self) {
        let name = tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "signal");
    }
}
