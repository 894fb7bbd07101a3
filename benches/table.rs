//! The table of targets: what a frame costs, beside serde_json's `IgnoredAny` over the same frames in the same rounds.
//!
//! `cargo bench --bench table`. Ratios are what counts: absolute times depend on the machine and its neighbours. Rows 5, 7 and
//! 10 to 12 are measured elsewhere.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops where something is wrong"
)]

#[path = "support/desk.rs"]
mod desk;
#[path = "support/gen.rs"]
mod frames;

use std::{alloc::System, hint::black_box};

use rustix::time::{ClockId, clock_gettime};
use serde::de::IgnoredAny;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tradingd::{
    engine::book::{Book, BookFault},
    types::{InstrumentId, Symbol},
    venue::kraken::{
        decode::{Buffers, Decoder, Listing, Message},
        encode,
    },
};

use self::frames::{Frames, Pair};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const UPDATES: usize = 100_000;
const SEED: u64 = 7;

/// Processor time of this thread, in nanoseconds.
fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn ignored(frames: &Frames) {
    for frame in frames.iter() {
        black_box(serde_json::from_slice::<IgnoredAny>(frame).unwrap());
    }
}

/// Decoder, buffers and books for some pairs.
struct Desk {
    decoder: Decoder,
    buffers: Buffers,
    books: Vec<Book>,
    faults: u64,
}

impl Desk {
    fn new(pairs: &[Pair], depth: usize) -> Self {
        let mut decoder = Decoder::new();
        for (id, pair) in (0..).zip(pairs) {
            decoder.list(Listing {
                id: InstrumentId(id),
                symbol: Symbol::new(&pair.symbol).unwrap(),
                price_precision: pair.price_precision,
                qty_precision: pair.qty_precision,
            });
        }
        Self {
            decoder,
            buffers: Buffers::new(),
            books: pairs.iter().map(|_| Book::new(depth)).collect(),
            faults: 0,
        }
    }

    #[inline]
    fn frame(&mut self, frame: &[u8]) {
        match self.decoder.decode(frame, &mut self.buffers) {
            Ok(Message::Book(head)) => {
                let proven = self.books[head.instrument.index()].apply(&self.buffers.book);
                self.faults += u64::from(proven.is_err());
            }
            Ok(message) => {
                black_box(&message);
            }
            Err(_) => self.faults += 1,
        }
    }
}

/// Runs both in turn; the median ratio and the least times per frame.
fn row(name: &str, target: f64, frames: &Frames, mut ours: impl FnMut(&Frames)) {
    let mut rounds = Vec::new();
    for round in 0..8 {
        let start = cpu();
        ignored(frames);
        let middle = cpu();
        ours(frames);
        let end = cpu();
        // The first round warms both.
        if round > 0 {
            rounds.push((middle - start, end - middle));
        }
    }
    let per_frame = |total: i64| total as f64 / frames.len() as f64;
    let mut ratios: Vec<f64> = rounds
        .iter()
        .map(|(yardstick, ours)| *ours as f64 / *yardstick as f64)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (ratio, least, most) = (
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1],
    );
    let yardstick = rounds.iter().map(|round| round.0).min().unwrap_or(0);
    let best = rounds.iter().map(|round| round.1).min().unwrap_or(0);
    println!(
        "{name:<44} {:>7} B {:>9.0} ns {:>9.0} ns   {ratio:>5.2} ({least:.2}..{most:.2})   target {target}",
        frames.mean_bytes(),
        per_frame(yardstick),
        per_frame(best),
    );
}

fn books(number: &str, depth: usize, frames: &Frames) {
    let mut faults = 0;
    let pairs = [frames::btc_usd()];
    row(
        &format!("{number}  book frame, depth {depth}"),
        1.8,
        frames,
        |frames| {
            let mut desk = Desk::new(&pairs, depth);
            frames.iter().for_each(|frame| desk.frame(frame));
            faults += desk.faults;
        },
    );
    println!("13 mismatches: {faults} (target 0)");
}

/// Row 8: allocations in steady state.
fn allocations(name: &str, pairs: &[Pair], depth: usize, frames: &Frames) {
    let mut desk = Desk::new(pairs, depth);
    let warm = frames.len() / 10;
    frames.iter().take(warm).for_each(|frame| desk.frame(frame));
    let region = Region::new(ALLOCATOR);
    frames.iter().skip(warm).for_each(|frame| desk.frame(frame));
    let change = region.change();
    println!(
        "8  allocations, {name}: {} over {} frames (target 0)",
        change.allocations + change.reallocations,
        frames.len() - warm
    );
}

/// Row 9: for each frame the least of seven rounds, then the 99.9th percentile.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn tail(depth: usize, frames: &Frames) {
    use std::time::Instant;
    let clock = (0..100_000)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos()
        })
        .min()
        .unwrap_or(0);
    let mut least = vec![(u128::MAX, u128::MAX); frames.len()];
    let pairs = [frames::btc_usd()];
    for _ in 0..7 {
        let mut desk = Desk::new(&pairs, depth);
        for (least, frame) in least.iter_mut().zip(frames.iter()) {
            let start = Instant::now();
            black_box(serde_json::from_slice::<IgnoredAny>(frame).unwrap());
            least.0 = least.0.min(start.elapsed().as_nanos());
            let start = Instant::now();
            desk.frame(frame);
            least.1 = least.1.min(start.elapsed().as_nanos());
        }
    }
    // The snapshot is another row.
    let updates = least.get(1..).unwrap_or_default();
    let percentile = |mut times: Vec<u128>| {
        times.sort_unstable();
        times[times.len() * 999 / 1000].saturating_sub(clock)
    };
    let yardstick = percentile(updates.iter().map(|least| least.0).collect());
    let ours = percentile(updates.iter().map(|least| least.1).collect());
    println!(
        "9  99.9th percentile, depth {depth}: {yardstick} ns, {ours} ns, ratio {:.2}   target 2.5",
        ours as f64 / yardstick as f64
    );
}

