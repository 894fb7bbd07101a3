//! Plays recorded trades: each becomes a taker of that side, price and volume, at the recorded gaps, while makers quote around it.
//!
//! For: a market whose trades are real. Left out: recorded books, which a tape does not have. When a tape ends, the pair becomes synthetic from
//! its last price on, or the tape begins anew, or the makers go on around its last price and nobody trades.
//! Always true: before a recorded trade, agents' orders that would stand in its way are gone and enough rests at its price, so that it prints as recorded.
//! Clients' orders keep their place: those at better prices, or earlier at the same price, are served first, as they would have been.

use std::time::Duration;

use super::{
    Source, Synthetic, Tape, TapeEnd,
    listing::Step,
    pit::{FIRST_AGENT, Pit},
    regime::Regimes,
    scene::{Orders, cancel},
    schedule::Schedule,
    tape::Row,
};
use crate::{
    sim::matching::{AccountId, Exchange, OrderKey, Request, Universe},
    types::{OrderId, Price, Quantity, Side, Timestamp},
};

/// Market time before the first trade.
const LEADER: Duration = Duration::from_millis(500);
/// Makers move to the next price at most this long before it trades.
const NOTICE: Duration = Duration::from_secs(2);
/// Market time between the end of a tape and its beginning.
const PAUSE: Duration = Duration::from_secs(1);
/// Trades closer together than this are one sweep, during which makers do not move.
const SWEEP: Duration = Duration::from_millis(20);
/// Recordings that start within this of the earliest one keep their places relative to it.
const TOGETHER: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Task {
    /// A pair's book is filled, step by step.
    Gather(usize, usize),
    /// Makers move to the price of the next trade.
    Approach(usize),
    /// The next trade is played.
    Play(usize),
    Stir(usize),
    /// A maker puts one side where it belongs.
    Align(usize, usize, Side),
}

/// One tape in its pit.
#[derive(Debug)]
struct Reel {
    pit: Pit,
    tape: Tape,
    /// The trade played last.
    last: Option<Row>,
    /// Instant of the recording that is played at `begun`.
    origin: Timestamp,
    begun: Duration,
    /// The market that comes after the tape, and when it began.
    heir: Option<Synthetic>,
    inherited: Option<Duration>,
}

/// The market of recorded pairs.
#[derive(Debug)]
pub struct Playback {
    reels: Vec<Reel>,
    schedule: Schedule<Task>,
}

impl Playback {
    /// A market that plays tapes, each of another pair. Makers' updates come to `rate` a second of market time, over all its pairs.
    #[must_use]
    pub fn new(
        universe: &Universe,
        tapes: Vec<Tape>,
        seed: u64,
        rate: f64,
        regimes: &Regimes,
    ) -> Self {
        let pairs: Vec<_> = tapes.iter().map(Tape::pair).collect();
        let starts = tapes.iter().filter_map(Tape::peek);
        let earliest = starts.map(|row| row.at).min().unwrap_or_default();
        let rates = super::weights(universe, &pairs, rate);
        let reel = |((pair, rate), tape): (_, Tape)| {
            let mut pit = Pit::new(universe, pair, seed, rate)?;
            let first = *tape.peek()?;
            pit.center = center(&pit, &first);
            let origin = if first.at.since(earliest) < TOGETHER {
                earliest
            } else {
                first.at
            };
            let heir = || Synthetic::new(universe, &[pair], seed, rate, regimes);
            Some(Reel {
                pit,
                last: None,
                origin,
                begun: LEADER,
                heir: (tape.end() == TapeEnd::Agents).then(heir),
                inherited: None,
                tape,
            })
        };
        let reels: Vec<Reel> = rates.zip(tapes).filter_map(reel).collect();
        let mut schedule = Schedule::new();
        for index in 0..reels.len() {
            schedule.at(Duration::ZERO, Task::Gather(index, 0));
        }
        Self { reels, schedule }
    }

    fn perform(&mut self, task: Task, exchange: &Exchange, orders: &mut Orders) {
        match task {
            Task::Gather(index, step) => self.gather(index, step, exchange, orders),
            Task::Approach(index) => self.approach(index, exchange, orders),
            Task::Play(index) => {
                self.play(index, exchange, orders);
                self.plan(index);
            }
            Task::Stir(index) => {
                let now = self.schedule.now();
                if let Some(Reel {
                    pit,
                    inherited: None,
                    ..
                }) = self.reels.get_mut(index)
                {
                    pit.stir(now, 1.0, exchange, orders);
                    let pause = pit.dice.wait(pit.pause());
                    self.schedule.after(pause, Task::Stir(index));
                }
            }
            Task::Align(index, maker, side) => {
                let reel = self.reels.get_mut(index);
                if let Some(reel) = reel.filter(|reel| reel.inherited.is_none()) {
                    reel.pit.align(maker, side, exchange, orders);
                }
            }
        }
    }

