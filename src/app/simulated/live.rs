//! A live public feed, for the simulator that mirrors it: the daemon's own public socket, its books proven, told on.
//!
//! Left out: what the simulator makes of it. Always true: a book that does not agree is told to be stale and taken anew; when the
//! connection is gone, every book is stale; a pair whose digits change is not told of any more, since orders rest in the old ones.

use std::collections::BTreeSet;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::books::{self, Books};
use crate::{
    engine::{
        Event,
        book::BookFault,
        event::{BookUpdate, Link},
    },
    sim::market::Upstream,
    types::{Instrument, InstrumentId, TradingStatus},
};

/// Why a feed ended although nobody asked for it.
#[derive(Debug, Error)]
pub(super) enum Ended {
    /// The socket's task is gone.
    #[error("the public socket ended")]
    Socket,
    /// More books are to be taken anew than there are.
    #[error("the public socket does not take books anew")]
    Jammed,
}

/// Turns what the public socket tells into what the simulator is told.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) instruments: Vec<Instrument>,
    pub(super) books: Books,
    pub(super) market: mpsc::Receiver<Event>,
    pub(super) account: mpsc::Receiver<Event>,
    pub(super) resyncs: mpsc::Sender<InstrumentId>,
    pub(super) spares: mpsc::Sender<BookUpdate>,
    pub(super) out: mpsc::Sender<Upstream>,
    pub(super) system: TradingStatus,
    /// Pairs whose digits have changed.
    pub(super) strange: BTreeSet<InstrumentId>,
}

impl Pump {
    /// Runs until canceled, or until the simulator is gone.
    ///
    /// While the simulator's queue is full it waits, and with it the socket's queue, which then drops books and takes them anew.
    ///
    /// # Cancel safety
    ///
    /// Not to be dropped half-way: an event may be told in part. Cancel the token, and the market counts as gone.
    pub(super) async fn run(mut self, cancel: CancellationToken) -> Result<(), Ended> {
        let mut told = Vec::new();
        loop {
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                event = self.account.recv() => event,
                event = self.market.recv() => event,
            };
            self.take(event.ok_or(Ended::Socket)?, &mut told)?;
            for told in told.drain(..) {
                let sent = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return Ok(()),
                    sent = self.out.send(told) => sent,
                };
                if sent.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn take(&mut self, event: Event, told: &mut Vec<Upstream>) -> Result<(), Ended> {
        match event {
            Event::Book(update) => self.book(update, told)?,
            Event::Trade(trade) => {
                let known = !self.strange.contains(&trade.instrument);
                told.extend(known.then(|| books::trade(&trade, false)));
            }
            Event::Instrument(id, rules) => self.rules(id, *rules, told),
            Event::Venue(status) => {
                self.system = status;
                for id in (0..).map(InstrumentId).take(self.instruments.len()) {
                    told.extend(self.status(id));
                }
            }
            Event::Feed(Link::Down) => {
                warn!("the mirrored market is not heard; its pairs take cancels only");
                self.books.quarantine();
                told.push(Upstream::Down);
            }
            Event::Feed(Link::Up) => info!("the mirrored market is heard"),
            // The public socket tells nothing else.
            Event::Tick
            | Event::ClockOffset(_)
            | Event::Account(_)
            | Event::RateThreshold(_)
            | Event::Report(_)
            | Event::Balances(_)
            | Event::Balance(_)
            | Event::Outcome(_)
            | Event::LookedUp(_)
            | Event::Reconciled(_)
            | Event::ReconcileFailed
            | Event::OrderEntry(_)
            | Event::Control(_)
            | Event::JournalFailed => {}
        }
        Ok(())
    }

    fn book(&mut self, update: BookUpdate, told: &mut Vec<Upstream>) -> Result<(), Ended> {
        let instrument = update.instrument;
        if self.strange.contains(&instrument) {
            return Ok(());
        }
        match self.books.apply(&update) {
            Ok(verified) => told.push(verified),
            Err(BookFault::NoSnapshot) => {}
            Err(fault @ (BookFault::Checksum { .. } | BookFault::Crossed { .. })) => {
                let symbol = self.instruments.get(instrument.index());
                let symbol = symbol.map(|known| known.symbol.as_str());
                warn!(symbol, %fault, "a mirrored book is wrong and taken anew");
                told.push(Upstream::Stale { instrument });
                // A book asks once between two whole ones, so there is room.
                let asked = self.resyncs.try_send(instrument);
                asked.map_err(|_full_or_closed| Ended::Jammed)?;
            }
        }
        // Its room is worth keeping, no more than that.
        let _dropped = self.spares.try_send(update);
        Ok(())
    }

    fn rules(&mut self, id: InstrumentId, rules: Instrument, told: &mut Vec<Upstream>) {
        let Some(known) = self.instruments.get_mut(id.index()) else {
            return;
        };
        let digits = |of: &Instrument| (of.price_precision, of.qty_precision, of.tick, of.lot);
        known.status = rules.status;
        if digits(known) != digits(&rules) {
            error!(symbol = %known.symbol, "the mirrored market has changed the pair's digits; it takes cancels only until a new start");
            self.strange.insert(id);
            told.push(Upstream::Stale { instrument: id });
        }
        told.extend(self.status(id));
    }

    /// What may be done in a pair: the least of what the venue allows and what the pair does.
    fn status(&self, id: InstrumentId) -> Option<Upstream> {
        let own = self.instruments.get(id.index())?.status;
        let status = std::cmp::max_by_key(self.system, own, |status| strictness(*status));
        Some(Upstream::Status {
            instrument: id,
            status,
        })
    }
}

const fn strictness(status: TradingStatus) -> u8 {
    match status {
        TradingStatus::Online => 0,
        TradingStatus::LimitOnly => 1,
        TradingStatus::PostOnly => 2,
        TradingStatus::ReduceOnly => 3,
        TradingStatus::CancelOnly => 4,
        TradingStatus::Maintenance => 5,
        TradingStatus::InProgress => 6,
        TradingStatus::Closed => 7,
    }
}

#[cfg(test)]
mod tests;
