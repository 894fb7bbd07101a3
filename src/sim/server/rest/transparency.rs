//! What regulated venues publish of orders and trades: `PreTrade` and `PostTrade`, as documented in May 2026.
//!
//! Left out: the codes of the digital token register, which are optional, and assets' full names, which the simulator does not know.
//! Always true: a trade's id is its own and stays; it is made from the pair and the trade's number, and is nobody's fill id.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    call::number,
    public::Query,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        View,
        matching::{DepthLevel, PairId, PairSpec, TradeFact},
        server::render::price,
    },
    types::{Side, Timestamp},
};

/// Levels a side of `PreTrade`.
const LEVELS: usize = 10;
/// Most trades of `PostTrade`.
const TRADES: usize = 1000;
/// The venue's market identifier.
const VENUE: &str = "PGSL";

#[derive(Serialize)]
struct PreTrade<'a> {
    symbol: &'a str,
    description: String,
    base_asset: &'a str,
    base_notation: &'static str,
    quote_asset: &'a str,
    quote_notation: &'static str,
    venue: &'static str,
    system: &'static str,
    bids: Vec<LevelRow>,
    asks: Vec<LevelRow>,
}

#[derive(Serialize)]
struct LevelRow {
    side: &'static str,
    price: String,
    qty: String,
    count: usize,
    publication_ts: String,
}

/// `PreTrade`: the best ten levels.
pub(super) fn pre_trade(query: &Query<'_>) -> Answer {
    let symbol = query.params.text("symbol");
    let symbol = symbol.ok_or_else(|| Failure::argument("symbol"))?;
    query.state.venue.read(|view| {
        let (id, pair) = listed(view, symbol)?;
        let of = &pair.instrument;
        let rows = |side, name| {
            let levels = view.exchange.depth(id, side).take(LEVELS);
            levels.map(|level| level_row(pair, name, &level)).collect()
        };
        result(&PreTrade {
            symbol: &of.symbol,
            description: description(pair),
            base_asset: &of.base,
            base_notation: "NOML",
            quote_asset: &of.quote,
            quote_notation: "MONE",
            venue: VENUE,
            system: "CLOB",
            bids: rows(Side::Buy, "BUY"),
            asks: rows(Side::Sell, "SELL"),
        })
    })
}

fn level_row(pair: &PairSpec, side: &'static str, level: &DepthLevel) -> LevelRow {
    LevelRow {
        side,
        price: price(pair, level.price),
        qty: pair.instrument.quantity_decimal(level.qty).to_string(),
        count: level.orders,
        publication_ts: level.changed.rfc3339(6).to_string(),
    }
}

#[derive(Serialize)]
struct PostTrade {
    last_ts: String,
    count: usize,
    trades: Vec<TradeRow>,
}

#[derive(Serialize)]
struct TradeRow {
    trade_id: String,
    price: String,
    quantity: String,
    symbol: String,
    description: String,
    base_asset: String,
    base_notation: &'static str,
    quote_asset: String,
    quote_notation: &'static str,
    trade_venue: &'static str,
    trade_ts: String,
    publication_venue: &'static str,
    publication_ts: String,
}

/// `PostTrade`: trades of one pair or all, oldest first: the first after `from_ts`, or the latest.
pub(super) fn post_trade(query: &Query<'_>) -> Answer {
    let count: usize = number(query.params, "count")?.unwrap_or(TRADES);
    if !(1..=TRADES).contains(&count) {
        return Err(Failure::argument("count"));
    }
    let (from, to) = (instant(query, "from_ts")?, instant(query, "to_ts")?);
    query.state.venue.read(|view| {
        let pairs: Vec<PairId> = match query.params.text("symbol") {
            Some(symbol) => vec![listed(view, symbol)?.0],
            None => (0..)
                .map(PairId)
                .zip(&view.exchange.universe().pairs)
                .map(|(id, _)| id)
                .collect(),
        };
        let trades = match from {
            Some(from) => first_after(view, &pairs, (from, to), count),
            None => latest(view, &pairs, to, count),
        };
        let last = trades.last().map(|trade| trade.at).or(from);
        let rows = trades.iter().filter_map(|trade| trade_row(view, trade));
        result(&PostTrade {
            last_ts: last.unwrap_or(query.now).rfc3339(9).to_string(),
            count: trades.len(),
            trades: rows.collect(),
        })
    })
}

fn instant(query: &Query<'_>, name: &str) -> Result<Option<Timestamp>, Failure> {
    let text = query.params.text(name);
    let parsed = text.map(Timestamp::parse).transpose();
    parsed.map_err(|_no_instant| Failure::argument(name))
}

