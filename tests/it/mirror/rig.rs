//! A simulator that is mirrored, one that mirrors it, and eyes on both.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::interval,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};
use tradingd::{
    app::{Simulated, simulated::Reach},
    engine::{
        book::{Book, BookFault},
        event::{BookKind, BookUpdate, Level},
    },
    sim::{
        Settings, Simulator, Venue,
        matching::{OrderState, OrderStatus, PairId},
    },
    types::{InstrumentId, OrderId, Price, Quantity, Side},
    venue::kraken::{
        decode::{self, Buffers, Decoder, Listing},
        settings::Settings as Kraken,
    },
};

use crate::{
    sim_ws::rig::{Rig, quiet},
    support::{LIMIT, clock, within, ws::Client},
};

/// BTC/USD at one hundredth of a bitcoin.
pub(super) const CENT: i64 = 1_000_000;

/// The client's side, as patient as a test wants it.
pub(super) fn kraken() -> Kraken {
    let mut kraken = Kraken {
        ping: Duration::from_secs(1),
        ..Kraken::default()
    };
    kraken.deadlines.idle = Duration::from_secs(4);
    kraken.reconnect.base = Duration::from_millis(50);
    kraken.reconnect.minimum = Duration::from_millis(10);
    kraken.connections.attempts = 1_000;
    kraken
}

pub(super) fn reach(kraken: &Kraken) -> Reach<'_> {
    Reach {
        kraken,
        deadlines: &kraken.deadlines,
        breakers: &kraken.breakers,
        ca_file: None,
        limit: LIMIT,
    }
}

/// A simulator of one pair that mirrors what listens there.
pub(super) fn mirroring(upstream: SocketAddr) -> Settings {
    Settings {
        pairs: vec!["BTC/USD".to_owned()],
        mirror: Some(format!("ws://{upstream}/v2")),
        ..Settings::default()
    }
}

pub(super) async fn start(settings: &Settings) -> Simulated {
    let kraken = kraken();
    let starting = Simulated::start(settings, reach(&kraken), None, clock());
    Box::pin(within(starting)).await.unwrap()
}

/// Both.
pub(super) struct Pair {
    pub(super) upstream: Rig,
    pub(super) mirror: Simulated,
    pub(super) pair: PairId,
}

impl Pair {
    /// A mirrored market with one bid, 60,000.0 × 1, and one ask, 60,010.0 × 1.
    pub(super) async fn start() -> Self {
        let upstream = Rig::start(&quiet()).await;
        let pair = upstream.pair("BTC/USD");
        upstream.two_sided(pair);
        let mirror = start(&mirroring(upstream.sim.addresses().ws)).await;
        let both = Self {
            upstream,
            mirror,
            pair,
        };
        both.equal().await;
        both
    }

    pub(super) fn venue(&self) -> &Venue {
        self.mirror.simulator().venue()
    }

    /// Waits until both books are the same, to the depth that is mirrored.
    pub(super) async fn equal(&self) {
        let depth = usize::from(Settings::default().mirror_depth);
        let there = self.upstream.sim.venue().clone();
        until("the books are equal", || {
            levels(&there, self.pair, depth) == levels(self.venue(), PairId(0), depth)
        })
        .await;
    }

    /// Waits until the mirror has printed so many trades, and gives the latest of them: price and quantity, oldest first.
    pub(super) async fn printed(&self, count: usize) -> Vec<(i64, i64)> {
        until("the trades are printed", || {
            trades(self.venue()).len() >= count
        })
        .await;
        trades(self.venue())
    }

    pub(super) async fn trader(&self) -> Trader {
        Trader::connect(&self.mirror).await
    }

    pub(super) async fn shutdown(self) {
        within(self.mirror.shutdown()).await;
        within(self.upstream.sim.shutdown()).await;
    }
}

/// Prices and quantities of all trades.
pub(super) fn trades(venue: &Venue) -> Vec<(i64, i64)> {
    venue.read(|view| {
        let trades = view.history.trades(PairId(0));
        trades
            .map(|trade| (trade.price.units(), trade.qty.units()))
            .collect()
    })
}

pub(super) type Levels = [Vec<(Price, Quantity)>; 2];

pub(super) fn levels(venue: &Venue, pair: PairId, depth: usize) -> Levels {
    venue.read(|view| {
        [Side::Buy, Side::Sell].map(|side| view.exchange.levels(pair, side).take(depth).collect())
    })
}

/// Looks again until it holds.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut ticks = interval(Duration::from_millis(5));
    let looking = async {
        while !holds() {
            ticks.tick().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, looking).await;
    found.unwrap_or_else(|_elapsed| panic!("never: {what}"));
}

/// A client of the mirror's private socket.
pub(super) struct Trader {
    socket: Client,
    token: String,
    venue: Venue,
}

impl Trader {
    pub(super) async fn connect(mirror: &Simulated) -> Self {
        let sim: &Simulator = mirror.simulator();
        let (account, venue) = (sim.accounts()[0].id, sim.venue().clone());
        Self {
            socket: Client::connect(sim.addresses().ws_auth).await,
            token: sim.tokens().issue(venue.clock().now(), account),
            venue,
        }
    }

