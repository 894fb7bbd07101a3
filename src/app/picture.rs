//! The engine at one instant, for screens, summaries and the service manager. Plain data; taken between two events.

use std::time::Duration;

use serde::Serialize;

use super::tally::Tally;
use crate::{
    engine::{Engine, Mode, event::Link, event::OrderEntry, order::Order, order::State},
    types::{AssetCode, Decimal, Side, Symbol, Timestamp},
};

/// The engine at one instant.
#[derive(Clone, Debug)]
pub struct Picture {
    /// When.
    pub at: Timestamp,
    /// What the engine is about.
    pub mode: Mode,
    /// Whether everything is there to trade.
    pub ready: bool,
    /// Whether the public feed is up.
    pub feed: Link,
    /// Whether the private feed is up.
    pub account: Link,
    /// Whether creates and amends leave.
    pub order_entry: OrderEntry,
    /// All instruments.
    pub markets: Vec<MarketPicture>,
    /// All balances.
    pub balances: Vec<(AssetCode, Decimal)>,
    /// Things that could not be.
    pub anomalies: u64,
    /// The numbers so far.
    pub tally: Tally,
}

/// One instrument at one instant.
#[derive(Clone, Debug)]
pub struct MarketPicture {
    /// Which.
    pub symbol: Symbol,
    /// What prices are in.
    pub quote: AssetCode,
    /// Whether its book agrees with the venue.
    pub verified: bool,
    /// Whether it stands still.
    pub halted: bool,
    /// Best bid: price, quantity.
    pub bid: Option<(Decimal, Decimal)>,
    /// Best ask.
    pub ask: Option<(Decimal, Decimal)>,
    /// Net of our fills, in base.
    pub position: Decimal,
    /// Quote received less quote paid, fees apart.
    pub cash: Decimal,
    /// Profit or loss at the middle of the book, after fees, in quote.
    pub pnl: Decimal,
    /// Fees paid, in quote.
    pub fees: Decimal,
    /// Our fills in it.
    pub fills: u64,
    /// Our orders in it.
    pub orders: Vec<OrderPicture>,
}

/// One of our orders.
#[derive(Clone, Debug)]
pub struct OrderPicture {
    /// Its id.
    pub id: crate::types::ClOrdId,
    /// Direction.
    pub side: Side,
    /// Limit price.
    pub price: Decimal,
    /// What is left.
    pub open: Decimal,
    /// Where it stands, in a word.
    pub state: &'static str,
}

impl Picture {
    /// Looks at an engine.
    #[must_use]
    pub fn of(engine: &Engine, tally: &Tally, at: Timestamp) -> Self {
        let status = engine.status();
        let orders: Vec<&Order> = status.live_orders().collect();
        let markets = status
            .markets()
            .map(|market| MarketPicture::of(&market, &orders))
            .collect();
        Self {
            at,
            mode: status.mode(),
            ready: status.is_ready(),
            feed: status.feed(),
            account: status.account(),
            order_entry: status.order_entry(),
            markets,
            balances: status
                .balances()
                .map(|(asset, total)| (*asset, *total))
                .collect(),
            anomalies: status.anomalies(),
            tally: tally.clone(),
        }
    }

    /// Orders that may still trade.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.markets.iter().map(|market| market.orders.len()).sum()
    }

    /// Creates, amends and cancels a minute since the start.
    #[must_use]
    pub fn commands_a_minute(&self) -> u64 {
        let commands = self.tally.orders + self.tally.amends + self.tally.cancels;
        let since = self
            .tally
            .since
            .map_or(Duration::ZERO, |since| self.at.since(since));
        commands.saturating_mul(60_000)
            / u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// One line for the service manager.
    #[must_use]
    pub fn line(&self) -> String {
        let verified = self.markets.iter().filter(|market| market.verified).count();
        format!(
            "{:?}: {verified} of {} books verified, {} open orders, {} fills",
            self.mode,
            self.markets.len(),
            self.open_orders(),
            self.tally.fills
        )
    }
}

