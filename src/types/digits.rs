//! Digits of the wire to fixed point, exactly, without allocation.
//!
//! For: the one place that turns the text of a JSON number into a mantissa at a known precision.
//! Left out: signs (an amount on the wire that may be negative is a [`Decimal`](super::Decimal)).
//! Always true: no digit is dropped; what does not fit exactly is an error.

use thiserror::Error;

/// Digits that are no amount at the wanted precision.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidDigits {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Malformed,
    /// A minus sign where only amounts of zero or more make sense.
    #[error("negative")]
    Negative,
    /// More fraction digits than the precision holds.
    #[error("more than {0} fraction digits")]
    TooPrecise(u8),
    /// Larger than the type holds.
    #[error("too large")]
    TooLarge,
}

/// Reads `text` as an integer count of 10^-`precision`.
///
/// Takes plain (`61234.50`) and exponent notation (`5.1e-05`, `0E0`); trailing zeros beyond the precision are no loss and pass.
///
/// # Errors
///
/// Anything that is not exactly such a count.
#[inline]
pub fn fixed(text: &[u8], precision: u8) -> Result<i64, InvalidDigits> {
    // Plain notation, up to 18 digits: everything a healthy feed sends.
    let mut mantissa: i64 = 0;
    let mut fraction: Option<u8> = None;
    let mut digits: u8 = 0;
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                digits = digits.saturating_add(1);
                if digits > 18 {
                    return fixed_slow(text, precision);
                }
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                if let Some(count) = &mut fraction {
                    *count += 1;
                }
            }
            b'.' if fraction.is_none() && digits > 0 => fraction = Some(0),
            _ => return fixed_slow(text, precision),
        }
    }
    let have = fraction.unwrap_or(0);
    if digits == 0 || (fraction == Some(0)) || have > precision {
        return fixed_slow(text, precision);
    }
    let factor = POWERS
        .get(usize::from(precision - have))
        .copied()
        .ok_or(InvalidDigits::TooLarge)?;
    mantissa.checked_mul(factor).ok_or(InvalidDigits::TooLarge)
}

/// 10^0 to 10^18.
pub const POWERS: [i64; 19] = {
    let mut powers = [1_i64; 19];
    let mut index = 1;
    while index < 19 {
        #[expect(
            clippy::indexing_slicing,
            reason = "constant evaluation over the array's own length"
        )]
        {
            powers[index] = powers[index - 1] * 10;
        }
        index += 1;
    }
    powers
};

/// Room for the digits of every `u64`.
pub const LONGEST: usize = 20;

/// The decimal digits of `value`, without leading zeros, at the end of `buffer`.
#[must_use]
#[inline]
pub fn text(value: u64, buffer: &mut [u8; LONGEST]) -> &[u8] {
    let length = write_back(value, &mut buffer.iter_mut().rev());
    buffer
        .get(LONGEST - usize::from(length)..)
        .unwrap_or_default()
}

/// Writes the decimal digits of `value` to the next `places`, last digit first; returns how many. Stops where no place is left.
#[inline]
pub fn write_back<'a>(mut value: u64, places: &mut impl Iterator<Item = &'a mut u8>) -> u8 {
    let mut count = 0;
    for place in places {
        *place = b'0' + low_digit(value);
        count += 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    count
}

const fn low_digit(value: u64) -> u8 {
    (value % 10) as u8
}

#[cold]
fn fixed_slow(text: &[u8], precision: u8) -> Result<i64, InvalidDigits> {
    let (mantissa, scale) = parse(text)?;
    if mantissa < 0 {
        return Err(InvalidDigits::Negative);
    }
    let mantissa = rescale_exact(mantissa, scale, i32::from(precision))?;
    i64::try_from(mantissa).map_err(|_too_large| InvalidDigits::TooLarge)
}

/// Reads a JSON number as `mantissa × 10^-scale`. The scale may be negative for positive exponents.
///
/// # Errors
///
/// Text that is no JSON number (leading zeros are forgiven), or whose digits do not fit.
pub fn parse(text: &[u8]) -> Result<(i128, i32), InvalidDigits> {
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let exponent_at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (number, exponent) = match exponent_at {
        None => (text, 0),
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            parse_exponent(text.get(at + 1..).unwrap_or_default())?,
        ),
    };
    let mut mantissa: i128 = 0;
    let mut scale: i32 = 0;
    let mut seen_point = false;
    let mut digits = 0_usize;
    let mut after_point = 0_usize;
    for &byte in number {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                mantissa = mantissa
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(i128::from(byte - b'0')))
                    .ok_or(InvalidDigits::TooLarge)?;
                if seen_point {
                    after_point += 1;
                    scale += 1;
                }
            }
            b'.' if !seen_point && digits > 0 => seen_point = true,
            _ => return Err(InvalidDigits::Malformed),
        }
    }
    if digits == 0 || (seen_point && after_point == 0) {
        return Err(InvalidDigits::Malformed);
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    Ok((mantissa, scale - exponent))
}

