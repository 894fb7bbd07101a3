//! Files, environment and arguments → one valid [`Config`].
//!
//! For: strictness. An unknown key, a wrong type, an impossible value is an error that names where it stands and what was meant.
//! Left out: resolving secrets (the config holds references; see [`SecretRef`]) and anything that needs the venue.
//! Always true: a [`Config`] in hand was validated as a whole; no secret is in it; every document was checked on its own, with types,
//! before it was merged, so that nothing is rounded, guessed or dropped on the way.
//!
//! Layers, the later wins: defaults, the file, `conf.d/*.toml` beside it in the order of their names, variables
//! `TRADINGD__SECTION__KEY`, arguments `--set section.key=value`. Tables merge; an array is replaced whole.
//!
//! A module's section is a line in [`Config`]: a struct with `Default`, `Serialize` and `Deserialize`, `#[serde(default,
//! deny_unknown_fields)]`. Its keys then belong in `config/default.toml`, which a test compares with the struct.

mod amount;
mod error;
mod layer;
mod level;
mod load;
mod position;
mod risk;
mod schema;
mod secret;
mod sections;
mod strategy;
mod validate;
mod venue;
mod warn;
mod words;

use serde::{Deserialize, Serialize};

pub use amount::{Amount, InvalidAmount, InvalidPercent, Percent};
pub use error::{ConfigError, Place, Problem};
pub use load::{Loaded, Sources, load};
pub use risk::{PairLimits, PairRisk, Risk};
pub use schema::keys;
pub use secret::{InvalidReference, SecretError, SecretRef};
pub use sections::{
    Feed, Log, LogFormat, Network, Orders, Shutdown, State, Throttle, Tier, Unknown,
};
pub use strategy::{GridPlan, MissingKey, Plan, QuoterPlan, Strategy, StrategyKind};
pub use venue::{Address, InvalidAddress, Venue, VenueKind};

/// `config/default.toml`: every key, its default, and what it is for.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to trade.
    pub venue: Venue,
    /// Where to keep what must survive.
    pub state: State,
    /// What to tell.
    pub log: Log,
    /// How the record is kept.
    pub journal: crate::journal::Settings,
    /// How the built-in simulator behaves.
    pub sim: crate::sim::Settings,
    /// What to listen to.
    pub feed: Feed,
    /// How patient to be with the venue at the start.
    pub network: Network,
    /// How long to wait where.
    pub deadlines: crate::resilience::deadline::Settings,
    /// How to treat its sockets and calls, and how fast to come back.
    pub kraken: crate::venue::kraken::settings::Settings,
    /// When to stop calling what is failing.
    pub breaker: crate::venue::kraken::breakers::Settings,
    /// How orders are treated.
    pub orders: Orders,
    /// What no order may exceed.
    pub risk: Risk,
    /// How fast to trade.
    pub throttle: Throttle,
    /// Where to show health and metrics.
    pub http: crate::control::Settings,
    /// How long to take for an orderly end.
    pub shutdown: Shutdown,
    /// What to trade by.
    pub strategy: Vec<Strategy>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            venue: Venue::default(),
            state: State::default(),
            log: Log::default(),
            journal: crate::journal::Settings::default(),
            sim: crate::sim::Settings::default(),
            feed: Feed::default(),
            network: Network::default(),
            deadlines: crate::resilience::deadline::Settings::default(),
            kraken: crate::venue::kraken::settings::Settings::default(),
            breaker: crate::venue::kraken::breakers::Settings::default(),
            orders: Orders::default(),
            risk: Risk::default(),
            throttle: Throttle::default(),
            http: crate::control::Settings::default(),
            shutdown: Shutdown::default(),
            strategy: strategy::examples(),
        }
    }
}

impl Config {
    /// The address of the live market that the built-in simulator mirrors, if it mirrors one.
    #[must_use]
    pub fn mirrored(&self) -> Option<String> {
        let own = self.sim.mirror.clone();
        let kraken = || crate::venue::kraken::settings::Settings::default().ws;
        own.or_else(|| (self.venue.kind == VenueKind::Paper).then(kraken))
    }

    /// The effective config as TOML. It holds references to secrets, never a secret.
    ///
    /// # Errors
    ///
    /// When a value has no TOML form.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}
