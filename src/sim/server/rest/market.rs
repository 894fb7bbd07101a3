//! Market data over REST: tickers, books, candles, trades, spreads.
//!
//! For: rows with the venue's own mix of types. Left out: what was before the simulation began.
//! Always true: candles follow each other without a gap, the running one is the last.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    call::{number, seconds},
    public::Query,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        View,
        history::{Candle, INTERVALS, Span, Spread},
        matching::{PairSpec, TradeFact},
        server::{
            names::NamedPair,
            render::{Entries, Seconds, long_price, price},
        },
    },
    types::{Decimal, Price, Quantity, Side, Timestamp},
};

/// Candles in an answer.
const CANDLES: i64 = 720;
/// Trades in an answer.
const TRADES: usize = 1000;
/// Levels of a book side, unless asked otherwise.
const LEVELS: usize = 100;
/// Most levels of a book side.
const MOST_LEVELS: usize = 500;

/// Rows under the pair's key, and `last` to ask on from.
struct Rows<R, L> {
    key: String,
    rows: R,
    last: L,
}

impl<R: Serialize, L: Serialize> Serialize for Rows<R, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(&self.key, &self.rows)?;
        map.serialize_entry("last", &self.last)?;
        map.end()
    }
}

#[derive(Serialize)]
struct TickerRow {
    a: [String; 3],
    b: [String; 3],
    c: [String; 2],
    v: [String; 2],
    p: [String; 2],
    t: [u64; 2],
    l: [String; 2],
    h: [String; 2],
    o: String,
}

/// `Ticker`.
pub(super) fn ticker(query: &Query<'_>) -> Answer {
    query.state.venue.read(|view| {
        let rows = query.pairs(view)?.into_iter().map(|named| {
            let row = ticker_row(query, view, &named);
            (named.key, row)
        });
        result(&rows.collect::<Entries<_, _>>())
    })
}

fn ticker_row(query: &Query<'_>, view: View<'_>, named: &NamedPair<'_>) -> TickerRow {
    let pair = named.spec;
    let none = || "0.00000".to_owned();
    let show = |price: Option<Price>| price.map_or_else(none, |price| long_price(pair, price));
    let best = |side| {
        let best = view.exchange.best(named.id, side);
        let lots = whole_lots(pair, best.map_or(Quantity::ZERO, |(_, qty)| qty));
        [
            show(best.map(|(price, _)| price)),
            lots.clone(),
            format!("{lots}.000"),
        ]
    };
    let ticker = view.history.ticker(named.id, query.now);
    let spans = |pick: fn(&Span) -> Price| {
        let pick = |span: Option<&Span>| show(span.map(pick));
        [
            pick(ticker.as_ref().map(|ticker| &ticker.today)),
            pick(ticker.as_ref().map(|ticker| &ticker.day)),
        ]
    };
    let qty = |qty: Quantity| pair.instrument.quantity_decimal(qty).to_string();
    let empty = || qty(Quantity::ZERO);
    // Before the first trade of the simulation the last price is the one that trading starts at.
    let last = ticker
        .map(|ticker| ticker.last)
        .or_else(|| view.exchange.last_price(named.id));
    TickerRow {
        a: best(Side::Sell),
        b: best(Side::Buy),
        c: [
            show(last),
            ticker.map_or_else(empty, |ticker| qty(ticker.last_qty)),
        ],
        v: ticker.map_or_else(
            || [empty(), empty()],
            |ticker| [qty(ticker.today.volume), qty(ticker.day.volume)],
        ),
        p: spans(|span| span.vwap),
        t: ticker.map_or([0, 0], |ticker| [ticker.today.trades, ticker.day.trades]),
        l: spans(|span| span.low),
        h: spans(|span| span.high),
        o: show(ticker.map(|ticker| ticker.today.open)),
    }
}

/// The quantity in whole units, begun ones included: what the venue shows in both volume fields.
fn whole_lots(pair: &PairSpec, qty: Quantity) -> String {
    let exact = pair.instrument.quantity_decimal(qty);
    exact.rounded_away_from_zero(0).unwrap_or(exact).to_string()
}

#[derive(Serialize)]
struct Book {
    asks: Vec<(String, String, i64)>,
    bids: Vec<(String, String, i64)>,
}

/// `Depth`. Levels carry the second in which they last changed.
pub(super) fn depth(query: &Query<'_>) -> Answer {
    let count = number(query.params, "count")?.unwrap_or(LEVELS);
    let count = count.clamp(1, MOST_LEVELS);
    query.state.venue.read(|view| {
        let named = query.pair(view)?;
        let side = |side| {
            let levels = view.exchange.depth(named.id, side).take(count);
            let rows = levels.map(|level| {
                let qty = three_digits(named.spec.instrument.quantity_decimal(level.qty));
                let price = long_price(named.spec, level.price);
                (price, qty, level.changed.as_secs())
            });
            rows.collect()
        };
        let book = Book {
            asks: side(Side::Sell),
            bids: side(Side::Buy),
        };
        result(&Entries(vec![(named.key.clone(), book)]))
    })
}

/// The venue shows three digits here. Rounded up, so that no level looks empty.
fn three_digits(qty: Decimal) -> String {
    qty.rounded_away_from_zero(3).unwrap_or(qty).to_string()
}

type CandleRow = (i64, String, String, String, String, String, String, u64);

