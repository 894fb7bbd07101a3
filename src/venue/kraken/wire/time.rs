//! Instants as the venue writes them, read without a general parser.

use crate::types::Timestamp;

/// Reads RFC 3339; the venue's own form (`…T…Z`, up to 9 fraction digits) quickly.
pub(in super::super) fn instant(text: &str) -> Option<Timestamp> {
    quick(text.as_bytes()).or_else(|| Timestamp::parse(text).ok())
}

/// The same; a stamp without zone counts as UTC (seen in documented samples).
pub(in super::super) fn lenient(text: &str) -> Option<Timestamp> {
    instant(text).or_else(|| instant(&format!("{text}Z")))
}

/// The common form only. What it does not take is left to the general parser.
pub(in super::super) fn quick(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return None;
    };
    let year = pair(*y1, *y2)? * 100 + pair(*y3, *y4)?;
    let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
    let (hour, minute, second) = (pair(*h1, *h2)?, pair(*n1, *n2)?, pair(*s1, *s2)?);
    let longest = if month == 2 { 28 } else { 30 };
    let common = (1971..2261).contains(&year)
        && (1..=12).contains(&month)
        && (1..=longest).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !common {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_nanos(
        seconds * 1_000_000_000 + fraction(rest)?,
    ))
}

fn pair(tens: u8, ones: u8) -> Option<i64> {
    let both = tens.is_ascii_digit() && ones.is_ascii_digit();
    both.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Nanoseconds of `.123456Z` or `Z`.
fn fraction(rest: &[u8]) -> Option<i64> {
    let digits = match rest {
        [b'Z'] => return Some(0),
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => digits,
        _ => return None,
    };
    let mut nanos = 0;
    for place in 0..9 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        nanos = nanos * 10 + i64::from(digit - b'0');
    }
    Some(nanos)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Counted from March, so that the leap day comes last.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stamps_without_zone_count_as_utc() {
        assert_eq!(instant("2022-06-13T08:09:10.7890123"), None);
        assert_eq!(
            lenient("2022-06-13T08:09:10.7890123"),
            instant("2022-06-13T08:09:10.789012300Z")
        );
        assert_eq!(lenient("0"), None);
    }

    proptest! {
        #[test]
        fn quick_reader_agrees_with_the_general_one(seconds in 0_i64..9_000_000_000, nanos in 0_i64..1_000_000_000, digits in 0_u8..=9) {
            let text = Timestamp::from_nanos(seconds * 1_000_000_000 + nanos).rfc3339(digits).to_string();
            let want = Timestamp::parse(&text).unwrap();
            prop_assert_eq!(instant(&text), Some(want));
            if let Some(read) = quick(text.as_bytes()) {
                prop_assert_eq!(read, want);
            }
        }

        #[test]
        fn impossible_dates_are_refused_by_both(month in 0_i64..15, day in 0_i64..33, hour in 0_i64..26) {
            let text = format!("2025-{month:02}-{day:02}T{hour:02}:00:00Z");
            prop_assert_eq!(instant(&text), Timestamp::parse(&text).ok());
        }
    }
}