fn parse_exponent(text: &[u8]) -> Result<i32, InvalidDigits> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 4 {
        return Err(if digits.is_empty() {
            InvalidDigits::Malformed
        } else {
            InvalidDigits::TooLarge
        });
    }
    let mut value = 0_i32;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return Err(InvalidDigits::Malformed);
        }
        value = value * 10 + i32::from(byte - b'0');
    }
    Ok(if negative { -value } else { value })
}

/// Moves a mantissa from one scale to another without loss.
///
/// # Errors
///
/// When digits would be lost, or the result does not fit.
pub fn rescale_exact(mantissa: i128, from: i32, to: i32) -> Result<i128, InvalidDigits> {
    if mantissa == 0 {
        return Ok(0);
    }
    let mut value = mantissa;
    let mut scale = from;
    while scale < to {
        value = value.checked_mul(10).ok_or(InvalidDigits::TooLarge)?;
        scale += 1;
    }
    while scale > to {
        if value % 10 != 0 {
            return Err(InvalidDigits::TooPrecise(u8::try_from(to).unwrap_or(0)));
        }
        value /= 10;
        scale -= 1;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_exponent_notation_are_exact() {
        for (text, precision, want) in [
            ("61234.5", 1, 612_345),
            ("61234.50", 1, 612_345),
            ("0.00012000", 8, 12_000),
            ("0E0", 8, 0),
            ("0.00000000", 5, 0),
            ("5.1e-05", 8, 5_100),
            ("1E-8", 8, 1),
            ("1e3", 2, 100_000),
            ("10000000000000.00000", 5, 1_000_000_000_000_000_000),
            ("0", 0, 0),
        ] {
            assert_eq!(
                fixed(text.as_bytes(), precision),
                Ok(want),
                "{text} at {precision}"
            );
        }
    }

    #[test]
    fn integers_are_written_as_the_standard_library_writes_them() {
        for value in [0, 1, 9, 10, 99, 100, 1_234_567_890, u64::MAX] {
            let mut buffer = [0; LONGEST];
            assert_eq!(text(value, &mut buffer), value.to_string().as_bytes());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, precision, want) in [
            ("", 1, InvalidDigits::Malformed),
            (".", 1, InvalidDigits::Malformed),
            ("1.", 1, InvalidDigits::Malformed),
            (".5", 1, InvalidDigits::Malformed),
            ("1.2.3", 1, InvalidDigits::Malformed),
            ("1e", 1, InvalidDigits::Malformed),
            ("0x10", 1, InvalidDigits::Malformed),
            ("-1", 1, InvalidDigits::Negative),
            ("1.25", 1, InvalidDigits::TooPrecise(1)),
            ("1e-9", 8, InvalidDigits::TooPrecise(8)),
            ("92233720368547758.08", 2, InvalidDigits::TooLarge),
            ("1e400", 2, InvalidDigits::TooLarge),
            ("1e99999", 2, InvalidDigits::TooLarge),
        ] {
            assert_eq!(
                fixed(text.as_bytes(), precision),
                Err(want),
                "{text} at {precision}"
            );
        }
        assert_eq!(fixed(b"92233720368547758.07", 2), Ok(i64::MAX));
    }
}
