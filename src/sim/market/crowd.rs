//! Many small traders behind one account: limit orders that come and go, most of them deep in the book, some at the touch.

use super::{
    dice::Dice,
    listing::Step,
    profile::Profile,
    scene::{Orders, Scene, cancel},
};
use crate::{sim::matching::AccountId, types::Side};

/// Share of orders that are placed near the touch.
const NEAR: f64 = 0.35;
/// How far beyond the ladders the deep orders reach.
const REACH: f64 = 1.6;
/// How far those behind all others reach, as a share of the price, and how many steps at least: farther than a crash
/// falls, so that it leaves some.
const BEHIND: (f64, f64) = (0.25, 4_000.0);
/// Orders that come at once behind all others to a side that has lost a fifth of them.
const RALLY: usize = 8;

/// A crowd of one pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) account: AccountId,
    pub(super) place: Place,
    /// Orders open on average, on both sides together.
    pub(super) target: usize,
}

/// Where in the book a crowd is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// From the touch to beyond the ladders.
    Throughout,
    /// Behind all others.
    Behind,
}

impl Place {
    /// So many orders a crowd has there.
    pub(super) const fn of(self, profile: &Profile) -> usize {
        match self {
            Self::Throughout => profile.crowd,
            Self::Behind => profile.sleepers,
        }
    }
}

impl Crowd {
    /// One order more or less on one side: the more there are, the more likely less. A side behind all others that was
    /// swept fills again faster.
    pub(super) fn stir(&self, scene: Scene<'_>, dice: &mut Dice, orders: &mut Orders) {
        let side = dice.side();
        let own = || {
            let all = scene.own(self.account);
            all.filter(move |order| order.side == side)
        };
        let open = own().count();
        if dice.chance(open as f64 / self.target as f64) {
            let leaves = own().nth(dice.below(open));
            orders.extend(leaves.map(|order| (self.account, cancel(order.id))));
            return;
        }
        let swept = matches!(self.place, Place::Behind) && open * 5 < self.target * 2;
        for _ in 0..if swept { RALLY } else { 1 } {
            self.place(scene, side, dice, orders);
        }
    }

    /// As many orders as there are on average.
    pub(super) fn gather(&self, scene: Scene<'_>, dice: &mut Dice, orders: &mut Orders) {
        for _ in scene.own(self.account).count()..self.target {
            let side = dice.side();
            self.place(scene, side, dice, orders);
        }
    }

    /// Takes back what is more than usual, the oldest first.
    pub(super) fn cull(&self, scene: Scene<'_>, orders: &mut Orders) {
        let surplus = scene.own(self.account).count().saturating_sub(self.target);
        let oldest = scene.own(self.account).take(surplus);
        orders.extend(oldest.map(|order| (self.account, cancel(order.id))));
    }

    /// Takes back what is beyond the center.
    pub(super) fn retreat(&self, scene: Scene<'_>, orders: &mut Orders) {
        let own = scene.own(self.account);
        let exposed = own.filter(|order| scene.is_exposed(order.side, order.step));
        orders.extend(exposed.map(|order| (self.account, cancel(order.id))));
    }

    fn place(&self, scene: Scene<'_>, side: Side, dice: &mut Dice, orders: &mut Orders) {
        let depth = scene.listing.depth(scene.center);
        let near = matches!(self.place, Place::Throughout) && dice.chance(NEAR);
        let away = match self.place {
            Place::Throughout if near => depth / 160.0 * dice.unit() * 6.0,
            Place::Throughout => depth * REACH * dice.unit().powf(1.5),
            Place::Behind => {
                let reach = (scene.center as f64 * BEHIND.0).max(BEHIND.1);
                (reach - depth).mul_add(dice.unit().powi(2), depth)
            }
        };
        let typical = scene.listing.profile.touch_usd * if near { 0.15 } else { 1.0 };
        let qty = scene.listing.size(dice.lognormal(typical, 1.2), dice);
        let step = scene.passive(side, scene.quote(side, away as Step));
        let request = scene.rest(side, step, qty, 0);
        orders.extend(request.map(|request| (self.account, request)));
    }
}
