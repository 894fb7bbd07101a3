//! Many small traders behind one account: limit orders that come and go, most of them deep in the book, some at the touch.

use super::{
    dice::Dice,
    listing::Step,
    scene::{Orders, Resting, Scene, cancel},
};
use crate::{sim::matching::AccountId, types::Side};

/// Share of orders that are placed near the touch.
const NEAR: f64 = 0.35;
/// How far beyond the ladders the deep orders reach.
const REACH: f64 = 1.6;

/// A crowd of one pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) account: AccountId,
    /// Orders open on average, on both sides together.
    pub(super) target: usize,
}

impl Crowd {
    /// One order more or less.
    pub(super) fn stir(&self, scene: Scene<'_>, dice: &mut Dice, orders: &mut Orders) {
        let own: Vec<Resting> = scene.own(self.account).collect();
        let leaves = own.len() > self.target || (own.len() * 2 > self.target && dice.chance(0.5));
        if !leaves {
            self.place(scene, &own, dice, orders);
        } else if let Some(order) = own.get(dice.below(own.len())) {
            orders.push((self.account, cancel(order.id)));
        }
    }

    /// As many orders as there are on average.
    pub(super) fn gather(&self, scene: Scene<'_>, dice: &mut Dice, orders: &mut Orders) {
        let own: Vec<Resting> = scene.own(self.account).collect();
        for _ in own.len()..self.target {
            self.place(scene, &[], dice, orders);
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

    fn place(&self, scene: Scene<'_>, own: &[Resting], dice: &mut Dice, orders: &mut Orders) {
        let bids = own.iter().filter(|order| order.side == Side::Buy).count();
        let side = match (bids * 2).cmp(&own.len()) {
            std::cmp::Ordering::Less => Side::Buy,
            std::cmp::Ordering::Equal => dice.side(),
            std::cmp::Ordering::Greater => Side::Sell,
        };
        let depth = scene.listing.depth(scene.center);
        let near = dice.chance(NEAR);
        let away = if near {
            depth / 160.0 * dice.unit() * 6.0
        } else {
            depth * REACH * dice.unit().powf(1.5)
        };
        let typical = scene.listing.profile.touch_usd * if near { 0.15 } else { 1.0 };
        let qty = scene.listing.size(dice.lognormal(typical, 1.2), dice);
        let step = scene.passive(side, scene.quote(side, away as Step));
        let request = scene.rest(side, step, qty, 0);
        orders.extend(request.map(|request| (self.account, request)));
    }
}
