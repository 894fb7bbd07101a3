//! The simulated Kraken as a whole: listeners, market, accounts; started and stopped as one.
//!
//! For: `tradingd sim`, the embedded venue, demos and tests. Left out: where settings come from, what is printed.
//! Always true: it runs on the runtime that starts it; when [`Simulator::shutdown`] returns, every client got a close frame and every task has ended.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    History, Settings, Venue, VenueError,
    access::{self, InvalidAccess},
    accounts::{self, KeyFileError, SimAccount},
    certificate::{CaFile, CertificateError},
    control,
    controls::{self, Controls},
    faults::FaultHandle,
    listeners::{Addresses, Listeners},
    market::{self, Recording, Regime, Regimes, Tape, TapeError},
    matching::{Counters, Exchange, PairId, Rules, Universe},
    mirror::{Feed, Mirroring},
    plan::Plan,
    server::{
        self, Role, WsState,
        auth::{ApiKey, InvalidKey, Keys, LockoutRule},
        rest::{self, RestLimits, RestState},
        tokens::Tokens,
    },
    skew::Skew,
    timers,
    universe::file::UniverseError,
};
use crate::{
    io::Clock,
    types::{AssetCode, Decimal, Timestamp, TradingStatus},
};

/// Most pairs that are made up: with those that exist, what a venue of twice Kraken's size has.
const MOST_EXTRA_PAIRS: u32 = 2_000;

