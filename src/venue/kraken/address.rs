//! Where the venue listens: an address that is safe to use.
//!
//! Always true: plain text goes to loopback only, everything else is TLS.

use std::{fmt, net::IpAddr};

use thiserror::Error;
use tokio_tungstenite::tungstenite::http::Uri;

/// A parsed address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    text: String,
    host: String,
    port: u16,
    secure: bool,
}

/// What an address is for; fixes its schemes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `https`, or `http` to loopback.
    Rest,
    /// `wss`, or `ws` to loopback.
    Socket,
}

/// A text that is no address to use.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidAddress {
    /// Not `scheme://host[:port]/…`.
    #[error("{0:?} is no address")]
    Malformed(String),
    /// A scheme that does not belong here.
    #[error("{text:?} must begin with {wanted}")]
    Scheme {
        /// The address.
        text: String,
        /// The scheme it must have.
        wanted: &'static str,
    },
    /// Plain text to somebody else's machine.
    #[error("{0:?} is not encrypted and not on loopback")]
    NotEncrypted(String),
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    ///
    /// Other schemes, missing hosts, and plain text to anything but loopback.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, InvalidAddress> {
        let malformed = || InvalidAddress::Malformed(text.to_owned());
        let uri: Uri = text.parse().map_err(|_malformed| malformed())?;
        let (tls, plain) = match kind {
            Kind::Rest => ("https", "http"),
            Kind::Socket => ("wss", "ws"),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let secure = match uri.scheme_str() {
            Some(scheme) if scheme == tls => true,
            Some(scheme) if scheme == plain => false,
            Some(_) | None => {
                return Err(InvalidAddress::Scheme {
                    text: text.to_owned(),
                    wanted: tls,
                });
            }
        };
        if !secure && !is_loopback(host) {
            return Err(InvalidAddress::NotEncrypted(text.to_owned()));
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            secure,
        })
    }

    /// The whole address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Name or number of the machine.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_hosts_are_taken_apart() {
        for (text, kind, host, port, secure) in [
            (
                "wss://ws.kraken.com/v2",
                Kind::Socket,
                "ws.kraken.com",
                443,
                true,
            ),
            (
                "ws://127.0.0.1:9001/v2",
                Kind::Socket,
                "127.0.0.1",
                9001,
                false,
            ),
            ("ws://[::1]:9001/v2", Kind::Socket, "::1", 9001, false),
            (
                "https://api.kraken.com/",
                Kind::Rest,
                "api.kraken.com",
                443,
                true,
            ),
            ("http://localhost", Kind::Rest, "localhost", 80, false),
        ] {
            let address = Address::parse(text, kind).unwrap();
            assert_eq!((address.host(), address.port()), (host, port));
            assert_eq!(address.is_secure(), secure);
            assert!(!address.as_str().ends_with('/'));
        }
    }

    #[test]
    fn plain_text_leaves_loopback_for_nobody() {
        for (text, kind) in [
            ("ws://ws.kraken.com/v2", Kind::Socket),
            ("http://10.0.0.1:8080", Kind::Rest),
            ("http://localhost.example.com", Kind::Rest),
        ] {
            assert_eq!(
                Address::parse(text, kind),
                Err(InvalidAddress::NotEncrypted(text.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ws.kraken.com",
            "/v2",
            "http://localhost",
            "wss://",
            "wss:///v2",
        ] {
            assert!(Address::parse(text, Kind::Socket).is_err(), "{text}");
        }
    }
}
