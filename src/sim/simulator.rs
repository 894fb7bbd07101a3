//! The simulated Kraken as a whole: listeners, market, accounts; started and stopped as one.
//!
//! For: `tradingd sim`, the embedded venue, demos and tests. Left out: where settings come from, what is printed.
//! Always true: it runs on the runtime that starts it; when [`Simulator::shutdown`] returns, every client got a close frame and every task has ended.

use std::{fmt, path::Path, sync::Arc};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Settings, SimError, Venue,
    accounts::{self, SimAccount},
    certificate::CaFile,
    control,
    controls::{self, Controls},
    faults::FaultHandle,
    listeners::{Addresses, Listeners},
    market::{self, Regime, Regimes, Tape},
    matching::PairId,
    mirror::{Feed, Mirroring},
    plan::Plan,
    refused::Refused,
    server::{
        self, Role, WsState,
        auth::{ApiKey, InvalidKey, Keys, LockoutRule},
        rest::{self, RestLimits, RestState},
        tokens::Tokens,
    },
    setup,
    skew::Skew,
    timers,
};
use crate::{io::Clock, types::TradingStatus};

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

impl Simulator {
    /// Starts everything on the runtime that calls. With a state directory, accounts, orders and keys are there again after a restart.
    ///
    /// # Errors
    ///
    /// When the settings cannot be followed, an address is taken, or the state cannot be opened. Nothing keeps running then.
    ///
    /// # Cancel safety
    ///
    /// Nothing keeps running when the future is dropped.
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
        let (mut universe, regimes) = setup::market(settings)?;
        let skew = Skew::new(clock, settings.clock_skew);
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
        for tape in &tapes {
            tape.open_in(&mut universe);
        }
        let (seed, rate) = (settings.seed, settings.rate);
        let mut sources = market::sources_beside(&mirrored, &universe, tapes, seed, rate, &regimes);
        let (venue, accounts) =
            setup::venue(universe, &mirrored, settings, state_dir, clock.clone())?;
        // Before anyone connects, so that no client finds a book without sides.
        market::warm_up(&venue, &mut sources);
        let mut mirroring = feed.map(|feed| Mirroring::new(&venue, feed, &mirrored));
        if let Some(mirroring) = &mut mirroring {
            mirroring.begin().await;
        }
        venue.change(|exchange| exchange.hold_starts(false));
        let (listeners, ca) = Listeners::bind(settings).await?;
        let faults = FaultHandle::seeded(settings.faults.clone(), settings.seed);
        let tokens = Tokens::new();
        let controls = Controls {
            plan: Plan::new(skew.right().clone()),
            sockets: WsState::new(
                venue.clone(),
                tokens.clone(),
                faults.clone(),
                settings.clone(),
            ),
            venue,
            faults,
            tokens,
            skew,
            regimes,
        };
        for (position, rule) in settings.status.iter().enumerate() {
            let never = |reason| SimError::Status { position, reason };
            controls.schedule(rule).map_err(never)?;
        }
        let keys = accounts::api_keys(settings, &accounts)?;
        let rest = rest_state(settings, keys.clone(), &controls)?;
        let mut simulator = Self {
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
            addresses: listeners.addresses()?,
            accounts,
            keys,
            ca,
            controls,
        };
        simulator.run_market(sources, settings.speed, mirroring);
        simulator.serve(listeners, rest);
        Ok(simulator)
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    fn run_market(
        &mut self,
        sources: Vec<Box<dyn market::Source>>,
        speed: f64,
        mirroring: Option<Mirroring>,
    ) {
        let (controls, cancel) = (self.controls.clone(), self.cancel.clone());
        let venue = controls.venue.clone();
        let synthetic = market::run(venue.clone(), sources, speed, cancel.clone());
        self.spawn("sim_market", synthetic);
        if let Some(mirroring) = mirroring {
            let mirrored = mirroring.run(controls.sockets.clone(), cancel.clone());
            self.spawn("sim_mirror", mirrored);
        }
        self.spawn("sim_timers", timers::run(venue, cancel.clone()));
        self.spawn("sim_controls", controls::run(controls, cancel));
    }

    fn serve(&mut self, listeners: Listeners, rest: RestState) {
        let (controls, cancel) = (self.controls.clone(), self.cancel.clone());
        self.spawn(
            "sim_rest",
            rest::serve(listeners.rest, rest, cancel.clone()),
        );
        let sockets = controls.sockets.clone();
        if let Some(listener) = listeners.control {
            let control = control::serve(listener, controls, cancel.clone());
            self.spawn("sim_control", control);
        }
        for (listener, role, name) in [
            (listeners.ws, Role::Public, "sim_ws"),
            (listeners.ws_auth, Role::Private, "sim_ws_auth"),
            (listeners.ws_l3, Role::Level3, "sim_ws_l3"),
        ] {
            let serving = server::serve(listener, role, sockets.clone(), cancel.clone());
            self.spawn(name, serving);
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

    /// How often each limit refused a client.
    #[must_use]
    pub const fn refused(&self) -> &Refused {
        self.controls.venue.refused()
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
    ///
    /// # Cancel safety
    ///
    /// Dropped, what has not ended is aborted.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the simulator failed");
            }
        }
    }
}

/// What the REST server shares with the rest of the venue.
fn rest_state(
    settings: &Settings,
    keys: Vec<ApiKey>,
    controls: &Controls,
) -> Result<RestState, InvalidKey> {
    let lockout = LockoutRule {
        failures: settings.lockout_failures,
        length: settings.lockout,
    };
    Ok(RestState {
        venue: controls.venue.clone(),
        keys: Arc::new(Keys::new(keys)?.with_lockout(lockout)),
        tokens: controls.tokens.clone(),
        faults: controls.faults.clone(),
        clock: controls.skew.clock(),
        reply_delay: settings.reply_delay,
        limits: RestLimits {
            concurrent: settings.rest_concurrent,
            public_calls: settings.rest_public_calls,
        },
    })
}
