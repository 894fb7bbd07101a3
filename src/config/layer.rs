//! One source of settings, checked on its own.

use std::{fs, path::Path};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::{
    Config,
    error::{Place, Problem},
    position,
    schema::{self, Fault},
};

/// Prefix of variables that are settings.
pub(super) const PREFIX: &str = "TRADINGD__";

/// Settings of one source.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) table: Table,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File {
        path: std::path::PathBuf,
        text: String,
    },
    Variable(String),
    Argument(String),
}

impl Layer {
    /// Reads a file.
    pub(super) fn file(path: &Path) -> Result<Self, Problem> {
        let whole = |message: String| Problem {
            place: Place::File {
                path: path.to_owned(),
                line: 0,
                column: 0,
            },
            message,
            suggestion: None,
        };
        let text =
            fs::read_to_string(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
        let source = Source::File {
            path: path.to_owned(),
            text: text.clone(),
        };
        schema::check(&text).map_err(|fault| source.problem(fault))?;
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| whole(error.message().to_owned()))?;
        Ok(Self { table, source })
    }

    /// Reads a variable; its name is `TRADINGD__SECTION__KEY`.
    pub(super) fn variable(name: &str, value: &str) -> Result<Self, Problem> {
        let path: Vec<String> = name
            .strip_prefix(PREFIX)
            .unwrap_or(name)
            .split("__")
            .map(str::to_ascii_lowercase)
            .collect();
        Self::single(&path, value, Source::Variable(name.to_owned()))
    }

    /// Reads an argument `section.key=value`.
    pub(super) fn argument(text: &str) -> Result<Self, Problem> {
        let Some((key, value)) = text.split_once('=') else {
            // It could be a secret: it is not repeated.
            let source = Source::Argument("…".to_owned());
            return Err(source.plain("write it as section.key=value"));
        };
        let key = key.trim();
        let source = Source::Argument(key.to_owned());
        let Some(path) = dotted(key) else {
            return Err(source.plain("not a key such as section.key"));
        };
        Self::single(&path, value.trim(), source)
    }

    /// One value: as TOML where that fits the schema, else as text.
    fn single(path: &[String], value: &str, source: Source) -> Result<Self, Problem> {
        let mut first = None;
        let text = Value::String(value.to_owned());
        for value in as_toml(value).into_iter().chain([text]) {
            let table = nested(path, value);
            match Config::deserialize(Value::Table(table.clone())) {
                Ok(_) => return Ok(Self { table, source }),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        let message = first.map_or_else(String::new, |error| error.message().to_owned());
        Err(source.problem(Fault::new(&message, None)))
    }

    /// How much of a path the layer sets, and where.
    pub(super) fn locate(&self, path: &[String]) -> (usize, Place) {
        match &self.source {
            Source::File { path: file, text } => {
                let (depth, byte) = position::of_path(text, path);
                let (line, column) = position::of_byte(text, byte);
                let path = file.clone();
                (depth, Place::File { path, line, column })
            }
            Source::Variable(name) => (self.depth(path), Place::Variable(name.clone())),
            Source::Argument(key) => (self.depth(path), Place::Argument(key.clone())),
        }
    }

    fn depth(&self, path: &[String]) -> usize {
        let mut depth = 0;
        let mut here: Option<&Value> = None;
        for part in path {
            let next = match here {
                None => self.table.get(part),
                Some(Value::Table(table)) => table.get(part),
                Some(Value::Array(array)) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| array.get(index)),
                Some(
                    Value::String(_)
                    | Value::Integer(_)
                    | Value::Float(_)
                    | Value::Boolean(_)
                    | Value::Datetime(_),
                ) => None,
            };
            if next.is_none() {
                break;
            }
            depth += 1;
            here = next;
        }
        depth
    }
}

impl Source {
    fn problem(&self, fault: Fault) -> Problem {
        Problem {
            place: self.place(fault.span.map_or(0, |span| span.start)),
            message: fault.message,
            suggestion: fault.suggestion,
        }
    }

    fn plain(&self, message: &str) -> Problem {
        Problem {
            place: self.place(0),
            message: message.to_owned(),
            suggestion: None,
        }
    }

    fn place(&self, byte: usize) -> Place {
        match self {
            Self::File { path, text } => {
                let (line, column) = position::of_byte(text, byte);
                Place::File {
                    path: path.clone(),
                    line,
                    column,
                }
            }
            Self::Variable(name) => Place::Variable(name.clone()),
            Self::Argument(key) => Place::Argument(key.clone()),
        }
    }
}

/// The parts of a dotted key, quoted ones too: `risk.pair."BTC/USD".max_position`.
fn dotted(key: &str) -> Option<Vec<String>> {
    let table: Table = format!("{key} = 0").parse().ok()?;
    let mut path = Vec::new();
    let mut here = Value::Table(table);
    while let Value::Table(table) = here {
        let mut entries = table.into_iter();
        let (part, value) = entries.next()?;
        if entries.next().is_some() {
            return None;
        }
        path.push(part);
        here = value;
    }
    Some(path)
}

/// A text as a TOML value, if it is one and nothing more.
fn as_toml(text: &str) -> Option<Value> {
    let mut table: Table = format!("value = {text}").parse().ok()?;
    let value = table.remove("value")?;
    table.is_empty().then_some(value)
}

fn nested(path: &[String], value: Value) -> Table {
    let mut value = value;
    for part in path.iter().rev() {
        value = Value::Table(Table::from_iter([(part.clone(), value)]));
    }
    match value {
        Value::Table(table) => table,
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => Table::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_the_schema_wants_it() {
        let tag = Layer::argument("orders.tag=a12").unwrap();
        assert_eq!(tag.table, "orders.tag = 'a12'".parse().unwrap());
        let number = Layer::variable("TRADINGD__JOURNAL__BUFFER", "4096").unwrap();
        assert_eq!(number.table, "journal.buffer = 4096".parse().unwrap());
        let digits = Layer::variable("TRADINGD__RISK__MAX_POSITION", "59.94").unwrap();
        assert_eq!(digits.table, "risk.max_position = '59.94'".parse().unwrap());
        let pair = Layer::argument("risk.pair.\"BTC/USD\".max_position=1").unwrap();
        assert_eq!(
            pair.table,
            "risk.pair.'BTC/USD'.max_position = '1'".parse().unwrap()
        );
    }

    #[test]
    fn a_value_cannot_bring_other_keys_along() {
        assert!(Layer::variable("TRADINGD__JOURNAL__BUFFER", "1\n[venue]\nkind = 'live'").is_err());
        assert!(Layer::argument("journal.buffer = 1\nvenue.kind=live").is_err());
    }
}
