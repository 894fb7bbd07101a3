//! OHLCVT bars, `time,open,high,low,close,volume,trades`: each becomes as many trades, on a walk that nobody recorded.
//!
//! Always true: the trades of a bar lie within its time, first at its open, last at its close, with its high and its low on the way and
//! none beyond, and their volumes sum up to its volume, so that candles made of them are the bars. Prices and volumes that are
//! finer than the pair's steps are rounded to them, as recordings of years ago are. The same seed gives the same walk.

use std::{io, path::Path, time::Duration};

use super::{
    Row, RowProblem,
    csv::{guessed_side, is_number},
};
use crate::{
    io::lines,
    sim::{market::dice::Dice, matching::PairSpec},
    types::{Decimal, Price, Quantity, Timestamp},
};

/// Lines from which the length of the bars is taken.
const LOOKED_AT: usize = 1_000;
/// Length of a bar that is alone in its file.
const ALONE: Duration = Duration::from_secs(60);
/// How far the walk strays from the straight way, as a share of the bar's height.
const STRAY: f64 = 0.12;

/// Bars that become trades.
#[derive(Debug)]
pub(super) struct Bars {
    seed: u64,
    length: Duration,
    walk: Option<Walk>,
}

/// One bar, partly walked.
#[derive(Debug)]
struct Walk {
    dice: Dice,
    begin: Timestamp,
    length: Duration,
    /// Price units of a tick, quantity units of a lot.
    steps: [i64; 2],
    /// Lowest and highest price, in ticks.
    range: [i64; 2],
    /// Trades that must be at a price in ticks, by number, the first and the last among them.
    stops: Vec<(u64, i64)>,
    trades: u64,
    done: u64,
    /// Lots not yet traded.
    left: i64,
}

impl Bars {
    /// Takes the length of the bars from how far the first ones are apart at least.
    pub(super) fn new(path: &Path, seed: u64) -> io::Result<Self> {
        let (mut lines, mut line, mut before) = (lines::open(path)?, Vec::new(), None);
        let mut length: Option<i64> = None;
        for _ in 0..LOOKED_AT {
            if !lines.read_into(&mut line)? {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let time = text.split(',').next().and_then(seconds);
            if let (Some(time), Some(before)) = (time, before)
                && time > before
            {
                let gap = time - before;
                length = Some(length.map_or(gap, |least| least.min(gap)));
            }
            before = time.or(before);
        }
        let length = length.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(Self {
            seed,
            length: length.map_or(ALONE, Duration::from_secs),
            walk: None,
        })
    }

    /// Whether a first line names the columns.
    pub(super) fn is_header(&self, line: &str) -> bool {
        !line.split(',').next().is_some_and(is_number)
    }

    /// Begins the bar of a line. One without trades is left out.
    pub(super) fn begin(
        &mut self,
        line: &str,
        spec: &PairSpec,
        before: Option<&Row>,
    ) -> Result<(), RowProblem> {
        let columns: Vec<&str> = line.split(',').map(str::trim).collect();
        let [time, open, high, low, close, volume, trades] = *columns.as_slice() else {
            return Err(RowProblem::BarColumns(columns.len()));
        };
        let begin = seconds(time).ok_or(RowProblem::Time)?;
        let begin = Timestamp::from_secs(begin);
        if before.is_some_and(|before| begin < before.at) {
            return Err(RowProblem::Backwards);
        }
        let trades: u64 = trades.parse().map_err(|_malformed| RowProblem::BarTrades)?;
        if trades == 0 {
            return Ok(());
        }
        let [open, high, low, close] = [
            ticks(open, spec)?,
            ticks(high, spec)?,
            ticks(low, spec)?,
            ticks(close, spec)?,
        ];
        if low > open.min(close) || high < open.max(close) {
            return Err(RowProblem::BarPrices);
        }
        let mut walk = Walk {
            dice: Dice::new(self.seed, begin.as_nanos().unsigned_abs()),
            begin,
            length: self.length,
            steps: [spec.instrument.tick.units(), spec.instrument.lot.units()],
            range: [low, high],
            stops: Vec::new(),
            trades,
            done: 0,
            left: lots(volume, spec)?,
        };
        walk.plan(open, close)?;
        self.walk = Some(walk);
        Ok(())
    }

    /// The next trade of the present bar, if it has one.
    pub(super) fn next_trade(&mut self, before: Option<&Row>) -> Option<Row> {
        let row = self.walk.as_mut()?.next(before);
        if row.is_none() {
            self.walk = None;
        }
        row
    }
}

impl Walk {
    /// Decides when the walk is where it must be.
    fn plan(&mut self, open: i64, close: i64) -> Result<(), RowProblem> {
        let [low, high] = self.range;
        let way = if self.dice.chance(if close > open { 0.7 } else { 0.3 }) {
            [low, high]
        } else {
            [high, low]
        };
        let met = |price: &i64| *price != open && *price != close;
        let between: Vec<i64> = way.into_iter().filter(met).collect();
        let between = if low == high { Vec::new() } else { between };
        let ends = if open == close && between.is_empty() {
            1
        } else {
            2
        };
        let needed = between.len() as u64 + ends;
        let lots = self.left.unsigned_abs();
        self.trades = self.trades.max(needed).min(lots.max(1));
        if self.trades < needed || lots == 0 {
            return Err(RowProblem::BarVolume);
        }
        self.stops = vec![(0, open)];
        // Each stop leaves room for those after it.
        let (mut first, mut after) = (1, between.len() as u64);
        for price in between {
            let room = self.trades - 1 - first - (after - 1);
            let place = first + self.dice.below(usize::try_from(room).unwrap_or(usize::MAX)) as u64;
            self.stops.push((place, price));
            (first, after) = (place + 1, after - 1);
        }
        if self.trades > 1 {
            self.stops.push((self.trades - 1, close));
        }
        Ok(())
    }

