//! Synthetic frames with the sizes, rates and key order of the venue's: books with valid checksums, trades, tickers, executions.
//!
//! A frame is the net change of the published view: all changes applied, then the cut to the depth. Levels beyond the depth change
//! too and are never sent, so that a client which does not cut drifts, and its checksum shows it.

use std::{collections::BTreeMap, fmt::Write as _};

use rand::Rng as _;
use tradingd::io::rng::{Rng, stream};

/// Frames end to end, and where each ends.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    fn push(&mut self, frame: &str) {
        self.bytes.extend_from_slice(frame.as_bytes());
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn mean_bytes(&self) -> usize {
        self.bytes.len() / self.len().max(1)
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }
}

/// A pair of the synthetic universe.
#[derive(Clone)]
pub struct Pair {
    pub symbol: String,
    pub price_precision: u8,
    pub qty_precision: u8,
    mid: i64,
}

pub fn btc_usd() -> Pair {
    Pair {
        symbol: "BTC/USD".to_owned(),
        price_precision: 1,
        qty_precision: 8,
        mid: 972_345,
    }
}

/// `count` pairs whose first is BTC/USD.
pub fn universe(seed: u64, count: usize) -> Vec<Pair> {
    let mut dice = Dice(stream(seed, 1));
    let mut pairs = vec![btc_usd()];
    for index in 1..count {
        pairs.push(Pair {
            symbol: format!(
                "T{:03}/{}",
                index / 5,
                ["USD", "EUR", "USDT", "USDC", "GBP"][index % 5]
            ),
            price_precision: dice.pick(&[1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10]),
            qty_precision: dice.pick(&[8, 8, 8, 8, 5, 6, 7]),
            mid: 10_f64.powf(4.2 + 2.0 * dice.unit()) as i64,
        });
    }
    pairs
}

struct Dice(Rng);

impl Dice {
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.unit() * end.max(1) as f64) as i64
    }

    fn exponential(&mut self, mean: f64) -> i64 {
        (-(1.0 - self.unit()).ln() * mean) as i64
    }

    fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        (mean + deviation * radius * angle.cos()).exp()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as i64) as usize]
    }

    fn qty(&mut self, mean: f64, deviation: f64, precision: u8) -> i64 {
        let units = self.log_normal(mean, deviation) * 10_f64.powi(i32::from(precision));
        (units as i64).max(1)
    }
}

fn decimal(units: i64, precision: u8, out: &mut String) {
    let width = usize::from(precision) + 1;
    let digits = format!("{units:0width$}");
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(precision));
    out.push_str(whole);
    if precision > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

fn stamp(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let (hour, minute, second) = (12 + seconds / 3600 % 12, seconds / 60 % 60, seconds % 60);
    format!(
        "2026-11-20T{hour:02}:{minute:02}:{second:02}.{:06}Z",
        micros % 1_000_000
    )
}

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
pub struct Book {
    pair: Pair,
    depth: usize,
    true_depth: usize,
    gap: f64,
    sides: [Side; 2],
    dice: Dice,
}

