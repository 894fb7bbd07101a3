//! `level3`: one pair order by order, for all who subscribed to it.
//!
//! For: what each depth is told of each change, at once and one frame a change, as the venue streams it. Left out: who may subscribe
//! ([`Allowance`], `session`). Always true: each frame is written once for all who get it; the checksum is that of the copied queues,
//! which are the exchange's; where nobody subscribes, nothing is copied.

mod allowance;
mod frames;
mod replica;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use tokio_tungstenite::tungstenite::Utf8Bytes;

pub(super) use self::allowance::{Allowance, Excess};
use self::{
    frames::Written,
    replica::{Replica, Step},
    view::{Sight, View},
};
use super::{
    outbox::{Outbox, Topic},
    pair_feed::Told,
};
use crate::sim::matching::{Exchange, Move, PairId};

/// Levels a side that the checksum covers, whatever the depth.
const SUMMED: usize = 10;

/// One pair, as its subscribers know it.
#[derive(Debug)]
pub(super) struct Level3Feed {
    replica: Replica,
    summed: View,
    checksum: u32,
    depths: BTreeMap<u16, Audience>,
}

/// All who see a pair at one depth.
#[derive(Debug)]
struct Audience {
    view: View,
    topic: Topic,
}

impl Level3Feed {
    /// A pair that nobody hears of yet.
    pub(super) fn new(exchange: &Exchange, pair: PairId) -> Self {
        let replica = Replica::new(exchange, pair);
        Self {
            summed: View::new(SUMMED, &replica),
            checksum: replica.checksum(),
            depths: BTreeMap::new(),
            replica,
        }
    }

    /// The depth at which a connection subscribed.
    pub(super) fn depth_of(&self, id: u64) -> Option<u16> {
        let mut depths = self.depths.iter();
        let (depth, _) = depths.find(|(_, audience)| audience.topic.has(id))?;
        Some(*depth)
    }

    /// Takes one in.
    pub(super) fn add(&mut self, depth: u16, outbox: Outbox, silent: bool) {
        let audience = self.depths.entry(depth).or_insert_with(|| Audience {
            view: View::new(usize::from(depth), &self.replica),
            topic: Topic::default(),
        });
        audience.topic.add(outbox, silent);
    }

    /// The orders of a depth as they stand.
    pub(super) fn snapshot(&self, told: &Told<'_>, depth: u16) -> String {
        let checksum = told.shown(self.checksum);
        frames::snapshot(told, &self.replica, usize::from(depth), checksum)
    }

    /// Lets one go. False if it was not there.
    pub(super) fn remove(&mut self, id: u64, depth: u16) -> bool {
        let audience = self.depths.get_mut(&depth);
        let removed = audience.is_some_and(|audience| audience.topic.remove(id));
        self.tidy();
        removed
    }

    /// Forgets a connection.
    pub(super) fn leave(&mut self, id: u64) {
        for audience in self.depths.values_mut() {
            audience.topic.remove(id);
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        self.depths.retain(|_, audience| !audience.topic.is_empty());
    }

    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.depths.is_empty()
    }

    /// Tells what an act did to the pair's orders.
    pub(super) fn publish<'a>(&mut self, told: &Told<'_>, moves: impl Iterator<Item = &'a Move>) {
        for one in moves {
            if let Some(step) = self.replica.take(one) {
                self.tell(told, &step);
            }
        }
    }

    fn tell(&mut self, told: &Told<'_>, step: &Step) {
        if self.summed.follow(&self.replica, step) != Sight::Hidden {
            self.checksum = self.replica.checksum();
        }
        let write = |uncovered| {
            let checksum = told.shown(self.checksum);
            let written = Written { step, uncovered };
            Utf8Bytes::from(frames::update(told, written, checksum))
        };
        let mut plain: Option<Utf8Bytes> = None;
        for audience in self.depths.values_mut() {
            match audience.view.follow(&self.replica, step) {
                Sight::Hidden => {}
                Sight::Seen => {
                    audience
                        .topic
                        .send(plain.get_or_insert_with(|| write(None)));
                }
                Sight::Uncovers(price) => {
                    let level = self.replica.level(step.side, price);
                    audience.topic.send(&write(level));
                }
            }
        }
    }
}
