//! The real program as its operator sees it: started, killed, stopped, told on, by signals and sockets.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};

use crate::{
    sim_verb::{Running, arm},
    support::ANY_PORT,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// What a daemon says to whoever insists.
const HURRYING: &str = "told while stopping: hurrying";
const LEAVING: &str = "told while hurrying: leaving at once";
const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml");

/// A running `tradingd run` on the built-in simulator.
struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

fn daemon(state: &Path, notify: Option<&Path>) -> Daemon {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    command
        .args(["run", "-c", DEFAULT, "--set", "sim.rate=400.0", "--set"])
        .arg(format!("state.dir=\"{}\"", state.display()))
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    if let Some(path) = notify {
        command
            .env("NOTIFY_SOCKET", path)
            .env("WATCHDOG_USEC", "600000");
    }
    Daemon::start(command)
}

/// The same, started with a signal ignored.
fn deaf(signal: &str, state: &Path) -> Daemon {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("trap '' {signal}; exec \"$@\""), "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("tradingd"))
        .args(["run", "-c", DEFAULT, "--set", "sim.rate=400.0", "--set"])
        .arg(format!("state.dir=\"{}\"", state.display()))
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    Daemon::start(command)
}

/// Reads lines on a thread of its own, so that the program never waits for its reader.
fn read(stderr: ChildStderr) -> Receiver<String> {
    let (lines, read) = sync_channel(100_000);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    read
}

impl Daemon {
    fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = read(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// The next line that holds a text.
    fn line(&self, text: &str) -> String {
        self.line_of(&[text])
    }

    /// The next line that holds one of these texts.
    fn line_of(&self, texts: &[&str]) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if texts.iter().any(|text| line.contains(text)) => return line,
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {texts:?} in:\n{}", seen.join("\n"))
                }
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Its exit code, once it has closed its log.
    fn exit_code(mut self) -> Option<i32> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_line) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        self.child.wait().unwrap().code()
    }
}

fn verify(state: &Path) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    let output = command.arg("verify").arg(state).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_run_after_kill_nine_knows_the_orders_that_rest_and_ends_them() {
    let state = tempfile::tempdir().unwrap();
    let first = daemon(state.path(), None);
    first.line("ready");
    first.line("fill");
    first.signal(Signal::KILL);
    assert_eq!(first.exit_code(), None);

    let second = daemon(state.path(), None);
    let recovered = second.line("recovered from the journal");
    assert!(
        !recovered.contains("orders=0"),
        "orders rested at the kill: {recovered}"
    );
    second.line("ready");
    second.line("fill");
    second.signal(Signal::TERM);
    second.line("no order of ours rests");
    assert_eq!(second.exit_code(), Some(0));
    verify(state.path());
}

/// A closed terminal is heard from the kernel and from the shell, and nobody means to hurry.
#[test]
fn hangups_stop_in_order_however_many_come() {
    let state = tempfile::tempdir().unwrap();
    let daemon = daemon(state.path(), None);
    daemon.line("ready");
    daemon.line("fill");
    daemon.signal(Signal::HUP);
    daemon.line("signal=\"SIGHUP\"");
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::HUP);
    let end = daemon.line_of(&["no order of ours rests", "hurrying"]);
    assert!(end.contains("no order of ours rests"), "{end}");
    assert_eq!(daemon.exit_code(), Some(0));
    verify(state.path());
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let state = tempfile::tempdir().unwrap();
    let daemon = deaf("HUP", state.path());
    daemon.line("ready");
    daemon.signal(Signal::HUP);
    daemon.line("fill");
    daemon.signal(Signal::TERM);
    let first = daemon.line(" signal=");
    assert!(first.contains("SIGTERM"), "{first}");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn a_demo_leaves_nothing_behind_when_its_terminal_closes() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    command
        .arg("demo")
        .stdin(Stdio::null())
        .env("TMPDIR", temporary.path())
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    let demo = Daemon::start(command);
    demo.line("ready");
    let there = || temporary.path().read_dir().unwrap().count();
    assert_eq!(there(), 1);
    demo.signal(Signal::HUP);
    demo.line("no order of ours rests");
    assert_eq!(demo.exit_code(), Some(0));
    assert_eq!(there(), 0);
}

