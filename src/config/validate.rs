//! What must hold, of one key and across keys. Each rule is a function that adds what it finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use super::{
    Config, level,
    strategy::{self, Plan, Strategy},
    venue::{self, VenueKind},
};
use crate::{
    resilience::InvalidSettings,
    sim,
    types::{Chain, Symbol, span},
    venue::kraken::{
        address::{Address, Kind},
        encode::BOOK_DEPTHS,
    },
};

/// Something that is wrong with a value, or with values together.
#[derive(Debug)]
pub(super) struct Finding {
    /// The key that it is about.
    pub(super) path: Vec<String>,
    /// A second one, where either can be the one to change: the message names both.
    pub(super) other: Option<Vec<String>>,
    pub(super) message: String,
    /// The nearest valid value.
    pub(super) suggestion: Option<String>,
}

/// Everything that is wrong.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    found.require(
        config.state.dir.as_deref() != Some(Path::new("")),
        &["state", "dir"],
        "must name a directory; take it out for the usual one",
    );
    venues(config, &mut found);
    live(config, &mut found);
    journal(config, &mut found);
    kraken(config, &mut found);
    simulator(config, &mut found);
    log(config, &mut found);
    feed(config, &mut found);
    orders(config, &mut found);
    risk(config, &mut found);
    strategies(config, &mut found);
    shutdown(config, &mut found);
    found.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: &[&str], message: impl Into<String>) {
        self.add_with(path, message, None);
    }

    fn add_with(&mut self, path: &[&str], message: impl Into<String>, suggestion: Option<String>) {
        self.0.push(Finding {
            path: owned(path),
            other: None,
            message: message.into(),
            suggestion,
        });
    }

    /// Two keys that do not fit together; the message names both.
    fn add_both(&mut self, path: &[&str], other: &[&str], message: String) {
        self.0.push(Finding {
            path: owned(path),
            other: Some(owned(other)),
            message,
            suggestion: None,
        });
    }

    /// What the settings of a section say about themselves.
    fn add_checked(&mut self, section: &[&str], checked: Result<(), InvalidSettings>) {
        let Err(InvalidSettings(invalid)) = checked else {
            return;
        };
        let within = |key| owned(&[section, &[key]].concat());
        self.0.extend(invalid.into_iter().map(|invalid| Finding {
            path: within(invalid.key),
            other: invalid.other.map(within),
            message: invalid.reason,
            suggestion: None,
        }));
    }

    fn require(&mut self, holds: bool, path: &[&str], message: &str) {
        if !holds {
            self.add(path, message);
        }
    }

    fn require_time(&mut self, time: Duration, path: &[&str]) {
        self.require(!time.is_zero(), path, "must be longer than nothing");
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}

fn venues(config: &Config, found: &mut Findings) {
    let venue = &config.venue;
    let addresses = [
        ("rest", &venue.rest, ["https", "http"]),
        ("ws", &venue.ws, ["wss", "ws"]),
        ("ws_auth", &venue.ws_auth, ["wss", "ws"]),
    ];
    let given = addresses.iter().any(|(_, address, _)| address.is_some());
    if venue.kind == VenueKind::Paper && given {
        found.add(
            &["venue", "kind"],
            "paper has no addresses of its own: take venue.rest, venue.ws and venue.ws_auth out; sim.mirror says where the market is, Kraken's own if it is not set",
        );
    }
    for (key, address, schemes) in addresses {
        match address.as_ref().map(venue::Address::scheme) {
            None if given => found.add(
                &["venue", key],
                format!(
                    "venue.{key} is missing: rest, ws and ws_auth are given together or not at all"
                ),
            ),
            Some(scheme) if !schemes.contains(&scheme) => found.add(
                &["venue", key],
                format!(
                    "must begin with {}:// or, to loopback, {}://",
                    schemes[0], schemes[1]
                ),
            ),
            None | Some(_) => {}
        }
    }
    if venue.api_key.is_some() != venue.api_secret.is_some() {
        let (there, lacks) = if venue.api_key.is_some() {
            ("api_key", "api_secret")
        } else {
            ("api_secret", "api_key")
        };
        found.add(
            &["venue", there],
            format!("venue.{lacks} is missing beside it"),
        );
    }
    if let Some(path) = &venue.ca_file
        && !path.is_file()
    {
        found.add(
            &["venue", "ca_file"],
            format!("{} is no file", path.display()),
        );
    }
    if venue.kind == VenueKind::Sim && given && venue.api_key.is_none() {
        found.add(
            &["venue", "rest"],
            "a simulator at an address needs venue.api_key and venue.api_secret",
        );
    }
}

