//! Output whose reader has gone, as with `| head`: no failure by itself, and no cover for one.

use std::{
    fs,
    process::{Command, Stdio},
};

/// Exit code and standard error of a program whose standard output nobody reads.
fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_tradingd"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn recording(break_it: bool) -> tempfile::NamedTempFile {
    let text = include_str!("../data/recording.jsonl");
    let file = tempfile::NamedTempFile::new().unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let last = if break_it { "no frame" } else { last };
    fs::write(file.path(), format!("{before}\n{last}\n")).unwrap();
    file
}

#[test]
fn a_failure_after_the_reader_has_gone_is_still_a_failure() {
    let broken = recording(true);
    let path = broken.path().to_str().unwrap();
    for arguments in [
        &["replay", path][..],
        &["replay", "--events", path],
        &["replay", "-o", "json", path],
    ] {
        let (code, told) = unread(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {told}");
        assert!(told.contains(":97: "), "{told}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(unread(&["verify", "-o", "json", path]).0, Some(1));
    let config = directory.path().join("tradingd.toml");
    fs::write(&config, "[log]\nlevel = 'inof'\n").unwrap();
    let config = config.to_str().unwrap();
    assert_eq!(unread(&["check", "-o", "json", "-c", config]).0, Some(78));
}

#[test]
fn a_reader_that_goes_is_no_failure_and_nothing_to_tell() {
    let whole = recording(false);
    let path = whole.path().to_str().unwrap();
    for arguments in [
        &["replay", "--events", path][..],
        &["config", "default"],
        &["--help"],
        &["version"],
    ] {
        assert_eq!(unread(arguments), (Some(0), String::new()), "{arguments:?}");
    }
}
