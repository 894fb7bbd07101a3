//! Books of a market that the simulator follows, proven before it is told of them.
//!
//! Always true: what the simulator hears of a book agreed with its checksum, from the whole book on.

use crate::{
    engine::{
        book::{Book, BookFault, Why},
        event::{BookKind, BookUpdate, Level, PublicTrade},
    },
    sim::market::{Quote, Upstream},
    types::InstrumentId,
};

/// Books by instrument.
#[derive(Debug)]
pub(super) struct Books(Vec<Book>);

impl Books {
    pub(super) fn new(count: usize, depth: u16) -> Self {
        Self(vec![Book::new(usize::from(depth)); count])
    }

    /// The book begins anew, with so many levels.
    pub(super) fn restart(&mut self, instrument: InstrumentId, depth: usize) {
        if let Some(book) = self.0.get_mut(instrument.index()) {
            book.restart(depth);
        }
    }

    /// The feed is gone; each book needs a whole one.
    pub(super) fn quarantine(&mut self) {
        for book in &mut self.0 {
            book.quarantine(Why::Feed);
        }
    }

    /// Applies a frame. What the simulator is to be told of it, if the book is right with it.
    ///
    /// # Errors
    ///
    /// What is wrong. The book waits for a whole one then.
    pub(super) fn apply(&mut self, update: &BookUpdate) -> Result<Upstream, BookFault> {
        let book = self.0.get_mut(update.instrument.index());
        let book = book.ok_or(BookFault::NoSnapshot)?;
        book.apply(update)?;
        let instrument = update.instrument;
        let (bids, asks) = (quotes(&update.bids), quotes(&update.asks));
        Ok(match update.kind {
            BookKind::Snapshot => Upstream::Book {
                instrument,
                depth: book.depth(),
                bids,
                asks,
            },
            BookKind::Update => Upstream::Levels {
                instrument,
                bids,
                asks,
            },
        })
    }
}

pub(super) const fn trade(public: &PublicTrade, market: bool) -> Upstream {
    Upstream::Trade {
        instrument: public.instrument,
        taker_side: public.taker_side,
        price: public.price,
        qty: public.qty,
        market,
    }
}

fn quotes(levels: &[Level]) -> Vec<Quote> {
    levels
        .iter()
        .map(|level| (level.price, level.qty))
        .collect()
}
