//! Amounts as a person reads them. Only for the eye: what is rounded here is exact elsewhere.

use std::time::Duration;

use crate::types::Decimal;

/// Money: two digits after the point; of less than one unit as many as it takes to see something, up to eight.
pub(super) fn money(amount: Decimal) -> String {
    let unit = Decimal::new(1, 0).unwrap_or(Decimal::ZERO);
    let digits = if amount.is_zero() || amount.abs() >= unit {
        2
    } else {
        let visible = |digits: &u8| {
            let hundredfold = amount.rounded_toward_zero(*digits);
            hundredfold.is_ok_and(|rounded| rounded.mantissa().unsigned_abs() >= 100)
        };
        (2..8).find(visible).unwrap_or(8)
    };
    let rounded = amount.rounded_half_up(digits).unwrap_or(amount);
    rounded.to_string()
}

/// The same with its sign, also above zero.
pub(super) fn signed(amount: Decimal) -> String {
    let sign = if amount > Decimal::ZERO { "+" } else { "" };
    format!("{sign}{}", money(amount))
}

/// A count with its thousands apart: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time as a clock shows it: `0:01:02`, `2d 3:04:05`.
pub(super) fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        return format!("{days}d {hours}:{minutes:02}:{seconds:02}");
    }
    format!("{hours}:{minutes:02}:{seconds:02}")
}

/// A short length of time in three digits or so: `312µs`, `1.2ms`.
pub(super) fn latency(span: Duration) -> String {
    format!("{span:.1?}").replace(".0", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_cents_and_more_digits_only_of_what_is_small() {
        let check = |amount: &str, text: &str| {
            assert_eq!(money(amount.parse().unwrap()), text, "{amount}");
        };
        check("1234.56789", "1234.57");
        check("-1.005", "-1.01");
        check("0", "0.00");
        check("0.5", "0.500");
        check("0.0123456", "0.0123");
        check("-0.00012345", "-0.000123");
        check("0.0000000049", "0.00000000");
    }

    #[test]
    fn only_gains_get_a_plus() {
        for (amount, text) in [("2", "+2.00"), ("0", "0.00"), ("-2", "-2.00")] {
            assert_eq!(signed(amount.parse().unwrap()), text);
        }
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_read_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(62)), "0:01:02");
        assert_eq!(
            clock(Duration::from_secs(2 * 86_400 + 3 * 3600 + 245)),
            "2d 3:04:05"
        );
        assert_eq!(latency(Duration::from_micros(312)), "312µs");
        assert_eq!(latency(Duration::from_micros(1234)), "1.2ms");
    }
}
