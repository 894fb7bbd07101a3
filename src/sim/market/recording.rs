//! Which recording of frames plays which pairs.
//!
//! Left out: the frames; whoever reads them tells the market what happens, as for a mirrored one.

use std::path::PathBuf;

use super::tape::{self, TapeError};
use crate::{sim::matching::Universe, types::Symbol};

/// A recording of WebSocket v2 frames.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recording {
    /// The one pair that is played of it; all listed ones if none is named.
    pub only: Option<Symbol>,
    /// Its file.
    pub path: PathBuf,
}

impl Recording {
    /// Recordings, as `FILE` or `PAIR=FILE`, without reading them.
    ///
    /// # Errors
    ///
    /// When a pair is not listed or a file is not there.
    pub fn locate_all(arguments: &[String], universe: &Universe) -> Result<Vec<Self>, TapeError> {
        let recordings = arguments.iter();
        recordings
            .map(|argument| Self::locate(argument, universe))
            .collect()
    }

    fn locate(argument: &str, universe: &Universe) -> Result<Self, TapeError> {
        let (only, path) = match argument.split_once('=') {
            None => (None, PathBuf::from(argument)),
            Some((name, file)) => {
                let pair = universe.find_pair(name).and_then(|id| universe.pair(id));
                let pair = pair.ok_or_else(|| TapeError::NoPair {
                    argument: argument.to_owned(),
                    name: name.to_owned(),
                })?;
                (Some(pair.instrument.symbol), PathBuf::from(file))
            }
        };
        tape::found(&path)?;
        Ok(Self { only, path })
    }
}
