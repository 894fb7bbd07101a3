//! How a REST request travels: a seam, and its form for production.
//!
//! For: one request, one response, nothing else. Left out: signing, deadlines, repeats. Always true: [`Http`] sends each request
//! at most once, follows no redirect, uses no proxy, and says whether a failed request can have left.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use thiserror::Error;

use crate::{
    io::net::Connector,
    resilience::{Elapsed, Place},
    types::Chain,
    venue::kraken::{
        address::{Address, InvalidAddress, Kind},
        settings::Settings,
    },
};

/// Largest body accepted. AssetPairs is about 1 MB.
const LARGEST_BODY: usize = 16 << 20;

/// Sends requests.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends one request, once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the request; it may have been sent.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>>;
}

/// One request to the API.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// Path and query: `/0/public/AssetPairs?pair=XBTUSD`.
    pub path: String,
    /// Nothing for a GET; key, signature and body for a POST.
    pub signed: Option<Signed>,
}

/// What makes a request private.
#[derive(Clone, Eq, PartialEq)]
pub struct Signed {
    /// `API-Key`.
    pub key: String,
    /// `API-Sign`.
    pub signature: String,
    /// Form body, exactly as it was signed.
    pub body: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signed(***)")
    }
}

/// What came back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The wait that `Retry-After` asks for, where it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Failure {
    /// No connection was made; the request has certainly not left.
    #[error("{0}")]
    Unreachable(String),
    /// No connection was made in time; the request has certainly not left.
    #[error("{0}")]
    Late(Elapsed),
    /// The request may have left.
    #[error("{0}")]
    Broken(String),
}

/// HTTP/1.1 over reqwest.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: Address,
    /// What is said when no connection is made in time.
    late: Elapsed,
}

/// An HTTP client that could not be built.
#[derive(Debug, Error)]
pub enum InvalidClient {
    /// The address cannot be used.
    #[error("REST address {0}")]
    Address(#[from] InvalidAddress),
    /// The TLS settings cannot be used.
    #[error("cannot build the HTTP client")]
    Client(#[from] reqwest::Error),
}

impl Http {
    /// A client for the API at `settings.rest`, trusting what the sockets trust.
    ///
    /// # Errors
    ///
    /// When the address or the TLS settings cannot be used.
    pub fn new(settings: &Settings, connector: &Connector) -> Result<Self, InvalidClient> {
        let base = Address::parse(&settings.rest, Kind::Rest)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(connector.tls().clone())
            .user_agent(concat!("tradingd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.deadlines.connect)
            .tcp_nodelay(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()?;
        let late = settings.deadlines.elapsed(Place::Connect);
        Ok(Self { client, base, late })
    }

    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let url = format!("{}{}", self.base, request.path);
        let builder = match request.signed {
            None => self.client.get(url),
            Some(signed) => self
                .client
                .post(url)
                .header("API-Key", signed.key)
                .header("API-Sign", signed.signature)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(signed.body),
        };
        let sent = builder.send().await;
        let mut response = sent.map_err(|error| self.failure(&error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers().get(RETRY_AFTER));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(Failure::Broken("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status,
            retry_after,
            body,
        })
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if error.is_connect() && error.is_timeout() {
            Failure::Late(self.late)
        } else if error.is_connect() || error.is_builder() {
            Failure::Unreachable(Chain(error).to_string())
        } else {
            broken(error)
        }
    }
}

impl Transport for Http {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        Box::pin(self.exchange(request))
    }
}

/// A date instead of seconds is passed over: it would be one of a clock that is not ours.
fn retry_after(header: Option<&HeaderValue>) -> Option<Duration> {
    let seconds = header?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn broken(error: &reqwest::Error) -> Failure {
    Failure::Broken(Chain(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_nothing() {
        for (text, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("", None),
        ] {
            let header = HeaderValue::from_static(text);
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(Some(&header)), expected, "{text:?}");
        }
        assert_eq!(retry_after(None), None);
    }
}
