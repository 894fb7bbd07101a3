//! The decoder's table of symbols: which instrument, and how many fraction digits.

use crate::types::{InstrumentId, Symbol};

/// What the decoder has to know of an instrument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listing {
    /// Whose frames they are.
    pub id: InstrumentId,
    /// Its name.
    pub symbol: Symbol,
    /// Fraction digits of a price.
    pub price_precision: u8,
    /// Fraction digits of a quantity.
    pub qty_precision: u8,
}

/// Listings by symbol. Open addressing over a power of two, at most half full.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    /// Position in `listings` plus one; zero is free.
    slots: Vec<u32>,
    listings: Vec<Listing>,
}

impl Symbols {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; 16],
            listings: Vec::new(),
        }
    }

    pub(super) fn listings(&self) -> &[Listing] {
        &self.listings
    }

    #[inline]
    pub(super) fn find(&self, symbol: &str) -> Option<&Listing> {
        let mut slot = hash(symbol.as_bytes());
        loop {
            let index = *self.slots.get(slot & (self.slots.len() - 1))?;
            let listing = self.listings.get((index as usize).checked_sub(1)?)?;
            if listing.symbol.as_str() == symbol {
                return Some(listing);
            }
            slot = slot.wrapping_add(1);
        }
    }

    /// Adds a listing, or changes the one of the same symbol.
    pub(super) fn set(&mut self, listing: Listing) {
        let known = self
            .listings
            .iter_mut()
            .find(|known| known.symbol == listing.symbol);
        if let Some(known) = known {
            *known = listing;
            return;
        }
        self.listings.push(listing);
        let size = (2 * self.listings.len()).next_power_of_two().max(16);
        self.slots = vec![0; size];
        for (index, listing) in (1..).zip(&self.listings) {
            let mut slot = hash(listing.symbol.as_bytes());
            while let Some(taken) = self.slots.get_mut(slot & (size - 1)) {
                if *taken == 0 {
                    *taken = index;
                    break;
                }
                slot = slot.wrapping_add(1);
            }
        }
    }
}

/// Mixes a short name. Names come from configuration, not from the wire, so nobody chooses collisions.
#[inline]
fn hash(name: &[u8]) -> usize {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut state = name.len() as u64;
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        for (target, byte) in word.iter_mut().zip(chunk) {
            *target = *byte;
        }
        state = (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    (state >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(name: &str, id: u32) -> Listing {
        Listing {
            id: InstrumentId(id),
            symbol: Symbol::new(name).unwrap(),
            price_precision: 1,
            qty_precision: 8,
        }
    }

    #[test]
    fn thousand_symbols_are_found_and_others_are_not() {
        let mut symbols = Symbols::new();
        for id in 0..1000 {
            symbols.set(listing(&format!("T{id}/USD"), id));
        }
        for id in 0..1000 {
            let found = symbols.find(&format!("T{id}/USD")).unwrap();
            assert_eq!(found.id, InstrumentId(id));
        }
        assert_eq!(symbols.find("T1000/USD"), None);
        assert_eq!(symbols.find(""), None);
        assert_eq!(
            symbols.find("a symbol that is longer than any symbol may be"),
            None
        );
    }

    #[test]
    fn precision_can_change_at_run_time() {
        let mut symbols = Symbols::new();
        symbols.set(listing("BTC/USD", 7));
        symbols.set(Listing {
            price_precision: 2,
            ..listing("BTC/USD", 7)
        });
        assert_eq!(symbols.find("BTC/USD").unwrap().price_precision, 2);
        assert_eq!(symbols.listings().len(), 1);
    }
}
