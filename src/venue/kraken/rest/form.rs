//! Form bodies and queries: `name=value&…`, percent-encoded.

use std::fmt::{Display, Write as _};

/// A form under construction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Form(String);

impl Form {
    /// Adds a parameter.
    pub fn add(&mut self, name: &str, value: impl Display) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        encode(&value.to_string(), &mut self.0);
    }

    /// Adds a parameter that may be absent.
    pub fn add_some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

fn encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_mistaken_for_syntax_is_encoded() {
        let mut form = Form::default();
        form.add("nonce", 7);
        form.add_some("pair", Some("BTC/USD"));
        form.add_some("absent", None::<&str>);
        form.add("price", "+5% &=");
        assert_eq!(
            form.into_text(),
            "nonce=7&pair=BTC%2FUSD&price=%2B5%25%20%26%3D"
        );
    }
}
