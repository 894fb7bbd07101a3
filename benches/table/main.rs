//! The table of targets, rows 1 to 9 and 13: what is computed for a frame and for an order, each beside its yardstick in the same rounds.
//!
//! `cargo bench --bench table`. Ratios are what counts: absolute times depend on the machine and its neighbors. Rows 10 to 12 are
//! `round_trip` and `process`.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops where something is wrong"
)]

mod books;
#[path = "../support/desk.rs"]
mod desk;
#[path = "../support/frames/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses a part of it")]
mod frames;
mod orders;
mod rounds;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const UPDATES: usize = 100_000;
/// A snapshot of depth 1000 has the bytes of some three hundred updates.
const SNAPSHOTS: usize = 400;
/// Lines of row 5 that take their frames in turn.
const LINES: u64 = 16;
const SEED: u64 = 7;

fn main() {
    let btc_usd = [frames::btc_usd()];
    let pairs = frames::universe(SEED, 1000);
    let shallow = frames::single(10, UPDATES, SEED + 1);
    let deep = frames::single(1000, UPDATES, SEED + 2);
    let many = frames::many(&pairs, UPDATES, SEED + 3);

    rounds::head();
    books::books("1  book frame, depth 10", 1.8, &btc_usd, 10, &shallow);
    books::books("1  book frame, depth 1000", 1.8, &btc_usd, 1000, &deep);
    books::books("2  book frame, 1,000 symbols", 2.2, &pairs, 10, &many);
    let trades = frames::trades(&pairs, UPDATES, SEED + 4);
    books::messages("3  trade", 3.2, &pairs, &trades);
    let tickers = frames::tickers(&pairs, UPDATES, SEED + 5);
    books::messages("3  ticker", 3.2, &pairs, &tickers);
    let executions = frames::executions(&pairs, UPDATES, SEED + 6);
    books::messages("3  executions", 3.2, &pairs, &executions);
    let snapshots = frames::snapshots(1000, SNAPSHOTS, SEED + 7);
    books::books("4  snapshot, depth 1000", 2.6, &btc_usd, 1000, &snapshots);
    let streams: Vec<_> = (0..LINES)
        .map(|line| frames::single(10, UPDATES / LINES as usize, SEED + 10 + line))
        .collect();
    orders::pipeline(3.5, &streams);
    orders::encoding(0.2);
    orders::signature(0.6);

    orders::allocations(ALLOCATOR);
    books::allocations("depth 10", &btc_usd, 10, &shallow, ALLOCATOR);
    books::allocations("depth 1000", &btc_usd, 1000, &deep, ALLOCATOR);
    books::allocations("1,000 symbols", &pairs, 10, &many, ALLOCATOR);
    books::tail(10, &shallow);
    books::tail(1000, &deep);
    books::corruptions(10, &shallow, 10);
    books::corruptions(1000, &deep, 50);
}
