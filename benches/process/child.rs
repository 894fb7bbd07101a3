//! The real program as a child of the bench, and what it tells the service manager.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tradingd");
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `tradingd run`. Killed if it is still there in the end.
pub struct Daemon {
    child: Child,
    socket: UnixDatagram,
    started: Instant,
    http: SocketAddr,
    _directory: TempDir,
}

impl Daemon {
    /// Starts it with a config, on a state directory in a directory that it brings along.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub fn start(directory: TempDir, config: &str) -> Self {
        let (file, notify) = (
            directory.path().join("config.toml"),
            directory.path().join("notify"),
        );
        fs::write(&file, config).unwrap();
        let socket = UnixDatagram::bind(&notify).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = program();
        command.arg("run").arg("-c").arg(file);
        command.env("NOTIFY_SOCKET", notify);
        // Free now, and nobody else starts anything meanwhile.
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = http.local_addr().unwrap();
        command.env("TRADINGD__HTTP__LISTEN", http.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        Self {
            child: command.spawn().unwrap(),
            socket,
            started,
            http,
            _directory: directory,
        }
    }

    /// Waits until it is ready; says how long that took from the start.
    pub fn ready(&self) -> Duration {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).expect("it becomes ready");
            let took = self.started.elapsed();
            if String::from_utf8_lossy(&buffer[..length]).contains("READY=1") {
                return took;
            }
        }
    }

    /// A line of `/proc/PID/status`, in bytes.
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kibibytes = line.split_whitespace().nth(1).unwrap();
        1024 * kibibytes.parse::<u64>().unwrap()
    }

    /// The page of metrics, and how long it took from connect to close.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub fn scrape(&self) -> (String, Duration) {
        let asked = Instant::now();
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let took = asked.elapsed();
        let (head, page) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        (page.to_owned(), took)
    }

    /// Processor time of each thread so far, by its name.
    pub fn threads(&self) -> BTreeMap<String, Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let mut spent = BTreeMap::<_, Duration>::new();
        for task in tasks {
            let path = task.unwrap().path();
            let name = fs::read_to_string(path.join("comm")).unwrap();
            let times = fs::read_to_string(path.join("schedstat")).unwrap();
            let nanos = times.split_whitespace().next().unwrap().parse().unwrap();
            *spent.entry(name.trim().to_owned()).or_default() += Duration::from_nanos(nanos);
        }
        spent
    }

    /// SIGTERM; says how long it took to end in order.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub fn stop(mut self) -> Duration {
        let told = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let took = told.elapsed();
        assert!(status.success(), "it did not end in order: {status}");
        took
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Where it has ended there is nothing to kill.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The program, apart from whatever service manager the bench runs under.
pub fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in ["STATE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        command.env_remove(name);
    }
    command
}
