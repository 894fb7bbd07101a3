//! Sockets: one way out, one way in, plain or TLS.
//!
//! For: the places where a simulated network takes over. Left out: deadlines (callers put them around each call), WebSocket, HTTP.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    client::TlsStream as ClientTls,
    rustls::{ClientConfig, ServerConfig, pki_types::ServerName},
    server::TlsStream as ServerTls,
};

/// A connected byte stream, plain or TLS, from either end.
#[derive(Debug)]
pub enum Stream {
    /// TCP as it is.
    Plain(TcpStream),
    /// TLS that we opened.
    Client(Box<ClientTls<TcpStream>>),
    /// TLS that we accepted.
    Server(Box<ServerTls<TcpStream>>),
}

/// Opens connections.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    /// A connector that trusts what `tls` trusts.
    #[must_use]
    pub const fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls }
    }

    /// The TLS settings, for the HTTP client that must share them.
    #[must_use]
    pub fn tls(&self) -> &ClientConfig {
        &self.tls
    }

    /// Opens a TCP connection with `TCP_NODELAY`.
    ///
    /// # Errors
    ///
    /// When the name does not resolve or nobody answers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    pub async fn tcp(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Wraps a connection in TLS, checking that the peer is `host`.
    ///
    /// # Errors
    ///
    /// When the handshake fails or the certificate is not trusted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn secure(&self, host: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await?;
        Ok(Stream::Client(Box::new(stream)))
    }
}

/// Accepts connections on one address.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("tcp", &self.tcp)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

impl Listener {
    /// Binds an address on the runtime that calls; `tls` makes it speak TLS.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the address free.
    pub async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        Ok(Self {
            tcp: TcpListener::bind(address).await?,
            tls: tls.map(TlsAcceptor::from),
        })
    }

    /// The address that clients use.
    ///
    /// # Errors
    ///
    /// When the operating system no longer knows the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Whether clients must speak TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits for the next connection. The TLS handshake is left to [`Accepted::establish`], so that a slow peer holds up nobody.
    ///
    /// # Errors
    ///
    /// When the operating system refuses (out of descriptors, for one); the listener stays usable.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost by dropping the future.
    pub async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.tcp.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Accepted {
            stream,
            peer,
            tls: self.tls.clone(),
        })
    }
}

/// A connection whose TLS handshake, if any, is still to be done.
pub struct Accepted {
    stream: TcpStream,
    /// Who connected.
    pub peer: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Accepted {
    /// Does the TLS handshake, if the listener asks for one.
    ///
    /// # Errors
    ///
    /// When the handshake fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn establish(self) -> io::Result<Stream> {
        match self.tls {
            None => Ok(Stream::Plain(self.stream)),
            Some(acceptor) => Ok(Stream::Server(Box::new(
                acceptor.accept(self.stream).await?,
            ))),
        }
    }
}

impl Stream {
    /// Makes the end of this stream a TCP reset: what is not sent yet is thrown away.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Client(tls) => tls.get_ref().0,
            Self::Server(tls) => tls.get_ref().0,
        };
        tcp.set_zero_linger()
    }
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => $call,
            Stream::Client($stream) => $call,
            Stream::Server($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
