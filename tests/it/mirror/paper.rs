//! The real program on paper, and as a mirror of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::ANY_PORT;

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml");

fn tradingd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradingd"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    command
}

/// A `sim` that runs; killed when dropped.
struct Sim {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ws: String,
}

impl Sim {
    fn start(arguments: &[&str]) -> Self {
        let mut command = tradingd(&["sim", "-o", "json", "--set", "sim.rate=400.0"]);
        command.args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let ws = told["ws"].as_str().unwrap().to_owned();
        Self { child, stdout, ws }
    }

    fn end(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let code = self.child.wait().unwrap().code();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        code
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A daemon on paper; lines of its log come one by one.
struct Daemon {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Daemon {
    fn start(state: &Path, mirror: &str) -> Self {
        let mut command = tradingd(&["run", "-c", DEFAULT, "--set", "venue.kind=\"paper\""]);
        command
            .args(["--set", &format!("sim.mirror=\"{mirror}\"")])
            .args(["--set", &format!("state.dir=\"{}\"", state.display())])
            .args(["--set", "network.start=\"2s\""])
            .env(ANY_PORT.0, ANY_PORT.1)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// The next line that holds a text.
    fn line(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let read = self.log.read_line(&mut seen).unwrap();
            assert!(read > 0, "no line with {text:?} in:\n{seen}");
            let line = seen.get(start..).unwrap_or_default();
            if line.contains(text) {
                return line.to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn code(mut self) -> Option<i32> {
        let mut rest = Vec::new();
        self.log.read_to_end(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_daemon_on_paper_trades_stops_in_order_and_its_record_verifies() {
    let (market, state) = (Sim::start(&[]), tempfile::tempdir().unwrap());
    let mut first = Daemon::start(state.path(), &market.ws);
    let told = first.line("tradingd starts");
    assert!(told.contains("Kraken's market, simulated orders"), "{told}");
    first.line("mirrors a live market");
    first.line("ready");
    first.line("fill");
    first.signal(Signal::KILL);
    assert_eq!(first.code(), None);

    let mut second = Daemon::start(state.path(), &market.ws);
    second.line("recovered from the journal");
    second.line("ready");
    second.line("fill");
    second.signal(Signal::TERM);
    second.line("no order of ours rests");
    assert_eq!(second.code(), Some(0));
    let verified = tradingd(&["verify"]).arg(state.path()).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(market.end(), Some(0));
}

#[test]
fn a_daemon_on_paper_outlives_its_market() {
    let (market, state) = (Sim::start(&[]), tempfile::tempdir().unwrap());
    let address = market.ws.clone();
    let mut daemon = Daemon::start(state.path(), &address);
    daemon.line("ready");
    daemon.line("fill");
    drop(market);
    daemon.line("the mirrored market is not heard");
    let port = address.trim_start_matches("ws://").trim_end_matches("/v2");
    let again = Sim::start(&["--ws-addr", port]);
    daemon.line("the mirrored market is heard");
    daemon.line("fill");
    daemon.signal(Signal::TERM);
    daemon.line("no order of ours rests");
    assert_eq!(daemon.code(), Some(0));
    assert_eq!(again.end(), Some(0));
}

#[test]
fn a_market_that_is_not_there_ends_the_start_as_unreachable() {
    let market = Sim::start(&[]);
    let address = market.ws.clone();
    drop(market);
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path(), &address);
    daemon.line("did not answer within 2s");
    assert_eq!(daemon.code(), Some(69));
    let sim = tradingd(&["sim", "--mirror", &address, "--set", "network.start=\"1s\""]);
    let output = { sim }.output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
}

#[test]
fn sim_mirrors_another_sim_and_refuses_what_does_not_go_together() {
    let market = Sim::start(&[]);
    let mirror = Sim::start(&["--mirror", &market.ws]);
    // A mirror of the mirror: it has books, or it would not have started.
    let second = Sim::start(&["--mirror", &mirror.ws]);
    for sim in [second, mirror, market] {
        assert_eq!(sim.end(), Some(0));
    }
    for arguments in [
        &["--mirror", "ws://ws.kraken.com/v2"][..],
        &["--mirror", "https://api.kraken.com"],
        &["--mirror", "wss://localhost/v2", "--tape", "BTC/USD=x"],
        &["--mirror", "wss://localhost/v2", "--recording", "x"],
    ] {
        let output = tradingd(&["sim"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    }
}

#[test]
fn check_says_what_paper_needs() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[venue]\nkind = 'paper'\n").unwrap();
    let output = tradingd(&["check", "-c"])
        .arg(config.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("wss://ws.kraken.com/v2"), "{told}");
    assert!(told.contains("no API key is used"), "{told}");
}