impl Book {
    pub fn new(pair: &Pair, depth: usize, true_depth: usize, gap: f64, seed: u64) -> Self {
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
    pub fn update(&mut self, micros: i64, out: &mut String) {
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

    pub fn snapshot(&self, micros: i64, out: &mut String) {
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

/// Chooses by 1/rank.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let mut next = |rank: usize| {
            sum += 1.0 / (rank + 1) as f64;
            sum
        };
        Self((0..count).map(&mut next).collect())
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let total = self.0.last().copied().unwrap_or(0.0);
        let at = dice.unit() * total;
        self.0
            .partition_point(|sum| *sum < at)
            .min(self.0.len() - 1)
    }
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

pub fn trades(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let (zipf, mut dice) = (Zipf::new(pairs.len()), Dice(stream(seed, 4)));
    let (mut frames, mut micros, mut id) = (Frames::default(), 0, 81_234_567);
    for _ in 0..count {
        let pair = &pairs[zipf.draw(&mut dice)];
        micros += 1 + dice.exponential(900.0);
        let rows = if dice.unit() < 0.72 {
            1
        } else {
            1 + (dice.exponential(2.0) + 1).min(11)
        };
        let side = dice.pick(&["buy", "sell"]);
        let mut text = "{\"channel\":\"trade\",\"type\":\"update\",\"data\":[".to_owned();
        for row in 0..rows {
            id += 1;
            let order = if dice.unit() < 0.55 {
                "market"
            } else {
                "limit"
            };
            text.push_str(if row > 0 { "," } else { "" });
            write!(
                text,
                "{{\"symbol\":\"{}\",\"side\":\"{side}\",\"price\":",
                pair.symbol
            )
            .unwrap();
            decimal(
                (pair.mid + dice.below(81) - 40).max(1),
                pair.price_precision,
                &mut text,
            );
            text.push_str(",\"qty\":");
            decimal(
                dice.qty(-2.5, 1.9, pair.qty_precision),
                pair.qty_precision,
                &mut text,
            );
            write!(
                text,
                ",\"ord_type\":\"{order}\",\"trade_id\":{id},\"timestamp\":\"{}\"}}",
                stamp(micros)
            )
            .unwrap();
        }
        text.push_str("]}");
        frames.push(&text);
    }
    frames
}

pub fn tickers(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let (zipf, mut dice) = (Zipf::new(pairs.len()), Dice(stream(seed, 5)));
    let (mut frames, mut micros) = (Frames::default(), 0);
    for _ in 0..count {
        let pair = &pairs[zipf.draw(&mut dice)];
        micros += 1 + dice.exponential(900.0);
        let mut text = format!(
            "{{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{{\"symbol\":\"{}\"",
            pair.symbol
        );
        let volume =
            ((100.0 + 1e5 * dice.unit()) * 10_f64.powi(i32::from(pair.qty_precision))) as i64;
        let (bid, ask) = (
            dice.qty(-1.0, 1.5, pair.qty_precision),
            dice.qty(-1.0, 1.5, pair.qty_precision),
        );
        let (price, qty) = (pair.price_precision, pair.qty_precision);
        for (key, units, precision) in [
            ("bid", pair.mid, price),
            ("bid_qty", bid, qty),
            ("ask", pair.mid + 1, price),
            ("ask_qty", ask, qty),
            ("last", pair.mid + dice.below(6) - 2, price),
            ("volume", volume, qty),
            ("vwap", (pair.mid - 77).max(1), price),
            ("low", (pair.mid - 900).max(1), price),
            ("high", pair.mid + 1_200, price),
            ("change", 1 + dice.below(5_000), price),
            ("change_pct", dice.below(900), 2),
        ] {
            let sign = if key.starts_with("change") {
                dice.pick(&["", "-"])
            } else {
                ""
            };
            write!(text, ",\"{key}\":{sign}").unwrap();
            decimal(units, precision, &mut text);
        }
        write!(text, ",\"timestamp\":\"{}\"}}]}}", stamp(micros)).unwrap();
        frames.push(&text);
    }
    frames
}

fn id(dice: &mut Dice, first: char) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut part = |length: usize| -> String {
        (0..length)
            .map(|_| char::from(dice.pick(LETTERS)))
            .collect()
    };
    format!("{first}{}-{}-{}", part(5), part(5), part(6))
}

/// Lives of orders: placed, live, then two fills or a cancel.
pub fn executions(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let mut dice = Dice(stream(seed, 6));
    let (mut frames, mut micros) = (Frames::default(), 0);
    while frames.len() < count {
        let pair = pairs[dice.below(20.min(pairs.len() as i64)) as usize].clone();
        let (price_precision, qty_precision) = (pair.price_precision, pair.qty_precision);
        let number = |units: i64, precision: u8| {
            let mut text = String::new();
            decimal(units, precision, &mut text);
            text
        };
        let base = format!(
            "\"order_id\":\"{}\",\"cl_ord_id\":\"{:018x}\"",
            id(&mut dice, 'O'),
            dice.below(1 << 60)
        );
        let side = dice.pick(&["buy", "sell"]);
        let price = number((pair.mid + dice.below(180) - 90).max(1), price_precision);
        let qty = dice.qty(-2.0, 1.0, qty_precision).max(2);
        let (total, zero_price) = (number(qty, qty_precision), number(0, price_precision));
        let mut emit = |micros: i64, body: &str| {
            let sequence = frames.len() + 1;
            frames.push(&format!(
                "{{\"channel\":\"executions\",\"type\":\"update\",\"data\":[{{{body},\"timestamp\":\"{}\"}}],\"sequence\":{sequence}}}",
                stamp(micros)
            ));
        };
        micros += 1 + dice.exponential(90_000.0);
        emit(
            micros,
            &format!(
                "{base},\"symbol\":\"{}\",\"side\":\"{side}\",\"order_type\":\"limit\",\"order_qty\":{total},\"limit_price\":{price},\
             \"time_in_force\":\"GTC\",\"cum_qty\":{},\"cum_cost\":0.00000,\"avg_price\":{zero_price},\"fee_usd_equiv\":0.00000,\
             \"order_status\":\"pending_new\",\"exec_type\":\"pending_new\",\"post_only\":true",
                pair.symbol,
                number(0, qty_precision)
            ),
        );
        emit(
            micros + 310,
            &format!("{base},\"order_status\":\"new\",\"exec_type\":\"new\""),
        );
        if dice.unit() >= 0.35 {
            micros += 1_000 + dice.below(900_000);
            emit(
                micros,
                &format!(
                    "{base},\"order_status\":\"canceled\",\"exec_type\":\"canceled\",\"cum_qty\":{},\"cum_cost\":0.00000,\
                 \"avg_price\":{zero_price},\"reason\":\"User requested\"",
                    number(0, qty_precision)
                ),
            );
            continue;
        }
        for (filled, last) in [(qty / 2, qty / 2), (qty, qty - qty / 2)] {
            micros += 1_000 + dice.below(900_000);
            let exec = id(&mut dice, 'T');
            emit(
                micros,
                &format!(
                    "{base},\"exec_id\":\"{exec}\",\"trade_id\":{},\"exec_type\":\"trade\",\"symbol\":\"{}\",\"side\":\"{side}\",\
                 \"last_qty\":{},\"last_price\":{price},\"liquidity_ind\":\"m\",\"cost\":305.00000,\"order_status\":\"partially_filled\",\
                 \"order_type\":\"limit\",\"order_qty\":{total},\"limit_price\":{price},\"cum_qty\":{},\"cum_cost\":610.00000,\
                 \"avg_price\":{price},\"fees\":[{{\"asset\":\"USD\",\"qty\":0.48800}}],\"fee_usd_equiv\":0.48800",
                    dice.below(100_000_000),
                    pair.symbol,
                    number(last, qty_precision),
                    number(filled, qty_precision)
                ),
            );
        }
        emit(
            micros + 5,
            &format!(
                "{base},\"order_status\":\"filled\",\"exec_type\":\"filled\",\"cum_qty\":{total}"
            ),
        );
    }
    frames
}
