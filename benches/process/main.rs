//! Rows 11 and 12: the real program as a process. What it holds in memory, how soon it is ready, how soon it is gone. And, for
//! ASYNC_IMPROVEMENTS.md, what a scrape costs a daemon that trades, and how soon that one is gone.
//!
//! `cargo bench --bench process`. The venue of row 11 is the bench's own, in its own process; that of the others is `tradingd sim`.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops where something is wrong"
)]

mod child;
#[path = "../support/frames/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses a part of it")]
mod frames;
#[path = "../support/venue/mod.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod venue;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::runtime::Builder;
use tradingd::app::clock;

use self::{
    child::{Daemon, program},
    venue::{Venue, send, venue_section},
};

const PAIRS: usize = 1_000;
const UPDATES: usize = 50_000;
const SEED: u64 = 7;
/// Starts and stops of row 12.
const RUNS: usize = 20;
/// Stops of a daemon that trades, and the orders that each has open at least.
const STOPS: usize = 5;
const OPEN: usize = 9;
const SCRAPES: usize = 2_000;

fn main() {
    memory();
    life();
    trading();
}

/// Row 11: all books verified, then some updates of them.
fn memory() {
    let pairs = frames::universe(SEED, PAIRS);
    let names: Vec<String> = pairs
        .iter()
        .map(|pair| format!("{:?}", pair.symbol))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_owned();
    let (told, tells) = sync_channel(1);
    let (go, gone) = sync_channel::<()>(1);
    let server = thread::spawn(move || feed(&pairs, &place, &told, &gone));
    let venue = tells.recv().unwrap();
    let config = format!(
        "strategy = []\n{venue}[feed]\ndepth = 10\npairs = [{}]\n",
        names.join(",")
    );
    let daemon = Daemon::start(directory, &config);
    daemon.ready();
    let ready = daemon.memory("VmRSS");
    go.send(()).unwrap();
    let _flowed = tells.recv().unwrap();
    let resident = daemon.memory("VmRSS");
    let most = daemon.memory("VmHWM");
    drop(daemon);
    drop(go);
    server.join().unwrap();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "11 resident, {PAIRS} pairs: {:.1} MB after {UPDATES} updates, {:.1} MB when ready, {:.1} MB at most   target 30 MB",
        megabytes(resident),
        megabytes(ready),
        megabytes(most)
    );
}

/// The feed server: tells the config, serves the subscriptions, waits for its turn, sends the updates at the pace of a very busy market.
fn feed(
    pairs: &[frames::Pair],
    place: &std::path::Path,
    told: &SyncSender<String>,
    gone: &Receiver<()>,
) {
    let frames = frames::many(pairs, UPDATES, SEED);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let venue = Venue::open(pairs, clock::system()).await;
        told.send(venue.config(place)).unwrap();
        let (mut feed, _account) = tokio::join!(venue.feed(pairs, &frames), venue.account());
        // REST is still asked for until the daemon is ready.
        while gone.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for (number, frame) in frames.iter().skip(pairs.len()).enumerate() {
            send(&mut feed, std::str::from_utf8(frame).unwrap()).await;
            if number % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        told.send(String::new()).unwrap();
        // The daemon is killed; until then it is served.
        while gone.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Row 12: start to ready, and SIGTERM to exit while no order of ours rests. Each run has a new state directory and an account of its own.
fn life() {
    let (mut simulator, listening) = simulator(RUNS);
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    for account in listening.accounts() {
        let directory = tempfile::tempdir().unwrap();
        let section = listening.section(account, directory.path());
        let daemon = Daemon::start(directory, &format!("strategy = []\n{section}"));
        starts.push(daemon.ready());
        stops.push(daemon.stop());
    }
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    for (name, times, target) in [
        ("start to ready", starts, 150),
        ("SIGTERM to exit", stops, 50),
    ] {
        let [median, least, most] = spread(times);
        println!(
            "12 {name}, median of {RUNS}: {median:.1} ms ({least:.1}..{most:.1})   target {target} ms"
        );
    }
}

/// The strategies of the default config trade three pairs.
fn trading() {
    let (mut simulator, listening) = simulator(STOPS);
    let mut stops = Vec::new();
    for account in listening.accounts() {
        let directory = tempfile::tempdir().unwrap();
        let section = listening.section(account, directory.path());
        let daemon = Daemon::start(directory, &section);
        daemon.ready();
        if stops.is_empty() {
            scrapes(&daemon);
        }
        while open_orders(&daemon) < OPEN {
            thread::sleep(Duration::from_millis(10));
        }
        stops.push(daemon.stop());
    }
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    let [median, least, most] = spread(stops);
    println!(
        "-  SIGTERM to exit, {OPEN} orders open or more, median of {STOPS}: {median:.1} ms ({least:.1}..{most:.1})"
    );
}

fn open_orders(daemon: &Daemon) -> usize {
    let (page, _) = daemon.scrape();
    let open = page
        .lines()
        .find_map(|line| line.strip_prefix("tradingd_open_orders "));
    open.map_or(0, |open| open.parse().unwrap())
}

/// Scrapes one after the other: the time of each, and what each thread spent meanwhile, trading included.
fn scrapes(daemon: &Daemon) {
    let before = daemon.threads();
    let mut times = Vec::new();
    for _ in 0..SCRAPES {
        times.push(daemon.scrape().1);
    }
    let after = daemon.threads();
    let (page, _) = daemon.scrape();
    let samples = page.lines().filter(|line| !line.starts_with('#')).count();
    let [median, least, most] = spread(times);
    println!(
        "-  scrape, {samples} samples, {} bytes, median of {SCRAPES}: {median:.2} ms ({least:.2}..{most:.2})",
        page.len()
    );
    for (thread, spent) in after {
        let spent = spent.saturating_sub(before.get(&thread).copied().unwrap_or_default());
        println!(
            "-  scrape, thread {thread}: {:.1} µs",
            spent.as_secs_f64() * 1e6 / SCRAPES as f64
        );
    }
}

/// Median, least and largest, in milliseconds.
fn spread(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    [times.len() / 2, 0, times.len() - 1].map(|at| times[at].as_secs_f64() * 1e3)
}

/// What `tradingd sim -o json` says.
struct Listening(Value);

impl Listening {
    fn accounts(&self) -> &[Value] {
        self.0["accounts"].as_array().unwrap()
    }

    fn section(&self, account: &Value, directory: &std::path::Path) -> String {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let urls = ["rest", "ws", "ws_auth"].map(|name| text(&self.0[name]));
        let key = ["key", "secret"].map(|name| text(&account[name]));
        venue_section(
            urls.each_ref().map(String::as_str),
            key.each_ref().map(String::as_str),
            directory,
        )
    }
}

/// A simulator that listens; its replies are not delayed.
fn simulator(accounts: usize) -> (Child, Listening) {
    let mut command = program();
    command.args(["sim", "-o", "json", "--accounts", &accounts.to_string()]);
    command.args(["--set", "sim.reply_delay=\"0s\""]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let listening = serde_json::from_str(&line).unwrap();
    (child, Listening(listening))
}
