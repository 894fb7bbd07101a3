//! The guide to the asynchronous design tells what the source has.
//!
//! For: examples and names of tests in `ASYNC_IMPROVEMENTS.md`. Left out: its prose.
//! Always true: white space apart, each example is in the source, piece by piece between its `…`; each name that it gives from
//! *Tested by* to *Costs*, and each long one elsewhere, is a test's; a file in parentheses behind names has those tests.

use std::fs;

use crate::tidy::rust_files;

const GUIDE: &str = "ASYNC_IMPROVEMENTS.md";
/// Names with at least so many words are tests'; shorter ones are tasks, fields and functions. Between these two, two are enough.
const WORDS: usize = 5;
const TESTED: &str = "**Tested by**";
const COSTS: &str = "**Costs";

/// The Rust examples of a text, each with the line that it begins on.
fn examples(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in text.lines().zip(1..) {
        match &mut open {
            None if line == "```rust" => open = Some((number + 1, String::new())),
            None => {}
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, example)) => {
                example.push_str(line);
                example.push('\n');
            }
        }
    }
    found
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Whether the pieces of an example stand in this source, one after the other.
fn holds(source: &str, example: &str) -> bool {
    let mut rest = source;
    for piece in without_space(example).split('…') {
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    true
}

/// What a text calls in backticks and looks like a test.
fn named_tests(text: &str) -> Vec<&str> {
    let mut words = WORDS;
    let mut named = Vec::new();
    for paragraph in text.split("\n\n") {
        if paragraph.starts_with(TESTED) {
            words = 2;
        } else if paragraph.starts_with(COSTS) || paragraph.starts_with('#') {
            words = WORDS;
        }
        let quoted = paragraph.split('`').skip(1).step_by(2);
        named.extend(quoted.filter(|word| is_name(word, words)));
    }
    named
}

/// The tests of a text that stand before a file in parentheses, each with that file. A semicolon or another file ends what belongs
/// together; in a row of a table only the last one before it does.
fn placed_tests(text: &str) -> Vec<(&str, &str)> {
    let mut placed = Vec::new();
    for paragraph in text.split("\n\n").flat_map(rows) {
        let mut names = Vec::new();
        let mut before = "";
        for (part, is_quoted) in paragraph.split('`').zip([false, true].into_iter().cycle()) {
            if !is_quoted {
                before = part;
                if part.contains(';') {
                    names.clear();
                }
            } else if part.ends_with(".rs") && before.ends_with('(') {
                let first = if paragraph.starts_with('|') {
                    names.len().saturating_sub(1)
                } else {
                    0
                };
                placed.extend(names.drain(..).skip(first).map(|name| (name, part)));
            } else if is_name(part, WORDS) {
                names.push(part);
            }
        }
    }
    placed
}

/// A table in its rows; anything else as it is.
fn rows(paragraph: &str) -> Vec<&str> {
    if paragraph.starts_with('|') {
        paragraph.lines().collect()
    } else {
        vec![paragraph]
    }
}

fn is_name(word: &str, words: usize) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.split('_').count() >= words && word.chars().all(fits)
}

/// Whether this source has a test of that name: a function right under an attribute that says so.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    source.match_indices(&head).any(|(at, _)| {
        let above = source[..at].lines().rev().map(str::trim);
        let own = above.skip_while(|line| matches!(*line, "" | "async" | "pub"));
        let mut attributes =
            own.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.any(|line| line.starts_with("#[") && line.contains("test"))
    })
}

/// What the guide tells and these sources do not have.
fn untruths(guide: &str, sources: &[(String, String)]) -> Vec<String> {
    let dense: Vec<String> = sources
        .iter()
        .map(|(_, text)| without_space(text))
        .collect();
    let mut found = Vec::new();
    for (line, example) in examples(guide) {
        if !dense.iter().any(|source| holds(source, &example)) {
            found.push(format!("{GUIDE}:{line}: no source has this example"));
        }
    }
    for name in named_tests(guide) {
        if !sources.iter().any(|(_, text)| has_test(text, name)) {
            found.push(format!("{GUIDE}: there is no test `{name}`"));
        }
    }
    for (name, file) in placed_tests(guide) {
        let paths = [file.to_owned(), format!("src/{file}")];
        let mut named = sources.iter().filter(|(path, _)| paths.contains(path));
        if !named.any(|(_, text)| has_test(text, name)) {
            found.push(format!("{GUIDE}: `{name}` is not in {file}"));
        }
    }
    found
}

