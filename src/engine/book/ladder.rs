//! One side of a book: sorted levels, and the checksum text of the ten best.
//!
//! Always true: live levels are strictly ordered, worst first and best last; no live level is empty.
//! Levels in front of `dead` are free room: cutting the worst level costs nothing, and a shift moves the shorter part.

use std::cmp::Ordering;

use crate::{
    engine::event::Level,
    types::{OutOfRange, Price, Quantity, Side, digits},
};

/// Levels of each side that the checksum covers.
pub(super) const TOP: usize = 10;
/// Room for the checksum text of one level: two numbers of at most 19 digits.
pub(super) const SLOT: usize = 40;
/// Levels nearest the best that are looked at one by one before the search halves.
const NEAR: usize = 16;

/// Levels of one side.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: Side,
    levels: Vec<Level>,
    dead: usize,
    slots: [Slot; TOP],
    touched: bool,
}

/// Checksum text of one of the best levels, at the slot's end; a length of zero means that it has to be written again.
#[derive(Clone, Copy, Debug)]
struct Slot {
    bytes: [u8; SLOT],
    length: u8,
}

impl Slot {
    const STALE: Self = Self {
        bytes: [0; SLOT],
        length: 0,
    };

    fn write(&mut self, level: Level) {
        let mut places = self.bytes.iter_mut().rev();
        let numbers = [level.qty.units(), level.price.units()];
        self.length = numbers
            .map(|number| digits::write_back(number.unsigned_abs(), &mut places))
            .iter()
            .sum();
    }
}

impl Ladder {
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            levels: Vec::new(),
            dead: 0,
            slots: [Slot::STALE; TOP],
            touched: true,
        }
    }

    /// Live levels, worst first.
    pub(super) fn live(&self) -> &[Level] {
        self.levels.get(self.dead..).unwrap_or_default()
    }

    pub(super) fn best(&self) -> Option<&Level> {
        self.live().last()
    }

    /// Whether one of the ten best changed since the last [`Ladder::copy_top`].
    pub(super) const fn is_touched(&self) -> bool {
        self.touched
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.dead = 0;
        self.forget_top();
    }

    /// Takes a whole side, best level first, as snapshots come.
    pub(super) fn replace(&mut self, best_first: &[Level], depth: usize) {
        self.clear();
        self.levels.reserve(2 * depth.max(best_first.len()) + TOP);
        for level in best_first.iter().rev() {
            match self.levels.last() {
                Some(last) if self.rank(last.price, level.price).is_ge() => self.set(*level),
                _ if level.qty.is_zero() => {}
                _ => self.levels.push(*level),
            }
        }
        self.truncate(depth);
        self.forget_top();
    }

    /// Sets the quantity of one level; zero removes it.
    #[inline]
    pub(super) fn set(&mut self, level: Level) {
        let (at, found) = self.seek(level.price);
        match (found, level.qty.is_zero()) {
            (true, true) => self.remove(at),
            (true, false) => self.change(at, level.qty),
            (false, true) => {}
            (false, false) => self.insert(at, level),
        }
    }

    /// Drops the worst levels beyond `depth`.
    #[inline]
    pub(super) fn truncate(&mut self, depth: usize) {
        let excess = self.live().len().saturating_sub(depth);
        self.dead += excess;
        if depth < TOP && excess > 0 {
            self.touched = true;
        }
    }

    /// Multiplies every number, for a change to a finer precision.
    pub(super) fn scale(&mut self, price: i64, qty: i64) -> Result<(), OutOfRange> {
        for level in self.levels.iter_mut().skip(self.dead) {
            let scaled = |units: i64, factor: i64| units.checked_mul(factor).ok_or(OutOfRange);
            level.price = Price::new(scaled(level.price.units(), price)?)?;
            level.qty = Quantity::new(scaled(level.qty.units(), qty)?)?;
        }
        self.forget_top();
        Ok(())
    }

    /// Writes the checksum text of the ten best, best first, so that it ends at `end`; returns where it begins. Rewrites only
    /// what was touched.
    #[inline]
    pub(super) fn copy_top(&mut self, text: &mut [u8], mut end: usize) -> usize {
        self.touched = false;
        let live = self.levels.get(self.dead..).unwrap_or_default();
        let count = live.len().min(TOP);
        let shown = live.get(live.len() - count..).unwrap_or_default();
        let slots = self.slots.get_mut(..count).unwrap_or_default();
        for (slot, level) in slots.iter_mut().rev().zip(shown) {
            if slot.length == 0 {
                slot.write(*level);
            }
            // Whole slots are copied, a fixed size being quicker than the exact length: what is too much is overwritten next.
            if let Some(target) = text.get_mut(end - SLOT..end) {
                target.copy_from_slice(&slot.bytes);
            }
            end -= usize::from(slot.length);
        }
        end
    }

    fn rank(&self, left: Price, right: Price) -> Ordering {
        match self.side {
            Side::Buy => left.cmp(&right),
            Side::Sell => right.cmp(&left),
        }
    }

    /// Where a price is, or would be inserted.
    #[inline]
    fn seek(&self, price: Price) -> (usize, bool) {
        let live = self.live();
        let mut end = live.len();
        for level in live.iter().rev().take(NEAR) {
            match self.rank(level.price, price) {
                Ordering::Less => return (self.dead + end, false),
                Ordering::Equal => return (self.dead + end - 1, true),
                Ordering::Greater => end -= 1,
            }
        }
        let rest = live.get(..end).unwrap_or_default();
        let at = rest.partition_point(|level| self.rank(level.price, price).is_lt());
        let found = rest.get(at).is_some_and(|level| level.price == price);
        (self.dead + at, found)
    }

    fn change(&mut self, at: usize, qty: Quantity) {
        let from_best = self.levels.len() - 1 - at;
        if let Some(level) = self.levels.get_mut(at) {
            level.qty = qty;
        }
        if let Some(slot) = self.slots.get_mut(from_best) {
            slot.length = 0;
            self.touched = true;
        }
    }

    fn remove(&mut self, at: usize) {
        let from_best = self.levels.len() - 1 - at;
        if at - self.dead < from_best {
            self.levels.copy_within(self.dead..at, self.dead + 1);
            self.dead += 1;
        } else {
            self.levels.remove(at);
        }
        if from_best < TOP {
            self.slots.copy_within(from_best + 1.., from_best);
            self.mark(TOP - 1);
        }
    }

    fn insert(&mut self, at: usize, level: Level) {
        let from_best = self.levels.len() - at;
        if self.dead > 0 && at - self.dead < from_best {
            self.levels.copy_within(self.dead..at, self.dead - 1);
            self.dead -= 1;
            if let Some(free) = self.levels.get_mut(at - 1) {
                *free = level;
            }
        } else {
            let at = at - self.make_room();
            self.levels.insert(at, level);
        }
        if from_best < TOP {
            self.slots.copy_within(from_best..TOP - 1, from_best + 1);
            self.mark(from_best);
        }
    }

    /// Gives the free room in front back before the vector would grow; returns by how much levels moved.
    fn make_room(&mut self) -> usize {
        if self.levels.len() < self.levels.capacity() || self.dead == 0 {
            return 0;
        }
        self.levels.drain(..self.dead);
        std::mem::take(&mut self.dead)
    }

    fn mark(&mut self, from_best: usize) {
        if let Some(slot) = self.slots.get_mut(from_best) {
            slot.length = 0;
        }
        self.touched = true;
    }

    fn forget_top(&mut self) {
        self.slots = [Slot::STALE; TOP];
        self.touched = true;
    }
}
