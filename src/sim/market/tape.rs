//! A recorded market of one pair, read from a file as it is played.
//!
//! For: trades as CSV, pages of `Trades` and OHLCVT bars, plain or zstd, told apart by their content. Left out: how they are played.
//! Always true: rows come in the order of time, at prices and in quantities that the pair has; trades keep their digits, nothing of
//! them is rounded. A file is never in memory as a whole. Its first rows are checked before anything is played; where a later
//! one is broken, the tape ends and the log says where.

mod bars;
mod csv;
mod pages;
mod rows;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(super) use self::rows::Row;
use self::rows::Rows;
use crate::{
    io::lines,
    sim::matching::{PairId, PairSpec, Universe},
    types::{InvalidDigits, InvalidPrice, InvalidQuantity},
};

/// What happens when a tape is over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TapeEnd {
    /// The pair becomes synthetic and goes on from the last price.
    #[default]
    Agents,
    /// The tape begins anew.
    Loop,
    /// Nobody trades any more; makers stay around the last price.
    Stop,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// A trade a line.
    Trades,
    /// An answer of `Trades` a line.
    Pages,
    /// A bar a line.
    Bars,
}

/// The recorded market of one pair; at least one trade.
#[derive(Debug)]
pub struct Tape {
    pair: PairId,
    path: PathBuf,
    form: Form,
    spec: PairSpec,
    seed: u64,
    end: TapeEnd,
    rows: Rows,
}

/// Why a tape cannot be played.
#[derive(Debug, Error)]
pub enum TapeError {
    /// The file name or the text before `=` names no listed pair.
    #[error(
        "{argument}: no pair named {name} is listed; write PAIR=FILE with one of sim.pairs, or add the pair there"
    )]
    NoPair {
        /// What was given.
        argument: String,
        /// The name that was looked up.
        name: String,
    },
    /// The file cannot be opened.
    #[error("{path}: cannot be read")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be read to its end.
    #[error("{path}: cannot be read after line {line}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Line read last.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A row is no trade.
    #[error("{path}:{line}: {problem}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// The file has no trades.
    #[error("{path}: no trades")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two files are of the same pair.
    #[error("{path}: a second tape or recording of the same pair")]
    Twice {
        /// The second file.
        path: PathBuf,
    },
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RowProblem {
    /// Neither three columns nor five.
    #[error(
        "{0} columns, not time,price,volume[,side,ordertype]; name other columns in a first line"
    )]
    Columns(usize),
    /// The first line names columns, but not those that are needed.
    #[error("no column is named {0}; trades need time, price and volume")]
    Header(&'static str),
    /// No answer of `Trades`.
    #[error("no answer of Trades, and no record of one with a body")]
    Page,
    /// The answer is an error of the venue's.
    #[error("an answer with an error and no trades; leave it out")]
    PageError,
    /// A row of a page is no trade.
    #[error("trade {0} of the page is none")]
    PageRow(usize),
    /// Not seven columns.
    #[error("{0} columns, not time,open,high,low,close,volume,trades")]
    BarColumns(usize),
    /// The prices of a bar contradict each other.
    #[error("high and low do not enclose open and close")]
    BarPrices,
    /// A number of trades that is none.
    #[error("number of trades is no number")]
    BarTrades,
    /// Too little volume for the prices of a bar.
    #[error("volume is too small for the bar's prices and the pair's lot")]
    BarVolume,
    /// Not UTF-8.
    #[error("not a text")]
    Text,
    /// No count of seconds.
    #[error(
        "time is neither a number of seconds with up to nine fraction digits nor an instant such as 2024-11-12T06:43:30Z"
    )]
    Time,
    /// Earlier than the row before.
    #[error("time goes backwards; sort the file by time")]
    Backwards,
    /// No price of this pair.
    #[error("{}{}", .0, finer(.0))]
    Price(InvalidPrice),
    /// A price between two ticks.
    #[error(
        "price is between two ticks of the pair; a pair of a universe of its own can have finer ones (sim.universe)"
    )]
    Tick,
    /// No quantity of this pair.
    #[error(transparent)]
    Volume(#[from] InvalidQuantity),
    /// Nothing was traded.
    #[error("volume is zero")]
    ZeroVolume,
    /// A quantity between two lots.
    #[error("volume is no multiple of the pair's lot")]
    Lot,
    /// Neither `b` nor `s`.
    #[error("side is neither b nor s, buy nor sell")]
    Side,
    /// Neither `l` nor `m`.
    #[error("order type is neither l nor m, limit nor market")]
    OrderType,
}

