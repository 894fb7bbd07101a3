//! The shell around the engine: clock, tasks, recovery, what people see.

pub mod clock;
pub mod picture;
pub mod plan;
pub mod recover;
pub mod tally;
pub mod telemetry;