    fn next(&mut self, before: Option<&Row>) -> Option<Row> {
        if self.done == self.trades {
            return None;
        }
        let price = Price::new(self.price().checked_mul(self.steps[0])?).ok()?;
        let lots = self.part();
        let share = (self.done as f64 + self.dice.unit()) / self.trades as f64;
        let within = self.length.mul_f64(share.min(0.999_999));
        self.left -= lots;
        self.done += 1;
        Some(Row {
            at: self.begin.after(within),
            price,
            qty: Quantity::new(lots.checked_mul(self.steps[1])?).ok()?,
            taker: guessed_side(price, before),
            market: self.dice.chance(0.5),
        })
    }

    /// The price of the next trade, in ticks: on the way from one stop to the next.
    fn price(&mut self) -> i64 {
        let now = self.done;
        let next = self.stops.partition_point(|(place, _)| *place < now);
        let Some(&(to, there)) = self.stops.get(next) else {
            return self.stops.last().map_or(1, |(_, price)| *price);
        };
        let Some(&(from, here)) = next.checked_sub(1).and_then(|last| self.stops.get(last)) else {
            return there;
        };
        if to == now {
            return there;
        }
        let part = (now - from) as f64 / (to - from) as f64;
        let [low, high] = self.range;
        let stray = (high - low) as f64 * STRAY;
        let straight = (there - here) as f64 * part + here as f64;
        let price = straight + self.dice.between(-stray, stray);
        (price.round() as i64).clamp(low, high)
    }

    /// Lots of the next trade; the last one takes what is left.
    fn part(&mut self) -> i64 {
        let after = i64::try_from(self.trades - self.done - 1).unwrap_or(i64::MAX);
        if after == 0 {
            return self.left;
        }
        let mean = self.left as f64 / (after + 1) as f64;
        let drawn = (mean * self.dice.between(0.1, 1.9)) as i64;
        drawn.clamp(1, (self.left - after).max(1))
    }
}

/// Whole seconds, with or without a fraction of zeros.
fn seconds(text: &str) -> Option<i64> {
    let whole: Decimal = text.trim().parse().ok()?;
    i64::try_from(whole.mantissa_at(0)?).ok()
}

/// A price in ticks of the pair, rounded.
fn ticks(text: &str, spec: &PairSpec) -> Result<i64, RowProblem> {
    let price: Decimal = text.parse().map_err(|_malformed| RowProblem::BarPrices)?;
    let precision = spec.instrument.price_precision;
    let ticks = nearest(price, precision, spec.instrument.tick.units());
    ticks
        .filter(|ticks| *ticks > 0)
        .ok_or(RowProblem::BarPrices)
}

/// A volume in lots of the pair, rounded.
fn lots(text: &str, spec: &PairSpec) -> Result<i64, RowProblem> {
    let volume: Decimal = text.parse().map_err(|_malformed| RowProblem::BarVolume)?;
    let precision = spec.instrument.qty_precision;
    let lots = nearest(volume, precision, spec.instrument.lot.units());
    lots.filter(|lots| *lots > 0).ok_or(RowProblem::BarVolume)
}

/// The nearest whole number of steps of so many units at a precision.
fn nearest(value: Decimal, precision: u8, step: i64) -> Option<i64> {
    let step = i128::from(step.max(1));
    let units = value
        .rounded_half_up(precision)
        .ok()?
        .mantissa_at(precision)?;
    i64::try_from((units + step / 2).div_euclid(step)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        io::captures,
        sim::{
            market::tape::{Form, Tape, rows::Rows},
            matching::Universe,
        },
    };

    /// What the trades of a file add up to, by the length of its bars: open, high, low, close, volume, trades.
    fn rebuilt(rows: &mut Rows, length: i64) -> Vec<(i64, [i64; 5], u64)> {
        let mut bars: Vec<(i64, [i64; 5], u64)> = Vec::new();
        let mut last = Timestamp::MIN;
        loop {
            rows.fill().unwrap();
            let Some(row) = rows.take() else { return bars };
            assert!(row.at >= last);
            last = row.at;
            let (price, qty) = (row.price.units(), row.qty.units());
            let begin = row.at.as_secs().div_euclid(length) * length;
            match bars.last_mut().filter(|bar| bar.0 == begin) {
                None => bars.push((begin, [price, price, price, price, qty], 1)),
                Some((_, [_, high, low, close, volume], trades)) => {
                    (*high, *low, *close) = (price.max(*high), price.min(*low), price);
                    *volume += qty;
                    *trades += 1;
                }
            }
        }
    }

    fn check(path: &Path, symbol: &str, length: i64, whole: bool) {
        let universe = Universe::default_universe();
        let spec = universe
            .pair(universe.find_symbol(symbol).unwrap())
            .unwrap();
        let mut lines = lines::open(path).unwrap();
        let (mut line, mut expected) = (Vec::new(), Vec::new());
        while lines.read_into(&mut line).unwrap() {
            let text = String::from_utf8(line.clone()).unwrap();
            let columns: Vec<&str> = text.split(',').collect();
            let price = |column: usize| {
                ticks(columns[column], spec).unwrap() * spec.instrument.tick.units()
            };
            let volume = lots(columns[5], spec).unwrap();
            let bar = [price(1), price(2), price(3), price(4), volume];
            expected.push((
                seconds(columns[0]).unwrap(),
                bar,
                columns[6].parse().unwrap(),
            ));
        }
        for seed in [1, 2] {
            println!("{} seed {seed}", path.display());
            let mut rows = Rows::open(path, Form::Bars, spec, seed).unwrap();
            let told = rebuilt(&mut rows, length);
            assert_eq!(told.len(), expected.len());
            for (told, expected) in told.iter().zip(&expected) {
                assert_eq!(told, expected);
            }
            if !whole {
                break;
            }
        }
    }

    #[test]
    fn candles_of_the_trades_are_the_bars() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("XBTUSD_5.csv");
        let bars = "1672531200,16528.7,16530.0,16511.0,16514.9,10.30276815,203\n1672531500,16514.9,16514.9,16514.9,16514.9,0.00000001,1\n\
            1672531800,16514.9,16529.0,16511.9,16528.9,0.5,4\n1672532400,16520.0,16520.1,16520.0,16520.1,1,2\n\
            1672533000,16520.0,16521.0,16519.0,16520.0,0.00000004,4\n";
        std::fs::write(&path, bars).unwrap();
        check(&path, "BTC/USD", 300, true);
    }

