//! A pull scanner over the bytes of one JSON text.
//!
//! For: reading the two busiest channels and every frame's envelope without building anything. Left out: meaning.
//! Always true: it takes exactly the JSON grammar, borrows from the frame, and allocates only for a text that holds an escape.

use std::borrow::Cow;

use super::error::{DecodeError, Why};
use crate::types::{InvalidDigits, Timestamp, digits};

/// Nesting that is passed over before a frame is refused.
const DEEPEST: usize = 100;

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(in super::super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// Result of one step.
pub(in super::super) type Step<T> = Result<T, DecodeError>;

impl<'a> Scanner<'a> {
    pub(in super::super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A scanner of the same text at another place, found earlier by [`Scanner::skip`].
    pub(in super::super) const fn moved_to(&self, at: usize) -> Self {
        Self {
            text: self.text,
            at,
        }
    }

    /// Offset of the next byte.
    pub(in super::super) const fn at(&self) -> usize {
        self.at
    }

    /// Offset of the next byte that is no white space.
    pub(in super::super) fn here(&mut self) -> usize {
        self.peek();
        self.at
    }

    pub(in super::super) const fn fail<T>(&self, why: Why) -> Step<T> {
        Err(DecodeError { at: self.at, why })
    }

    const fn expected<T>(&self, what: &'static str) -> Step<T> {
        self.fail(Why::Expected(what))
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    #[inline]
    pub(in super::super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Passes a byte that must be next, white space before it included.
    #[inline]
    pub(in super::super) fn pass(&mut self, wanted: u8, name: &'static str) -> Step<()> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        self.expected(name)
    }

    /// Passes `literal` if exactly these bytes come next.
    #[inline]
    pub(in super::super) fn pass_literal(&mut self, literal: &[u8]) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = rest.starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    /// Nothing but white space may follow.
    pub(in super::super) fn end(&mut self) -> Step<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.expected("the end"),
        }
    }

    /// Enters an object: its first key, or none.
    #[inline]
    pub(in super::super) fn first_key(&mut self) -> Step<Option<Cow<'a, str>>> {
        self.pass(b'{', "an object")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        self.key().map(Some)
    }

    /// After a member's value: the next key, or none at the object's end.
    #[inline]
    pub(in super::super) fn next_key(&mut self) -> Step<Option<Cow<'a, str>>> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.key().map(Some)
            }
            Some(b'}') => {
                self.at += 1;
                Ok(None)
            }
            _ => self.expected("`,` or `}`"),
        }
    }

    #[inline]
    fn key(&mut self) -> Step<Cow<'a, str>> {
        let key = self.string()?;
        self.pass(b':', "`:`")?;
        Ok(key)
    }

    /// Enters an array: whether it has a first item.
    #[inline]
    pub(in super::super) fn first_item(&mut self) -> Step<bool> {
        self.pass(b'[', "an array")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After an item: whether another follows.
    #[inline]
    pub(in super::super) fn next_item(&mut self) -> Step<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.expected("`,` or `]`"),
        }
    }

    /// A string.
    #[inline]
    pub(in super::super) fn string(&mut self) -> Step<Cow<'a, str>> {
        self.pass(b'"', "a string")?;
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = plain_length(rest);
        self.at += length;
        match rest.get(length) {
            Some(b'"') => {}
            Some(b'\\') => return self.escaped_string(start),
            _ => return self.expected("a string's end"),
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Cow::Borrowed(text))
    }

    #[cold]
    fn escaped_string(&mut self, start: usize) -> Step<Cow<'a, str>> {
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0x20..) => self.at += 1,
                _ => return self.expected("a string's end"),
            }
        }
        self.at += 1;
        let quoted = self.text.get(start - 1..self.at).unwrap_or_default();
        match serde_json::from_str(quoted) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_malformed) => self.expected("a valid escape"),
        }
    }

    /// A string or `null`.
    pub(in super::super) fn string_or_null(&mut self) -> Step<Option<Cow<'a, str>>> {
        if self.peek() == Some(b'n') {
            return self.word("null").map(|()| None);
        }
        self.string().map(Some)
    }

    /// The characters of a number.
    #[inline]
    pub(in super::super) fn number(&mut self) -> Step<&'a str> {
        self.peek();
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        match number_length(rest) {
            Ok(length) => {
                self.at += length;
                Ok(self.text.get(start..self.at).unwrap_or_default())
            }
            Err(NoDigit(length)) => {
                self.at += length;
                self.expected("a digit of a number")
            }
        }
    }

    /// A number of zero or more as a count of 10^-`precision`, exactly.
    #[inline]
    pub(in super::super) fn fixed(&mut self, precision: u8, field: &'static str) -> Step<i64> {
        self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        let (mut mantissa, mut length, mut point) = (0_u64, 0_usize, usize::MAX);
        // Up to 18 digits in plain notation: everything a healthy feed sends.
        for &byte in bytes.iter().take(19) {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                mantissa = mantissa * 10 + u64::from(digit);
            } else if byte == b'.' && point == usize::MAX {
                point = length;
            } else {
                break;
            }
            length += 1;
        }
        let fraction = if point == usize::MAX {
            0
        } else {
            length - point - 1
        };
        let whole = length.min(point);
        let plain = length < 19
            && whole > 0
            && (point == usize::MAX || fraction > 0)
            && (whole == 1 || bytes.first() != Some(&b'0'))
            && !matches!(bytes.get(length), Some(b'e' | b'E'));
        let shift = usize::from(precision).checked_sub(fraction);
        let factor = shift.and_then(|shift| digits::POWERS.get(shift));
        match (plain, factor) {
            (true, Some(factor)) => {
                self.at += length;
                // At most 18 digits: they fit.
                match mantissa.cast_signed().checked_mul(*factor) {
                    Some(units) => Ok(units),
                    None => self.number_failed(start, field, InvalidDigits::TooLarge),
                }
            }
            _ => self.fixed_slow(precision, field),
        }
    }

    #[cold]
    fn fixed_slow(&mut self, precision: u8, field: &'static str) -> Step<i64> {
        self.peek();
        let start = self.at;
        let text = self.number()?;
        digits::fixed(text.as_bytes(), precision)
            .or_else(|source| self.number_failed(start, field, source))
    }

    #[cold]
    const fn number_failed<T>(
        &self,
        at: usize,
        field: &'static str,
        source: InvalidDigits,
    ) -> Step<T> {
        let why = Why::Number { field, source };
        Err(DecodeError { at, why })
    }

    /// A whole number of zero or more.
    #[inline]
    pub(in super::super) fn unsigned(&mut self, field: &'static str) -> Step<u64> {
        self.peek();
        let start = self.at;
        let text = self.number()?;
        match text.parse() {
            Ok(value) => Ok(value),
            Err(_) if text.starts_with('-') => {
                self.number_failed(start, field, InvalidDigits::Negative)
            }
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.number_failed(start, field, InvalidDigits::TooLarge)
            }
            Err(_) => self.number_failed(start, field, InvalidDigits::TooPrecise(0)),
        }
    }

    /// `true` or `false`.
    pub(in super::super) fn boolean(&mut self) -> Step<bool> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => self.expected("true or false"),
        }
    }

    fn word(&mut self, word: &'static str) -> Step<()> {
        if self.pass_literal(word.as_bytes()) {
            return Ok(());
        }
        self.expected(word)
    }

    /// An instant; RFC 3339.
    #[inline]
    pub(in super::super) fn instant(&mut self) -> Step<Timestamp> {
        self.peek();
        let start = self.at;
        let text = self.string()?;
        match super::time::instant(&text) {
            Some(instant) => Ok(instant),
            None => self.moved_to(start).expected("an RFC 3339 instant"),
        }
    }

    /// Passes over one value; returns its characters.
    pub(in super::super) fn skip(&mut self) -> Step<&'a str> {
        self.peek();
        let start = self.at;
        let mut nesting = Nesting::default();
        loop {
            match self.peek() {
                Some(b'{') => {
                    if self.first_key()?.is_some() {
                        self.enter(&mut nesting, true)?;
                        continue;
                    }
                }
                Some(b'[') => {
                    if self.first_item()? {
                        self.enter(&mut nesting, false)?;
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            // A value has ended; so may have what holds it.
            loop {
                match nesting.innermost() {
                    None => return Ok(self.text.get(start..self.at).unwrap_or_default()),
                    Some(true) if self.next_key()?.is_some() => break,
                    Some(false) if self.next_item()? => break,
                    Some(_) => nesting.leave(),
                }
            }
        }
    }

    fn enter(&self, nesting: &mut Nesting, object: bool) -> Step<()> {
        if nesting.depth == DEEPEST {
            return self.fail(Why::TooDeep);
        }
        nesting.enter(object);
        Ok(())
    }

    fn skip_scalar(&mut self) -> Step<()> {
        match self.peek() {
            Some(b'"') => self.string().map(|_text| ()),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_text| ()),
            _ => self.expected("a value"),
        }
    }
}

