//! Just enough of Rust's grammar to know what a file names: no comments, no strings, paths written out in full.
//!
//! Left out: macros (their tokens are read as they stand) and renamed roots (`use crate as x` is reported by its rule).

use std::{collections::BTreeSet, iter::Peekable, ops::Range};

/// A word or a sign, with its line. `::` is one sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) text: String,
    /// Whether it is part of an item under `#[cfg(test)]`.
    pub(super) test: bool,
}

/// A path with at least two parts. Those that lead from this crate's root begin with `crate`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) parts: Vec<String>,
}

/// The tokens of a file, without comments and literals.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in (1..).zip(strip(text).lines()) {
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter.is_whitespace() {
                continue;
            }
            let mut text = String::from(letter);
            if is_word(letter) {
                while let Some(next) = letters.next_if(|next| is_word(*next)) {
                    text.push(next);
                }
            } else if letter == ':' && letters.next_if_eq(&':').is_some() {
                text.push(':');
            }
            tokens.push(Token {
                line: number,
                text,
                test: false,
            });
        }
    }
    mark_tests(&mut tokens);
    tokens
}

/// Every path of a file, whose module is `module` (parts below the root).
pub(super) fn paths(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut inside = module.to_vec();
    let mut braces: Vec<bool> = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if starts_path(tokens, index) {
            let mut written = Vec::new();
            index = read_tree(tokens, index, Vec::new(), &mut written);
            found.extend(written.into_iter().map(|named| rooted(named, &inside)));
            continue;
        }
        match tokens[index].text.as_str() {
            "{" => {
                let opens_module = index >= 2 && tokens[index - 2].text == "mod";
                if opens_module {
                    inside.push(tokens[index - 1].text.clone());
                }
                braces.push(opens_module);
            }
            "}" if braces.pop() == Some(true) => {
                inside.pop();
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// Modules that a file declares under `#[cfg(test)]` and that live in files of their own.
pub(super) fn test_modules(tokens: &[Token]) -> Vec<String> {
    tokens
        .windows(3)
        .filter(|three| three[0].test && three[0].text == "mod" && three[2].text == ";")
        .map(|three| three[1].text.clone())
        .collect()
}

/// A function that can be awaited.
#[derive(Debug)]
pub(super) struct Awaitable {
    pub(super) name: String,
    /// Where its name stands.
    pub(super) line: usize,
    /// Where it begins, docs and attributes apart.
    pub(super) first_line: usize,
    /// Whether more than its own module sees it.
    pub(super) is_shared: bool,
}

/// Functions that are `async` or return a future, those for tests left out.
pub(super) fn futures(tokens: &[Token]) -> Vec<Awaitable> {
    let starts = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "fn" && !token.test);
    starts.filter_map(|(at, _)| awaitable(tokens, at)).collect()
}

/// The function whose `fn` stands here, if it can be awaited.
fn awaitable(tokens: &[Token], at: usize) -> Option<Awaitable> {
    let name = tokens.get(at + 1).filter(|name| is_name(name))?;
    let word = |at: usize| tokens[at].text.as_str();
    let is_qualifier = |word: &str| matches!(word, "async" | "const" | "unsafe" | "extern");
    let mut first = at;
    while first > 0 && is_qualifier(word(first - 1)) {
        first -= 1;
    }
    let is_async = tokens[first..at].iter().any(|token| token.text == "async");
    if !is_async && !returns_future(&tokens[at..]) {
        return None;
    }
    let scope = match first.checked_sub(1).map(word) {
        Some("pub") => Some(first - 1),
        Some(")") => tokens[..first]
            .iter()
            .rposition(|token| token.text == "(")
            .and_then(|open| open.checked_sub(1))
            .filter(|before| word(*before) == "pub"),
        _ => None,
    };
    Some(Awaitable {
        name: name.text.clone(),
        line: name.line,
        first_line: tokens[scope.unwrap_or(first)].line,
        is_shared: scope.is_some(),
    })
}

/// Calls that drop the future that they are given once something else comes first.
const LIMITS: &[&str] = &[
    "timeout",
    "timeout_at",
    "within",
    "within_for",
    "or_canceled",
];

/// Names of the functions that are called in what a `select!` or a limit may drop half-way, those for tests left out. A future that was
/// bound to a name before, pinned or not, is followed to where it was made.
pub(super) fn dropped(tokens: &[Token]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        let sign = |ahead: usize| tokens.get(at + ahead).map(|token| token.text.as_str());
        if token.text == "select" && sign(1) == Some("!") {
            for future in branches(tokens, at + 2) {
                called(tokens, future, &mut found);
            }
        } else if LIMITS.contains(&token.text.as_str()) && sign(1) == Some("(") {
            for argument in arguments(tokens, at + 1) {
                called(tokens, argument, &mut found);
            }
        }
    }
    found
}

/// The futures of the branches of the `select!` whose bracket opens here.
fn branches(tokens: &[Token], open: usize) -> Vec<Range<usize>> {
    let end = closing(tokens, open);
    let is = |at: usize, text: &str| at < end && tokens[at].text == text;
    let mut found = Vec::new();
    let mut at = open + 1;
    while at < end {
        // A pattern, its future, perhaps a condition, and what is done then.
        let arrow = outermost(tokens, at..end, |at| is(at, "=") && is(at + 1, ">"));
        let equals = outermost(tokens, at..arrow, |at| is(at, "="));
        let condition = outermost(tokens, equals..arrow, |at| is(at, ",") && is(at + 1, "if"));
        if equals < arrow {
            found.push(equals + 1..condition);
        }
        let handler = arrow + 2;
        at = if is(handler, "{") {
            closing(tokens, handler) + 1
        } else {
            outermost(tokens, handler..end, |at| is(at, ","))
        };
        at += usize::from(is(at, ","));
    }
    found
}

/// What stands between the commas of the bracket that opens here.
fn arguments(tokens: &[Token], open: usize) -> Vec<Range<usize>> {
    let end = closing(tokens, open);
    let mut found = Vec::new();
    let mut at = open + 1;
    while at < end {
        let comma = outermost(tokens, at..end, |at| tokens[at].text == ",");
        found.push(at..comma);
        at = comma + 1;
    }
    found
}

/// The first place in `range`, outside of brackets that open in it, of which `wanted` is true; else its end.
fn outermost(tokens: &[Token], range: Range<usize>, wanted: impl Fn(usize) -> bool) -> usize {
    let mut at = range.start;
    while at < range.end {
        if wanted(at) {
            return at;
        }
        let opens = matches!(tokens[at].text.as_str(), "(" | "[" | "{");
        at = if opens { closing(tokens, at) } else { at } + 1;
    }
    range.end
}

/// Where the bracket that opens here is closed.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return at,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Adds the functions that are called in `range`, and in what the futures that stand in it by name were bound to.
fn called(tokens: &[Token], range: Range<usize>, found: &mut BTreeSet<String>) {
    let mut open = vec![(range.start, range)];
    // A name may be bound to itself, as where it is pinned: that leads to where it was bound before.
    while let Some((start, range)) = open.pop() {
        for at in range.clone().filter(|at| is_name(&tokens[*at])) {
            if tokens.get(at + 1).is_some_and(|next| next.text == "(") {
                found.insert(tokens[at].text.clone());
            } else if stands_alone(tokens, at, &range) {
                open.extend(bound(tokens, start, &tokens[at].text));
            }
        }
    }
}

/// Whether the name here is itself what `range` is, by reference or pinned, not a part or an argument of it.
fn stands_alone(tokens: &[Token], at: usize, range: &Range<usize>) -> bool {
    let text = |at: usize| tokens[at].text.as_str();
    let mut first = at;
    while first > range.start && matches!(text(first - 1), "&" | "mut") {
        first -= 1;
    }
    if first >= range.start + 2 && text(first - 1) == "(" && matches!(text(first - 2), "!" | "pin")
    {
        return true;
    }
    first == range.start
}

/// Where this name was bound last before `before`, in the same function, and to what.
fn bound(tokens: &[Token], before: usize, name: &str) -> Option<(usize, Range<usize>)> {
    let function = tokens[..before]
        .windows(2)
        .rposition(|two| two[0].text == "fn" && is_name(&two[1]))?;
    let bindings = (function..before).rev();
    let mut bindings = bindings.filter(|at| tokens[*at].text == "let");
    bindings.find_map(|at| {
        let is_mut = tokens[at + 1].text == "mut";
        let named = at + 1 + usize::from(is_mut);
        (tokens[named].text == name).then(|| {
            let end = outermost(tokens, named..before, |at| tokens[at].text == ";");
            // Behind the sign, whatever type stands before it.
            let sign = outermost(tokens, named..end, |at| tokens[at].text == "=");
            (at, sign + 1..end)
        })
    })
}

fn is_name(token: &Token) -> bool {
    token
        .text
        .starts_with(|letter: char| is_word(letter) && !letter.is_numeric())
}

/// Whether the type behind the arrow of a signature is a future.
fn returns_future(signature: &[Token]) -> bool {
    let mut depth = 0_usize;
    let mut before = "";
    let mut returned = false;
    for token in signature {
        match token.text.as_str() {
            "{" | ";" | "where" if depth == 0 => return false,
            "Future" | "BoxFuture" if returned => return true,
            "(" | "[" if !returned => depth += 1,
            ")" | "]" if !returned => depth = depth.saturating_sub(1),
            "<" if !returned => depth += 1,
            ">" if before == "-" => returned |= depth == 0,
            ">" if !returned => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = &token.text;
    }
    false
}

/// Replaces comments and literals by blanks; lines stay where they are.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        let length = if is_word(before) { 0 } else { raw_string(rest) };
        let length = if length > 0 {
            length
        } else {
            skipped(rest, letter)
        };
        if length > 0 {
            let (gone, left) = rest.split_at(length);
            out.extend(
                gone.chars()
                    .map(|gone| if gone == '\n' { '\n' } else { ' ' }),
            );
            (rest, before) = (left, ' ');
        } else {
            out.push(letter);
            (rest, before) = (&rest[letter.len_utf8()..], letter);
        }
    }
    out
}

