//! References to secrets. A secret itself is never in the config, in an argument, or in a message.

use std::{
    env, fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use zeroize::Zeroize;

/// What `packaging/tradingd.service` sets where a credential is missing: systemd takes no empty default.
const NO_CREDENTIAL: &str = "unset";

/// Where a secret is: `file:/etc/tradingd/key`, `env:KRAKEN_KEY`, `credential:api_key`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SecretRef {
    /// In a file that only its owner may read.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
    /// In a systemd credential (`LoadCredential=`).
    Credential(String),
}

/// A text that is no reference. It is not repeated: someone may have pasted the secret itself.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "not a reference to a secret: write \"file:PATH\", \"env:NAME\" or \"credential:NAME\", not the secret itself"
)]
pub struct InvalidReference;

/// Why a secret cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than the owner may read the file.
    #[error("{path} has mode {mode:o}; others may read it (chmod 600)")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not there.
    #[error("the variable {0} is not set")]
    NotSet(String),
    /// The program was not started with credentials.
    #[error("there is no credential {0}: $CREDENTIALS_DIRECTORY is not set")]
    NoCredentials(String),
    /// The service manager had no such credential and gave the unit's default.
    #[error("the credential {0} is not set")]
    NoCredential(String),
    /// Nothing is in it.
    #[error("{0} is empty")]
    Empty(SecretRef),
}

impl SecretRef {
    /// Fetches the secret, without the line end that editors add.
    ///
    /// # Errors
    ///
    /// When it is not there, empty, or in a file that others may read.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        let mut text = match self {
            Self::File(path) => read_private(path)?,
            Self::Env(name) => env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?,
            Self::Credential(name) => {
                let directory = env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                credential(Path::new(&directory), name)?
            }
        };
        let secret = text.trim();
        if secret.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        let secret = SecretString::from(secret);
        text.zeroize();
        Ok(secret)
    }
}

fn read_private(path: &Path) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    read(path)
}

/// systemd owns these files and their modes.
fn credential(directory: &Path, name: &str) -> Result<String, SecretError> {
    let text = read(&directory.join(name))?;
    if text.trim() == NO_CREDENTIAL {
        return Err(SecretError::NoCredential(name.to_owned()));
    }
    Ok(text)
}

fn read(path: &Path) -> Result<String, SecretError> {
    fs::read_to_string(path).map_err(|source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

impl FromStr for SecretRef {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidReference)?;
        let plain = |name: &str| {
            let fits = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            !name.is_empty() && fits && name != "." && name != ".."
        };
        match scheme {
            "file" if !rest.is_empty() => Ok(Self::File(PathBuf::from(rest))),
            "env" if plain(rest) => Ok(Self::Env(rest.to_owned())),
            "credential" if plain(rest) => Ok(Self::Credential(rest.to_owned())),
            _ => Err(InvalidReference),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

/// Refuses every wrong type in the same words; serde's own would repeat the value.
struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretRef, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, _value: i64) -> Result<SecretRef, E> {
        Err(E::custom(InvalidReference))
    }

    fn visit_u64<E: de::Error>(self, _value: u64) -> Result<SecretRef, E> {
        Err(E::custom(InvalidReference))
    }

    fn visit_i128<E: de::Error>(self, _value: i128) -> Result<SecretRef, E> {
        Err(E::custom(InvalidReference))
    }

    fn visit_u128<E: de::Error>(self, _value: u128) -> Result<SecretRef, E> {
        Err(E::custom(InvalidReference))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<SecretRef, E> {
        Err(E::custom(InvalidReference))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn references_read_as_they_are_written() {
        for text in [
            "file:/etc/tradingd/key",
            "env:KRAKEN_KEY",
            "credential:api_key",
        ] {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
            "file:",
            "env:",
            "env:A B",
            "credential:../passwd",
            "credential:..",
            "http:x",
        ] {
            assert!(text.parse::<SecretRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "s3cret\n").unwrap();
        let reference = SecretRef::File(path.clone());
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let resolved = reference.resolve();
            assert_eq!(resolved.is_ok(), fits, "{mode:o}");
            if let Ok(secret) = resolved {
                assert_eq!(secret.expose_secret(), "s3cret");
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, " \n").unwrap();
        assert!(matches!(reference.resolve(), Err(SecretError::Empty(_))));
    }

    #[test]
    fn the_units_default_is_no_credential() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("api_key"), "unset").unwrap();
        let missing = credential(directory.path(), "api_key");
        assert!(matches!(missing, Err(SecretError::NoCredential(name)) if name == "api_key"));
        fs::write(directory.path().join("api_key"), "k3y\n").unwrap();
        assert_eq!(credential(directory.path(), "api_key").unwrap(), "k3y\n");
    }
}
