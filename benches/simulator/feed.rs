//! The feed as it is served: a hundred connections with ten books each, a thousand updates a second in all.
//!
//! Always true: a connection that is dropped, or that hears nothing for long, ends the bench.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};
use tradingd::{app::clock, io::Clock, types::Timestamp};

use crate::process::Simulator;

const CONNECTIONS: usize = 100;
/// Books of each connection, of the sixteen pairs that are listed.
const BOOKS: usize = 10;
const DEPTHS: [u16; 4] = [10, 25, 100, 10];
/// Changes of books a second, deep ones included: of these, about half are seen at the depths above.
const RATE: u32 = 2_000;
const PAIRS: [&str; 16] = [
    "BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "DOGE/USD", "SHIB/USD", "ADA/USD", "LTC/USD",
    "USDT/USD", "USDC/USD", "EUR/USD", "BTC/EUR", "ETH/EUR", "BCH/EUR", "ETH/BTC", "BTC/USDT",
];
/// Time that is measured, after all have subscribed.
const MEASURED: Duration = Duration::from_secs(20);
/// Longest silence of a connection that counts as served: heartbeats come every second.
const SILENCE: Duration = Duration::from_secs(10);
/// Every so many frames one is asked how old it is.
const SAMPLED: u64 = 16;
/// How long a thousand pairs trade before they are looked at again.
const SETTLED: Duration = Duration::from_secs(30);
/// Connections of the second row, which subscribe to nothing.
const IDLE: usize = 400;

type Socket = WebSocketStream<TcpStream>;

/// What one connection saw while it was measured.
#[derive(Debug, Default)]
struct Seen {
    books: u64,
    bytes: u64,
    /// Ages of frames, in microseconds.
    ages: Vec<u64>,
}

/// Frames a second, how old they arrive, whether anyone was dropped, and what that costs.
pub fn served() {
    let rate = format!("sim.rate={RATE}");
    let simulator = Simulator::start(&["--set", "sim.pairs=[]", "--set", &rate]);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let before = simulator.memory();
    let (seen, spent, took) = runtime.block_on(measure(&simulator));
    let frames: u64 = seen.iter().map(|seen| seen.books).sum();
    let bytes: u64 = seen.iter().map(|seen| seen.bytes).sum();
    let mut ages: Vec<u64> = seen
        .iter()
        .flat_map(|seen| seen.ages.iter().copied())
        .collect();
    ages.sort_unstable();
    let age = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    let seconds = took.as_secs_f64();
    // Each book is heard by as many connections as any other.
    let updates = frames as f64 / seconds * PAIRS.len() as f64 / (CONNECTIONS * BOOKS) as f64;
    println!(
        "served feed: {CONNECTIONS} connections, {BOOKS} books each: {updates:.0} updates/s in all, {:.0} frames/s, {:.1} MB/s, none dropped",
        frames as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
    );
    println!(
        "   age on arrival: median {:.1} ms, 99% {:.1} ms, most {:.1} ms",
        age(0.5),
        age(0.99),
        age(1.0)
    );
    println!(
        "   processor time of the simulator: {:.0}% of one core, {:.1} us a frame; memory {:.1} MB, {:.1} MB before",
        100.0 * spent.as_secs_f64() / seconds,
        spent.as_secs_f64() * 1e6 / frames as f64,
        simulator.memory() as f64 / 1e6,
        before as f64 / 1e6,
    );
}

async fn measure(simulator: &Simulator) -> (Vec<Seen>, Duration, Duration) {
    let mut sockets = Vec::new();
    for number in 0..CONNECTIONS {
        sockets.push(subscribed(simulator.socket(), number).await);
    }
    let clock = clock::system();
    let start = now();
    let spent = simulator.cpu();
    let end = start + MEASURED;
    let mut readers = JoinSet::new();
    for socket in sockets {
        readers.spawn(read(socket, clock.clone(), end));
    }
    let seen = readers.join_all().await;
    (seen, simulator.cpu() - spent, now() - start)
}