#[test]
fn examples_and_tests_of_the_guide_are_in_the_source() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join(GUIDE)).unwrap();
    assert!(examples(&guide).len() >= 7, "one for each pattern at least");
    assert!(named_tests(&guide).len() >= 20);
    assert!(placed_tests(&guide).len() >= 20);
    let found = untruths(&guide, &rust_files(&["src", "tests"]).unwrap());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The rows of the table of channels, and those of them that name no test in their last column.
fn channels(guide: &str) -> (usize, Vec<&str>) {
    let section = guide.lines().skip_while(|line| *line != "## Channels");
    let section = section.skip(1).take_while(|line| !line.starts_with("## "));
    let rows: Vec<_> = section
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .collect();
    let is_untested = |row: &&str| {
        let last = row.trim_end_matches(" |").rsplit(" | ").next();
        named_tests(last.unwrap_or_default()).is_empty()
    };
    let untested = rows.iter().copied().filter(is_untested).collect();
    (rows.len(), untested)
}

#[test]
fn every_channel_of_the_guide_names_its_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join(GUIDE)).unwrap();
    let (rows, untested) = channels(&guide);
    assert!(rows >= 30, "{rows}");
    assert_eq!(untested, Vec::<&str>::new());
    let planted = "## Channels\n| a | by |\n|-|-|\n| `it_is_not_in_the_last` | no |\n| a | `it_is_in_the_last` |\n";
    assert_eq!(channels(planted).1, ["| `it_is_not_in_the_last` | no |"]);
}

#[test]
fn planted_untruths_are_caught() {
    let source = "fn a() {\n    one();\n    two();\n}\n#[test]\nfn it_does_what_it_says_here() {}\n\
                  #[tokio::test(start_paused = true)]\n/// Why.\nasync fn it_does() {}\nfn it_helps() {}\n#[inline]\nfn it_hurries() {}\n";
    let sources = [("src/a.rs".to_owned(), source.to_owned())];
    let check = |guide: &str| untruths(guide, &sources).len();
    assert_eq!(check("```rust\none(); two();\n```"), 0);
    assert_eq!(check("```rust\nfn a() {\n…\n}\n```"), 0);
    assert_eq!(check("```rust\ntwo();\n…\none();\n```"), 1, "another order");
    assert_eq!(check("```rust\nthree();\n```"), 1);
    assert_eq!(check("by `it_does_what_it_says_here` and `market`"), 0);
    assert_eq!(check("by `it_does_what_it_said_here`"), 1);
    assert_eq!(check("by `it_did`"), 0, "a task, perhaps");
    assert_eq!(
        check("a\n\n**Tested by** `it_does` and\nthe table (`a/b.rs`)."),
        0
    );
    assert_eq!(check("**Tested by** the model,\n`it_did`."), 1);
    assert_eq!(
        check("**Tested by**, one by one:\n\n| a | `it_did` |\n\n`it_did`"),
        2
    );
    assert_eq!(check("**Tested by** it.\n\n**Costs.** `it_did`."), 0);
    let (name, other) = ("`it_does_what_it_says_here`", "`it_says_what_it_does_here`");
    assert_eq!(check(&format!("{name} (`a.rs`)")), 0);
    assert_eq!(check(&format!("{name}, `market` (`b.rs`, over a wire)")), 1);
    assert_eq!(check(&format!("{name}; the others (`b.rs`)")), 0);
    assert_eq!(check(&format!("| {name}, {name} (`b.rs`) |\n")), 1);
    assert_eq!(check(&format!("{other} (`a.rs`)")), 2, "nowhere, nor there");
    assert_eq!(check("**Tested by** `it_helps`."), 1, "no test");
    assert_eq!(check("**Tested by** `it_hurries`."), 1, "no test");
}
