//! An exact decimal of any sign, for amounts that belong to no instrument: balances, fees, costs, PnL.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::digits;

/// `mantissa × 10^-scale`, exactly.
///
/// Equality and order are by value: `1.0 == 1.00`. Display is plain notation with exactly `scale` fraction digits.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Decimal {
    mantissa: i128,
    scale: u8,
}

/// A text that is no decimal, or an operation whose exact result does not fit.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidDecimal {
    /// The text is no decimal number.
    #[error("not a decimal number")]
    Malformed,
    /// The result needs more digits than 38.
    #[error("decimal overflow")]
    Overflow,
}

/// 10^0 to 10^30.
const POWERS: [i128; 31] = {
    let mut powers = [1_i128; 31];
    let mut index = 1;
    while index < 31 {
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

impl Decimal {
    /// Zero, without fraction digits.
    pub const ZERO: Self = Self {
        mantissa: 0,
        scale: 0,
    };
    /// Most fraction digits a decimal may carry.
    pub const MAX_SCALE: u8 = 30;

    /// `mantissa × 10^-scale`.
    ///
    /// # Errors
    ///
    /// A scale over [`Decimal::MAX_SCALE`].
    pub const fn new(mantissa: i128, scale: u8) -> Result<Self, InvalidDecimal> {
        if scale > Self::MAX_SCALE {
            Err(InvalidDecimal::Overflow)
        } else {
            Ok(Self { mantissa, scale })
        }
    }

    /// The digits, without point, at [`scale`](Self::scale).
    #[must_use]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The number of fraction digits.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the value is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether the value is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The value with its sign turned.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }

    /// The value without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self {
            mantissa: if self.mantissa < 0 {
                -self.mantissa
            } else {
                self.mantissa
            },
            scale: self.scale,
        }
    }

    /// Exact sum, at the larger of the two scales.
    ///
    /// # Errors
    ///
    /// When the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, InvalidDecimal> {
        let scale = self.scale.max(other.scale);
        let mantissa = self
            .mantissa_at(scale)
            .zip(other.mantissa_at(scale))
            .and_then(|(left, right)| left.checked_add(right))
            .ok_or(InvalidDecimal::Overflow)?;
        Ok(Self { mantissa, scale })
    }

    /// Exact difference, at the larger of the two scales.
    ///
    /// # Errors
    ///
    /// When the difference does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, InvalidDecimal> {
        self.checked_add(other.negated())
    }

    /// Exact product, at the sum of the scales.
    ///
    /// # Errors
    ///
    /// When the product or its scale does not fit.
    pub fn checked_mul(self, other: Self) -> Result<Self, InvalidDecimal> {
        let mantissa = self
            .mantissa
            .checked_mul(other.mantissa)
            .ok_or(InvalidDecimal::Overflow)?;
        let (mut product, mut scale) = (mantissa, u16::from(self.scale) + u16::from(other.scale));
        while scale > u16::from(Self::MAX_SCALE) && product % 10 == 0 {
            product /= 10;
            scale -= 1;
        }
        let scale = u8::try_from(scale).map_err(|_too_large| InvalidDecimal::Overflow)?;
        Self::new(product, scale)
    }

    /// Quotient with `scale` fraction digits, rounded toward zero.
    ///
    /// # Errors
    ///
    /// Division by zero, or a result that does not fit.
    pub fn divided_toward_zero(self, divisor: Self, scale: u8) -> Result<Self, InvalidDecimal> {
        let shift = i32::from(scale) + i32::from(divisor.scale) - i32::from(self.scale);
        let (mut numerator, mut denominator) = (self.mantissa, divisor.mantissa);
        let target = if shift >= 0 {
            &mut numerator
        } else {
            &mut denominator
        };
        for _ in 0..shift.unsigned_abs() {
            *target = target.checked_mul(10).ok_or(InvalidDecimal::Overflow)?;
        }
        let mantissa = numerator
            .checked_div(denominator)
            .ok_or(InvalidDecimal::Overflow)?;
        Self::new(mantissa, scale)
    }

    /// The same value with exactly `scale` fraction digits; surplus digits are cut toward zero.
    ///
    /// # Errors
    ///
    /// When padding does not fit.
    pub fn rounded_toward_zero(self, scale: u8) -> Result<Self, InvalidDecimal> {
        if scale >= self.scale {
            let mantissa = self.mantissa_at(scale).ok_or(InvalidDecimal::Overflow)?;
            return Self::new(mantissa, scale);
        }
        let mut mantissa = self.mantissa;
        for _ in scale..self.scale {
            mantissa /= 10;
        }
        Ok(Self { mantissa, scale })
    }

    /// The same value with exactly `scale` fraction digits; a lost half or more rounds away from zero.
    ///
    /// # Errors
    ///
    /// When the result does not fit.
    pub fn rounded_half_up(self, scale: u8) -> Result<Self, InvalidDecimal> {
        if scale >= self.scale {
            return self.rounded_toward_zero(scale);
        }
        let one_more = self.rounded_toward_zero(scale + 1)?.mantissa;
        let bump = if one_more < 0 { -5 } else { 5 };
        let mantissa = one_more.checked_add(bump).ok_or(InvalidDecimal::Overflow)? / 10;
        Ok(Self { mantissa, scale })
    }

    /// The same value with exactly `scale` fraction digits; any lost digit rounds away from zero.
    ///
    /// # Errors
    ///
    /// When the result does not fit.
    pub fn rounded_away_from_zero(self, scale: u8) -> Result<Self, InvalidDecimal> {
        let cut = self.rounded_toward_zero(scale)?;
        if cut == self {
            return Ok(cut);
        }
        let bump = if self.mantissa < 0 { -1 } else { 1 };
        let mantissa = cut
            .mantissa
            .checked_add(bump)
            .ok_or(InvalidDecimal::Overflow)?;
        Ok(Self { mantissa, scale })
    }

    /// The same value without trailing zeros.
    #[must_use]
    pub const fn normalized(self) -> Self {
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// The mantissa at a scale that is not smaller, if it fits.
    fn padded(self, scale: u8) -> Option<i128> {
        let factor = POWERS.get(usize::from(scale.checked_sub(self.scale)?))?;
        self.mantissa.checked_mul(*factor)
    }

    /// The mantissa at another scale, if that is exact and fits.
    #[must_use]
    pub fn mantissa_at(self, scale: u8) -> Option<i128> {
        if scale >= self.scale {
            return self.padded(scale);
        }
        digits::rescale_exact(self.mantissa, i32::from(self.scale), i32::from(scale)).ok()
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let (mantissa, scale) =
            digits::parse(text.as_bytes()).map_err(|_malformed| InvalidDecimal::Malformed)?;
        if scale < 0 {
            let mantissa = digits::rescale_exact(mantissa, scale, 0)
                .map_err(|_too_large| InvalidDecimal::Overflow)?;
            return Self::new(mantissa, 0);
        }
        let scale = u8::try_from(scale).map_err(|_too_large| InvalidDecimal::Overflow)?;
        Self::new(mantissa, scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = 10_u128.pow(u32::from(self.scale));
        write!(
            f,
            "{sign}{}.{:0width$}",
            digits / unit,
            digits % unit,
            width = usize::from(self.scale)
        )
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // The common case on the order path.
        let scale = self.scale.max(other.scale);
        if let (Some(left), Some(right)) = (self.padded(scale), other.padded(scale)) {
            return left.cmp(&right);
        }
        let (left, right) = (self.normalized(), other.normalized());
        let scale = left.scale.max(right.scale);
        match (left.mantissa_at(scale), right.mantissa_at(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // Padding one overflowed: it has the larger magnitude.
            (None, _) => left.mantissa.signum().cmp(&0).then(Ordering::Greater),
            (_, None) => 0.cmp(&right.mantissa.signum()).then(Ordering::Less),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn display_keeps_the_digits_that_were_read() {
        for text in [
            "0",
            "0.10000000",
            "-305.0000",
            "12345678901234567890.1234567890",
            "-0.05",
        ] {
            assert_eq!(decimal(text).to_string(), text);
        }
    }

    #[test]
    fn value_decides_equality_not_scale() {
        assert_eq!(decimal("1.0"), decimal("1.00"));
        assert!(decimal("-2") < decimal("-1.99"));
        assert!(
            decimal("170141183460469231731687303715884105727")
                > decimal("0.000000000000000000000000000001")
        );
    }

    #[test]
    fn rounding_goes_where_its_name_says() {
        assert_eq!(
            decimal("1.2399")
                .rounded_toward_zero(2)
                .unwrap()
                .to_string(),
            "1.23"
        );
        assert_eq!(
            decimal("-1.2399")
                .rounded_toward_zero(2)
                .unwrap()
                .to_string(),
            "-1.23"
        );
        assert_eq!(
            decimal("1.2350").rounded_half_up(2).unwrap().to_string(),
            "1.24"
        );
        assert_eq!(
            decimal("-1.2350").rounded_half_up(2).unwrap().to_string(),
            "-1.24"
        );
        assert_eq!(
            decimal("1.2301")
                .rounded_away_from_zero(2)
                .unwrap()
                .to_string(),
            "1.24"
        );
        assert_eq!(
            decimal("1.2300")
                .rounded_away_from_zero(2)
                .unwrap()
                .to_string(),
            "1.23"
        );
        assert_eq!(
            decimal("10")
                .divided_toward_zero(decimal("3"), 4)
                .unwrap()
                .to_string(),
            "3.3333"
        );
    }

    #[test]
    fn overflow_is_an_error() {
        let large = Decimal::new(i128::MAX, 0).unwrap();
        assert_eq!(
            large.checked_add(decimal("1")),
            Err(InvalidDecimal::Overflow)
        );
        assert_eq!(
            large.checked_mul(decimal("2")),
            Err(InvalidDecimal::Overflow)
        );
        assert_eq!(
            decimal("1").divided_toward_zero(Decimal::ZERO, 2),
            Err(InvalidDecimal::Overflow)
        );
    }
}
