//! One-time passwords of a key: one that stays, or one that changes every thirty seconds (RFC 6238).
//!
//! Left out: that a password of a period is used once; a client makes many calls in one.

use std::fmt;

use data_encoding::{BASE32_NOPAD, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::types::Timestamp;

/// Seconds that a password of the time is valid.
const PERIOD: i64 = 30;
/// Six digits.
const MODULUS: u32 = 1_000_000;

/// What a private call must carry in `otp`.
#[derive(Clone, Eq, PartialEq)]
pub enum Otp {
    /// Always the same.
    Password(String),
    /// What an authenticator shows.
    Totp(Vec<u8>),
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(***)",
            Self::Totp(_) => "Totp(***)",
        })
    }
}

impl Otp {
    /// An authenticator's secret as it is shown: base32, blanks and padding or not. None if it is something else.
    #[must_use]
    pub fn totp(base32: &str) -> Option<Self> {
        const ENCODING: Encoding = BASE32_NOPAD;
        let text: String = base32
            .chars()
            .filter(|letter| !matches!(letter, ' ' | '-' | '='))
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let secret = ENCODING.decode(text.as_bytes()).ok()?;
        (!secret.is_empty()).then_some(Self::Totp(secret))
    }

    /// Whether this is the password now. The periods before and after count too, for clocks that differ.
    pub(super) fn accepts(&self, now: Timestamp, given: &str) -> bool {
        match self {
            Self::Password(password) => password == given,
            Self::Totp(secret) => {
                let period = now.as_secs().div_euclid(PERIOD);
                let mut shown = (period - 1..=period + 1).filter_map(|at| code(secret, at));
                shown.any(|code| code == given)
            }
        }
    }
}

/// What an authenticator shows in a period.
fn code(secret: &[u8], period: i64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&period.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last()? & 0x0F);
    let word: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(word) & 0x7FFF_FFFF) % MODULUS;
    Some(format!("{number:06}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standards_appendix() {
        for (at, shown) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let code = code(b"12345678901234567890", at / PERIOD);
            assert_eq!(code.as_deref(), Some(shown), "{at}");
        }
    }

    #[test]
    fn a_code_counts_in_its_period_and_the_two_beside_it() {
        let otp = Otp::totp("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap();
        let at = |seconds| otp.accepts(Timestamp::from_secs(seconds), "287082");
        // Of 30 to 59 seconds.
        assert_eq!(
            [-1, 0, 59, 89, 90].map(at),
            [false, true, true, true, false]
        );
        assert!(!otp.accepts(Timestamp::from_secs(59), ""));
    }

    #[test]
    fn what_is_no_base32_is_no_secret_and_none_shows() {
        for text in ["", "1", "GEZDGNB!", "===="] {
            assert_eq!(Otp::totp(text), None, "{text}");
        }
        let shown = format!(
            "{:?} {:?}",
            Otp::Password("pw".into()),
            Otp::totp("GEZDGNBV")
        );
        assert!(!shown.contains("pw"), "{shown}");
    }
}
