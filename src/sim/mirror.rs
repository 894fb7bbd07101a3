//! The task that keeps mirrored pairs in step with the market that they mirror.
//!
//! For: taking what a feed tells to the venue, in order, and telling clients when a pair stops or goes on. Left out: the feed itself;
//! the simulator reads no wire but its clients'. Always true: what was told is in the book, or the pair takes no orders.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    SimError, Venue,
    market::{Upstream, mirror::Mirror},
    matching::{PairId, Universe},
    server::WsState,
};
use crate::types::{Instrument, TradingStatus};

/// Words of a feed that are taken in before others on this thread get a turn.
const TURN: usize = 64;

/// A market that happens elsewhere, and how it is told.
#[derive(Debug)]
pub struct Feed {
    /// The pairs, by the position that the feed calls them by, with the rules that hold there.
    pub instruments: Vec<Instrument>,
    /// What happens. Its end is the end of the market: the pairs then take cancels only.
    pub events: mpsc::Receiver<Upstream>,
}

impl Feed {
    /// Gives listed pairs the rules that hold in the mirrored market; fees stay. Tells which pairs these are.
    pub(super) fn rule(&self, universe: &mut Universe) -> Result<Vec<PairId>, SimError> {
        let mut pairs = Vec::new();
        for told in &self.instruments {
            let unlisted = || SimError::Pair(told.symbol.to_string());
            let pair = universe.find_symbol(&told.symbol).ok_or_else(unlisted)?;
            let spec = universe.pairs.get_mut(pair.0 as usize);
            let own = &mut spec.ok_or_else(unlisted)?.instrument;
            if (own.base, own.quote) != (told.base, told.quote) {
                return Err(SimError::Assets {
                    symbol: told.symbol.to_string(),
                    told: (told.base, told.quote),
                });
            }
            let digits = |of: &Instrument| (of.price_precision, of.qty_precision, of.tick);
            if digits(own) != digits(told) {
                info!(symbol = %told.symbol, "digits of the mirrored market differ from the built-in ones, and hold");
            }
            *own = Instrument {
                fees: own.fees,
                // What may be done follows the feed.
                status: TradingStatus::Online,
                ..told.clone()
            };
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// Mirrors a feed into a venue.
#[derive(Debug)]
pub(super) struct Mirroring {
    venue: Venue,
    mirror: Mirror,
    events: mpsc::Receiver<Upstream>,
}

impl Mirroring {
    /// The pairs take cancels only from now on, until their books are there.
    pub(super) fn new(venue: &Venue, feed: Feed, pairs: &[PairId]) -> Self {
        let statuses = feed.instruments.iter().map(|told| told.status);
        let told: Vec<_> = pairs.iter().copied().zip(statuses).collect();
        let mirror = venue.change(|exchange| Mirror::new(told, exchange));
        Self {
            venue: venue.clone(),
            mirror,
            events: feed.events,
        }
    }

    /// Waits until every pair has a book, or the feed has ended.
    ///
    /// # Cancel safety
    ///
    /// What was told is in when the future is dropped.
    pub(super) async fn begin(&mut self) {
        while !self.mirror.has_begun() {
            let Some(told) = self.events.recv().await else {
                return;
            };
            self.take(told);
        }
    }

    /// Runs until canceled.
    ///
    /// # Cancel safety
    ///
    /// What was told is in when the future is dropped.
    pub(super) async fn run(mut self, sockets: WsState, cancel: CancellationToken) {
        let mut turns = 0;
        loop {
            let told = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                told = self.events.recv() => told,
            };
            let over = told.is_none();
            if self.take(told.unwrap_or(Upstream::Down)) {
                sockets.publish_statuses();
            }
            if over {
                warn!("the mirrored market has ended; its pairs take cancels only");
                return cancel.cancelled().await;
            }
            turns += 1;
            if turns % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether the status of a pair has changed.
    fn take(&mut self, told: Upstream) -> bool {
        let Self { venue, mirror, .. } = self;
        let changed =
            venue.intervene(|now, exchange, facts| mirror.take(now, told, exchange, facts));
        changed.unwrap_or(false)
    }
}
