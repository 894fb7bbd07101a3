//! Opens a journal to go on with it: finds the last segment, cuts its torn tail for good.

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use super::{
    error::JournalError,
    reader::{Cut, End, Loaded, Segment, load},
    segment::{self, Head},
};
use crate::io::files;

/// Name of the journal's folder in the state directory.
pub const FOLDER: &str = "journal";

/// Where a journal ends: what the next segment continues.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tip {
    /// Number of the last segment.
    pub segment: u64,
    /// Number of the next record.
    pub sequence: u64,
    /// End of the last segment's hash chain.
    pub head: Head,
}

/// What is left of earlier runs.
#[derive(Debug)]
pub struct Recovered {
    /// The last segment, unless there is none. It holds all that is needed to go on.
    pub last: Option<Segment>,
    /// What was cut, the latest first. Each is worth a line in the log.
    pub cuts: Vec<Cut>,
}

impl Recovered {
    /// Where the journal ends.
    #[must_use]
    pub fn tip(&self) -> Option<Tip> {
        self.last.as_ref().map(|last| last.tip)
    }

    /// The epoch of the last run, or 0.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.last.as_ref().map_or(0, |last| last.run.epoch)
    }
}

/// Reads the end of the journal in a state directory, and removes from the disk what cannot be part of it: segments that were never
/// begun, and a torn last record. To be called by the one process that holds the directory.
///
/// # Errors
///
/// When the folder cannot be read or changed, or the last segment is damaged elsewhere than at its end.
pub fn recover(state_directory: &Path) -> Result<Recovered, JournalError> {
    let directory = state_directory.join(FOLDER);
    let mut numbers = segment::list(&directory)?;
    let mut cuts = Vec::new();
    let mut last = None;
    while let Some(number) = numbers.pop() {
        match load(&directory, number, End::MayBeTorn)? {
            Loaded::Begun(segment) => {
                if let Some(cut) = &segment.cut {
                    truncate(&directory, cut)?;
                    cuts.push(cut.clone());
                }
                last = Some(*segment);
                break;
            }
            Loaded::NotBegun(cut) => {
                let path = segment::path(&directory, number);
                fs::remove_file(&path).map_err(JournalError::io("remove", path))?;
                files::sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
                if cut.bytes > 0 {
                    cuts.push(cut);
                }
            }
        }
    }
    Ok(Recovered { last, cuts })
}

fn truncate(directory: &Path, cut: &Cut) -> Result<(), JournalError> {
    let path = segment::path(directory, cut.segment);
    let length = u64::try_from(cut.offset).unwrap_or(u64::MAX);
    OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
        .map_err(JournalError::io("cut", path))
}
