//! How the program ends, for whoever started it.

use std::process::ExitCode;

/// The ways to end. systemd restarts after some of them and not after others; see `packaging/tradingd.service`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Clean stop, orders as the policy says.
    Clean,
    /// Unexpected failure.
    Failure,
    /// The arguments make no sense.
    Usage,
    /// No daemon to talk to, or another instance holds the state directory.
    Instance,
    /// Something works less well than it should.
    Degraded,
    /// The venue was unreachable past the start-up deadline.
    Unreachable,
    /// An invariant broke; orders are parked.
    Invariant,
    /// The state directory, or the journal in it, cannot be used.
    NoJournal,
    /// The journal cannot be written or synced.
    JournalWrite,
    /// The shutdown deadline passed; orders may rest.
    Late,
    /// The key is missing, unreadable or refused, or lacks permissions.
    Key,
    /// Invalid config.
    Config,
    /// Halted by risk or kill switch.
    Halted,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Clean,
        Self::Failure,
        Self::Usage,
        Self::Instance,
        Self::Degraded,
        Self::Unreachable,
        Self::Invariant,
        Self::NoJournal,
        Self::JournalWrite,
        Self::Late,
        Self::Key,
        Self::Config,
        Self::Halted,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Instance => 3,
            Self::Degraded => 4,
            Self::Unreachable => 69,
            Self::Invariant => 70,
            Self::NoJournal => 73,
            Self::JournalWrite => 74,
            Self::Late => 75,
            Self::Key => 77,
            Self::Config => 78,
            Self::Halted => 80,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
