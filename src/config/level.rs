//! `log.level`: what of the log is told.
//!
//! The filter takes a bare word that is no level for the name of a module and then tells of that module alone. Nobody means that:
//! here a bare word is a level, and a module stands before its level.

use tracing_subscriber::filter::Targets;

use super::schema::nearest;

/// The words for a level.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Why a text is no filter.
#[derive(Debug)]
pub(super) struct Invalid {
    pub(super) message: String,
    pub(super) suggestion: Option<&'static str>,
}

/// Checks a level, or directives such as `info,tradingd::venue=debug`.
pub(super) fn check(filter: &str) -> Result<(), Invalid> {
    for directive in filter.split(',') {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_, level)| level);
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(no_level(level));
        }
        if directive.contains(char::is_whitespace) {
            return Err(Invalid {
                message: format!("no log filter: a space in `{directive}`"),
                suggestion: None,
            });
        }
    }
    let parsed = filter.parse::<Targets>();
    parsed.map(drop).map_err(|error| Invalid {
        message: format!("no log filter: {error}"),
        suggestion: None,
    })
}

fn no_level(word: &str) -> Invalid {
    let message = format!(
        "`{word}` is no level: write error, warn, info, debug, trace or off, and for one module \"info,tradingd::venue=debug\""
    );
    let word = word.trim().to_ascii_lowercase();
    Invalid {
        message,
        suggestion: nearest(&word, &LEVELS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_modules_with_levels_are_filters() {
        for filter in [
            "info",
            "WARN",
            "off",
            "info,tradingd::venue=debug",
            "tradingd::engine=trace,error",
        ] {
            assert!(check(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_and_the_nearest_one_named() {
        for (filter, suggestion) in [
            ("inof", Some("info")),
            ("Debgu", Some("debug")),
            ("info,tradingd=wran", Some("warn")),
            ("warning", None),
            ("tradingd::venue", None),
            ("info,", None),
            ("info, debug", Some("debug")),
            ("info, tradingd::venue=debug", None),
            ("", None),
            ("3", None),
        ] {
            let refused = check(filter).map_err(|invalid| invalid.suggestion);
            assert_eq!(refused, Err(suggestion), "{filter:?}");
        }
    }
}