impl Tape {
    /// Opens a tape from `PAIR=FILE`, or from `FILE` whose name up to the first `_` or `.` names the pair in any of its spellings. In front
    /// of either, `trades:`, `pages:` or `bars:` says what the file holds; else its first line does. The seed decides what bars do not tell.
    ///
    /// # Errors
    ///
    /// When the pair is not listed, the file cannot be read, or one of the first rows is malformed.
    pub fn load(argument: &str, universe: &Universe, seed: u64) -> Result<Self, TapeError> {
        let Place { pair, path, form } = locate(argument, universe)?;
        let no_pair = || TapeError::NoPair {
            argument: argument.to_owned(),
            name: path.display().to_string(),
        };
        let spec = universe.pair(pair).ok_or_else(no_pair)?.clone();
        let form = match form {
            Some(form) => form,
            None => recognized(&path)?,
        };
        let mut rows = Rows::open(&path, form, &spec, seed)?;
        rows.look_ahead()?;
        if rows.is_over() {
            return Err(TapeError::Empty { path });
        }
        Ok(Self {
            pair,
            path,
            form,
            spec,
            seed,
            end: TapeEnd::default(),
            rows,
        })
    }

    /// The same tape with another ending.
    #[must_use]
    pub fn ending(self, end: TapeEnd) -> Self {
        Self { end, ..self }
    }

    /// Checks that a tape names a listed pair and a file, without reading it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn check(argument: &str, universe: &Universe) -> Result<(), TapeError> {
        found(&locate(argument, universe)?.path)
    }

    /// Opens several tapes, each of another pair.
    ///
    /// # Errors
    ///
    /// When one cannot be opened, or two are of the same pair.
    pub fn load_all(
        arguments: &[String],
        universe: &Universe,
        seed: u64,
        end: TapeEnd,
    ) -> Result<Vec<Self>, TapeError> {
        let mut tapes: Vec<Self> = Vec::new();
        for argument in arguments {
            let tape = Self::load(argument, universe, seed)?.ending(end);
            if tapes.iter().any(|other| other.pair == tape.pair) {
                return Err(TapeError::Twice { path: tape.path });
            }
            tapes.push(tape);
        }
        Ok(tapes)
    }

    /// The complaint that something else plays its pair already.
    pub(in crate::sim) fn twice(&self) -> TapeError {
        TapeError::Twice {
            path: self.path.clone(),
        }
    }

    /// Whose trades these are.
    #[must_use]
    pub const fn pair(&self) -> PairId {
        self.pair
    }

    /// Lets its pair open at its first price, so that what is made up of before leads to it.
    pub(in crate::sim) fn open_in(&self, universe: &mut Universe) {
        let position = usize::try_from(self.pair.0).ok();
        let pair = position.and_then(|position| universe.pairs.get_mut(position));
        if let (Some(pair), Some(first)) = (pair, self.peek()) {
            pair.opening_price = pair.instrument.price_decimal(first.price);
        }
    }

    pub(super) const fn end(&self) -> TapeEnd {
        self.end
    }

    /// The next trade, which stays where it is.
    pub(super) fn peek(&self) -> Option<&Row> {
        self.rows.peek()
    }

    /// Takes the next trade.
    pub(super) fn take(&mut self) -> Option<Row> {
        self.rows.take()
    }

    /// Reads on before the rows run out. A broken row ends the tape.
    pub(super) fn fill(&mut self) {
        if let Err(error) = self.rows.fill() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "tape ends before its end"
            );
        }
    }

    /// Begins anew.
    ///
    /// # Errors
    ///
    /// When the file is not what it was.
    pub(super) fn rewind(&mut self) -> Result<(), TapeError> {
        self.rows = Rows::open(&self.path, self.form, &self.spec, self.seed)?;
        self.rows.look_ahead()
    }
}

