//! The daemon's entry: arguments to exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    tradingd::cli::main()
}
