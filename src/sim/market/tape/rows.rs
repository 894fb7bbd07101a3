//! The rows of a tape, a few ahead of those that are played.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use super::{Form, RowProblem, TapeError, bars::Bars, csv::Columns, pages::Pages};
use crate::{
    io::lines::{self, Lines},
    sim::matching::PairSpec,
    types::{Price, Quantity, Side, Timestamp},
};

/// Rows that are checked before anything is played.
const CHECKED: usize = 10_000;
/// Rows below which more are read, and how many then.
const FEW: usize = 64;
const MORE: usize = 1_024;

/// One recorded trade.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::sim::market) struct Row {
    pub(in crate::sim::market) at: Timestamp,
    pub(in crate::sim::market) price: Price,
    pub(in crate::sim::market) qty: Quantity,
    /// Direction of the order that took.
    pub(in crate::sim::market) taker: Side,
    /// Whether that was a market order.
    pub(in crate::sim::market) market: bool,
}

/// How the lines of a file are read.
#[derive(Debug)]
enum Reader {
    Trades(Columns),
    Pages(Pages),
    Bars(Box<Bars>),
}

/// A file of trades, partly read.
#[derive(Debug)]
pub(super) struct Rows {
    path: PathBuf,
    lines: Lines,
    line: Vec<u8>,
    reader: Reader,
    spec: PairSpec,
    /// Read and not taken.
    ready: VecDeque<Row>,
    /// Read last.
    last: Option<Row>,
    /// Whether there is nothing more to read.
    ended: bool,
}

impl Rows {
    /// Opens a file without reading any row.
    pub(super) fn open(
        path: &Path,
        form: Form,
        spec: &PairSpec,
        seed: u64,
    ) -> Result<Self, TapeError> {
        let failed = |source| TapeError::Open {
            path: path.to_owned(),
            source,
        };
        let reader = match form {
            Form::Trades => Reader::Trades(Columns::default()),
            Form::Pages => Reader::Pages(Pages::default()),
            Form::Bars => Reader::Bars(Box::new(Bars::new(path, seed).map_err(failed)?)),
        };
        Ok(Self {
            lines: lines::open(path).map_err(failed)?,
            path: path.to_owned(),
            line: Vec::new(),
            reader,
            spec: spec.clone(),
            ready: VecDeque::new(),
            last: None,
            ended: false,
        })
    }

    /// Reads the rows that are checked before anything is played.
    pub(super) fn look_ahead(&mut self) -> Result<(), TapeError> {
        self.read(CHECKED)
    }

    /// Reads on if few rows are left.
    pub(super) fn fill(&mut self) -> Result<(), TapeError> {
        if self.ready.len() < FEW && !self.ended {
            self.read(MORE)
        } else {
            Ok(())
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn peek(&self) -> Option<&Row> {
        self.ready.front()
    }

    pub(super) fn take(&mut self) -> Option<Row> {
        self.ready.pop_front()
    }

    fn read(&mut self, wanted: usize) -> Result<(), TapeError> {
        while self.ready.len() < wanted && !self.ended {
            if let Err(error) = self.read_some(wanted) {
                self.ended = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads what the present line still has, or the next line.
    fn read_some(&mut self, wanted: usize) -> Result<(), TapeError> {
        if let Reader::Bars(bars) = &mut self.reader {
            while self.ready.len() < wanted
                && let Some(row) = bars.next_trade(self.last.as_ref())
            {
                self.last = Some(row);
                self.ready.push_back(row);
            }
            if self.ready.len() >= wanted {
                return Ok(());
            }
        }
        let more = self.lines.read_into(&mut self.line);
        let more = more.map_err(|source| TapeError::Read {
            path: self.path.clone(),
            line: self.lines.number(),
            source,
        })?;
        if !more {
            self.ended = true;
            return Ok(());
        }
        self.take_line().map_err(|problem| TapeError::Row {
            path: self.path.clone(),
            line: self.lines.number(),
            problem,
        })
    }

    fn take_line(&mut self) -> Result<(), RowProblem> {
        let text = std::str::from_utf8(&self.line).map_err(|_not_utf8| RowProblem::Text)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        let first = self.lines.number() == 1;
        match &mut self.reader {
            Reader::Trades(columns) => {
                if first && columns.take_header(text)? {
                    return Ok(());
                }
                if let Some(row) = columns.row(text, &self.spec, self.last.as_ref())? {
                    self.last = Some(row);
                    self.ready.push_back(row);
                }
            }
            Reader::Pages(pages) => {
                pages.read(text, &self.spec, &mut self.last, &mut self.ready)?;
            }
            Reader::Bars(bars) if first && bars.is_header(text) => {}
            Reader::Bars(bars) => bars.begin(text, &self.spec, self.last.as_ref())?,
        }
        Ok(())
    }
}
