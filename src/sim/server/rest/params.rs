//! Parameters of a call, from a query, a form or a JSON body, as one tree of texts.
//!
//! For: endpoints that do not care how a client wrote them: nested form keys, JSON numbers and JSON strings read alike.
//! Left out: what parameters mean. Those that no endpoint asks for are passed over.
//! Always true: a number keeps its digits as sent.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::value::RawValue;

use super::reply::Failure;

/// Deepest nesting of a body; nothing that the API knows goes beyond three.
const DEEPEST: usize = 8;

/// One parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::sim::server) enum Param {
    /// A scalar, in its literal digits where it is a number.
    Text(String),
    /// An array.
    List(Vec<Param>),
    /// An object, or form keys with names in brackets.
    Map(Params),
}

/// Parameters by name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::sim::server) struct Params(BTreeMap<String, Param>);

impl Params {
    /// Reads a form or a URL's query. Everything is a form: what has no `=` is a name without a value.
    pub(super) fn from_form(form: &[u8]) -> Self {
        let mut params = Self::default();
        for field in form.split(|byte| *byte == b'&') {
            if field.is_empty() {
                continue;
            }
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let name = percent_decoded(halves.next().unwrap_or_default());
            let value = percent_decoded(halves.next().unwrap_or_default());
            let (name, path) = split_name(&name);
            params.put(name, &path, Param::Text(value));
        }
        params
    }

    /// Reads a JSON object. `None` if it is none.
    pub(super) fn from_json(body: &[u8]) -> Option<Self> {
        let raw: &RawValue = serde_json::from_slice(body).ok()?;
        match param(raw.get(), 0)? {
            Some(Param::Map(params)) => Some(params),
            Some(Param::Text(_) | Param::List(_)) | None => None,
        }
    }

    /// Adds parameters; those that are here already give way.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Takes over named parameters of another call where this one has none.
    pub(super) fn inherit(&mut self, from: &Self, names: &[&str]) {
        for name in names {
            if let (None, Some(param)) = (self.0.get(*name), from.0.get(*name)) {
                self.0.insert((*name).to_owned(), param.clone());
            }
        }
    }

    /// Whether there are none. An empty text counts as absent.
    pub(super) fn is_empty(&self) -> bool {
        let absent = |param: &Param| matches!(param, Param::Text(text) if text.is_empty());
        self.0.values().all(absent)
    }

    /// Any parameter.
    pub(super) fn get(&self, name: &str) -> Option<&Param> {
        self.0.get(name)
    }