/// Live trading starts only with a key and with every limit set.
fn live(config: &Config, found: &mut Findings) {
    if config.venue.kind != VenueKind::Live {
        return;
    }
    found.require(
        config.venue.api_key.is_some(),
        &["venue", "kind"],
        "live trading needs venue.api_key and venue.api_secret",
    );
    found.require(
        config.strategy != strategy::examples(),
        &["venue", "kind"],
        "live trading needs [[strategy]] of your own; those of the default config are for the simulator",
    );
    let mut lacking: BTreeMap<Vec<&str>, BTreeSet<&str>> = BTreeMap::new();
    for pair in config.strategy.iter().map(|strategy| &*strategy.pair) {
        let missing = missing_limits(config, pair);
        if !missing.is_empty() {
            lacking.entry(missing).or_default().insert(pair);
        }
    }
    for (keys, pairs) in lacking {
        let keys: Vec<String> = keys.iter().map(|key| format!("risk.{key}")).collect();
        let pairs: Vec<String> = pairs.iter().map(|pair| format!("\"{pair}\"")).collect();
        let (keys, pairs) = (keys.join(", "), pairs.join(", "));
        let message =
            format!("live trading needs {keys} for {pairs}, there or under [risk.pair.\"…\"]");
        found.add(&["venue", "kind"], message);
    }
}

/// The limits without which a pair is not traded live.
fn missing_limits(config: &Config, pair: &str) -> Vec<&'static str> {
    let limits = config.risk.of(pair);
    let amounts = [
        ("max_order_qty", limits.max_order_qty),
        ("max_order_notional", limits.max_order_notional),
        ("max_position", limits.max_position),
    ];
    let missing = amounts.into_iter().filter(|(_, amount)| amount.is_none());
    missing.map(|(key, _)| key).collect()
}

fn journal(config: &Config, found: &mut Findings) {
    let journal = &config.journal;
    found.require(
        journal.segment_bytes >= 64 << 10 && journal.segment_bytes <= 4 << 30,
        &["journal", "segment_bytes"],
        "must be from 65536 (64 KiB) to 4294967296 (4 GiB)",
    );
    found.require(
        journal.buffer <= 16 << 20,
        &["journal", "buffer"],
        "must be at most 16777216 (16 MiB)",
    );
}

/// The time limits, pauses, budgets and breakers of the client.
fn kraken(config: &Config, found: &mut Findings) {
    let kraken = &config.kraken;
    found.add_checked(&["deadlines"], config.deadlines.validate());
    found.add_checked(&["kraken"], kraken.validate());
    found.add_checked(&["kraken", "retry"], kraken.retry.validate());
    found.add_checked(&["kraken", "reconnect"], kraken.reconnect.validate());
    found.add_checked(&["kraken", "connections"], kraken.connections.validate());
    for (purpose, thresholds) in config.breaker.each() {
        found.add_checked(&["breaker", purpose], thresholds.validate());
    }
    let (ping, idle) = (kraken.ping, config.deadlines.idle);
    if ping >= idle && !idle.is_zero() {
        let message = format!(
            "kraken.ping ({}) must be shorter than deadlines.idle ({}), or a quiet socket counts as dead before it is asked: \
             lower the one or raise the other",
            span::text(ping),
            span::text(idle)
        );
        found.add_both(&["kraken", "ping"], &["deadlines", "idle"], message);
    }
}

fn simulator(config: &Config, found: &mut Findings) {
    let sim = &config.sim;
    if let Err(error) = sim::check(sim) {
        let key = error.key().unwrap_or_default();
        let position = error.position().map(|position| position.to_string());
        let path: Vec<&str> = ["sim", key]
            .into_iter()
            .chain(position.as_deref())
            .collect();
        found.add(&path, Chain(&error).to_string());
    }
    if let Some(address) = &sim.mirror
        && let Err(error) = Address::parse(address, Kind::Socket)
    {
        found.add(&["sim", "mirror"], error.to_string());
    }
    let files = [("tapes", &sim.tapes), ("recordings", &sim.recordings)];
    for (key, files) in files {
        found.require(
            files.is_empty() || config.venue.kind != VenueKind::Paper,
            &["sim", key],
            "paper plays no files: its market is a live one",
        );
    }
    found.require(
        sim.outbound_frames > 0,
        &["sim", "outbound_frames"],
        "must be at least 1",
    );
    if sim.tls_cert.is_some() != sim.tls_key.is_some() {
        let there = if sim.tls_cert.is_some() {
            "tls_cert"
        } else {
            "tls_key"
        };
        found.add(
            &["sim", there],
            "tls_cert and tls_key are given together or not at all",
        );
    }
}

fn log(config: &Config, found: &mut Findings) {
    if let Err(invalid) = level::check(&config.log.level) {
        found.add_with(
            &["log", "level"],
            invalid.message,
            invalid.suggestion.map(str::to_owned),
        );
    }
}

fn feed(config: &Config, found: &mut Findings) {
    found.require(
        BOOK_DEPTHS.contains(&config.feed.depth),
        &["feed", "depth"],
        "must be 10, 25, 100, 500 or 1000",
    );
    for (number, pair) in config.feed.pairs.iter().enumerate() {
        require_pair(pair, &["feed", "pairs", &number.to_string()], found);
    }
}

