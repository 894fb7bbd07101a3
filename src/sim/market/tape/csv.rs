//! Trades as CSV: Kraken's `time,price,volume[,side,ordertype]`, or columns named in the first line.

use super::{Row, RowProblem};
use crate::{
    sim::matching::PairSpec,
    types::{Price, Quantity, Side, Timestamp, digits},
};

/// Where the columns are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Time, price, volume.
    needed: [usize; 3],
    side: Option<usize>,
    kind: Option<usize>,
    symbol: Option<usize>,
    /// How many there must be, where nothing names them.
    named: bool,
}

impl Default for Columns {
    /// As Kraken's files have them.
    fn default() -> Self {
        Self {
            needed: [0, 1, 2],
            side: Some(3),
            kind: Some(4),
            symbol: None,
            named: false,
        }
    }
}

impl Columns {
    /// Takes a first line that names the columns. False if it does not.
    pub(super) fn take_header(&mut self, line: &str) -> Result<bool, RowProblem> {
        if !line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Ok(false);
        }
        let names: Vec<&str> = line.split(',').map(str::trim).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(name));
        let needed = |known: &[&'static str]| {
            let name = known.first().copied().unwrap_or_default();
            find(known).ok_or(RowProblem::Header(name))
        };
        *self = Self {
            needed: [
                needed(&["time", "timestamp", "ts_event", "ts"])?,
                needed(&["price"])?,
                needed(&["volume", "qty", "quantity", "amount", "vol"])?,
            ],
            side: find(&["side"]),
            kind: find(&["ordertype", "ord_type", "order_type", "type"]),
            symbol: find(&["symbol", "pair"]),
            named: true,
        };
        Ok(true)
    }

    /// Reads a trade; none if it is of another pair.
    pub(super) fn row(
        &self,
        line: &str,
        spec: &PairSpec,
        before: Option<&Row>,
    ) -> Result<Option<Row>, RowProblem> {
        let columns: Vec<&str> = line.split(',').map(str::trim).collect();
        if !self.named && !matches!(columns.len(), 3 | 5) {
            return Err(RowProblem::Columns(columns.len()));
        }
        let at = |place: usize| columns.get(place).copied();
        if let Some(symbol) = self.symbol.and_then(at)
            && !is_of(spec, symbol)
        {
            return Ok(None);
        }
        let [time, price, volume] = self.needed.map(at);
        let missing = RowProblem::Columns(columns.len());
        let trade = Trade {
            time: time.ok_or(missing)?,
            price: price.ok_or(missing)?,
            volume: volume.ok_or(missing)?,
            side: self.side.and_then(at),
            kind: self.kind.and_then(at),
        };
        trade.row(spec, before).map(Some)
    }
}

/// The texts of a trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trade<'a> {
    pub(super) time: &'a str,
    pub(super) price: &'a str,
    pub(super) volume: &'a str,
    pub(super) side: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
}

impl Trade<'_> {
    /// Reads the trade, exactly.
    pub(super) fn row(&self, spec: &PairSpec, before: Option<&Row>) -> Result<Row, RowProblem> {
        let at = instant(self.time)?;
        if before.is_some_and(|before| at < before.at) {
            return Err(RowProblem::Backwards);
        }
        let price = spec.instrument.price(self.price);
        let price = price.map_err(RowProblem::Price)?;
        if !price.is_multiple_of(spec.instrument.tick) {
            return Err(RowProblem::Tick);
        }
        Ok(Row {
            at,
            price,
            qty: quantity(self.volume, spec)?,
            taker: match self.side {
                Some(side) => self::side(side)?,
                None => guessed_side(price, before),
            },
            market: self.kind.map_or(Ok(false), is_market)?,
        })
    }
}

/// Whether a name is one of the pair's.
pub(super) fn is_of(spec: &PairSpec, name: &str) -> bool {
    let names = [&spec.rest_id, &spec.altname, &spec.wsname];
    names.iter().any(|known| *known == name) || &*spec.instrument.symbol == name
}

/// Whether a text is a plain number.
pub(super) fn is_number(text: &str) -> bool {
    digits::parse(text.as_bytes()).is_ok()
}

/// Seconds since 1970, or an instant in words.
fn instant(text: &str) -> Result<Timestamp, RowProblem> {
    if text.contains('T') {
        return Timestamp::parse(text).map_err(|_malformed| RowProblem::Time);
    }
    let nanos = digits::fixed(text.as_bytes(), 9).map_err(|_malformed| RowProblem::Time)?;
    Ok(Timestamp::from_nanos(nanos))
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
        "b" | "buy" => Ok(Side::Buy),
        "s" | "sell" => Ok(Side::Sell),
        _ => Err(RowProblem::Side),
    }
}

fn is_market(text: &str) -> Result<bool, RowProblem> {
    match text {
        "m" | "market" => Ok(true),
        "l" | "limit" => Ok(false),
        _ => Err(RowProblem::OrderType),
    }
}

/// Who names no side: a rise was bought, a fall sold, and an unchanged price goes the way of the trade before.
pub(super) fn guessed_side(price: Price, before: Option<&Row>) -> Side {
    match before {
        Some(before) if price < before.price => Side::Sell,
        Some(before) if price == before.price => before.taker,
        Some(_) | None => Side::Buy,
    }
}
