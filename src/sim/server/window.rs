//! What a subscriber of one depth sees of a book, and how that changes.
//!
//! For: `book` updates. A frame holds the net change of the depth-N view: levels that went, then those that changed or moved into the view,
//! so that a subscriber may cut after each of them or after all.
//! Levels pushed out by a better one are not mentioned; the subscriber cuts its own copy to the depth.
//! Left out: encoding, who subscribed. Always true: applying the change to the old view and cutting it gives the new view.

use std::cmp::Ordering;

use crate::types::{Price, Quantity, Side};

/// A price with its total quantity.
pub(super) type Level = (Price, Quantity);

/// One side of a book down to a depth, as published last.
#[derive(Debug)]
pub(super) struct Window {
    side: Side,
    depth: usize,
    levels: Vec<Level>,
}

impl Window {
    /// A view of one side; `book` comes best first.
    pub(super) fn new(side: Side, depth: usize, book: impl Iterator<Item = Level>) -> Self {
        let levels = book.take(depth).collect();
        Self {
            side,
            depth,
            levels,
        }
    }

    /// The levels in view, best first.
    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Takes over the present book and tells what changed: first what went, with a quantity of zero, then the rest; each best first.
    pub(super) fn advance(&mut self, book: impl Iterator<Item = Level>) -> Vec<Level> {
        let new: Vec<Level> = book.take(self.depth).collect();
        let changes = self.changes(&new);
        self.levels = new;
        changes
    }

    fn changes(&self, new: &[Level]) -> Vec<Level> {
        let (mut gone_first, mut changes) = (Vec::new(), Vec::new());
        let (mut old, mut next) = (
            self.levels.iter().copied().peekable(),
            new.iter().copied().peekable(),
        );
        loop {
            let order = match (old.peek(), next.peek()) {
                (None, None) => {
                    gone_first.append(&mut changes);
                    return gone_first;
                }
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(was), Some(is)) => self.better_first(was.0, is.0),
            };
            match order {
                Ordering::Less => {
                    let gone = old.next();
                    let pushed_out = next.peek().is_none() && new.len() == self.depth;
                    if let Some((price, _)) = gone.filter(|_| !pushed_out) {
                        gone_first.push((price, Quantity::ZERO));
                    }
                }
                Ordering::Greater => changes.extend(next.next()),
                Ordering::Equal => {
                    let (was, is) = (old.next(), next.next());
                    changes.extend(is.filter(|_| was != is));
                }
            }
        }
    }

    fn better_first(&self, left: Price, right: Price) -> Ordering {
        match self.side {
            Side::Buy => right.cmp(&left),
            Side::Sell => left.cmp(&right),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels(pairs: &[(i64, i64)]) -> Vec<Level> {
        pairs
            .iter()
            .map(|(price, qty)| (Price::new(*price).unwrap(), Quantity::new(*qty).unwrap()))
            .collect()
    }

    /// What a client does: apply, drop zeros, sort, cut.
    fn client(side: Side, depth: usize, mut book: Vec<Level>, changes: &[Level]) -> Vec<Level> {
        for change in changes {
            book.retain(|level| level.0 != change.0);
            if !change.1.is_zero() {
                book.push(*change);
            }
        }
        book.sort_by_key(|level| level.0);
        if side == Side::Buy {
            book.reverse();
        }
        book.truncate(depth);
        book
    }

    #[test]
    fn s1_7_a_level_that_moves_into_view_is_sent_and_one_pushed_out_is_not() {
        let deep = levels(&[(10, 1), (11, 1), (12, 1), (13, 1)]);
        let mut window = Window::new(Side::Sell, 3, deep.iter().copied());
        let without_best = deep[1..].iter().copied();
        assert_eq!(
            window.advance(without_best),
            levels(&[(10, 0), (13, 1)]),
            "13 moves in"
        );
        assert_eq!(
            window.advance(deep.iter().copied()),
            levels(&[(10, 1)]),
            "13 is pushed out"
        );
        assert_eq!(
            window.advance(levels(&[(10, 1), (11, 5)]).into_iter()),
            levels(&[(12, 0), (11, 5)])
        );
    }

    proptest! {
        #[test]
        fn the_change_turns_the_old_view_into_the_new(
            buy in any::<bool>(),
            depth in 1_usize..6,
            old in proptest::collection::btree_map(1_i64..20, 1_i64..4, 0..12),
            new in proptest::collection::btree_map(1_i64..20, 1_i64..4, 0..12),
        ) {
            let side = if buy { Side::Buy } else { Side::Sell };
            let sorted = |map: std::collections::BTreeMap<i64, i64>| {
                let mut book = levels(&map.into_iter().collect::<Vec<_>>());
                if buy {
                    book.reverse();
                }
                book
            };
            let (old, new) = (sorted(old), sorted(new));
            let mut window = Window::new(side, depth, old.iter().copied());
            let before = window.levels().to_vec();
            let changes = window.advance(new.iter().copied());
            prop_assert_eq!(client(side, depth, before.clone(), &changes), window.levels().to_vec());
            let hasty = changes.iter().fold(before, |book, change| client(side, depth, book, std::slice::from_ref(change)));
            prop_assert_eq!(hasty, window.levels().to_vec());
            prop_assert_eq!(window.levels(), &new[..depth.min(new.len())]);
        }
    }
}
