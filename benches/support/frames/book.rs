//! Books that change as the venue's do, as snapshots and updates.
//!
//! A frame is the net change of the published view: all changes applied, then the cut to the depth. Levels beyond the depth change
//! too and are never sent, so that a client which does not cut drifts, and its checksum shows it.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Dice, Frames, Pair, Zipf, btc_usd, decimal, stamp};
use tradingd::io::rng::stream;

/// One side of the true, deeper book. Keys are `sign × price`, so that the best is first.
struct Side {
    sign: i64,
    keys: Vec<i64>,
    qty: BTreeMap<i64, i64>,
    /// Quantities before this frame.
    before: BTreeMap<i64, Option<i64>>,
    /// Last key of the published view when the frame began.
    bound: Option<i64>,
}

impl Side {
    fn put(&mut self, key: i64, qty: i64) {
        self.before
            .entry(key)
            .or_insert_with(|| self.qty.get(&key).copied());
        if self.qty.insert(key, qty).is_none() {
            let at = self.keys.partition_point(|known| *known < key);
            self.keys.insert(at, key);
        }
    }

    fn pop(&mut self, at: usize) {
        let key = self.keys.remove(at);
        let was = self.qty.remove(&key);
        self.before.entry(key).or_insert(was);
    }

    fn begin(&mut self, depth: usize) {
        self.before.clear();
        self.bound = self.keys.get(depth - 1).copied();
    }

    /// What the venue publishes: removals first, then values; levels that enter at the far end come too.
    fn published(&self, depth: usize) -> Vec<(i64, i64)> {
        let end = self.keys.get(depth - 1).copied();
        let inside = |bound: Option<i64>, key: i64| bound.is_none_or(|bound| key <= bound);
        let mut out = Vec::new();
        for (key, was) in &self.before {
            let seen = was.is_some() && inside(self.bound, *key);
            match self.qty.get(key) {
                None if seen => out.push((key * self.sign, 0)),
                Some(now) if inside(end, *key) && (!seen || *was != Some(*now)) => {
                    out.push((key * self.sign, *now))
                }
                _ => {}
            }
        }
        if let Some(bound) = self.bound {
            let from = self.keys.partition_point(|key| *key <= bound);
            for key in self.keys.iter().take(depth).skip(from) {
                if !self.before.contains_key(key) {
                    out.push((key * self.sign, self.qty[key]));
                }
            }
        }
        out.sort_by_key(|(_, qty)| *qty != 0);
        out
    }
}

/// A book that changes as the venue's do.
struct Book {
    pair: Pair,
    depth: usize,
    true_depth: usize,
    gap: f64,
    sides: [Side; 2],
    dice: Dice,
}

impl Book {
    fn new(pair: &Pair, depth: usize, true_depth: usize, gap: f64, seed: u64) -> Self {
        let mut dice = Dice(stream(seed, 2));
        let mut side = |sign: i64| {
            let (mut keys, mut qty, mut price) =
                (Vec::new(), BTreeMap::new(), pair.mid + i64::from(sign > 0));
            while keys.len() < true_depth && price > 1 {
                keys.push(price * sign);
                qty.insert(price * sign, dice.qty(-1.2, 1.8, pair.qty_precision));
                price += sign * (1 + dice.exponential(gap));
            }
            Side {
                sign,
                keys,
                qty,
                before: BTreeMap::new(),
                bound: None,
            }
        };
        let sides = [side(1), side(-1)];
        Self {
            pair: pair.clone(),
            depth,
            true_depth,
            gap,
            sides,
            dice,
        }
    }

    fn qty(&mut self) -> i64 {
        self.dice.qty(-1.2, 1.8, self.pair.qty_precision)
    }

    fn event(&mut self, index: usize, near: bool) {
        let fate = self.dice.unit();
        let length = self.sides[index].keys.len();
        let place = if fate < 0.62 {
            self.dice.exponential(2.5)
        } else if fate < 0.93 {
            self.dice.exponential(if near { 8.0 } else { 40.0 })
        } else {
            self.dice.below(length as i64)
        };
        let place = (place as usize).min(length - 1);
        let key = self.sides[index].keys[place];
        let fate = self.dice.unit();
        let qty = self.qty();
        if fate < 0.56 {
            return self.sides[index].put(key, qty);
        }
        if fate < 0.77 && length > self.depth + 2 {
            return self.sides[index].pop(place);
        }
        let key = if place == 0 && self.dice.unit() < 0.5 {
            let room = self.spread();
            if room > 1 {
                key - 1 - self.dice.below((room - 1).min(5))
            } else {
                key
            }
        } else {
            let next = self.sides[index]
                .keys
                .get(place + 1)
                .copied()
                .unwrap_or(key + 10);
            if next - key > 1 {
                key + 1 + self.dice.below(next - key - 1)
            } else {
                key
            }
        };
        let side = &mut self.sides[index];
        if key * side.sign > 0 {
            side.put(key, qty);
        }
        if side.keys.len() > self.true_depth + 50 {
            side.pop(side.keys.len() - 1);
        }
    }

    fn spread(&self) -> i64 {
        self.sides[0].keys[0] + self.sides[1].keys[0]
    }

    /// An aggressive order eats the first levels.
    fn sweep(&mut self, index: usize) {
        let most = self.sides[index].keys.len().saturating_sub(self.depth + 1);
        let count = (1 + self.dice.exponential(1.67) as usize)
            .min(8)
            .min(most)
            .max(1);
        for _ in 0..count {
            self.sides[index].pop(0);
        }
    }

