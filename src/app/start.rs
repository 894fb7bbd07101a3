//! From a config to everything that a run needs, in order; nothing is sent on the way but questions.

mod patience;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use tracing::warn;

use self::patience::{Lockout, Setback, within};
use super::{
    embedded::Embedded,
    keys::{self, KeyError},
    notify,
    plan::{self, PlanError},
    recover::{Past, RecoverError},
    runtimes::Handles,
    simulated,
};
use crate::{
    config::{Config, Tier},
    engine::{Engine, strategy},
    io::{Clock, files, files::LockError, net::Connector, rng},
    journal::Journal,
    sim::matching::Tier as SimTier,
    types::{Chain, Instrument, Symbol, Timestamp, TradingStatus},
    venue::kraken::{
        account::Account,
        auth::Credentials,
        catalog::{Catalog, CatalogError},
        error::{Class, Denied, Error as CallError, Remedy},
        rate_limit,
        rest::{
            Rest,
            calls::{Balance, SystemStatus, Time},
            transport::{Http, InvalidClient},
        },
        settings::Settings as Kraken,
        tls::{TlsError, client_config},
    },
};

/// Pause between two rounds of start-up questions.
const PAUSE: Duration = Duration::from_secs(1);
/// From the venue's answers to a service that is ready.
const READY: Duration = Duration::from_secs(30);

