//! Decisions: pure, synchronous, one event at a time.
//!
//! For: everything that turns what is known into what should be done. `handle(now, &event, &mut outbox)` and `next_deadline()`.
//! Left out: sockets, files, clocks, randomness, wire formats; time arrives as an argument, everything else as an [`Event`].
//! Always true: the same events give the same commands, byte for byte; an order that no risk check passed cannot be built.
#![warn(
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

pub mod book;
pub mod command;
pub mod event;
pub mod risk;

pub use book::Book;
pub use command::Command;
pub use event::Event;
