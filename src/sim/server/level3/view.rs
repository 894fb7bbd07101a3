//! What a subscriber of one depth sees of a change.
//!
//! For: which changes are told, and which level moves into view. Left out: levels pushed out of view: nobody is told of them, the
//! subscriber cuts its own copy. Always true: after each change the view is the best levels, as many as the depth. Every step is logarithmic.

use super::replica::{Ladder, Level, Replica, Step};
use crate::types::{Price, Side};

/// What is seen of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sight {
    /// Nothing: it was behind the view.
    Hidden,
    /// The change.
    Seen,
    /// The change, and all orders of a level that moved into view with it.
    Uncovers(Price),
}

/// The best levels of both sides, as many as the depth.
#[derive(Debug)]
pub(super) struct View {
    depth: usize,
    bids: Edge,
    asks: Edge,
}

/// The last price in view; none while there is room for more.
type Edge = Option<Price>;

impl View {
    /// A view of what stands.
    pub(super) fn new(depth: usize, replica: &Replica) -> Self {
        let edge = |side| {
            let mut levels = replica.ladder(side).levels();
            levels.nth(depth.saturating_sub(1)).map(|(price, _)| price)
        };
        Self {
            depth,
            bids: edge(Side::Buy),
            asks: edge(Side::Sell),
        }
    }

    /// Follows one change that has just been made.
    pub(super) fn follow(&mut self, replica: &Replica, step: &Step) -> Sight {
        let ladder = replica.ladder(step.side);
        let edge = match step.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let price = step.order.price;
        if edge.is_some_and(|edge| ladder.is_better(edge, price)) {
            return Sight::Hidden;
        }
        match step.level {
            Level::Stayed => Sight::Seen,
            Level::Came => {
                *edge = after_arrival(*edge, ladder, self.depth);
                Sight::Seen
            }
            Level::Went => {
                *edge = edge.and_then(|edge| ladder.behind(edge));
                edge.map_or(Sight::Seen, Sight::Uncovers)
            }
        }
    }
}

fn after_arrival(edge: Edge, ladder: &Ladder, depth: usize) -> Edge {
    match edge {
        Some(edge) => ladder.before(edge),
        None if ladder.len() == depth => ladder.last(),
        None => None,
    }
}
