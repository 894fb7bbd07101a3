//! The shell: puts the parts together, keeps them running, takes them down in order.
//!
//! For: tasks, threads, start-up, shutdown, what the operator is told. Left out: decisions (the engine's), wire formats (the venue's).
//! Always true: every task has a name, an owner that joins it and a phase in which it stops; the wire outlives the decision to stop;
//! nothing is sent before the account is reconciled.

mod chronicle;
pub mod clock;
pub mod daemon;
pub mod driver;
mod embedded;
pub mod keys;
mod launch;
pub mod look;
pub mod notify;
mod observe;
pub mod park;
pub mod picture;
pub mod plan;
pub mod recording;
pub mod recover;
pub mod runtimes;
pub mod signals;
pub mod simulated;
mod start;
pub mod tally;
pub mod telemetry;

pub use daemon::{Daemon, Report, Verdict};
pub use look::Looks;
pub use picture::{Picture, Summary};
pub use runtimes::{Handles, Runtimes};
pub use signals::{Signals, Stops};
pub use simulated::Simulated;
pub use start::StartError;
