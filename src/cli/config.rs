//! `config`: what can be set, and what is.

use std::io;

use clap::{Args, Subcommand};

use super::{Exit, Out, Settings, check};
use crate::config::DEFAULT_TOML;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every setting with its default and what it is for, as a config file to start from.
    Default,
    /// Print what holds, from all sources, as TOML. Secrets appear as references only.
    Show(Settings),
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    match &arguments.what {
        What::Default => out.data(DEFAULT_TOML).map(|()| Exit::Clean),
        What::Show(settings) => match settings.load() {
            Ok(loaded) => {
                let text = loaded.config.to_toml().map_err(io::Error::other)?;
                out.data(&text).map(|()| Exit::Clean)
            }
            Err(error) => Ok(check::refuse(&error, out)),
        },
    }
}
