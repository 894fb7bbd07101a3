//! `sim`: the simulated Kraken alone, for any client that speaks Kraken's protocol.
//!
//! Left out: the simulator itself. Always true: what it prints on standard output is complete before anyone can know the addresses;
//! its keys open nothing but itself.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::runtime::Builder;

use super::{Exit, Out, Output, Settings, check};
use crate::{
    app::{
        Signals, Simulated, clock,
        simulated::{self, Reach},
        telemetry,
    },
    config::Config,
    io::Clock,
    sim::{
        self, SimAccount, Simulator,
        market::Regime,
        matching,
        server::{
            Role,
            auth::{ApiKey, Permission},
        },
    },
    venue::kraken::address::{Address, InvalidAddress, Kind},
};

/// Where the control endpoint is unless it is said: a free port.
const FREE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Time that tasks which will not end get at the end.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Seed of everything random: market, ids, keys.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How fast the market's time runs; scales the gaps between market events only.
    #[arg(long, value_name = "X", value_parser = positive)]
    speed: Option<f64>,
    /// How the synthetic market behaves: normal, calm, trending, flash_crash, thin or gap; PAIR=REGIME for one pair; may be repeated.
    #[arg(long = "regime", value_name = "REGIME", value_parser = regime)]
    regimes: Vec<(Option<String>, Regime)>,
    /// Recorded trades or bars to play, plain or zstd: BTC/USD=FILE, or a file named after its pair, BTCUSD_….csv.zst or
    /// XBTUSD_….csv.zst; may be repeated.
    #[arg(long = "tape", value_name = "FILE")]
    tapes: Vec<String>,
    /// Recorded WebSocket v2 frames (book, trade) to play, plain or zstd: FILE with all listed pairs in it, or BTC/USD=FILE
    /// with one; may be repeated.
    #[arg(long = "recording", value_name = "FILE")]
    recordings: Vec<String>,
    /// A public WebSocket v2 feed whose market is mirrored, such as wss://ws.kraken.com/v2.
    #[arg(long, value_name = "URL", value_parser = socket, conflicts_with_all = ["tapes", "recordings"])]
    mirror: Option<String>,
    /// Address of REST.
    #[arg(long, value_name = "IP:PORT")]
    rest_addr: Option<SocketAddr>,
    /// Address of the public socket.
    #[arg(long, value_name = "IP:PORT")]
    ws_addr: Option<SocketAddr>,
    /// Address of the private socket.
    #[arg(long, value_name = "IP:PORT")]
    ws_auth_addr: Option<SocketAddr>,
    /// Address of the order-by-order socket.
    #[arg(long, value_name = "IP:PORT")]
    ws_l3_addr: Option<SocketAddr>,
    /// Address of the control endpoint, on the loopback: faults, statuses and announcements while it runs.
    #[arg(long, value_name = "IP:PORT", conflicts_with = "no_control")]
    control_addr: Option<SocketAddr>,
    /// No control endpoint.
    #[arg(long)]
    no_control: bool,
    /// Number of accounts, each with its own key and funds in several assets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(sim::MOST_ACCOUNTS)))]
    accounts: Option<u32>,
    /// Verification tier of the accounts: how fast they may trade.
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Speak https and wss, with a certificate made at the start; what clients must trust for it stands in the output (ca).
    #[arg(long)]
    tls: bool,
    /// Form of the output; json is one line once it listens.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

const AFTER_HELP: &str = "\
Addresses that are not given are free ports of the loopback. -c reads the section [sim] of a config; arguments win.

It runs until SIGINT (ctrl-c), SIGTERM or SIGHUP (a closed terminal). Accounts, orders and trades end with it.";

/// A tier by its name on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tier {
    Starter,
    Intermediate,
    Pro,
}

impl From<Tier> for matching::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Starter => Self::Starter,
            Tier::Intermediate => Self::Intermediate,
            Tier::Pro => Self::Pro,
        }
    }
}

