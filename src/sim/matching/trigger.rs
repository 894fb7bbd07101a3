//! Prices that an order waits for: stop-loss, take-profit, trailing stop.
//!
//! For: where a trigger lies, when it fires, how it trails. Left out: what becomes of the order then (`waiting`).
//! Always true: every price is rounded to a tick; a trailing trigger moves toward the market only.

use serde::{Deserialize, Serialize};

use crate::types::{Decimal, Price, Side, Timestamp};

/// What an order waits for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum TriggerKind {
    /// The market moves against the order's owner, to the price or beyond.
    StopLoss,
    /// The market moves in the owner's favor, to the price or beyond.
    TakeProfit,
    /// A stop that follows the market at a distance.
    TrailingStop,
}

/// Which price is watched. There is no index here, so that both are the last trade's, as the venue does when its index fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Reference {
    /// The last trade.
    #[default]
    Last,
    /// An index of several venues.
    Index,
}

/// A price as it can be asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Offset {
    /// This price.
    At(Price),
    /// So many percent above another; below, if negative.
    Percent(Decimal),
    /// So much quote above another; below, if negative.
    Quote(Decimal),
}

/// What an order waits for, and where that stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Trigger {
    /// What it waits for.
    pub kind: TriggerKind,
    /// Which price is watched.
    pub reference: Reference,
    /// The price as it was asked for: from the last trade's, or for a trailing stop the distance, without a sign.
    pub asked: Offset,
    /// Where a limit lies from the trigger, if it follows it.
    pub limit: Option<Offset>,
    /// The price that is waited for.
    pub price: Price,
    /// The best price seen since, of a trailing stop.
    pub peak: Option<Price>,
    /// The price that it fired at, and when.
    pub fired: Option<(Price, Timestamp)>,
}

/// A trigger as it is asked for. Where it lies is decided when the order is placed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NewTrigger {
    /// What it waits for.
    pub kind: TriggerKind,
    /// Which price is watched.
    pub reference: Reference,
    /// The price, or how far it is from the last one.
    pub price: Offset,
    /// The limit once it has fired; none for a market order.
    pub limit: Option<Offset>,
}

impl Offset {
    /// The price that this means beside another. Nothing if there is none.
    #[must_use]
    pub fn from(self, base: Option<Price>, digits: u8, tick: Price) -> Option<Price> {
        let distance = match self {
            Self::At(price) => return Some(price),
            Self::Percent(percent) => {
                let base = Decimal::new(i128::from(base?.units()), 0).ok()?;
                let hundredth = Decimal::new(1, 2).ok()?;
                let part = base
                    .checked_mul(percent)
                    .ok()?
                    .checked_mul(hundredth)
                    .ok()?;
                part.rounded_toward_zero(0).ok()?.mantissa()
            }
            Self::Quote(amount) => amount.rounded_toward_zero(digits).ok()?.mantissa(),
        };
        let distance = i64::try_from(distance).ok()?;
        let price = base?.shifted(distance).ok()?;
        price.rounded_down_to(tick).ok()
    }

    /// Whether it is how far another price is to be followed.
    pub(in crate::sim) const fn is_distance(self) -> bool {
        match self {
            Self::At(_) => false,
            Self::Percent(distance) | Self::Quote(distance) => !distance.is_negative(),
        }
    }

    /// The same on the other side.
    const fn mirrored(self) -> Self {
        match self {
            Self::At(price) => Self::At(price),
            Self::Percent(percent) => Self::Percent(percent.negated()),
            Self::Quote(amount) => Self::Quote(amount.negated()),
        }
    }
}

/// The grid of a pair's prices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) digits: u8,
    pub(super) tick: Price,
}

impl NewTrigger {
    /// The trigger and the limit of an order that is placed while the last price is `last`. Nothing where a price is missing.
    pub(super) fn placed(
        &self,
        side: Side,
        last: Option<Price>,
        grid: Grid,
    ) -> Option<(Trigger, Option<Price>)> {
        let trailing = self.kind == TriggerKind::TrailingStop;
        let offset = match (trailing, side) {
            (true, Side::Sell) => self.price.mirrored(),
            (true, Side::Buy) | (false, _) => self.price,
        };
        let price = offset.from(last, grid.digits, grid.tick)?;
        let limit = match self.limit {
            Some(limit) => Some(limit.from(Some(price), grid.digits, grid.tick)?),
            None => None,
        };
        let trigger = Trigger {
            kind: self.kind,
            reference: self.reference,
            asked: self.price,
            limit: self.limit.filter(|limit| !matches!(limit, Offset::At(_))),
            price,
            peak: last.filter(|_| trailing),
            fired: None,
        };
        Some((trigger, limit))
    }
}

