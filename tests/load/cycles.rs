//! Whole runs, one after the other: what they leave behind.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::time::timeout;
use tradingd::{
    app::{Stops, Verdict},
    config::Config,
};

use crate::{
    Holdings, LIMIT, alone, config, long, page::Page, runtime, start, until, venue::venue_section,
};

/// What live memory may differ by, whatever the number of runs. It differs by 300 bytes at most; were 64 kept of each run,
/// it would by more than this.
const SLACK: usize = 1024;

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
    let (looks, address) = (daemon.looks(), daemon.http().unwrap());
    let trading = async {
        until(&looks, "a fill", |picture| picture.tally.fills >= 1).await;
        let page = Page::scrape(address).await;
        assert!(page.number("tradingd_fills_total") >= 1);
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
    let mut held = Vec::with_capacity(11 * few);
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
