//! The command line: one file per verb, arguments in, exit code out.
//!
//! For: what a person or a script sees. Data goes to standard output, everything else to standard error; see `out`.
//! Left out: anything that another module could decide. Always true: no secret is taken as an argument or printed; each way to end
//! has its [`Exit`] code.

mod check;
mod config;
mod demo;
mod exit;
mod launch;
mod out;
mod replay;
mod run;
pub mod screen;
mod sim;
mod verify;
mod version;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{ConfigError, Loaded, Sources, load};

pub use exit::Exit;
pub use out::Out;

/// A trading daemon for the Kraken exchange, with a simulated Kraken built in.
#[derive(Debug, Parser)]
#[command(name = "tradingd", version, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Try it:
  tradingd demo                              the daemon trades, you watch
  tradingd config default > tradingd.toml    every setting, documented
  tradingd check -c tradingd.toml            is it valid?
  tradingd config show -c tradingd.toml      what holds, from all sources
  tradingd sim                               a Kraken to try clients on
  tradingd verify DIR                        would the engine decide the same again?

Settings come from the file, conf.d/*.toml beside it, variables TRADINGD__SECTION__KEY and --set section.key=value; \
the later wins. Secrets are only ever referred to: file:PATH, env:NAME, credential:NAME.

Exit codes:
  0   clean stop                        73  no usable state directory
  1   unexpected failure                74  the journal cannot be written
  2   usage                             75  stopped late; orders may rest
  3   no daemon, or another one runs    77  no key that works
  4   degraded                          78  invalid config
  69  venue unreachable at start        80  halted by risk or kill switch
  70  an invariant broke; orders parked";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Trade on a simulated Kraken, all in one process: no config, no network, a live picture.
    Demo(demo::Arguments),
    /// Run the daemon.
    Run(run::Arguments),
    /// Check a config: exit 0 if it is valid, else 78 with what is wrong and where.
    Check(check::Arguments),
    /// Show the effective or the default config.
    Config(config::Arguments),
    /// Run the simulated Kraken alone, for any client.
    Sim(Box<sim::Arguments>),
    /// Prove a journal: replay every run in a state directory and compare every command.
    Verify(verify::Arguments),
    /// Run recorded WebSocket v2 frames through the decoder and the book, and prove every checksum.
    Replay(replay::Arguments),
    /// Show the version, the build and the formats it reads.
    Version(version::Arguments),
}

/// Where settings come from, beside the environment.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The config file; conf.d/*.toml beside it is read too.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A setting that wins over all others; may be repeated.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl Settings {
    /// Loads what was named, and the environment.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        load(&Sources {
            file: self.config.clone(),
            environment: std::env::vars_os().collect(),
            arguments: self.set.clone(),
        })
    }
}

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Runs the verb that the arguments name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut Out) -> Exit {
    let verb = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.verb,
        Err(error) => return out.usage(&error),
    };
    let end = match verb {
        Verb::Demo(arguments) => demo::run(&arguments, out),
        Verb::Run(arguments) => run::run(&arguments, out),
        Verb::Check(arguments) => check::run(&arguments, out),
        Verb::Config(arguments) => config::run(&arguments, out),
        Verb::Sim(arguments) => sim::run(&arguments, out),
        Verb::Verify(arguments) => verify::run(&arguments, out),
        Verb::Replay(arguments) => replay::run(&arguments, out),
        Verb::Version(arguments) => version::run(&arguments, out),
    };
    end.unwrap_or_else(|error| out.lost(&error))
}

/// The whole program, from the process's arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os(), &mut Out::standard()).into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Each paragraph is one line, so that only the terminal's width breaks it.
    #[test]
    fn no_epilog_is_broken_by_hand() {
        let root = Arguments::command();
        for command in [&root].into_iter().chain(root.get_subcommands()) {
            let epilog = command.get_after_help().map(ToString::to_string);
            let epilog = epilog.unwrap_or_default();
            let lines: Vec<&str> = epilog.lines().collect();
            for pair in lines.windows(2) {
                let broken = pair[0].len() > 79 && !pair[1].is_empty();
                assert!(!broken, "{}: {}", command.get_name(), pair[0]);
            }
        }
    }

    #[test]
    fn the_help_names_every_exit_code() {
        for exit in Exit::ALL {
            let code = format!(" {} ", exit.code());
            let text = AFTER_HELP.replace('\n', " ");
            assert!(text.contains(&code), "{code}");
        }
    }
}