/// Whether a file is there.
pub(super) fn found(path: &Path) -> Result<(), TapeError> {
    let found = path.metadata().and_then(|found| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("no file")),
    });
    found.map_err(|source| TapeError::Open {
        path: path.to_owned(),
        source,
    })
}

/// What an argument names.
#[derive(Debug)]
struct Place {
    pair: PairId,
    path: PathBuf,
    form: Option<Form>,
}

fn locate(argument: &str, universe: &Universe) -> Result<Place, TapeError> {
    let (form, rest) = match argument.split_once(':') {
        Some(("trades", rest)) => (Some(Form::Trades), rest),
        Some(("pages", rest)) => (Some(Form::Pages), rest),
        Some(("bars", rest)) => (Some(Form::Bars), rest),
        _ => (None, argument),
    };
    let (pair, path) = locate_pair(rest, universe)?;
    Ok(Place { pair, path, form })
}

fn locate_pair(argument: &str, universe: &Universe) -> Result<(PairId, PathBuf), TapeError> {
    let no_pair = |name: &str| TapeError::NoPair {
        argument: argument.to_owned(),
        name: name.to_owned(),
    };
    if let Some((name, file)) = argument.split_once('=') {
        let pair = universe.find_pair(name).ok_or_else(|| no_pair(name))?;
        return Ok((pair, PathBuf::from(file)));
    }
    let path = PathBuf::from(argument);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split(['_', '.']).next().unwrap_or_default();
    match universe.find_pair(name).or_else(|| modern(name, universe)) {
        Some(pair) => Ok((pair, path)),
        // A slip in the name of a file is not about its pair.
        None => Err(match path.metadata() {
            Ok(_) => no_pair(name),
            Err(source) => TapeError::Open { path, source },
        }),
    }
}

/// A pair by its modern symbol without the slash, which no file name can have: `BTCUSD`.
fn modern(name: &str, universe: &Universe) -> Option<PairId> {
    let bare = |symbol: &str| symbol.replace('/', "") == name;
    let mut symbols = universe.pairs.iter().map(|pair| pair.instrument.symbol);
    let position = symbols.position(|symbol| bare(symbol.as_str()))?;
    u32::try_from(position).ok().map(PairId)
}

/// What a file holds, by its first line that is not empty: JSON, or CSV whose columns are named or counted.
fn recognized(path: &Path) -> Result<Form, TapeError> {
    let opened = |source| TapeError::Open {
        path: path.to_owned(),
        source,
    };
    let (mut lines, mut line) = (lines::open(path).map_err(opened)?, Vec::new());
    while lines.read_into(&mut line).map_err(opened)? {
        let text = String::from_utf8_lossy(&line);
        let columns: Vec<&str> = text.split(',').map(str::trim).collect();
        match *columns.as_slice() {
            [""] => {}
            [first, ..] if first.starts_with('{') => return Ok(Form::Pages),
            [_, open, .., _]
                if columns.len() == 7 && (open == "open" || csv::is_number(columns[0])) =>
            {
                return Ok(Form::Bars);
            }
            _ => return Ok(Form::Trades),
        }
    }
    Ok(Form::Trades)
}

