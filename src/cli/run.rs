//! `run`: the daemon, as a service or by hand.

use std::io;

use clap::Args;

use super::{Exit, Out, Settings, check, launch};
use crate::{
    app::{clock, telemetry},
    config::VenueKind,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let loaded = match arguments.settings.load() {
        Ok(loaded) => loaded,
        Err(error) => return Ok(check::refuse(&error, out)),
    };
    let Ok(_log) = telemetry::init(&loaded.config.log, clock::system(), None)
        .map_err(|error| out.note(&format_args!("error: {error}")))
    else {
        return Ok(Exit::Failure);
    };
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
    if let Some(reason) = &outcome.reason {
        out.note(&format_args!("error: {reason}"));
    }
    Ok(outcome.exit)
}
