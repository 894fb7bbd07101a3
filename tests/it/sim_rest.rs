//! REST of the simulated Kraken, over real sockets, as other people's clients speak it.

mod access;
mod bad_answers;
mod books;
pub(crate) mod rig;
mod thousand;