/// The advice for a price with too many digits.
const fn finer(price: &InvalidPrice) -> &'static str {
    if matches!(price, InvalidPrice::Digits(InvalidDigits::TooPrecise(_))) {
        "; a pair of a universe of its own can have finer prices (sim.universe)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Side;

    fn load(name: &str, content: &[u8]) -> Result<Tape, TapeError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        Tape::load(path.to_str().unwrap(), &Universe::default_universe(), 1)
    }

    fn rows(tape: &mut Tape) -> Vec<Row> {
        std::iter::from_fn(|| tape.take()).collect()
    }

    fn problem(content: &str) -> (u64, RowProblem) {
        match load("XBTUSD_x.csv", content.as_bytes()) {
            Err(TapeError::Row { line, problem, .. }) => (line, problem),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_keep_their_exact_digits_with_or_without_header_and_compression() {
        let text = "time,price,volume,side,ordertype\n1525752700.0295,9431.1,2.02000000,b,m\n1525752700.0323,9432.0,0.00108032,s,l\n";
        let mut tape = load("XBTUSD_trades_1.csv", text.as_bytes()).unwrap();
        let read = rows(&mut tape);
        assert_eq!((tape.pair(), read.len()), (PairId(0), 2));
        let [first, second] = [read[0], read[1]];
        assert_eq!(first.at.as_nanos(), 1_525_752_700_029_500_000);
        assert_eq!(
            (first.price.units(), first.qty.units()),
            (94_311, 202_000_000)
        );
        assert_eq!((first.taker, first.market), (Side::Buy, true));
        assert_eq!(
            (second.qty.units(), second.taker, second.market),
            (108_032, Side::Sell, false)
        );
        let (_, headerless) = text.split_once('\n').unwrap();
        let compressed = zstd::stream::encode_all(headerless.as_bytes(), 1).unwrap();
        let mut again = load("XBTUSD.csv.zst", &compressed).unwrap();
        assert_eq!(rows(&mut again), read);
    }

    #[test]
    fn time_and_sales_take_their_sides_from_the_price() {
        let text = "1672531436,90.540000,1.1\n1672531471,90.450000,1\n1672531472,90.45,1\n1672531647,91.00,0.286\n";
        let mut tape = load("BCHEUR.csv", text.as_bytes()).unwrap();
        let sides: Vec<Side> = rows(&mut tape).iter().map(|row| row.taker).collect();
        assert_eq!(sides, [Side::Buy, Side::Sell, Side::Sell, Side::Buy]);
    }

    #[test]
    fn a_malformed_row_is_named_by_its_line() {
        let good = "1,100.0,1,b,l\n";
        for (bad, expected) in [
            ("1,100.0,1,b", RowProblem::Columns(4)),
            ("soon,100.0,1,b,l", RowProblem::Time),
            ("0.5,100.0,1,b,l", RowProblem::Backwards),
            ("1,0,1,b,l", RowProblem::Price(InvalidPrice::Zero)),
            ("1,100.0,0,b,l", RowProblem::ZeroVolume),
            ("1,100.0,1,x,l", RowProblem::Side),
            ("1,100.0,1,b,x", RowProblem::OrderType),
        ] {
            assert_eq!(problem(&format!("{good}{bad}\n")), (2, expected));
        }
        let too_fine = problem("1,100.05,1,b,l\n");
        assert!(matches!(
            too_fine,
            (1, RowProblem::Price(InvalidPrice::Digits(_)))
        ));
        let message = load("XBTUSD_x.csv", b"1,2\n").unwrap_err().to_string();
        let expected = "XBTUSD_x.csv:1: 2 columns, not time,price,volume[,side,ordertype]";
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn pairs_come_from_the_argument_or_the_file_name() {
        let universe = Universe::default_universe();
        let located = |argument: &str| {
            let Place { pair, path, .. } = locate(argument, &universe).ok()?;
            let symbol = universe.pair(pair)?.instrument.symbol;
            Some((symbol.to_string(), path.to_str()?.to_owned()))
        };
        let found = |symbol: &str, path: &str| Some((symbol.to_owned(), path.to_owned()));
        assert_eq!(located("BTC/USD=a=b.csv"), found("BTC/USD", "a=b.csv"));
        assert_eq!(
            located("d/XDGUSD_1.csv"),
            found("DOGE/USD", "d/XDGUSD_1.csv")
        );
        assert_eq!(
            located("ETHUSD.csv.zst"),
            found("ETH/USD", "ETHUSD.csv.zst")
        );
        for path in ["BTCUSD_2.csv", "XBTUSD_2.csv", "XXBTZUSD.csv"] {
            assert_eq!(located(path), found("BTC/USD", path));
        }
        assert_eq!(located("NOPE/USD=x.csv"), None);
        assert_eq!(located("timeandsales_BCHEUR.csv"), None);
    }

    #[test]
    fn empty_missing_and_repeated_tapes_are_refused() {
        let universe = Universe::default_universe();
        assert!(matches!(
            load("XBTUSD.csv", b"time,price,volume\n"),
            Err(TapeError::Empty { .. })
        ));
        let missing = Tape::load("XBTUSD_missing.csv", &universe, 1);
        assert!(matches!(missing, Err(TapeError::Open { .. })));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("XBTUSD.csv");
        std::fs::write(&path, "1,100.0,1\n").unwrap();
        let argument = path.to_str().unwrap().to_owned();
        let twice = Tape::load_all(
            &[argument.clone(), format!("BTC/USD={argument}")],
            &universe,
            1,
            TapeEnd::Stop,
        );
        assert!(matches!(twice, Err(TapeError::Twice { .. })));
    }

    #[test]
    fn named_columns_may_stand_in_any_order_and_other_pairs_are_left_out() {
        let text = "ts_event,symbol,price,qty,side,ord_type,trade_id\n\
            2024-11-12T06:43:30.512308Z,BTC/USD,89410.0,0.094825,sell,limit,75666635\n\
            2024-11-12T06:43:30.515699Z,DOGE/USD,0.38,12,buy,market,7\n\
            2024-11-12T06:43:31Z,BTC/USD,89410.1,0.5,buy,market,75666636\n";
        let read = rows(&mut load("XBTUSD_v2.csv", text.as_bytes()).unwrap());
        let told: Vec<_> = read
            .iter()
            .map(|row| (row.qty.units(), row.taker, row.market))
            .collect();
        assert_eq!(
            told,
            [
                (9_482_500, Side::Sell, false),
                (50_000_000, Side::Buy, true)
            ]
        );
        assert_eq!(read[0].at.as_nanos(), 1_731_393_810_512_308_000);
        let swapped = rows(&mut load("XBTUSD.csv", b"price,volume,time\n100.0,2,5\n").unwrap());
        assert_eq!(
            (swapped[0].at.as_secs(), swapped[0].qty.units()),
            (5, 200_000_000)
        );
        assert_eq!(
            problem("price,volume,when\n"),
            (1, RowProblem::Header("time"))
        );
    }

    #[test]
    fn what_a_file_holds_is_seen_or_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("XBTUSD.csv");
        for (text, form) in [
            ("1,2.0,3\n", Form::Trades),
            ("\n1,2.0,3,b,l\n", Form::Trades),
            (
                "ts_event,symbol,price,qty,side,ord_type,trade_id\n",
                Form::Trades,
            ),
            ("1672531200,1.0,2.0,1.0,1.5,0.5,2\n", Form::Bars),
            ("time,open,high,low,close,volume,trades\n", Form::Bars),
            ("{\"error\":[]}\n", Form::Pages),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(recognized(&path).unwrap(), form, "{text}");
        }
        let place = locate("bars:BTC/USD=a:b.csv", &Universe::default_universe()).unwrap();
        assert_eq!(
            (place.form, place.path),
            (Some(Form::Bars), PathBuf::from("a:b.csv"))
        );
        let forced = format!("trades:{}", path.display());
        std::fs::write(&path, "1672531200,1.0,2.0,1.0,1.5,0.5,2\n").unwrap();
        let refused = Tape::load(&forced, &Universe::default_universe(), 1).unwrap_err();
        assert!(refused.to_string().contains("7 columns"), "{refused}");
    }

    #[test]
    fn a_row_that_breaks_far_behind_ends_the_tape_there() {
        let mut text = String::new();
        for second in 1..=12_000 {
            text += &format!("{second},100.0,1,b,l\n");
        }
        let mut tape = load("XBTUSD.csv", format!("{text}broken\n1,1,1\n").as_bytes()).unwrap();
        let mut played = 0;
        while tape.take().is_some() {
            played += 1;
            tape.fill();
        }
        assert_eq!(played, 12_000);
    }
}