    fn gather(&mut self, index: usize, step: usize, exchange: &Exchange, orders: &mut Orders) {
        let Some(reel) = self.reels.get_mut(index) else {
            return;
        };
        if reel.pit.gather(step, exchange, orders) {
            let next = Task::Gather(index, step + 1);
            self.schedule.after(Duration::ZERO, next);
            return;
        }
        self.schedule.after(Duration::ZERO, Task::Stir(index));
        self.plan(index);
    }

    /// Plans the next trade, and the makers' way there if there is time for it.
    fn plan(&mut self, index: usize) {
        let now = self.schedule.now();
        let Some(reel) = self.reels.get_mut(index) else {
            return;
        };
        let Some(row) = reel.next_row(now) else {
            if !reel.hand_over(now) {
                // The last trade may have been part of a sweep that the makers did not follow.
                self.schedule.after(SWEEP, Task::Approach(index));
            }
            return;
        };
        let at = reel.begun.saturating_add(row.at.since(reel.origin));
        let gap = at.saturating_sub(now);
        if gap >= SWEEP {
            let notice = (gap / 2).min(NOTICE);
            self.schedule
                .at(at.saturating_sub(notice), Task::Approach(index));
        }
        self.schedule.at(at, Task::Play(index));
    }

    /// Everyone moves, the side in danger first. At the end of the tape they stay around its last price.
    fn approach(&mut self, index: usize, exchange: &Exchange, orders: &mut Orders) {
        let Some(reel) = self.reels.get_mut(index) else {
            return;
        };
        let Some(row) = reel.tape.peek().or(reel.last.as_ref()) else {
            return;
        };
        let before = reel.pit.center;
        reel.pit.center = center(&reel.pit, row);
        reel.pit.retreat(exchange, orders);
        let sides = if reel.pit.center >= before {
            [Side::Sell, Side::Buy]
        } else {
            [Side::Buy, Side::Sell]
        };
        for side in sides {
            for maker in 0..reel.pit.makers.len() {
                let task = Task::Align(index, maker, side);
                self.schedule.after(Duration::ZERO, task);
            }
        }
    }

    fn play(&mut self, index: usize, exchange: &Exchange, orders: &mut Orders) {
        let Some(reel) = self.reels.get_mut(index) else {
            return;
        };
        let Some(row) = reel.tape.take() else {
            return;
        };
        reel.last = Some(row);
        reel.pit.center = center(&reel.pit, &row);
        if reel.pit.scene(exchange).is_open() {
            clear_way(&reel.pit, &row, exchange, orders);
            provide(&mut reel.pit, &row, exchange, orders);
            take(&mut reel.pit, &row, exchange, orders);
        }
    }
}

impl Reel {
    /// The next trade; the first one again where the tape is to begin anew.
    fn next_row(&mut self, now: Duration) -> Option<Row> {
        if let Some(row) = self.tape.peek() {
            return Some(*row);
        }
        if self.tape.end() != TapeEnd::Loop {
            return None;
        }
        if let Err(error) = self.tape.rewind() {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "tape cannot begin anew");
        }
        let first = *self.tape.peek()?;
        (self.origin, self.begun) = (first.at, now.saturating_add(PAUSE));
        Some(first)
    }

    /// Lets the synthetic market go on, if that is what comes after the tape.
    const fn hand_over(&mut self, now: Duration) -> bool {
        if self.heir.is_some() {
            self.inherited = Some(now);
        }
        self.heir.is_some()
    }

    /// When the heir wants to act next.
    fn heir_due(&mut self) -> Option<Duration> {
        let begun = self.inherited?;
        let due = self.heir.as_mut()?.next()?;
        Some(begun.saturating_add(due))
    }
}

impl Playback {
    /// The heir that acts next, and when.
    fn first_heir(&mut self) -> Option<(Duration, &mut Synthetic)> {
        let due = self.reels.iter_mut().filter_map(|reel| {
            let due = reel.heir_due()?;
            Some((due, reel.heir.as_mut()?))
        });
        due.min_by_key(|(due, _)| *due)
    }
}

impl Source for Playback {
    fn accounts(&self) -> Vec<AccountId> {
        self.reels
            .iter()
            .flat_map(|reel| reel.pit.accounts())
            .collect()
    }

