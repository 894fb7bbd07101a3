//! The simulator with the feeds that it may need: a live market that it mirrors, recordings that it plays.
//!
//! For: `tradingd sim`, and the venue that is embedded in the daemon. Left out: the simulator itself, which reads no frame but its
//! clients'. Always true: it has started once every pair has a book; a feed that ends unasked is a failure of the whole.

mod books;
mod live;
mod recorded;
mod rules;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{books::Books, live::Pump};
use crate::{
    io::{Clock, net::Connector, rng},
    resilience::{CircuitBreaker, budget, deadline},
    sim::{
        self, Feed, SimError, Simulator,
        market::{Recording, TapeError},
        matching::Universe,
    },
    types::{Chain, Instrument, Symbol, TradingStatus},
    venue::kraken::{
        address::{Address, InvalidAddress, Kind},
        breakers,
        counters::SocketCounters,
        decode::ConvertError,
        public::{self, PublicSocket},
        redial::Redial,
        settings::Settings as Kraken,
        tls::{TlsError, client_config},
        wiring::Wiring,
    },
};

/// Words of a feed that may wait for the simulator; then the feed waits.
const UPSTREAM_QUEUE: usize = 4_096;
/// Events of the public socket that may wait; more books and trades are dropped, and the books taken anew.
const MARKET_QUEUE: usize = 4_096;
/// Statuses that may wait; then the socket's reader does.
const STATUS_QUEUE: usize = 64;
/// Applied books kept for their room.
const SPARES: usize = 64;
/// Streams of randomness of the public socket's pauses, of its breaker, and of the pauses before the rules are there; none of the
/// simulator's own.
const JITTER: u64 = 0x4D49_5252;
const CONNECT: u64 = 0x4D49_5243;
const RULES: u64 = 0x4D49_5244;

/// Why the simulator with its feeds did not start.
#[derive(Debug, Error)]
pub enum Error {
    /// The simulator itself.
    #[error(transparent)]
    Simulator(#[from] SimError),
    /// The address of the mirrored market cannot be used.
    #[error("cannot mirror")]
    Address(#[from] InvalidAddress),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The mirrored market did not answer in time.
    #[error("the market to mirror, {address}, did not answer within {after:?}: {last}")]
    Unreachable {
        /// Its address.
        address: String,
        /// How long it was asked.
        after: Duration,
        /// What came of it last.
        last: String,
    },
    /// Not every pair that follows another market had a book in time.
    #[error("not every pair had a book within {0:?}")]
    Late(Duration),
    /// The mirrored market does not list a pair.
    #[error("the market to mirror does not list {0}")]
    Unlisted(Symbol),
    /// A pair's rules there make no sense.
    #[error("the market to mirror has rules of {symbol} that make no sense")]
    Rules {
        /// The pair.
        symbol: Symbol,
        /// What is wrong.
        source: ConvertError,
    },
    /// A recording cannot be read.
    #[error("{path}: cannot be read")]
    Recording {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A recording has nothing to play.
    #[error("{path}: no good book of a listed pair ({fault})")]
    NoBook {
        /// The file.
        path: PathBuf,
        /// What was wrong first.
        fault: String,
    },
    /// Two recordings, or a tape and a recording, play one pair.
    #[error("{path}: {symbol} is played from another file already")]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The pair.
        symbol: Symbol,
    },
}

impl Error {
    /// The key of the simulator's settings that it is about, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Simulator(error) => error.key(),
            Self::Address(_) => Some("mirror"),
            Self::Unlisted(_) | Self::Rules { .. } => Some("pairs"),
            Self::Recording { .. } | Self::NoBook { .. } | Self::Twice { .. } => Some("recordings"),
            Self::Tls(_) | Self::Unreachable { .. } | Self::Late(_) => None,
        }
    }
}

impl Error {
    /// Whether the market to follow was not there in time, which may be another time.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Late(_))
    }

    /// Whether it is a setting that cannot be followed, which will be no better another time.
    #[must_use]
    pub const fn is_about_settings(&self) -> bool {
        matches!(self, Self::Simulator(error) if error.key().is_some())
    }
}

