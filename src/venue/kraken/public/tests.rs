//! The public socket against a scripted venue, over real sockets.

use std::{pin::pin, time::Duration};

use futures_util::poll;
use serde_json::Value;
use tokio::{task::JoinSet, time::timeout};

use super::*;
use crate::{
    engine::{
        self, Engine, Note, OrderSettings, Outbox, event::BookKind, risk::Limits, throttle::Tier,
    },
    io::rng,
    resilience::{
        backoff, budget,
        circuit_breaker::{Cause, CircuitBreaker, State},
        deadline,
    },
    types::TradingStatus,
    venue::kraken::{
        breakers,
        settings::Settings,
        testing::{Peer, Server, clock, connector, instrument, within},
    },
};

/// The task, its lane and what it tells.
struct Edge {
    resyncs: mpsc::Sender<InstrumentId>,
    spares: mpsc::Sender<BookUpdate>,
    market: mpsc::Receiver<Event>,
    account: mpsc::Receiver<Event>,
    counters: Arc<SocketCounters>,
    connect: CircuitBreaker,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Edge {
    fn start(server: &Server, room: usize) -> Self {
        Self::at(&server.address, room)
    }

    fn at(address: &str, room: usize) -> Self {
        let (socket, mut edge) = Self::idle(address, room);
        edge.tasks.spawn(socket.run(edge.stop.clone()));
        edge
    }

    /// A socket that is not connected, and its surroundings.
    fn idle(address: &str, room: usize) -> (PublicSocket, Self) {
        let mut settings = Settings {
            ws: address.to_owned(),
            deadlines: deadline::Settings {
                idle: Duration::from_millis(900),
                subscribe_ack: Duration::from_millis(900),
                first_snapshot: Duration::from_millis(900),
                ..deadline::Settings::default()
            },
            ping: Duration::from_millis(300),
            reconnect: backoff::Settings {
                base: Duration::from_millis(20),
                minimum: Duration::from_millis(10),
                ..backoff::Settings::default()
            },
            ..Settings::default()
        };
        settings.breakers.connect.consecutive_failures = 2;
        settings.breakers.connect.open_for = Duration::from_millis(300);
        let (resyncs, resyncs_end) = mpsc::channel(16);
        let (market_in, market) = mpsc::channel(room);
        let (account_in, account) = mpsc::channel(ACCOUNT);
        let (clock, stop) = (clock(), CancellationToken::new());
        let (spares, spares_end) = mpsc::channel(16);
        let wiring = Wiring {
            connector: connector(),
            budget: budget::Shared::new(settings.connections.clone(), clock.clone()),
            connect: breakers::connect(&settings.breakers, &clock, rng::stream(1, 3)),
            clock,
            account: account_in,
            instruments: [instrument()].into(),
            settings,
        };
        let queues = Queues {
            resyncs: resyncs_end,
            market: market_in,
            spares: spares_end,
        };
        let socket = PublicSocket::new(&wiring, queues, 10, rng::stream(1, 2)).unwrap();
        let edge = Self {
            resyncs,
            spares,
            market,
            account,
            counters: socket.counters(),
            connect: wiring.connect,
            stop,
            tasks: JoinSet::new(),
        };
        (socket, edge)
    }

    async fn told(&mut self) -> Event {
        within(self.account.recv()).await.unwrap()
    }

    async fn market(&mut self) -> Event {
        within(self.market.recv()).await.unwrap()
    }

    /// Passes over what comes before the word that the feed is so.
    async fn feed(&mut self, link: Link) {
        while self.market().await != Event::Feed(link) {}
    }

    async fn book(&mut self) -> BookUpdate {
        loop {
            if let Event::Book(book) = self.market().await {
                return book;
            }
        }
    }
}

/// Account events that may wait.
const ACCOUNT: usize = 64;

const STATUS: &str = r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":14120098231187654321,"system":"online","version":"2.0.10"}]}"#;

fn rules(price_precision: u8, increment: &str, status: &str) -> String {
    format!(
        r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"{status}","qty_precision":8,"qty_increment":0.00000001,"qty_min":0.00005,"price_precision":{price_precision},"price_increment":{increment},"tick_size":{increment},"cost_precision":5,"cost_min":0,"marginable":false,"has_index":true}}]}}}}"#
    )
}

fn book(kind: &str, price: &str) -> String {
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{{"price":{price},"qty":1.00000000}}],"asks":[],"checksum":7,"timestamp":"2026-09-01T08:00:03.123456Z"}}]}}"#
    )
}

