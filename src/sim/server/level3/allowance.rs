//! How much of `level3` one connection may have.
//!
//! For: the venue's limits as it publishes them (docs of May 2026): 200 symbols a connection, and a counter a second that each
//! symbol adds to by its depth. Left out: subscriptions themselves. The words of the refusals are not published; these are ours.
//! Always true: a refused subscription costs nothing.

use crate::{sim::matching::Tier, types::Timestamp};

/// Most symbols of one connection.
const SYMBOLS: usize = 200;

/// Why a subscription is one too many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::sim::server) enum Excess {
    /// The connection has all the symbols that it may have.
    Symbols,
    /// Too much was subscribed within the second.
    Rate,
}

/// The counter of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim::server) struct Allowance {
    second: i64,
    used: u32,
}

impl Allowance {
    /// Counts a subscription at a depth, beside `symbols` that stand.
    ///
    /// # Errors
    ///
    /// When it is one too many.
    pub(in crate::sim::server) fn take(
        &mut self,
        now: Timestamp,
        tier: Tier,
        symbols: usize,
        depth: u16,
    ) -> Result<(), Excess> {
        if symbols >= SYMBOLS {
            return Err(Excess::Symbols);
        }
        if self.second != now.as_secs() {
            (self.second, self.used) = (now.as_secs(), 0);
        }
        let used = self.used + cost(depth);
        if used > limit(tier) {
            return Err(Excess::Rate);
        }
        self.used = used;
        Ok(())
    }
}

/// What a symbol adds to the counter.
const fn cost(depth: u16) -> u32 {
    match depth {
        ..=10 => 5,
        11..=100 => 25,
        101.. => 100,
    }
}

/// The counter's limit in each second: the venue has a standard one and one for its highest tier.
const fn limit(tier: Tier) -> u32 {
    match tier {
        Tier::Starter | Tier::Intermediate => 200,
        Tier::Pro => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// How many symbols of a depth fit into one second.
    fn fits(tier: Tier, depth: u16) -> usize {
        let mut allowance = Allowance::default();
        let mut taken = 0;
        while allowance.take(NOW, tier, taken, depth).is_ok() {
            taken += 1;
        }
        taken
    }

    #[test]
    fn each_depth_has_its_price_and_each_tier_its_limit() {
        for (tier, counts) in [
            (Tier::Starter, [40, 8, 2]),
            (Tier::Intermediate, [40, 8, 2]),
            (Tier::Pro, [100, 20, 5]),
        ] {
            assert_eq!([10, 100, 1000].map(|depth| fits(tier, depth)), counts);
        }
    }

    #[test]
    fn the_counter_starts_anew_each_second_and_a_refusal_costs_nothing() {
        let mut allowance = Allowance::default();
        let mut take = |at, depth| allowance.take(at, Tier::Starter, 0, depth);
        assert_eq!([take(NOW, 1000), take(NOW, 100)], [Ok(()); 2]);
        assert_eq!(take(NOW, 1000), Err(Excess::Rate));
        assert_eq!(
            [take(NOW, 100), take(NOW, 100), take(NOW, 100)],
            [Ok(()); 3]
        );
        assert_eq!(take(NOW, 10), Err(Excess::Rate));
        assert_eq!(
            take(NOW.after(std::time::Duration::from_secs(1)), 1000),
            Ok(())
        );
    }

    #[test]
    fn a_connection_has_200_symbols_at_most() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.take(NOW, Tier::Pro, 199, 10), Ok(()));
        assert_eq!(
            allowance.take(NOW, Tier::Pro, 200, 10),
            Err(Excess::Symbols)
        );
    }
}