/// Length of the comment or literal that `text` begins with; 0 if it begins with neither.
fn skipped(text: &str, first: char) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    match first {
        '"' => quoted(text, '"'),
        '\'' if is_letter_literal(text) => quoted(text, '\''),
        _ => 0,
    }
}

/// Length of the raw string that `text` begins with, with its prefix; 0 if it does not.
fn raw_string(text: &str) -> usize {
    let Some(after) = ["br", "cr", "r"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
    else {
        return 0;
    };
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(body) = after[hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let closed = body.find(&end).map_or(body.len(), |at| at + end.len());
    text.len() - body.len() + closed
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return at + 1;
        }
    }
    text.len()
}

/// `'a'` and `'\n'` are letters, `'a` is a lifetime.
fn is_letter_literal(text: &str) -> bool {
    let mut letters = text.chars().skip(1);
    match letters.next() {
        Some('\\') => true,
        Some(_) => letters.next() == Some('\''),
        None => false,
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn starts_path(tokens: &[Token], index: usize) -> bool {
    let continues = index > 0 && matches!(tokens[index - 1].text.as_str(), "::" | ".");
    let is_path = tokens.get(index + 1).is_some_and(|next| next.text == "::");
    !continues && is_path && tokens[index].text.starts_with(is_word)
}

/// Reads the path or use tree at `index` and returns where it ends.
fn read_tree(
    tokens: &[Token],
    index: usize,
    mut parts: Vec<String>,
    out: &mut Vec<Named>,
) -> usize {
    let Some(token) = tokens.get(index) else {
        return index;
    };
    if token.text == "{" {
        return read_group(tokens, index + 1, &parts, out);
    }
    let line = token.line;
    if !token.text.starts_with(is_word) && token.text != "*" {
        out.push(Named { line, parts });
        return index;
    }
    parts.push(token.text.clone());
    if tokens.get(index + 1).is_some_and(|next| next.text == "::") {
        return read_tree(tokens, index + 2, parts, out);
    }
    out.push(Named { line, parts });
    index + 1
}

fn read_group(tokens: &[Token], mut index: usize, parts: &[String], out: &mut Vec<Named>) -> usize {
    while let Some(token) = tokens.get(index) {
        match token.text.as_str() {
            "}" => return index + 1,
            "," => index += 1,
            "as" => index += 2,
            _ => index = read_tree(tokens, index, parts.to_vec(), out).max(index + 1),
        }
    }
    index
}

/// Writes a path out from the crate's root, where it leads through it.
fn rooted(named: Named, module: &[String]) -> Named {
    let Named { line, parts } = named;
    let mut rest = parts.into_iter().peekable();
    let base = match rest.peek().map(String::as_str) {
        Some("crate" | "tradingd") => {
            rest.next();
            Vec::new()
        }
        Some("self" | "super") => climb(&mut rest, module),
        _ => {
            return Named {
                line,
                parts: rest.collect(),
            };
        }
    };
    let root = [String::from("crate")];
    let parts = root.into_iter().chain(base).chain(rest).collect();
    Named { line, parts }
}

fn climb(rest: &mut Peekable<impl Iterator<Item = String>>, module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    while let Some(part) = rest.next_if(|part| part == "self" || part == "super") {
        if part == "super" {
            base.pop();
        }
    }
    base
}

/// Marks the items under `#[cfg(test)]`, attribute included.
fn mark_tests(tokens: &mut [Token]) {
    let mut index = 0;
    while index < tokens.len() {
        if !is_cfg_test(&tokens[index..]) {
            index += 1;
            continue;
        }
        let end = item_end(tokens, index);
        for token in &mut tokens[index..end] {
            token.test = true;
        }
        index = end;
    }
}

fn is_cfg_test(tokens: &[Token]) -> bool {
    let starts = ["#", "[", "cfg", "("];
    let words = || tokens.iter().map(|token| token.text.as_str());
    words()
        .zip(starts)
        .filter(|(word, start)| word == start)
        .count()
        == starts.len()
        && words()
            .take_while(|word| *word != "]")
            .any(|word| word == "test")
        && !words()
            .take_while(|word| *word != "]")
            .any(|word| word == "not")
}

/// One past the `;` or the closing brace of the item whose attributes begin at `start`.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" if depth == 1 => return index + 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}
