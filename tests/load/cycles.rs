//! The same thing over and over: whole runs, and connections that are cut.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;
use tradingd::{
    app::{Stops, Verdict, clock},
    config::Config,
    engine::event::Link,
    sim::{
        Settings, Simulator,
        faults::{Fault, SocketFault},
        server::Role,
    },
};

use crate::{Holdings, LIMIT, alone, config, long, runtime, start, until, venue::venue_section};

/// What live memory may differ by, whatever the number of runs: lazily made tables and buffers of a process.
const SLACK: usize = 64 * 1024;

/// A simulator in a process of its own, so that what it remembers is not ours.
struct Venue {
    child: Child,
    told: Value,
}

impl Venue {
    fn start(accounts: usize) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"))
            .args(["sim", "-o", "json", "--accounts", &accounts.to_string()])
            .args(["--set", "sim.connection_attempts=0"])
            .args(["--set", "sim.rate=1000.0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap();
        Self { child, told }
    }

    /// The default config, against one of the accounts.
    fn config(&self, account: usize, directory: &std::path::Path) -> Config {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let urls = ["rest", "ws", "ws_auth"].map(|name| text(&self.told[name]));
        let key = ["key", "secret"].map(|name| text(&self.told["accounts"][account][name]));
        let section = venue_section(
            urls.each_ref().map(String::as_str),
            key.each_ref().map(String::as_str),
            directory,
        );
        config(&section, directory)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Connects, trades, disconnects; gives what is held once everything that was begun has ended.
async fn cycle(config: &Config, before: usize) -> Holdings {
    let stops = Stops::default();
    let daemon = start(config, &stops).await;
    let looks = daemon.looks();
    let trading = async {
        until(&looks, "a fill", |picture| picture.tally.fills >= 1).await;
        drop(looks);
        stops.stop.cancel();
    };
    let (report, ()) = tokio::join!(daemon.run(), trading);
    assert_eq!(report.verdict, Verdict::Clean);
    drop(report);
    let settled = async {
        // Connections of HTTP end by themselves once their client is gone.
        loop {
            let held = Holdings::now();
            if (held.tasks, held.descriptors) == (0, before) {
                return held;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, settled)
        .await
        .expect("a task or a descriptor is left")
}

#[test]
fn runs_leave_no_task_no_descriptor_and_no_memory() {
    let _alone = alone();
    let few = if long() { 20 } else { 3 };
    let venue = Venue::start(11 * few);
    let mut held = Vec::new();
    runtime().block_on(async {
        let before = Holdings::now().descriptors;
        for account in 0..11 * few {
            let directory = tempfile::tempdir().unwrap();
            let config = venue.config(account, directory.path());
            held.push(cycle(&config, before).await.bytes);
        }
    });
    let [early, late] = [few, 11 * few].map(|runs| held[runs - 1]);
    println!(
        "live after {few} runs {early} bytes, after {} more {late}",
        10 * few
    );
    assert!(late <= early + SLACK, "{early} then {late}: {held:?}");
}

#[test]
fn connections_cut_a_thousand_times_leave_a_daemon_that_trades_and_holds_no_more() {
    let _alone = alone();
    let cuts = if long() { 1_000 } else { 100 };
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let settings = Settings {
            seed: 11,
            rate: 400.0,
            connection_attempts: 0,
            ..Settings::default()
        };
        let sim = Simulator::start(&settings, None, clock::system())
            .await
            .unwrap();
        let addresses = sim.addresses();
        let account = &sim.accounts()[0];
        let urls = [
            addresses.rest_url(),
            addresses.ws_url(Role::Public),
            addresses.ws_url(Role::Private),
        ];
        let section = venue_section(
            urls.each_ref().map(String::as_str),
            [&account.key, &account.secret_base64],
            directory.path(),
        );
        let mut config = config(&section, directory.path());
        config.kraken.connections.attempts = u16::MAX;
        config.kraken.reconnect.base = Duration::from_millis(1);
        config.kraken.reconnect.max = Duration::from_millis(2);
        config.kraken.reconnect.minimum = Duration::from_millis(1);
        let stops = Stops::default();
        let daemon = start(&config, &stops).await;
        let (looks, (public, _)) = (daemon.looks(), daemon.counters());
        let cutting = async {
            until(&looks, "a fill", |picture| picture.tally.fills >= 1).await;
            let before = Holdings::now();
            for cut in 1..=cuts {
                let ending = match cut % 4 {
                    0 => SocketFault::Reset,
                    1 => SocketFault::HalfClose,
                    2 => SocketFault::Close(1001, "going away".to_owned()),
                    _ => SocketFault::Drop,
                };
                sim.faults().arm(Fault::Socket(Role::Public, ending), 1);
                let public = Arc::clone(&public);
                until(&looks, "up again", |picture| {
                    public.lost_connections.get() == cut && picture.feed == Link::Up
                })
                .await;
            }
            let fills = looks.picture().await.unwrap().tally.fills;
            until(&looks, "fills after all that", |picture| {
                picture.tally.fills > fills
            })
            .await;
            let after = Holdings::now();
            println!("{cuts} cuts: before {before:?}, after {after:?}");
            // A call over HTTP may be on its way at either look: a connection at each end.
            assert!(
                after.descriptors <= before.descriptors + 4,
                "{before:?} {after:?}"
            );
            assert!(after.tasks <= before.tasks + 4, "{before:?} {after:?}");
            drop(looks);
            stops.stop.cancel();
        };
        let (report, ()) = tokio::join!(daemon.run(), cutting);
        assert_eq!(report.verdict, Verdict::Clean);
        sim.shutdown().await;
    });
}
