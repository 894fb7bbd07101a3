//! Row 10: a book frame out, an order in, over plain TCP, as a server in its own thread sees it.
//!
//! `cargo bench --bench round_trip`. One peer is the daemon with all its tasks, on its own runtimes; the other is a bare client that
//! answers each frame with 240 fixed bytes. Rounds alternate. The daemon's clock goes forward between frames, so that the rate counter
//! forgets what an amend costs: at the venue's own pace a quoter amends once a second.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops where something is wrong"
)]

#[path = "support/frames/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses a part of it")]
mod frames;
#[path = "support/venue/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses a part of it")]
mod venue;

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, runtime::Builder, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;
use tradingd::{
    app::{Daemon, Runtimes, Stops, clock},
    config::{self, Sources},
    io::Clock,
};

use self::{
    frames::Frames,
    venue::{Socket, Venue, send},
};

/// Rounds that count; one more warms.
const ROUNDS: usize = 6;
/// Frames of a round.
const TRIPS: usize = 1_000;
/// Silence after which everything that a frame led to has been said.
const QUIET: Duration = Duration::from_micros(300);
/// Longest wait for an order.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far the daemon's clock goes forward between two frames, in seconds.
const STEP: u64 = 16;

fn main() {
    let (steps, forward) = (Arc::new(AtomicU64::new(0)), clock::system());
    let source = Arc::clone(&steps);
    let clock = Clock::new(move || {
        let ahead = Duration::from_secs(STEP * source.load(Ordering::Acquire));
        forward.now().after(ahead)
    });
    let directory = tempfile::tempdir().unwrap();
    let (place, there) = (directory.path().to_owned(), clock.clone());
    let (told, tells) = sync_channel(1);
    let over = CancellationToken::new();
    let done = over.clone();
    let server = thread::spawn(move || {
        let _over = done.drop_guard();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let venue = Venue::open(&[frames::btc_usd()], there).await;
            let config = venue.config(&place);
            told.send((config, venue.public_address())).unwrap();
            measure(&venue, &steps).await;
        });
    });
    let (config, address) = tells.recv().unwrap();
    let bare = thread::spawn(move || bare(address));
    daemon(&config, directory.path(), clock, over);
    server.join().unwrap();
    bare.join().unwrap();
}

/// The daemon, on this thread, until the server has seen enough.
fn daemon(venue: &str, directory: &std::path::Path, clock: Clock, over: CancellationToken) {
    let file = directory.join("config.toml");
    std::fs::write(&file, format!("{venue}{CONFIG}")).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let config = config::load(&sources).unwrap().config;
    let runtimes = Runtimes::new().unwrap();
    let handles = runtimes.handles();
    let stops = Stops::default();
    runtimes.run(&stops.abandon, async {
        let started = Daemon::start(&config, None, clock, &handles, stops.clone(), None);
        let daemon = started.await.unwrap().unwrap();
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            report = daemon.run() => panic!("the daemon ended: {:?}", report.verdict),
        }
    });
}

/// Nothing is due or slow while the clock goes forward, even under a call, and every move of the market moves both quotes.
const CONFIG: &str = r#"
[feed]
pairs = ["BTC/USD"]
[orders]
reconcile_every = "900d"
ttl = "60s"
[deadlines]
idle = "900d"
channel_idle = "900d"
answer = "60s"
[kraken]
ping = "800d"
[breaker.order_entry]
slow_call = "1h"
[[strategy]]
kind = "quoter"
name = "quoter"
pair = "BTC/USD"
qty = "0.01"
half_spread = "0.05%"
skew = "0%"
max_position = "1"
refresh_ticks = 1
min_interval = "0s"
stale_grace = "2s"
"#;

/// The bare client.
fn bare(address: SocketAddr) {
    let answer = Message::text("x".repeat(240));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut socket, _) = client_async("ws://bench/v2", stream).await.unwrap();
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_close() {
                break;
            }
            socket.send(answer.clone()).await.unwrap();
        }
    });
}

/// Both peers in turn.
async fn measure(venue: &Venue, steps: &AtomicU64) {
    let mut bare = venue.accept().await;
    let mut market = Market(0);
    let snapshot = Frames::of([market.snapshot()]);
    let pairs = [frames::btc_usd()];
    let (feed, account) = tokio::join!(venue.feed(&pairs, &snapshot), venue.account());
    let mut desk = Desk {
        venue,
        feed,
        account,
        sequence: 1,
    };
    desk.settle(Duration::from_millis(500)).await;
    assert_eq!(desk.sequence, 3, "two orders rest");
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // The bare client does not mind what the frames say; theirs are as long.
        for _ in 0..TRIPS {
            let took = bare_trip(&mut bare, &Market(1).next()).await;
            pause().await;
            theirs.extend((round > 0).then_some(took));
        }
        for _ in 0..TRIPS {
            steps.fetch_add(1, Ordering::AcqRel);
            let took = desk.trip(&market.next()).await;
            ours.extend((round > 0).then_some(took));
        }
    }
    bare.close(None).await.unwrap();
    print(&mut theirs, &mut ours);
}

fn print(theirs: &mut [Duration], ours: &mut [Duration]) {
    let mut at = |share: usize| {
        let [theirs, ours] = [&mut *theirs, &mut *ours].map(|times| {
            times.sort_unstable();
            times[(times.len() - 1) * share / 100].as_nanos() as f64 / 1_000.0
        });
        (theirs, ours, ours / theirs)
    };
    for (name, share, target) in [("median", 50, "target 1.3"), ("90th percentile", 90, "")] {
        let (theirs, ours, ratio) = at(share);
        println!(
            "10 frame out to order in, {name}: bare client {theirs:.1} us, daemon {ours:.1} us, ratio {ratio:.2}   {target}"
        );
    }
}