const TRADE: &str = r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":61234.6,"qty":0.01000000,"ord_type":"market","trade_id":90000001,"timestamp":"2026-09-01T08:00:07.000001Z"}]}"#;

/// Acknowledges a request and sends the snapshot that it asks for.
async fn grant(peer: &mut Peer, request: &Value) {
    let (method, id) = (&request["method"], &request["req_id"]);
    let channel = request["params"]["channel"].as_str().unwrap();
    let symbol = request["params"]["symbol"].as_array();
    let symbol = symbol.map_or(String::new(), |all| format!(r#","symbol":{}"#, all[0]));
    peer.send(&format!(
        r#"{{"method":{method},"req_id":{id},"result":{{"channel":"{channel}"{symbol}}},"success":true,"time_in":"2026-09-01T08:00:00.100001Z","time_out":"2026-09-01T08:00:00.100050Z"}}"#
    ))
    .await;
    if method == "subscribe" {
        match channel {
            "book" => peer.send(&book("snapshot", "61000.0")).await,
            "instrument" => peer.send(&rules(1, "0.1", "online")).await,
            _ => {}
        }
    }
}

/// Grants the three subscriptions.
async fn welcome(peer: &mut Peer) {
    peer.send(STATUS).await;
    for _ in 0..3 {
        match peer.request().await {
            Some(request) => grant(peer, &request).await,
            None => return,
        }
    }
}

#[tokio::test]
async fn the_feed_is_up_once_every_snapshot_is_there() {
    let server = Server::start(|mut peer, _| async move {
        welcome(&mut peer).await;
        peer.send(&book("update", "61000.1")).await;
        peer.send(TRADE).await;
        peer.send(STATUS).await;
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    assert_eq!(edge.told().await, Event::Venue(TradingStatus::Online));
    let snapshot = edge.book().await;
    assert_eq!((snapshot.kind, snapshot.checksum), (BookKind::Snapshot, 7));
    assert_eq!(snapshot.bids[0].price.units(), 610_000);
    assert_eq!(edge.market().await, Event::Feed(Link::Up));
    assert_eq!(edge.book().await.bids[0].price.units(), 610_001);
    let Event::Trade(trade) = edge.market().await else {
        panic!("no trade");
    };
    assert_eq!(trade.trade_id, 90_000_001);
    edge.stop.cancel();
    within(edge.tasks.join_next()).await.unwrap().unwrap();
    assert_eq!(edge.market().await, Event::Feed(Link::Down));
    // The status came twice and was told once.
    assert!(edge.account.recv().await.is_none());
}

/// Grants the book, so that it verifies; the rest is never acknowledged.
async fn grant_the_book(peer: &mut Peer) {
    for _ in 0..3 {
        let Some(request) = peer.request().await else {
            return;
        };
        if request["params"]["channel"] == "book" {
            grant_at(peer, &request, 1).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_it_is_up_whole_takes_its_books_along() {
    let server = Server::start(|mut peer, number| async move {
        if number == 0 {
            grant_the_book(&mut peer).await;
        } else {
            while peer.request().await.is_some() {}
        }
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    let mut behind = Behind::new();
    behind.until(&mut edge, (1, 610_000)).await;
    let going_stale = async {
        while behind.verified().is_some() {
            behind.turn(&mut edge).await;
        }
    };
    within(going_stale).await;
}

#[tokio::test]
async fn the_end_of_a_connection_waits_for_room_behind_its_books() {
    let (left_in, mut left) = mpsc::channel(16);
    let server = Server::start(move |mut peer, _| {
        let left = left_in.clone();
        async move {
            grant_the_book(&mut peer).await;
            peer.close().await;
            left.try_send(()).unwrap_or_default();
        }
    })
    .await;
    // Room for the snapshot and no more.
    let mut edge = Edge::start(&server, 1);
    within(left.recv()).await.unwrap();
    assert!(matches!(edge.market().await, Event::Book(_)));
    assert_eq!(edge.market().await, Event::Feed(Link::Down));
}

#[tokio::test]
async fn a_resync_ends_one_book_and_asks_for_it_again() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = Server::start(move |mut peer, _| {
        let seen = seen_in.clone();
        async move {
            welcome(&mut peer).await;
            while let Some(request) = peer.request().await {
                seen.try_send((
                    request["method"].clone(),
                    request["params"]["channel"].clone(),
                ))
                .unwrap();
                grant(&mut peer, &request).await;
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    edge.feed(Link::Up).await;
    edge.resyncs.send(InstrumentId(0)).await.unwrap();
    assert_eq!(edge.book().await.kind, BookKind::Snapshot);
    let book = Value::from("book");
    assert_eq!(
        within(seen.recv()).await.unwrap(),
        ("unsubscribe".into(), book.clone())
    );
    assert_eq!(
        within(seen.recv()).await.unwrap(),
        ("subscribe".into(), book)
    );
    assert_eq!(edge.counters.lost_connections.get(), 0);
}

#[tokio::test]
async fn a_full_market_queue_drops_and_takes_the_book_anew() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = Server::start(move |mut peer, _| {
        let seen = seen_in.clone();
        async move {
            welcome(&mut peer).await;
            for _ in 0..20 {
                peer.send(&book("update", "61000.1")).await;
            }
            while let Some(request) = peer.request().await {
                seen.try_send(request["method"].clone()).unwrap();
                grant(&mut peer, &request).await;
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, 2);
    assert_eq!(within(seen.recv()).await.unwrap(), "unsubscribe");
    assert!(edge.counters.dropped.get() >= 1);
    // What was queued, then, at the latest, a fresh snapshot.
    edge.book().await;
    while edge.book().await.kind != BookKind::Snapshot {}
}

#[tokio::test]
async fn a_full_market_queue_drops_trades_and_new_rules_wait_for_room() {
    let (mut socket, mut edge) = Edge::idle("ws://127.0.0.1:9/v2", 1);
    for dropped in 0..3 {
        // A trade that is dropped is no reason to ask for anything.
        assert!(!socket.take(Frame::text(TRADE)).await.unwrap());
        assert_eq!(edge.counters.dropped.get(), dropped);
    }
    let told = rules(2, "0.05", "post_only").replace("snapshot", "update");
    let mut taking = pin!(socket.take(Frame::text(told)));
    assert!(poll!(&mut taking).is_pending());
    assert!(matches!(edge.market.try_recv(), Ok(Event::Trade(_))));
    within(taking).await.unwrap();
    assert!(matches!(edge.market.try_recv(), Ok(Event::Instrument(..))));
    assert_eq!(edge.counters.dropped.get(), 2);
}

#[tokio::test]
async fn a_full_queue_of_statuses_holds_up_the_socket_and_loses_none() {
    let most = ACCOUNT + 16;
    let server = Server::start(move |mut peer, _| async move {
        welcome(&mut peer).await;
        for number in 0..most {
            let status = ["post_only", "online"][number % 2];
            peer.send(&STATUS.replace("online", status)).await;
        }
        peer.send(TRADE).await;
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    assert_eq!(edge.told().await, Event::Venue(TradingStatus::Online));
    let mut told = 0;
    let until_the_trade = async {
        loop {
            tokio::select! {
                biased;
                event = edge.market.recv() => if let Some(Event::Trade(_)) = event { break },
                status = edge.account.recv(), if edge.account.len() == ACCOUNT || told > 0 => {
                    let expected = [TradingStatus::PostOnly, TradingStatus::Online][told % 2];
                    assert_eq!(status, Some(Event::Venue(expected)));
                    told += 1;
                }
                // The queue is not full yet.
                () = tokio::task::yield_now(), if edge.account.len() < ACCOUNT && told == 0 => {}
            }
        }
    };
    within(until_the_trade).await;
    assert!(told >= most - ACCOUNT, "the trade came after {told}");
    assert_eq!(told + edge.account.len(), most);
}

#[tokio::test]
async fn rules_are_told_when_they_change_and_the_next_frame_is_read_by_them() {
    let server = Server::start(|mut peer, _| async move {
        welcome(&mut peer).await;
        peer.send(&rules(2, "0.05", "post_only").replace("snapshot", "update"))
            .await;
        peer.send(&book("update", "61000.15")).await;
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    // In their place among the books.
    assert_eq!(edge.book().await.bids[0].price.units(), 610_000);
    assert_eq!(edge.market().await, Event::Feed(Link::Up));
    let Event::Instrument(InstrumentId(0), told) = edge.market().await else {
        panic!("no rules");
    };
    assert_eq!((told.price_precision, told.tick.units()), (2, 5));
    assert_eq!(told.status, TradingStatus::PostOnly);
    assert_eq!(edge.book().await.bids[0].price.units(), 6_100_015);
    assert_eq!(edge.counters.decode_errors.get(), 0);
}

/// A frame of one bid and one ask whose checksum is right for the digits that it has.
fn true_book(kind: &str, bid: &str, ask: &str) -> String {
    let digits = |price: &str| format!("{}100000000", price.replace('.', ""));
    let checksum = crc32fast::hash(format!("{}{}", digits(ask), digits(bid)).as_bytes());
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{{"price":{bid},"qty":1.00000000}}],"asks":[{{"price":{ask},"qty":1.00000000}}],"checksum":{checksum},"timestamp":"2026-09-01T08:00:03.123456Z"}}]}}"#
    )
}

/// Grants a request; the book that it may ask for has its prices at this precision.
async fn grant_at(peer: &mut Peer, request: &Value, price_precision: u8) {
    let channel = request["params"]["channel"].as_str().unwrap();
    if channel != "book" {
        return grant(peer, request).await;
    }
    let (method, id) = (&request["method"], &request["req_id"]);
    peer.send(&format!(
        r#"{{"method":{method},"req_id":{id},"result":{{"channel":"book","symbol":"BTC/USD"}},"success":true}}"#
    ))
    .await;
    if method == "subscribe" {
        let (bid, ask) = match price_precision {
            1 => ("61000.0", "61000.5"),
            _ => ("61000.05", "61000.55"),
        };
        peer.send(&true_book("snapshot", bid, ask)).await;
    }
}

/// An engine behind the socket, turned as the driver turns it: the account first; resyncs go back to the socket.
struct Behind {
    engine: Engine,
    out: Outbox,
    stale: u32,
}

impl Behind {
    fn new() -> Self {
        let settings = engine::Settings {
            tag: "td".to_owned(),
            epoch: 1,
            instruments: vec![instrument()],
            depth: 10,
            orders: OrderSettings::default(),
            limits: vec![Limits::default()],
            tier: Tier::Pro,
            strategies: Vec::new(),
        };
        Self {
            engine: Engine::new(clock().now(), settings),
            out: Outbox::new(),
            stale: 0,
        }
    }

    async fn turn(&mut self, edge: &mut Edge) {
        let event = tokio::select! {
            biased;
            Some(event) = edge.account.recv() => event,
            Some(event) = edge.market.recv() => event,
            else => panic!("the socket is gone"),
        };
        self.out.clear();
        let now = clock().now();
        self.engine.handle(now, &event, &mut self.out);
        let stale = |note: &&Note| {
            matches!(
                note,
                Note::BookStale {
                    why: "checksum" | "crossed",
                    ..
                }
            )
        };
        self.stale += u32::try_from(self.out.notes().iter().filter(stale).count()).unwrap();
        for command in self.out.drain() {
            if let engine::Command::Resync(id) = command {
                edge.resyncs.send(id).await.unwrap();
            }
        }
    }

    /// Precision and best bid of a verified book.
    fn verified(&self) -> Option<(u8, i64)> {
        let market = self.engine.status().markets().next()?;
        let bid = market.book.best_bid()?.price.units();
        let verified = market.book.is_verified();
        verified.then_some((market.instrument.price_precision, bid))
    }

    async fn until(&mut self, edge: &mut Edge, wanted: (u8, i64)) {
        let reaching = async {
            while self.verified() != Some(wanted) {
                self.turn(edge).await;
            }
        };
        within(reaching).await;
    }
}

#[tokio::test]
async fn a_changed_precision_takes_the_book_anew_and_fails_no_checksum() {
    let server = Server::start(|mut peer, _| async move {
        peer.send(STATUS).await;
        for _ in 0..3 {
            let Some(request) = peer.request().await else {
                return;
            };
            grant_at(&mut peer, &request, 1).await;
        }
        peer.send(&rules(2, "0.05", "online").replace("snapshot", "update"))
            .await;
        // In the new digits, on the way before the fresh snapshot: not to be judged by the old book.
        for _ in 0..3 {
            peer.send(&true_book("update", "61000.05", "61000.55"))
                .await;
        }
        while let Some(request) = peer.request().await {
            grant_at(&mut peer, &request, 2).await;
            if request["method"] == "subscribe" {
                peer.send(&true_book("update", "61000.05", "61000.55"))
                    .await;
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    let mut behind = Behind::new();
    behind.until(&mut edge, (2, 6_100_005)).await;
    assert_eq!(behind.stale, 0, "checksums that failed");
    assert_eq!(edge.counters.decode_errors.get(), 0);
    assert_eq!(edge.counters.resyncs.get(), 1);
    assert_eq!(edge.counters.connections.get(), 1);
}

#[tokio::test]
async fn a_silent_socket_is_left_and_everything_is_asked_for_again() {
    let server = Server::start(|mut peer, number| async move {
        welcome(&mut peer).await;
        if number == 0 {
            // Reads on, says nothing, not even to pings.
            while peer.receive().await.is_some() {}
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    edge.feed(Link::Up).await;
    edge.feed(Link::Down).await;
    edge.feed(Link::Up).await;
    assert_eq!(edge.counters.lost_connections.get(), 1);
}

#[tokio::test]
async fn after_maintenance_the_next_connection_waits() {
    let server = Server::start(|mut peer, number| async move {
        welcome(&mut peer).await;
        if number == 0 {
            peer.send(&STATUS.replace("online", "maintenance")).await;
            return;
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    edge.feed(Link::Up).await;
    edge.feed(Link::Down).await;
    // Five seconds by rule, twenty milliseconds by the backoff of this test.
    let early = timeout(Duration::from_millis(500), edge.feed(Link::Up)).await;
    assert!(early.is_err(), "connected again at once");
}

#[tokio::test]
async fn room_of_an_applied_book_is_used_again() {
    let server = Server::start(|mut peer, _| async move {
        welcome(&mut peer).await;
        peer.send(&book("update", "61000.1")).await;
        while peer.request().await.is_some() {}
    })
    .await;
    let edge = Edge::start(&server, 64);
    let mut spare = BookUpdate::empty();
    spare.bids.reserve_exact(7_777);
    edge.spares.send(spare).await.unwrap();
    let mut edge = edge;
    // The snapshot leaves with the room that was there first, the update with the spare's.
    edge.book().await;
    assert_eq!(edge.book().await.bids.capacity(), 7_777);
}

#[tokio::test]
async fn refused_connections_open_the_breaker_and_its_probe_brings_the_feed_back() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let mut edge = Edge::at(&format!("ws://{address}/v2"), 64);
    let mut changes = edge.connect.subscribe();
    let mut next = async || within(changes.recv()).await.unwrap();
    let opened = next().await;
    assert_eq!(
        (opened.to, opened.cause),
        (State::Open, Cause::ConsecutiveFailures)
    );
    let _server = Server::start_at(&address.to_string(), |mut peer, _| async move {
        welcome(&mut peer).await;
        while peer.request().await.is_some() {}
    })
    .await;
    assert_eq!(next().await.to, State::HalfOpen);
    assert_eq!(next().await.cause, Cause::ProbesSucceeded);
    edge.feed(Link::Up).await;
    let totals = edge.connect.snapshot().totals;
    assert_eq!((totals.failed, totals.succeeded), (2, 1));
}

#[tokio::test]
async fn a_subscription_that_is_acknowledged_and_stays_silent_ends_the_connection() {
    let server = Server::start(|mut peer, number| async move {
        peer.send(STATUS).await;
        for _ in 0..3 {
            let Some(request) = peer.request().await else { return };
            if number == 0 && request["params"]["channel"] == "book" {
                let id = &request["req_id"];
                peer.send(&format!(
                    r#"{{"method":"subscribe","req_id":{id},"result":{{"channel":"book","symbol":"BTC/USD"}},"success":true}}"#
                ))
                .await;
            } else {
                grant(&mut peer, &request).await;
            }
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    edge.feed(Link::Up).await;
    assert_eq!(edge.counters.connections.get(), 2);
}

#[tokio::test]
async fn garbage_is_counted_and_the_feed_goes_on() {
    let server = Server::start(|mut peer, _| async move {
        welcome(&mut peer).await;
        for garbage in [
            "",
            "{",
            "CloudFlare WebSocket proxy restarting",
            r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1e999,"qty":1}],"asks":[],"checksum":1}]}"#,
            r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":"none","asks":[],"checksum":1}]}"#,
            r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":99999999999}]}"#,
            r#"{"channel":"news","type":"update","data":[]}"#,
            r#"{"Error":"Exceeded msg rate"}"#,
        ] {
            peer.send(garbage).await;
        }
        peer.send_binary(b"\xff\xfe\x00").await;
        peer.send(&book("update", "61000.2")).await;
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, 64);
    edge.feed(Link::Up).await;
    assert_eq!(edge.book().await.bids[0].price.units(), 610_002);
    assert_eq!(edge.counters.decode_errors.get(), 7);
    assert_eq!(edge.counters.unknown_frames.get(), 1);
}

#[tokio::test]
async fn resyncs_do_not_pile_up_while_nobody_answers() {
    let server = Server::start(|_, _| async {}).await;
    let edge = Edge::start(&server, 64);
    for _ in 0..200 {
        within(edge.resyncs.send(InstrumentId(0))).await.unwrap();
    }
}