    #[test]
    fn real_bars_come_back_row_for_row() {
        for (name, symbol, length) in [
            ("XBTUSD_5_2023Q1.csv.zst", "BTC/USD", 300),
            ("XBTUSDT_1_20230301-0321.csv.zst", "BTC/USDT", 60),
            ("USDTUSD_1_20230301-0321.csv.zst", "USDT/USD", 60),
        ] {
            if let Some(path) = captures::shared(&format!("ohlc/{name}")) {
                check(&path, symbol, length, false);
            }
        }
    }

    #[test]
    fn bars_that_contradict_themselves_are_refused() {
        let universe = Universe::default_universe();
        let mut bars = Bars {
            seed: 1,
            length: ALONE,
            walk: None,
        };
        for (line, problem) in [
            ("60,2.0,1.0,1.0,1.0,1,1", RowProblem::BarPrices),
            ("60,1.0,1.0,1.0,1.0,0,1", RowProblem::BarVolume),
            ("60,1.0,3.0,1.0,2.0,0.00000002,3", RowProblem::BarVolume),
            ("60,1.0,1.0,1.0,1.0,1,many", RowProblem::BarTrades),
            ("60.5,1.0,1.0,1.0,1.0,1,1", RowProblem::Time),
            ("60,1.0,1.0,1.0,1.0,1", RowProblem::BarColumns(6)),
        ] {
            assert_eq!(
                bars.begin(line, &universe.pairs[0], None),
                Err(problem),
                "{line}"
            );
        }
        assert_eq!(
            bars.begin("60,1.0,1.0,1.0,1.0,0,0", &universe.pairs[0], None),
            Ok(())
        );
        assert!(bars.next_trade(None).is_none());
    }

    #[test]
    fn old_bars_with_finer_prices_are_rounded_to_the_tick() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("XBTUSD_1440.csv");
        let bars = "1381017600,122.04999,123.61,121.11111,122.25,0.1234567891,9\n";
        std::fs::write(&path, bars).unwrap();
        let argument = path.to_str().unwrap();
        let mut tape = Tape::load(argument, &Universe::default_universe(), 3).unwrap();
        let rows: Vec<Row> = std::iter::from_fn(|| tape.take()).collect();
        let prices = || rows.iter().map(|row| row.price.units());
        assert_eq!(
            (rows[0].price.units(), rows[8].price.units()),
            (1_220, 1_223)
        );
        assert_eq!((prices().max(), prices().min()), (Some(1_236), Some(1_211)));
        let volume: i64 = rows.iter().map(|row| row.qty.units()).sum();
        assert_eq!(volume, 12_345_679);
    }
}