    /// A scalar. An empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Param::Text(text) if !text.is_empty() => Some(text),
            Param::Text(_) | Param::List(_) | Param::Map(_) => None,
        }
    }

    /// A boolean; absent is false.
    ///
    /// # Errors
    ///
    /// A text that is none: an order that should have been checked only is not placed.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        self.flag_or(name, false)
    }

    /// A boolean with a default.
    ///
    /// # Errors
    ///
    /// A text that is none.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.text(name) {
            None => Ok(default),
            Some(text) if text == "1" || text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text == "0" || text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Failure::argument(name)),
        }
    }

    /// A list of scalars: an array, or one text with commas. Absent is empty.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let texts = match self.0.get(name) {
            None => Vec::new(),
            Some(Param::Text(text)) => return non_empty(split(text)),
            Some(Param::List(list)) => list.iter().collect(),
            Some(Param::Map(map)) => map.numbered(),
        };
        non_empty(texts.into_iter().filter_map(|param| match param {
            Param::Text(text) => Some(text.as_str()),
            Param::List(_) | Param::Map(_) => None,
        }))
    }

    /// A list of scalars in which one that comes twice counts once: the answer is a map of them.
    pub(super) fn set(&self, name: &str) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let mut list = self.list(name);
        list.retain(|text| seen.insert(*text));
        list
    }

    /// An array of objects, as JSON or as numbered form keys. Absent is empty; anything else in it counts as an empty object.
    pub(super) fn rows(&self, name: &str) -> Vec<Self> {
        let row = |param: &Param| match param {
            Param::Map(map) => map.clone(),
            Param::Text(_) | Param::List(_) => Self::default(),
        };
        match self.0.get(name) {
            None | Some(Param::Text(_)) => Vec::new(),
            Some(Param::List(list)) => list.iter().map(row).collect(),
            Some(Param::Map(map)) => map.numbered().into_iter().map(row).collect(),
        }
    }

    /// The values in the order of their numbers: `10` after `9`.
    fn numbered(&self) -> Vec<&Param> {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Puts a value at `name[path][path]…`. An empty pair of brackets appends.
    fn put(&mut self, name: &str, path: &[&str], value: Param) {
        let name = if name.is_empty() {
            self.0.len().to_string()
        } else {
            name.to_owned()
        };
        let Some((next, rest)) = path.split_first() else {
            self.0.insert(name, value);
            return;
        };
        let inner = self
            .0
            .entry(name)
            .or_insert_with(|| Param::Map(Self::default()));
        if let Param::Map(inner) = inner {
            inner.put(next, rest, value);
        }
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn non_empty<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.filter(|text| !text.is_empty()).collect()
}

/// `orders[0][type]` is `orders` with the path `0`, `type`.
fn split_name(name: &str) -> (&str, Vec<&str>) {
    let Some((head, tail)) = name.split_once('[') else {
        return (name, Vec::new());
    };
    let path: Vec<&str> = tail.trim_end_matches(']').split("][").collect();
    if path.len() > DEEPEST {
        return (name, Vec::new());
    }
    (head, path)
}

/// Text of a form field. What is no percent code or no UTF-8 stays as near to what was sent as a text can.
fn percent_decoded(field: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = tail;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| error.to_string())
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// A JSON value; `Some(None)` is null.
fn param(json: &str, depth: usize) -> Option<Option<Param>> {
    if depth > DEEPEST {
        return None;
    }
    let param = match json.as_bytes().first()? {
        b'n' => return Some(None),
        b'"' => Param::Text(
            serde_json::from_str::<Cow<'_, str>>(json)
                .ok()?
                .into_owned(),
        ),
        b'{' => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            let mut params = Params::default();
            for (name, value) in fields {
                if let Some(value) = param(value.get(), depth + 1)? {
                    // `"close[price]"`: typed clients name their fields as the form has them.
                    let (name, path) = split_name(&name);
                    params.put(name, &path, value);
                }
            }
            Param::Map(params)
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let items = items.iter().map(|item| param(item.get(), depth + 1));
            let items: Option<Vec<_>> = items.collect();
            Param::List(items?.into_iter().flatten().collect())
        }
        _ => Param::Text(json.to_owned()),
    };
    Some(Some(param))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_json_of_one_call_read_alike() {
        let form = Params::from_form(
            b"pair=XBTUSD&volume=1.2500&validate=true&close%5Bordertype%5D=limit&close[price]=1&oflags=post%2Cfciq&deadline=2026-09-01T08%3A00%3A00%2B00%3A00",
        );
        let json = Params::from_json(
            br#" {"pair":"XBTUSD","volume":1.2500,"validate":true,"close":{"ordertype":"limit","price":"1","price2":null},"oflags":"post,fciq","deadline":"2026-09-01T08:00:00+00:00"} "#,
        )
        .unwrap();
        assert_eq!(form, json);
        assert_eq!(form.text("volume"), Some("1.2500"), "digits as sent");
        assert_eq!(form.list("oflags"), ["post", "fciq"]);
        assert_eq!(form.flag("validate"), Ok(true));
        let Some(Param::Map(close)) = form.get("close") else {
            panic!("{form:?}")
        };
        assert_eq!(close.text("price"), Some("1"));
    }

    #[test]
    fn batches_keep_their_order_in_every_spelling() {
        let numbers: Vec<String> = (0..12)
            .map(|n| format!("orders[{n}][volume]={n}"))
            .collect();
        let form = Params::from_form(numbers.join("&").as_bytes());
        let volumes: Vec<_> = form
            .rows("orders")
            .iter()
            .map(|row| row.text("volume").unwrap().to_owned())
            .collect();
        assert_eq!(volumes[9..], ["9", "10", "11"]);
        let ids = ["O1", "O2", "7"];
        for params in [
            Params::from_form(b"orders[]=O1&orders[]=O2&orders[]=7"),
            Params::from_form(b"orders[0]=O1&orders[1]=O2&orders[2]=7"),
            Params::from_form(b"orders=O1,O2, 7,"),
            Params::from_json(br#"{"orders":["O1","O2",7]}"#).unwrap(),
        ] {
            assert_eq!(params.list("orders"), ids, "{params:?}");
        }
    }

    #[test]
    fn blanks_come_as_plus_or_code_and_bad_codes_stay() {
        let params = Params::from_form(b"a=x+y%20z&b=100%&c=%zz&d=%2b5&e&=&&f=1&f=2");
        assert_eq!(params.text("a"), Some("x y z"));
        assert_eq!(params.text("b"), Some("100%"));
        assert_eq!(params.text("c"), Some("%zz"));
        assert_eq!(params.text("d"), Some("+5"));
        assert_eq!(params.text("e"), None, "empty is absent");
        assert_eq!(params.text("f"), Some("2"), "the last one counts");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "1", "{", r#"{"a":}"#, "null", "\"x\""] {
            assert_eq!(Params::from_json(body.as_bytes()), None, "{body}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50), "]".repeat(50));
        assert_eq!(Params::from_json(deep.as_bytes()), None);
        let big = Params::from_json(br#"{"nonce":18446744073709551615}"#).unwrap();
        assert_eq!(big.text("nonce"), Some("18446744073709551615"));
    }
}
