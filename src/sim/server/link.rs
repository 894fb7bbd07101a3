//! The sending side of a socket, and what goes wrong on it on purpose.
//!
//! For: frames out, faults of sockets and frames. Left out: reading, requests, when a connection ends by itself (`ws`).
//! Always true: frames of one subscription leave in their order; a client that does not read holds up only itself.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::{io::AsyncWriteExt as _, time::sleep};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{Role, WsState, distort, outbox::Outgoing};
use crate::{
    io::net::Stream,
    sim::faults::{FrameFault, Garbage, SocketFault},
};

/// How long a frame waits at most for one that may overtake it.
pub(super) const HELD: Duration = Duration::from_millis(200);

/// The sending side of a socket.
pub(super) struct Link {
    pub(super) socket: WebSocketStream<Stream>,
    state: WsState,
    role: Role,
    cancel: CancellationToken,
    overflow: CancellationToken,
    /// Says nothing more: a fault.
    pub(super) mute: bool,
    /// Bytes a second: a fault.
    slow: Option<u32>,
    /// Waits to be overtaken: a fault.
    held: Option<Utf8Bytes>,
}

/// Why a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    Shutdown,
    Slow,
    Client,
    Idle,
    Lonely,
    TooLarge,
    Fault,
    /// With this frame: a fault, or something that the venue does to all.
    Told(CloseFrame),
    Wire,
}

impl Link {
    pub(super) fn new(
        socket: WebSocketStream<Stream>,
        (state, role): (WsState, Role),
        cancel: CancellationToken,
        overflow: CancellationToken,
    ) -> Self {
        Self {
            socket,
            state,
            role,
            cancel,
            overflow,
            mute: false,
            slow: None,
            held: None,
        }
    }

    /// Sends what the queue gave.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half written.
    pub(super) async fn write(&mut self, outgoing: Outgoing) -> Result<(), End> {
        match outgoing {
            Outgoing::Reply(text) => self.send(Message::Text(text)).await?,
            Outgoing::Channel(text) => {
                self.suffer().await?;
                self.channel(text).await?;
            }
        }
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half written.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), End> {
        self.push(message).await?;
        self.release().await
    }

    /// Whether a frame waits to be overtaken.
    pub(super) const fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Sends the frame that waits to be overtaken.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half written.
    pub(super) async fn release(&mut self) -> Result<(), End> {
        match self.held.take() {
            None => Ok(()),
            Some(held) => self.push(Message::Text(held)).await,
        }
    }

    /// Sends a frame of a channel, or does to it what is armed.
    async fn channel(&mut self, text: Utf8Bytes) -> Result<(), End> {
        let same = |held: &Utf8Bytes| distort::subscription(held) == distort::subscription(&text);
        if self.held.as_ref().is_some_and(same) {
            self.release().await?;
        }
        let name = |channel: &str| distort::channel(&text) == channel;
        let fits = |fault| fits(fault, &text, self.held.is_some());
        let Some((fault, luck)) = self.state.0.faults.frame(self.role, name, fits) else {
            return self.send(Message::Text(text)).await;
        };
        match fault {
            FrameFault::Lose => Ok(()),
            FrameFault::Duplicate => {
                self.send(Message::Text(text.clone())).await?;
                self.send(Message::Text(text)).await
            }
            FrameFault::Delay(delay) => {
                self.pause(delay.drawn(luck)).await?;
                self.send(Message::Text(text)).await
            }
            FrameFault::Reorder => {
                self.held = Some(text);
                Ok(())
            }
            FrameFault::Exponent => self.send(distort::with_exponents(&text).into()).await,
            FrameFault::UnknownFields => {
                self.send(distort::with_unknown_fields(&text).into()).await
            }
            FrameFault::Sparse => self.send(distort::sparse(&text).into()).await,
        }
    }

    /// Sends a message, unless the connection ends first.
    async fn push(&mut self, message: Message) -> Result<(), End> {
        if self.mute {
            return Ok(());
        }
        if let Some(rate) = self.slow {
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            self.pause(Duration::from_secs(1) * length / rate).await?;
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(End::Shutdown),
            () = self.overflow.cancelled() => Err(End::Slow),
            sent = self.socket.send(message) => sent.map_err(|_broken| End::Wire),
        }
    }

    async fn pause(&self, length: Duration) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(End::Shutdown),
            () = self.overflow.cancelled() => Err(End::Slow),
            () = sleep(length) => Ok(()),
        }
    }

    /// Carries out the fault that is due on this socket, if any.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half written.
    pub(super) async fn suffer(&mut self) -> Result<(), End> {
        match self.state.0.faults.socket(self.role) {
            None => Ok(()),
            Some(SocketFault::Drop) => Err(End::Fault),
            Some(SocketFault::Mute) => {
                self.mute = true;
                Ok(())
            }
            Some(SocketFault::HalfClose) => {
                let ended = self.socket.get_mut().shutdown().await;
                self.mute = true;
                ended.map_err(|_broken| End::Wire)
            }
            Some(SocketFault::Garbage(kind)) => self.send(garbage(kind)).await,
            Some(SocketFault::Reset) => {
                self.socket.get_ref().reset_on_drop().ok();
                Err(End::Fault)
            }
            Some(SocketFault::Close(code, reason)) => Err(End::Told(CloseFrame {
                code: CloseCode::from(code),
                reason: reason.into(),
            })),
            Some(SocketFault::Slow(rate)) => {
                self.slow = Some(rate);
                Ok(())
            }
            Some(SocketFault::SwitchOff) => {
                self.state.0.venue.fire_switches();
                Err(End::Fault)
            }
        }
    }
}

/// Whether this can happen to a frame.
fn fits(fault: FrameFault, frame: &str, one_is_held: bool) -> bool {
    match fault {
        FrameFault::Lose
        | FrameFault::Duplicate
        | FrameFault::Delay(_)
        | FrameFault::UnknownFields => true,
        FrameFault::Reorder => !one_is_held,
        FrameFault::Exponent => distort::has_fraction(frame),
        FrameFault::Sparse => distort::is_follow_up(frame),
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