/// What [`Desk::settle`] takes where there is nothing to answer.
async fn pause() {
    let since = now();
    while since.elapsed() < QUIET {
        tokio::task::yield_now().await;
    }
}

async fn bare_trip(socket: &mut Socket, frame: &str) -> Duration {
    let frame = Message::text(frame);
    let start = now();
    socket.send(frame).await.unwrap();
    socket.next().await.unwrap().unwrap();
    start.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// The venue's side of the daemon.
struct Desk<'a> {
    venue: &'a Venue,
    feed: Socket,
    account: Socket,
    sequence: u64,
}

impl Desk<'_> {
    /// A frame out, the first order in; then the rest of what it led to.
    async fn trip(&mut self, frame: &str) -> Duration {
        let frame = Message::text(frame);
        let start = now();
        self.feed.send(frame).await.unwrap();
        let order = timeout(PATIENCE, self.account.next()).await;
        let took = start.elapsed();
        let order = order.expect("an order on every frame").unwrap().unwrap();
        self.answer(&order).await;
        self.settle(QUIET).await;
        took
    }

    /// Answers until it is silent for so long. Without sleep, so that both sides stay as warm as on a busy market.
    async fn settle(&mut self, quiet: Duration) {
        let mut since = now();
        while since.elapsed() < quiet {
            if let Some(order) = self.account.next().now_or_never() {
                self.answer(&order.unwrap().unwrap()).await;
                since = now();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Accepts, and reports as done.
    async fn answer(&mut self, frame: &Message) {
        let request: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
        if self.venue.is_ping(&mut self.account, &request).await {
            return;
        }
        let (params, end) = (&request["params"], self.venue.end(&request));
        let method = request["method"].as_str().unwrap();
        let id = params["cl_ord_id"].as_str().unwrap();
        let order = format!("O{}", &id[id.len() - 10..]).to_uppercase();
        let (result, kind) = match method {
            "add_order" => (format!(r#""order_id":"{order}""#), "new"),
            "amend_order" => (format!(r#""amend_id":"T{order}""#), "amended"),
            other => panic!("{other} was not expected"),
        };
        send(
            &mut self.account,
            &format!(r#"{{"method":"{method}","result":{{{result},"cl_ord_id":"{id}"}},"success":true,{end}}}"#),
        )
        .await;
        self.sequence += 1;
        let (qty, price) = (&params["order_qty"], &params["limit_price"]);
        send(
            &mut self.account,
            &format!(
                r#"{{"channel":"executions","type":"update","data":[{{"order_id":"{order}","cl_ord_id":"{id}","exec_type":"{kind}","order_status":"new","order_qty":{qty},"limit_price":{price},"timestamp":"2026-11-20T12:00:00.000000Z"}}],"sequence":{}}}"#,
                self.sequence
            ),
        )
        .await;
    }
}

type Row = (i64, i64);
const QTY: i64 = 100_000_000;

/// A book whose best bid and best ask move in turn, four ticks at a time. It comes back to where it was only after a long way, so that
/// each frame wants other quotes than all that may still be under way.
struct Market(i64);

impl Market {
    /// Places of the best levels before they start anew.
    const PLACES: i64 = 1_000;

    const fn best(&self) -> (i64, i64) {
        let (bid, ask) = ((self.0 + 1) / 2 % Self::PLACES, self.0 / 2 % Self::PLACES);
        (973_000 + 4 * bid, 974_000 + 4 * ask)
    }

    /// Ten levels of each side, best first.
    fn levels(&self) -> [Vec<Row>; 2] {
        let (bid, ask) = self.best();
        let side = |best: i64, rest: i64, step: i64| {
            let rest = (0..9).map(|index| (rest + step * index, QTY));
            [(best, QTY)].into_iter().chain(rest).collect()
        };
        [side(bid, 972_000, -10), side(ask, 979_000, 10)]
    }

    fn snapshot(&self) -> String {
        let [bids, asks] = self.levels();
        self.frame("snapshot", &bids, &asks)
    }

    /// The next move: one level of one side goes, another comes.
    fn next(&mut self) -> String {
        let (bid, ask) = self.best();
        self.0 += 1;
        let (new_bid, new_ask) = self.best();
        if new_bid == bid {
            self.frame("update", &[], &[(ask, 0), (new_ask, QTY)])
        } else {
            self.frame("update", &[(bid, 0), (new_bid, QTY)], &[])
        }
    }

    fn frame(&self, kind: &str, bids: &[Row], asks: &[Row]) -> String {
        let [best_bids, best_asks] = self.levels();
        let mut text = String::new();
        for (price, qty) in best_asks.iter().chain(&best_bids) {
            write!(text, "{price}{qty}").unwrap();
        }
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{}],"asks":[{}],"checksum":{},"timestamp":"2026-11-20T12:00:00.000000Z"}}]}}"#,
            rows(bids),
            rows(asks),
            crc32fast::hash(text.as_bytes())
        )
    }
}

fn rows(rows: &[Row]) -> String {
    let row = |(price, qty): &Row| {
        let mut text = r#"{"price":"#.to_owned();
        frames::decimal(*price, 1, &mut text);
        text.push_str(r#","qty":"#);
        frames::decimal(*qty, 8, &mut text);
        text + "}"
    };
    rows.iter().map(row).collect::<Vec<_>>().join(",")
}
