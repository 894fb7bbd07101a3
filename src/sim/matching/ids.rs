//! Public ids from counters.
//!
//! For: ids that look like the venue's, never repeat, and name their number to whoever knows the seed, so that no index from id to order is needed.
//! Left out: secrecy. The scramble hides the order of the ids from a glance, nothing more.
//! Always true: for one seed and prefix, counter to id is one to one.

use serde::{Deserialize, Serialize};

use crate::types::InlineText;

const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Ids have sixteen digits; the scramble works on two halves of eight.
const HALF: u64 = 36_u64.pow(8);
const ROUNDS: [u64; 4] = [1, 2, 3, 4];

/// One family of ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Prefix {
    /// Orders.
    Order,
    /// Fills and amends.
    Exec,
    /// Ledger entries.
    Ledger,
}

/// The numbers that the next new things get.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Orders.
    pub orders: u64,
    /// Fills and amends.
    pub execs: u64,
    /// Ledger entries.
    pub ledger: u64,
    /// Trades, by pair.
    pub trades: Vec<u64>,
}

impl Counters {
    pub(super) fn new(pairs: usize) -> Self {
        Self {
            trades: vec![0; pairs],
            ..Self::default()
        }
    }

    /// Whether every number is below its bound.
    #[must_use]
    pub fn within(&self, bound: &Self) -> bool {
        self.orders <= bound.orders
            && self.execs <= bound.execs
            && self.ledger <= bound.ledger
            && self.trades.len() == bound.trades.len()
            && self.trades.iter().zip(&bound.trades).all(|(a, b)| a <= b)
    }

    /// These numbers, each moved up by `block`.
    #[must_use]
    pub fn ahead(&self, block: u64) -> Self {
        Self {
            orders: self.orders.saturating_add(block),
            execs: self.execs.saturating_add(block),
            ledger: self.ledger.saturating_add(block),
            trades: self
                .trades
                .iter()
                .map(|number| number.saturating_add(block))
                .collect(),
        }
    }

    /// Raises every number to at least that of `other`.
    pub(super) fn raise(&mut self, other: &Self) {
        self.orders = self.orders.max(other.orders);
        self.execs = self.execs.max(other.execs);
        self.ledger = self.ledger.max(other.ledger);
        for (mine, theirs) in self.trades.iter_mut().zip(&other.trades) {
            *mine = (*mine).max(*theirs);
        }
    }
}

/// Turns numbers into ids and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    seed: u64,
}

impl Ids {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The id of a number: `OXXXXX-XXXXX-XXXXXX`.
    #[expect(
        clippy::expect_used,
        reason = "nineteen ASCII characters fit in twenty-four"
    )]
    pub(super) fn encode(self, prefix: Prefix, number: u64) -> InlineText<24> {
        let (mut left, mut right) = (number / HALF, number % HALF);
        for round in ROUNDS {
            let mixed = (left + self.mix(prefix, round, right)) % HALF;
            (left, right) = (right, mixed);
        }
        let mut text = String::with_capacity(19);
        text.push(prefix.letter());
        for (position, digit) in digits(left).chain(digits(right)).enumerate() {
            if position == 5 || position == 10 {
                text.push('-');
            }
            text.push(char::from(digit));
        }
        InlineText::new(&text).expect("a short ASCII text")
    }

    /// The number of an id, if it has the form of one.
    pub(super) fn decode(self, prefix: Prefix, id: &str) -> Option<u64> {
        let (left, right) = halves(prefix, id)?;
        let (mut left, mut right) = (left, right);
        for round in ROUNDS.into_iter().rev() {
            let unmixed = (right + HALF - self.mix(prefix, round, left)) % HALF;
            (left, right) = (unmixed, left);
        }
        left.checked_mul(HALF)?.checked_add(right)
    }

    /// SplitMix64's finalizer, into the range of a half.
    const fn mix(self, prefix: Prefix, round: u64, half: u64) -> u64 {
        let key = self.seed ^ ((prefix as u64) << 32) ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut mixed = half.wrapping_add(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % HALF
    }
}

impl Prefix {
    const fn letter(self) -> char {
        match self {
            Self::Order => 'O',
            Self::Exec => 'T',
            Self::Ledger => 'L',
        }
    }
}

/// The eight digits of a half, most significant first.
fn digits(half: u64) -> impl Iterator<Item = u8> {
    (0..8_u32).rev().map(move |power| {
        let digit = usize::try_from(half / 36_u64.pow(power) % 36).unwrap_or(0);
        DIGITS.get(digit).copied().unwrap_or(b'0')
    })
}

fn halves(prefix: Prefix, id: &str) -> Option<(u64, u64)> {
    let rest = id.strip_prefix(prefix.letter())?.as_bytes();
    if rest.len() != 18 || rest.get(5) != Some(&b'-') || rest.get(11) != Some(&b'-') {
        return None;
    }
    let (mut halves, mut seen) = ([0_u64; 2], 0);
    for (position, byte) in rest.iter().enumerate() {
        if position == 5 || position == 11 {
            continue;
        }
        let digit = DIGITS.iter().position(|known| known == byte)?;
        let half = halves.get_mut(seen / 8)?;
        *half = *half * 36 + u64::try_from(digit).ok()?;
        seen += 1;
    }
    let [left, right] = halves;
    Some((left, right))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::types::OrderId;

    #[test]
    fn ids_have_the_form_of_the_venue_and_never_repeat() {
        let ids = Ids::new(7);
        let mut seen = BTreeSet::new();
        for number in 0..20_000 {
            let id: OrderId = ids.encode(Prefix::Order, number);
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [6, 5, 6]);
            assert!(id.starts_with('O'));
            assert!(
                id.bytes()
                    .all(|b| b == b'-' || b.is_ascii_digit() || b.is_ascii_uppercase())
            );
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn an_id_names_its_number_and_only_its_own() {
        let ids = Ids::new(u64::MAX);
        for number in [0, 1, 2, HALF - 1, HALF, HALF + 1, u64::MAX] {
            let id: OrderId = ids.encode(Prefix::Order, number);
            assert_eq!(ids.decode(Prefix::Order, &id), Some(number));
            assert_eq!(ids.decode(Prefix::Exec, &id), None);
        }
        for text in [
            "",
            "O",
            "OQQQQQ-AAAAA-BBBBB",
            "OQQQQQ-AAAAA-bbbbb1",
            "OQQQQQ+AAAAA-BBBBB1",
        ] {
            assert_eq!(ids.decode(Prefix::Order, text), None);
        }
    }
}