/// A simulated Kraken that runs.
pub struct Simulator {
    tasks: JoinSet<&'static str>,
    cancel: CancellationToken,
    addresses: Addresses,
    accounts: Vec<SimAccount>,
    keys: Vec<ApiKey>,
    ca: Option<CaFile>,
    controls: Controls,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("addresses", &self.addresses)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// Why a simulator cannot start.
#[derive(Debug, Error)]
pub enum SimError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The venue's memory cannot be opened.
    #[error("cannot open the venue")]
    Venue(#[from] VenueError),
    /// A pair of the settings is not listed.
    #[error("pair {0} is not listed")]
    Pair(String),
    /// A change of a status cannot be followed.
    #[error("a change of a status cannot be followed: {0}")]
    Status(String),
    /// The control endpoint would be open to others.
    #[error("the control address must be one of the loopback, and {0} is not")]
    Control(SocketAddr),
    /// The file of pairs cannot be used.
    #[error("cannot read the universe")]
    Universe(#[from] UniverseError),
    /// More extra pairs than a simulator can hold.
    #[error("at most {MOST_EXTRA_PAIRS} extra pairs")]
    ExtraPairs,
    /// A pair that is to have a regime is not listed.
    #[error("pair {0} is not listed and can have no regime")]
    RegimePair(String),
    /// A number of the settings is none that can be used.
    #[error("{0} must be a number above zero")]
    Number(&'static str),
    /// A tape cannot be played.
    #[error("cannot play a tape")]
    Tape(#[from] TapeError),
    /// A recording of frames cannot be played.
    #[error("cannot play a recording")]
    Recording(#[source] TapeError),
    /// Settings that exclude each other.
    #[error("all pairs follow the mirrored market: no tapes and no recordings beside it")]
    Together,
    /// No depth of a book.
    #[error("{0} is no depth of a book: 10, 25, 100, 500 or 1000")]
    Depth(u16),
    /// The settings name a market to follow, and nobody tells what happens there.
    #[error("nobody tells of the market that is to be followed")]
    NoFeed,
    /// The mirrored market has a pair of other assets.
    #[error("the mirrored market's {symbol} is {} against {}", .told.0, .told.1)]
    Assets {
        /// The pair.
        symbol: String,
        /// Its assets there.
        told: (AssetCode, AssetCode),
    },
    /// The file of keys cannot be read or written.
    #[error("cannot keep the keys")]
    Keys(#[from] KeyFileError),
    /// A key cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] InvalidKey),
    /// An account or a key of the settings cannot be.
    #[error("an account or a key cannot be as configured")]
    Access(#[from] InvalidAccess),
    /// No certificate can be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] CertificateError),
    /// The certificate or its key cannot be used.
    #[error("cannot use {path} for TLS: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl SimError {
    /// The key of [`Settings`] that it is about, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Pair(_) => Some("pairs"),
            Self::Universe(_) => Some("universe"),
            Self::ExtraPairs => Some("extra_pairs"),
            Self::RegimePair(_) => Some("regimes"),
            Self::Number(key) => Some(key),
            Self::Tape(_) => Some("tapes"),
            Self::Recording(_) => Some("recordings"),
            Self::Together => Some("mirror"),
            Self::Depth(_) => Some("mirror_depth"),
            Self::Tls { .. } => Some("tls_cert"),
            Self::Access(invalid) => Some(invalid.key()),
            Self::Certificate(_) => Some("tls_ca"),
            Self::Status(_) => Some("status"),
            Self::Control(_) => Some("control_addr"),
            Self::Listen { .. }
            | Self::Venue(_)
            | Self::NoFeed
            | Self::Assets { .. }
            | Self::Keys(_)
            | Self::Key(_) => None,
        }
    }
}

/// Checks what can be checked of the settings without starting anything.
///
/// # Errors
///
/// The first thing that cannot be followed.
pub fn check(settings: &Settings) -> Result<(), SimError> {
    check_numbers(settings)?;
    let universe = universe(settings)?;
    access::check(settings, &universe)?;
    check_control(settings, &universe)?;
    regimes(&universe, settings)?;
    for tape in &settings.tapes {
        Tape::check(tape, &universe)?;
    }
    let located = Recording::locate_all(&settings.recordings, &universe);
    located.map_err(SimError::Recording)?;
    if settings.mirror.is_some() && settings.tapes.len() + settings.recordings.len() > 0 {
        return Err(SimError::Together);
    }
    if ![10, 25, 100, 500, 1000].contains(&settings.mirror_depth) {
        return Err(SimError::Depth(settings.mirror_depth));
    }
    Ok(())
}

/// The listed pairs of the settings.
///
/// # Errors
///
/// When a name is no pair that is listed.
pub fn universe(settings: &Settings) -> Result<Universe, SimError> {
    listed(settings)
}

impl Simulator {
    /// Starts everything on the runtime that calls. With a state directory, accounts, orders and keys are there again after a restart.
    ///
    /// # Errors
    ///
    /// When the settings cannot be followed, an address is taken, or the state cannot be opened. Nothing keeps running then.
    pub async fn start(
        settings: &Settings,
        state_dir: Option<&Path>,
        clock: Clock,
    ) -> Result<Self, SimError> {
        if settings.mirror.is_some() || !settings.recordings.is_empty() {
            return Err(SimError::NoFeed);
        }
        Self::start_with(settings, None, state_dir, clock).await
    }

    /// The same, with a feed for the pairs whose market happens elsewhere. It listens once each of them has a book.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and when the feed is of pairs that are not listed.
    ///
    /// # Cancel safety
    ///
    /// Nothing keeps running when the future is dropped.
    pub async fn start_with(
        settings: &Settings,
        feed: Option<Feed>,
        state_dir: Option<&Path>,
        clock: Clock,
    ) -> Result<Self, SimError> {
        check_numbers(settings)?;
        let mut universe = universe(settings)?;
        access::check(settings, &universe)?;
        check_control(settings, &universe)?;
        let skew = Skew::new(clock, skew_nanos(settings.clock_skew));
        let clock = skew.clock();
        let mirrored = match &feed {
            Some(feed) => feed.rule(&mut universe)?,
            None => Vec::new(),
        };
        let end = settings.tape_end;
        let tapes = Tape::load_all(&settings.tapes, &universe, settings.seed, end)?;
        if let Some(second) = tapes.iter().find(|tape| mirrored.contains(&tape.pair())) {
            return Err(second.twice().into());
        }
        let (seed, rate) = (settings.seed, settings.rate);
        let regimes = regimes(&universe, settings)?;
        let mut sources = market::sources_beside(&mirrored, &universe, tapes, seed, rate, &regimes);
        let (venue, accounts) =
            open_venue(universe, &mirrored, settings, state_dir, clock.clone())?;
        // Before anyone connects, so that no client finds a book without sides.
        market::warm_up(&venue, &mut sources);
        let mut mirroring = feed.map(|feed| Mirroring::new(&venue, feed, &mirrored));
        if let Some(mirroring) = &mut mirroring {
            mirroring.begin().await;
        }
        venue.change(|exchange| exchange.hold_starts(false));
        let (listeners, ca) = Listeners::bind(settings).await?;
        let addresses = listeners.addresses()?;
        let faults = FaultHandle::seeded(settings.faults.clone(), settings.seed);
        let tokens = Tokens::new();
        let sockets = WsState::new(
            venue.clone(),
            tokens.clone(),
            faults.clone(),
            settings.clone(),
        );
        let keys = accounts::api_keys(settings, &accounts)?;
        let rest = RestState {
            venue: venue.clone(),
            keys: Arc::new(Keys::new(keys.clone())?.with_lockout(lockout(settings))),
            tokens: tokens.clone(),
            faults: faults.clone(),
            clock,
            reply_delay: settings.reply_delay,
            limits: RestLimits {
                concurrent: settings.rest_concurrent,
                public_calls: settings.rest_public_calls,
            },
        };
        let controls = Controls {
            plan: Plan::new(skew.right().clone()),
            venue,
            faults,
            tokens,
            sockets,
            skew,
            regimes,
        };
        for rule in &settings.status {
            controls.schedule(rule).map_err(SimError::Status)?;
        }
        let mut simulator = Self {
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
            addresses,
            accounts,
            keys,
            ca,
            controls,
        };
        simulator.spawn_market(sources, settings.speed);
        simulator.spawn_mirror(mirroring);
        simulator.spawn_timers();
        simulator.spawn_controls();
        simulator.spawn_servers(listeners, rest);
        Ok(simulator)
    }

    fn spawn_market(&mut self, sources: Vec<Box<dyn market::Source>>, speed: f64) {
        let (venue, cancel) = (self.controls.venue.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            market::run(venue, sources, speed, cancel).await;
            "sim_market"
        });
    }

    fn spawn_mirror(&mut self, mirroring: Option<Mirroring>) {
        let Some(mirroring) = mirroring else { return };
        let (sockets, cancel) = (self.controls.sockets.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            mirroring.run(sockets, cancel).await;
            "sim_mirror"
        });
    }

    fn spawn_timers(&mut self) {
        let (venue, cancel) = (self.controls.venue.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            timers::run(venue, cancel).await;
            "sim_timers"
        });
    }

    fn spawn_controls(&mut self) {
        let (controls, cancel) = (self.controls.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            controls::run(controls, cancel).await;
            "sim_controls"
        });
    }

    fn spawn_servers(&mut self, listeners: Listeners, rest: RestState) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            rest::serve(listeners.rest, rest, cancel).await;
            "sim_rest"
        });
        if let Some(listener) = listeners.control {
            let (controls, cancel) = (self.controls.clone(), self.cancel.clone());
            self.tasks.spawn(async move {
                control::serve(listener, controls, cancel).await;
                "sim_control"
            });
        }
        for (listener, role, name) in [
            (listeners.ws, Role::Public, "sim_ws"),
            (listeners.ws_auth, Role::Private, "sim_ws_auth"),
            (listeners.ws_l3, Role::Level3, "sim_ws_l3"),
        ] {
            let (state, cancel) = (self.controls.sockets.clone(), self.cancel.clone());
            self.tasks.spawn(async move {
                server::serve(listener, role, state, cancel).await;
                name
            });
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The accounts with their keys.
    #[must_use]
    pub fn accounts(&self) -> &[SimAccount] {
        &self.accounts
    }

    /// All API keys: that of each account, named `trading`, then those of the settings.
    #[must_use]
    pub fn keys(&self) -> &[ApiKey] {
        &self.keys
    }

    /// The certificate to trust, if one was made at the start. The file may go with the simulator.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_ref().map(CaFile::path)
    }

    /// Arms faults.
    #[must_use]
    pub fn faults(&self) -> FaultHandle {
        self.controls.faults.clone()
    }

    /// The venue behind the servers.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.controls.venue
    }

    /// The tokens of the private socket.
    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.controls.tokens
    }

    /// Sockets open at the moment.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.controls.sockets.connections()
    }

    /// Changes the status of the whole venue and tells everyone.
    pub fn set_system_status(&self, status: TradingStatus) {
        self.controls.set_system_status(status);
    }

    /// Changes the status of a pair and tells everyone. The orders of one that is delisted are canceled.
    pub fn set_pair_status(&self, pair: PairId, status: TradingStatus) {
        self.controls.set_pair_status(pair, status);
    }

    /// Everything that can be changed while it runs.
    #[must_use]
    pub const fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Changes how the synthetic market of a pair, or of all pairs, behaves. Pairs that play a tape are as they were recorded.
    pub fn set_regime(&self, pair: Option<PairId>, regime: Regime) {
        self.controls.regimes.set(pair, regime);
    }

    /// The regimes of all pairs, to be looked at and changed from elsewhere.
    #[must_use]
    pub fn regimes(&self) -> Regimes {
        self.controls.regimes.clone()
    }

    /// Waits for a task that ends although nobody asked for it, and tells which. Never returns while all is well.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn failed(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(name)) => name.to_owned(),
            Some(Err(error)) => error.to_string(),
            None => std::future::pending().await,
        }
    }

    /// Ends the market, closes every socket with a close frame, and waits for all tasks.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the simulator failed");
            }
        }
    }
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
    for rule in &settings.status {
        rule.steps(universe).map_err(SimError::Status)?;
    }
    Ok(())
}

fn skew_nanos(skew: jiff::SignedDuration) -> i64 {
    let most = if skew.is_negative() {
        i64::MIN
    } else {
        i64::MAX
    };
    i64::try_from(skew.as_nanos()).unwrap_or(most)
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

/// What is listed: the named pairs of those that are known, all of them if none is named; and the extra ones.
fn listed(settings: &Settings) -> Result<Universe, SimError> {
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

fn open_venue(
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

const fn lockout(settings: &Settings) -> LockoutRule {
    LockoutRule {
        failures: settings.lockout_failures,
        length: settings.lockout,
    }
}
