//! Whether an answer has the shape of a documented one: the same keys, JSON types and number texts.
//!
//! Always true: the order of keys is free. A number, or a text that is one, has as many fraction digits as the documented one:
//! that is how a missing trailing zero shows. Ids and times match by their pattern. Each element of an array has the shape of
//! one documented element; rows of mixed types are compared column by column. A map from ids has any ids of their kind.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A documented answer, and where the simulator's may differ.
pub(super) struct Like<'a> {
    example: Node,
    lacking: &'a [&'a str],
    more: &'a [&'a str],
    loose: &'a [&'a str],
}

/// An answer like this.
pub(super) fn like(example: &str) -> Like<'static> {
    Like {
        example: Node::parse(example),
        lacking: &[],
        more: &[],
        loose: &[],
    }
}

impl<'a> Like<'a> {
    /// These keys may be missing.
    pub(super) const fn lacking(mut self, keys: &'a [&'a str]) -> Self {
        self.lacking = keys;
        self
    }

    /// These keys may be there too.
    pub(super) const fn more(mut self, keys: &'a [&'a str]) -> Self {
        self.more = keys;
        self
    }

    /// Of these keys the type alone counts.
    pub(super) const fn loose(mut self, keys: &'a [&'a str]) -> Self {
        self.loose = keys;
        self
    }

    /// Holds an answer against it.
    #[track_caller]
    pub(super) fn check(&self, answer: &str) {
        if let Err(difference) = self.compare("", &self.example, &Node::parse(answer)) {
            panic!("{difference}\nin {answer}");
        }
    }

    fn compare(&self, path: &str, example: &Node, answer: &Node) -> Result<(), String> {
        let differ = || Err(format!("{path}: {answer:?} is not like {example:?}"));
        let last = path.rsplit('.').next().unwrap_or_default();
        let name = last.split('[').next().unwrap_or_default();
        match (example, answer) {
            (Node::Null, Node::Null) | (Node::Bool, Node::Bool) => Ok(()),
            (Node::Number(one), Node::Number(other)) | (Node::Text(one), Node::Text(other)) => {
                if self.loose.contains(&name) || Kind::of(one).fits(&Kind::of(other)) {
                    Ok(())
                } else {
                    differ()
                }
            }
            (Node::Array(examples), Node::Array(answers)) => self.rows(path, examples, answers),
            (Node::Object(examples), Node::Object(answers)) => self.keys(path, examples, answers),
            _ => differ(),
        }
    }

    fn rows(&self, path: &str, examples: &[Node], answers: &[Node]) -> Result<(), String> {
        if examples.is_empty() != answers.is_empty() {
            return Err(format!("{path}: {answers:?} is not like {examples:?}"));
        }
        if is_tuple(examples) {
            if examples.len() != answers.len() {
                return Err(format!("{path}: {answers:?} has another length"));
            }
            let mut columns = examples.iter().zip(answers).enumerate();
            return columns.try_for_each(|(at, (example, answer))| {
                self.compare(&format!("{path}[{at}]"), example, answer)
            });
        }
        answers.iter().enumerate().try_for_each(|(at, answer)| {
            let path = format!("{path}[{at}]");
            let tries = examples
                .iter()
                .map(|example| self.compare(&path, example, answer));
            let best = tries.reduce(|one, other| if other.is_ok() { other } else { one });
            best.unwrap_or(Ok(()))
        })
    }

    fn keys(
        &self,
        path: &str,
        examples: &BTreeMap<String, Node>,
        answers: &BTreeMap<String, Node>,
    ) -> Result<(), String> {
        if let Some((kind, example)) = ids(examples) {
            for (id, answer) in answers {
                if !kind.fits(&Kind::of(id)) {
                    return Err(format!("{path}: {id} is no such id"));
                }
                self.compare(&format!("{path}.{id}"), example, answer)?;
            }
            return if answers.is_empty() {
                Err(format!("{path} is empty"))
            } else {
                Ok(())
            };
        }
        for (key, example) in examples {
            match answers.get(key) {
                Some(answer) => self.compare(&format!("{path}.{key}"), example, answer)?,
                None if self.lacking.contains(&key.as_str()) => {}
                None => return Err(format!("{path} lacks {key}")),
            }
        }
        let unknown =
            |key: &&String| !examples.contains_key(*key) && !self.more.contains(&key.as_str());
        match answers.keys().find(unknown) {
            Some(key) => Err(format!("{path} has {key} too")),
            None => Ok(()),
        }
    }
}

