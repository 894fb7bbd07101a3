//! The threads: one for money, one for the journal's disk, one for the simulator, one for who looks from outside.
//!
//! Always true: what is on the money thread never blocks; each listener is bound on the runtime that serves it;
//! the other runtimes end after the first one's `block_on` has returned, and what still blocks then is left behind.

use std::{io, time::Duration};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::start::StartError;

/// Time that each runtime gets to end what still runs.
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

    /// Runs a future on the money thread to its end, then ends all runtimes: a name that is still being looked up blocks a thread of the
    /// money runtime as well. Whoever leaves at once waits for none of them.
    pub fn run<T>(self, abandon: &CancellationToken, future: impl Future<Output = T>) -> T {
        let result = self.money.block_on(future);
        for runtime in [self.simulator, self.disk, self.http, self.money] {
            let patience = if abandon.is_cancelled() {
                Duration::ZERO
            } else {
                PATIENCE
            };
            runtime.shutdown_timeout(patience);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::{sync::oneshot, task::spawn_blocking};

    use super::*;

    /// As a look-up of a name does that nobody answers.
    #[test]
    fn what_blocks_for_ever_is_left_behind() {
        for at_once in [false, true] {
            let (ended, end) = mpsc::sync_channel(1);
            let (release, held) = mpsc::sync_channel::<()>(1);
            let running = thread::spawn(move || {
                let abandon = CancellationToken::new();
                if at_once {
                    abandon.cancel();
                }
                let (begin, begun) = oneshot::channel();
                Runtimes::new().unwrap().run(&abandon, async move {
                    #[expect(clippy::disallowed_methods, reason = "it is what nobody waits for")]
                    let blocked = spawn_blocking(move || {
                        begin.send(()).unwrap();
                        held.recv().unwrap_err();
                    });
                    begun.await.unwrap();
                    drop(blocked);
                });
                ended.send(()).unwrap();
            });
            end.recv_timeout(PATIENCE * 10).expect("it waits for ever");
            drop(release);
            running.join().unwrap();
        }
    }
}
