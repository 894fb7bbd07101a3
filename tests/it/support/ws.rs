//! A tiny WebSocket client: sends what it is told, returns what comes, knows nothing of the protocol.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};
use tradingd::io::net::Stream;

use super::within;

/// A connected client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<Stream>,
}

/// What a socket may end with.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A close frame.
    Closed(Option<CloseFrame>),
    /// The bytes just ended, or the connection broke.
    Broken,
}

impl Client {
    /// Connects and takes the greeting.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address, "/v2").await.unwrap();
        assert_eq!(client.next().await["channel"], "status");
        client
    }

    /// Connects to a path.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        Self::over(Stream::Plain(stream), &format!("ws://{address}{path}")).await
    }

    /// Upgrades a stream that is there already.
    pub(crate) async fn over(stream: Stream, url: &str) -> Result<Self, Error> {
        let (socket, _response) = within(client_async(url, stream)).await?;
        Ok(Self { socket })
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: &str) {
        self.message(Message::text(text)).await;
    }

    /// Sends any message.
    pub(crate) async fn message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next text frame as it is.
    pub(crate) async fn text(&mut self) -> String {
        match within(self.socket.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("no text but {other:?}"),
        }
    }

    /// The next message of any kind.
    pub(crate) async fn raw(&mut self) -> Message {
        within(self.socket.next()).await.unwrap().unwrap()
    }

    /// The next text frame, read.
    pub(crate) async fn next(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next frame that is wanted; others are passed over.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await;
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Sends a request and returns the first answer to it.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.until(|frame| frame.get("method").is_some() || frame.get("error").is_some())
            .await
    }

    /// Everything that comes until a moment of silence, heartbeats left out.
    pub(crate) async fn drain(&mut self) -> Vec<Value> {
        let pause = std::time::Duration::from_millis(150);
        let mut frames = Vec::new();
        while let Ok(Some(Ok(message))) = tokio::time::timeout(pause, self.socket.next()).await {
            if let Message::Text(text) = message {
                frames.push(serde_json::from_str(&text).unwrap());
            }
        }
        frames.retain(|frame: &Value| frame["channel"] != "heartbeat");
        frames
    }

    /// Reads until the socket ends.
    pub(crate) async fn end(&mut self) -> Ended {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => return Ended::Closed(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ended::Broken,
            }
        }
    }
}
