//! What the tests stand on: clocks, limits, tiny clients that do exactly what a test says.

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[path = "../../../src/io/captures.rs"]
pub(crate) mod captures;
pub(crate) mod http;
pub(crate) mod proxy;
pub(crate) mod ws;

use std::time::Duration;

use tradingd::{io::Clock, types::Timestamp};

/// The one generous limit for things that happen at once on a healthy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A variable with which runs at the same time do not want one port for HTTP.
pub(crate) const ANY_PORT: (&str, &str) = ("TRADINGD__HTTP__LISTEN", "127.0.0.1:0");

/// Waits for something, but not for ever.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("it never happened")
}

/// A clock that runs.
#[expect(
    clippy::disallowed_methods,
    reason = "tests over real sockets run in real time"
)]
pub(crate) fn clock() -> Clock {
    let start = std::time::Instant::now();
    let anchor = Timestamp::from_secs(1_788_249_600);
    Clock::new(move || anchor.after(start.elapsed()))
}

/// TLS settings that trust nobody; for tests over plain sockets.
pub(crate) fn connector() -> tradingd::io::net::Connector {
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
    let provider = std::sync::Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    tradingd::io::net::Connector::new(std::sync::Arc::new(config))
}
