//! Rows 1 to 4, 8, 9 and 13: frames to messages and verified books, beside `IgnoredAny` over the same frames.

use std::{alloc::System, hint::black_box};

use serde::de::IgnoredAny;
use stats_alloc::{Region, StatsAlloc};
use tradingd::{
    engine::book::{Book, BookFault},
    types::{InstrumentId, Quantity, Symbol},
    venue::kraken::decode::{Buffers, Decoder, Listing, Message},
};

use super::{
    frames::{self, Frames, Pair},
    rounds::Rounds,
};

/// A syntax check and nothing else.
pub fn ignore(frame: &[u8]) {
    black_box(serde_json::from_slice::<IgnoredAny>(frame).unwrap());
}

/// A decoder that knows these pairs by their position.
pub fn decoder(pairs: &[Pair]) -> Decoder {
    let mut decoder = Decoder::new();
    for (id, pair) in (0..).zip(pairs) {
        decoder.list(Listing {
            id: InstrumentId(id),
            symbol: Symbol::new(&pair.symbol).unwrap(),
            price_precision: pair.price_precision,
            qty_precision: pair.qty_precision,
        });
    }
    decoder
}

/// Decoder, buffers and books for some pairs.
struct Shelf {
    decoder: Decoder,
    buffers: Buffers,
    books: Vec<Book>,
    faults: u64,
}

impl Shelf {
    fn new(pairs: &[Pair], depth: usize) -> Self {
        Self {
            decoder: decoder(pairs),
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

/// Rows 1, 2 and 4: each round takes the frames into empty books.
pub fn books(name: &str, target: f64, pairs: &[Pair], depth: usize, frames: &Frames) {
    let mut faults = 0;
    let rounds = Rounds::run(
        || frames.iter().for_each(ignore),
        || {
            let mut shelf = Shelf::new(pairs, depth);
            frames.iter().for_each(|frame| shelf.frame(frame));
            faults += shelf.faults;
        },
    );
    rounds.print(name, frames.mean_bytes(), frames.len(), target);
    println!("13 mismatches: {faults} (target 0)");
}

/// Row 3.
pub fn messages(name: &str, target: f64, pairs: &[Pair], frames: &Frames) {
    let mut shelf = Shelf::new(pairs, 10);
    let rounds = Rounds::run(
        || frames.iter().for_each(ignore),
        || frames.iter().for_each(|frame| shelf.frame(frame)),
    );
    rounds.print(name, frames.mean_bytes(), frames.len(), target);
    assert_eq!(shelf.faults, 0, "{name}: frames that were not decoded");
}

/// Row 8: allocations in steady state.
pub fn allocations(
    name: &str,
    pairs: &[Pair],
    depth: usize,
    frames: &Frames,
    allocator: &StatsAlloc<System>,
) {
    let mut shelf = Shelf::new(pairs, depth);
    let warm = frames.len() / 10;
    frames
        .iter()
        .take(warm)
        .for_each(|frame| shelf.frame(frame));
    let region = Region::new(allocator);
    frames
        .iter()
        .skip(warm)
        .for_each(|frame| shelf.frame(frame));
    let change = region.change();
    println!(
        "8  allocations, {name}: {} over {} frames (target 0)",
        change.allocations + change.reallocations,
        frames.len() - warm
    );
}

/// Row 9: for each frame the least of seven rounds, less the clock's own cost; then the 99.9th percentile.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub fn tail(depth: usize, frames: &Frames) {
    use std::time::Instant;
    fn timed(work: impl FnOnce()) -> u128 {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos()
    }
    let clock = (0..100_000).map(|_| timed(|| ())).min().unwrap_or(0);
    let mut least = vec![(u128::MAX, u128::MAX); frames.len()];
    let pairs = [frames::btc_usd()];
    for _ in 0..7 {
        let mut shelf = Shelf::new(&pairs, depth);
        for (least, frame) in least.iter_mut().zip(frames.iter()) {
            least.0 = least.0.min(timed(|| ignore(frame)));
            least.1 = least.1.min(timed(|| shelf.frame(frame)));
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
pub fn corruptions(depth: usize, frames: &Frames, every: usize) {
    let mut shelf = Shelf::new(&[frames::btc_usd()], depth);
    let (mut injected, mut noticed) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        let before = shelf.books[0].clone();
        shelf.frame(frame);
        if number == 0 || number % every != 0 {
            continue;
        }
        let after = &shelf.books[0];
        let mut update = shelf.buffers.book.clone();
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
                level.qty = level.qty.checked_add(Quantity::new(1).unwrap()).unwrap();
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
