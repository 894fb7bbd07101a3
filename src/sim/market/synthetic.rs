//! A market that nobody recorded: many agents around values that move.
//!
//! Always true: the same seed and the same exchange give the same requests. Prices go on from the exchange's last ones, if it has any.

use std::time::Duration;

use super::{
    Source,
    climate::Climate,
    course::{Ask, Course},
    dice::Dice,
    listing::Step,
    pit::Pit,
    regime::Regimes,
    scene::Orders,
    schedule::Schedule,
};
use crate::{
    sim::matching::{AccountId, Exchange, PairId, Request, Universe},
    types::{Side, Timestamp},
};

/// How often values move.
const BEAT: Duration = Duration::from_millis(250);
/// How far, in hundredths of a percent, a value must be from the center before bitcoin's quotes follow it.
const LAG_BP: f64 = 0.4;
/// Book updates a second below which quotes follow less eagerly.
const EAGER_RATE: f64 = 36.0;
/// Chance that a taker is the first of a run.
const RUN: f64 = 0.04;
/// How far a last price may be from the opening before it becomes the price to come back to.
const FAR: f64 = 0.2;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Task {
    /// The market opens.
    Open,
    /// A pair's book is filled, step by step.
    Gather(usize, usize),
    /// Values move.
    Beat,
    /// Ordinary flow of a pair.
    Stir(usize),
    /// A taker comes; others come by themselves later.
    Take(usize),
    /// A taker who follows another.
    Follow(usize),
    Snipe(usize),
    /// A maker mends one side.
    Align(usize, usize, Side),
    /// Everyone leaves for where the price has jumped to, the side in danger first.
    Leap(usize, Side),
    /// The market of a pair becomes another one.
    Recast(usize),
    /// A maker quotes one side anew.
    Renew(usize, usize, Side),
}

/// The synthetic market of some pairs.
#[derive(Debug)]
pub struct Synthetic {
    pits: Vec<Pit>,
    /// Price of each pit's pair that its assets' deviations start from.
    anchors: Vec<f64>,
    /// Each pit's assets, base and quote, by their place in the climate.
    places: Vec<[usize; 2]>,
    courses: Vec<Course>,
    regimes: Regimes,
    climate: Climate,
    schedule: Schedule<Task>,
}

impl Synthetic {
    /// A market of `pairs` whose book updates come to `rate` a second of market time, over all its pairs.
    #[must_use]
    pub fn new(
        universe: &Universe,
        pairs: &[PairId],
        seed: u64,
        rate: f64,
        regimes: &Regimes,
    ) -> Self {
        let weights = super::weights(universe, pairs, rate);
        let pit = |(pair, rate)| Pit::new(universe, pair, seed, rate);
        let pits: Vec<Pit> = weights.filter_map(pit).collect();
        let mut schedule = Schedule::new();
        schedule.at(Duration::ZERO, Task::Open);
        Self {
            anchors: pits.iter().map(|pit| pit.listing.opening).collect(),
            places: Vec::new(),
            courses: Vec::new(),
            regimes: regimes.clone(),
            climate: Climate::new(Dice::new(seed, 0)),
            pits,
            schedule,
        }
    }

    fn perform(&mut self, task: Task, exchange: &Exchange, orders: &mut Orders) {
        match task {
            Task::Open => self.open(exchange),
            Task::Gather(pit, step) => self.gather(pit, step, exchange, orders),
            Task::Beat => self.beat(),
            Task::Stir(index) => self.stir(index, exchange, orders),
            Task::Take(index) => {
                self.take(index, exchange, orders);
                self.plan_taker(index);
            }
            Task::Follow(index) => self.take(index, exchange, orders),
            Task::Snipe(index) => {
                let pit = self.pits.get_mut(index);
                if let Some(side) = pit.and_then(|pit| pit.snipe(exchange, orders)) {
                    self.mend(index, side);
                    self.schedule.after(BEAT, Task::Snipe(index));
                }
            }
            Task::Align(index, maker, side) => {
                if let Some(pit) = self.pits.get_mut(index) {
                    pit.align(maker, side, exchange, orders);
                }
            }
            Task::Leap(index, danger) => self.leap(index, danger, exchange, orders),
            Task::Recast(index) => self.recast(index, exchange, orders),
            Task::Renew(index, maker, side) => {
                if let Some(pit) = self.pits.get_mut(index) {
                    pit.renew(maker, side, exchange, orders);
                }
            }
        }
    }

