//! Which recording of frames plays which pairs.
//!
//! Left out: the frames; whoever reads them tells the market what happens, as for a mirrored one.

use std::{io, path::PathBuf};

use super::TapeError;
use crate::{
    sim::{
        Settings,
        matching::{PairId, Universe},
    },
    types::Symbol,
};

/// A recording of WebSocket v2 frames.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recording {
    /// The one pair that is played of it; all listed ones if none is named.
    pub only: Option<Symbol>,
    /// Its file.
    pub path: PathBuf,
}

impl Recording {
    /// The recordings of the settings, as `FILE` or `PAIR=FILE`, without reading them.
    ///
    /// # Errors
    ///
    /// When a pair is not listed or a file is not there.
    pub fn locate_all(settings: &Settings) -> Result<Vec<Self>, TapeError> {
        let universe = super::super::universe(settings);
        let locate = |argument: &String| locate(argument, universe.as_ref().ok());
        settings.recordings.iter().map(locate).collect()
    }
}

fn locate(argument: &str, universe: Option<&Universe>) -> Result<Recording, TapeError> {
    let (only, path) = match argument.split_once('=') {
        None => (None, PathBuf::from(argument)),
        Some((name, file)) => {
            let pair = universe.and_then(|universe| symbol(universe, universe.find_pair(name)?));
            let no_pair = || TapeError::NoPair {
                argument: argument.to_owned(),
                name: name.to_owned(),
            };
            (Some(pair.ok_or_else(no_pair)?), PathBuf::from(file))
        }
    };
    let opened = path.metadata().and_then(|found| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("no file")),
    });
    match opened {
        Ok(()) => Ok(Recording { only, path }),
        Err(source) => Err(TapeError::Open { path, source }),
    }
}

fn symbol(universe: &Universe, pair: PairId) -> Option<Symbol> {
    Some(universe.pair(pair)?.instrument.symbol)
}
