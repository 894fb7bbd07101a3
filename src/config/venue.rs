//! Where to trade.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::{
    amount::{Text, as_text},
    secret::SecretRef,
};

/// Where to trade.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Venue {
    /// Which exchange.
    pub kind: VenueKind,
    /// Address of REST, if not the venue's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Address>,
    /// Address of the public socket, if not the venue's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ws: Option<Address>,
    /// Address of the private socket, if not the venue's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ws_auth: Option<Address>,
    /// PEM file of one more root certificate to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Where the API key is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Where the API key's secret is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_secret: Option<SecretRef>,
}

impl Venue {
    /// Whether the venue is a simulator that the daemon starts itself.
    #[must_use]
    pub fn embeds_simulator(&self) -> bool {
        match self.kind {
            VenueKind::Sim => self.rest.is_none(),
            VenueKind::Paper => true,
            VenueKind::Live => false,
        }
    }
}

/// Which exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VenueKind {
    /// The simulated Kraken: built in, or at the addresses given.
    #[default]
    Sim,
    /// Kraken's market, simulated orders.
    Paper,
    /// Kraken.
    Live,
}

/// An address that is encrypted or does not leave the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address(String);

/// A text that is no such address.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidAddress {
    /// It is not `scheme://host`.
    #[error("not an address such as \"https://host\" or \"wss://host/v2\"")]
    Malformed,
    /// It is plain http or ws to another machine.
    #[error("plain http and ws are for loopback only; use https or wss")]
    Exposed,
}

impl Address {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `://`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidAddress::Malformed)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = host_of(authority).ok_or(InvalidAddress::Malformed)?;
        match scheme {
            "https" | "wss" => Ok(Self(text.to_owned())),
            "http" | "ws" if is_loopback(host) => Ok(Self(text.to_owned())),
            "http" | "ws" => Err(InvalidAddress::Exposed),
            _ => Err(InvalidAddress::Malformed),
        }
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`. Names with a user part are none: a key could be in it.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':').or(port.is_empty().then_some("0"))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "0")),
    };
    port.parse::<u16>().ok()?;
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (!host.is_empty() && host.bytes().all(named)).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(
    Address,
    "an address such as \"https://host\" or \"wss://host/v2\" (plain http and ws to loopback only)"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_stay_on_the_machine() {
        for text in [
            "https://api.kraken.com",
            "wss://ws.kraken.com/v2",
            "http://127.0.0.1:8080",
            "ws://localhost:1/v2",
            "ws://[::1]:9000/v2",
            "https://[2001:db8::1]",
        ] {
            assert!(text.parse::<Address>().is_ok(), "{text}");
        }
        for text in [
            "http://api.kraken.com",
            "ws://10.0.0.1:80/v2",
            "ws://[2001:db8::1]/v2",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
        ] {
            assert_eq!(
                text.parse::<Address>(),
                Err(InvalidAddress::Exposed),
                "{text}"
            );
        }
        for text in [
            "",
            "api.kraken.com",
            "ftp://host",
            "https://",
            "https://host:99999",
            "https://user:secret@host",
            "http://localhost@evil.example",
            "https://ho st",
        ] {
            assert_eq!(
                text.parse::<Address>(),
                Err(InvalidAddress::Malformed),
                "{text}"
            );
        }
    }
}
