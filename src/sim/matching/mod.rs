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

mod account;
mod amends;
mod apply;
mod book;
mod closing;
mod edits;
mod exchange;
mod extras;
mod fact;
mod fresh;
mod ids;
mod interventions;
mod limits;
mod mirror;
mod money;
mod moves;
mod orders;
mod queue;
mod rare;
mod request;
mod revisions;
mod saved;
mod schedule;
mod spec;
mod store;
mod timers;
mod trading;
mod trigger;
mod volume;
mod waiting;

pub use account::Balance;
pub use book::DepthLevel;
pub use exchange::{Exchange, Order, OrderStatus, PostOnlyRule, Rules};
pub use extras::{Close, Extras, FeeCurrency, Start};
pub use fact::{
    AmendFact, Amender, CancelReason, Change, ChangeFact, Fact, FillFact, LedgerFact, LevelFact,
    OrderFact, OrderState, TradeFact,
};
pub use ids::Counters;
pub use limits::{RateCounter, Tier};
pub use mirror::{MirroredLevel, MirroredTrade};
pub use moves::{Move, Queued};
pub use rare::RareConditions;
pub use request::{
    AccountId, Amend, Cancel, CancelTarget, Conditions, Edit, NewOrder, OrderKey, OrderKind,
    Refusal, Reply, Request, SelfTrade, Size, TimeInForce,
};
pub use revisions::{Revision, RevisionKind};
pub use saved::{LoadError, Saved, SavedAccount, SavedMarket};
pub use spec::{AssetSpec, FeeTier, PairId, PairSpec, Universe};
pub use trigger::{NewTrigger, Offset, Reference, Trigger, TriggerKind};
pub use volume::Volume;

#[cfg(test)]
pub(in crate::sim) mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
