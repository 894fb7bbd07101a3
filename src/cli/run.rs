//! `run`: the daemon, as a service or by hand.

use std::io;

use clap::Args;

use super::{Exit, Out, Settings, check, launch};
use crate::{
    app::{clock, telemetry},
    config::{Loaded, VenueKind},
    journal::BUILD,
};

#[derive(Args, Debug)]
#[command(after_help = "\
Without -c the defaults hold: the built-in simulator. The log goes to standard error as lines; `demo` is what draws a picture.")]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let loaded = match arguments.settings.load() {
        Ok(loaded) => loaded,
        Err(error) => return Ok(check::refuse(&error, out)),
    };
    let Ok(log) = telemetry::init(&loaded.config.log, clock::system(), None)
        .map_err(|error| out.note(&format_args!("error: {error}")))
    else {
        return Ok(Exit::Failure);
    };
    tell_start(&loaded);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if loaded.config.venue.kind == VenueKind::Live {
        tracing::warn!("live trading: real money");
    }
    let outcome = launch::launch(launch::Launch {
        config: loaded.config,
        limit: None,
        screen: None,
    })?;
    // What is still in the log comes before what ended it all.
    drop(log);
    if let Some(reason) = &outcome.reason {
        out.note(&format_args!("error: {reason}"));
    }
    Ok(outcome.exit)
}

/// The first line of the log: which program, from what, where to. No secret is in a config.
fn tell_start(loaded: &Loaded) {
    let files: Vec<String> = loaded
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let files = if files.is_empty() {
        "none, the defaults hold".to_owned()
    } else {
        files.join(", ")
    };
    let state = loaded.config.state.here().unwrap_or_default();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        build = BUILD,
        config = files,
        state = state.display().to_string(),
        venue = launch::venue(&loaded.config),
        "tradingd starts"
    );
}
