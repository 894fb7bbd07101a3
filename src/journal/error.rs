//! What can be wrong with a journal.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::segment::FORMAT_VERSION;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Bytes are not what was written.
    #[error("segment {segment} is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Number of the segment.
        segment: u64,
        /// Where the first record that cannot be trusted begins.
        offset: usize,
        /// What is wrong there.
        damage: Damage,
    },
    /// Another program wrote it, in a format that this one does not know.
    #[error(
        "segment {segment} has format {found}, written by build {build}; this build reads format {FORMAT_VERSION}"
    )]
    Format {
        /// Number of the segment.
        segment: u64,
        /// Its format version.
        found: u16,
        /// The build that wrote it.
        build: String,
    },
    /// A number in the sequence of segments has no file.
    #[error("segment {0} is missing")]
    Missing(u64),
    /// A value does not fit its encoding.
    #[error("a record cannot be encoded")]
    Encoding(#[source] postcard::Error),
}

impl JournalError {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// What is wrong with a record or a segment's header.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Damage {
    /// The file ends within it.
    #[error("the file ends within a record")]
    Short,
    /// It is no journal.
    #[error("not a journal segment")]
    Magic,
    /// The checksum over it does not hold.
    #[error("checksum mismatch")]
    Checksum,
    /// A record is lost, doubled or out of place.
    #[error("record {found} where {expected} belongs")]
    Sequence {
        /// The number that belongs there.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// The record is whole but follows another one than the one before it.
    #[error("the record does not continue the one before it")]
    Chain,
    /// The segment is whole but follows another one than the one before it.
    #[error("the segment does not continue segment {0}")]
    Link(u64),
    /// The record's kind is none that exists.
    #[error("unknown record kind {0}")]
    Kind(u8),
    /// The record is whole but its content is no such record.
    #[error("the content of a whole record cannot be read")]
    Content,
    /// A record stands where its kind may not.
    #[error("{found} where {expected} belongs")]
    Order {
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
}
