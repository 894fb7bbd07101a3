//! The simulated Kraken's wire: REST and WebSocket v2.
//!
//! For: whatever a client of Kraken Spot sends and reads, checked as strictly as the venue does.
//! Left out: what becomes of a request; the `Venue` decides.
//! Always true: public frames are written once for all who get them; a client that reads too slowly is disconnected, never waited for.

mod acks;
mod attempts;
pub mod auth;
mod batch;
mod checksum;
mod close;
mod desk;
mod distort;
mod encode;
mod execute;
mod feed;
mod level3;
mod link;
mod market_frames;
pub mod names;
mod order_type;
mod outbox;
mod pair_feed;
mod private;
mod race;
pub mod refusal;
mod render;
mod reply;
mod report;
pub mod rest;
mod rest_limits;
mod session;
mod switch;
mod terms;
pub mod tokens;
mod validate;
mod window;
mod ws;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::{attempts::Attempts, feed::Feed, private::Reports, tokens::Tokens};
use super::{Settings, Venue, faults::FaultHandle, matching::Universe};

pub(super) use validate::BOOK_DEPTHS;
pub use ws::serve;

/// Names of the sockets' methods.
pub(super) const METHODS: [&str; 11] = {
    let mut names = [""; 11];
    let mut position = 0;
    while position < names.len() {
        names[position] = validate::Method::ALL[position].name();
        position += 1;
    }
    names
};

/// Which of the venue's sockets a listener is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Market data.
    Public,
    /// Orders, reports, balances.
    Private,
    /// Order by order.
    Level3,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::Private, Self::Level3];

    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Level3 => "level3",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What all sockets of a simulator share. Clones share it too.
#[derive(Clone, Debug)]
pub struct WsState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    venue: Venue,
    tokens: Tokens,
    faults: FaultHandle,
    settings: Settings,
    universe: Universe,
    feed: Feed,
    reports: Reports,
    attempts: Attempts,
    connections: AtomicU64,
    /// Open sockets of each role.
    open: [AtomicUsize; 3],
    /// Ends every socket when it changes.
    dropped: watch::Sender<()>,
}

impl WsState {
    /// Listens to the venue from now on.
    #[must_use]
    pub fn new(venue: Venue, tokens: Tokens, faults: FaultHandle, settings: Settings) -> Self {
        let universe = venue.read(|view| view.exchange.universe().clone());
        let feed = Feed::listen(&venue, universe.clone(), faults.clone());
        let reports = Reports::listen(&venue, universe.clone(), faults.clone());
        Self(Arc::new(Shared {
            venue,
            tokens,
            faults,
            attempts: Attempts::new(
                settings.connection_attempts,
                settings.connection_window,
                settings.connection_ban,
            ),
            settings,
            universe,
            feed,
            reports,
            connections: AtomicU64::new(0),
            open: Default::default(),
            dropped: watch::Sender::new(()),
        }))
    }

    /// Tells everyone about statuses that were changed since the last fact.
    pub fn publish_statuses(&self) {
        self.0.feed.publish_statuses(&self.0.venue);
    }

    /// Sockets open at the moment.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.feed.connections()
    }

    /// Sockets of a role open at the moment.
    #[must_use]
    pub fn open(&self, role: Role) -> usize {
        self.0.open_of(role).load(Ordering::Acquire)
    }

    /// Ends every socket without a close frame, as the venue may under maintenance.
    pub fn drop_all(&self) {
        self.0.dropped.send_replace(());
    }

    /// A number for a new connection: unique, unsigned, beyond the signed range, as the venue's are.
    fn connection_id(&self) -> u64 {
        let count = self.0.connections.fetch_add(1, Ordering::Relaxed);
        let mut mixed = (self.0.settings.seed ^ count.rotate_left(32)).wrapping_add(count);
        for multiplier in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(multiplier);
        }
        mixed | 1 << 63
    }
}

impl Shared {
    const fn open_of(&self, role: Role) -> &AtomicUsize {
        let [public, private, level3] = &self.open;
        match role {
            Role::Public => public,
            Role::Private => private,
            Role::Level3 => level3,
        }
    }
}