/// How many bytes come before a quote, a backslash or a control character; eight are looked at together.
#[inline]
pub(in super::super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let mut length = 0;
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        // The lowest mark is right; only above it may a borrow have made false ones.
        let marks = (below(word, 0x20) | quote | backslash) & HIGH;
        if marks != 0 {
            return length + marks.trailing_zeros() as usize / 8;
        }
        length += 8;
        rest = after;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    length + rest.iter().position(special).unwrap_or(rest.len())
}

/// A digit is missing at this offset.
struct NoDigit(usize);

/// How many bytes the number takes that begins here.
#[inline]
fn number_length(bytes: &[u8]) -> Result<usize, NoDigit> {
    let digits_from = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let some_digits_from = |at: usize| match digits_from(at) {
        0 => Err(NoDigit(at)),
        count => Ok(at + count),
    };
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut end = match bytes.get(start) {
        Some(b'0') => start + 1,
        _ => some_digits_from(start)?,
    };
    if bytes.get(end) == Some(&b'.') {
        end = some_digits_from(end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = some_digits_from(end + 1 + usize::from(sign))?;
    }
    Ok(end)
}

/// Which of the open brackets are objects: one bit each, innermost lowest.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: usize,
}

impl Nesting {
    const fn enter(&mut self, object: bool) {
        self.objects = self.objects << 1 | object as u128;
        self.depth += 1;
    }

