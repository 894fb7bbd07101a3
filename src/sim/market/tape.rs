//! A recorded tape of trades, read from a file.
//!
//! For: `time,price,volume,side,ordertype` with or without a header, and time-and-sales (`time,price,volume`), plain or zstd. Left out: how it is played.
//! Always true: a tape in hand is sorted by time, and every price and quantity fits its pair exactly; nothing is rounded.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    io::lines,
    sim::matching::{PairId, PairSpec, Universe},
    types::{InvalidPrice, InvalidQuantity, Price, Quantity, Side, Timestamp, digits},
};

/// One recorded trade.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) price: Price,
    pub(super) qty: Quantity,
    /// Direction of the order that took.
    pub(super) taker: Side,
    /// Whether that was a market order.
    pub(super) market: bool,
}

/// The recorded trades of one pair; at least one.
#[derive(Clone, Debug)]
pub struct Tape {
    pair: PairId,
    path: PathBuf,
    rows: Vec<Row>,
}

/// Why a tape cannot be played.
#[derive(Debug, Error)]
pub enum TapeError {
    /// The file name or the text before `=` names no listed pair.
    #[error("{argument}: no pair named {name}; write PAIR=FILE with a listed pair")]
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
    #[error("{0} columns, not time,price,volume[,side,ordertype]")]
    Columns(usize),
    /// Not UTF-8.
    #[error("not a text")]
    Text,
    /// No count of seconds.
    #[error("time is no number of seconds with up to nine fraction digits")]
    Time,
    /// Earlier than the row before.
    #[error("time goes backwards")]
    Backwards,
    /// No price of this pair.
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    /// A price between two ticks.
    #[error("price is between two ticks of the pair")]
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
    #[error("side is neither b nor s")]
    Side,
    /// Neither `l` nor `m`.
    #[error("order type is neither l nor m")]
    OrderType,
}

impl Tape {
    /// Loads a tape from `PAIR=FILE`, or from `FILE` whose name up to the first `_` or `.` names the pair in any of its spellings.
    ///
    /// # Errors
    ///
    /// When the pair is not listed, the file cannot be read, or a row is malformed.
    pub fn load(argument: &str, universe: &Universe) -> Result<Self, TapeError> {
        let (pair, path) = locate(argument, universe)?;
        let no_pair = || TapeError::NoPair {
            argument: argument.to_owned(),
            name: path.display().to_string(),
        };
        let spec = universe.pair(pair).ok_or_else(no_pair)?;
        let rows = read(&path, spec)?;
        Ok(Self { pair, path, rows })
    }

