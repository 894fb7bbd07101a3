//! The orders of one price level, in the order in which they are served.
//!
//! Always true: turns rise from front to back. Most levels have one order, which lies in the level itself: a tree would take ten times
//! its room. Taking one out of the middle moves those behind it, which is quick for as many as wait at one price.

use smallvec::SmallVec;

use super::book::Resting;

/// Orders by their turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(SmallVec<[(u64, Resting); 1]>);

impl Queue {
    /// Puts an order at the back; its turn is later than all others.
    pub(super) fn push(&mut self, turn: u64, order: Resting) {
        self.0.push((turn, order));
    }

    pub(super) fn get(&self, turn: u64) -> Option<&Resting> {
        let (_, order) = self.0.get(self.place(turn)?)?;
        Some(order)
    }

    pub(super) fn get_mut(&mut self, turn: u64) -> Option<&mut Resting> {
        let place = self.place(turn)?;
        let (_, order) = self.0.get_mut(place)?;
        Some(order)
    }

    pub(super) fn remove(&mut self, turn: u64) {
        if let Some(place) = self.place(turn) {
            self.0.remove(place);
        }
        // A level that was crowded once is not so for ever.
        if self.0.spilled() && self.0.len() <= 1 {
            self.0.shrink_to_fit();
        }
    }

    pub(super) fn first(&self) -> Option<&Resting> {
        self.0.first().map(|(_, order)| order)
    }

    pub(super) fn last(&self) -> Option<&Resting> {
        self.0.last().map(|(_, order)| order)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Front to back, with their turns.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Resting)> {
        self.0.iter().map(|(turn, order)| (*turn, order))
    }

    fn place(&self, turn: u64) -> Option<usize> {
        self.0.binary_search_by_key(&turn, |(turn, _)| *turn).ok()
    }
}
