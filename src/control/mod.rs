//! What an operator can see: whether the daemon lives, whether it is ready, and its numbers, over HTTP.
//!
//! For: `GET /livez`, `/readyz` and `/metrics`. Left out: doing anything; nothing here changes the daemon.
//! Always true: everything is read when somebody asks, or every quarter of a second for the age of frames, on a thread that is not the
//! money's; what the daemon pays beside that are relaxed counters. No secret is in any answer, and none could be: what is shown are
//! numbers, and names that stand in the source.

mod age;
mod board;
mod health;
mod http;
mod metrics;

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

pub use board::{Board, Figures, Glance, Parts, Stage, TASKS};
pub use http::serve;

/// Where to answer, and whether.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether to listen at all.
    pub enabled: bool,
    /// Where. Port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: (Ipv4Addr::LOCALHOST, 9464).into(),
        }
    }
}