#[test]
fn a_second_instance_on_one_state_directory_is_refused_and_names_the_first() {
    let state = tempfile::tempdir().unwrap();
    let first = daemon(state.path(), None);
    first.line("ready");
    let second = daemon(state.path(), None);
    let refused = second.line("in use by process");
    assert!(refused.contains(&first.child.id().to_string()), "{refused}");
    assert_eq!(second.exit_code(), Some(3));
    first.signal(Signal::INT);
    assert_eq!(first.exit_code(), Some(0));
}

/// A daemon that trades at a simulator of its own process and, once it is to stop, waits for as long as it takes.
fn patient(venue: &Value, state: &Path) -> Daemon {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    command.args(["run", "-c", DEFAULT]);
    for key in ["rest", "ws", "ws_auth"] {
        command.args(["--set", &format!("venue.{key}={}", venue[key])]);
    }
    for set in [
        "venue.api_key=\"env:KEY\"",
        "venue.api_secret=\"env:SECRET\"",
        "shutdown.park=\"600s\"",
        "deadlines.join=\"600s\"",
        &format!("state.dir=\"{}\"", state.display()),
    ] {
        command.args(["--set", set]);
    }
    let account = &venue["accounts"][0];
    command
        .env("KEY", account["key"].as_str().unwrap())
        .env("SECRET", account["secret"].as_str().unwrap())
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    Daemon::start(command)
}

/// Its budgets are endless, and the venue hangs in the middle of trading.
#[test]
fn a_second_signal_hurries_and_a_third_leaves_at_once_while_the_venue_hangs() {
    for further in [&[HURRYING][..], &[HURRYING, LEAVING]] {
        let state = tempfile::tempdir().unwrap();
        let mut venue = Running::start(&["-o", "json"]);
        let daemon = patient(&venue.listening(), state.path());
        daemon.line("ready");
        daemon.line("fill");
        venue.freeze();
        daemon.signal(Signal::TERM);
        daemon.line("stopping: strategies stop");
        // At once, since the first of them leaves a second only. Two of a kind would be one.
        for (signal, _word) in [Signal::TERM, Signal::INT].into_iter().zip(further) {
            daemon.signal(signal);
        }
        for word in further {
            daemon.line(word);
        }
        let named = daemon.line("may rest");
        assert!(named.contains("td"), "{named}");
        assert_eq!(daemon.exit_code(), Some(75));
        verify(state.path());
    }
}

/// The venue refuses the key and lists no orders; nobody has asked the daemon to stop, and it would look for ten minutes.
#[test]
fn parking_over_a_mute_venue_ends_once_somebody_insists() {
    for (first, further) in [
        (Signal::HUP, &[HURRYING][..]),
        (Signal::TERM, &[HURRYING, LEAVING]),
    ] {
        let state = tempfile::tempdir().unwrap();
        let mut venue = Running::start(&["-o", "json"]);
        let told = venue.listening();
        let daemon = patient(&told, state.path());
        daemon.line("ready");
        daemon.line("fill");
        for rule in [
            json!({"kind": "rest_ignore", "on": "OpenOrders", "times": 1_000}),
            json!({"kind": "rest_error", "on": "GetWebSocketsToken", "text": "EAPI:Invalid key", "times": 1_000}),
            json!({"kind": "drop", "on": "private"}),
        ] {
            arm(told["control"].as_str().unwrap(), &rule);
        }
        daemon.line("parking orders over REST");
        // The first asks for what goes on already, and a hangup never insists.
        daemon.signal(first);
        daemon.line("stopping already");
        daemon.signal(Signal::HUP);
        for (signal, _word) in [Signal::TERM, Signal::INT].into_iter().zip(further) {
            daemon.signal(signal);
        }
        for word in further {
            let heard = daemon.line(" signal=");
            assert!(!heard.contains("SIGHUP"), "{heard}");
            daemon.line(word);
        }
        daemon.line("not parked in time");
        let named = daemon.line("error: ");
        assert!(named.contains("EAPI:Invalid key"), "{named}");
        assert!(named.contains("orders may rest"), "{named}");
        assert_eq!(daemon.exit_code(), Some(77));
        verify(state.path());
    }
}