pub(super) fn positive(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok();
    number
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or("not a number above zero")
}

/// An address of a socket that is encrypted or does not leave the machine.
pub(super) fn socket(text: &str) -> Result<String, InvalidAddress> {
    Address::parse(text, Kind::Socket).map(|_valid| text.to_owned())
}

/// `REGIME`, or `PAIR=REGIME`.
fn regime(text: &str) -> Result<(Option<String>, Regime), String> {
    let (pair, name) = match text.rsplit_once('=') {
        Some((pair, name)) => (Some(pair.to_owned()), name),
        None => (None, text),
    };
    let known = Regime::ALL.map(Regime::name).join(", ");
    let regime = Regime::named(name).ok_or(format!("no regime; they are {known}"))?;
    Ok((pair, regime))
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let config = match arguments.settings.load() {
        Ok(loaded) => loaded.config,
        Err(error) => return Ok(check::refuse(&error, out)),
    };
    let clock = clock::system();
    let _log = match telemetry::init(&config.log, clock.clone(), None) {
        Ok(log) => log,
        Err(error) => return Ok(out.failure(&error)),
    };
    let settings = arguments.over(&config);
    let reach = Reach {
        kraken: &config.kraken,
        deadlines: &config.deadlines,
        breakers: &config.breaker,
        ca_file: config.venue.ca_file.as_deref(),
        limit: config.network.start,
    };
    // A market of thousands of updates a second and its clients fit on one thread.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("simulator")
        .enable_all()
        .build()?;
    let end = runtime.block_on(serve(&settings, reach, clock, arguments.output, out));
    runtime.shutdown_timeout(PATIENCE);
    end
}

impl Arguments {
    /// The config's simulator with what the arguments say otherwise.
    fn over(&self, config: &Config) -> sim::Settings {
        let mut settings = config.sim.clone();
        if !self.tapes.is_empty() {
            settings.tapes.clone_from(&self.tapes);
        }
        if !self.recordings.is_empty() {
            settings.recordings.clone_from(&self.recordings);
        }
        if self.mirror.is_some() {
            settings.mirror.clone_from(&self.mirror);
        }
        for (pair, regime) in &self.regimes {
            match pair {
                None => settings.regime = *regime,
                Some(pair) => {
                    settings.regimes.insert(pair.clone(), *regime);
                }
            }
        }
        set(&mut settings.seed, self.seed);
        set(&mut settings.speed, self.speed);
        set(&mut settings.rest_addr, self.rest_addr);
        set(&mut settings.ws_addr, self.ws_addr);
        set(&mut settings.ws_auth_addr, self.ws_auth_addr);
        set(&mut settings.ws_l3_addr, self.ws_l3_addr);
        let control = self.control_addr.or(settings.control_addr);
        settings.control_addr = (!self.no_control).then_some(control.unwrap_or(FREE));
        set(&mut settings.accounts, self.accounts);
        set(&mut settings.tier, self.tier.map(Into::into));
        settings.tls |= self.tls;
        settings
    }
}

fn set<T>(setting: &mut T, argument: Option<T>) {
    if let Some(argument) = argument {
        *setting = argument;
    }
}

async fn serve(
    settings: &sim::Settings,
    reach: Reach<'_>,
    clock: Clock,
    output: Output,
    out: &mut Out,
) -> io::Result<Exit> {
    // Before anyone knows the addresses, so that no signal finds it unprepared.
    let mut signals = Signals::new()?;
    let starting = Simulated::start(settings, reach, None, clock);
    let started = tokio::select! {
        biased;
        () = signals.asked() => return Ok(Exit::Clean),
        started = starting => started,
    };
    let mut simulator = match started {
        Ok(simulator) => simulator,
        Err(error) => return Ok(refused(&error, out)),
    };
    if let Err(error) = announce(simulator.simulator(), output, out) {
        simulator.shutdown().await;
        return Err(error);
    }
    if !out.is_read() {
        // Nobody will ever know the addresses.
        simulator.shutdown().await;
        return Ok(Exit::Clean);
    }
    let failed = tokio::select! {
        biased;
        () = signals.asked() => None,
        what = simulator.failed() => Some(what),
    };
    tokio::select! {
        biased;
        () = simulator.shutdown() => {}
        () = signals.insisted() => {
            out.note(&"error: stopped before every client was told");
            return Ok(Exit::Failure);
        }
    }
    let Some(what) = failed else {
        return Ok(Exit::Clean);
    };
    out.note(&format_args!(
        "error: a part of the simulator ended: {what}"
    ));
    Ok(Exit::Failure)
}

