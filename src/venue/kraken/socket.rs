//! Opens a WebSocket, one step at a time, each with its deadline.
//!
//! For: TCP, TLS, upgrade, and how large anything may be. Left out: what is said over it, and when to try again.
//! Always true: a step that hangs ends; a frame larger than any the venue sends ends the connection, not the memory.

use std::{io, time::Duration};

use futures_util::stream::{SplitSink, SplitStream};
use thiserror::Error;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header::USER_AGENT},
        protocol::WebSocketConfig,
    },
};

use super::{address::Address, settings::Settings};
use crate::{
    io::net::{Connector, Stream},
    resilience::Place,
};

/// An open WebSocket.
pub type Socket = WebSocketStream<Stream>;
/// The half that sends.
pub type Writer = SplitSink<Socket, Message>;
/// The half that receives.
pub type Reader = SplitStream<Socket>;

/// The whole universe of pairs comes in one frame of about a megabyte.
const LARGEST_MESSAGE: usize = 16 << 20;
/// More than this unsent means that the peer has stopped reading.
const LARGEST_UNSENT: usize = 1 << 20;
/// Zero-filled before each read, so larger is slower.
const READ_BUFFER: usize = 16 << 10;

/// Steps of opening a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// TCP.
    Connect,
    /// TLS.
    Secure,
    /// The WebSocket upgrade.
    Upgrade,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Secure => "secure",
            Self::Upgrade => "upgrade",
        }
    }
}

impl ConnectError {
    /// The place whose limit passed first, if that is why.
    #[must_use]
    pub const fn late(&self) -> Option<Place> {
        match self {
            Self::TimedOut(Step::Connect) => Some(Place::Connect),
            Self::TimedOut(Step::Secure) => Some(Place::Tls),
            Self::TimedOut(Step::Upgrade) => Some(Place::Upgrade),
            Self::Network { .. } | Self::Status(_) | Self::Upgrade(_) => None,
        }
    }
}

/// Why a socket could not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A step took too long.
    #[error("{} timed out", .0.as_str())]
    TimedOut(Step),
    /// The network refused.
    #[error("cannot {}", .step.as_str())]
    Network {
        /// Which step.
        step: Step,
        /// What the network said.
        source: io::Error,
    },
    /// The venue answered the upgrade with another status.
    #[error("upgrade answered with HTTP status {0}")]
    Status(u16),
    /// The upgrade failed in another way.
    #[error("cannot upgrade")]
    Upgrade(#[source] Box<tungstenite::Error>),
}

/// Opens a WebSocket.
///
/// # Errors
///
/// When a step fails or takes too long.
///
/// # Cancel safety
///
/// Dropping the future closes what was opened.
pub async fn open(
    connector: &Connector,
    address: &Address,
    settings: &Settings,
) -> Result<Socket, ConnectError> {
    let connecting = connector.tcp(address.host(), address.port());
    let tcp = step(Step::Connect, settings.connect, connecting).await?;
    let stream = if address.is_secure() {
        let securing = connector.secure(address.host(), tcp);
        step(Step::Secure, settings.tls, securing).await?
    } else {
        Stream::Plain(tcp)
    };
    upgrade(stream, address, settings.upgrade).await
}

async fn step<T>(
    step: Step,
    limit: Duration,
    future: impl Future<Output = io::Result<T>>,
) -> Result<T, ConnectError> {
    match timeout(limit, future).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(source)) => Err(ConnectError::Network { step, source }),
        Err(_elapsed) => Err(ConnectError::TimedOut(step)),
    }
}

async fn upgrade(
    stream: Stream,
    address: &Address,
    limit: Duration,
) -> Result<Socket, ConnectError> {
    let mut request = address.as_str().into_client_request().map_err(failed)?;
    let agent = HeaderValue::from_static(concat!("tradingd/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    let upgrading = client_async_with_config(request, stream, Some(config()));
    match timeout(limit, upgrading).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(failed(error)),
        Err(_elapsed) => Err(ConnectError::TimedOut(Step::Upgrade)),
    }
}

fn failed(error: tungstenite::Error) -> ConnectError {
    if let tungstenite::Error::Http(response) = error {
        ConnectError::Status(response.status().as_u16())
    } else {
        ConnectError::Upgrade(Box::new(error))
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(LARGEST_UNSENT)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
}
