//! REST of the simulated Kraken, over real sockets, as other people's clients speak it.

mod access;
mod bad_answers;
mod books;
mod edits;
mod extras;
mod fees;
mod keys;
mod life;
mod lifetimes;
mod market;
mod rates;
pub(crate) mod rig;
mod stale;
mod thousand;
mod triggers;
