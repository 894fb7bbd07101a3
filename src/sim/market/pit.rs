//! The agents of one pair, and their budget of book updates.

use std::time::Duration;

use super::{
    crowd::{Crowd, Place},
    dice::Dice,
    listing::{Listing, Step},
    maker::{Effort, Maker},
    profile::Profile,
    regime::Regime,
    scene::{Orders, Scene},
    taker::Takers,
};
use crate::{
    sim::matching::{AccountId, Exchange, PairId, Universe},
    types::Side,
};

/// First account of the agents; clients are below.
pub(super) const FIRST_AGENT: u32 = 1_000_000;
/// Accounts set aside for each pair.
const ACCOUNTS: u32 = 100;
/// Where a pair's crowds are, one each.
const PLACES: [Place; 4] = [
    Place::Throughout,
    Place::Throughout,
    Place::Throughout,
    Place::Behind,
];
const TAKERS: u32 = 8;
/// Changes that a maker makes at once while the pair is over its budget.
const THRIFTY: usize = 3;
/// Seconds of updates that may be owed before the center has to wait.
const CREDIT: f64 = 3.0;

/// Everyone who trades one pair.
#[derive(Debug)]
pub(super) struct Pit {
    pub(super) listing: Listing,
    pub(super) dice: Dice,
    pub(super) center: Step,
    pub(super) makers: Vec<Maker>,
    crowds: Vec<Crowd>,
    takers: Takers,
    budget: Budget,
    /// Its market as it is when nothing special happens.
    usual: Profile,
}

/// Book updates that are due. Falls below zero when the market moves; ordinary flow then waits.
#[derive(Debug)]
struct Budget {
    /// Updates in one second.
    rate: f64,
    due: f64,
    at: Duration,
}

impl Budget {
    /// Adds what has become due since the last time.
    fn pass(&mut self, now: Duration, activity: f64) {
        let seconds = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.due += self.rate * activity * seconds;
    }
}

impl Pit {
    /// The agents of a pair; `rate` is in book updates a second.
    pub(super) fn new(universe: &Universe, pair: PairId, seed: u64, rate: f64) -> Option<Self> {
        let listing = Listing::new(universe, pair)?;
        let profile = listing.profile;
        let mut accounts = (0..ACCOUNTS).map(|n| AccountId(FIRST_AGENT + pair.0 * ACCOUNTS + n));
        let maker = |(index, account)| Maker {
            account,
            index,
            of: profile.makers,
            rungs: profile.rungs,
        };
        let makers = (0..profile.makers).zip(&mut accounts).map(maker).collect();
        let crowd = |(place, account)| Crowd {
            account,
            place,
            target: place.of(&profile),
        };
        let places = PLACES.into_iter().filter(|place| place.of(&profile) > 0);
        let crowds = places.zip(&mut accounts).map(crowd).collect();
        let takers = Takers {
            sniper: accounts.next()?,
            accounts: (0..TAKERS).zip(&mut accounts).map(|(_, a)| a).collect(),
            way: Side::Buy,
            lean: None,
        };
        Some(Self {
            center: listing.step_of(listing.opening),
            dice: Dice::new(seed, u64::from(pair.0) + 1),
            makers,
            crowds,
            takers,
            budget: Budget {
                rate,
                due: 0.0,
                at: Duration::ZERO,
            },
            usual: profile,
            listing,
        })
    }

    /// Changes what the market is like. [`renew`](Self::renew) is to follow.
    pub(super) fn recast(&mut self, regime: Regime) {
        let profile = regime.over(self.usual);
        self.listing.profile = profile;
        for maker in &mut self.makers {
            maker.rungs = profile.rungs;
        }
        for crowd in &mut self.crowds {
            crowd.target = crowd.place.of(&profile);
        }
    }

    /// Sets where takers lean.
    pub(super) const fn lean(&mut self, way: Option<Side>) {
        self.takers.lean = way;
    }

    /// Forgets what is owed in updates: what happens must be shown, whatever it costs.
    pub(super) const fn forgive(&mut self) {
        self.budget.due = self.budget.due.max(0.0);
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let makers = self.makers.iter().map(|maker| maker.account);
        let crowds = self.crowds.iter().map(|crowd| crowd.account);
        let takers = self.takers.accounts.iter().copied();
        makers
            .chain(crowds)
            .chain(takers)
            .chain([self.takers.sniper])
    }

    /// Book updates a second, on average.
    pub(super) const fn rate(&self) -> f64 {
        self.budget.rate
    }

    /// Takers a second, on average: a share of the updates, but enough that a quote at the touch is met soon.
    pub(super) fn taker_rate(&self) -> f64 {
        let soon = (0.1 * self.budget.rate).min(0.3);
        (0.045 * self.budget.rate).max(soon)
    }

    /// Whether the agents can afford to move their quotes.
    pub(super) fn can_move(&self) -> bool {
        self.budget.due > -CREDIT * self.budget.rate - 20.0
    }

    /// Seconds until the next ordinary update, on average.
    pub(super) fn pause(&self) -> f64 {
        let mean = 1.5 / self.budget.rate;
        if self.budget.due < 0.0 {
            mean.max(-self.budget.due / self.budget.rate)
        } else if self.budget.due > 4.0 {
            mean / 4.0
        } else {
            mean
        }
    }

