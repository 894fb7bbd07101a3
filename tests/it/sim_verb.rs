//! `tradingd sim` as whoever starts it sees it: the real program, its output, its end.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;

use crate::support::LIMIT;

/// A simulator that runs; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradingd"));
    command.arg("sim").args(arguments).stdin(Stdio::null());
    command
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = sim(arguments).output().unwrap();
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8(stderr).unwrap())
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = sim(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// What it tells once it listens.
    pub(crate) fn listening(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// It hangs from when this returns: a signal that was sent need not have been heard.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let child = Some(Pid::from_child(&self.child));
        let (_, status) = waitpid(child, WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    /// How it ends and what else it printed.
    fn end(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status, rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let pause = Duration::from_millis(10);
    let mut left = LIMIT.as_millis() / pause.as_millis();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(left > 0, "it does not end");
        left -= 1;
        thread::sleep(pause);
    }
}

/// The body of a plain GET.
fn get(url: &str) -> Value {
    call("GET", url, "")
}

/// Arms a fault, given the address of the control endpoint.
pub(crate) fn arm(control: &str, rule: &Value) {
    call("POST", &format!("{control}/faults"), &rule.to_string());
}

fn call(method: &str, url: &str, body: &str) -> Value {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).unwrap()
}

fn port(url: &Value) -> u16 {
    let authority = url.as_str().unwrap().split('/').nth(2).unwrap();
    authority.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn the_json_line_says_where_it_listens_and_sigterm_ends_it_in_order() {
    let mut running = Running::start(&["-o", "json", "--accounts", "2", "--tier", "intermediate"]);
    let told = running.listening();
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "accounts", "control", "keys", "rest", "ws", "ws_auth", "ws_l3"
        ]
    );
    let accounts = told["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 2);
    assert_ne!(accounts[0]["key"], accounts[1]["key"]);
    for account in accounts {
        let keys: Vec<&String> = account.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["key", "secret", "tier"]);
        assert_eq!(account["tier"], "intermediate");
    }
    let keys = told["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for (key, account) in keys.iter().zip(accounts) {
        assert_eq!(key["name"], "trading");
        assert_eq!(key["permissions"].as_array().unwrap().len(), 7);
        assert_eq!(
            (&key["key"], &key["secret"]),
            (&account["key"], &account["secret"])
        );
    }
    for socket in ["ws", "ws_auth", "ws_l3"] {
        let url = told[socket].as_str().unwrap();
        assert!(
            url.starts_with("ws://127.0.0.1:") && url.ends_with("/v2"),
            "{url}"
        );
        TcpStream::connect(("127.0.0.1", port(&told[socket]))).unwrap();
    }
    let time = get(&format!("{}/0/public/Time", told["rest"].as_str().unwrap()));
    assert_eq!(time["error"], serde_json::json!([]));
    assert!(time["result"]["unixtime"].is_u64(), "{time}");
    running.signal(Signal::TERM);
    let (status, rest) = running.end();
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
}

#[test]
fn without_control_there_is_no_control_address() {
    let mut running = Running::start(&["-o", "json", "--no-control"]);
    assert!(running.listening().get("control").is_none());
    let (code, told) = refused(&["--control-addr", "0.0.0.0:0"]);
    assert_ne!(code, Some(0));
    assert!(told.contains("loopback"), "{told}");
}

