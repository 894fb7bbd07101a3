//! Opens a WebSocket, one step at a time, each with its deadline.
//!
//! For: TCP, TLS, upgrade, and how large anything may be. Left out: what is said over it, and when to try again.
//! Always true: a step that hangs ends; a frame larger than any the venue sends ends the connection, not the memory.

use std::io;

use futures_util::stream::{SplitSink, SplitStream};
use thiserror::Error;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header::USER_AGENT},
        protocol::WebSocketConfig,
    },
};

use super::address::Address;
use crate::{
    io::net::{Connector, Stream},
    resilience::{Deadlines, Elapsed, Place},
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

/// Why a socket could not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A step took too long.
    #[error(transparent)]
    Late(#[from] Elapsed),
    /// The network refused.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The TLS handshake failed.
    #[error("cannot secure")]
    Secure(#[source] io::Error),
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
pub(super) async fn open(
    connector: &Connector,
    address: &Address,
    deadlines: &Deadlines,
) -> Result<Socket, ConnectError> {
    let connecting = connector.tcp(address.host(), address.port());
    let connected = deadlines.within(Place::Connect, connecting).await?;
    let tcp = connected.map_err(ConnectError::Connect)?;
    let stream = if address.is_secure() {
        let securing = connector.secure(address.host(), tcp);
        let secured = deadlines.within(Place::Tls, securing).await?;
        secured.map_err(ConnectError::Secure)?
    } else {
        Stream::Plain(tcp)
    };
    deadlines
        .within(Place::Upgrade, upgrade(stream, address))
        .await?
}

/// Makes a WebSocket of a connection.
///
/// # Cancel safety
///
/// Dropped, the connection is closed.
async fn upgrade(stream: Stream, address: &Address) -> Result<Socket, ConnectError> {
    let mut request = address.as_str().into_client_request().map_err(failed)?;
    let agent = HeaderValue::from_static(concat!("tradingd/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    let upgrading = client_async_with_config(request, stream, Some(config()));
    let (socket, _response) = upgrading.await.map_err(failed)?;
    Ok(socket)
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