    fn next(&mut self) -> Option<Duration> {
        // Files are read here, where nobody waits for the venue.
        for reel in &mut self.reels {
            reel.tape.fill();
        }
        let heir = self.first_heir().map(|(due, _)| due);
        let own = self.schedule.next();
        own.into_iter().chain(heir).min()
    }

    fn act(&mut self, now: Timestamp, view: &Exchange, out: &mut Vec<(AccountId, Request)>) {
        let own = self.schedule.next();
        if let Some((due, heir)) = self.first_heir()
            && own.is_none_or(|own| due < own)
        {
            heir.act(now, view, out);
        } else if let Some(task) = self.schedule.take() {
            self.perform(task, view, out);
        }
    }
}

/// The center at which a trade takes from the best quote.
fn center(pit: &Pit, row: &Row) -> Step {
    let step = pit.listing.step(row.price);
    match row.taker {
        Side::Buy => step - 1,
        Side::Sell => step,
    }
}

/// Takes away what would keep the makers from the price: quotes of agents on both sides, and clients' orders that the market has gone through.
fn clear_way(pit: &Pit, row: &Row, exchange: &Exchange, orders: &mut Orders) {
    let step = pit.listing.step(row.price);
    let (maker_side, pair) = (row.taker.opposite(), pit.listing.pair);
    let better = |price| is_before(maker_side, price, row);
    let in_front = exchange
        .resting(pair, maker_side)
        .take_while(|(price, ..)| better(*price));
    for (_, key, account, _) in in_front {
        withdraw(exchange, key, account, orders);
    }
    let mut swept = Quantity::ZERO;
    let across = exchange
        .resting(pair, row.taker)
        .take_while(|(price, ..)| !better(*price));
    for (_, key, account, qty) in across {
        if !withdraw(exchange, key, account, orders) {
            swept = swept.checked_add(qty).unwrap_or(swept);
        }
    }
    if !swept.is_zero() {
        let request = pit.scene(exchange).hit(maker_side, step, swept);
        orders.extend(request.map(|request| (pit.sniper(), request)));
    }
}

/// Sees to it that one agent's order at the price is large enough for the whole trade, ahead of other agents.
fn provide(pit: &mut Pit, row: &Row, exchange: &Exchange, orders: &mut Orders) {
    let maker_side = row.taker.opposite();
    let at_price: Vec<(OrderKey, AccountId, Quantity)> = exchange
        .resting(pit.listing.pair, maker_side)
        .skip_while(|(price, ..)| is_before(maker_side, *price, row))
        .take_while(|(price, ..)| *price == row.price)
        .filter(|(_, _, account, _)| is_agent(*account))
        .map(|(_, key, account, qty)| (key, account, qty))
        .collect();
    if at_price.first().is_some_and(|(_, _, qty)| *qty >= row.qty) {
        return;
    }
    for (key, account, _) in at_price {
        withdraw(exchange, key, account, orders);
    }
    let usual = pit.listing.profile.touch_usd * pit.dice.lognormal(1.0, 0.7);
    let spare = pit.listing.size(usual, &mut pit.dice);
    let qty = row.qty.checked_add(spare).unwrap_or(row.qty);
    let step = pit.listing.step(row.price);
    let (scene, maker) = (pit.scene(exchange), pit.makers.first());
    let request = scene.rest(maker_side, step, qty, -1);
    if let (Some(maker), Some(request)) = (maker, request) {
        orders.push((maker.account, request));
    }
}

fn take(pit: &mut Pit, row: &Row, exchange: &Exchange, orders: &mut Orders) {
    let account = pit.any_taker();
    let scene = pit.scene(exchange);
    let request = if row.market {
        Some(scene.market(row.taker, row.qty))
    } else {
        scene.hit(row.taker, pit.listing.step(row.price), row.qty)
    };
    orders.extend(request.map(|request| (account, request)));
}

/// Whether a resting price of a side is served before the row's.
fn is_before(side: Side, price: Price, row: &Row) -> bool {
    match side {
        Side::Buy => price > row.price,
        Side::Sell => price < row.price,
    }
}

const fn is_agent(account: AccountId) -> bool {
    account.0 >= FIRST_AGENT
}

/// Cancels an agent's order. False for a client's, which stays.
fn withdraw(exchange: &Exchange, key: OrderKey, account: AccountId, orders: &mut Orders) -> bool {
    if !is_agent(account) {
        return false;
    }
    let id = public_id(exchange, key, account);
    orders.extend(id.map(|id| (account, cancel(id))));
    true
}

fn public_id(exchange: &Exchange, key: OrderKey, account: AccountId) -> Option<OrderId> {
    let order = exchange
        .open_orders(account)
        .find(|order| order.state.key == key)?;
    Some(order.state.order_id)
}