    /// Takes the last prices over and plans the first moments: books at once, then a first trade, then everything else.
    fn open(&mut self, exchange: &Exchange) {
        let start = |pit: &Pit| {
            let last = exchange.last_price(pit.listing.pair);
            last.map_or(pit.listing.opening, |price| {
                pit.listing.value(pit.listing.step(price))
            })
        };
        let starts: Vec<f64> = self.pits.iter().map(start).collect();
        for (pit, start) in self.pits.iter().zip(&starts) {
            let deviation = (start / pit.listing.opening).ln();
            if &*pit.listing.quote == "USD" && deviation.abs() < FAR {
                self.climate.list(pit.listing.base, deviation);
            }
        }
        for (index, (pit, start)) in self.pits.iter_mut().zip(starts).enumerate() {
            for asset in [pit.listing.base, pit.listing.quote] {
                self.climate.list(asset, 0.0);
            }
            pit.center = pit.listing.step_of(start);
            if let Some(anchor) = self.anchors.get_mut(index) {
                *anchor = start / deviation(&self.climate, pit).exp();
            }
            self.schedule.after(Duration::ZERO, Task::Gather(index, 0));
        }
        self.set_out();
        self.schedule.after(BEAT, Task::Beat);
    }

    /// Every pair takes its course from where its assets are, in the regime that is set.
    fn set_out(&mut self) {
        let place = |pit: &Pit| {
            [pit.listing.base, pit.listing.quote].map(|asset| self.climate.place(&asset))
        };
        self.places = self.pits.iter().map(place).collect();
        let course = |pit: &Pit| {
            let value = deviation(&self.climate, pit);
            Course::new(pit.listing.volatility(), value)
        };
        self.courses = self.pits.iter().map(course).collect();
        self.follow_regimes();
        for (pit, course) in self.pits.iter_mut().zip(&self.courses) {
            pit.recast(course.regime());
        }
    }

    /// Begins what was set since the last time.
    fn follow_regimes(&mut self) {
        let regimes = self.regimes.all();
        for (index, (pit, course)) in self.pits.iter_mut().zip(&mut self.courses).enumerate() {
            let set = regimes.get(pit.listing.pair.0 as usize).copied();
            let set = set.unwrap_or_default();
            if set != course.regime() {
                course.begin(set, &mut pit.dice);
                self.schedule.after(Duration::ZERO, Task::Recast(index));
            }
        }
    }

    fn gather(&mut self, index: usize, step: usize, exchange: &Exchange, orders: &mut Orders) {
        let Some(pit) = self.pits.get_mut(index) else {
            return;
        };
        if pit.gather(step, exchange, orders) {
            let next = Task::Gather(index, step + 1);
            self.schedule.after(Duration::ZERO, next);
            return;
        }
        self.schedule.after(Duration::ZERO, Task::Take(index));
        self.schedule.after(Duration::ZERO, Task::Stir(index));
        self.schedule.after(BEAT * 4, Task::Snipe(index));
    }

    /// Values move, and with them the pairs.
    fn beat(&mut self) {
        self.climate.pass(BEAT);
        self.schedule.after(BEAT, Task::Beat);
        self.follow_regimes();
        let deviations = self.climate.deviations();
        let at = |place: usize| deviations.get(place).copied().unwrap_or(0.0);
        for index in 0..self.pits.len() {
            let place = self.places.get(index).copied();
            let value = place.map_or(0.0, |[base, quote]| at(base) - at(quote));
            self.advance(index, value);
        }
    }

    /// Quotes follow where a value is too far from the center, and faster where the regime asks for it.
    fn advance(&mut self, index: usize, deviation: f64) {
        let (Some(pit), Some(course), Some(anchor)) = (
            self.pits.get_mut(index),
            self.courses.get_mut(index),
            self.anchors.get(index),
        ) else {
            return;
        };
        let (deviation, ask) = course.pass(BEAT, deviation, &mut pit.dice);
        let value = anchor * deviation.exp();
        pit.lean(leaning(course, ask));
        if ask != Ask::Follow {
            pit.forgive();
        }
        let wanted = pit.listing.step_of(value).max(1);
        let off = (value - pit.listing.value(pit.center)).abs();
        if wanted == pit.center || off < lag(pit) || !pit.can_move() {
            return;
        }
        let up = wanted > pit.center;
        pit.center = wanted;
        match ask {
            Ask::Follow | Ask::Hurry => self.follow(index, up),
            Ask::Fall => {
                self.follow(index, up);
                self.schedule.after(BEAT / 2, Task::Follow(index));
            }
            Ask::Jump => {
                let danger = if up { Side::Sell } else { Side::Buy };
                self.schedule
                    .after(Duration::ZERO, Task::Leap(index, danger));
            }
        }
    }

    fn leap(&mut self, index: usize, danger: Side, exchange: &Exchange, orders: &mut Orders) {
        if let Some(pit) = self.pits.get_mut(index) {
            pit.retreat(exchange, orders);
            pit.forgive();
        }
        self.renew(index, [danger, danger.opposite()]);
    }

