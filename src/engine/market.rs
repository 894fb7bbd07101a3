//! The market side of an event: books, instruments, the feed.

use super::{
    book::{Book, BookFault, Why},
    command::Command,
    core::{Core, Touched},
    event::{BookUpdate, Link},
    note::Note,
    outbox::Outbox,
};
use crate::types::{Instrument, InstrumentId};

impl Core {
    pub(super) fn book(&mut self, update: &BookUpdate, out: &mut Outbox) -> Touched {
        let now = self.state.now;
        let Some((_, market)) = self.market_mut(update.instrument) else {
            return Touched::None;
        };
        let was_verified = market.book.is_verified();
        match market.book.apply(update) {
            Ok(()) => {
                market.changed = now;
                if !was_verified && market.book.is_verified() {
                    out.note(Note::BookVerified {
                        instrument: update.instrument,
                    });
                }
            }
            Err(fault) => Self::went_stale(update.instrument, &fault, out),
        }
        Touched::One(update.instrument)
    }

    /// One snapshot is asked for when a book goes bad; the updates that still come before it are passed over.
    fn went_stale(instrument: InstrumentId, fault: &BookFault, out: &mut Outbox) {
        let why = match fault {
            BookFault::Checksum { .. } => "checksum",
            BookFault::Crossed { .. } => "crossed",
            BookFault::NoSnapshot => return,
        };
        out.note(Note::BookStale { instrument, why });
        out.command(Command::Resync(instrument));
    }

    pub(super) fn instrument(
        &mut self,
        id: InstrumentId,
        new: &Instrument,
        out: &mut Outbox,
    ) -> Touched {
        let depth = self.settings.depth;
        let Some(slot) = self.state.instruments.get_mut(id.index()) else {
            return Touched::None;
        };
        // The feed does not tell fees; what REST told stays.
        let new = Instrument {
            fees: slot.fees,
            ..new.clone()
        };
        let old = std::mem::replace(slot, new.clone());
        if old.price_precision != new.price_precision || old.qty_precision != new.qty_precision {
            self.rescale(id, &old, &new, out);
            if let Some((_, market)) = self.market_mut(id) {
                market.book = Book::new(usize::from(depth));
            }
            out.note(Note::BookStale {
                instrument: id,
                why: "precision changed",
            });
            out.command(Command::Resync(id));
        }
        Touched::One(id)
    }

    /// Amounts of what is live and of the position move to the new units, where that is exact. The pair then stands still until the
    /// next start: what strategies were configured with and remember, and what the edge encodes by, is in the old units.
    fn rescale(&mut self, id: InstrumentId, old: &Instrument, new: &Instrument, out: &mut Outbox) {
        let mut exact = true;
        for order in self.state.orders.live_of_mut(id) {
            exact &= order.rescale(old, new).is_some();
        }
        if let Some((_, market)) = self.market_mut(id) {
            exact &= market
                .position
                .rescale(old.qty_precision, new.qty_precision)
                .is_some();
        }
        if exact {
            if let Some((_, market)) = self.market_mut(id) {
                market.outdated = true;
            }
            out.note(Note::Outdated { instrument: id });
        } else {
            let detail = "amounts of orders or position do not fit the new precision";
            self.anomaly(id, None, "precision_changed", detail, out);
        }
        let live = self.state.orders.live_of(id);
        let live: Vec<_> = live.map(|order| order.cl_ord_id).collect();
        for order in live {
            self.want_cancel(&order, out);
        }
    }

    pub(super) fn feed(&mut self, link: Link, out: &mut Outbox) -> Touched {
        self.state.feed = link;
        if link == Link::Down {
            for (index, market) in self.state.markets.iter_mut().enumerate() {
                if market.book.is_verified() {
                    let instrument = InstrumentId(u32::try_from(index).unwrap_or(u32::MAX));
                    out.note(Note::BookStale {
                        instrument,
                        why: "feed down",
                    });
                }
                market.book.quarantine(Why::Feed);
            }
        }
        Touched::All
    }
}
