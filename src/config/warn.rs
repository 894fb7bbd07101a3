//! What is allowed and worth a word.
//!
//! For: settings that somebody may want and that somebody else has by mistake. Always true: each says what follows from it.

use std::time::Duration;

use super::{Config, venue::VenueKind};
use crate::{resilience::circuit_breaker::Mode, types::span};

/// About how often Kraken lets one address attempt to connect, and in how long (its guide to the sockets' rate limits, 2026-06).
const KRAKEN_ATTEMPTS: u64 = 150;
const KRAKEN_WINDOW: Duration = Duration::from_secs(600);

/// Everything that is worth a word.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.sim.tls_ca.is_some() && (!config.sim.tls || config.sim.tls_cert.is_some()) {
        warnings.push(
            "sim.tls_ca is not written: that needs sim.tls, and a certificate that is made at the start"
                .to_owned(),
        );
    }
    if config.venue.kind == VenueKind::Live {
        warnings.push(
            "venue.kind is \"live\": real money; the dead man's switch and the kill switch are not part of this version"
                .to_owned(),
        );
    }
    if !config.orders.resume.is_empty() {
        warnings.push(
            "orders.resume ends halts at every start: take it out once the pairs trade again"
                .to_owned(),
        );
    }
    if config.venue.kind == VenueKind::Paper {
        let market = config.mirrored().unwrap_or_default();
        warnings.push(format!(
            "venue.kind is \"paper\": simulated orders on the market of {market}, which must be reachable; no API key is used"
        ));
    }
    let http = &config.http;
    if http.enabled && !http.listen.ip().is_loopback() {
        warnings.push(format!(
            "http.listen is {}: whoever reaches it can read how much is traded",
            http.listen
        ));
    }
    warnings.extend(connections(config));
    warnings.extend(breakers(config));
    warnings.extend(quiet_books(config));
    warnings.extend(short_joins(config));
    if config.strategy.is_empty() {
        warnings.push("no [[strategy]]: nothing will be traded".to_owned());
    }
    warnings
}

/// More attempts to connect than Kraken bears. A simulator bears what its own settings say.
fn connections(config: &Config) -> Option<String> {
    let mirrored = config.mirrored();
    let at_kraken = config.venue.kind == VenueKind::Live
        || mirrored.is_some_and(|address| address.contains("kraken.com"));
    let budget = &config.kraken.connections;
    // As many as can fall into Kraken's window: that many of ours, each full.
    let windows = KRAKEN_WINDOW
        .as_nanos()
        .div_ceil(budget.window.as_nanos().max(1));
    let windows = u64::try_from(windows).unwrap_or(u64::MAX);
    let most = u64::from(budget.attempts).saturating_mul(windows);
    (at_kraken && most > KRAKEN_ATTEMPTS).then(|| {
        format!(
            "kraken.connections allows {most} attempts to connect in ten minutes: Kraken bans an address for ten minutes that makes \
             more than about {KRAKEN_ATTEMPTS}"
        )
    })
}

/// Breakers that stop everything or nothing.
fn breakers(config: &Config) -> Vec<String> {
    let stopped = |purpose: &str| match purpose {
        "public" => "no public REST call leaves, so that no start succeeds",
        "private" => "no private REST call but cancels leaves, so that no start succeeds",
        "connect" => "no socket is opened, so that nothing is traded",
        _ => "no order and no amend leaves; cancels do",
    };
    let told = |(purpose, mode): (&str, Mode)| match mode {
        Mode::ForcedOpen => Some(format!(
            "breaker.{purpose}.mode is \"forced-open\": {}",
            stopped(purpose)
        )),
        Mode::Disabled | Mode::MetricsOnly if purpose == "order_entry" => {
            let word = if mode == Mode::Disabled {
                "disabled"
            } else {
                "metrics-only"
            };
            Some(format!(
                "breaker.order_entry.mode is \"{word}\": orders go on leaving while the venue answers none of them"
            ))
        }
        Mode::Automatic | Mode::Disabled | Mode::MetricsOnly => None,
    };
    let modes = config
        .breaker
        .each()
        .map(|(purpose, it)| (purpose, it.mode));
    modes.into_iter().filter_map(told).collect()
}

/// A quiet book is taken anew after a while, and counts as changed then; the gate must have that much patience.
fn quiet_books(config: &Config) -> Option<String> {
    let (oldest, silence) = (config.risk.max_book_age, config.deadlines.channel_idle);
    (oldest <= silence && !config.strategy.is_empty()).then(|| {
        format!(
            "risk.max_book_age ({}) is not longer than deadlines.channel_idle ({}): a pair whose book stands still gets no orders from \
             the one until the other has passed and the book was taken anew",
            span::text(oldest),
            span::text(silence)
        )
    })
}

/// The private socket may need as long three times over: for its close frame, for cancels over REST, to tell the last outcomes.
fn short_joins(config: &Config) -> Option<String> {
    let (join, close) = (config.deadlines.join, config.deadlines.close);
    (join <= close * 3).then(|| {
        format!(
            "deadlines.join ({}) is not longer than three times deadlines.close ({}): a stop may cut off the private socket before it \
             has told the last outcomes",
            span::text(join),
            span::text(close)
        )
    })
}