fn require_pair(pair: &str, path: &[&str], found: &mut Findings) {
    let code = |text: &str| {
        let fits = text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'.');
        fits && (1..=16).contains(&text.len())
    };
    let fits = pair
        .split_once('/')
        .is_some_and(|(base, quote)| code(base) && code(quote) && base != quote);
    found.require(
        fits && Symbol::new(pair).is_ok(),
        path,
        &format!("`{pair}` is no pair such as \"BTC/USD\""),
    );
}

fn orders(config: &Config, found: &mut Findings) {
    let orders = &config.orders;
    let mut characters = orders.tag.bytes();
    let starts = characters
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = characters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    found.require(
        starts && goes_on && orders.tag.len() <= 4,
        &["orders", "tag"],
        "must be 1 to 4 lower-case letters or digits and start with a letter",
    );
    // Kraken takes deadlines from half a second to a minute ahead.
    found.require(
        (Duration::from_millis(500)..=Duration::from_secs(60)).contains(&orders.ttl),
        &["orders", "ttl"],
        "must be from \"500ms\" to \"60s\"",
    );
    found.require_time(orders.look_up_every, &["orders", "look_up_every"]);
    found.require_time(orders.cancel_again, &["orders", "cancel_again"]);
    found.require_time(orders.reconcile_every, &["orders", "reconcile_every"]);
    found.require(
        orders.look_ups_absent > 0,
        &["orders", "look_ups_absent"],
        "must be at least 1: without a look an order cannot count as absent",
    );
    for (number, pair) in orders.resume.iter().enumerate() {
        require_pair(pair, &["orders", "resume", &number.to_string()], found);
    }
}

fn risk(config: &Config, found: &mut Findings) {
    let risk = &config.risk;
    found.require(
        risk.max_open_orders > 0,
        &["risk", "max_open_orders"],
        "must be at least 1",
    );
    found.require_time(risk.max_book_age, &["risk", "max_book_age"]);
    for (key, collar) in [
        ("collar_passive", risk.collar_passive),
        ("collar_aggressive", risk.collar_aggressive),
    ] {
        found.require(collar.ppm() > 0, &["risk", key], "must be above 0%");
    }
    for (pair, own) in &risk.pair {
        require_pair(pair, &["risk", "pair", pair], found);
        for (key, zero) in [
            ("max_open_orders", own.max_open_orders == Some(0)),
            (
                "collar_passive",
                own.collar_passive.is_some_and(|collar| collar.ppm() == 0),
            ),
            (
                "collar_aggressive",
                own.collar_aggressive
                    .is_some_and(|collar| collar.ppm() == 0),
            ),
        ] {
            found.require(!zero, &["risk", "pair", pair, key], "must be above zero");
        }
    }
}

fn strategies(config: &Config, found: &mut Findings) {
    let mut names = BTreeSet::new();
    for (number, strategy) in config.strategy.iter().enumerate() {
        let at = number.to_string();
        require_pair(&strategy.pair, &["strategy", &at, "pair"], found);
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        found.require(
            (1..=32).contains(&strategy.name.len()) && strategy.name.bytes().all(fits),
            &["strategy", &at, "name"],
            "must be 1 to 32 lower-case letters, digits, - or _",
        );
        found.require(
            names.insert(&strategy.name),
            &["strategy", &at, "name"],
            "another strategy has this name",
        );
        for key in strategy.foreign_keys() {
            found.add(
                &["strategy", &at, key],
                format!("`{key}` means nothing to this kind of strategy"),
            );
        }
        strategy_plan(strategy, &at, found);
    }
}

fn strategy_plan(strategy: &Strategy, at: &str, found: &mut Findings) {
    match strategy.plan() {
        Err(missing) => found.add(&["strategy", at], missing.to_string()),
        Ok(Plan::Quoter(quoter)) => {
            found.require(
                quoter.half_spread.ppm() + quoter.skew.ppm() < 1_000_000,
                &["strategy", at, "half_spread"],
                "with the skew it must stay below 100%",
            );
        }
        Ok(Plan::Grid(grid)) => {
            let reach = u64::from(grid.step.ppm()) * u64::from(grid.levels);
            found.require(
                grid.levels > 0,
                &["strategy", at, "levels"],
                "must be at least 1",
            );
            found.require(
                grid.step.ppm() > 0 && reach < 1_000_000,
                &["strategy", at, "step"],
                "must be above 0%, and times the levels below 100%",
            );
        }
    }
}

fn shutdown(config: &Config, found: &mut Findings) {
    let shutdown = &config.shutdown;
    for (key, time) in [("park", shutdown.park), ("drain", shutdown.drain)] {
        found.require_time(time, &["shutdown", key]);
    }
}
