//! `version`: which program this is.

use std::io;

use clap::Args;
use serde_json::json;

use super::{Exit, Out, Output};
use crate::journal::{BUILD, segment::FORMAT_VERSION};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    match arguments.output {
        Output::Text => out.line(&format_args!(
            "tradingd {version} (build {BUILD}, journal format {FORMAT_VERSION})"
        ))?,
        Output::Json => out.line(&json!({
            "version": version, "build": BUILD, "journal_format": FORMAT_VERSION,
        }))?,
    }
    Ok(Exit::Clean)
}