/// Row 13: corruptions of a level of the top ten, or of the checksum, and how many were noticed on that frame.
fn corruptions(depth: usize, frames: &Frames, every: usize) {
    let mut desk = Desk::new(&[frames::btc_usd()], depth);
    let (mut injected, mut noticed) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        let before = desk.books[0].clone();
        desk.frame(frame);
        if number == 0 || number % every != 0 {
            continue;
        }
        let after = &desk.books[0];
        let mut update = desk.buffers.book.clone();
        let shown: Vec<_> = after
            .bids()
            .take(10)
            .chain(after.asks().take(10))
            .map(|level| level.price)
            .collect();
        let top = update
            .bids
            .iter_mut()
            .chain(&mut update.asks)
            .find(|level| shown.contains(&level.price));
        match top {
            Some(level) if number % (2 * every) == 0 => {
                level.qty = level
                    .qty
                    .checked_add(tradingd::types::Quantity::new(1).unwrap())
                    .unwrap();
            }
            _ => update.checksum ^= 1 << (number % 32),
        }
        injected += 1;
        let fault = before.clone().apply(&update);
        noticed += u64::from(matches!(
            fault,
            Err(BookFault::Checksum { .. } | BookFault::Crossed { .. })
        ));
    }
    println!("13 corruptions noticed, depth {depth}: {noticed} of {injected} (target all)");
}

/// Row 6: an order written, beside `json!`.
fn orders() {
    let (submit, instrument) = desk::a_submit();
    let order = submit.order.get();
    let mut rounds = Vec::new();
    let mut out = Vec::with_capacity(1024);
    for _ in 0..8 {
        let start = cpu();
        for _ in 0..UPDATES {
            let value = serde_json::json!({"method": "add_order", "params": {
                "order_type": "limit", "side": order.side.as_str(), "symbol": instrument.symbol.as_str(),
                "order_qty": 0.01, "limit_price": 97234.5, "time_in_force": "gtc", "post_only": true,
                "cl_ord_id": submit.cl_ord_id.as_str(), "stp_type": "cancel_newest",
                "deadline": submit.deadline.rfc3339(3).to_string(), "token": desk::TOKEN}, "req_id": submit.id.0});
            black_box(value.to_string());
        }
        let middle = cpu();
        for _ in 0..UPDATES {
            encode::add_order(black_box(&submit), &instrument, desk::TOKEN, &mut out);
            black_box(&out);
        }
        rounds.push((middle - start, cpu() - middle));
    }
    let yardstick = rounds.iter().map(|round| round.0).min().unwrap_or(0);
    let ours = rounds.iter().map(|round| round.1).min().unwrap_or(0);
    let per_order = |total: i64| total as f64 / UPDATES as f64;
    println!(
        "6  order written: json! {:.0} ns, ours {:.0} ns, ratio {:.3}   target 0.2",
        per_order(yardstick),
        per_order(ours),
        ours as f64 / yardstick as f64
    );
    println!(
        "8  allocations per amend, decision to bytes: {} (target 0)",
        desk::allocations_per_amend(ALLOCATOR)
    );
}

fn main() {
    println!(
        "{:<44} {:>9} {:>12} {:>12}   ratio",
        "row", "frame", "IgnoredAny", "ours"
    );
    let shallow = frames::single(10, UPDATES, SEED + 1);
    let deep = frames::single(1000, UPDATES, SEED + 2);
    books("1 ", 10, &shallow);
    books("1 ", 1000, &deep);
    let pairs = frames::universe(SEED, 1000);
    let many = frames::many(&pairs, UPDATES, SEED + 3);
    let mut faults = 0;
    row("2  book frame, 1,000 symbols", 2.2, &many, |frames| {
        let mut desk = Desk::new(&pairs, 10);
        frames.iter().for_each(|frame| desk.frame(frame));
        faults += desk.faults;
    });
    println!("13 mismatches: {faults} (target 0)");
    for (name, frames) in [
        ("3  trade", frames::trades(&pairs, UPDATES, SEED + 4)),
        ("3  ticker", frames::tickers(&pairs, UPDATES, SEED + 5)),
        (
            "3  executions",
            frames::executions(&pairs, UPDATES, SEED + 6),
        ),
    ] {
        let mut desk = Desk::new(&pairs, 10);
        row(name, 3.2, &frames, |frames| {
            frames.iter().for_each(|frame| desk.frame(frame))
        });
        assert_eq!(desk.faults, 0, "{name}");
    }
    let snapshots = frames::snapshots(1000, 400, SEED + 7);
    let mut desk = Desk::new(&[frames::btc_usd()], 1000);
    row("4  snapshot, depth 1000", 2.6, &snapshots, |frames| {
        frames.iter().for_each(|frame| desk.frame(frame))
    });
    assert_eq!(desk.faults, 0, "snapshots");
    orders();
    allocations("depth 10", &[frames::btc_usd()], 10, &shallow);
    allocations("depth 1000", &[frames::btc_usd()], 1000, &deep);
    allocations("1,000 symbols", &pairs, 10, &many);
    tail(10, &shallow);
    tail(1000, &deep);
    corruptions(10, &shallow, 10);
    corruptions(1000, &deep, 50);
}
