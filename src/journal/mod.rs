//! The record: every event and every command it led to, written before the command leaves.
//!
//! For: naming, after a crash, every order that may be live; and proving that the engine would decide the same again.
//! Left out: what events mean. A checkpoint is bytes that the caller made; a command is bytes that are compared.
//! Always true: records are read in the order in which they were written, or an error says where that ends; only the end of the
//! last segment may be cut, and what was cut is told; a record that could not be written whole was never acted upon.
//!
//! A folder `journal/` holds segments `00000001.journal`, `00000002.journal`, … Each has a header ([`segment`]), then records
//! ([`record`]): first the run's header and a checkpoint of the whole engine, so that nothing older is needed to go on from it.
#![warn(
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

pub mod epoch;
mod error;
pub mod pin;
pub mod reader;
pub mod record;
pub mod recovery;
pub mod segment;
mod settings;
mod start;
pub mod sync;
pub mod verify;
pub mod writer;

pub use epoch::bump as bump_epoch;
pub use error::{Damage, JournalError};
pub use pin::Pin;
pub use reader::{Cut, Segment};
pub use record::{RunHeader, encode, encode_commands};
pub use recovery::{Recovered, Tip, recover};
pub use settings::{Durability, Settings};
pub use start::{Journal, start};
pub use sync::SyncFailure;
pub use verify::{Replay, Verified, VerifyError, verify};
pub use writer::Writer;

/// The build that this program is: its version, and a hash over the sources that a journal's meaning depends on.
pub const BUILD: &str = env!("TRADINGD_BUILD");
