//! What no order may exceed: defaults for every pair, and what differs for one.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::amount::{Amount, Percent};
use crate::types::{Decimal, span};

/// Limits of every pair. A limit on an amount that is not given does not exist; live trading needs all three.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Risk {
    /// Largest order, in base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_qty: Option<Amount>,
    /// Largest order, in quote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_notional: Option<Amount>,
    /// Largest position either way, in base, with everything open filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position: Option<Amount>,
    /// Most open orders.
    pub max_open_orders: u32,
    /// How far a passive price may be from the best price of its own side.
    pub collar_passive: Percent,
    /// How far an aggressive price may be beyond the best price of the other side.
    pub collar_aggressive: Percent,
    /// How long a book may stand without a change.
    #[serde(with = "span")]
    pub max_book_age: Duration,
    /// What differs for one pair.
    pub pair: BTreeMap<String, PairRisk>,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            max_order_qty: None,
            max_order_notional: None,
            max_position: None,
            max_open_orders: 20,
            collar_passive: Percent::from_ppm(200_000),
            collar_aggressive: Percent::from_ppm(20_000),
            max_book_age: Duration::from_secs(60),
            pair: BTreeMap::new(),
        }
    }
}

/// What differs for one pair. A key that is not given is as for every pair.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairRisk {
    /// Largest order, in base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_qty: Option<Amount>,
    /// Largest order, in quote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_notional: Option<Amount>,
    /// Largest position either way, in base, with everything open filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position: Option<Amount>,
    /// Most open orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open_orders: Option<u32>,
    /// How far a passive price may be from the best price of its own side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collar_passive: Option<Percent>,
    /// How far an aggressive price may be beyond the best price of the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collar_aggressive: Option<Percent>,
}

/// The limits that hold for one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairLimits {
    /// Largest order, in base.
    pub max_order_qty: Option<Decimal>,
    /// Largest order, in quote.
    pub max_order_notional: Option<Decimal>,
    /// Largest position either way, in base.
    pub max_position: Option<Decimal>,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Passive collar, in parts per million.
    pub collar_passive_ppm: u32,
    /// Aggressive collar, in parts per million.
    pub collar_aggressive_ppm: u32,
    /// How long a book may stand without a change.
    pub max_book_age: Duration,
}

impl Risk {
    /// The limits that hold for a pair.
    #[must_use]
    pub fn of(&self, pair: &str) -> PairLimits {
        let own = self.pair.get(pair).cloned().unwrap_or_default();
        let amount = |own: Option<Amount>, all: Option<Amount>| own.or(all).map(Amount::get);
        PairLimits {
            max_order_qty: amount(own.max_order_qty, self.max_order_qty),
            max_order_notional: amount(own.max_order_notional, self.max_order_notional),
            max_position: amount(own.max_position, self.max_position),
            max_open_orders: own.max_open_orders.unwrap_or(self.max_open_orders),
            collar_passive_ppm: own.collar_passive.unwrap_or(self.collar_passive).ppm(),
            collar_aggressive_ppm: own
                .collar_aggressive
                .unwrap_or(self.collar_aggressive)
                .ppm(),
            max_book_age: self.max_book_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_its_own_limits_and_else_those_of_all() {
        let risk: Risk = toml::from_str(
            "max_position = '2'\nmax_open_orders = 4\n[pair.'BTC/USD']\nmax_position = '0.5'",
        )
        .unwrap();
        assert_eq!(
            risk.of("BTC/USD").max_position,
            Some("0.5".parse().unwrap())
        );
        assert_eq!(risk.of("BTC/USD").max_open_orders, 4);
        assert_eq!(risk.of("ETH/USD").max_position, Some("2".parse().unwrap()));
        assert_eq!(risk.of("ETH/USD").max_order_qty, None);
    }
}