/// Why a run did not begin.
#[derive(Debug, Error)]
pub enum StartError {
    /// No directory for what must survive.
    #[error("no state directory: set state.dir, $STATE_DIRECTORY, $XDG_STATE_HOME or $HOME")]
    NoStateDirectory,
    /// Another process has the state directory.
    #[error(transparent)]
    Held(LockError),
    /// The file system refuses it.
    #[error(
        "the state directory {path} cannot be used (let this user create and write it, or name another in state.dir; $STATE_DIRECTORY wins over that)"
    )]
    State {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Nothing can listen for those who ask over HTTP.
    #[error(
        "http.listen: cannot listen at {address} (name another address, port 0 takes a free one, or switch it off with http.enabled = false)"
    )]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The simulator cannot start.
    #[error("cannot start the simulated Kraken")]
    Simulator(#[from] simulated::Error),
    /// The simulator has no account.
    #[error("the simulated Kraken has no account: sim.accounts must be at least 1")]
    NoAccount,
    /// A thread failed.
    #[error("a thread failed: {0}")]
    Thread(String),
    /// No usable key.
    #[error("no usable API key")]
    Key(#[from] KeyError),
    /// The venue refuses the key.
    #[error("the venue refuses the API key")]
    KeyRefused(#[source] CallError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] InvalidClient),
    /// No randomness.
    #[error("no entropy")]
    Entropy(#[source] std::io::Error),
    /// The venue did not answer in time.
    #[error("the venue did not answer within {after:?}: {last}")]
    Unreachable {
        /// How long it was asked.
        after: Duration,
        /// What it said last, or what kept us from reaching it. A rule of our own only if there was nothing else.
        last: String,
    },
    /// The venue does not list a pair; only it can know.
    #[error("{wanted_by}: the venue does not list {symbol:?}")]
    Unlisted {
        /// The pair.
        symbol: String,
        /// The keys that name it.
        wanted_by: String,
    },
    /// The venue's lists do not fit.
    #[error(transparent)]
    Catalog(CatalogError),
    /// The config does not fit the venue's rules.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal cannot be read or begun.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// An address cannot be used.
    #[error(transparent)]
    Address(#[from] crate::venue::kraken::address::InvalidAddress),
}

/// Everything that a run needs.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) embedded: Option<Embedded>,
    pub(super) kraken: Kraken,
    pub(super) connector: Connector,
    pub(super) rest: Rest,
    pub(super) account: Account,
    pub(super) engine: Engine,
    pub(super) journal: Journal,
    pub(super) offset_nanos: i64,
    pub(super) status: TradingStatus,
    pub(super) seed: u64,
}

/// Takes the state directory.
pub(super) fn claim(config: &Config) -> Result<(PathBuf, files::DirLock), StartError> {
    let directory = config.state.here().ok_or(StartError::NoStateDirectory)?;
    let lock = files::lock_dir(&directory).map_err(|error| match error {
        LockError::Held { .. } => StartError::Held(error),
        LockError::Io { path, source } => StartError::State { path, source },
    })?;
    Ok((directory, lock))
}

/// Does everything up to the first event.
///
/// # Cancel safety
///
/// Dropping the future ends what has been started; nothing has been sent.
pub(super) async fn start(
    config: &Config,
    directory: &Path,
    strategies: Option<Vec<Box<dyn strategy::Strategy>>>,
    seed: u64,
    clock: &Clock,
    handles: &Handles,
) -> Result<Started, StartError> {
    let past = Past::read(directory)?;
    let embedded = if config.venue.embeds_simulator() {
        let runtime = &handles.simulator;
        Some(Embedded::start(config, directory, clock.clone(), runtime).await?)
    } else {
        None
    };
    let kraken = kraken_settings(config, embedded.as_ref());
    let connector = Connector::new(Arc::new(client_config(kraken.ca_file.as_deref())?));
    let credentials = credentials(config, embedded.as_ref())?;
    let nonces = keys::nonces(directory, clock.clone())?;
    let http = Http::new(&kraken, &connector)?;
    let key = Some((credentials, nonces));
    let rest = Rest::new(http, key, &kraken, clock.clone(), rng::stream(seed, 1));

    let mut wanted = plan::symbols(config)?;
    wanted.extend(
        past.symbols()
            .iter()
            .filter(|symbol| !wanted.contains(symbol))
            .copied()
            .collect::<Vec<_>>(),
    );
    let limit = config.network.start;
    let locked = |lockout: &Lockout| tell_locked(lockout, limit);
    let facts = within(limit, || ask(&rest, &wanted, clock), locked).await;
    let facts = facts.map_err(|error| blamed(config, error))?;
    let settings = plan::settings(config, facts.instruments)?;
    let strategies = strategies.unwrap_or_else(|| {
        settings
            .strategies
            .iter()
            .filter_map(strategy::build)
            .collect()
    });
    let (engine, journal) = past.begin(directory, settings, strategies, &config.journal, clock)?;
    let account = Account::new(rest.clone(), facts.catalog.names(), clock.clone(), &kraken);
    Ok(Started {
        embedded,
        kraken,
        connector,
        rest,
        account,
        engine,
        journal,
        offset_nanos: facts.offset_nanos,
        status: facts.status,
        seed,
    })
}

fn kraken_settings(config: &Config, embedded: Option<&Embedded>) -> Kraken {
    let mut kraken = config.kraken.clone();
    kraken.breakers = config.breaker.clone();
    kraken.deadlines = config.deadlines.clone();
    let venue = &config.venue;
    let given = [
        (&mut kraken.rest, &venue.rest),
        (&mut kraken.ws, &venue.ws),
        (&mut kraken.ws_auth, &venue.ws_auth),
    ];
    for (target, address) in given {
        if let Some(address) = address {
            *target = address.as_str().to_owned();
        }
    }
    if let Some(embedded) = embedded {
        kraken.rest = embedded.rest.clone();
        kraken.ws = embedded.ws.clone();
        kraken.ws_auth = embedded.ws_auth.clone();
    }
    let made = embedded.and_then(|embedded| embedded.ca.clone());
    kraken.ca_file = made.or_else(|| venue.ca_file.clone());
    // The built-in venue's tier is known; elsewhere it is what the operator says.
    let known = embedded.map(|embedded| embedded.tier);
    kraken.tier = match (known, config.throttle.tier) {
        (Some(SimTier::Pro), _) | (None, Tier::Pro) => rate_limit::Tier::Pro,
        (Some(SimTier::Intermediate), _) | (None, Tier::Intermediate) => {
            rate_limit::Tier::Intermediate
        }
        (Some(SimTier::Starter), _) | (None, Tier::Starter) => rate_limit::Tier::Starter,
    };
    kraken
}

fn credentials(config: &Config, embedded: Option<&Embedded>) -> Result<Credentials, StartError> {
    match embedded {
        Some(embedded) => Ok(embedded.credentials.clone()),
        None => Ok(keys::resolve(&config.venue)?),
    }
}

/// What the venue says before a run begins.
struct Facts {
    catalog: Catalog,
    instruments: Vec<Instrument>,
    offset_nanos: i64,
    status: TradingStatus,
}

/// One round of questions.
///
/// # Cancel safety
///
/// Nothing is lost by dropping the future: it only reads.
async fn ask(rest: &Rest, wanted: &[Symbol], clock: &Clock) -> Result<Facts, Setback> {
    let offset_nanos = offset(rest, clock).await?;
    let status = rest.public(&SystemStatus).await.map_err(refused)?.status();
    let catalog = Catalog::load(rest).await.map_err(catalog_error)?;
    // The first private call: it tells whether the key is good before anything depends on it.
    rest.read(&Balance).await.map_err(refused)?;
    let instruments = catalog
        .instruments(rest, wanted)
        .await
        .map_err(catalog_error)?;
    Ok(Facts {
        catalog,
        instruments,
        offset_nanos,
        status,
    })
}

/// The venue's clock minus ours. Its answer has whole seconds: within one, ours is as good.
async fn offset(rest: &Rest, clock: &Clock) -> Result<i64, Setback> {
    let asked = clock.now();
    let told = rest.public(&Time).await.map_err(refused)?.unixtime;
    let answered = clock.now();
    let (early, late) = (asked.as_secs() - 1, answered.as_secs() + 1);
    if (early..=late).contains(&told) {
        return Ok(0);
    }
    let middle = asked.after(answered.since(asked) / 2);
    let told = Timestamp::from_secs(told).after(Duration::from_millis(500));
    let offset = told.as_nanos() - middle.as_nanos();
    warn!(
        seconds = offset / 1_000_000_000,
        "our clock differs from the venue's"
    );
    Ok(offset)
}

fn refused(error: CallError) -> Setback {
    if let Some(Class::Denied(Denied::Key | Denied::Permission)) = error.class() {
        return Setback::Over(StartError::KeyRefused(error));
    }
    let wait = match error.remedy() {
        Remedy::Retry(wait) => wait.max(PAUSE),
        Remedy::Reconcile | Remedy::GiveUp | Remedy::Stop => PAUSE,
    };
    let said = Chain(&error).to_string();
    if error.class() == Some(Class::Denied(Denied::Lockout)) {
        return Setback::Locked(Lockout { said, wait });
    }
    let our_own = error.is_our_own();
    Setback::Later {
        said,
        our_own,
        wait,
    }
}

/// The service manager must not take the wait for a hang: a new start would call the locked key, which prolongs the lockout.
fn tell_locked(lockout: &Lockout, limit: Duration) {
    let Lockout { said, wait } = lockout;
    warn!(reason = %said, ?wait, "the venue has locked the key: waiting until that is over");
    let status = format!("waiting {wait:?} for the end of a lockout: {said}");
    notify::starting(&status, *wait + limit + READY);
}

fn catalog_error(error: CatalogError) -> Setback {
    match error {
        CatalogError::Call(error) => refused(error),
        other @ (CatalogError::Name { .. }
        | CatalogError::NoPair(_)
        | CatalogError::Rule { .. }) => Setback::Over(StartError::Catalog(other)),
    }
}

/// Names who wants a pair that is not there.
fn blamed(config: &Config, error: StartError) -> StartError {
    let StartError::Catalog(CatalogError::NoPair(symbol)) = error else {
        return error;
    };
    let keys = plan::keys_naming(config, symbol.as_str());
    StartError::Unlisted {
        symbol: symbol.to_string(),
        wanted_by: if keys.is_empty() {
            "an order of an earlier run may rest in it".to_owned()
        } else {
            keys.join(", ")
        },
    }
}
