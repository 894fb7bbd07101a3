//! How the daemon reaches Kraken and how patient it is.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    address::{Address, InvalidAddress, Kind},
    breakers,
    rate_limit::Tier,
};
use crate::{
    resilience::{backoff, budget, deadline, retry},
    types::span,
};

/// Kraken's addresses, pauses and budgets. What the rest of the config already says (addresses, tier, breakers, deadlines) is no key of its
/// own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of REST, without `/0`. Plain `http` only to loopback.
    #[serde(skip)]
    pub rest: String,
    /// Address of the public socket. Plain `ws` only to loopback.
    #[serde(skip)]
    pub ws: String,
    /// Address of the private socket. Plain `ws` only to loopback.
    #[serde(skip)]
    pub ws_auth: String,
    /// PEM file with root certificates to trust beside the well-known ones.
    #[serde(skip)]
    pub ca_file: Option<PathBuf>,
    /// Verification level of the account; sets the limit of the REST counter.
    #[serde(skip)]
    pub tier: Tier,
    /// Thresholds of the circuit breakers.
    #[serde(skip)]
    pub breakers: breakers::Settings,
    /// How long to wait where.
    #[serde(skip)]
    pub deadlines: deadline::Settings,
    /// Pause between two pings.
    #[serde(with = "span")]
    pub ping: Duration,
    /// How often open and closed orders are asked before an order counts as absent.
    pub look_up_passes: u32,
    /// Pause between two such passes.
    #[serde(with = "span")]
    pub look_up_pause: Duration,
    /// How often REST reads are repeated. What makes or changes an order never is.
    pub retry: retry::Settings,
    /// Pauses between attempts to connect.
    pub reconnect: backoff::Settings,
    /// Attempts to connect over all sockets. Kraken bans an address at about 150 in ten minutes.
    pub connections: budget::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rest: "https://api.kraken.com".to_owned(),
            ws: "wss://ws.kraken.com/v2".to_owned(),
            ws_auth: "wss://ws-auth.kraken.com/v2".to_owned(),
            ca_file: None,
            tier: Tier::Starter,
            breakers: breakers::Settings::default(),
            deadlines: deadline::Settings::default(),
            ping: Duration::from_secs(5),
            look_up_passes: 2,
            look_up_pause: Duration::from_secs(1),
            retry: retry::Settings::default(),
            reconnect: backoff::Settings::default(),
            connections: budget::Settings::default(),
        }
    }
}

/// A setting that cannot be meant.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidSettings {
    /// An address.
    #[error("{key}: {source}")]
    Address {
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        source: InvalidAddress,
    },
    /// Something that must be more than nothing.
    #[error("{0} must be more than nothing")]
    Zero(&'static str),
    /// A ping that comes after the silence that it should prevent.
    #[error("must be shorter than deadlines.idle")]
    Ping,
    /// A limit of nothing.
    #[error("{0}")]
    Deadline(#[from] deadline::InvalidSettings),
    /// Repeats of reads.
    #[error("retry: {0}")]
    Retry(#[from] retry::InvalidSettings),
    /// Pauses between connections.
    #[error("reconnect: {0}")]
    Reconnect(#[from] backoff::InvalidSettings),
    /// The budget of connections.
    #[error("connections: {0}")]
    Connections(#[from] budget::InvalidSettings),
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be meant.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        for (key, text, kind) in [
            ("rest", &self.rest, Kind::Rest),
            ("ws", &self.ws, Kind::Socket),
            ("ws_auth", &self.ws_auth, Kind::Socket),
        ] {
            Address::parse(text, kind)
                .map_err(|source| InvalidSettings::Address { key, source })?;
        }
        self.deadlines.validate()?;
        if self.ping.is_zero() {
            return Err(InvalidSettings::Zero("ping"));
        }
        if self.look_up_passes == 0 {
            return Err(InvalidSettings::Zero("look_up_passes"));
        }
        if self.ping >= self.deadlines.idle {
            return Err(InvalidSettings::Ping);
        }
        self.retry.validate()?;
        self.reconnect.validate()?;
        Ok(self.connections.validate()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_read_what_they_write() {
        let settings = Settings::default();
        settings.validate().unwrap();
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
        assert!(toml::from_str::<Settings>("unheard_of = 1").is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let check = |change: &dyn Fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            assert!(settings.validate().is_err(), "{settings:?}");
        };
        check(&|settings| settings.ws = "ws://ws.kraken.com/v2".to_owned());
        check(&|settings| settings.deadlines.request = Duration::ZERO);
        check(&|settings| settings.retry.attempts = 0);
        check(&|settings| settings.ping = settings.deadlines.idle);
        check(&|settings| settings.connections.attempts = 0);
    }
}