/// A connection with its books, all snapshots taken.
async fn subscribed(address: &str, number: usize) -> Socket {
    let mut socket = connect(address).await;
    let mut wanted: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for book in 0..BOOKS {
        let depth = DEPTHS[(number + book) % DEPTHS.len()];
        let pair = PAIRS[(number + book) % PAIRS.len()];
        wanted.entry(depth).or_default().push(pair);
    }
    for (depth, pairs) in wanted {
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"book","symbol":{pairs:?},"depth":{depth}}}}}"#
        );
        socket.send(Message::text(request)).await.unwrap();
    }
    let mut snapshots = 0;
    while snapshots < BOOKS {
        let frame = next(&mut socket).await;
        assert!(!frame.contains(r#""success":false"#), "{frame}");
        snapshots += usize::from(frame.contains(r#""type":"snapshot""#));
    }
    socket
}

async fn connect(address: &str) -> Socket {
    let config = WebSocketConfig::default().read_buffer_size(64 << 10);
    let (_scheme, rest) = address.split_once("://").unwrap();
    let (host, _path) = rest.split_once('/').unwrap();
    let stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let connected = client_async_with_config(address, stream, Some(config)).await;
    connected.expect("the simulator takes a connection").0
}

/// The next text; a connection that was dropped, or that hears nothing, ends the bench.
async fn next(socket: &mut Socket) -> Utf8Bytes {
    loop {
        let message = timeout(SILENCE, socket.next()).await.expect("no silence");
        match message.expect("not dropped").expect("not dropped") {
            Message::Text(text) => return text,
            Message::Close(frame) => panic!("dropped: {frame:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

async fn read(mut socket: Socket, clock: Clock, end: Instant) -> Seen {
    let mut seen = Seen::default();
    let over = sleep_until(end.into());
    tokio::pin!(over);
    loop {
        let frame = tokio::select! {
            biased;
            () = &mut over => return seen,
            frame = next(&mut socket) => frame,
        };
        if !frame.starts_with(r#"{"channel":"book""#) {
            continue;
        }
        seen.books += 1;
        seen.bytes += frame.len() as u64;
        if seen.books % SAMPLED == 0 {
            let age = clock.now().since(written(&frame));
            seen.ages.push(u64::try_from(age.as_micros()).unwrap());
        }
    }
}

/// When the venue wrote a frame.
fn written(frame: &str) -> Timestamp {
    let (_, after) = frame.rsplit_once(r#""timestamp":""#).expect("a timestamp");
    Timestamp::parse(after.split('"').next().unwrap()).unwrap()
}

/// What a connection costs that only listens.
pub fn connections() {
    let simulator = Simulator::start(&["--set", "sim.rate=1"]);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut sockets = vec![connect(simulator.socket()).await];
        next(&mut sockets[0]).await;
        let before = simulator.memory();
        for _ in 0..IDLE {
            let mut socket = connect(simulator.socket()).await;
            next(&mut socket).await;
            sockets.push(socket);
        }
        let after = simulator.memory();
        println!(
            "idle connections: {:.1} kB each ({IDLE} of them, {:.1} MB before)",
            (after - before) as f64 / 1e3 / IDLE as f64,
            before as f64 / 1e6,
        );
    });
}

/// What a thousand pairs cost.
pub fn thousand_pairs() {
    let begun = now();
    let simulator = Simulator::start(&["--set", "sim.extra_pairs=997"]);
    let (listens, first) = (begun.elapsed(), simulator.memory());
    std::thread::sleep(SETTLED);
    println!(
        "1,000 pairs: listens after {listens:.1?} with {:.1} MB; {:.1} MB and {:.1}% of one core after {SETTLED:?}",
        first as f64 / 1e6,
        simulator.memory() as f64 / 1e6,
        100.0 * simulator.cpu().as_secs_f64() / begun.elapsed().as_secs_f64(),
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
