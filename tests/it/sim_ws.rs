//! WebSocket v2 of the simulated Kraken, over real sockets, as other people's clients speak it.

mod edits;
mod errors;
mod extras;
mod faults;
mod feed;
mod icebergs;
mod level3;
mod life;
mod lifetimes;
mod orders;
mod rates;
pub(crate) mod rig;
mod triggers;
