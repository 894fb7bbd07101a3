//! A simulator that mirrors another one over real sockets, recordings of frames, and the daemon on paper.

mod follow;
mod paper;
mod played;
mod rig;
