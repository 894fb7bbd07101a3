//! Numbers that a key uses once.
//!
//! Always true: a nonce is taken once; without a window it is above every one before it.

use std::collections::BTreeSet;

/// The nonces that a key has used, as far as they still matter.
#[derive(Clone, Debug, Default)]
pub(in crate::sim::server) struct Nonces {
    pub(in crate::sim::server) highest: u64,
    recent: BTreeSet<u64>,
}

impl Nonces {
    /// Takes a nonce if it is new and above the highest less `window`.
    pub(super) fn take(&mut self, nonce: u64, window: u64) -> bool {
        let above = match self.highest.checked_sub(window) {
            Some(floor) => nonce > floor,
            None => true,
        };
        let floor = self.highest.max(nonce).saturating_sub(window);
        if !above || !self.recent.insert(nonce) {
            return false;
        }
        self.highest = self.highest.max(nonce);
        // At the floor and below nothing is accepted any more, so nothing need be remembered.
        self.recent = self.recent.split_off(&floor);
        true
    }
}

/// A nonce is plain digits of 64 bits.
pub(super) fn parse_nonce(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_rise_unless_a_window_lets_them_overtake() {
        let mut strict = Nonces::default();
        let taken = [5, 5, 4, 6, 100, 99].map(|nonce| strict.take(nonce, 0));
        assert_eq!(taken, [true, false, false, true, true, false]);

        let mut windowed = Nonces::default();
        let taken = [100, 95, 95, 90, 91, 200, 191, 190, 200, u64::MAX]
            .map(|nonce| windowed.take(nonce, 10));
        assert_eq!(
            taken,
            [
                true, true, false, false, true, true, true, false, false, true
            ]
        );
    }

    #[test]
    fn a_nonce_is_plain_digits_of_64_bits() {
        assert_eq!(parse_nonce("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.5", "1e3", "18446744073709551616", "x"] {
            assert_eq!(parse_nonce(text), None, "{text}");
        }
    }
}
