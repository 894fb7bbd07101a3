//! No wait without an end.
//!
//! For: a limit around every operation that waits on a network, named after the place where it waits.
//! Left out: what to do when the limit passes; retries; deadlines that are part of a protocol.
//! Always true: how often each place kept and missed its limit is counted.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::timeout;

use super::settings::{Checks, InvalidSettings};
use crate::types::span;

/// Where an operation waits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// Opening a TCP connection, name look-up included.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The upgrade from HTTP to WebSocket.
    Upgrade,
    /// From a subscribe to its acknowledgement.
    SubscribeAck,
    /// From the acknowledgement to the first snapshot.
    FirstSnapshot,
    /// Silence on a connection that should speak.
    Idle,
    /// Silence of one channel that should speak, whatever else its connection says.
    ChannelIdle,
    /// Writing one message, until the system has taken it.
    Write,
    /// From a message over a connection that stays open to its answer.
    Answer,
    /// From a request that has a connection to itself to the end of its answer.
    Request,
    /// Waiting among others until a request may leave.
    Turn,
    /// Ending a connection in good order, and what else its task leaves behind.
    Close,
    /// The end of a task that was told to stop; more than three times `close`, which the private socket may need.
    Join,
}

impl Place {
    /// Every place, in the order in which a connection meets them.
    pub const ALL: [Self; 13] = [
        Self::Connect,
        Self::Tls,
        Self::Upgrade,
        Self::SubscribeAck,
        Self::FirstSnapshot,
        Self::Idle,
        Self::ChannelIdle,
        Self::Write,
        Self::Answer,
        Self::Request,
        Self::Turn,
        Self::Close,
        Self::Join,
    ];

    /// The name, as in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::SubscribeAck => "subscribe_ack",
            Self::FirstSnapshot => "first_snapshot",
            Self::Idle => "idle",
            Self::ChannelIdle => "channel_idle",
            Self::Write => "write",
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Turn => "turn",
            Self::Close => "close",
            Self::Join => "join",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The limit of every place.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Opening a TCP connection, name look-up included.
    #[serde(with = "span")]
    pub connect: Duration,
    /// The TLS handshake.
    #[serde(with = "span")]
    pub tls: Duration,
    /// The upgrade from HTTP to WebSocket.
    #[serde(with = "span")]
    pub upgrade: Duration,
    /// From a subscribe to its acknowledgement.
    #[serde(with = "span")]
    pub subscribe_ack: Duration,
    /// From the acknowledgement to the first snapshot.
    #[serde(with = "span")]
    pub first_snapshot: Duration,
    /// Silence on a connection that should speak.
    #[serde(with = "span")]
    pub idle: Duration,
    /// Silence of one channel that should speak, whatever else its connection says.
    #[serde(with = "span")]
    pub channel_idle: Duration,
    /// Writing one message, until the system has taken it.
    #[serde(with = "span")]
    pub write: Duration,
    /// From a message over a connection that stays open to its answer.
    #[serde(with = "span")]
    pub answer: Duration,
    /// From a request that has a connection to itself to the end of its answer.
    #[serde(with = "span")]
    pub request: Duration,
    /// Waiting among others until a request may leave.
    #[serde(with = "span")]
    pub turn: Duration,
    /// Ending a connection in good order, and what else its task leaves behind.
    #[serde(with = "span")]
    pub close: Duration,
    /// The end of a task that was told to stop; more than three times `close`, which the private socket may need.
    #[serde(with = "span")]
    pub join: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            upgrade: Duration::from_secs(5),
            subscribe_ack: Duration::from_secs(5),
            first_snapshot: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            channel_idle: Duration::from_secs(30),
            write: Duration::from_secs(2),
            answer: Duration::from_secs(5),
            request: Duration::from_secs(10),
            turn: Duration::from_secs(60),
            close: Duration::from_secs(1),
            join: Duration::from_secs(4),
        }
    }
}

impl Settings {
    /// The limit of a place.
    #[must_use]
    pub const fn of(&self, place: Place) -> Duration {
        match place {
            Place::Connect => self.connect,
            Place::Tls => self.tls,
            Place::Upgrade => self.upgrade,
            Place::SubscribeAck => self.subscribe_ack,
            Place::FirstSnapshot => self.first_snapshot,
            Place::Idle => self.idle,
            Place::ChannelIdle => self.channel_idle,
            Place::Write => self.write,
            Place::Answer => self.answer,
            Place::Request => self.request,
            Place::Turn => self.turn,
            Place::Close => self.close,
            Place::Join => self.join,
        }
    }