impl Trigger {
    /// Whether a price makes an order of this side go.
    pub(super) const fn is_met(&self, side: Side, last: Price) -> bool {
        let (last, price) = (last.units(), self.price.units());
        match (self.kind, side) {
            (TriggerKind::TakeProfit, Side::Sell)
            | (TriggerKind::StopLoss | TriggerKind::TrailingStop, Side::Buy) => last >= price,
            (TriggerKind::TakeProfit, Side::Buy)
            | (TriggerKind::StopLoss | TriggerKind::TrailingStop, Side::Sell) => last <= price,
        }
    }

    /// The trigger and its limit after the market went to `last`, if that moves them.
    pub(super) fn trailed(
        &self,
        side: Side,
        last: Price,
        grid: Grid,
    ) -> Option<(Self, Option<Price>)> {
        let peak = self.peak?;
        let better = match side {
            Side::Buy => last < peak,
            Side::Sell => last > peak,
        };
        if !better {
            return None;
        }
        let offset = match side {
            Side::Buy => self.asked,
            Side::Sell => self.asked.mirrored(),
        };
        let price = offset.from(Some(last), grid.digits, grid.tick)?;
        let limit = self
            .limit
            .and_then(|limit| limit.from(Some(price), grid.digits, grid.tick));
        let moved = Self {
            price,
            peak: Some(last),
            ..*self
        };
        Some((moved, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        digits: 1,
        tick: match Price::new(5) {
            Ok(tick) => tick,
            Err(_) => panic!("a tick"),
        },
    };

    fn price(units: i64) -> Price {
        Price::new(units).unwrap()
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn new(kind: TriggerKind, price: Offset, limit: Option<Offset>) -> NewTrigger {
        NewTrigger {
            kind,
            reference: Reference::Last,
            price,
            limit,
        }
    }

    #[test]
    fn a_price_is_given_or_lies_beside_the_last_one_on_the_grid() {
        let last = Some(price(10_000));
        let at = |offset: Offset| offset.from(last, 1, GRID.tick).map(Price::units);
        assert_eq!(at(Offset::At(price(7))), Some(7));
        assert_eq!(at(Offset::Percent(decimal("5"))), Some(10_500));
        assert_eq!(at(Offset::Percent(decimal("-0.333"))), Some(9_965));
        assert_eq!(at(Offset::Quote(decimal("-150.0"))), Some(8_500));
        assert_eq!(at(Offset::Quote(decimal("-1000"))), None, "below zero");
        assert_eq!(Offset::Percent(decimal("5")).from(None, 1, GRID.tick), None);
    }

    #[test]
    fn stops_and_profits_are_met_from_their_own_side() {
        for (kind, side, met_at, not_at) in [
            (TriggerKind::StopLoss, Side::Sell, 99, 101),
            (TriggerKind::StopLoss, Side::Buy, 101, 99),
            (TriggerKind::TakeProfit, Side::Sell, 101, 99),
            (TriggerKind::TakeProfit, Side::Buy, 99, 101),
        ] {
            let new = new(kind, Offset::At(price(100)), None);
            let (trigger, _) = new.placed(side, None, GRID).unwrap();
            assert!(trigger.is_met(side, price(100)), "{kind:?} {side}");
            assert!(trigger.is_met(side, price(met_at)));
            assert!(!trigger.is_met(side, price(not_at)));
        }
    }

    #[test]
    fn a_trailing_stop_follows_the_market_and_never_comes_back() {
        let offsets = (
            Offset::Percent(decimal("10")),
            Some(Offset::Quote(decimal("-1"))),
        );
        let new = new(TriggerKind::TrailingStop, offsets.0, offsets.1);
        let (trigger, limit) = new.placed(Side::Sell, Some(price(1_000)), GRID).unwrap();
        assert_eq!((trigger.price, limit), (price(900), Some(price(890))));
        assert!(trigger.trailed(Side::Sell, price(950), GRID).is_none());
        let (moved, limit) = trigger.trailed(Side::Sell, price(1_100), GRID).unwrap();
        assert_eq!((moved.price, limit), (price(990), Some(price(980))));
        assert!(moved.is_met(Side::Sell, price(990)));
        let (bought, _) = new.placed(Side::Buy, Some(price(1_000)), GRID).unwrap();
        let (moved, _) = bought.trailed(Side::Buy, price(900), GRID).unwrap();
        assert_eq!((bought.price, moved.price), (price(1_100), price(990)));
    }
}