/// A simulator that did not start.
fn refused(error: &simulated::Error, out: &mut Out) -> Exit {
    let exit = out.failure(error);
    if error.is_unreachable() {
        return Exit::Unreachable;
    }
    if error.is_about_settings() {
        return Exit::Config;
    }
    exit
}

fn announce(simulator: &Simulator, output: Output, out: &mut Out) -> io::Result<()> {
    let listening = Listening::of(simulator);
    match output {
        Output::Text => out.line(&listening),
        Output::Json => out.line(&serde_json::to_string(&listening).map_err(io::Error::other)?),
    }
}

/// What a client must know.
#[derive(Serialize)]
struct Listening<'a> {
    rest: String,
    ws: String,
    ws_auth: String,
    ws_l3: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a Path>,
    accounts: Vec<Account<'a>>,
    keys: Vec<Key<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    account: u32,
    name: &'a str,
    key: &'a str,
    secret: &'a str,
    permissions: &'a BTreeSet<Permission>,
}

#[derive(Serialize)]
struct Account<'a> {
    key: &'a str,
    secret: &'a str,
    tier: matching::Tier,
}

impl<'a> Listening<'a> {
    fn of(simulator: &'a Simulator) -> Self {
        let addresses = simulator.addresses();
        Self {
            rest: addresses.rest_url(),
            ws: addresses.ws_url(Role::Public),
            ws_auth: addresses.ws_url(Role::Private),
            ws_l3: addresses.ws_url(Role::Level3),
            control: addresses.control_url(),
            ca: simulator.ca(),
            accounts: simulator.accounts().iter().map(Account::of).collect(),
            keys: simulator.keys().iter().map(Key::of).collect(),
        }
    }
}

impl<'a> Key<'a> {
    fn of(key: &'a ApiKey) -> Self {
        Self {
            account: key.account.0,
            name: &key.name,
            key: &key.key,
            secret: &key.secret_base64,
            permissions: &key.permissions,
        }
    }
}

impl<'a> Account<'a> {
    fn of(account: &'a SimAccount) -> Self {
        Self {
            key: &account.key,
            secret: &account.secret_base64,
            tier: account.tier,
        }
    }
}

impl fmt::Display for Listening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "simulated Kraken, listening; ctrl-c stops it\n")?;
        writeln!(f, "REST            {}", self.rest)?;
        writeln!(f, "public socket   {}", self.ws)?;
        writeln!(f, "private socket  {}", self.ws_auth)?;
        writeln!(f, "level 3 socket  {}", self.ws_l3)?;
        if let Some(control) = &self.control {
            writeln!(f, "control         {control}")?;
        }
        if let Some(ca) = self.ca {
            writeln!(f, "trust           {}", ca.display())?;
        }
        for (number, account) in (1..).zip(&self.accounts) {
            write!(
                f,
                "\naccount {number}\n  key     {}\n  secret  {}",
                account.key, account.secret
            )?;
            let of_account = |key: &&Key<'_>| key.account == number && key.key != account.key;
            for key in self.keys.iter().filter(of_account) {
                write!(
                    f,
                    "\n  key     {}  ({})\n  secret  {}",
                    key.key, key.name, key.secret
                )?;
            }
        }
        Ok(())
    }
}
