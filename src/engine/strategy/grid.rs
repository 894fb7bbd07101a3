//! A ladder of resting orders: buys below, sells above, one line left free. Each fill moves the free line one step towards it,
//! so each pair of neighboring fills earns one step, and the free line always tells how much was bought or sold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Intent, Strategy, View};
use crate::{
    engine::{
        book::Book,
        order::{End, Order},
    },
    types::{ClOrdId, OutOfRange, Price, Quantity, Side, TimeInForce, Timestamp},
};

/// How the grid is laid.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Params {
    /// Size of each order.
    pub qty: Quantity,
    /// Orders on each side at the start.
    pub levels: u16,
    /// Distance between two lines, in parts per million of the center.
    pub step_ppm: u32,
    /// Price of the line that is free at the start; the middle of the first verified book if not given.
    pub center: Option<Price>,
}

/// The strategy.
#[derive(Debug)]
pub struct Grid {
    params: Params,
    memory: Memory,
}

/// What survives a restart.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Memory {
    lines: Vec<Line>,
    free: usize,
    /// After an order that ended unfilled: nothing new before this instant.
    pause: Option<Timestamp>,
}

/// Pause after an order of the grid was refused or canceled by others.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Line {
    price: Price,
    order: Option<ClOrdId>,
}

impl Grid {
    /// A grid that is not laid yet.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self {
            params,
            memory: Memory::default(),
        }
    }

    fn lay(&mut self, view: &View<'_>, book: &Book) -> Option<()> {
        let (bid, ask) = (book.best_bid()?.price, book.best_ask()?.price);
        let middle = bid.shifted((ask.units() - bid.units()) / 2).ok()?;
        let center = self.params.center.unwrap_or(middle);
        let levels = i64::from(self.params.levels);
        let lines = (-levels..=levels).map(|step| self.line(view, center, step));
        self.memory.lines = lines.collect::<Result<_, OutOfRange>>().ok()?;
        self.memory.free = usize::from(self.params.levels);
        Some(())
    }

    fn line(&self, view: &View<'_>, center: Price, step: i64) -> Result<Line, OutOfRange> {
        let offset =
            i128::from(center.units()) * i128::from(self.params.step_ppm) * i128::from(step)
                / 1_000_000;
        let offset = i64::try_from(offset).map_err(|_too_large| OutOfRange)?;
        let price = center
            .shifted(offset)?
            .rounded_down_to(view.instrument.tick)?;
        Ok(Line { price, order: None })
    }

    /// Lets go of orders that are over. Several may have filled since the last look: each moves the free line by one.
    fn take_stock(&mut self, view: &View<'_>) {
        let Memory { lines, free, pause } = &mut self.memory;
        let highest = lines.len().saturating_sub(1);
        for line in lines {
            let Some(id) = line.order else { continue };
            let order = view.orders.get(&id);
            if order.is_some_and(Order::is_live) {
                continue;
            }
            line.order = None;
            let filled = order.filter(|_| view.orders.end_of(&id) == Some(End::Filled));
            match filled.map(|order| order.side) {
                Some(Side::Buy) => *free = free.saturating_sub(1),
                Some(Side::Sell) => *free = (*free + 1).min(highest),
                None => *pause = Some(view.now.after(PAUSE)),
            }
        }
    }

    fn fill_lines(&self, book: &Book, out: &mut Vec<Intent>) {
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else {
            return;
        };
        for (index, line) in self.memory.lines.iter().enumerate() {
            if line.order.is_some() || index == self.memory.free {
                continue;
            }
            let side = if index < self.memory.free {
                Side::Buy
            } else {
                Side::Sell
            };
            let would_take = match side {
                Side::Buy => line.price >= ask.price,
                Side::Sell => line.price <= bid.price,
            };
            if would_take {
                continue;
            }
            out.push(Intent::Place {
                side,
                price: line.price,
                qty: self.params.qty,
                time_in_force: TimeInForce::Gtc,
                post_only: true,
            });
        }
    }
}

impl Strategy for Grid {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        self.take_stock(view);
        let Some(book) = view.book else { return };
        if self.memory.lines.is_empty() && self.lay(view, book).is_none() {
            return;
        }
        if self.memory.pause.is_some_and(|until| view.now < until) {
            return;
        }
        self.memory.pause = None;
        self.fill_lines(book, out);
    }

    fn placed(&mut self, intent: &Intent, order: ClOrdId) {
        let Intent::Place { price, .. } = intent else {
            return;
        };
        let line = self
            .memory
            .lines
            .iter_mut()
            .find(|line| line.price == *price);
        if let Some(line) = line {
            line.order = Some(order);
        }
    }

    fn wake(&self) -> Option<Timestamp> {
        self.memory.pause
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.memory).unwrap_or_default()
    }

    fn restore(&mut self, saved: &[u8]) {
        self.memory = postcard::from_bytes(saved).unwrap_or_default();
    }
}
