//! The threads: one for money, one for the journal's disk, one for the simulator, one for who looks from outside.
//!
//! Always true: what is on the money thread never blocks; each listener is bound on the runtime that serves it;
//! the other runtimes end after the first one's `block_on` has returned.

use std::{io, time::Duration};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::start::StartError;

/// Time that the side runtimes get to end what still runs.
const PATIENCE: Duration = Duration::from_secs(2);

/// Does something on another runtime and waits for it.
///
/// # Errors
///
/// When it panicked or its runtime is gone.
///
/// # Cancel safety
///
/// Dropping the future ends what was begun.
pub(super) async fn on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, StartError> {
    let mut owned = JoinSet::new();
    owned.spawn_on(work, runtime);
    match owned.join_next().await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(StartError::Thread(error.to_string())),
        None => Err(StartError::Thread("nothing was begun".to_owned())),
    }
}

/// All runtimes of the process.
#[derive(Debug)]
pub struct Runtimes {
    money: Runtime,
    disk: Runtime,
    simulator: Runtime,
    http: Runtime,
}

/// Where tasks other than the money thread's run.
#[derive(Clone, Debug)]
pub struct Handles {
    /// For the journal's syncs.
    pub disk: Handle,
    /// For the embedded simulator.
    pub simulator: Handle,
    /// For health and metrics over HTTP.
    pub http: Handle,
}

impl Runtimes {
    /// Makes the runtimes.
    ///
    /// # Errors
    ///
    /// When the operating system gives no threads.
    pub fn new() -> io::Result<Self> {
        let side = |name: &str| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name(name)
                .enable_all()
                .build()
        };
        Ok(Self {
            money: Builder::new_current_thread().enable_all().build()?,
            disk: side("journal")?,
            simulator: side("simulator")?,
            http: side("http")?,
        })
    }

    /// The handles of the side runtimes.
    #[must_use]
    pub fn handles(&self) -> Handles {
        Handles {
            disk: self.disk.handle().clone(),
            simulator: self.simulator.handle().clone(),
            http: self.http.handle().clone(),
        }
    }

    /// Runs a future on the money thread to its end, then ends the side runtimes. Whoever leaves at once waits for none of them.
    pub fn run<T>(self, abandon: &CancellationToken, future: impl Future<Output = T>) -> T {
        let result = self.money.block_on(future);
        for side in [self.simulator, self.disk, self.http] {
            let patience = if abandon.is_cancelled() {
                Duration::ZERO
            } else {
                PATIENCE
            };
            side.shutdown_timeout(patience);
        }
        result
    }
}
