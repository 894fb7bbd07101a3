//! From settings to what a simulator begins with.
//!
//! For: checking what can be checked without starting anything; the pairs, their regimes, the venue with its accounts. Left out: listening
//! and running. Always true: what was refused has changed nothing.

use std::{net::SocketAddr, path::Path};

use super::{
    History, Settings, SimError, Venue, access,
    accounts::{self, SimAccount},
    listeners,
    market::{Recording, Regimes, Tape},
    matching::{Counters, Exchange, PairId, Rules, Universe},
    server::BOOK_DEPTHS,
};
use crate::{
    io::Clock,
    types::{Decimal, Timestamp},
};

/// Most pairs that are made up: with those that exist, what a venue of twice Kraken's size has.
pub(super) const MOST_EXTRA_PAIRS: u32 = 2_000;

/// Most accounts: each begins with money of several assets, and all of them are in every picture of the venue.
pub const MOST_ACCOUNTS: u32 = 10_000;

/// Checks what can be checked of the settings without starting anything.
///
/// # Errors
///
/// The first thing that cannot be followed.
pub fn check(settings: &Settings) -> Result<(), SimError> {
    let (universe, _regimes) = market(settings)?;
    for tape in &settings.tapes {
        Tape::check(tape, &universe)?;
    }
    let located = Recording::locate_all(&settings.recordings, &universe);
    located.map_err(SimError::Recording)?;
    if settings.mirror.is_some() && settings.tapes.len() + settings.recordings.len() > 0 {
        return Err(SimError::Together);
    }
    if !BOOK_DEPTHS.contains(&i64::from(settings.mirror_depth)) {
        return Err(SimError::Depth(settings.mirror_depth));
    }
    for (position, fault) in settings.faults.iter().enumerate() {
        let never = |reason| SimError::Fault { position, reason };
        fault.check(&universe).map_err(never)?;
    }
    listeners::given(settings)?;
    Ok(())
}

/// The pairs and the regimes that their markets begin with. What the settings say about them and about accounts, keys and controls has
/// been checked then.
pub(super) fn market(settings: &Settings) -> Result<(Universe, Regimes), SimError> {
    check_numbers(settings)?;
    if !(1..=MOST_ACCOUNTS).contains(&settings.accounts) {
        return Err(SimError::Accounts);
    }
    let universe = universe(settings)?;
    access::check(settings, &universe)?;
    check_control(settings, &universe)?;
    let regimes = regimes(&universe, settings)?;
    Ok((universe, regimes))
}

fn check_numbers(settings: &Settings) -> Result<(), SimError> {
    for (name, number) in [("speed", settings.speed), ("rate", settings.rate)] {
        if !(number.is_finite() && number > 0.0) {
            return Err(SimError::Number(name));
        }
    }
    band(settings).map(|_fits| ())
}

/// The protection band of market orders.
fn band(settings: &Settings) -> Result<Decimal, SimError> {
    // The shortest digits that name the number are those of the file.
    let band: Option<Decimal> = settings.market_band.to_string().parse().ok();
    let fits = |band: &Decimal| *band > Decimal::ZERO && settings.market_band < 1.0;
    band.filter(fits).ok_or(SimError::Number("market_band"))
}

/// What is said about the control endpoint and statuses to come.
fn check_control(settings: &Settings, universe: &Universe) -> Result<(), SimError> {
    let open = |address: &SocketAddr| !address.ip().is_loopback();
    if let Some(address) = settings.control_addr.filter(open) {
        return Err(SimError::Control(address));
    }
    for (position, rule) in settings.status.iter().enumerate() {
        let never = |reason| SimError::Status { position, reason };
        rule.steps(universe).map_err(never)?;
    }
    Ok(())
}

/// The regimes to begin with: that of all pairs, and those of some.
fn regimes(universe: &Universe, settings: &Settings) -> Result<Regimes, SimError> {
    let regimes = Regimes::new(universe.pairs.len());
    regimes.set(None, settings.regime);
    for (name, regime) in &settings.regimes {
        let unlisted = || SimError::RegimePair(name.clone());
        let pair = universe.find_pair(name).ok_or_else(unlisted)?;
        regimes.set(Some(pair), *regime);
    }
    Ok(regimes)
}

/// The listed pairs of the settings: the named ones of those that are known, all of them if none is named; and the extra ones.
///
/// # Errors
///
/// When the file of pairs cannot be read, a name is no pair of it, or there are too many.
pub fn universe(settings: &Settings) -> Result<Universe, SimError> {
    if settings.extra_pairs > MOST_EXTRA_PAIRS {
        return Err(SimError::ExtraPairs);
    }
    let mut universe = super::universe::known(&settings.universe)?;
    let find = |name: &String| {
        let unlisted = || SimError::Pair(name.clone());
        universe.find_pair(name).ok_or_else(unlisted)
    };
    let wanted: Result<Vec<PairId>, SimError> = settings.pairs.iter().map(find).collect();
    let wanted = wanted?;
    if !wanted.is_empty() {
        let mut position = (0..).map(PairId);
        universe
            .pairs
            .retain(|_| position.next().is_some_and(|pair| wanted.contains(&pair)));
    }
    super::universe::extend(&mut universe, settings.extra_pairs, settings.seed);
    Ok(universe)
}

/// A venue with its past and its accounts. Orders that were due meanwhile do not start yet.
pub(super) fn venue(
    universe: Universe,
    mirrored: &[PairId],
    settings: &Settings,
    state_dir: Option<&Path>,
    clock: Clock,
) -> Result<(Venue, Vec<SimAccount>), SimError> {
    let mut history = History::with_past(&universe, settings.seed, clock.now());
    // What is made up would pass for what the mirrored market was.
    history.forget(mirrored);
    let rules = Rules {
        post_only: settings.post_only,
        market_band: band(settings)?,
        ..Rules::default()
    };
    let mut exchange = Exchange::new(universe, rules);
    // Orders that were due meanwhile wait for the market, from the first look at the clock on.
    exchange.hold_starts(true);
    exchange.raise_counters(&Counters {
        trades: history.trades_before().collect(),
        ..Counters::default()
    });
    let log = state_dir.map(|directory| directory.join("venue"));
    let venue = Venue::open(exchange, history, log, clock)?;
    let accounts = accounts::keys(settings, state_dir)?;
    let now = venue.clock().now();
    venue.change(|exchange| {
        for account in &accounts {
            open_account(exchange, account, settings, now);
        }
    });
    Ok((venue, accounts))
}

fn open_account(
    exchange: &mut Exchange,
    account: &SimAccount,
    settings: &Settings,
    now: Timestamp,
) {
    let funds = accounts::funds_of(account, settings, exchange.universe());
    let is_new = !exchange.is_client(account.id);
    exchange.open_account(account.id, account.tier, &funds);
    if let Some(volume) = accounts::volume_of(account, settings).filter(|_| is_new) {
        exchange.credit_volume(account.id, now, volume);
    }
}