impl From<TapeError> for Error {
    fn from(error: TapeError) -> Self {
        Self::Simulator(SimError::Recording(error))
    }
}

/// How a mirrored market is reached.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// Pauses of the connection.
    pub kraken: &'a Kraken,
    /// How long to wait where.
    pub deadlines: &'a deadline::Settings,
    /// Thresholds of the breaker in front of it.
    pub breakers: &'a breakers::Settings,
    /// One more root certificate to trust.
    pub ca_file: Option<&'a Path>,
    /// For so long it may take until every book is there.
    pub limit: Duration,
}

/// A simulator that runs, with its feeds.
#[derive(Debug)]
pub struct Simulated {
    simulator: Simulator,
    feeds: Feeds,
}

/// What there is to see of the connection to a mirrored market.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The breaker in front of it.
    pub breaker: CircuitBreaker,
    /// What its socket counts.
    pub counters: Arc<SocketCounters>,
}

/// The tasks that tell the simulator of markets elsewhere.
#[derive(Debug, Default)]
struct Feeds {
    mirror: Option<Mirror>,
    tasks: JoinSet<String>,
    cancel: CancellationToken,
}

impl Simulated {
    /// Starts everything on the runtime that calls.
    ///
    /// # Errors
    ///
    /// When the simulator cannot start, or a market that it is to follow is not there in time. Nothing keeps running then.
    ///
    /// # Cancel safety
    ///
    /// Nothing keeps running when the future is dropped.
    pub async fn start(
        settings: &sim::Settings,
        reach: Reach<'_>,
        state: Option<&Path>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let mut feeds = Feeds::default();
        let feed = match &settings.mirror {
            Some(address) => Some(feeds.mirror(address, settings, reach, &clock).await?),
            None => feeds.play(settings, &clock)?,
        };
        let starting = Simulator::start_with(settings, feed, state, clock);
        let started = timeout(reach.limit, starting).await;
        let simulator = started.map_err(|_elapsed| Error::Late(reach.limit))??;
        Ok(Self { simulator, feeds })
    }

    /// The simulator.
    #[must_use]
    pub const fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The connection to the mirrored market, if there is one.
    #[must_use]
    pub fn mirror(&self) -> Option<Mirror> {
        self.feeds.mirror.clone()
    }

    /// Waits for a part that ends although nobody asked for it, and tells which. Never returns while all is well.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn failed(&mut self) -> String {
        tokio::select! {
            biased;
            what = self.simulator.failed() => what,
            what = self.feeds.failed() => what,
        }
    }

    /// Ends the simulator, then the feeds, and waits for all tasks.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what has not ended is aborted.
    pub async fn shutdown(mut self) {
        self.simulator.shutdown().await;
        self.feeds.cancel.cancel();
        while self.feeds.tasks.join_next().await.is_some() {}
    }
}

