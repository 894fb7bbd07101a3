//! What keeps a program that talks over a network from hurting itself or others when the network misbehaves.
//!
//! For: when to try, how long to wait, whom to restart, when to give up, in what order to stop.
//! Left out: what is tried. Nothing here knows a venue, an order or a protocol; callers say what a failure is.
//! Always true: the rules are pure state machines that are told the time and given their randomness;
//! the async forms around them are thin and hold no lock across an await.

pub mod backoff;
pub mod budget;
pub mod cancel;
pub mod circuit_breaker;
pub mod deadline;
pub mod progress;
pub mod queue;
pub mod retry;
pub mod settings;
pub mod supervisor;

pub use backoff::Backoff;
pub use budget::Budget;
pub use cancel::{Canceled, or_canceled};
pub use circuit_breaker::CircuitBreaker;
pub use deadline::{Deadlines, Elapsed, Place, within};
pub use progress::{Progress, Watcher};
pub use retry::{Idempotent, Retry};
pub use settings::{InvalidSetting, InvalidSettings};
pub use supervisor::Supervisor;