impl MarketPicture {
    fn of(market: &crate::engine::MarketStatus<'_>, orders: &[&Order]) -> Self {
        let instrument = market.instrument;
        let level = |level: Option<&crate::engine::event::Level>| {
            level.map(|level| {
                (
                    instrument.price_decimal(level.price),
                    instrument.quantity_decimal(level.qty),
                )
            })
        };
        let (bid, ask) = (market.book.best_bid(), market.book.best_ask());
        let mark = bid.zip(ask).and_then(|(bid, ask)| {
            bid.price
                .shifted((ask.price.units() - bid.price.units()) / 2)
                .ok()
        });
        let flat = || market.position.cash();
        let pnl = mark.and_then(|mark| market.position.pnl(instrument, mark).ok());
        let own = orders.iter().filter(|order| order.instrument == market.id);
        Self {
            symbol: instrument.symbol,
            quote: instrument.quote,
            verified: market.book.is_verified(),
            halted: market.halted,
            bid: level(bid),
            ask: level(ask),
            position: market.position.base(instrument),
            cash: market.position.cash(),
            pnl: pnl.unwrap_or_else(flat),
            fees: market
                .position
                .fees()
                .get(&instrument.quote)
                .copied()
                .unwrap_or(Decimal::ZERO),
            fills: market.position.fills(),
            orders: own
                .map(|order| OrderPicture::of(order, instrument))
                .collect(),
        }
    }
}

impl OrderPicture {
    fn of(order: &Order, instrument: &crate::types::Instrument) -> Self {
        let state = match (&order.state, order.cancel) {
            (State::Unknown { .. }, _) => "unknown",
            (_, Some(_)) => "canceling",
            (State::Pending { .. }, None) => "pending",
            (State::Open { .. }, None) if order.is_unknown() => "unknown",
            (State::Open { .. }, None) if order.is_settled() => "open",
            (State::Open { .. }, None) => "amending",
            (State::Done { .. }, None) => "done",
        };
        Self {
            id: order.cl_ord_id,
            side: order.side,
            price: instrument.price_decimal(order.price),
            open: instrument.quantity_decimal(order.open_qty()),
            state,
        }
    }
}

/// What a run comes to, as people and programs read it at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Data frames received.
    pub frames: u64,
    /// Book frames whose checksum was verified.
    pub checksums: u64,
    /// Orders sent.
    pub orders: u64,
    /// Amends sent.
    pub amends: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Fills.
    pub fills: u64,
    /// Wishes that the gate refused.
    pub denied: u64,
    /// Commands that the venue refused.
    pub rejected: u64,
    /// Fees by quote asset.
    pub fees: String,
    /// Profit or loss by quote asset, at the middle, after fees.
    pub pnl: String,
    /// Orders that may still rest.
    #[serde(rename = "open orders")]
    pub open_orders: usize,
    /// Longest time from event in hand to order in the lane.
    #[serde(rename = "worst latency")]
    pub worst_latency: String,
}

impl Summary {
    /// Sums a picture up. `frames` come from the sockets.
    #[must_use]
    pub fn of(picture: &Picture, frames: u64) -> Self {
        let tally = &picture.tally;
        Self {
            frames,
            checksums: tally.checksums,
            orders: tally.orders,
            amends: tally.amends,
            cancels: tally.cancels,
            fills: tally.fills,
            denied: tally.denied(),
            rejected: tally.rejected,
            fees: by_quote(picture, |market| market.fees),
            pnl: by_quote(picture, |market| market.pnl),
            open_orders: picture.open_orders(),
            worst_latency: format!("{:?}", tally.worst_latency),
        }
    }
}

fn by_quote(picture: &Picture, amount: impl Fn(&MarketPicture) -> Decimal) -> String {
    let mut sums: Vec<(AssetCode, Decimal)> = Vec::new();
    for market in &picture.markets {
        let amount = amount(market);
        match sums.iter_mut().find(|(quote, _)| *quote == market.quote) {
            Some((_, sum)) => *sum = sum.checked_add(amount).unwrap_or(*sum),
            None => sums.push((market.quote, amount)),
        }
    }
    let texts: Vec<String> = sums
        .iter()
        .map(|(quote, sum)| format!("{} {quote}", sum.normalized()))
        .collect();
    texts.join(", ")
}

#[cfg(test)]
impl Picture {
    /// A daemon that trades nothing.
    pub(crate) fn sample() -> Self {
        Self {
            at: Timestamp::from_secs(0),
            mode: Mode::Trading,
            ready: true,
            feed: Link::Up,
            account: Link::Up,
            order_entry: OrderEntry::Open,
            markets: Vec::new(),
            balances: Vec::new(),
            anomalies: 0,
            tally: Tally::default(),
        }
    }
}
