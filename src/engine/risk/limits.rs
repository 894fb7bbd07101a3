//! The limits of one instrument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::Decimal;

/// Limits of one instrument. Amounts are exact; `None` means no limit of our own (the venue's still hold).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// Largest order, in base.
    pub max_order_qty: Option<Decimal>,
    /// Largest order, in quote.
    pub max_order_notional: Option<Decimal>,
    /// Largest position either way, in base, with everything open filled.
    pub max_position: Option<Decimal>,
    /// Most open orders.
    pub max_open_orders: u32,
    /// How far a passive price may be from the best price of its own side, in parts per million of that price.
    pub collar_passive_ppm: u32,
    /// How far an aggressive price may be beyond the best price of the other side, in parts per million of that price.
    pub collar_aggressive_ppm: u32,
    /// How long a book may stand without a change.
    pub max_book_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_order_qty: None,
            max_order_notional: None,
            max_position: None,
            max_open_orders: 20,
            collar_passive_ppm: 200_000,
            collar_aggressive_ppm: 20_000,
            max_book_age: Duration::from_secs(60),
        }
    }
}
