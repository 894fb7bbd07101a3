//! The deserializer's words for a wrong type or value, in those of whoever writes a config.

/// What a message of the deserializer says, if it is about a type or a value: "a whole number belongs here, not the text "x"".
pub(super) fn plain(message: &str) -> Option<String> {
    let first = message.lines().next()?;
    if first == "wanted string or table" {
        return Some(format!("{} belongs here", wanted(first)));
    }
    if first == "invalid socket address syntax" {
        let wanted = wanted("socket address");
        return Some(format!(
            "{wanted} belongs here; a name such as localhost is not looked up"
        ));
    }
    let told = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|kind| first.strip_prefix(kind))?;
    // The text that was found may have these words in it; what is expected has not.
    let (found, expected) = told.rsplit_once(", expected ")?;
    Some(format!(
        "{} belongs here, not {}",
        wanted(expected),
        given(found)
    ))
}

fn wanted(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0 up",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string" | "str" => "a text in quotes",
        "path string" => "a path in quotes",
        "socket address" => "an IP address with a port in quotes, such as \"127.0.0.1:9464\",",
        "a sequence" => "a list in brackets",
        "a map" => "a section of keys",
        section if section.starts_with("struct ") => "a section of keys",
        "wanted string or table" => "one of the words that the default config names, in quotes,",
        other => other,
    }
}

fn given(found: &str) -> String {
    let number = found
        .strip_prefix("integer ")
        .or_else(|| found.strip_prefix("floating point "));
    if let Some(number) = number {
        return format!("the number {}", number.trim_matches('`'));
    }
    if let Some(text) = found.strip_prefix("string ") {
        return format!("the text {text}");
    }
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "a section of keys".to_owned(),
        "boolean `true`" => "true".to_owned(),
        "boolean `false`" => "false".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn no_word_of_the_programs_own_types_is_told() {
        for (text, told) in [
            (
                "[journal]\nbuffer = 'x, expected u8'",
                "a whole number from 0 up belongs here, not the text \"x, expected u8\"",
            ),
            (
                "[feed]\ndepth = 70000",
                "a whole number from 0 to 65535 belongs here, not the number 70000",
            ),
            (
                "[risk]\nmax_open_orders = 1.5",
                "a whole number from 0 to 4294967295 belongs here, not the number 1.5",
            ),
            (
                "[log]\nlevel = 3",
                "a text in quotes belongs here, not the number 3",
            ),
            (
                "[sim]\nspeed = 'fast'",
                "a number belongs here, not the text \"fast\"",
            ),
            (
                "[kraken.reconnect]\nfirst_at_once = 'yes'",
                "true or false belongs here, not the text \"yes\"",
            ),
            (
                "[sim]\nrest_addr = 80",
                "an IP address with a port in quotes, such as \"127.0.0.1:9464\", belongs here, not the number 80",
            ),
            (
                "[http]\nlisten = 'localhost:1'",
                "an IP address with a port in quotes, such as \"127.0.0.1:9464\", belongs here; a name such as localhost is not looked up",
            ),
            (
                "[state]\ndir = true",
                "a path in quotes belongs here, not true",
            ),
            (
                "[feed]\npairs = 'BTC/USD'",
                "a list in brackets belongs here, not the text \"BTC/USD\"",
            ),
            (
                "[venue]\nkind = 1",
                "one of the words that the default config names, in quotes, belongs here",
            ),
            (
                "log = 1",
                "a section of keys belongs here, not the number 1",
            ),
            (
                "[risk]\nmax_position = 0.5",
                "an amount above zero in quotes, such as \"0.25\" belongs here, not the number 0.5",
            ),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err();
            let message = error.message();
            assert_eq!(plain(message).as_deref(), Some(told), "{text}: {message}");
        }
    }
}