    fn refill(&mut self) {
        for index in 0..2 {
            while self.sides[index].keys.len() < self.true_depth.saturating_sub(40) {
                let last = self.sides[index].keys[self.sides[index].keys.len() - 1];
                let key = last + 1 + self.dice.exponential(self.gap);
                if key * self.sides[index].sign <= 0 {
                    break;
                }
                let qty = self.qty();
                self.sides[index].put(key, qty);
            }
        }
    }

    /// Changes the book until something of it is published; that as a frame.
    fn update(&mut self, micros: i64, out: &mut String) {
        let near = self.depth <= 10;
        loop {
            for side in &mut self.sides {
                side.begin(self.depth);
            }
            let fate = self.dice.unit();
            let events = match fate {
                ..0.68 => 1,
                ..0.84 => 2,
                ..0.92 => 3,
                ..0.98 => 4 + self.dice.below(5),
                _ => 9 + self.dice.below(22),
            };
            for _ in 0..events {
                let index = self.dice.below(2) as usize;
                if self.dice.unit() < 0.02 {
                    self.sweep(index);
                } else if self.spread() > 12 && self.dice.unit() < 0.3 {
                    // The spread has grown: somebody quotes inside it.
                    let key = self.sides[index].keys[0] - 1 - self.dice.below(3);
                    let qty = self.qty();
                    self.sides[index].put(key, qty);
                } else {
                    self.event(index, near);
                }
            }
            self.refill();
            let [asks, bids] = [0, 1].map(|index| self.sides[index].published(self.depth));
            if !asks.is_empty() || !bids.is_empty() {
                return self.frame("update", &bids, &asks, micros, out);
            }
        }
    }

    fn snapshot(&self, micros: i64, out: &mut String) {
        let [asks, bids] = [0, 1].map(|index: usize| {
            let side = &self.sides[index];
            let level = |key: &i64| (key * side.sign, side.qty[key]);
            side.keys
                .iter()
                .take(self.depth)
                .map(level)
                .collect::<Vec<_>>()
        });
        self.frame("snapshot", &bids, &asks, micros, out);
    }

    fn frame(
        &self,
        kind: &str,
        bids: &[(i64, i64)],
        asks: &[(i64, i64)],
        micros: i64,
        out: &mut String,
    ) {
        out.clear();
        let side = |name: &str, levels: &[(i64, i64)], out: &mut String| {
            write!(out, "\"{name}\":[").unwrap();
            for (index, (price, qty)) in levels.iter().enumerate() {
                out.push_str(if index > 0 {
                    ",{\"price\":"
                } else {
                    "{\"price\":"
                });
                decimal(*price, self.pair.price_precision, out);
                out.push_str(",\"qty\":");
                decimal(*qty, self.pair.qty_precision, out);
                out.push('}');
            }
            out.push_str("],");
        };
        write!(
            out,
            "{{\"channel\":\"book\",\"type\":\"{kind}\",\"data\":[{{\"symbol\":\"{}\",",
            self.pair.symbol
        )
        .unwrap();
        side("bids", bids, out);
        side("asks", asks, out);
        write!(
            out,
            "\"checksum\":{},\"timestamp\":\"{}\"}}]}}",
            self.checksum(),
            stamp(micros)
        )
        .unwrap();
    }

    fn checksum(&self) -> u32 {
        let mut text = String::new();
        for side in &self.sides {
            for key in side.keys.iter().take(10) {
                write!(text, "{}{}", key * side.sign, side.qty[key]).unwrap();
            }
        }
        crc32fast::hash(text.as_bytes())
    }
}

/// A snapshot of BTC/USD and `updates` updates.
pub fn single(depth: usize, updates: usize, seed: u64) -> Frames {
    let gap = if depth <= 10 { 4.0 } else { 6.0 };
    let mut book = Book::new(&btc_usd(), depth, depth + 120, gap, seed);
    let (mut frames, mut text, mut micros) = (Frames::default(), String::new(), 0);
    book.snapshot(micros, &mut text);
    frames.push(&text);
    for _ in 0..updates {
        micros += 1 + book.dice.exponential(4_000.0);
        book.update(micros, &mut text);
        frames.push(&text);
    }
    frames
}

/// Snapshots alone, each of another moment.
pub fn snapshots(depth: usize, count: usize, seed: u64) -> Frames {
    let mut book = Book::new(&btc_usd(), depth, depth + 120, 6.0, seed);
    let (mut frames, mut text) = (Frames::default(), String::new());
    for _ in 0..count {
        for _ in 0..20 {
            book.update(0, &mut text);
        }
        book.snapshot(0, &mut text);
        frames.push(&text);
    }
    frames
}

/// Snapshots of all pairs at depth 10, then updates of pairs chosen by 1/rank.
pub fn many(pairs: &[Pair], updates: usize, seed: u64) -> Frames {
    let mut books: Vec<Book> = (0..)
        .zip(pairs)
        .map(|(index, pair)| Book::new(pair, 10, 60, 3.0, seed + index))
        .collect();
    let (zipf, mut dice) = (Zipf::new(pairs.len()), Dice(stream(seed, 3)));
    let (mut frames, mut text, mut micros) = (Frames::default(), String::new(), 0);
    for book in &books {
        book.snapshot(0, &mut text);
        frames.push(&text);
    }
    for _ in 0..updates {
        micros += 1 + dice.exponential(300.0);
        books[zipf.draw(&mut dice)].update(micros, &mut text);
        frames.push(&text);
    }
    frames
}