    /// What is to be said of a limit that passed first.
    #[must_use]
    pub const fn elapsed(&self, place: Place) -> Elapsed {
        Elapsed {
            place,
            after: self.of(place),
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the places whose limit is nothing, with which the operation could never succeed.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        for place in Place::ALL {
            checks.time(place.as_str(), self.of(place));
        }
        checks.done()
    }
}

/// The limit passed first.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{place} took longer than {after:?}")]
pub struct Elapsed {
    /// Where it waited.
    pub place: Place,
    /// The limit.
    pub after: Duration,
}

/// Runs `future` for at most `after` from now on, uncounted. See [`Deadlines::within`].
///
/// # Cancel safety
///
/// `future` is dropped when the limit passes. It must be one that loses nothing by that.
///
/// # Errors
///
/// When the limit passed first. An output that is ready at the limit wins.
pub fn within<F: Future>(
    place: Place,
    after: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    // One layer around the future: each `async fn` would hold it twice.
    timeout(after, future).map(move |result| result.map_err(|_elapsed| Elapsed { place, after }))
}

/// How often a place kept and missed its limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Ended in time, well or not.
    pub kept: u64,
    /// The limit passed first.
    pub missed: u64,
}

/// The limits of every place, and what became of them. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Deadlines {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    kept: [AtomicU64; Place::ALL.len()],
    missed: [AtomicU64; Place::ALL.len()],
}

impl Deadlines {
    /// The limits of `settings`, with nothing counted.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            counters: Arc::default(),
        }
    }

    /// The limit of a place.
    #[must_use]
    pub fn of(&self, place: Place) -> Duration {
        self.settings.of(place)
    }

    /// Runs `future` for at most the limit of `place`.
    ///
    /// # Cancel safety
    ///
    /// As of [`within`]. Dropped before either end it counts as nothing.
    ///
    /// # Errors
    ///
    /// When the limit passed first.
    pub fn within<F: Future>(
        &self,
        place: Place,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> {
        self.within_for(place, self.of(place), future)
    }

    /// Like [`Deadlines::within`] with a limit of the caller's, for what is left of a longer one.
    ///
    /// # Errors
    ///
    /// When the limit passed first.
    ///
    /// # Cancel safety
    ///
    /// As that of what is waited for; nothing is counted.
    pub fn within_for<F: Future>(
        &self,
        place: Place,
        after: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> {
        within(place, after, future).inspect(move |result| self.count(place, result.is_ok()))
    }

    /// What is to be said of a limit that the caller watched by itself and that passed first.
    #[must_use]
    pub fn elapsed(&self, place: Place) -> Elapsed {
        self.settings.elapsed(place)
    }

    /// Counts a limit that the caller watched by itself.
    pub fn count(&self, place: Place, kept: bool) {
        let row = if kept {
            &self.counters.kept
        } else {
            &self.counters.missed
        };
        if let Some(counter) = row.get(place as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often the limit of a place passed first.
    #[must_use]
    pub fn missed(&self, place: Place) -> u64 {
        let counter = self.counters.missed.get(place as usize);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// What became of every place's limits so far.
    #[must_use]
    pub fn counts(&self) -> [(Place, Counts); Place::ALL.len()] {
        let read = |row: &[AtomicU64], place: Place| {
            row.get(place as usize)
                .map_or(0, |counter| counter.load(Ordering::Relaxed))
        };
        Place::ALL.map(|place| {
            let kept = read(&self.counters.kept, place);
            let missed = read(&self.counters.missed, place);
            (place, Counts { kept, missed })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hung_operation_ends_at_its_limit_and_names_its_place() {
        let deadlines = Deadlines::default();
        let hung = deadlines.within(Place::Upgrade, pending::<()>()).await;
        let after = Settings::default().upgrade;
        assert_eq!(
            hung,
            Err(Elapsed {
                place: Place::Upgrade,
                after
            })
        );
        assert_eq!(hung.unwrap_err().to_string(), "upgrade took longer than 5s");
    }

    #[tokio::test(start_paused = true)]
    async fn each_place_counts_its_own() {
        let deadlines = Deadlines::default();
        let clone = deadlines.clone();
        deadlines.within(Place::Request, ready(1)).await.unwrap();
        clone.within(Place::Request, ready(2)).await.unwrap();
        clone
            .within(Place::Join, pending::<()>())
            .await
            .unwrap_err();
        for (place, counts) in deadlines.counts() {
            let expected = if place == Place::Request {
                (2, 0)
            } else {
                (0, u64::from(place == Place::Join))
            };
            assert_eq!((counts.kept, counts.missed), expected, "{place}");
        }
    }

    #[test]
    fn settings_name_every_place() {
        for place in Place::ALL {
            let text = format!("{place} = \"7s\"");
            let settings: Settings = toml::from_str(&text).unwrap();
            assert_eq!(settings.of(place), Duration::from_secs(7));
            let zero: Settings = toml::from_str(&format!("{place} = \"0s\"")).unwrap();
            let expected = format!("{place}: must be longer than nothing");
            assert_eq!(zero.validate().unwrap_err().to_string(), expected);
        }
        assert!(toml::from_str::<Settings>("conect = \"7s\"").is_err());
    }
}
