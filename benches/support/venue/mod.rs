//! Kraken as far as the daemon needs it to start and to trade: REST and both sockets, on the thread of whoever opened it.
//!
//! Left out: everything that a bench does not measure. Keys and signatures are not checked, subscriptions are never refused, orders never
//! fill. Sockets are handed to the bench once the daemon has all that it subscribed to.

mod listing;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use axum::{Router, extract::State, http::Uri};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use tradingd::io::Clock;

use crate::frames::{Frames, Pair};

/// A connection of a client.
pub type Socket = WebSocketStream<TcpStream>;

/// The listeners.
pub struct Venue {
    rest: std::net::SocketAddr,
    public: TcpListener,
    private: TcpListener,
    instruments: String,
    clock: Clock,
    _serving: JoinSet<()>,
}

impl Venue {
    /// Listens on free ports of the loopback.
    pub async fn open(pairs: &[Pair], clock: Clock) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0");
        let (rest, public, private) = tokio::try_join!(bind(), bind(), bind()).unwrap();
        let address = rest.local_addr().unwrap();
        let answers = Arc::new(listing::answers(pairs));
        let now = clock.clone();
        let answer = |State((answers, clock)): State<(Arc<Answers>, Clock)>, uri: Uri| async move {
            let call = uri.path().rsplit('/').next().unwrap_or_default();
            let result = match call {
                "Time" => listing::time(clock.now()),
                other => answers.get(other).cloned().expect("a call that is known"),
            };
            format!(r#"{{"error":[],"result":{result}}}"#)
        };
        let router = Router::new().fallback(answer).with_state((answers, now));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(rest, router).await.unwrap() });
        Self {
            rest: address,
            public,
            private,
            instruments: listing::instruments(pairs),
            clock,
            _serving: serving,
        }
    }

    /// The sections `[venue]` and `[state]` of a daemon's config, and the key that they name.
    pub fn config(&self, directory: &Path) -> String {
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let urls = [
            format!("http://{}", self.rest),
            format!("ws://{}/v2", address(&self.public)),
            format!("ws://{}/v2", address(&self.private)),
        ];
        venue_section(
            urls.each_ref().map(String::as_str),
            ["KEY", "c2VjcmV0"],
            directory,
        )
    }

    /// Where the public socket is reached.
    pub fn public_address(&self) -> std::net::SocketAddr {
        self.public.local_addr().unwrap()
    }

    /// Takes any client, without a word.
    pub async fn accept(&self) -> Socket {
        upgrade(&self.public).await
    }

    /// Takes the daemon's public socket and serves its subscriptions. `snapshots` begins with one of each pair, in their order.
    pub async fn feed(&self, pairs: &[Pair], snapshots: &Frames) -> Socket {
        let mut socket = upgrade(&self.public).await;
        send(&mut socket, STATUS).await;
        let wanted = 1 + 2 * pairs.len();
        let mut given = 0;
        while given < wanted {
            let request = receive(&mut socket).await;
            if self.is_ping(&mut socket, &request).await {
                continue;
            }
            let params = &request["params"];
            let channel = params["channel"].as_str().unwrap();
            let symbols = params["symbol"].as_array().cloned().unwrap_or_default();
            if channel == "instrument" {
                self.acknowledge(&mut socket, &request, r#""snapshot":true"#)
                    .await;
                send(&mut socket, &self.instruments).await;
                given += 1;
            }
            for symbol in symbols.iter().filter_map(Value::as_str) {
                let detail = format!(r#""symbol":"{symbol}","snapshot":true,"depth":10"#);
                self.acknowledge(&mut socket, &request, &detail).await;
                if channel == "book" {
                    let place = pairs.iter().position(|pair| pair.symbol == symbol);
                    let snapshot = snapshots.iter().nth(place.unwrap()).unwrap();
                    send(&mut socket, std::str::from_utf8(snapshot).unwrap()).await;
                }
                given += 1;
            }
        }
        socket
    }

    /// Takes the daemon's private socket and serves its subscriptions.
    pub async fn account(&self) -> Socket {
        let mut socket = upgrade(&self.private).await;
        send(&mut socket, STATUS).await;
        let mut given = 0;
        while given < 3 {
            let request = receive(&mut socket).await;
            given += 1;
            if self.is_ping(&mut socket, &request).await {
                continue;
            }
            let snapshot = match request["params"]["channel"].as_str() {
                Some("executions") => {
                    self.acknowledge(
                        &mut socket,
                        &request,
                        r#""maxratecount":180,"snap_orders":true"#,
                    )
                    .await;
                    r#"{"channel":"executions","type":"snapshot","data":[],"sequence":1}"#
                }
                _ => {
                    self.acknowledge(&mut socket, &request, r#""snapshot":true"#)
                        .await;
                    BALANCES
                }
            };
            send(&mut socket, snapshot).await;
        }
        socket
    }

    /// Answers a ping; says whether it was one.
    pub async fn is_ping(&self, socket: &mut Socket, request: &Value) -> bool {
        let ping = request["method"] == "ping";
        if ping {
            let pong = format!(r#"{{"method":"pong",{}}}"#, self.end(request));
            send(socket, &pong).await;
        }
        ping
    }

    async fn acknowledge(&self, socket: &mut Socket, request: &Value, detail: &str) {
        let channel = &request["params"]["channel"];
        let end = self.end(request);
        let text = format!(
            r#"{{"method":"subscribe","result":{{"channel":{channel},{detail}}},"success":true,{end}}}"#
        );
        send(socket, &text).await;
    }

    /// What every answer ends with.
    pub fn end(&self, request: &Value) -> String {
        let now = self.clock.now().rfc3339(6);
        format!(
            r#""time_in":"{now}","time_out":"{now}","req_id":{}"#,
            request["req_id"]
        )
    }
}

type Answers = std::collections::BTreeMap<&'static str, String>;

const STATUS: &str = r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":12393906104898154338}]}"#;
const BALANCES: &str = r#"{"channel":"balances","type":"snapshot","data":[{"asset":"BTC","asset_class":"currency","balance":100.0000000000,"wallets":[{"type":"spot","id":"main","balance":100.0000000000}]},{"asset":"USD","asset_class":"currency","balance":10000000.0000,"wallets":[{"type":"spot","id":"main","balance":10000000.0000}]}],"sequence":1}"#;

/// A config's `[venue]` with these addresses and this key, and its `[state]`, in a directory of its own.
pub fn venue_section([rest, ws, ws_auth]: [&str; 3], key: [&str; 2], directory: &Path) -> String {
    let [key, secret] = [("key", key[0]), ("secret", key[1])].map(|(name, text)| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    });
    let state = directory.join("state");
    format!(
        "[venue]\nkind = \"sim\"\nrest = \"{rest}\"\nws = \"{ws}\"\nws_auth = \"{ws_auth}\"\n\
         api_key = \"file:{key}\"\napi_secret = \"file:{secret}\"\n[state]\ndir = \"{}\"\n",
        state.display()
    )
}

async fn upgrade(listener: &TcpListener) -> Socket {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    accept_async(stream).await.unwrap()
}

/// Sends a text.
pub async fn send(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// The next text, read.
pub async fn receive(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}
