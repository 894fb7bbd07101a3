//! Starts of `tradingd run` that cannot be: the exit code, and what an operator reads.

use std::{fs, path::Path, process::Command};

use crate::support::ANY_PORT;

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml");

/// Exit code and standard error of a run that ends by itself.
fn run(state: &Path, set: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradingd"));
    command
        .args(["run", "-c", DEFAULT, "--set"])
        .arg(format!("state.dir=\"{}\"", state.display()))
        .env(ANY_PORT.0, ANY_PORT.1)
        .env_remove("STATE_DIRECTORY")
        .env_remove("NOTIFY_SOCKET");
    for set in set {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_state_directory_that_cannot_be_made_is_no_other_instance() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for state in [file.join("below"), file, "/proc/tradingd".into()] {
        let (code, told) = run(&state, &[]);
        assert_eq!(code, Some(73), "{told}");
        let words = format!(
            "error: the state directory {} cannot be used",
            state.display()
        );
        assert!(told.contains(&words), "{told}");
        assert!(told.contains("state.dir"), "{told}");
    }
}

#[test]
fn a_nonce_that_cannot_be_read_is_about_the_state_not_the_key() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("nonce"), "seventeen").unwrap();
    let (code, told) = run(state.path(), &[]);
    assert_eq!(code, Some(73), "{told}");
    assert!(told.contains("cannot read the last nonce"), "{told}");
}

#[test]
fn a_pair_that_the_venue_does_not_list_is_told_with_the_key_that_names_it() {
    let state = tempfile::tempdir().unwrap();
    let (code, told) = run(state.path(), &["feed.pairs=[\"BTC/USD\", \"FOO/BAR\"]"]);
    assert_eq!(code, Some(78), "{told}");
    let words = "error: feed.pairs: the venue does not list \"FOO/BAR\"";
    assert!(told.contains(words), "{told}");
    let grid = "strategy=[{ kind = 'grid', name = 'g', pair = 'FOO/BAR', qty = '1', levels = 2, step = '1%' }]";
    let (code, told) = run(state.path(), &[grid]);
    assert_eq!(code, Some(78), "{told}");
    let words = "error: strategy.0.pair (g): the venue does not list \"FOO/BAR\"";
    assert!(told.contains(words), "{told}");
}

#[test]
fn the_first_line_of_the_log_says_what_runs() {
    let state = tempfile::tempdir().unwrap();
    let (_, told) = run(state.path(), &["feed.pairs=[\"FOO/BAR\"]"]);
    let first = told.lines().next().unwrap();
    for part in [
        "INFO tradingd starts",
        concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""),
        DEFAULT,
        &state.path().display().to_string(),
        "venue=\"simulated Kraken, built in\"",
    ] {
        assert!(first.contains(part), "{part} not in {first}");
    }
}
