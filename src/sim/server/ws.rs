//! Sockets: a listener for each role, a task for each connection.
//!
//! For: handshake, heartbeats, idle ends, close frames. Left out: what frames mean (`session`), sending and its faults (`link`).
//! Always true: a client that reads too slowly is disconnected; a shutdown tells every client with a close frame.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error as WireError, Message,
        handshake::server::{Callback, ErrorResponse, Request, Response},
        http::StatusCode,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Role, WsState,
    link::{End, HELD, Link},
    outbox::{Drain, Outbox, Outgoing},
    session::Session,
};
use crate::{
    io::net::{Accepted, Listener, Stream},
    sim::refused::Limit,
};

/// Time for TLS and the upgrade together.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for a client to take a close frame.
const GOODBYE: Duration = Duration::from_secs(1);
/// Requests of one client that may wait for the delay of their replies; then its socket is not read.
const MOST_LATER: usize = 256;
/// Largest request.
const LARGEST: usize = 1 << 20;

/// Serves one socket address until cancelled; ends when its last connection has.
///
/// # Cancel safety
///
/// Dropped, connections end without a close frame.
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
    let door = Door {
        refused: state.0.faults.refuses(role),
        admitted: state.0.attempts.admit(now, peer.ip()),
    };
    if !door.admitted {
        state.0.venue.refused().note(Limit::Connections);
    }
    let upgraded = tokio::select! {
        biased;
        () = cancel.cancelled() => return,
        upgraded = timeout(HANDSHAKE, upgrade(accepted, door)) => upgraded,
    };
    let socket = match upgraded {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return debug!(%peer, %error, "handshake failed"),
        Err(_elapsed) => return debug!(%peer, "handshake too slow"),
    };
    let (outbox, drain) = Outbox::new(state.connection_id(), state.0.settings.outbound_frames);
    let faults = state.0.faults.changes();
    let session = Session::open(role, state.clone(), outbox);
    let overflow = drain.overflow.clone();
    let connection = Connection {
        link: Link::new(socket, (state, role), cancel.clone(), overflow.clone()),
        session,
        cancel,
        overflow,
    };
    let end = Box::pin(connection.run(drain, faults)).await;
    debug!(%peer, role = role.name(), ?end, "socket ended");
}

/// Makes a socket of a connection, if it may become one.
///
/// # Cancel safety
///
/// Dropped, the connection is closed.
async fn upgrade(accepted: Accepted, door: Door) -> Result<WebSocketStream<Stream>, Refused> {
    let stream = accepted.establish().await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(64 << 20)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let socket = accept_hdr_async_with_config(stream, door, Some(config)).await;
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

/// Decides about upgrades.
struct Door {
    /// The status with which everybody is refused: a fault.
    refused: Option<u16>,
    /// Whether the client's address did not come too often.
    admitted: bool,
}

impl Callback for Door {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        if !self.admitted {
            return Err(banned());
        }
        match (self.refused, request.uri().path()) {
            (Some(status), _) => Err(refusal(status)),
            (None, "/v2" | "/v2/") => Ok(response),
            (None, _) => Err(refusal(404)),
        }
    }
}

fn refusal(status: u16) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    refusal
}

/// What the network in front of the venue answers an address that came too often.
fn banned() -> ErrorResponse {
    let mut banned = ErrorResponse::new(Some("error code: 1015".to_owned()));
    *banned.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    banned
}

struct Connection {
    link: Link,
    session: Session,
    cancel: CancellationToken,
    overflow: CancellationToken,
}

impl Connection {
    async fn run(mut self, mut drain: Drain, mut faults: watch::Receiver<()>) -> End {
        let times = Times::of(&self.session);
        let mut dropped = self.session.state.0.dropped.subscribe();
        let (idle, heartbeat, lonely, held) = (
            sleep(times.idle),
            sleep(times.heartbeat),
            sleep(times.lonely),
            sleep(HELD),
        );
        tokio::pin!(idle, heartbeat, lonely, held);
        let end = loop {
            let was_lonely = self.session.lonely;
            let step = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(End::Shutdown),
                () = self.overflow.cancelled() => Err(End::Slow),
                Ok(()) = faults.changed() => self.link.suffer().await,
                message = self.link.socket.next(), if self.session.later.len() < MOST_LATER => {
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
                    held.set(sleep(HELD));
                    self.link.write(outgoing).await
                }
                // After what was told before it.
                Ok(()) = dropped.changed() => Err(End::Fault),
                () = &mut held, if self.link.holds() => self.link.release().await,
                () = &mut heartbeat, if self.session.subscribed => {
                    heartbeat.set(sleep(times.heartbeat));
                    self.link.send(Message::text("{\"channel\":\"heartbeat\"}")).await
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
        let goodbye = goodbye(&end).filter(|_| !self.link.mute);
        if let Some(frame) = goodbye
            && timeout(GOODBYE, close(&mut self.link.socket, frame))
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
            Some(Err(error @ WireError::Capacity(_))) => {
                debug!(%error, "request is too large");
                Err(End::TooLarge)
            }
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
}

/// What a client is told at the end, if it is told anything.
fn goodbye(end: &End) -> Option<CloseFrame> {
    let (code, reason) = match end {
        End::Told(frame) => return Some(frame.clone()),
        End::Shutdown => (CloseCode::Away, "shutting down"),
        End::TooLarge => (CloseCode::Size, "request is too large"),
        End::Idle => (CloseCode::Normal, "idle"),
        End::Lonely => (CloseCode::Normal, "no private subscription"),
        End::Slow | End::Client | End::Fault | End::Wire => return None,
    };
    let reason = reason.into();
    Some(CloseFrame { code, reason })
}

/// Sends a close frame and waits for the client's.
///
/// # Cancel safety
///
/// Dropped, the close frame may be on its way only in part.
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