    fn recast(&mut self, index: usize, exchange: &Exchange, orders: &mut Orders) {
        if let (Some(pit), Some(course)) = (self.pits.get_mut(index), self.courses.get(index)) {
            pit.recast(course.regime());
            pit.cull(exchange, orders);
        }
        self.renew(index, [Side::Buy, Side::Sell]);
    }

    /// All makers quote anew, at this very moment, one side after the other.
    fn renew(&mut self, index: usize, sides: [Side; 2]) {
        let makers = self.pits.get(index).map_or(0, |pit| pit.makers.len());
        for side in sides {
            for maker in 0..makers {
                let task = Task::Renew(index, maker, side);
                self.schedule.after(Duration::ZERO, task);
            }
        }
    }

    /// How busy a pair is at the moment; one on average, in its usual regime.
    fn activity(&self, index: usize) -> f64 {
        let course = self.courses.get(index);
        let own = course.map_or(1.0, |course| course.regime().activity());
        self.climate.activity() * own
    }

    /// Every maker notices the new center after a moment of its own; the side in danger comes first. So does the sniper.
    fn follow(&mut self, index: usize, up: bool) {
        let Some(pit) = self.pits.get_mut(index) else {
            return;
        };
        let (danger, other) = if up {
            (Side::Sell, Side::Buy)
        } else {
            (Side::Buy, Side::Sell)
        };
        for maker in 0..pit.makers.len() {
            let notice = pit.dice.wait(0.02);
            let act = notice + pit.dice.wait(0.03);
            self.schedule
                .after(notice, Task::Align(index, maker, danger));
            self.schedule.after(act, Task::Align(index, maker, other));
        }
        let notice = pit.dice.wait(0.08);
        self.schedule.after(notice, Task::Snipe(index));
    }

    fn stir(&mut self, index: usize, exchange: &Exchange, orders: &mut Orders) {
        let (now, activity) = (self.schedule.now(), self.activity(index));
        if let Some(pit) = self.pits.get_mut(index) {
            pit.stir(now, activity, exchange, orders);
            let pause = pit.dice.wait(pit.pause() / activity);
            self.schedule.after(pause, Task::Stir(index));
        }
    }

    fn take(&mut self, index: usize, exchange: &Exchange, orders: &mut Orders) {
        let pit = self.pits.get_mut(index);
        if let Some(side) = pit.and_then(|pit| pit.take(exchange, orders)) {
            self.mend(index, side);
        }
    }

    fn plan_taker(&mut self, index: usize) {
        let activity = self.activity(index);
        let Some(pit) = self.pits.get_mut(index) else {
            return;
        };
        let next = pit.dice.wait(0.87 / (pit.taker_rate() * activity));
        self.schedule.after(next, Task::Take(index));
        if pit.dice.chance(RUN) {
            for _ in 0..1 + pit.dice.below(6) {
                let soon = pit.dice.wait(0.4);
                self.schedule.after(soon, Task::Follow(index));
            }
        }
    }

    /// Makers put back what was taken, each after a moment of its own.
    fn mend(&mut self, index: usize, side: Side) {
        let Some(pit) = self.pits.get_mut(index) else {
            return;
        };
        for maker in 0..pit.makers.len() {
            let wait = pit.dice.wait(0.25);
            self.schedule.after(wait, Task::Align(index, maker, side));
        }
    }
}

impl Source for Synthetic {
    fn accounts(&self) -> Vec<AccountId> {
        self.pits.iter().flat_map(Pit::accounts).collect()
    }

    fn next(&mut self) -> Option<Duration> {
        self.schedule.next()
    }

    fn act(&mut self, _now: Timestamp, view: &Exchange, out: &mut Vec<(AccountId, Request)>) {
        if let Some(task) = self.schedule.take() {
            self.perform(task, view, out);
        }
    }
}

fn deviation(climate: &Climate, pit: &Pit) -> f64 {
    climate.deviation(&pit.listing.base) - climate.deviation(&pit.listing.quote)
}

/// Where takers go when the course has a way of its own.
fn leaning(course: &Course, ask: Ask) -> Option<Side> {
    match (ask, course.trend()) {
        (Ask::Fall, _) | (_, Some(false)) => Some(Side::Sell),
        (_, Some(true)) => Some(Side::Buy),
        (Ask::Follow | Ask::Hurry | Ask::Jump, None) => None,
    }
}

/// How far a value may be from the center before quotes follow, in quote. A pair with few updates follows less eagerly.
fn lag(pit: &Pit) -> f64 {
    let listing = &pit.listing;
    let tick = listing.value(1);
    let volatility = listing.volatility();
    let patience = (EAGER_RATE / pit.rate()).sqrt().max(1.0);
    let share = LAG_BP / 10_000.0 * volatility * patience;
    (listing.value(pit.center as Step) * share).max(tick * 0.75)
}
