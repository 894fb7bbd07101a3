//! A two-sided market maker: one bid and one ask around the middle of the book, leaning against its inventory.
//!
//! Amends in place rather than cancel and create: cheaper in the rate counter, and never two orders where one was wanted.
//! What it has in the market is read from the orders each time; it remembers only when it last acted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Intent, Strategy, View};
use crate::{
    engine::{book::Book, order::Order},
    types::{OutOfRange, Price, Quantity, Side, TimeInForce, Timestamp},
};

/// How the quoter quotes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Params {
    /// Size of each quote.
    pub qty: Quantity,
    /// Distance of each quote from the middle, in parts per million of the price. Zero quotes at the touch.
    pub half_spread_ppm: u32,
    /// Shift of both quotes against a full position, in parts per million of the price.
    pub skew_ppm: u32,
    /// Position either way at which it stops to add, in base.
    pub max_position: Quantity,
    /// Price moves smaller than so many ticks leave a quote where it is.
    pub refresh_ticks: u32,
    /// Least time between two actions on one side.
    pub min_interval: Duration,
    /// How long quotes stay while the book is not verified.
    pub stale_grace: Duration,
}

/// The strategy.
#[derive(Debug)]
pub struct Quoter {
    params: Params,
    memory: Memory,
}

/// What survives a restart.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Memory {
    acted: [Option<Timestamp>; 2],
    stale_since: Option<Timestamp>,
    wake: Option<Timestamp>,
}

impl Quoter {
    /// A quoter that has not acted yet.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self {
            params,
            memory: Memory::default(),
        }
    }

    fn quote(&mut self, view: &View<'_>, side: Side, target: Option<Price>, out: &mut Vec<Intent>) {
        let mut own = view.own().filter(|order| order.side == side);
        let first = own.next();
        for extra in own.filter(|order| order.cancel.is_none()) {
            out.push(Intent::Cancel {
                order: extra.cl_ord_id,
            });
        }
        let wish = match (first, target) {
            (None, Some(price)) => Some(self.place(side, price)),
            (Some(order), Some(price)) => self.move_to(view, order, price),
            (Some(order), None) if order.cancel.is_none() => Some(Intent::Cancel {
                order: order.cl_ord_id,
            }),
            (Some(_) | None, None) => None,
        };
        let Some(wish) = wish else { return };
        if target.is_some_and(|price| meets_own(view, side, price)) {
            // The other quote is on its way out of there.
            return;
        }
        if self.may_act(view.now, side) {
            out.push(wish);
        }
    }

    const fn place(&self, side: Side, price: Price) -> Intent {
        Intent::Place {
            side,
            price,
            qty: self.params.qty,
            time_in_force: TimeInForce::Gtc,
            post_only: true,
        }
    }

    fn move_to(&self, view: &View<'_>, order: &Order, price: Price) -> Option<Intent> {
        if !order.is_settled() {
            return None;
        }
        let least = view.instrument.tick.units() * i64::from(self.params.refresh_ticks.max(1));
        let far = (price.units() - order.price.units()).abs() >= least;
        far.then_some(Intent::Amend {
            order: order.cl_ord_id,
            price,
            qty: order.qty,
        })
    }

    /// At most one action a side and interval; when refused, says when to come back.
    fn may_act(&mut self, now: Timestamp, side: Side) -> bool {
        let [buy, sell] = &mut self.memory.acted;
        let last = match side {
            Side::Buy => buy,
            Side::Sell => sell,
        };
        let free = last.map_or(now, |last| last.after(self.params.min_interval));
        if free > now {
            self.memory.wake = Some(self.memory.wake.map_or(free, |wake| wake.min(free)));
            return false;
        }
        *last = Some(now);
        true
    }

    /// Where both quotes should be; `None` on a side that should not be quoted.
    fn targets(&self, view: &View<'_>, book: &Book) -> Option<(Option<Price>, Option<Price>)> {
        let (bid, ask) = (book.best_bid()?, book.best_ask()?);
        let held = view.position.base_units();
        let full = i128::from(self.params.max_position.units());
        let size = i128::from(self.params.qty.units());
        let buy = (held + size <= full)
            .then(|| self.price(view, bid.price, ask.price, held, Side::Buy).ok())
            .flatten();
        let sell = (held - size >= -full)
            .then(|| {
                self.price(view, bid.price, ask.price, held, Side::Sell)
                    .ok()
            })
            .flatten();
        Some((Self::apart(view, buy, sell), sell))
    }

    /// Middle, less the lean against inventory, less or plus the half spread; never through the other side.
    fn price(
        &self,
        view: &View<'_>,
        bid: Price,
        ask: Price,
        held: i128,
        side: Side,
    ) -> Result<Price, OutOfRange> {
        let twice_mid = i128::from(bid.units()) + i128::from(ask.units());
        let full = i128::from(self.params.max_position.units()).max(1);
        let lean = i128::from(self.params.skew_ppm) * held.clamp(-full, full) / full;
        let half = i128::from(self.params.half_spread_ppm);
        let ppm = match side {
            Side::Buy => -half - lean,
            Side::Sell => half - lean,
        };
        let scaled = twice_mid * (1_000_000 + ppm);
        let units = match side {
            Side::Buy => scaled.div_euclid(2_000_000),
            Side::Sell => (scaled + 1_999_999).div_euclid(2_000_000),
        };
        let units = i64::try_from(units).map_err(|_too_large| OutOfRange)?;
        let (price, tick) = (Price::new(units)?, view.instrument.tick);
        match side {
            Side::Buy => Ok(price
                .rounded_down_to(tick)?
                .min(ask.shifted(-tick.units())?)),
            Side::Sell => Ok(price.rounded_up_to(tick)?.max(bid.shifted(tick.units())?)),
        }
    }

    /// Two quotes a tick apart at least: the bid gives way.
    fn apart(view: &View<'_>, buy: Option<Price>, sell: Option<Price>) -> Option<Price> {
        let (Some(buy), Some(sell)) = (buy, sell) else {
            return buy;
        };
        sell.shifted(-view.instrument.tick.units())
            .ok()
            .map(|most| buy.min(most))
    }

    fn wait_for_book(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        let since = *self.memory.stale_since.get_or_insert(view.now);
        let until = since.after(self.params.stale_grace);
        if view.now < until {
            self.memory.wake = Some(until);
            return;
        }
        for order in view.own().filter(|order| order.cancel.is_none()) {
            out.push(Intent::Cancel {
                order: order.cl_ord_id,
            });
        }
    }
}

/// Whether an order at this price would meet the quote on the other side, where that may be.
fn meets_own(view: &View<'_>, side: Side, price: Price) -> bool {
    view.own()
        .filter(|order| order.side != side)
        .any(|order| match side {
            Side::Buy => price >= order.worst_price(),
            Side::Sell => price <= order.worst_price(),
        })
}

impl Strategy for Quoter {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        self.memory.wake = None;
        let Some(book) = view.book else {
            return self.wait_for_book(view, out);
        };
        self.memory.stale_since = None;
        let Some((buy, sell)) = self.targets(view, book) else {
            return;
        };
        self.quote(view, Side::Buy, buy, out);
        self.quote(view, Side::Sell, sell, out);
    }

    fn wake(&self) -> Option<Timestamp> {
        self.memory.wake
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.memory).unwrap_or_default()
    }

    fn restore(&mut self, saved: &[u8]) {
        self.memory = postcard::from_bytes(saved).unwrap_or_default();
    }
}
