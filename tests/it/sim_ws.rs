//! WebSocket v2 of the simulated Kraken, over real sockets, as other people's clients speak it.

mod accounts;
mod bad_frames;
mod bad_requests;
mod bad_sockets;
mod edits;
mod errors;
mod extras;
mod faults;
mod feed;
mod frame;
mod icebergs;
mod level3;
mod life;
mod orders;
pub(crate) mod rig;
mod statuses;
mod triggers;