/// Whether an array is a row of columns, rather than a list of the like.
fn is_tuple(examples: &[Node]) -> bool {
    let scalar = |node: &Node| !matches!(node, Node::Array(_) | Node::Object(_));
    let kind = |node: &Node| std::mem::discriminant(node);
    let mixed = examples
        .windows(2)
        .any(|two| kind(&two[0]) != kind(&two[1]));
    examples.iter().all(scalar) && mixed
}

/// A map from ids: the kind of its keys, and what they lead to.
fn ids(examples: &BTreeMap<String, Node>) -> Option<(Kind, &Node)> {
    let (first, example) = examples.first_key_value()?;
    let kind = Kind::of(first);
    matches!(kind, Kind::Id(_)).then_some((kind, example))
}

#[derive(Debug)]
enum Node {
    Null,
    Bool,
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

impl Node {
    fn parse(json: &str) -> Self {
        match json.trim_start().as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool,
            Some(b'"') => Self::Text(serde_json::from_str(json).unwrap()),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).unwrap();
                Self::Array(items.iter().map(|item| Self::parse(item.get())).collect())
            }
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap();
                let nodes = members
                    .into_iter()
                    .map(|(key, value)| (key, Self::parse(value.get())));
                Self::Object(nodes.collect())
            }
            _ => Self::Number(json.trim().to_owned()),
        }
    }
}

/// What a text or a number is, as far as its pattern tells.
#[derive(Debug, Eq, PartialEq)]
enum Kind {
    /// An id with its first letter.
    Id(char),
    /// RFC 3339 with so many fraction digits.
    Time(usize),
    /// Seconds since the epoch, with a fraction.
    Seconds(usize),
    /// A number with so many fraction digits.
    Decimal(usize),
    /// Anything else.
    Word,
}

impl Kind {
    fn of(text: &str) -> Self {
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if groups == [6, 5, 6] && text.bytes().all(capital) {
            return Self::Id(text.chars().next().unwrap_or_default());
        }
        if let Some(time) = text.strip_suffix('Z')
            && time.as_bytes().get(10) == Some(&b'T')
        {
            return Self::Time(
                time.split_once('.')
                    .map_or(0, |(_, fraction)| fraction.len()),
            );
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all(whole) || !all(fraction) {
            return Self::Word;
        }
        if whole.len() == 10 && !fraction.is_empty() {
            return Self::Seconds(fraction.len());
        }
        Self::Decimal(fraction.len())
    }

    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            // The venue sends four digits or more.
            (Self::Seconds(_), Self::Seconds(digits)) => *digits >= 4,
            _ => self == other,
        }
    }
}

#[test]
fn shapes_differ_by_keys_types_and_trailing_zeros_only() {
    let example = r#"{"id":"OAAAAA-BBBBB-CCCCC1","at":"2026-09-01T08:00:00.000001Z","rows":[[1,"2.50"]],"map":{"TAAAAA-BBBBB-CCCCC1":{"ok":true}}}"#;
    let same = r#"{"map":{"TQQQQQ-QQQQQ-QQQQQ1":{"ok":false}},"rows":[[7,"0.00"],[8,"1.25"]],"at":"2027-09-01T08:00:00.123456Z","id":"OXXXXX-XXXXX-XXXXX1"}"#;
    like(example).check(same);
    for (from, to) in [
        ("\"0.00\"", "\"0.0\""),
        ("\"0.00\"", "0.00"),
        (",[8,\"1.25\"]", ",[8]"),
        (".123456Z", ".123Z"),
        ("OXXXXX", "LXXXXX"),
        ("\"ok\":false", "\"ok\":null"),
        ("\"ok\":false", "\"no\":false"),
        ("\"id\"", "\"new\":1,\"id\""),
        ("[[7,\"0.00\"],[8,\"1.25\"]]", "[]"),
    ] {
        let other = same.replace(from, to);
        assert_ne!(same, other, "{from}");
        let like = like(example);
        let difference = like.compare("", &like.example, &Node::parse(&other));
        assert!(difference.is_err(), "{from} → {to}");
    }
    like(example)
        .lacking(&["at"])
        .more(&["new"])
        .check(&same.replace(r#""at":"2027-09-01T08:00:00.123456Z""#, r#""new":null"#));
}
