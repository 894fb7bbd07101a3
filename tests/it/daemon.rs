//! The daemon against the simulated Kraken, both whole, over real sockets, in one process.

mod endings;
mod faults;
mod life;
mod observed;
mod outages;
mod rig;
mod stops;
