//! `book` and `trade` payloads, read in one pass into buffers that are used again.
//!
//! Always true: keys may come in any order; nothing is allocated once the buffers have grown, unless a text holds an escape.

use std::borrow::Cow;

use super::{Buffers, Listing, Notes, TakerOrder, Trade, symbols::Symbols};
use crate::{
    engine::event::{Level, PublicTrade},
    types::{InvalidDigits, Price, Quantity, Side, digits},
    venue::kraken::wire::{
        DecodeError, Why,
        scan::{Scanner, Step},
    },
};

/// Reads payloads of the feed.
pub(super) struct Feed<'s> {
    pub(super) symbols: &'s Symbols,
    pub(super) notes: &'s mut Notes,
}

/// Whose payload was read.
pub(super) enum Whose<'a> {
    /// An instrument of the table. The buffers hold it.
    Known(Listing),
    /// Not in the table; passed over.
    Other(Cow<'a, str>),
    /// No rows.
    Nobody,
}

impl Feed<'_> {
    /// Reads the one element of a `book` payload. Kind is not part of it.
    pub(super) fn book<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Whose<'a>> {
        if !scanner.first_item()? {
            return scanner.fail(Why::Expected("one element"));
        }
        let whose = self.book_row(scanner, buffers)?;
        if scanner.next_item()? {
            return scanner.fail(Why::Expected("one element"));
        }
        Ok(whose)
    }

    fn book_row<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Whose<'a>> {
        let book = &mut buffers.book;
        book.bids.clear();
        book.asks.clear();
        book.at = None;
        let mut row = Row::default();
        let mut next = scanner.first_key()?;
        while let Some(key) = next {
            match key.as_ref() {
                "symbol" => {
                    once(scanner, row.symbol.is_some(), "symbol")?;
                    let symbol = scanner.string()?;
                    row.listing = self.symbols.find(&symbol).copied();
                    row.symbol = Some(symbol);
                }
                "bids" => {
                    once(scanner, row.bids.is_some(), "bids")?;
                    row.bids = Some(self.levels_or_later(scanner, &row, &mut book.bids)?);
                }
                "asks" => {
                    once(scanner, row.asks.is_some(), "asks")?;
                    row.asks = Some(self.levels_or_later(scanner, &row, &mut book.asks)?);
                }
                "checksum" => {
                    once(scanner, row.checksum.is_some(), "checksum")?;
                    row.checksum = Some(checksum(scanner)?);
                }
                "timestamp" => {
                    once(scanner, row.stamped, "timestamp")?;
                    row.stamped = true;
                    book.at = if scanner.peek() == Some(b'n') {
                        scanner.skip().map(|_null| None)?
                    } else {
                        Some(scanner.instant()?)
                    };
                }
                unknown => {
                    self.notes.unknown_field("book", unknown);
                    scanner.skip()?;
                }
            }
            next = scanner.next_key()?;
        }
        let Some(symbol) = row.symbol else {
            return scanner.fail(Why::Missing("symbol"));
        };
        let Some(checksum) = row.checksum else {
            return scanner.fail(Why::Missing("checksum"));
        };
        book.checksum = checksum;
        let Some(listing) = row.listing else {
            self.notes.other_symbol();
            return Ok(Whose::Other(symbol));
        };
        for (place, levels) in [(row.bids, &mut book.bids), (row.asks, &mut book.asks)] {
            if let Some(Place::Later(at)) = place {
                self.levels(&mut scanner.moved_to(at), &listing, levels)?;
            }
        }
        book.instrument = listing.id;
        Ok(Whose::Known(listing))
    }

    /// Reads levels if the symbol, and so the precision, is known already; else passes over them.
    #[inline]
    fn levels_or_later(
        &mut self,
        scanner: &mut Scanner<'_>,
        row: &Row<'_>,
        levels: &mut Vec<Level>,
    ) -> Step<Place> {
        match (&row.listing, scanner.peek()) {
            (_, Some(b'n')) => scanner.skip().map(|_null| Place::Read),
            (Some(listing), _) => self.levels(scanner, listing, levels).map(|()| Place::Read),
            (None, Some(b'[')) => {
                let at = scanner.at();
                scanner.skip().map(|_levels| Place::Later(at))
            }
            (None, _) => scanner.fail(Why::Expected("an array")),
        }
    }

    #[inline]
    fn levels(
        &mut self,
        scanner: &mut Scanner<'_>,
        listing: &Listing,
        levels: &mut Vec<Level>,
    ) -> Step<()> {
        let mut more = scanner.first_item()?;
        while more {
            let level = match usual_level(scanner, listing)? {
                Some(level) => level,
                None => self.any_level(scanner, listing)?,
            };
            levels.push(level);
            more = scanner.next_item()?;
        }
        Ok(())
    }

    #[cold]
    fn any_level(&mut self, scanner: &mut Scanner<'_>, listing: &Listing) -> Step<Level> {
        let (mut price, mut qty) = (None, None);
        let mut next = scanner.first_key()?;
        while let Some(key) = next {
            match key.as_ref() {
                "price" => {
                    once(scanner, price.is_some(), "price")?;
                    price = Some(read_price(scanner, listing)?);
                }
                "qty" => {
                    once(scanner, qty.is_some(), "qty")?;
                    qty = Some(read_qty(scanner, listing)?);
                }
                unknown => {
                    self.notes.unknown_field("book", unknown);
                    scanner.skip()?;
                }
            }
            next = scanner.next_key()?;
        }
        match (price, qty) {
            (Some(price), Some(qty)) => Ok(Level { price, qty }),
            (None, _) => scanner.fail(Why::Missing("price")),
            (_, None) => scanner.fail(Why::Missing("qty")),
        }
    }

    /// Reads the rows of a `trade` payload. The buffers hold those whose symbol is known.
    pub(super) fn trades<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        buffers: &mut Buffers,
    ) -> Step<Whose<'a>> {
        buffers.trades.clear();
        let mut whose = Whose::Nobody;
        let mut more = scanner.first_item()?;
        while more {
            let row = self.trade_row(scanner)?;
            match self.symbols.find(&row.symbol).copied() {
                Some(listing) => {
                    buffers.trades.push(row.trade(&listing)?);
                    whose = Whose::Known(listing);
                }
                None => {
                    self.notes.other_symbol();
                    if !matches!(whose, Whose::Known(_)) {
                        whose = Whose::Other(row.symbol);
                    }
                }
            }
            more = scanner.next_item()?;
        }
        Ok(whose)
    }

    fn trade_row<'a>(&mut self, scanner: &mut Scanner<'a>) -> Step<TradeRow<'a>> {
        let (mut symbol, mut side, mut order) = (None, None, None);
        let (mut price, mut qty, mut trade_id, mut at) = (None, None, None, None);
        let mut next = scanner.first_key()?;
        while let Some(key) = next {
            match key.as_ref() {
                "symbol" => fill(scanner, &mut symbol, "symbol", Scanner::string)?,
                "side" => fill(scanner, &mut side, "side", read_side)?,
                "price" => fill(scanner, &mut price, "price", numeral)?,
                "qty" => fill(scanner, &mut qty, "qty", numeral)?,
                "ord_type" => fill(scanner, &mut order, "ord_type", read_order)?,
                "trade_id" => fill(scanner, &mut trade_id, "trade_id", |s| {
                    s.unsigned("trade_id")
                })?,
                "timestamp" => fill(scanner, &mut at, "timestamp", Scanner::instant)?,
                unknown => {
                    self.notes.unknown_field("trade", unknown);
                    scanner.skip()?;
                }
            }
            next = scanner.next_key()?;
        }
        let missing = |key| DecodeError {
            at: scanner.at(),
            why: Why::Missing(key),
        };
        Ok(TradeRow {
            symbol: symbol.ok_or_else(|| missing("symbol"))?,
            side: side.ok_or_else(|| missing("side"))?,
            price: price.ok_or_else(|| missing("price"))?,
            qty: qty.ok_or_else(|| missing("qty"))?,
            order: order.flatten(),
            trade_id: trade_id.ok_or_else(|| missing("trade_id"))?,
            at: at.ok_or_else(|| missing("timestamp"))?,
        })
    }
}