/// `OHLC`.
pub(super) fn ohlc(query: &Query<'_>) -> Answer {
    let interval: u32 = number(query.params, "interval")?.unwrap_or(1);
    if !INTERVALS.contains(&interval) {
        return Err(Failure::argument("interval"));
    }
    let since: Option<i64> = since(query)?.map(Timestamp::as_secs);
    query.state.venue.read(|view| {
        let named = query.pair(view)?;
        let length = i64::from(interval) * 60;
        let rows = candle_rows(
            named.spec,
            view.history
                .candles(
                    named.id,
                    interval,
                    usize::try_from(CANDLES).unwrap_or(usize::MAX),
                )
                .iter(),
            query.now.as_secs(),
            length,
        );
        let running = rows.last().map_or(0, |row| row.0);
        let after = |row: &CandleRow| since.is_none_or(|since| row.0 > since) || row.0 == running;
        result(&Rows {
            key: named.key,
            rows: rows.into_iter().filter(after).collect::<Vec<_>>(),
            last: (running - length).max(0),
        })
    })
}

/// The latest candles, oldest first, intervals without a trade included. `candles` come newest first.
fn candle_rows<'a>(
    pair: &PairSpec,
    candles: impl Iterator<Item = &'a Candle>,
    now: i64,
    length: i64,
) -> Vec<CandleRow> {
    let mut rows = Vec::new();
    let running = now - now.rem_euclid(length);
    let oldest = running - (CANDLES - 1) * length;
    let mut next = running;
    for candle in candles {
        let begin = candle.begin.as_secs();
        while next > begin.max(oldest - length) {
            rows.push(flat_row(pair, next, candle.close));
            next -= length;
        }
        if begin < oldest {
            break;
        }
        rows.push(candle_row(pair, candle));
        next = begin - length;
    }
    rows.reverse();
    rows
}

fn candle_row(pair: &PairSpec, candle: &Candle) -> CandleRow {
    let show = |units| price(pair, units);
    (
        candle.begin.as_secs(),
        show(candle.open),
        show(candle.high),
        show(candle.low),
        show(candle.close),
        show(candle.vwap()),
        pair.instrument.quantity_decimal(candle.volume).to_string(),
        candle.trades,
    )
}

/// An interval in which nothing was traded.
fn flat_row(pair: &PairSpec, begin: i64, close: Price) -> CandleRow {
    let close = price(pair, close);
    let digits = pair.instrument.price_precision;
    let zero = Decimal::new(0, digits).unwrap_or(Decimal::ZERO).to_string();
    let nothing = pair.instrument.quantity_decimal(Quantity::ZERO).to_string();
    let same = close.clone();
    (
        begin,
        same.clone(),
        same.clone(),
        same,
        close,
        zero,
        nothing,
        0,
    )
}

type TradeRow = (String, String, Seconds, char, char, &'static str, u64);

/// `Trades`: the latest, or the first after `since`. Trades of one instant are not torn apart, so that asking on from `last` misses none.
pub(super) fn trades(query: &Query<'_>) -> Answer {
    let count: usize = number(query.params, "count")?.unwrap_or(TRADES);
    let count = count.clamp(1, TRADES);
    let since = since(query)?;
    query.state.venue.read(|view| {
        let named = query.pair(view)?;
        let page: Vec<TradeFact> = match since {
            Some(since) => first_after(view.history.trades_after(named.id, since), count),
            None => {
                let all = view.history.trades(named.id);
                let mut latest: Vec<_> = all.rev().take(count).collect();
                latest.reverse();
                latest
            }
        };
        let last = page.last().map(|trade| trade.at).or(since);
        let rows: Vec<TradeRow> = page
            .iter()
            .map(|trade| trade_row(named.spec, trade))
            .collect();
        result(&Rows {
            key: named.key,
            rows,
            last: last.map_or(0, Timestamp::as_nanos).to_string(),
        })
    })
}

fn first_after(trades: impl Iterator<Item = TradeFact>, count: usize) -> Vec<TradeFact> {
    let mut page: Vec<TradeFact> = Vec::new();
    for trade in trades {
        let full = page.len() >= count;
        if full && page.last().is_some_and(|last| last.at != trade.at) {
            break;
        }
        page.push(trade);
    }
    page
}

fn trade_row(pair: &PairSpec, trade: &TradeFact) -> TradeRow {
    (
        long_price(pair, trade.price),
        pair.instrument.quantity_decimal(trade.qty).to_string(),
        Seconds(trade.at),
        match trade.taker_side {
            Side::Buy => 'b',
            Side::Sell => 's',
        },
        if trade.taker_market { 'm' } else { 'l' },
        "",
        trade.trade_id,
    )
}

/// `Spread`.
pub(super) fn spread(query: &Query<'_>) -> Answer {
    let since = since(query)?.unwrap_or(Timestamp::MIN);
    query.state.venue.read(|view| {
        let named = query.pair(view)?;
        let spreads = view.history.spreads(named.id);
        let row = |spread: &Spread| {
            let (bid, ask) = (spread.bid, spread.ask);
            (
                spread.at.as_secs(),
                long_price(named.spec, bid),
                long_price(named.spec, ask),
            )
        };
        let rows: Vec<_> = spreads
            .iter()
            .filter(|spread| spread.at >= since)
            .map(row)
            .collect();
        let last = rows.last().map_or(query.now.as_secs(), |row| row.0);
        result(&Rows {
            key: named.key.clone(),
            rows,
            last,
        })
    })
}

/// `since` in seconds, or in nanoseconds where it is too large for seconds.
fn since(query: &Query<'_>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = query.params.text("since") else {
        return Ok(None);
    };
    let nanos = text
        .parse()
        .ok()
        .filter(|nanos: &i64| *nanos >= 1_000_000_000_000);
    nanos
        .map(Timestamp::from_nanos)
        .or_else(|| seconds(text))
        .map(Some)
        .ok_or_else(|| Failure::argument("since"))
}
