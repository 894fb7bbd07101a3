//! `tradingd`: an async trading daemon for the Kraken exchange, with a simulated Kraken inside.
//!
//! This page is the map. A trading engine is a decision in the middle of a lot of waiting, and the two are kept apart:
//!
//! ```text
//!       frames            Event              Command            frames
//! venue ───────► decode ─────────► ENGINE ─────────────► encode ───────► venue
//!                (edge)      pure, one at a time         (edge)
//!                              │ every event and what it led to
//!                              ▼
//!                           journal
//! ```
//!
//! Modules, in reading order; each may use only those that stand above it, as `tests/it/tidy.rs` proves (the table in full is there):
//!
//! * [`types`]: words. Exact prices, quantities and decimals, ids, instruments, instants.
//! * [`io`]: the seams. The clock handle, sockets, files, lines, seeded randomness: what a simulation replaces.
//! * [`resilience`]: circuit breaker, backoff, budgets, deadlines, cancellation, supervisor. Knows nothing of trading.
//! * [`engine`]: decisions, pure. [`engine::Engine::handle`] takes an event and writes commands; book, order life, positions,
//!   risk, throttle, strategies and reconciliation live there.
//! * [`venue`]: the outside. Kraken's wire, session, sockets, REST, signatures, limits.
//! * [`sim`]: the simulated Kraken. A pure matching engine, a market of agents, recorded or mirrored, servers with their own wire code.
//! * [`journal`]: the record. Written before a command leaves; replayed to recover and to verify.
//! * [`control`]: what an operator can see. Health and metrics over HTTP, read when somebody asks.
//! * [`config`]: files and environment to one valid config.
//! * [`app`]: the shell. Start-up, the driver that turns the engine, tasks, shutdown, what the operator is told.
//! * [`cli`]: one file per verb; arguments in, exit code out.
//!
//! Three ways through it: a frame becomes an order in [`app::driver`]; SIGTERM is [`app::daemon`]; a fill that comes twice
//! counts once in [`engine`]. What the async parts promise, and how each promise is tested, is in `ASYNC_IMPROVEMENTS.md`. A `§` is a section of the reference
//! of Kraken's wire; `tests/it/conformance.rs` names the sections, and tests are named after their statements: `s2_4_…`.

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod engine;
pub mod io;
pub mod journal;
pub mod resilience;
pub mod sim;
pub mod types;
pub mod venue;
