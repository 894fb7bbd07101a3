//! The simulator under load: the matching core, the feed as it is served, and what a connection costs.
//!
//! `cargo bench --bench simulator`. The core runs in this process, by the processor time of its thread; the feed is that of
//! `tradingd sim` as a child process, read over real sockets, by the processor time of that process.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops where something is wrong"
)]

mod crowd;
mod feed;
mod matching;
mod process;
#[path = "../table/rounds.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod rounds;

fn main() {
    matching::core();
    matching::venue();
    feed::served();
    feed::connections();
    feed::thousand_pairs();
}
