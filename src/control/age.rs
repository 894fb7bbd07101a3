//! How long ago each channel of a socket last said something.
//!
//! Frames are counted where they arrive and seen from here: the path from frame to order reads no clock for it. Whoever looks every
//! quarter of a second knows an age to a quarter of a second.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    types::Timestamp,
    venue::kraken::counters::{Feed, FeedCounts},
};

/// The last movement of every channel's count.
#[derive(Debug, Default)]
pub(super) struct Ages(Mutex<[Seen; Feed::ALL.len()]>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    /// None before the first frame.
    moved: Option<Timestamp>,
}

impl Ages {
    /// Looks at the counts.
    pub(super) fn look(&self, now: Timestamp, counts: &FeedCounts) {
        for (seen, feed) in self.lock().iter_mut().zip(Feed::ALL) {
            let frames = counts.get(feed);
            if frames != seen.frames {
                *seen = Seen {
                    frames,
                    moved: Some(now),
                };
            }
        }
    }

    /// Seconds since each channel last moved, for those that ever did.
    pub(super) fn seconds(&self, now: Timestamp) -> Vec<(Feed, f64)> {
        let seen = *self.lock();
        let aged = Feed::ALL.into_iter().zip(seen);
        aged.filter_map(|(feed, seen)| Some((feed, now.since(seen.moved?).as_secs_f64())))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, [Seen; Feed::ALL.len()]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_ages_until_it_speaks_again_and_has_no_age_before_it_spoke() {
        let (ages, counts) = (Ages::default(), FeedCounts::default());
        let at = Timestamp::from_secs;
        counts.add(Feed::Book);
        ages.look(at(10), &counts);
        ages.look(at(12), &counts);
        assert_eq!(ages.seconds(at(13)), [(Feed::Book, 3.0)]);
        counts.add(Feed::Book);
        counts.add(Feed::Heartbeat);
        ages.look(at(14), &counts);
        let both = [(Feed::Book, 1.0), (Feed::Heartbeat, 1.0)];
        assert_eq!(ages.seconds(at(15)), both);
    }
}
