//! The daemon for a long time and very often: frames without end, runs one after the other, connections that are cut, limits.
//!
//! `cargo test --test load` is the short form, part of every `cargo test`: it asserts that nothing is lost and nothing grows, never a
//! rate. `TRADINGD_LOAD=long cargo test --release --test load -- --nocapture` is the long form; it takes about three minutes, asserts
//! the rate too and prints what it measured. This is a process of its own: an allocator that counts, tests one at a time.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod budget;
mod cuts;
mod cycles;
#[path = "../../benches/support/frames/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what benches use as well")]
mod frames;
mod limits;
mod page;
mod stability;
#[path = "../../benches/support/venue/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what benches use as well")]
mod venue;

use std::{
    alloc::System,
    fs,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Handle, Runtime};
use tradingd::{
    app::{Daemon, Handles, Looks, Picture, Stops, clock},
    config::{self, Config, Sources},
    engine::{Mode, event::Link, strategy::Strategy},
    io::Clock,
    sim::{Simulator, server::Role},
};

use crate::venue::venue_section;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The limit for anything that is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// The config's answer to a venue that stands still, or whose clock does not.
const QUIET: &str = "[orders]\nreconcile_every = \"900d\"\n[deadlines]\nidle = \"900d\"\nchannel_idle = \"900d\"\n[kraken]\nping = \"800d\"\n";

/// Whether the long form is wanted.
fn long() -> bool {
    std::env::var_os("TRADINGD_LOAD").is_some_and(|form| form == "long")
}

/// What is measured belongs to the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a process can leak.
#[derive(Clone, Copy, Debug)]
struct Holdings {
    bytes: usize,
    descriptors: usize,
    tasks: usize,
}

impl Holdings {
    /// Of this process, and of the runtime that asks.
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            bytes: stats.bytes_allocated - stats.bytes_deallocated,
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }
}

fn config(text: &str, directory: &Path) -> Config {
    let file = directory.join("config.toml");
    fs::write(&file, format!("{text}[http]\nlisten = \"127.0.0.1:0\"\n")).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    config::load(&sources).unwrap().config
}

/// The config of a daemon that trades on a simulator, with its first account.
fn config_for(sim: &Simulator, directory: &Path, text: &str) -> Config {
    let (addresses, account) = (sim.addresses(), &sim.accounts()[0]);
    let urls = [
        addresses.rest_url(),
        addresses.ws_url(Role::Public),
        addresses.ws_url(Role::Private),
    ];
    let section = venue_section(
        urls.each_ref().map(String::as_str),
        [&account.key, &account.secret_base64],
        directory,
    );
    config(&format!("{section}{text}"), directory)
}

/// Starts a daemon with the config's strategies.
async fn start(config: &Config, stops: &Stops) -> Daemon {
    start_with(config, None, clock::system(), stops).await
}

/// Starts a daemon on this runtime, with strategies of a test's own.
async fn start_with(
    config: &Config,
    strategies: Option<Vec<Box<dyn Strategy>>>,
    clock: Clock,
    stops: &Stops,
) -> Daemon {
    let handles = Handles {
        disk: Handle::current(),
        simulator: Handle::current(),
        http: Handle::current(),
    };
    let starting = Daemon::start(config, strategies, clock, &handles, stops.clone(), None);
    let started = tokio::time::timeout(LIMIT, starting).await;
    started.expect("it never started").unwrap().unwrap()
}

/// Turns a clock.
struct Hands(Arc<AtomicU64>);

impl Hands {
    /// A minute on. Kraken takes a private REST call a second, of which each connection of the private socket needs some.
    fn turn(&self) {
        self.0.fetch_add(60, Ordering::AcqRel);
    }
}

/// The system's clock, which can be turned on.
fn turned() -> (Clock, Hands) {
    let (system, on) = (clock::system(), Arc::<AtomicU64>::default());
    let seconds = Arc::clone(&on);
    let source = move || {
        let on = Duration::from_secs(seconds.load(Ordering::Acquire));
        system.now().after(on)
    };
    (Clock::new(source), Hands(on))
}

/// Whether both sockets are up, every book is verified and every order reconciled.
fn trades(picture: &Picture) -> bool {
    picture.mode == Mode::Trading
        && picture.ready
        && (picture.feed, picture.account) == (Link::Up, Link::Up)
}

/// The venue's word on whether its limits were kept.
fn assert_nobody_refused(sim: &Simulator) {
    for (limit, times) in sim.refused().counts() {
        assert_eq!(times, 0, "{limit:?}");
    }
}

/// Looks at the engine until it is as wanted.
async fn until(looks: &Looks, what: &str, mut wanted: impl FnMut(&Picture) -> bool) -> Picture {
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let looking = async {
        loop {
            ticks.tick().await;
            let picture = looks.picture().await.expect("the driver runs");
            if wanted(&picture) {
                return picture;
            }
        }
    };
    let found = tokio::time::timeout(LIMIT, looking).await;
    found.unwrap_or_else(|_elapsed| panic!("never: {what}"))
}