/// What has been met of a book row.
#[derive(Default)]
struct Row<'a> {
    symbol: Option<Cow<'a, str>>,
    listing: Option<Listing>,
    bids: Option<Place>,
    asks: Option<Place>,
    checksum: Option<u32>,
    stamped: bool,
}

/// Where the levels of a side are.
#[derive(Clone, Copy)]
enum Place {
    /// In the buffer.
    Read,
    /// At this offset; the symbol was not known when they were met.
    Later(usize),
}

/// A trade row whose numbers wait for the symbol's precision.
struct TradeRow<'a> {
    symbol: Cow<'a, str>,
    side: Side,
    price: Numeral<'a>,
    qty: Numeral<'a>,
    order: Option<TakerOrder>,
    trade_id: u64,
    at: crate::types::Timestamp,
}

/// The characters of a number, and where they stand.
struct Numeral<'a> {
    at: usize,
    text: &'a str,
}

impl Numeral<'_> {
    fn fixed(&self, precision: u8, field: &'static str) -> Step<i64> {
        digits::fixed(self.text.as_bytes(), precision).map_err(|source| {
            let why = Why::Number { field, source };
            DecodeError { at: self.at, why }
        })
    }
}

impl TradeRow<'_> {
    fn trade(&self, listing: &Listing) -> Step<Trade> {
        let price = self.price.fixed(listing.price_precision, "price")?;
        let qty = self.qty.fixed(listing.qty_precision, "qty")?;
        Ok(Trade {
            public: PublicTrade {
                instrument: listing.id,
                taker_side: self.side,
                price: valid_price(price, self.price.at)?,
                qty: valid_qty(qty, self.qty.at)?,
                trade_id: self.trade_id,
                at: self.at,
            },
            order: self.order,
        })
    }
}