    const fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    const fn innermost(&self) -> Option<bool> {
        if self.depth == 0 {
            None
        } else {
            Some(self.objects & 1 == 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn skips(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn grammar_is_that_of_json() {
        for text in [
            "{}",
            "[]",
            "0",
            "-0",
            "-1.5e-7",
            "1E+9",
            r#""a\u0041\n""#,
            "true",
            "null",
            " [ 1 , { \"a\" : [ ] } ] ",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "tru",
            "nul",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "\"\t\"",
            "[1",
            "{\"a\"}",
            "",
            "[}",
            "\"\\x\"",
            "\"\\",
            "\"\\\"",
        ] {
            assert_eq!(
                skips(text),
                serde_json::from_str::<IgnoredAny>(text).is_ok(),
                "{text}"
            );
        }
        assert!(!skips(&"[".repeat(100_000)));
    }

    #[test]
    fn fixed_point_reads_what_the_slow_reader_reads() {
        for text in [
            "0",
            "0.0",
            "0E0",
            "5.1e-05",
            "62802.5",
            "0.00005100",
            "00.5",
            "1.",
            "1.e1",
            "-1",
            "123456789012345678",
            "1234567890123456789",
            "12345678901234567.8",
            "123456789012345678.9",
            "9223372036854775807",
            "92233720368547758070",
            "0.123456789",
            "1e3",
            "1.2.3",
            "",
        ] {
            for precision in [0, 1, 8] {
                let mut scanner = Scanner::new(text);
                let read = scanner
                    .fixed(precision, "qty")
                    .and_then(|units| scanner.end().map(|()| units));
                let grammatical = serde_json::from_str::<IgnoredAny>(text).is_ok();
                let want = digits::fixed(text.as_bytes(), precision)
                    .ok()
                    .filter(|_| grammatical);
                assert_eq!(read.ok(), want, "{text} at {precision}");
            }
        }
    }

    proptest! {
        #[test]
        fn plain_bytes_are_counted_as_one_by_one(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), any::<u8>(), b'a'..=b'z'], 0..40)) {
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            for start in 0..=bytes.len() {
                let rest = &bytes[start..];
                let want = rest.iter().position(special).unwrap_or(rest.len());
                prop_assert_eq!(plain_length(rest), want);
            }
        }

        #[test]
        fn damaged_json_is_refused_where_serde_json_refuses_it(
            cut in 0_usize..220,
            position in 0_usize..220,
            byte in prop::sample::select(b"\"\\{}[]:,0e.-t ".to_vec()),
        ) {
            let text = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":29999.9,"qty":0.00000000}],"asks":[],"checksum":123456789,"x":[null,true,-1.5E+3,"\u00e9"]}]}"#;
            let mut bytes = text.as_bytes().to_vec();
            if let Some(target) = bytes.get_mut(position) {
                *target = byte;
            }
            bytes.truncate(cut.max(1));
            let damaged = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(skips(&damaged), serde_json::from_str::<IgnoredAny>(&damaged).is_ok(), "{}", damaged);
        }
    }
}
