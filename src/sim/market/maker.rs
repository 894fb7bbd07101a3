//! A market maker: a ladder of quotes on both sides, denser near the middle, that follows the center.
//!
//! Always true: a maker remembers nothing; it compares what it has open with what it wants open, so that fills, refusals and restarts need no care.

use super::{
    dice::Dice,
    listing::Step,
    scene::{Orders, Resting, Scene, cancel},
};
use crate::{sim::matching::AccountId, types::Side};

/// Makers whose first rung is at the very touch.
const AT_THE_TOUCH: u16 = 2;
/// How far a rung may be from its place, as a share of its distance.
const TOLERANCE: f64 = 0.3;
/// How much larger quotes are at the far end than at the touch.
const DEEP_SIZE: f64 = 9.0;

/// One of several makers of a pair, whose rungs lie between each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maker {
    pub(super) account: AccountId,
    pub(super) index: u16,
    pub(super) of: u16,
    pub(super) rungs: u16,
}

/// How much a maker does at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effort {
    /// At most so many changes, beside what is exposed.
    AtMost(usize),
    /// Whatever is not in place.
    Full,
    /// Every quote anew: what was a good one is none any more.
    Anew,
}

impl Maker {
    /// Puts one side of the ladder where it belongs: first what is exposed, then from the touch outward.
    pub(super) fn align(
        &self,
        scene: Scene<'_>,
        side: Side,
        effort: Effort,
        dice: &mut Dice,
        orders: &mut Orders,
    ) {
        let mut ladder = self.ladder(scene, side, orders);
        let limit = match effort {
            Effort::AtMost(limit) => limit,
            Effort::Full | Effort::Anew => usize::MAX,
        };
        let mut changes = 0;
        for (rung, resting) in (0..self.rungs).zip(&mut ladder) {
            let exposed = resting.is_some_and(|order| scene.is_exposed(side, order.step));
            let placed = effort != Effort::Anew
                && resting.is_some_and(|order| self.is_in_place(scene, rung, &order));
            if placed || (changes >= limit && !exposed) {
                continue;
            }
            changes += 1;
            self.replace(scene, side, rung, *resting, dice, orders);
        }
    }

    /// Changes the size of one quote, and its place a little.
    pub(super) fn refresh(&self, scene: Scene<'_>, dice: &mut Dice, orders: &mut Orders) {
        let side = dice.side();
        let near = dice.unit() * dice.unit();
        let rung = (near * f64::from(self.rungs)) as u16;
        let ladder = self.ladder(scene, side, orders);
        let resting = ladder.get(usize::from(rung)).copied().flatten();
        self.replace(scene, side, rung, resting, dice, orders);
    }

    /// What the maker has open on a side, by rung. What belongs to no rung is canceled.
    fn ladder(&self, scene: Scene<'_>, side: Side, orders: &mut Orders) -> Vec<Option<Resting>> {
        let mut ladder = vec![None; usize::from(self.rungs)];
        for order in scene.own(self.account).filter(|order| order.side == side) {
            let rung = usize::try_from(order.mark).ok();
            match rung.and_then(|rung| ladder.get_mut(rung)) {
                Some(free @ None) => *free = Some(order),
                Some(Some(_)) | None => orders.push((self.account, cancel(order.id))),
            }
        }
        ladder
    }

    fn replace(
        &self,
        scene: Scene<'_>,
        side: Side,
        rung: u16,
        resting: Option<Resting>,
        dice: &mut Dice,
        orders: &mut Orders,
    ) {
        if let Some(order) = resting {
            orders.push((self.account, cancel(order.id)));
        }
        let distance = self.distance(scene, rung);
        let slack = self.tolerance(scene, distance) as f64 / 2.0;
        let wanted = distance + (dice.between(-slack, slack)).round() as Step;
        let step = scene.passive(side, scene.quote(side, wanted.max(0)));
        let profile = &scene.listing.profile;
        let typical = profile.touch_usd * (0.35 + DEEP_SIZE * self.place(rung));
        let qty = scene.listing.size(dice.lognormal(typical, 0.7), dice);
        let request = scene.rest(side, step, qty, i32::from(rung));
        orders.extend(request.map(|request| (self.account, request)));
    }

    fn is_in_place(&self, scene: Scene<'_>, rung: u16, order: &Resting) -> bool {
        let distance = self.distance(scene, rung);
        let wanted = scene.quote(order.side, distance);
        let off = (order.step - wanted).abs();
        let clear = !scene.is_exposed(order.side, order.step);
        let held_back = order.step == scene.passive(order.side, wanted);
        held_back || (clear && off <= self.tolerance(scene, distance))
    }

    /// Where a rung is on the ladder, from 0 at the touch to 1.
    fn place(&self, rung: u16) -> f64 {
        let slot = f64::from(rung) * f64::from(self.of) + f64::from(self.index) + 0.5;
        slot / (f64::from(self.of) * f64::from(self.rungs))
    }

    fn distance(&self, scene: Scene<'_>, rung: u16) -> Step {
        if rung == 0 && self.index < AT_THE_TOUCH {
            return 0;
        }
        let place = self.place(rung);
        (scene.listing.depth(scene.center) * place * place).round() as Step
    }

    fn tolerance(&self, scene: Scene<'_>, distance: Step) -> Step {
        let room = scene.listing.half_spread(scene.center) as f64 / 5.0;
        (distance as f64).mul_add(TOLERANCE, room).floor() as Step
    }
}
