//! The epoch: a number that rises with every start and is part of every order id, so that no id is ever used twice.

use std::{fs, io, path::Path};

use super::error::JournalError;
use crate::io::files;

/// Name of the epoch's file in the state directory.
pub const FILE: &str = "epoch";

/// Raises the epoch and returns it. It is on disk when this returns, so an order may carry it.
///
/// `floor` is the highest epoch known from elsewhere (the journal's last run): a lost file does not bring old ids back.
///
/// # Errors
///
/// When the file cannot be read or replaced, holds no number, or there are no more numbers.
pub fn bump(state_directory: &Path, floor: u32) -> Result<u32, JournalError> {
    let path = state_directory.join(FILE);
    let failed = |action| JournalError::io(action, &path);
    let last = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_malformed| {
            failed("read")(io::Error::new(
                io::ErrorKind::InvalidData,
                "it holds no epoch; order ids could repeat",
            ))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed("read")(error)),
    };
    let next = u32::max(last, floor)
        .checked_add(1)
        .ok_or_else(|| failed("raise")(io::Error::other("no epoch is left")))?;
    files::replace(&path, format!("{next}\n").as_bytes()).map_err(failed("replace"))?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_has_a_higher_epoch() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(bump(directory.path(), 0).unwrap(), 1);
        assert_eq!(bump(directory.path(), 0).unwrap(), 2);
        assert_eq!(bump(directory.path(), 1).unwrap(), 3);
        assert_eq!(bump(directory.path(), 9).unwrap(), 10);
    }

    #[test]
    fn a_lost_file_does_not_bring_an_epoch_back() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(bump(directory.path(), 41).unwrap(), 42);
    }

    #[test]
    fn a_file_without_a_number_stops_the_start() {
        let directory = tempfile::tempdir().unwrap();
        for content in ["", "seven", "-1", "4294967296"] {
            fs::write(directory.path().join(FILE), content).unwrap();
            assert!(bump(directory.path(), 0).is_err(), "{content:?}");
        }
        fs::write(directory.path().join(FILE), u32::MAX.to_string()).unwrap();
        assert!(bump(directory.path(), 0).is_err(), "the last epoch");
    }
}
