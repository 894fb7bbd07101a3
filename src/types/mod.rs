//! The words everything else is written in: exact amounts, names, sides, instants.
//!
//! For: values that are valid once they exist. A price, a quantity or an id in hand needs no second check.
//! Left out: anything that decides, waits or does I/O, and every wire spelling that belongs to one venue.
//! Always true: money is never a binary float; arithmetic that could overflow returns an error; rounding says its direction.
#![warn(
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod amount;
mod chain;
mod decimal;
pub mod digits;
mod instrument;
pub mod span;
mod text;
mod timestamp;

pub use amount::{Notional, OutOfRange, Price, Quantity};
pub use chain::Chain;
pub use decimal::{Decimal, InvalidDecimal};
pub use digits::InvalidDigits;
pub use instrument::{
    Fees, Instrument, InstrumentId, InvalidPrice, InvalidQuantity, TradingStatus,
};
pub use text::{AssetCode, ClOrdId, ExecId, InlineText, OrderId, Symbol, TextTooLong};
pub use timestamp::{Civil, InvalidTimestamp, Timestamp};

use serde::{Deserialize, Serialize};

/// Which way an order or trade goes, in base units.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Side {
    /// Base in, quote out.
    Buy,
    /// Base out, quote in.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Lower-case name, as venues spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a fill added liquidity or took it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Liquidity {
    /// The order rested in the book.
    Maker,
    /// The order crossed the book.
    Taker,
}

/// How long an order stays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum TimeInForce {
    /// Until canceled.
    Gtc,
    /// Fill what can be filled at once, cancel the rest.
    Ioc,
}
