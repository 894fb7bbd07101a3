//! An instant in UTC.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 instant between the years 1678 and 2261.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not an RFC 3339 instant")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The earliest instant there is; before every other.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant there is; after every other.
    pub const MAX: Self = Self(i64::MAX);

    /// An instant from nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// An instant from seconds since the epoch; the ends of the range saturate.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time from `earlier` to this instant; zero if `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// This instant moved later; saturates at [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// This instant moved earlier; saturates at [`Timestamp::MIN`].
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// This instant moved by a signed number of nanoseconds; saturates.
    #[must_use]
    pub const fn shifted_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Reads an RFC 3339 instant.
    ///
    /// # Errors
    ///
    /// Everything else.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant: jiff::Timestamp = text.parse().map_err(|_malformed| InvalidTimestamp)?;
        i64::try_from(instant.as_nanosecond())
            .map(Self)
            .map_err(|_out_of_range| InvalidTimestamp)
    }

    /// Calendar fields in UTC.
    #[must_use]
    pub fn civil(self) -> Civil {
        let seconds = self.0.div_euclid(1_000_000_000);
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let second_of_day = seconds.rem_euclid(86_400);
        let field = |value: i64| u32::try_from(value).unwrap_or(0);
        Civil {
            year: field(year),
            month: field(month),
            day: field(day),
            hour: field(second_of_day / 3600),
            minute: field(second_of_day / 60 % 60),
            second: field(second_of_day % 60),
            nanosecond: field(self.0.rem_euclid(1_000_000_000)),
        }
    }

    /// RFC 3339 in UTC with a fixed number of fraction digits, 0 to 9: `2026-09-01T08:00:00.100001Z`.
    #[must_use]
    pub fn rfc3339(self, fraction_digits: u8) -> Rfc3339 {
        Rfc3339 {
            instant: self,
            fraction_digits: fraction_digits.min(9),
        }
    }
}

/// An instant's calendar fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Civil {
    /// Year of our era.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999,999.
    pub nanosecond: u32,
}

/// Displays an instant; see [`Timestamp::rfc3339`].
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339 {
    instant: Timestamp,
    fraction_digits: u8,
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            nanosecond,
        } = self.instant.civil();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.fraction_digits > 0 {
            let cut = 10_u32.pow(u32::from(9 - self.fraction_digits));
            write!(
                f,
                ".{:0width$}",
                nanosecond / cut,
                width = usize::from(self.fraction_digits)
            )?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a count of days since 1970-01-01 (proleptic Gregorian).
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rfc3339(6).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_reads_what_it_writes() {
        for text in [
            "2026-09-01T08:00:00.100001Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T00:00:00.000000Z",
            "2100-03-01T12:30:45.000001Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        let instant = Timestamp::parse("2026-09-01T08:00:00.123456789Z").unwrap();
        assert_eq!(instant.rfc3339(0).to_string(), "2026-09-01T08:00:00Z");
        assert_eq!(instant.rfc3339(3).to_string(), "2026-09-01T08:00:00.123Z");
        assert_eq!(
            instant.rfc3339(9).to_string(),
            "2026-09-01T08:00:00.123456789Z"
        );
        assert!(Timestamp::parse("yesterday").is_err());
    }
}
