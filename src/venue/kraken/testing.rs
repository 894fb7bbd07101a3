//! A venue of a few lines for tests: a scripted WebSocket server on loopback, and an API behind the transport seam.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, future::BoxFuture};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use super::{
    auth::Credentials,
    lanes::Entry,
    nonce::{Nonces, Volatile},
    rest::{
        Rest,
        transport::{Failure, Request, Response, Transport},
    },
    settings::Settings,
};
use crate::{
    engine::{
        command::{Amend, Cancel, Change, CommandId, NewOrder, Submit},
        risk::Approved,
    },
    io::{Clock, net::Connector, rng},
    types::{
        ClOrdId, Decimal, Fees, Instrument, InstrumentId, Price, Quantity, Side, TimeInForce,
        Timestamp, TradingStatus,
    },
};

/// An order of 0.02 at 61000.0.
pub(super) fn submit(id: u64, name: &str, deadline: Timestamp) -> Entry {
    Entry::Submit(Submit {
        id: CommandId(id),
        cl_ord_id: ClOrdId::new(name).unwrap(),
        order: Approved::unchecked(NewOrder {
            instrument: InstrumentId(0),
            side: Side::Buy,
            price: Price::new(610_000).unwrap(),
            qty: Quantity::new(2_000_000).unwrap(),
            time_in_force: TimeInForce::Gtc,
            post_only: true,
        }),
        deadline,
    })
}

/// An amend to 0.03 at 61010.0.
pub(super) fn amend(id: u64, name: &str, deadline: Timestamp) -> Entry {
    Entry::Amend(Amend {
        id: CommandId(id),
        change: Approved::unchecked(Change {
            cl_ord_id: ClOrdId::new(name).unwrap(),
            instrument: InstrumentId(0),
            price: Price::new(610_100).unwrap(),
            qty: Quantity::new(3_000_000).unwrap(),
            post_only: true,
        }),
        deadline,
    })
}

pub(super) fn cancel(id: u64, name: &str) -> Cancel {
    Cancel {
        id: CommandId(id),
        cl_ord_id: ClOrdId::new(name).unwrap(),
        order_id: None,
    }
}

/// BTC/USD.
pub(super) fn instrument() -> Instrument {
    Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USD".parse().unwrap(),
        price_precision: 1,
        tick: Price::new(1).unwrap(),
        qty_precision: 8,
        lot: Quantity::new(1).unwrap(),
        qty_min: Quantity::new(5_000).unwrap(),
        cost_precision: 5,
        cost_min: Decimal::ZERO,
        fees: Fees {
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        },
        status: TradingStatus::Online,
    }
}

/// The one generous limit for what happens at once on a healthy machine.
pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .expect("it never happened")
}

/// A clock that runs.
#[expect(
    clippy::disallowed_methods,
    reason = "tests over real sockets run in real time"
)]
pub(super) fn clock() -> Clock {
    let start = std::time::Instant::now();
    let anchor = Timestamp::from_secs(1_788_249_600);
    Clock::new(move || anchor.after(start.elapsed()))
}

/// Time as tokio has it, so that a paused one moves with its sleeps.
#[expect(clippy::disallowed_methods, reason = "tests turn tokio's time")]
pub(super) fn paused_clock() -> Clock {
    let start = tokio::time::Instant::now();
    let anchor = Timestamp::from_secs(1_788_249_600);
    Clock::new(move || anchor.after(start.elapsed()))
}

pub(super) fn connector() -> Connector {
    Connector::new(Arc::new(super::tls::client_config(None).unwrap()))
}

/// An API of one closure: endpoint and form to the whole body.
#[derive(Clone)]
pub(super) struct Api {
    answer: Arc<Script>,
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

type Script = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

impl Api {
    /// `None` is an answer that never comes.
    pub(super) fn new(
        answer: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Arc::new(answer),
            calls: Arc::default(),
        }
    }

    /// Bodies of the calls of one endpoint.
    pub(super) fn calls(&self, endpoint: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let of_endpoint = calls.iter().filter(|(name, _)| name == endpoint);
        of_endpoint.map(|(_, body)| body.clone()).collect()
    }

    pub(super) fn rest(&self, settings: &Settings, clock: &Clock) -> Rest {
        let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let credentials = Credentials::new("KEY".to_owned(), &secret.into()).unwrap();
        let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
        let key = Some((credentials, nonces));
        Rest::new(
            self.clone(),
            key,
            settings,
            clock.clone(),
            rng::stream(1, 1),
        )
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Transport for Api {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        let endpoint = request.path.rsplit('/').next().unwrap_or("").to_owned();
        let body = request.signed.map(|signed| signed.body).unwrap_or_default();
        let answer = (self.answer)(&endpoint, &body);
        self.calls.lock().unwrap().push((endpoint, body));
        Box::pin(async move {
            match answer {
                Some(body) => Ok(Response {
                    status: 200,
                    retry_after: None,
                    body: body.into_bytes(),
                }),
                None => std::future::pending().await,
            }
        })
    }
}

/// One connection, from the venue's side.
pub(super) struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    /// The next request, or nothing when the client is gone.
    pub(super) async fn receive(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next request that is no ping; pings are answered.
    pub(super) async fn request(&mut self) -> Option<Value> {
        loop {
            let request = self.receive().await?;
            if request["method"] != "ping" {
                return Some(request);
            }
            self.pong(&request).await;
        }
    }

    pub(super) async fn pong(&mut self, ping: &Value) {
        let id = &ping["req_id"];
        self.send(&format!(
            r#"{{"method":"pong","req_id":{id},"time_in":"2026-09-01T08:00:02.500001Z","time_out":"2026-09-01T08:00:02.500020Z"}}"#
        ))
        .await;
    }

    pub(super) async fn send(&mut self, text: &str) {
        // A client that has gone is what some tests are about.
        self.0.send(Message::text(text)).await.unwrap_or_default();
    }

    /// Closes, and waits until the client has closed as well.
    pub(super) async fn close(&mut self) {
        self.0.close(None).await.unwrap_or_default();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    pub(super) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.0
            .send(Message::binary(bytes))
            .await
            .unwrap_or_default();
    }
}

/// A WebSocket server that follows a script on each connection. Stops when dropped.
pub(super) struct Server {
    pub(super) address: String,
    _tasks: JoinSet<()>,
}

impl Server {
    /// `script` gets each connection and its number, from 0; the connection closes when the script ends.
    pub(super) async fn start<F>(script: impl Fn(Peer, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0", script).await
    }

    /// As [`start`](Self::start), at an address.
    pub(super) async fn start_at<F>(
        address: &str,
        script: impl Fn(Peer, usize) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_on(TcpListener::bind(address).await.unwrap(), script)
    }

    /// As [`start`](Self::start), with hardly any room for what its scripts do not read.
    pub(super) fn start_narrow<F>(script: impl Fn(Peer, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::start_on(socket.listen(16).unwrap(), script)
    }

    fn start_on<F>(
        listener: TcpListener,
        script: impl Fn(Peer, usize) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = format!("ws://{}/v2", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(socket) = accept_async(stream).await {
                    connections.spawn(script(Peer(socket), number));
                    number += 1;
                }
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}
