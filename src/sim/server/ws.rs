//! Sockets: a listener for each role, a task for each connection.
//!
//! For: handshake, heartbeats, idle ends, close frames, faults of the wire. Left out: what frames mean (`session`).
//! Always true: a client that reads too slowly is disconnected; a shutdown tells every client with a close frame.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error as WireError, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Role, WsState,
    outbox::{Drain, Outbox, Outgoing},
    session::Session,
};
use crate::{
    io::net::{Accepted, Listener, Stream},
    sim::faults::{Garbage, WireFault},
};

/// Time for TLS and the upgrade together.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for a client to take a close frame.
const GOODBYE: Duration = Duration::from_secs(1);
/// Largest request.
const LARGEST: usize = 1 << 20;

/// Serves one socket address until cancelled; ends when its last connection has.
pub async fn serve(listener: Listener, role: Role, state: WsState, cancel: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok(accepted) => {
                    let (state, cancel) = (state.clone(), cancel.clone());
                    connections.spawn(connect(accepted, role, state, cancel));
                }
                Err(error) => {
                    warn!(%error, role = role.name(), "cannot accept");
                    // Out of descriptors, most likely: others must end first.
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn connect(accepted: Accepted, role: Role, state: WsState, cancel: CancellationToken) {
    let peer = accepted.peer;
    let now = state.0.venue.clock().now();
    let admitted = state.0.attempts.admit(now, peer.ip());
    let socket = match timeout(HANDSHAKE, upgrade(accepted, admitted)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return debug!(%peer, %error, "handshake failed"),
        Err(_elapsed) => return debug!(%peer, "handshake too slow"),
    };
    let (outbox, drain) = Outbox::new(state.connection_id(), state.0.settings.outbound_frames);
    let faults = state.0.faults.changes();
    let session = Session::open(role, state, outbox);
    let connection = Connection {
        socket,
        session,
        cancel,
        overflow: drain.overflow.clone(),
        mute: false,
    };
    let end = Box::pin(connection.run(drain, faults)).await;
    debug!(%peer, role = role.name(), ?end, "socket ended");
}

async fn upgrade(accepted: Accepted, admitted: bool) -> Result<WebSocketStream<Stream>, Refused> {
    let stream = accepted.establish().await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(64 << 20)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let check = if admitted { check_path } else { refuse };
    let socket = accept_hdr_async_with_config(stream, check, Some(config)).await;
    socket.map_err(Box::new).map_err(Refused::Upgrade)
}

/// Why a connection never became a socket.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("tls")]
    Tls(#[from] std::io::Error),
    #[error("upgrade: {0}")]
    Upgrade(#[source] Box<WireError>),
}

#[expect(
    clippy::result_large_err,
    reason = "the callback's type is the library's"
)]
fn check_path(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if matches!(request.uri().path(), "/v2" | "/v2/") {
        return Ok(response);
    }
    let mut missing = ErrorResponse::new(None);
    *missing.status_mut() = StatusCode::NOT_FOUND;
    Err(missing)
}

/// What the network in front of the venue answers an address that came too often.
#[expect(
    clippy::result_large_err,
    reason = "the callback's type is the library's"
)]
fn refuse(_request: &Request, _response: Response) -> Result<Response, ErrorResponse> {
    let mut banned = ErrorResponse::new(Some("error code: 1015".to_owned()));
    *banned.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    Err(banned)
}

struct Connection {
    socket: WebSocketStream<Stream>,
    session: Session,
    cancel: CancellationToken,
    overflow: CancellationToken,
    /// Says nothing more: a fault.
    mute: bool,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Shutdown,
    Slow,
    Client,
    Idle,
    Lonely,
    Fault,
    Wire,
}