impl Feeds {
    /// What ends of the feeds that should not.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    async fn failed(&mut self) -> String {
        loop {
            match self.tasks.join_next().await {
                // A recording that is over is no failure.
                Some(Ok(what)) if what.is_empty() => {}
                Some(Ok(what)) => return what,
                Some(Err(error)) => return error.to_string(),
                None => std::future::pending().await,
            }
        }
    }

    /// Connects to a live market.
    async fn mirror(
        &mut self,
        address: &str,
        settings: &sim::Settings,
        reach: Reach<'_>,
        clock: &Clock,
    ) -> Result<Feed, Error> {
        let kraken = Kraken {
            ws: address.to_owned(),
            deadlines: reach.deadlines.clone(),
            ..reach.kraken.clone()
        };
        let connector = Connector::new(Arc::new(client_config(reach.ca_file)?));
        let parsed = Address::parse(address, Kind::Socket)?;
        let wanted = instruments(sim::universe(settings)?);
        let (account_in, account) = mpsc::channel(STATUS_QUEUE);
        let jitter = |stream| rng::stream(settings.seed, stream);
        let mut wiring = Wiring {
            connector,
            budget: budget::Shared::new(kraken.connections.clone(), clock.clone()),
            connect: breakers::mirror(reach.breakers, clock, jitter(CONNECT)),
            settings: kraken,
            clock: clock.clone(),
            account: account_in,
            instruments: [].into(),
        };
        let mut redial = Redial::new("rules", &wiring, jitter(RULES));
        let asking = insist(&mut redial, &wiring, (&parsed, reach.limit), &wanted);
        let instruments = asking.await?;
        info!(address, pairs = instruments.len(), "mirrors a live market");
        wiring.instruments = instruments.clone().into();
        let (market_in, market) = mpsc::channel(MARKET_QUEUE);
        let (spares_in, spares) = mpsc::channel(SPARES);
        let (resyncs_in, resyncs) = mpsc::channel(2 * instruments.len() + 2);
        let (out, events) = mpsc::channel(UPSTREAM_QUEUE);
        let queues = public::Queues {
            resyncs,
            market: market_in,
            spares,
        };
        let depth = settings.mirror_depth;
        let socket = PublicSocket::new(&wiring, queues, depth, jitter(JITTER))?;
        self.mirror = Some(Mirror {
            breaker: wiring.connect,
            counters: socket.counters(),
        });
        let pump = Pump {
            books: Books::new(instruments.len(), depth),
            instruments: instruments.clone(),
            market,
            account,
            resyncs: resyncs_in,
            spares: spares_in,
            out,
            system: TradingStatus::Online,
            strange: BTreeSet::new(),
        };
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            socket.run(cancel).await;
            "mirror_socket".to_owned()
        });
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let ended = pump.run(cancel).await;
            ended.map_or_else(|error| error.to_string(), |()| "mirror_feed".to_owned())
        });
        Ok(Feed {
            instruments,
            events,
        })
    }

    /// Opens recordings; none if there are none.
    fn play(&mut self, settings: &sim::Settings, clock: &Clock) -> Result<Option<Feed>, Error> {
        if settings.recordings.is_empty() {
            return Ok(None);
        }
        let universe = sim::universe(settings)?;
        let recordings = Recording::locate_all(&settings.recordings, &universe)?;
        let listed = instruments(universe);
        let mut played: Vec<(PathBuf, Vec<Symbol>)> = Vec::new();
        for Recording { path, only } in recordings {
            let own = recorded::scan(&path, only, &listed)?;
            let mut others = played.iter().flat_map(|(_, others)| others);
            if let Some(symbol) = others.find(|symbol| own.contains(symbol)).copied() {
                return Err(Error::Twice { path, symbol });
            }
            played.push((path, own));
        }
        let is_played = |of: &Instrument| played.iter().any(|(_, own)| own.contains(&of.symbol));
        let instruments: Vec<_> = listed.into_iter().filter(is_played).collect();
        let (out, events) = mpsc::channel(UPSTREAM_QUEUE);
        for (path, own) in &played {
            let reel = recorded::Reel::open(path, &instruments, |symbol| own.contains(symbol))?;
            let (out, cancel) = (out.clone(), self.cancel.clone());
            let pace = (clock.clone(), settings.speed);
            let playing = recorded::play(reel, out, pace, cancel);
            self.tasks.spawn(async move {
                let ended = playing.await;
                ended.map_or_else(|error| error.to_string(), |()| String::new())
            });
        }
        Ok(Some(Feed {
            instruments,
            events,
        }))
    }
}

/// Asks for the rules until they come or the time is up.
async fn insist(
    redial: &mut Redial,
    wiring: &Wiring,
    (address, limit): (&Address, Duration),
    wanted: &[Instrument],
) -> Result<Vec<Instrument>, Error> {
    let mut last = "no answer".to_owned();
    let asking = async {
        loop {
            match rules::ask(redial, wiring, address, wanted).await {
                Ok(told) => return told,
                Err(error) => {
                    last = Chain(&error).to_string();
                    info!(reason = %last, "the market to mirror does not answer yet");
                }
            }
        }
    };
    let asked = timeout(limit, asking).await;
    asked.unwrap_or_else(|_elapsed| {
        Err(Error::Unreachable {
            address: address.to_string(),
            after: limit,
            last,
        })
    })
}

/// The listed pairs as the simulator knows them.
fn instruments(universe: Universe) -> Vec<Instrument> {
    let pairs = universe.pairs.into_iter();
    pairs.map(|pair| pair.instrument).collect()
}