    /// One ordinary change of the book: a quote replaced, an order come or gone.
    pub(super) fn stir(
        &mut self,
        now: Duration,
        activity: f64,
        exchange: &Exchange,
        orders: &mut Orders,
    ) {
        self.budget.pass(now, activity);
        if self.budget.due < 0.0 {
            return;
        }
        let dice = &mut self.dice;
        let scene = scene(exchange, &self.listing, self.center);
        if !scene.is_open() {
            self.budget.due = 0.0;
            return;
        }
        let (choice, pick) = (dice.unit(), dice.unit());
        let maker = self.makers.get((pick * self.makers.len() as f64) as usize);
        let crowd = self.crowds.get((pick * self.crowds.len() as f64) as usize);
        match (maker, crowd) {
            (Some(maker), _) if choice < 0.45 => maker.refresh(scene, dice, orders),
            (Some(maker), _) if choice < 0.6 => {
                let side = dice.side();
                maker.align(scene, side, Effort::AtMost(THRIFTY), dice, orders);
            }
            (_, Some(crowd)) => crowd.stir(scene, dice, orders),
            (_, None) => {}
        }
        self.spend(orders.len());
    }

    /// Lets a maker put one side of its quotes where they belong.
    pub(super) fn align(
        &mut self,
        maker: usize,
        side: Side,
        exchange: &Exchange,
        orders: &mut Orders,
    ) {
        let scene = scene(exchange, &self.listing, self.center);
        let Some(maker) = self.makers.get(maker).filter(|_| scene.is_open()) else {
            return;
        };
        let effort = if self.budget.due < 0.0 {
            Effort::AtMost(THRIFTY)
        } else {
            Effort::Full
        };
        maker.align(scene, side, effort, &mut self.dice, orders);
        self.spend(orders.len());
    }

    /// Lets a maker quote one side anew, at no cost to the budget.
    pub(super) fn renew(
        &mut self,
        maker: usize,
        side: Side,
        exchange: &Exchange,
        orders: &mut Orders,
    ) {
        let scene = scene(exchange, &self.listing, self.center);
        if let Some(maker) = self.makers.get(maker).filter(|_| scene.is_open()) {
            maker.align(scene, side, Effort::Anew, &mut self.dice, orders);
        }
    }

    /// Lets the crowds become as small as they are to be.
    pub(super) fn cull(&self, exchange: &Exchange, orders: &mut Orders) {
        let scene = scene(exchange, &self.listing, self.center);
        for crowd in self.crowds.iter().filter(|_| scene.is_open()) {
            crowd.cull(scene, orders);
        }
    }

    /// Lets the crowds take back what the center has left behind.
    pub(super) fn retreat(&mut self, exchange: &Exchange, orders: &mut Orders) {
        let scene = scene(exchange, &self.listing, self.center);
        for crowd in self.crowds.iter().filter(|_| scene.is_open()) {
            crowd.retreat(scene, orders);
        }
        self.spend(orders.len());
    }

    /// Fills the book before the market opens. `step` counts up from 0; false when there is nothing left to do.
    pub(super) fn gather(&mut self, step: usize, exchange: &Exchange, orders: &mut Orders) -> bool {
        let scene = scene(exchange, &self.listing, self.center);
        let (maker, side) = match step % 2 {
            0 => (self.makers.get(step / 2), Side::Buy),
            _ => (self.makers.get(step / 2), Side::Sell),
        };
        if let Some(maker) = maker {
            maker.align(scene, side, Effort::Full, &mut self.dice, orders);
            return true;
        }
        let crowd = self.crowds.get(step - self.makers.len() * 2);
        if let Some(crowd) = crowd {
            crowd.gather(scene, &mut self.dice, orders);
        }
        crowd.is_some()
    }

    /// Lets one taker come. Gives the side that has to be mended.
    pub(super) fn take(&mut self, exchange: &Exchange, orders: &mut Orders) -> Option<Side> {
        let scene = scene(exchange, &self.listing, self.center);
        if !scene.is_open() {
            return None;
        }
        let (side, levels) = self.takers.take(scene, &mut self.dice, orders)?;
        self.spend(levels);
        Some(side)
    }

    /// Lets the sniper take what the price has left behind. Gives the side that has to be mended.
    pub(super) fn snipe(&mut self, exchange: &Exchange, orders: &mut Orders) -> Option<Side> {
        let scene = scene(exchange, &self.listing, self.center);
        if !scene.is_open() {
            return None;
        }
        let side = self.takers.snipe(scene, &mut self.dice, orders)?;
        self.spend(2);
        Some(side)
    }

    /// The pair as it stands.
    pub(super) const fn scene<'a>(&'a self, exchange: &'a Exchange) -> Scene<'a> {
        scene(exchange, &self.listing, self.center)
    }

    pub(super) const fn sniper(&self) -> AccountId {
        self.takers.sniper
    }

    /// A taker's account.
    pub(super) fn any_taker(&mut self) -> AccountId {
        let index = self.dice.below(self.takers.accounts.len());
        let account = self.takers.accounts.get(index).copied();
        account.unwrap_or(self.takers.sniper)
    }

    fn spend(&mut self, updates: usize) {
        self.budget.due -= updates as f64;
    }
}

const fn scene<'a>(exchange: &'a Exchange, listing: &'a Listing, center: Step) -> Scene<'a> {
    Scene {
        exchange,
        listing,
        center,
    }
}
