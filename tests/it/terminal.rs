//! `tradingd demo` on a terminal: what is drawn, and what happens when the terminal goes away.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use tempfile::TempDir;

use crate::support::LIMIT;

/// A demo on a terminal of its own, with its temporary files in a folder of its own; killed when dropped.
struct Demo {
    child: Child,
    terminal: Option<File>,
    temporary: TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The terminal has no size.
fn demo(arguments: &[&str]) -> Demo {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let inside = || {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(name.to_str().unwrap());
        Stdio::from(file.unwrap())
    };
    let temporary = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_tradingd"))
        .arg("demo")
        .args(arguments)
        .stdin(inside())
        .stdout(inside())
        .stderr(inside())
        .env("TERM", "xterm")
        // No program beside it may tell the size.
        .env("PATH", "")
        .env("TMPDIR", temporary.path())
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET")
        .spawn()
        .unwrap();
    Demo {
        child,
        terminal: Some(File::from(terminal)),
        temporary,
    }
}

impl Demo {
    /// What is shown until a text has been shown.
    fn shown_until(&mut self, text: &str) -> String {
        let mut terminal = self.terminal.as_ref().unwrap();
        let limit = Timespec::try_from(LIMIT).unwrap();
        let mut shown = String::new();
        while !shown.contains(text) {
            let mut watched = [PollFd::new(&terminal, PollFlags::IN)];
            let ready = poll(&mut watched, Some(&limit)).unwrap();
            assert_eq!(ready, 1, "{text:?} is not shown: {shown:?}");
            let mut bytes = [0; 4096];
            let length = terminal.read(&mut bytes).unwrap();
            shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        shown
    }

    fn press(&self, key: &[u8]) {
        self.terminal.as_ref().unwrap().write_all(key).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let pause = Duration::from_millis(10);
        for _ in 0..LIMIT.as_millis() / pause.as_millis() {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(pause);
        }
        panic!("it does not end");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_demo_in_order_and_leaves_nothing_behind() {
    let mut demo = demo(&[]);
    demo.shown_until("TRADING");
    drop(demo.terminal.take());
    demo.signal(Signal::HUP);
    assert_eq!(demo.exit_code(), Some(0));
    assert_eq!(demo.temporary.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_terminal_without_a_size_is_drawn_on_and_q_stops() {
    let mut demo = demo(&[]);
    let shown = demo.shown_until("stops: strategies stop");
    for there in ["BTC/USD", "rest_public", "rest_private", "order_entry"] {
        assert!(shown.contains(there), "{there}: {shown:?}");
    }
    demo.press(b"\x1b[A");
    demo.press(b"q");
    demo.shown_until("\u{1b}[?1049l");
    assert_eq!(demo.exit_code(), Some(0));
}

#[test]
fn plain_shows_lines_on_a_terminal_too() {
    let mut demo = demo(&["--plain"]);
    let shown = demo.shown_until("ready");
    assert!(shown.contains("INFO") && !shown.contains("\u{1b}[?1049h"));
    demo.signal(Signal::TERM);
    demo.shown_until("no order of ours rests");
    assert_eq!(demo.exit_code(), Some(0));
}
