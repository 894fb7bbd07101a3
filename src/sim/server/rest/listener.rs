//! Connections whose TLS handshake is done, for axum.
//!
//! Always true: a peer that is slow at its handshake holds up nobody; one that is too slow is dropped.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};

use crate::io::net::{self, Accepted, Stream};

/// Longest time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at once. While there are as many, nobody else is accepted.
const MOST_HANDSHAKES: usize = 256;
/// Wait after the operating system refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Address that a connection came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl Connected<IncomingStream<'_, Established>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Established>) -> Self {
        Self(stream.remote_addr().ip().to_canonical())
    }
}

type Handshake = BoxFuture<'static, Option<(Stream, SocketAddr)>>;

/// A listener that hands out established connections.
pub(super) struct Established {
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
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        loop {
            let has_room = self.handshakes.len() < MOST_HANDSHAKES;
            tokio::select! {
                biased;
                Some(done) = self.handshakes.next() => {
                    if let Some(connection) = done {
                        return connection;
                    }
                }
                accepted = self.listener.accept(), if has_room => match accepted {
                    Ok(accepted) => self.begin(accepted),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a REST connection");
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
