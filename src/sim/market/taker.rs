//! Those who take: traders whose sizes have a heavy tail and whose direction comes in runs, and a sniper for quotes that the price has left behind.

use super::{
    dice::Dice,
    scene::{Orders, Scene},
};
use crate::{
    sim::matching::AccountId,
    types::{Quantity, Side},
};

/// Typical size of a taker, as a share of a quote at the touch.
const TYPICAL: f64 = 0.15;
/// Spread of sizes: one in a hundred is about forty times the typical one.
const TAIL: f64 = 1.6;
/// Levels that one taker goes through at most.
const DEEPEST: usize = 40;
/// Chance that the next taker goes the same way.
const SAME_WAY: f64 = 0.68;
/// Chance that a taker goes the way that all lean.
const LEANING: f64 = 0.8;
/// Share of market orders.
const MARKET: f64 = 0.55;
/// The most that a sniper takes at once, in quotes at the touch.
const SNIPED: f64 = 25.0;

/// The takers of a pair.
#[derive(Debug)]
pub(super) struct Takers {
    pub(super) accounts: Vec<AccountId>,
    pub(super) sniper: AccountId,
    pub(super) way: Side,
    /// Where the market goes, if that is known.
    pub(super) lean: Option<Side>,
}

impl Takers {
    /// One taker. Gives the side that it took from and about how many levels it changed.
    pub(super) fn take(
        &mut self,
        scene: Scene<'_>,
        dice: &mut Dice,
        orders: &mut Orders,
    ) -> Option<(Side, usize)> {
        if !dice.chance(SAME_WAY) {
            self.way = self.way.opposite();
        }
        if let Some(lean) = self.lean
            && dice.chance(LEANING)
        {
            self.way = lean;
        }
        let account = *self.accounts.get(dice.below(self.accounts.len()))?;
        let usd = dice.lognormal(scene.listing.profile.touch_usd * TYPICAL, TAIL);
        let wanted = scene.listing.size(usd, dice);
        let maker_side = self.way.opposite();
        let (mut there, mut limit, mut levels) = (Quantity::ZERO, None, 0);
        for (price, qty) in scene
            .exchange
            .levels(scene.listing.pair, maker_side)
            .take(DEEPEST)
        {
            there = there.checked_add(qty).unwrap_or(there);
            limit = Some(scene.listing.step(price));
            levels += 1;
            if there >= wanted {
                break;
            }
        }
        let (limit, qty) = (limit?, wanted.min(there));
        let request = if dice.chance(MARKET) {
            scene.market(self.way, qty)
        } else {
            scene.hit(self.way, limit, qty)?
        };
        orders.push((account, request));
        Some((maker_side, levels))
    }

    /// Takes what rests beyond the center, if there is any. Gives the side that it took from.
    pub(super) fn snipe(
        &self,
        scene: Scene<'_>,
        dice: &mut Dice,
        orders: &mut Orders,
    ) -> Option<Side> {
        let exposed = |side: &Side| {
            scene
                .best(*side)
                .is_some_and(|step| scene.is_exposed(*side, step))
        };
        let side = [Side::Buy, Side::Sell].into_iter().find(exposed)?;
        let there = scene
            .exchange
            .levels(scene.listing.pair, side)
            .take_while(|(price, _)| scene.is_exposed(side, scene.listing.step(*price)))
            .fold(Quantity::ZERO, |sum, (_, qty)| {
                sum.checked_add(qty).unwrap_or(sum)
            });
        let most = scene
            .listing
            .size(scene.listing.profile.touch_usd * SNIPED, dice);
        let limit = match side {
            Side::Buy => scene.center + 1,
            Side::Sell => scene.center,
        };
        let request = scene.hit(side.opposite(), limit, there.min(most))?;
        orders.push((self.sniper, request));
        Some(side)
    }
}
