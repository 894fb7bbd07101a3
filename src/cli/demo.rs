//! `demo`: the daemon and a simulated Kraken in one process, over real sockets, with nothing to set up.

use std::{io, path::PathBuf, time::Duration};

use super::{
    Exit, Out, Output,
    launch::{self, Launch},
    screen,
    sim::{positive, socket},
};
use crate::{
    app::{
        Summary, clock,
        telemetry::{self, Lines},
    },
    config::{Config, Log},
    types::span,
};
use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "\
The picture is drawn on standard error if that and standard input are a terminal and TERM is not \"dumb\"; else, with --plain and \
with -o json the log goes there as lines. The summary goes to standard output, wherever that leads.")]
pub(super) struct Arguments {
    /// Seed of the market: the same seed, the same flow of agents.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Stop after this time (`90s`, `10m`); until stopped if not given.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    limit: Option<Duration>,
    /// How fast the market's time runs.
    #[arg(long, value_name = "X", value_parser = positive)]
    speed: Option<f64>,
    /// Recorded trades to play: BTC/USD=FILE, or a file named after its pair, BTCUSD_….csv.zst or XBTUSD_….csv.zst; may
    /// be repeated.
    #[arg(long, value_name = "FILE")]
    tape: Vec<String>,
    /// A public WebSocket v2 feed whose market is mirrored, such as wss://ws.kraken.com/v2.
    #[arg(long, value_name = "URL", value_parser = socket, conflicts_with = "tape")]
    mirror: Option<String>,
    /// Log lines instead of the picture.
    #[arg(long)]
    plain: bool,
    /// Form of the summary.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

fn duration(text: &str) -> Result<Duration, String> {
    span::parse(text).map_err(|_invalid| "not a duration such as 90s or 10m".to_owned())
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let state = tempfile::Builder::new()
        .prefix("tradingd-demo-")
        .tempdir()?;
    let config = config(arguments, state.path().to_owned());
    let drawn = arguments.output == Output::Text && !arguments.plain && screen::is_possible();
    let lines = drawn.then(Lines::default);
    let log = Log {
        level: "info".to_owned(),
        ..config.log.clone()
    };
    let held = telemetry::init(&log, clock::system(), lines.as_ref());
    let Ok(log) = held.map_err(|error| out.note(&format_args!("error: {error}"))) else {
        return Ok(Exit::Failure);
    };
    let outcome = launch::launch(Launch {
        config,
        limit: arguments.limit,
        screen: lines,
    })?;
    // What is still in the log comes before the summary.
    drop(log);
    if let Some(reason) = &outcome.reason {
        out.note(&format_args!("error: {reason}"));
    }
    if let Some(summary) = &outcome.summary {
        show(summary, arguments.output, out)?;
    }
    Ok(outcome.exit)
}

fn config(arguments: &Arguments, state: PathBuf) -> Config {
    let mut config = Config::default();
    // A demo must not fail because something else, such as another demo, has the port.
    config.http.listen.set_port(0);
    config.state.dir = Some(state);
    if let Some(seed) = arguments.seed {
        config.sim.seed = seed;
    }
    if let Some(speed) = arguments.speed {
        config.sim.speed = speed;
    }
    config.sim.tapes.clone_from(&arguments.tape);
    config.sim.mirror.clone_from(&arguments.mirror);
    config
}

fn show(summary: &Summary, output: Output, out: &mut Out) -> io::Result<()> {
    let value = serde_json::to_value(summary).map_err(io::Error::other)?;
    if output == Output::Json {
        return out.line(&value);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        out.line(&format_args!("{key}: {text}"))?;
    }
    Ok(())
}
