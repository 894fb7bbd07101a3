//! The venue's names of order types, which both wires share.

use crate::sim::matching::{Close, OrderKind, OrderState, TriggerKind};

/// What a name of an order type asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OrderType {
    /// Whether it has a limit price.
    pub(super) limit: bool,
    /// What it waits for before it goes to the market.
    pub(super) trigger: Option<TriggerKind>,
    /// Whether it shows only a part of itself.
    pub(super) iceberg: bool,
}

/// Types that the venue has and the simulator has not.
const OTHERS: [&str; 1] = ["settle-position"];

const NAMES: [(&str, OrderType); 9] = [
    ("iceberg", OrderType::ICEBERG),
    ("limit", of(true, None)),
    ("market", of(false, None)),
    ("stop-loss", of(false, Some(TriggerKind::StopLoss))),
    ("stop-loss-limit", of(true, Some(TriggerKind::StopLoss))),
    ("take-profit", of(false, Some(TriggerKind::TakeProfit))),
    ("take-profit-limit", of(true, Some(TriggerKind::TakeProfit))),
    ("trailing-stop", of(false, Some(TriggerKind::TrailingStop))),
    (
        "trailing-stop-limit",
        of(true, Some(TriggerKind::TrailingStop)),
    ),
];

const fn of(limit: bool, trigger: Option<TriggerKind>) -> OrderType {
    OrderType {
        limit,
        trigger,
        iceberg: false,
    }
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unusable {
    /// The venue has it, the simulator has not.
    NotSimulated,
    /// There is no such type.
    Unknown,
}

impl OrderType {
    /// A plain limit order.
    pub(super) const LIMIT: Self = of(true, None);
    /// A limit order that shows only a part of itself.
    const ICEBERG: Self = Self {
        iceberg: true,
        ..Self::LIMIT
    };
    /// A plain market order.
    pub(super) const MARKET: Self = of(false, None);

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// A name of nothing, or of what is not simulated.
    pub(super) fn read(name: &str) -> Result<Self, Unusable> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        match found {
            Some((_, kind)) => Ok(*kind),
            None if OTHERS.contains(&name) => Err(Unusable::NotSimulated),
            None => Err(Unusable::Unknown),
        }
    }

    /// Reads a name of what can close what an order fills; none if nothing of that name can.
    pub(super) fn read_close(name: &str) -> Option<Self> {
        let kind = Self::read(name).ok()?;
        let closes = kind != Self::MARKET && !kind.iceberg;
        closes.then_some(kind)
    }

    /// The type of the order that fills leave behind.
    pub(super) fn of_close(close: &Close) -> Self {
        of(close.limit.is_some(), close.trigger.map(|(kind, _)| kind))
    }

    /// The type of an order.
    pub(super) fn of(order: &OrderState) -> Self {
        Self {
            limit: matches!(order.kind, OrderKind::Limit(_)),
            trigger: order.conditions.trigger.map(|trigger| trigger.kind),
            iceberg: order.conditions.display.is_some(),
        }
    }

    /// The name.
    pub(super) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, kind)| *kind == self);
        found.map_or("limit", |(name, _)| name)
    }

    /// What it is once it has gone to the market.
    pub(super) const fn executed(self) -> Self {
        of(self.limit, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_as_what_it_is_written_for() {
        for (name, kind) in NAMES {
            assert_eq!(OrderType::read(name), Ok(kind));
            assert_eq!(kind.name(), name);
        }
        assert_eq!(
            OrderType::read("settle-position"),
            Err(Unusable::NotSimulated)
        );
        assert_eq!(OrderType::read("Limit"), Err(Unusable::Unknown));
    }
}
