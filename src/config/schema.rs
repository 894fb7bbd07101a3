//! The schema is the struct [`Config`]: what serde accepts is valid, and serde's own words tell which keys there are; a person reads those of `words`.

use std::ops::Range;

use serde_path_to_error::Segment;

use super::{Config, position, words};

/// What is wrong with one document, in terms of its text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
    pub(super) span: Option<Range<usize>>,
}

/// Checks one document on its own: syntax, keys, types. Keys that it lacks are no fault.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let document = toml::Deserializer::parse(text)
        .map_err(|error| Fault::new(error.message(), error.span()))?;
    match serde_path_to_error::deserialize::<_, Config>(document) {
        Ok(_) => Ok(()),
        Err(error) => {
            let path: Vec<String> = error.path().iter().map(part).collect();
            let error = error.into_inner();
            let span = error.span().map(|span| exact(text, span, &path));
            Err(Fault::new(error.message(), span))
        }
    }
}

/// A part of a path as the other paths of this module have it.
fn part(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key: name } | Segment::Enum { variant: name } => name.clone(),
        Segment::Unknown => String::new(),
    }
}

/// A span, or that of the path where it is the exacter one: what is wrong with one table of a list has the span of the list.
fn exact(text: &str, span: Range<usize>, path: &[String]) -> Range<usize> {
    let (depth, byte) = position::of_path(text, path);
    if depth == path.len() && byte > span.start {
        byte..byte
    } else {
        span
    }
}

impl Fault {
    pub(super) fn new(message: &str, span: Option<Range<usize>>) -> Self {
        let mut quoted = backquoted(message);
        let (message, suggestion) = if message.starts_with("unknown field") {
            let unknown = quoted.next().unwrap_or_default();
            let expected: Vec<&str> = quoted.collect();
            let suggestion = meant(unknown, &expected);
            let hint = match (&suggestion, expected.is_empty()) {
                (None, false) => format!(" (known here: {})", expected.join(", ")),
                (None, true) | (Some(_), _) => String::new(),
            };
            (format!("unknown key `{unknown}`{hint}"), suggestion)
        } else if message.starts_with("unknown variant") {
            let unknown = quoted.next().unwrap_or_default();
            let expected: Vec<&str> = quoted.collect();
            let near = nearest(unknown, &expected).map(str::to_owned);
            (message.replacen("variant", "value", 1), near)
        } else if let Some(plain) = words::plain(message) {
            (plain, None)
        } else {
            let named = message.replacen("missing field", "missing key", 1);
            (named.replace('\n', ", "), None)
        };
        Self {
            message,
            suggestion,
            span,
        }
    }
}

/// Every key there is, with its section: `journal.buffer`. What a pair or a strategy may have stands under `*`.
#[must_use]
pub fn keys() -> Vec<String> {
    let mut found = Vec::new();
    add_keys("", &mut found);
    found
}

/// Asks the schema for the keys of a table by offering one that no table has.
fn add_keys(section: &str, found: &mut Vec<String>) {
    let Some(keys) = keys_of(section) else {
        found.push(section.to_owned());
        return;
    };
    let prefix = if section.is_empty() {
        String::new()
    } else {
        format!("{section}.")
    };
    for key in keys {
        let path = format!("{prefix}{key}");
        if keys_of(&format!("{path}.*")).is_some() {
            add_keys(&format!("{path}.*"), found);
        } else {
            add_keys(&path, found);
        }
    }
}

/// The keys of a table, or of each table in a map or an array; `None` where there is no table.
fn keys_of(section: &str) -> Option<Vec<String>> {
    const PROBE: &str = "no-such-key";
    let header = match section.strip_suffix(".*") {
        Some(parent) if section != ".*" => [format!("[{parent}.any]"), format!("[[{parent}]]")],
        _ if section.is_empty() => [String::new(), String::new()],
        _ => [format!("[{section}]"), String::new()],
    };
    let tables = header
        .iter()
        .map(|header| format!("{header}\n{PROBE} = 0\n"));
    let mut answers = tables.filter_map(|document| toml::from_str::<Config>(&document).err());
    let found = answers.find_map(|error| {
        let mut quoted = backquoted(error.message());
        let asked = error.message().starts_with("unknown field") && quoted.next() == Some(PROBE);
        asked.then(|| quoted.map(str::to_owned).collect::<Vec<_>>())
    })?;
    let root = || keys_of("").unwrap_or_default();
    (section.is_empty() || found != root()).then_some(found)
}

/// The key that was meant: one of this section after a single slip, one of another section by its name, one of this section after
/// several slips, one of another section whose name has a word more or less at its end or beginning.
fn meant(unknown: &str, expected: &[&str]) -> Option<String> {
    let near = || nearest(unknown, expected).map(str::to_owned);
    let slipped = near().filter(|near| strsim::damerau_levenshtein(unknown, near) == 1);
    let all = keys();
    let elsewhere = |fits: &dyn Fn(&str) -> bool| {
        let mut keys = all.iter();
        let found = keys.find(|key| key.rsplit('.').next().is_some_and(fits));
        found.cloned()
    };
    slipped
        .or_else(|| elsewhere(&|name| name == unknown))
        .or_else(near)
        .or_else(|| elsewhere(&|name| is_longer(name, unknown) || is_longer(unknown, name)))
}

/// Whether a name is another with words before or behind it.
fn is_longer(name: &str, other: &str) -> bool {
    let behind = name
        .strip_prefix(other)
        .is_some_and(|rest| rest.starts_with('_'));
    let before = name
        .strip_suffix(other)
        .is_some_and(|rest| rest.ends_with('_'));
    behind || before
}

/// The candidate that a slip of the fingers makes into `word`.
pub(super) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(word, candidate);
    let near = candidates
        .iter()
        .min_by_key(|candidate| distance(candidate))?;
    let allowed = 1 + word.chars().count().max(near.chars().count()) / 4;
    (distance(near) <= allowed).then_some(*near)
}

fn backquoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_tells_its_keys() {
        let keys = keys();
        for key in [
            "venue.kind",
            "venue.api_secret",
            "state.dir",
            "journal.buffer",
            "risk.max_position",
            "risk.pair.*.max_position",
            "strategy.*.half_spread",
        ] {
            assert!(keys.iter().any(|known| known == key), "{key} in {keys:?}");
        }
        assert!(keys.iter().all(|key| key.contains('.')), "{keys:?}");
    }

    #[test]
    fn a_key_of_another_section_is_found_by_its_name_or_a_part_of_it() {
        for (unknown, expected) in [
            ("request", Some("deadlines.request")),
            ("connect", Some("deadlines.connect")),
            ("rekonect", Some("reconnect")),
            ("level", Some("levels")),
            ("subscribe", Some("deadlines.subscribe_ack")),
            ("order_answer", Some("deadlines.answer")),
            ("answ", None),
            ("", None),
        ] {
            let here = ["reconnect", "levels"];
            assert_eq!(meant(unknown, &here).as_deref(), expected, "{unknown}");
        }
    }

    #[test]
    fn a_slip_of_the_fingers_is_recognized_and_nonsense_is_not() {
        let candidates = ["buffer", "segment_bytes", "keep"];
        assert_eq!(nearest("bufer", &candidates), Some("buffer"));
        assert_eq!(nearest("segmet_byte", &candidates), Some("segment_bytes"));
        assert_eq!(nearest("colour", &candidates), None);
    }
}
