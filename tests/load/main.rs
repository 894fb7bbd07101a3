//! The daemon for a long time and very often: frames without end, runs one after the other, connections that are cut.
//!
//! `cargo test --test load` is the short form, part of every `cargo test`: it asserts that nothing is lost and nothing grows, never a
//! rate. `TRADINGD_LOAD=long cargo test --release --test load -- --nocapture` is the long form; it takes about five minutes, asserts
//! the rate too and prints what it measured. This is a process of its own: an allocator that counts, tests one at a time.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod cycles;
#[path = "../../benches/support/frames/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what benches use as well")]
mod frames;
mod stability;
#[path = "../../benches/support/venue/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what benches use as well")]
mod venue;

use std::{
    alloc::System,
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Handle, Runtime};
use tradingd::{
    app::{Daemon, Handles, Looks, Picture, Stops, clock},
    config::{self, Config, Sources},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The limit for anything that is waited for.
const LIMIT: Duration = Duration::from_secs(60);

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
    fs::write(&file, format!("http.enabled = false\n{text}")).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    config::load(&sources).unwrap().config
}

async fn start(config: &Config, stops: &Stops) -> Daemon {
    let handles = Handles {
        disk: Handle::current(),
        simulator: Handle::current(),
        http: Handle::current(),
    };
    let starting = Daemon::start(config, None, clock::system(), &handles, stops.clone(), None);
    let started = tokio::time::timeout(LIMIT, starting).await;
    started.expect("it never started").unwrap()
}

/// Looks at the engine until it is as wanted.
async fn until(looks: &Looks, what: &str, wanted: impl Fn(&Picture) -> bool) -> Picture {
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