/// The signal that would kill it is ignored, so that its writes fail as on a full disk.
#[test]
fn a_journal_that_finds_no_more_room_ends_the_run_with_exit_code_74() {
    let state = tempfile::tempdir().unwrap();
    let first = deaf("XFSZ", state.path());
    first.line("ready");
    first.line("fill");
    // The journal is longer already, the file of nonces never will be.
    let room = Rlimit {
        current: Some(4_096),
        maximum: Some(4_096),
    };
    prlimit(Some(Pid::from_child(&first.child)), Resource::Fsize, room).unwrap();
    first.line("only cancels leave from now on");
    first.line("error: the journal cannot be written or synced");
    assert_eq!(first.exit_code(), Some(74));

    let second = daemon(state.path(), None);
    second.line("ready");
    second.signal(Signal::TERM);
    assert_eq!(second.exit_code(), Some(0));
    verify(state.path());
}

/// The next message to the service manager with a line that begins so.
fn heard(socket: &UnixDatagram, wanted: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.lines().any(|line| line.starts_with(wanted)) {
            return text;
        }
    }
}

#[test]
fn the_service_manager_hears_ready_status_watchdog_and_stopping() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = |wanted| heard(&socket, wanted);
    let daemon = daemon(state.path(), Some(&path));
    heard("READY=1");
    let alive = heard("WATCHDOG=1");
    assert!(
        alive.contains("STATUS=Trading: 3 of 3 books verified"),
        "{alive}"
    );
    daemon.signal(Signal::TERM);
    heard("STOPPING=1");
    assert_eq!(daemon.exit_code(), Some(0));
}

/// The whole process hangs; a single task that does is `app/notify.rs`'s.
#[test]
fn a_process_that_hangs_feeds_no_watchdog_and_goes_on_when_it_lives_again() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let daemon = daemon(state.path(), Some(&path));
    daemon.line("ready");
    daemon.signal(Signal::STOP);
    // Whatever was sent before the stop is taken; then nothing comes for two watchdog intervals.
    socket
        .set_read_timeout(Some(Duration::from_millis(1_200)))
        .unwrap();
    let mut buffer = [0; 4096];
    while socket.recv(&mut buffer).is_ok() {}
    daemon.signal(Signal::CONT);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(
        socket.recv(&mut buffer).is_ok(),
        "it goes on feeding once it lives again"
    );
    daemon.signal(Signal::KILL);
    assert_eq!(daemon.exit_code(), None);
}

#[test]
fn a_start_that_waits_for_the_venue_hears_the_signal() {
    let state = tempfile::tempdir().unwrap();
    // Somebody who accepts and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let path = state.path().join("tradingd.toml");
    let config = format!(
        "state.dir = '{}'\n[venue]\nrest = 'http://{address}'\nws = 'ws://{address}/v2'\nws_auth = 'ws://{address}/v2'\n\
         api_key = 'env:KEY'\napi_secret = 'env:SECRET'\n",
        state.path().display()
    );
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    command
        .args(["run", "-c"])
        .arg(&path)
        .env(ANY_PORT.0, ANY_PORT.1)
        .env("KEY", "key")
        .env("SECRET", "c2VjcmV0")
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    let daemon = Daemon::start(command);
    let (_question, _from) = mute.accept().unwrap();
    daemon.signal(Signal::TERM);
    daemon.line("SIGTERM");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn a_locked_key_is_waited_for_with_the_service_managers_leave() {
    let state = tempfile::tempdir().unwrap();
    let notify = state.path().join("notify");
    let socket = UnixDatagram::bind(&notify).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = state.path().join("tradingd.toml");
    let config = format!(
        "state.dir = '{}'\nnetwork.start = '2s'\n[[sim.faults]]\nkind = 'rest_error'\non = 'Balance'\n\
         text = 'EGeneral:Temporary lockout'\n",
        state.path().display()
    );
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tradingd"));
    command
        .args(["run", "-c"])
        .arg(&path)
        .env(ANY_PORT.0, ANY_PORT.1)
        .env("NOTIFY_SOCKET", &notify)
        .env_remove("STATE_DIRECTORY");
    let daemon = Daemon::start(command);
    // Fifteen minutes, the time to ask and the time to become ready.
    let told = heard(&socket, "EXTEND_TIMEOUT_USEC=932000000");
    assert!(told.contains("STATUS=waiting 900s"), "{told}");
    assert!(told.contains("EGeneral:Temporary lockout"), "{told}");
    daemon.line("the venue has locked the key");
    daemon.signal(Signal::TERM);
    daemon.line("SIGTERM");
    assert_eq!(daemon.exit_code(), Some(0));
}
