//! `check`: is a config valid, and is there a key where it says?

use std::io;

use clap::Args;
use serde_json::json;

use super::{Exit, Out, Output, Settings};
use crate::{
    app::keys,
    config::{ConfigError, Loaded, Place, Problem},
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The config file; conf.d/*.toml beside it is read too.
    #[arg(short, long, value_name = "FILE", required = true)]
    config: std::path::PathBuf,
    /// A setting that wins over all others; may be repeated.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let settings = Settings {
        config: Some(arguments.config.clone()),
        set: arguments.set.clone(),
    };
    let loaded = settings.load().map(|mut loaded| {
        // The key need not be here: the config may be checked for another machine.
        let faults = keys::faults(&loaded.config.venue);
        let told = faults
            .iter()
            .map(|fault| format!("{fault}; `run` started here would end with exit code 77"));
        loaded.warnings.extend(told);
        loaded
    });
    match (loaded, arguments.output) {
        (Ok(loaded), Output::Text) => {
            for warning in &loaded.warnings {
                out.note(&format_args!("warning: {warning}"));
            }
            out.line(&format_args!("{}: valid", arguments.config.display()))?;
            Ok(Exit::Clean)
        }
        (Ok(loaded), Output::Json) => {
            out.line(&valid(&loaded))?;
            Ok(Exit::Clean)
        }
        (Err(error), Output::Text) => Ok(refuse(&error, out)),
        (Err(error), Output::Json) => {
            out.line(&invalid(&error))?;
            Ok(Exit::Config)
        }
    }
}

/// Tells what is wrong with a config.
pub(super) fn refuse(error: &ConfigError, out: &mut Out) -> Exit {
    for problem in &error.problems {
        out.note(&format_args!("error: {problem}"));
    }
    Exit::Config
}

fn valid(loaded: &Loaded) -> serde_json::Value {
    json!({ "valid": true, "files": loaded.files, "warnings": loaded.warnings })
}

fn invalid(error: &ConfigError) -> serde_json::Value {
    let problems: Vec<_> = error.problems.iter().map(problem).collect();
    json!({ "valid": false, "problems": problems })
}

fn problem(problem: &Problem) -> serde_json::Value {
    let Problem {
        message,
        suggestion,
        ..
    } = problem;
    match &problem.place {
        Place::File { path, line, column } => json!({
            "file": path, "line": line, "column": column, "message": message, "suggestion": suggestion,
        }),
        Place::Variable(name) => {
            json!({ "variable": name, "message": message, "suggestion": suggestion })
        }
        Place::Argument(key) => {
            json!({ "set": key, "message": message, "suggestion": suggestion })
        }
        Place::Nowhere => json!({ "message": message, "suggestion": suggestion }),
    }
}
