//! From a key or a byte to a line and a column.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Line and column of a byte, from 1; the column in characters.
pub(super) fn of_byte(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// How much of a path a document has, and the byte where the last part of that stands.
pub(super) fn of_path(text: &str, path: &[String]) -> (usize, usize) {
    let Ok(document) = DeTable::parse(text) else {
        return (0, 0);
    };
    let mut found = (0, 0);
    let mut here = Here::Table(document.get_ref());
    for part in path {
        let Some((byte, value)) = here.step(part) else {
            break;
        };
        found = (found.0 + 1, byte);
        match value {
            DeValue::Table(table) => here = Here::Table(table),
            DeValue::Array(array) => here = Here::Array(array),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => break,
        }
    }
    found
}

enum Here<'a> {
    Table(&'a DeTable<'a>),
    Array(&'a [Spanned<DeValue<'a>>]),
}

impl<'a> Here<'a> {
    fn step(&self, part: &str) -> Option<(usize, &'a DeValue<'a>)> {
        match self {
            Self::Table(table) => {
                let (key, value) = table
                    .iter()
                    .find(|(key, _)| key.get_ref().as_ref() == part)?;
                Some((key.span().start, value.get_ref()))
            }
            Self::Array(array) => {
                let value = array.get(part.parse::<usize>().ok()?)?;
                Some((value.span().start, value.get_ref()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_where_their_key_stands() {
        let text = "a = 1\n[s]\n  key = 'é'\n[[list]]\nx = 1\n[[list]]\nx = 2\n";
        let place = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
            let (depth, byte) = of_path(text, &path);
            (depth, of_byte(text, byte))
        };
        assert_eq!(place(&["a"]), (1, (1, 1)));
        assert_eq!(place(&["s", "key"]), (2, (3, 3)));
        assert_eq!(place(&["s", "none"]), (1, (2, 2)));
        assert_eq!(place(&["list", "1", "x"]), (3, (7, 1)));
        assert_eq!(place(&["none"]), (0, (1, 1)));
    }
}