    /// Checks that a tape names a listed pair and a file, without reading it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn check(argument: &str, universe: &Universe) -> Result<(), TapeError> {
        let (_pair, path) = locate(argument, universe)?;
        let found = path.metadata();
        let opened = found.and_then(|found| match found.is_file() {
            true => Ok(()),
            false => Err(io::Error::other("no file")),
        });
        opened.map_err(|source| TapeError::Open { path, source })
    }

    /// Loads several tapes, each of another pair.
    ///
    /// # Errors
    ///
    /// When one cannot be loaded, or two are of the same pair.
    pub fn load_all(arguments: &[String], universe: &Universe) -> Result<Vec<Self>, TapeError> {
        let mut tapes: Vec<Self> = Vec::new();
        for argument in arguments {
            let tape = Self::load(argument, universe)?;
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

    /// How many trades were recorded.
    #[must_use]
    pub const fn trades(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

fn locate(argument: &str, universe: &Universe) -> Result<(PairId, PathBuf), TapeError> {
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

fn read(path: &Path, spec: &PairSpec) -> Result<Vec<Row>, TapeError> {
    let broken = |line, source| TapeError::Read {
        path: path.to_owned(),
        line,
        source,
    };
    let mut lines = lines::open(path).map_err(|source| TapeError::Open {
        path: path.to_owned(),
        source,
    })?;
    let (mut rows, mut line) = (Vec::new(), Vec::new());
    while lines
        .read_into(&mut line)
        .map_err(|source| broken(lines.number(), source))?
    {
        if line.is_empty() || (lines.number() == 1 && is_header(&line)) {
            continue;
        }
        let row = row(&line, spec, rows.last()).map_err(|problem| TapeError::Row {
            path: path.to_owned(),
            line: lines.number(),
            problem,
        })?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(TapeError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(rows)
}

/// A first line that begins with a letter names its columns.
fn is_header(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_alphabetic)
}

fn row(line: &[u8], spec: &PairSpec, before: Option<&Row>) -> Result<Row, RowProblem> {
    let text = std::str::from_utf8(line).map_err(|_not_utf8| RowProblem::Text)?;
    let columns: Vec<&str> = text.split(',').collect();
    let (time, price, volume, how) = match *columns.as_slice() {
        [time, price, volume] => (time, price, volume, None),
        [time, price, volume, side, kind] => (time, price, volume, Some((side, kind))),
        _ => return Err(RowProblem::Columns(columns.len())),
    };
    let nanos = digits::fixed(time.as_bytes(), 9).map_err(|_malformed| RowProblem::Time)?;
    let at = Timestamp::from_nanos(nanos);
    if before.is_some_and(|before| at < before.at) {
        return Err(RowProblem::Backwards);
    }
    let price = spec.instrument.price(price)?;
    if !price.is_multiple_of(spec.instrument.tick) {
        return Err(RowProblem::Tick);
    }
    let qty = quantity(volume, spec)?;
    let (taker, market) = match how {
        Some((side, kind)) => (self::side(side)?, is_market(kind)?),
        None => (guessed_side(price, before), false),
    };
    Ok(Row {
        at,
        price,
        qty,
        taker,
        market,
    })
}

fn quantity(volume: &str, spec: &PairSpec) -> Result<Quantity, RowProblem> {
    let qty = spec.instrument.quantity(volume)?;
    if qty.is_zero() {
        return Err(RowProblem::ZeroVolume);
    }
    if qty.rounded_down_to(spec.instrument.lot) != qty {
        return Err(RowProblem::Lot);
    }
    Ok(qty)
}

fn side(text: &str) -> Result<Side, RowProblem> {
    match text {
        "b" => Ok(Side::Buy),
        "s" => Ok(Side::Sell),
        _ => Err(RowProblem::Side),
    }
}

fn is_market(text: &str) -> Result<bool, RowProblem> {
    match text {
        "m" => Ok(true),
        "l" => Ok(false),
        _ => Err(RowProblem::OrderType),
    }
}

/// Time-and-sales name no side: a rise was bought, a fall sold, and an unchanged price goes the way of the trade before.
fn guessed_side(price: Price, before: Option<&Row>) -> Side {
    match before {
        Some(before) if price < before.price => Side::Sell,
        Some(before) if price == before.price => before.taker,
        Some(_) | None => Side::Buy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, content: &[u8]) -> Result<Tape, TapeError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        Tape::load(path.to_str().unwrap(), &Universe::default_universe())
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
        let tape = load("XBTUSD_trades_1.csv", text.as_bytes()).unwrap();
        assert_eq!((tape.pair(), tape.trades()), (PairId(0), 2));
        let [first, second] = [tape.rows()[0], tape.rows()[1]];
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
        let again = load("XBTUSD.csv.zst", &compressed).unwrap();
        assert_eq!(again.rows(), tape.rows());
    }

    #[test]
    fn time_and_sales_take_their_sides_from_the_price() {
        let text = "1672531436,90.540000,1.1\n1672531471,90.450000,1\n1672531472,90.45,1\n1672531647,91.00,0.286\n";
        let tape = load("BCHEUR.csv", text.as_bytes()).unwrap();
        let sides: Vec<Side> = tape.rows().iter().map(|row| row.taker).collect();
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
        assert!(
            message.ends_with("XBTUSD_x.csv:1: 2 columns, not time,price,volume[,side,ordertype]")
        );
    }

    #[test]
    fn pairs_come_from_the_argument_or_the_file_name() {
        let universe = Universe::default_universe();
        let located = |argument: &str| {
            let (pair, path) = locate(argument, &universe).ok()?;
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
        let missing = Tape::load("XBTUSD_missing.csv", &universe);
        assert!(matches!(missing, Err(TapeError::Open { .. })));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("XBTUSD.csv");
        std::fs::write(&path, "1,100.0,1\n").unwrap();
        let argument = path.to_str().unwrap().to_owned();
        let twice = Tape::load_all(
            &[argument.clone(), format!("BTC/USD={argument}")],
            &universe,
        );
        assert!(matches!(twice, Err(TapeError::Twice { .. })));
    }
}
