//! The API key: resolved once at start, and the file that keeps its last nonce.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{
    config::{SecretError, SecretRef, Venue},
    io::{Clock, files},
    types::Chain,
    venue::kraken::{
        auth::{Credentials, InvalidSecret},
        nonce::{Nonces, Store},
    },
};

/// Why there is no usable key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The config names none.
    #[error("venue.api_key and venue.api_secret are not set")]
    Missing,
    /// A reference leads nowhere.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is not what the venue gives out.
    #[error(transparent)]
    Invalid(#[from] InvalidSecret),
    /// The file of the last nonce cannot be read.
    #[error("cannot read the last nonce")]
    Nonce(#[source] io::Error),
}

/// Resolves the key that the config refers to.
///
/// # Errors
///
/// When a reference is missing or leads nowhere, or the secret is no secret of the venue's.
pub fn resolve(venue: &Venue) -> Result<Credentials, KeyError> {
    let text = |reference: &Option<SecretRef>| -> Result<SecretString, KeyError> {
        Ok(reference.as_ref().ok_or(KeyError::Missing)?.resolve()?)
    };
    let (key, secret) = (text(&venue.api_key)?, text(&venue.api_secret)?);
    Ok(Credentials::new(key.expose_secret().to_owned(), &secret)?)
}

/// Why a start would find no usable key, each with the setting that it is about. What is read is forgotten at once.
#[must_use]
pub fn faults(venue: &Venue) -> Vec<String> {
    if venue.embeds_simulator() {
        return Vec::new();
    }
    let references = [
        ("venue.api_key", &venue.api_key),
        ("venue.api_secret", &venue.api_secret),
    ];
    let unusable = references.into_iter().filter_map(|(setting, reference)| {
        let error = reference.as_ref()?.resolve().err()?;
        Some(format!("{setting}: {}", Chain(&error)))
    });
    let faults: Vec<String> = unusable.collect();
    match resolve(venue) {
        Err(KeyError::Invalid(invalid)) if faults.is_empty() => {
            vec![format!("venue.api_secret: {}", Chain(&invalid))]
        }
        Ok(_) | Err(_) => faults,
    }
}

/// The nonces of a key, continued from a file in the state directory.
///
/// # Errors
///
/// When the file is there and cannot be read: nonces might fall back.
pub fn nonces(state_directory: &Path, clock: Clock) -> Result<Nonces, KeyError> {
    let store = File(state_directory.join("nonce"));
    Nonces::open(Box::new(store), clock).map_err(KeyError::Nonce)
}

/// A file with one number.
#[derive(Debug)]
struct File(PathBuf);

impl Store for File {
    fn load(&mut self) -> io::Result<u64> {
        match fs::read_to_string(&self.0) {
            Ok(text) => text.trim().parse().map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn save(&mut self, value: u64) -> io::Result<()> {
        files::replace(&self.0, format!("{value}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_nonce_survives_and_a_damaged_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = File(directory.path().join("nonce"));
        assert_eq!(file.load().unwrap(), 0);
        file.save(17).unwrap();
        assert_eq!(file.load().unwrap(), 17);
        fs::write(&file.0, "seventeen").unwrap();
        assert!(file.load().is_err());
    }
}
