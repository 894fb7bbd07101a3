//! Just enough of Rust's grammar to know what a file names: no comments, no strings, paths written out in full.
//!
//! Left out: macros (their tokens are read as they stand) and renamed roots (`use crate as x` is reported by its rule).

use std::iter::Peekable;

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

/// A function that others can await.
#[derive(Debug)]
pub(super) struct Awaitable {
    pub(super) name: String,
    /// Where its name stands.
    pub(super) line: usize,
    /// Where it begins, docs and attributes apart.
    pub(super) first_line: usize,
}

/// Functions that more than their own module sees and that are `async` or return a future, those for tests left out.
pub(super) fn futures(tokens: &[Token]) -> Vec<Awaitable> {
    let starts = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "pub" && !token.test);
    starts
        .filter_map(|(start, first)| awaitable(&tokens[start..], first.line))
        .collect()
}

/// What begins with this `pub`, if it is a function that others can await.
fn awaitable(tokens: &[Token], first_line: usize) -> Option<Awaitable> {
    let words = || tokens.iter().map(|token| token.text.as_str());
    let scope = match words().nth(1) {
        Some("(") => words().position(|word| word == ")")? + 1,
        _ => 1,
    };
    let is_qualifier = |word: &str| matches!(word, "async" | "const" | "unsafe" | "extern");
    let qualifiers: Vec<&str> = words()
        .skip(scope)
        .take_while(|word| is_qualifier(word))
        .collect();
    let at = scope + qualifiers.len();
    if words().nth(at) != Some("fn") {
        return None;
    }
    let name = tokens.get(at + 1)?;
    (qualifiers.contains(&"async") || returns_future(&tokens[at..])).then(|| Awaitable {
        name: name.text.clone(),
        line: name.line,
        first_line,
    })
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
