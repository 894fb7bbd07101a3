//! The matching engine: pure, synchronous, price-time priority, cash accounts with holds.
//!
//! For: everything that decides what happens to an order. `Exchange::act` takes a request and an
//! instant, changes the state and appends [`Fact`]s; from these alone come reports, public data and the log on disk.
//! Left out: sockets, wire formats, clocks, randomness, who may ask (keys, tokens, nonces).
//! Always true: facts are complete (a state rebuilt from the facts is equal), money is conserved, no side is ever crossed at rest.
#![warn(
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod fact;
mod request;
mod spec;

pub use fact::{
    AmendFact, CancelReason, Fact, FillFact, LedgerFact, LevelFact, OrderFact, OrderState,
    TradeFact,
};
pub use request::{
    AccountId, Amend, Cancel, CancelTarget, NewOrder, OrderKey, OrderKind, Refusal, Reply, Request,
};
pub use spec::{AssetSpec, FeeTier, PairId, PairSpec, Universe};
