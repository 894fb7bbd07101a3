//! How the daemon reaches Kraken and how patient it is.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    address::{Address, Kind},
    breakers,
    rate_limit::Tier,
};
use crate::{
    resilience::{
        backoff, budget, deadline, retry,
        settings::{Checks, InvalidSettings},
    },
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

impl Settings {
    /// Checks what the types do not, of the keys that are its own: breakers, deadlines, retries, pauses and budgets check themselves.
    ///
    /// # Errors
    ///
    /// Addresses that are none, a pause of nothing between pings, no look at all for an order.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut checks = Checks::default();
        for (key, text, kind) in [
            ("rest", &self.rest, Kind::Rest),
            ("ws", &self.ws, Kind::Socket),
            ("ws_auth", &self.ws_auth, Kind::Socket),
        ] {
            if let Err(invalid) = Address::parse(text, kind) {
                checks.add(key, invalid.to_string());
            }
        }
        checks.time("ping", self.ping);
        checks.some("look_up_passes", self.look_up_passes);
        checks.done()
    }

    /// Longest that one read over REST can take, its repetitions and the waits before them included.
    #[must_use]
    pub fn longest_read(&self) -> Duration {
        let attempt = self.deadlines.turn.saturating_add(self.deadlines.request);
        let waited = attempt.saturating_add(self.retry.max);
        // One of the repetitions comes at once and is not counted.
        waited.saturating_mul(self.retry.attempts.saturating_add(1))
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
        assert_eq!(settings.longest_read(), Duration::from_secs(320));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_all_at_once() {
        let settings = Settings {
            ws: "ws://ws.kraken.com/v2".to_owned(),
            ping: Duration::ZERO,
            look_up_passes: 0,
            ..Settings::default()
        };
        let InvalidSettings(invalid) = settings.validate().unwrap_err();
        let keys: Vec<&str> = invalid.iter().map(|invalid| invalid.key).collect();
        assert_eq!(keys, ["ws", "ping", "look_up_passes"]);
    }
}