fn once(scanner: &Scanner<'_>, met: bool, key: &'static str) -> Step<()> {
    if met {
        return scanner.fail(Why::Twice(key));
    }
    Ok(())
}

fn fill<'a, T>(
    scanner: &mut Scanner<'a>,
    target: &mut Option<T>,
    key: &'static str,
    read: impl FnOnce(&mut Scanner<'a>) -> Step<T>,
) -> Step<()> {
    once(scanner, target.is_some(), key)?;
    *target = Some(read(scanner)?);
    Ok(())
}

/// A level as the venue writes it today; `None`, and nothing passed, for every other form.
#[inline]
fn usual_level(scanner: &mut Scanner<'_>, listing: &Listing) -> Step<Option<Level>> {
    let start = scanner.at();
    if scanner.pass_literal(b"{\"price\":") {
        let price = read_price(scanner, listing)?;
        if scanner.pass_literal(b",\"qty\":") {
            let qty = read_qty(scanner, listing)?;
            if scanner.pass_literal(b"}") {
                return Ok(Some(Level { price, qty }));
            }
        }
    }
    *scanner = scanner.moved_to(start);
    Ok(None)
}

#[inline]
fn read_price(scanner: &mut Scanner<'_>, listing: &Listing) -> Step<Price> {
    let at = scanner.at();
    valid_price(scanner.fixed(listing.price_precision, "price")?, at)
}

#[inline]
fn read_qty(scanner: &mut Scanner<'_>, listing: &Listing) -> Step<Quantity> {
    let at = scanner.at();
    valid_qty(scanner.fixed(listing.qty_precision, "qty")?, at)
}

#[inline]
fn valid_price(units: i64, at: usize) -> Step<Price> {
    Price::new(units).map_err(|_zero| DecodeError {
        at,
        why: Why::ZeroPrice,
    })
}

#[inline]
fn valid_qty(units: i64, at: usize) -> Step<Quantity> {
    Quantity::new(units).map_err(|_negative| DecodeError {
        at,
        why: Why::Number {
            field: "qty",
            source: InvalidDigits::Negative,
        },
    })
}

fn checksum(scanner: &mut Scanner<'_>) -> Step<u32> {
    let at = scanner.at();
    u32::try_from(scanner.unsigned("checksum")?).map_err(|_too_large| DecodeError {
        at,
        why: Why::Number {
            field: "checksum",
            source: InvalidDigits::TooLarge,
        },
    })
}

fn numeral<'a>(scanner: &mut Scanner<'a>) -> Step<Numeral<'a>> {
    scanner.peek();
    let at = scanner.at();
    scanner.number().map(|text| Numeral { at, text })
}

fn read_side(scanner: &mut Scanner<'_>) -> Step<Side> {
    match scanner.string()?.as_ref() {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => scanner.fail(Why::Expected("buy or sell")),
    }
}

/// The taker's order type; `None` for one that is not known, or null.
fn read_order(scanner: &mut Scanner<'_>) -> Step<Option<TakerOrder>> {
    Ok(match scanner.string_or_null()?.as_deref() {
        Some("limit") => Some(TakerOrder::Limit),
        Some("market") => Some(TakerOrder::Market),
        _ => None,
    })
}
