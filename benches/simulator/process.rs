//! `tradingd sim` as a child of the bench: its addresses, its memory, its processor time.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tradingd");

/// A running simulator. Killed in the end.
pub struct Simulator {
    child: Child,
    said: Value,
}

impl Simulator {
    /// Starts one and waits until it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        // More connections from one address than Kraken takes in ten minutes.
        let unlimited = ["--set", "sim.connection_attempts=0"];
        command
            .args(["sim", "-o", "json"])
            .args(unlimited)
            .args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { child, said }
    }

    /// Address of the public socket.
    pub fn socket(&self) -> &str {
        self.said["ws"].as_str().unwrap()
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = self.read("status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        let kibibytes = line.split_whitespace().nth(1).unwrap();
        1024 * kibibytes.parse::<u64>().unwrap()
    }

    /// Processor time so far: its own, and the kernel's for it.
    pub fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        let after_name = stat.rsplit_once(')').unwrap().1;
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
        // The kernel's unit here is a hundredth of a second on every Linux.
        Duration::from_millis(10 * ticks)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Where it has ended there is nothing to kill.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