    /// The answer to an order; `rest` is the members that it has beside side, symbol and quantity in hundredths.
    pub(super) async fn order(&mut self, side: &str, cents: u32, rest: &str) -> Value {
        let token = &self.token;
        let qty = f64::from(cents) / 100.0;
        self.socket
            .ask(&format!(
                r#"{{"method":"add_order","params":{{"side":"{side}","symbol":"BTC/USD","order_qty":{qty},{rest},"token":"{token}"}}}}"#
            ))
            .await
    }

    /// Places a limit order.
    pub(super) async fn limit(&mut self, side: &str, cents: u32, price: &str) -> OrderId {
        let rest = format!(r#""order_type":"limit","limit_price":{price}"#);
        id(&self.order(side, cents, &rest).await)
    }

    pub(super) async fn cancel(&mut self, id: OrderId) -> Value {
        let token = &self.token;
        self.socket
            .ask(&format!(
                r#"{{"method":"cancel_order","params":{{"order_id":["{id}"],"token":"{token}"}}}}"#
            ))
            .await
    }

    pub(super) fn state(&self, id: OrderId) -> (OrderState, OrderStatus) {
        self.venue.read(|view| {
            let order = view.exchange.order(&id).unwrap();
            (order.state.clone(), order.status)
        })
    }

    /// What was filled of an order, in hundredths.
    pub(super) fn filled(&self, id: OrderId) -> i64 {
        self.state(id).0.filled.units() / CENT
    }
}

pub(super) fn id(answer: &Value) -> OrderId {
    let text = answer["result"]["order_id"].as_str();
    OrderId::new(text.unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

/// A client that keeps a book and verifies each frame.
pub(super) struct Watcher {
    socket: Client,
    decoder: Decoder,
    book: Book,
    pub(super) verified: usize,
}

impl Watcher {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let mut socket = Client::connect(address).await;
        let ask =
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}"#;
        assert_eq!(socket.ask(ask).await["success"], true);
        let mut decoder = Decoder::new();
        decoder.list(Listing {
            id: InstrumentId(0),
            symbol: "BTC/USD".parse().unwrap(),
            price_precision: 1,
            qty_precision: 8,
        });
        Self {
            socket,
            decoder,
            book: Book::new(25),
            verified: 0,
        }
    }

    /// Reads until so many more frames have been verified.
    pub(super) async fn verify(&mut self, count: usize) {
        let target = self.verified + count;
        while self.verified < target {
            let text = self.socket.text().await;
            let mut buffers = Buffers::new();
            let message = self.decoder.decode(text.as_bytes(), &mut buffers).unwrap();
            if let decode::Message::Book(_) = message {
                self.book.apply(&buffers.book).unwrap();
                self.verified += 1;
            }
        }
    }
}

/// A public socket that says what a test tells it to: rules of the one pair, and one book.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Scripted {
    pub(super) async fn start(rules: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(serve(stream, rules.clone()));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn serve(stream: TcpStream, rules: String) {
    let mut socket = accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let Ok(request) = message.to_text().map(serde_json::from_str::<Value>) else {
            continue;
        };
        let Ok(request) = request else { continue };
        let channel = request["params"]["channel"].as_str().unwrap_or_default();
        let symbol = if channel == "instrument" {
            ""
        } else {
            r#","symbol":"BTC/USD""#
        };
        let (method, id) = (&request["method"], &request["req_id"]);
        let ack = format!(
            r#"{{"method":{method},"req_id":{id},"result":{{"channel":"{channel}"{symbol}}},"success":true}}"#
        );
        let snapshot = match channel {
            "instrument" => rules.clone(),
            "book" => snapshot(&[(6_000_000, 100)], &[(6_001_000, 100)]),
            "trade" => r#"{"channel":"trade","type":"snapshot","data":[]}"#.to_owned(),
            _ => continue,
        };
        for text in [ack, snapshot] {
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    }
}

/// A whole book as a frame with its checksum, in cents of the quote and hundredths of the base.
fn snapshot(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> String {
    let level = |(price, cents): &(i64, i64)| Level {
        price: Price::new(*price).unwrap(),
        qty: Quantity::new(cents * CENT).unwrap(),
    };
    let update = BookUpdate {
        kind: BookKind::Snapshot,
        bids: bids.iter().map(level).collect(),
        asks: asks.iter().map(level).collect(),
        ..BookUpdate::empty()
    };
    // The book says itself which checksum would have been right.
    let Err(BookFault::Checksum { computed, .. }) = Book::new(10).apply(&update) else {
        panic!("a checksum of zero is right for an empty book only")
    };
    let side = |levels: &[(i64, i64)]| {
        let level = |(price, cents): &(i64, i64)| {
            let (price, qty) = (decimal(*price), decimal(*cents));
            format!(r#"{{"price":{price},"qty":{qty}}}"#)
        };
        levels.iter().map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(bids), side(asks));
    format!(
        r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{computed}}}]}}"#
    )
}

fn decimal(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
