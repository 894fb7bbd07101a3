//! How the daemon reaches Kraken and how patient it is.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::rate_limit::Tier;

/// Kraken's addresses, deadlines and budgets. Durations are in milliseconds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Base address of REST, without `/0`. Plain `http` only to loopback.
    pub rest: String,
    /// Address of the public socket. Plain `ws` only to loopback.
    pub ws: String,
    /// Address of the private socket. Plain `ws` only to loopback.
    pub ws_auth: String,
    /// PEM file with a root certificate to trust beside the well-known ones.
    pub ca_file: Option<PathBuf>,
    /// Verification level of the account; sets the limit of the REST counter.
    pub tier: Tier,
    /// Depth of book subscriptions: 10, 25, 100, 500 or 1000.
    pub book_depth: u16,
    /// Longest wait for a TCP connection.
    pub connect_ms: u64,
    /// Longest TLS handshake.
    pub tls_ms: u64,
    /// Longest WebSocket upgrade.
    pub upgrade_ms: u64,
    /// Longest wait for the answer to a subscription and for its first snapshot.
    pub subscribe_ms: u64,
    /// Longest silence on a socket before it counts as dead.
    pub idle_ms: u64,
    /// Pause between two pings.
    pub ping_ms: u64,
    /// Longest wait for the answer to an order, amend or cancel.
    pub order_answer_ms: u64,
    /// Longest wait for the answer to one REST call.
    pub request_ms: u64,
    /// Longest time a REST read may wait for its turn (one call at a time, rate limit).
    pub turn_ms: u64,
    /// Longest time to close a socket in good order.
    pub close_ms: u64,
    /// Attempts of one REST read, the first included.
    pub read_attempts: u32,
    /// First pause between two attempts of a REST read; doubles, with jitter.
    pub read_pause_ms: u64,
    /// How often open and closed orders are asked before an order counts as absent.
    pub look_up_passes: u32,
    /// Pause between two such passes.
    pub look_up_pause_ms: u64,
    /// Second pause between two connection attempts (the first follows at once); doubles, with jitter.
    pub reconnect_min_ms: u64,
    /// Longest pause between two connection attempts.
    pub reconnect_max_ms: u64,
    /// A connection that lasted this long starts the pauses anew.
    pub stable_ms: u64,
    /// Connection attempts in ten minutes, over all sockets. Kraken bans an address at about 150.
    pub connect_budget: u32,
    /// Orders and amends that may wait in the private socket's queue.
    pub queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rest: "https://api.kraken.com".to_owned(),
            ws: "wss://ws.kraken.com/v2".to_owned(),
            ws_auth: "wss://ws-auth.kraken.com/v2".to_owned(),
            ca_file: None,
            tier: Tier::Starter,
            book_depth: 10,
            connect_ms: 5_000,
            tls_ms: 5_000,
            upgrade_ms: 5_000,
            subscribe_ms: 10_000,
            idle_ms: 10_000,
            ping_ms: 5_000,
            order_answer_ms: 5_000,
            request_ms: 10_000,
            turn_ms: 30_000,
            close_ms: 1_000,
            read_attempts: 3,
            read_pause_ms: 500,
            look_up_passes: 2,
            look_up_pause_ms: 1_000,
            reconnect_min_ms: 500,
            reconnect_max_ms: 30_000,
            stable_ms: 30_000,
            connect_budget: 120,
            queue: 256,
        }
    }
}

macro_rules! durations {
    ($($name:ident, $field:ident, $doc:literal;)*) => {
        impl Settings {
            $(
                #[doc = $doc]
                #[must_use]
                pub const fn $name(&self) -> Duration {
                    Duration::from_millis(self.$field)
                }
            )*
        }
    };
}

durations! {
    connect, connect_ms, "Longest wait for a TCP connection.";
    tls, tls_ms, "Longest TLS handshake.";
    upgrade, upgrade_ms, "Longest WebSocket upgrade.";
    subscribe, subscribe_ms, "Longest wait for a subscription and its first snapshot.";
    idle, idle_ms, "Longest silence on a socket.";
    ping, ping_ms, "Pause between two pings.";
    order_answer, order_answer_ms, "Longest wait for the answer to an order command.";
    request, request_ms, "Longest wait for the answer to one REST call.";
    turn, turn_ms, "Longest wait of a REST read for its turn.";
    close, close_ms, "Longest time to close a socket in good order.";
    read_pause, read_pause_ms, "First pause between two attempts of a read.";
    look_up_pause, look_up_pause_ms, "Pause between two passes of a look-up.";
    reconnect_min, reconnect_min_ms, "Second pause between connection attempts.";
    reconnect_max, reconnect_max_ms, "Longest pause between connection attempts.";
    stable, stable_ms, "Age at which a connection counts as stable.";
}
