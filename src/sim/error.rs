//! Why a simulator cannot start, and which key of the settings that is about.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::{
    VenueError,
    access::InvalidAccess,
    accounts::KeyFileError,
    certificate::CertificateError,
    market::TapeError,
    server::auth::InvalidKey,
    setup::{MOST_ACCOUNTS, MOST_EXTRA_PAIRS},
    universe::file::UniverseError,
};
use crate::types::AssetCode;

/// Why a simulator cannot start.
#[derive(Debug, Error)]
pub enum SimError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}, sim.{key}")]
    Listen {
        /// The key of the settings.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The venue's memory cannot be opened.
    #[error("cannot open the venue")]
    Venue(#[from] VenueError),
    /// A pair of the settings is not listed.
    #[error("pair {0} is not listed")]
    Pair(String),
    /// A change of a status cannot be followed.
    #[error("a change of a status cannot be followed: {reason}")]
    Status {
        /// Its position in the list, from 0.
        position: usize,
        /// Why.
        reason: String,
    },
    /// The control endpoint would be open to others.
    #[error("the control address must be one of the loopback, and {0} is not")]
    Control(SocketAddr),
    /// The file of pairs cannot be used.
    #[error("cannot read the universe")]
    Universe(#[from] UniverseError),
    /// More extra pairs than a simulator can hold.
    #[error("at most {MOST_EXTRA_PAIRS} extra pairs")]
    ExtraPairs,
    /// A pair that is to have a regime is not listed.
    #[error("pair {0} is not listed and can have no regime")]
    RegimePair(String),
    /// A number of the settings is none that can be used.
    #[error("{0} must be a number above zero")]
    Number(&'static str),
    /// No accounts, or more than a simulator can hold.
    #[error("must be from 1 to {MOST_ACCOUNTS}")]
    Accounts,
    /// A tape cannot be played.
    #[error("cannot play a tape")]
    Tape(#[from] TapeError),
    /// A recording of frames cannot be played.
    #[error("cannot play a recording")]
    Recording(#[source] TapeError),
    /// Settings that exclude each other.
    #[error("all pairs follow the mirrored market: no tapes and no recordings beside it")]
    Together,
    /// No depth of a book.
    #[error("{0} is no depth of a book: 10, 25, 100, 500 or 1000")]
    Depth(u16),
    /// The settings name a market to follow, and nobody tells what happens there.
    #[error("nobody tells of the market that is to be followed")]
    NoFeed,
    /// The mirrored market has a pair of other assets.
    #[error("the mirrored market's {symbol} is {} against {}", .told.0, .told.1)]
    Assets {
        /// The pair.
        symbol: String,
        /// Its assets there.
        told: (AssetCode, AssetCode),
    },
    /// The file of keys cannot be read or written.
    #[error("cannot keep the keys")]
    Keys(#[from] KeyFileError),
    /// A key cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] InvalidKey),
    /// An account or a key of the settings cannot be.
    #[error("an account or a key cannot be as configured")]
    Access(#[from] InvalidAccess),
    /// No certificate can be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] CertificateError),
    /// A fault can never happen.
    #[error("{reason}")]
    Fault {
        /// Its position in the list, from 0.
        position: usize,
        /// Why.
        reason: String,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use {path} for TLS: {reason}")]
    Tls {
        /// The key of the settings.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl SimError {
    /// The key of [`Settings`](super::Settings) that it is about, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Pair(_) => Some("pairs"),
            Self::Universe(_) => Some("universe"),
            Self::ExtraPairs => Some("extra_pairs"),
            Self::RegimePair(_) => Some("regimes"),
            Self::Number(key) => Some(key),
            Self::Tape(_) => Some("tapes"),
            Self::Recording(_) => Some("recordings"),
            Self::Together => Some("mirror"),
            Self::Depth(_) => Some("mirror_depth"),
            Self::Tls { key, .. } => Some(key),
            Self::Access(invalid) => Some(invalid.key()),
            Self::Accounts => Some("accounts"),
            Self::Certificate(_) => Some("tls_ca"),
            Self::Status { .. } => Some("status"),
            Self::Fault { .. } => Some("faults"),
            Self::Control(_) => Some("control_addr"),
            Self::Listen { .. }
            | Self::Venue(_)
            | Self::NoFeed
            | Self::Assets { .. }
            | Self::Keys(_)
            | Self::Key(_) => None,
        }
    }

    /// The position in the list at [`key`](Self::key) that it is about, from 0, if it is about one.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        if let Self::Status { position, .. } | Self::Fault { position, .. } = self {
            return Some(*position);
        }
        None
    }
}
