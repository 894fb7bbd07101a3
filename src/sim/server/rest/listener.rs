//! Connections whose TLS handshake is done, for axum.
//!
//! Always true: a peer that is slow at its handshake holds up nobody; one that is too slow is dropped.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{sleep, timeout},
};

use crate::io::net::{self, Accepted, Stream};

/// Longest time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at once. While there are as many, nobody else is accepted.
const MOST_HANDSHAKES: usize = 256;
/// Wait after the operating system refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

type Handshake = BoxFuture<'static, Option<(Stream, SocketAddr)>>;

/// What a connection hangs on. Cut, it ends instead of sending anything more: a fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Cord(Arc<AtomicU8>);

const WHOLE: u8 = 0;
const ENDED: u8 = 1;
const RESET: u8 = 2;

impl Cord {
    /// Ends the connection, with a TCP reset if asked for.
    pub(super) fn cut(&self, reset: bool) {
        let how = if reset { RESET } else { ENDED };
        self.0.store(how, Ordering::Release);
    }
}

/// Who connected, and what the connection hangs on.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    pub(super) cord: Cord,
}

impl Connected<IncomingStream<'_, Established>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Established>) -> Self {
        Self {
            ip: stream.remote_addr().ip().to_canonical(),
            cord: stream.io().cord.clone(),
        }
    }
}

/// A connection's bytes.
#[derive(Debug)]
pub(in crate::sim) struct Wire {
    stream: Stream,
    cord: Cord,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        let how = self.cord.0.load(Ordering::Acquire);
        if how == WHOLE {
            return Ok(());
        }
        if how == RESET {
            self.stream.reset_on_drop()?;
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A listener that hands out established connections.
pub(in crate::sim) struct Established {
    listener: net::Listener,
    handshakes: FuturesUnordered<Handshake>,
}

impl Established {
    pub(super) fn new(listener: net::Listener) -> Self {
        Self {
            listener,
            handshakes: FuturesUnordered::new(),
        }
    }

    fn begin(&mut self, accepted: Accepted) {
        self.handshakes.push(Box::pin(establish(accepted)));
    }
}

impl Listener for Established {
    type Io = Wire;
    type Addr = SocketAddr;

    /// The next connection whose handshake is done.
    ///
    /// # Cancel safety
    ///
    /// Handshakes that have begun go on with the next call.
    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            let has_room = self.handshakes.len() < MOST_HANDSHAKES;
            tokio::select! {
                biased;
                Some(done) = self.handshakes.next() => {
                    if let Some((stream, peer)) = done {
                        let cord = Cord::default();
                        return (Wire { stream, cord }, peer);
                    }
                }
                accepted = self.listener.accept(), if has_room => match accepted {
                    Ok(accepted) => self.begin(accepted),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept an HTTP connection");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Shakes hands, or has told why not.
///
/// # Cancel safety
///
/// Dropped, the connection is closed.
async fn establish(accepted: Accepted) -> Option<(Stream, SocketAddr)> {
    let peer = accepted.peer;
    match timeout(HANDSHAKE, accepted.establish()).await {
        Ok(Ok(stream)) => Some((stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            None
        }
        Err(_elapsed) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;
    use rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, ServerName},
    };
    use tokio::{
        net::TcpStream,
        task::{JoinSet, yield_now},
    };
    use tokio_rustls::TlsConnector;

    use super::*;

    /// Both sides of a certificate that was just made.
    fn tls() -> (Arc<ServerConfig>, TlsConnector) {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = certified.cert.der().clone();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), TlsConnector::from(Arc::new(client)))
    }

    /// Goes on as far as it goes at once; nobody's handshake is done.
    async fn turn(listener: &mut Established) {
        assert!(poll!(pin!(listener.accept())).is_pending());
        yield_now().await;
    }

    #[tokio::test]
    async fn with_a_stalled_handshake_on_every_place_one_more_waits_for_the_first_to_leave() {
        let (server, connector) = tls();
        let listener = net::Listener::bind(([127, 0, 0, 1], 0).into(), Some(server));
        let mut listener = Established::new(listener.await.unwrap());
        let address = Listener::local_addr(&listener).unwrap();
        let mut stalled = Vec::new();
        for _ in 0..MOST_HANDSHAKES {
            stalled.push(TcpStream::connect(address).await.unwrap());
            turn(&mut listener).await;
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let us = stream.local_addr().unwrap();
        let mut shaking = JoinSet::new();
        let name = ServerName::try_from("localhost").unwrap();
        shaking.spawn(async move { connector.connect(name, stream).await });
        let filling = async {
            while listener.handshakes.len() < MOST_HANDSHAKES {
                turn(&mut listener).await;
            }
            for _ in 0..64 {
                turn(&mut listener).await;
            }
        };
        timeout(HANDSHAKE / 2, filling).await.unwrap();
        assert_eq!(listener.handshakes.len(), MOST_HANDSHAKES);
        drop(stalled.pop());
        let entering = timeout(HANDSHAKE / 2, listener.accept());
        let (_wire, peer) = entering.await.expect("there is room now");
        assert_eq!(peer, us);
    }
}