impl Connection {
    async fn run(mut self, mut drain: Drain, mut faults: watch::Receiver<()>) -> End {
        let times = Times::of(&self.session);
        let (idle, heartbeat, lonely) = (
            sleep(times.idle),
            sleep(times.heartbeat),
            sleep(times.lonely),
        );
        tokio::pin!(idle, heartbeat, lonely);
        let end = loop {
            let was_lonely = self.session.lonely;
            let step = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(End::Shutdown),
                () = self.overflow.cancelled() => Err(End::Slow),
                Ok(()) = faults.changed() => self.suffer().await,
                message = self.socket.next() => {
                    idle.set(sleep(times.idle));
                    self.read(message)
                }
                Some(due) = self.session.later.next(), if !self.session.later.is_empty() => {
                    self.session.finish(due);
                    Ok(())
                }
                Some(outgoing) = drain.queue.recv() => {
                    if matches!(outgoing, Outgoing::Channel(_)) {
                        heartbeat.set(sleep(times.heartbeat));
                    }
                    self.write(outgoing).await
                }
                () = &mut heartbeat, if self.session.subscribed => {
                    heartbeat.set(sleep(times.heartbeat));
                    self.send(Message::text("{\"channel\":\"heartbeat\"}")).await
                }
                () = &mut idle => Err(End::Idle),
                () = &mut lonely, if self.session.lonely => Err(End::Lonely),
            };
            if let Err(end) = step {
                break end;
            }
            if self.session.lonely && !was_lonely {
                lonely.set(sleep(times.lonely));
            }
        };
        // Nothing is said to it from here on, and it counts no more.
        drop(self.session);
        let goodbye = goodbye(end).filter(|_| !self.mute);
        if let Some(frame) = goodbye
            && timeout(GOODBYE, close(&mut self.socket, frame))
                .await
                .is_err()
        {
            debug!("client did not answer its close frame");
        }
        end
    }

    fn read(&mut self, message: Option<Result<Message, WireError>>) -> Result<(), End> {
        match message {
            None => Err(End::Client),
            Some(Err(error)) => {
                debug!(%error, "socket failed");
                Err(End::Wire)
            }
            Some(Ok(Message::Text(text))) => {
                self.session.handle(text.as_bytes());
                Ok(())
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.session.handle(&bytes);
                Ok(())
            }
            // Pings and close frames are answered below this; both count as activity.
            Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
            )) => Ok(()),
        }
    }

    async fn write(&mut self, outgoing: Outgoing) -> Result<(), End> {
        match outgoing {
            Outgoing::Reply(text) => self.send(Message::Text(text)).await,
            Outgoing::Channel(text) => {
                self.suffer().await?;
                self.send(Message::Text(text)).await
            }
        }
    }

    /// Sends a message, unless the connection ends first: a client that does not read holds up only itself.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        if self.mute {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(End::Shutdown),
            () = self.overflow.cancelled() => Err(End::Slow),
            sent = self.socket.send(message) => sent.map_err(|_broken| End::Wire),
        }
    }

    /// Carries out the fault that is due on this socket, if any.
    async fn suffer(&mut self) -> Result<(), End> {
        let session = &self.session;
        match session.state.0.faults.wire(session.role) {
            None => Ok(()),
            Some(WireFault::Drop) => Err(End::Fault),
            Some(WireFault::Mute) => {
                self.mute = true;
                Ok(())
            }
            Some(WireFault::HalfClose) => {
                let ended = self.socket.get_mut().shutdown().await;
                self.mute = true;
                ended.map_err(|_broken| End::Wire)
            }
            Some(WireFault::Garbage(kind)) => self.send(garbage(kind)).await,
        }
    }
}

/// What a client is told at the end, if it is told anything.
fn goodbye(end: End) -> Option<CloseFrame> {
    let (code, reason) = match end {
        End::Shutdown => (CloseCode::Away, "shutting down"),
        End::Idle => (CloseCode::Normal, "idle"),
        End::Lonely => (CloseCode::Normal, "no private subscription"),
        End::Slow | End::Client | End::Fault | End::Wire => return None,
    };
    let reason = reason.into();
    Some(CloseFrame { code, reason })
}

/// Sends a close frame and waits for the client's.
async fn close(socket: &mut WebSocketStream<Stream>, frame: CloseFrame) {
    if socket.close(Some(frame)).await.is_err() {
        return;
    }
    while let Some(Ok(_late)) = socket.next().await {}
}

/// The settings' times of a connection.
#[derive(Clone, Copy, Debug)]
struct Times {
    idle: Duration,
    heartbeat: Duration,
    lonely: Duration,
}

impl Times {
    fn of(session: &Session) -> Self {
        let settings = &session.state.0.settings;
        Self {
            idle: settings.idle_timeout,
            heartbeat: settings.heartbeat,
            lonely: settings.unsubscribed_timeout,
        }
    }
}

/// What goes out instead of a frame.
fn garbage(kind: Garbage) -> Message {
    match kind {
        Garbage::Truncated => {
            Message::text(r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/U"#)
        }
        Garbage::Text => Message::text("CloudFlare WebSocket proxy restarting"),
        Garbage::Binary => Message::binary(vec![0x00, 0x9F, 0x92, 0x96, 0xFF]),
        Garbage::HugeNumbers => Message::text(
            r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1e400,"qty":99999999999999999999999999999999.00000000}],"asks":[],"checksum":18446744073709551616,"timestamp":"2026-09-01T08:00:04.250000Z"}]}"#,
        ),
        Garbage::UnknownChannel => {
            Message::text(r#"{"channel":"weather","type":"update","data":[{"rain":true}]}"#)
        }
        Garbage::WrongTypes => Message::text(
            r#"{"channel":"book","type":"update","data":[{"symbol":7,"bids":"none","asks":null,"checksum":"1"}]}"#,
        ),
    }
}