/// The first trades after an instant. Those of one instant stay together, so that asking on from `last_ts` misses none.
fn first_after(
    view: View<'_>,
    pairs: &[PairId],
    (from, to): (Timestamp, Option<Timestamp>),
    count: usize,
) -> Vec<TradeFact> {
    let of = |pair: &PairId| view.history.trades_after(*pair, from);
    let merged = Merged::new(pairs.iter().map(of), |trade| trade.at.as_nanos());
    let merged = merged.take_while(|trade| to.is_none_or(|to| trade.at <= to));
    let mut page: Vec<TradeFact> = Vec::new();
    for trade in merged {
        if page.len() >= count && page.last().is_some_and(|last| last.at != trade.at) {
            break;
        }
        page.push(trade);
    }
    page
}

fn latest(view: View<'_>, pairs: &[PairId], to: Option<Timestamp>, count: usize) -> Vec<TradeFact> {
    let of = |pair: &PairId| view.history.trades(*pair).rev();
    let merged = Merged::new(pairs.iter().map(of), |trade| {
        trade.at.as_nanos().saturating_neg()
    });
    let merged = merged.skip_while(|trade| to.is_some_and(|to| trade.at > to));
    let mut page: Vec<TradeFact> = merged.take(count).collect();
    page.reverse();
    page
}

/// Several sorted sequences made one, read no further than asked for.
struct Merged<I> {
    sources: Vec<I>,
    heads: Vec<Option<TradeFact>>,
    next: BTreeSet<(i64, usize)>,
    key: fn(&TradeFact) -> i64,
}

impl<I: Iterator<Item = TradeFact>> Merged<I> {
    fn new(sources: impl Iterator<Item = I>, key: fn(&TradeFact) -> i64) -> Self {
        let sources: Vec<I> = sources.collect();
        let mut merged = Self {
            heads: vec![None; sources.len()],
            next: BTreeSet::new(),
            sources,
            key,
        };
        for source in 0..merged.sources.len() {
            merged.advance(source);
        }
        merged
    }

    fn advance(&mut self, source: usize) -> Option<TradeFact> {
        let next = self.sources.get_mut(source)?.next();
        self.next
            .extend(next.as_ref().map(|trade| ((self.key)(trade), source)));
        std::mem::replace(self.heads.get_mut(source)?, next)
    }
}

impl<I: Iterator<Item = TradeFact>> Iterator for Merged<I> {
    type Item = TradeFact;

    fn next(&mut self) -> Option<TradeFact> {
        let (_, source) = self.next.pop_first()?;
        self.advance(source)
    }
}

fn trade_row(view: View<'_>, trade: &TradeFact) -> Option<TradeRow> {
    let pair = view.exchange.universe().pair(trade.pair)?;
    let of = &pair.instrument;
    let at = trade.at.rfc3339(9).to_string();
    Some(TradeRow {
        trade_id: trade_id(&of.symbol, trade.trade_id),
        price: price(pair, trade.price),
        quantity: of.quantity_decimal(trade.qty).to_string(),
        symbol: of.symbol.to_string(),
        description: description(pair),
        base_asset: of.base.to_string(),
        base_notation: "UNIT",
        quote_asset: of.quote.to_string(),
        quote_notation: "MONE",
        trade_venue: VENUE,
        trade_ts: at.clone(),
        publication_venue: VENUE,
        publication_ts: at,
    })
}

/// `TXXXXX-XXXXX-XXXXXX`
fn trade_id(symbol: &str, number: u64) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::new()
        .chain_update(symbol)
        .chain_update(number.to_be_bytes())
        .finalize();
    let mut id = String::from("T");
    for (position, byte) in digest.iter().take(16).enumerate() {
        if position == 5 || position == 10 {
            id.push('-');
        }
        id.push(char::from(DIGITS[usize::from(byte % 32)]));
    }
    id
}

fn description(pair: &PairSpec) -> String {
    format!("{} / {}", pair.instrument.base, pair.instrument.quote)
}

fn listed<'a>(view: View<'a>, symbol: &str) -> Result<(PairId, &'a PairSpec), Failure> {
    let universe = view.exchange.universe();
    let id = universe.find_pair(symbol).ok_or(Failure::UNKNOWN_PAIR)?;
    let spec = universe.pair(id).ok_or(Failure::UNKNOWN_PAIR)?;
    Ok((id, spec))
}