#[test]
fn for_people_it_prints_addresses_and_keys_and_ctrl_c_ends_it() {
    let mut running = Running::start(&[]);
    let lines: Vec<String> = (0..11).map(|_| running.line()).collect();
    let text = lines.concat();
    for part in [
        "ctrl-c",
        "REST            http://127.0.0.1:",
        "private socket  ws://",
        "control         http://127.0.0.1:",
        "account 1\n",
        "  secret  ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    running.signal(Signal::INT);
    assert_eq!(running.end().0.code(), Some(0));
}

#[test]
fn a_closed_terminal_ends_it_in_order() {
    let mut running = Running::start(&["-o", "json"]);
    running.listening();
    running.signal(Signal::HUP);
    assert_eq!(running.end().0.code(), Some(0));
}

#[test]
fn the_config_s_section_counts_and_arguments_win() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sim.toml");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    fs::write(
        &path,
        format!(
            "[sim]\nseed = 7\naccounts = 3\ntier = 'starter'\nrest_addr = '127.0.0.1:{port}'\n"
        ),
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let mut running = Running::start(&["-o", "json", "-c", path, "--accounts", "1"]);
    let told = running.listening();
    assert_eq!(told["rest"], format!("http://127.0.0.1:{port}"));
    let accounts = told["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0]["tier"], "starter");
    // Keys follow from the seed.
    let mut same = Running::start(&["-o", "json", "--seed", "7"]);
    assert_eq!(same.listening()["accounts"][0]["key"], accounts[0]["key"]);
}

#[test]
fn keys_of_the_config_are_listed_with_their_permissions() {
    let key = "sim.keys=[{ name = 'reader', account = 2, permissions = ['query-funds'] }]";
    let accounts = "sim.accounts=2";
    let mut running = Running::start(&["-o", "json", "--set", accounts, "--set", key]);
    let told = running.listening();
    let keys = told["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[2]["name"], "reader");
    assert_eq!(keys[2]["account"], 2);
    assert_eq!(keys[2]["permissions"], serde_json::json!(["query-funds"]));
    assert_ne!(keys[2]["key"], keys[1]["key"]);
    let mut people = Running::start(&["--set", accounts, "--set", key]);
    let text: String = (0..15).map(|_| people.line()).collect();
    assert!(text.contains("(reader)"), "{text}");
}

#[test]
fn with_tls_it_names_the_certificate_to_trust_and_takes_it_away_at_the_end() {
    let mut running = Running::start(&["-o", "json", "--tls"]);
    let told = running.listening();
    let ca = std::path::PathBuf::from(told["ca"].as_str().unwrap());
    assert!(
        fs::read_to_string(&ca)
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    assert!(
        told["rest"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:")
    );
    for socket in ["ws", "ws_auth", "ws_l3"] {
        assert!(
            told[socket]
                .as_str()
                .unwrap()
                .starts_with("wss://127.0.0.1:")
        );
    }
    running.signal(Signal::TERM);
    assert_eq!(running.end().0.code(), Some(0));
    assert!(!ca.exists());
}

#[test]
fn an_address_in_use_is_named_and_ends_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = refused(&["-o", "json", "--ws-auth-addr", &address]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains(&format!(
            "cannot listen on {address}, sim.ws_auth_addr: Address already in use"
        )),
        "{told}"
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_exit_code() {
    let check = |arguments: &[&str], expected: i32, words: &str| {
        let (code, told) = refused(arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    };
    check(&["--speed", "0"], 2, "not a number above zero");
    check(&["--speed", "NaN"], 2, "not a number above zero");
    check(&["--accounts", "0"], 2, "0 is not in");
    check(&["--tier", "gold"], 2, "starter, intermediate, pro");
    check(&["--regime", "stormy"], 2, "flash_crash");
    check(&["--regime", "ABC/XYZ=thin"], 78, "ABC/XYZ is not listed");
    check(&["--set", "sim.extra_pairs=9999"], 78, "extra pairs");
    check(&["--rest-addr", "here"], 2, "--rest-addr");
    let tls = [
        "--set",
        "sim.tls_cert='/does/not/exist.pem'",
        "--set",
        "sim.tls_key='/nor/this.pem'",
    ];
    check(&tls, 78, "cannot use /does/not/exist.pem for TLS");
    check(
        &["--set", "sim.account=[{ number = 7 }]"],
        78,
        "sim.account",
    );
    let fault = "sim.faults=[{ kind = 'checksum', on = 'FOO/USD' }]";
    check(&["--set", fault], 78, "\"FOO/USD\" is not listed");
    check(&["-c", "/does/not/exist.toml"], 78, "/does/not/exist.toml");
    check(&["--set", "sim.spee=2"], 78, "did you mean `speed`?");
    check(
        &["--set", "sim.pairs=['ABC/XYZ']"],
        78,
        "ABC/XYZ is not listed",
    );
    check(
        &["--tape", "BTC/USD=/does/not/exist.csv"],
        78,
        "cannot play a tape",
    );
}

#[test]
fn a_reader_that_is_gone_ends_it_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = sim(&["-o", "json"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = wait(&mut child);
    let mut told = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!((status.code(), told.as_str()), (Some(0), ""));
}
