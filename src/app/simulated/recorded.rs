//! Recorded frames, for the simulator that plays them: decoded and proven as live ones are, told at the gaps of the recording.
//!
//! Left out: what the simulator makes of them. Always true: a file was read whole once before it is played, so that one without a
//! single good book is told at the start; a book that does not agree is stale until the next whole one; gaps are kept from when
//! every pair of the file has had a book.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Error,
    books::{self, Books},
};
use crate::{
    app::recording::{self, Line},
    engine::book::BookFault,
    io::{Clock, lines},
    sim::market::Upstream,
    types::{Instrument, InstrumentId, Symbol, Timestamp},
    venue::kraken::{
        decode::{
            Body, BookHead, Buffers, Decoder, Kind, Listing, Message, Method, Reply, TakerOrder,
        },
        encode::least_book_depth,
    },
};

/// Longest single wait, so that clocks that jump are noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A file on its way through decoder and books.
#[derive(Debug)]
pub(super) struct Reel {
    path: PathBuf,
    lines: lines::Lines,
    line: Vec<u8>,
    decoder: Decoder,
    buffers: Buffers,
    books: Books,
    /// What was acknowledged; else a whole book tells it.
    depths: Vec<Option<usize>>,
    /// Pairs that have had no book yet.
    awaited: BTreeSet<InstrumentId>,
    /// When the frame at hand was received; the one before if it does not say.
    at: Option<Timestamp>,
    faults: u64,
    /// The first thing that was wrong.
    fault: Option<String>,
}

/// The listed pairs that a recording has good books of; only that one, if one is named.
///
/// # Errors
///
/// When it cannot be read, or has none of a wanted pair.
pub(super) fn scan(
    path: &Path,
    only: Option<Symbol>,
    listed: &[Instrument],
) -> Result<Vec<Symbol>, Error> {
    let wanted = |symbol: &Symbol| only.is_none_or(|only| only == *symbol);
    let mut reel = Reel::open(path, listed, wanted)?;
    let mut told = Vec::new();
    while reel.next(&mut told)? {
        told.clear();
    }
    let heard = reel.decoder.listings().iter();
    let heard = heard.filter(|listing| !reel.awaited.contains(&listing.id));
    let found: Vec<Symbol> = heard.map(|listing| listing.symbol).collect();
    if found.is_empty() {
        return Err(Error::NoBook {
            path: path.to_owned(),
            fault: reel
                .fault
                .unwrap_or_else(|| "no book frame of a listed pair".to_owned()),
        });
    }
    Ok(found)
}

/// Plays a recording to its end, then its pairs are stale.
///
/// # Cancel safety
///
/// Not to be dropped half-way: a frame may be told in part. Cancel the token.
pub(super) async fn play(
    mut reel: Reel,
    out: mpsc::Sender<Upstream>,
    (clock, speed): (Clock, f64),
    cancel: CancellationToken,
) -> Result<(), Error> {
    // An instant of the recording, and when it is played.
    let (mut begun, mut told) = (None, Vec::new());
    while reel.next(&mut told)? {
        if told.is_empty() {
            continue;
        }
        if let (Some(at), true) = (reel.at, reel.awaited.is_empty()) {
            let (first, start) = *begun.get_or_insert_with(|| (at, clock.now()));
            let gap = at.since(first).as_secs_f64() / speed;
            let due = start.after(Duration::try_from_secs_f64(gap).unwrap_or(Duration::MAX));
            if !wait_until(due, &clock, &cancel).await {
                return Ok(());
            }
        }
        for told in told.drain(..) {
            let sent = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                sent = out.send(told) => sent,
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    }
    info!(path = %reel.path.display(), faults = reel.faults, "a recording has been played to its end");
    for listing in reel.decoder.listings() {
        let instrument = listing.id;
        // The simulator may be gone.
        let _gone = out.send(Upstream::Stale { instrument }).await;
    }
    Ok(())
}

/// False when canceled.
async fn wait_until(due: Timestamp, clock: &Clock, cancel: &CancellationToken) -> bool {
    loop {
        let left = due.since(clock.now());
        if left.is_zero() {
            return !cancel.is_cancelled();
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => return false,
            () = sleep(left.min(LONGEST_WAIT)) => {}
        }
    }
}

impl Reel {
    /// Opens a file for the wanted ones of these pairs.
    pub(super) fn open(
        path: &Path,
        instruments: &[Instrument],
        wanted: impl Fn(&Symbol) -> bool,
    ) -> Result<Self, Error> {
        let (mut decoder, mut awaited) = (Decoder::new(), BTreeSet::new());
        for (id, instrument) in (0..).map(InstrumentId).zip(instruments) {
            if wanted(&instrument.symbol) {
                awaited.insert(id);
                decoder.list(Listing {
                    id,
                    symbol: instrument.symbol,
                    price_precision: instrument.price_precision,
                    qty_precision: instrument.qty_precision,
                });
            }
        }
        Ok(Self {
            lines: lines::open(path).map_err(|source| broken(path, source))?,
            path: path.to_owned(),
            awaited,
            line: Vec::new(),
            decoder,
            buffers: Buffers::new(),
            books: Books::new(instruments.len(), 10),
            depths: vec![None; instruments.len()],
            at: None,
            faults: 0,
            fault: None,
        })
    }

    /// Reads one line. False at the end of the file.
    fn next(&mut self, told: &mut Vec<Upstream>) -> Result<bool, Error> {
        let read = self.lines.read_into(&mut self.line);
        if !read.map_err(|source| broken(&self.path, source))? {
            return Ok(false);
        }
        let line = std::mem::take(&mut self.line);
        if let Line::Received(frame) = recording::read(&line) {
            let received = recording::received_at(&line);
            self.frame(&frame, received, told);
        }
        self.line = line;
        Ok(true)
    }

    fn frame(&mut self, frame: &[u8], received: Option<Timestamp>, told: &mut Vec<Upstream>) {
        let mut buffers = std::mem::take(&mut self.buffers);
        let mut stamped = None;
        match self.decoder.decode(frame, &mut buffers) {
            Ok(Message::Book(head)) => {
                stamped = buffers.book.at;
                self.book(&head, &buffers, told);
            }
            Ok(Message::Trades(head)) if head.kind == Kind::Update => {
                stamped = buffers.trades.last().map(|trade| trade.public.at);
                let trades = buffers.trades.iter();
                told.extend(trades.map(|trade| {
                    books::trade(&trade.public, trade.order == Some(TakerOrder::Market))
                }));
            }
            Ok(Message::Reply(reply)) => self.reply(&reply),
            Ok(_) => {}
            Err(error) => self.wrong(&error),
        }
        self.buffers = buffers;
        // Time does not go backwards, whatever a recording says.
        self.at = received.or(stamped).max(self.at);
    }

    /// An acknowledgement tells how deep the book is.
    fn reply(&mut self, reply: &Reply<'_>) {
        let (true, Method::Subscribe, Some(Body::Subscribed(granted))) =
            (reply.success, reply.method, &reply.body)
        else {
            return;
        };
        let symbol = granted.symbol.as_ref().map(|symbol| symbol.as_str());
        let listing = symbol.and_then(|symbol| self.decoder.listing(symbol));
        let place = listing.and_then(|listing| self.depths.get_mut(listing.id.index()));
        if let (Some(place), Some(depth), "book") = (place, granted.depth, granted.channel.as_str())
        {
            *place = usize::try_from(depth).ok();
        }
    }

    fn book(&mut self, head: &BookHead, buffers: &Buffers, told: &mut Vec<Upstream>) {
        let (instrument, update) = (head.instrument, &buffers.book);
        if head.kind == Kind::Snapshot {
            let longest = update.bids.len().max(update.asks.len());
            let known = self.depths.get(instrument.index()).copied().flatten();
            let depth = known.or(least_book_depth(longest)).unwrap_or(longest);
            self.books.restart(instrument, depth);
        }
        match self.books.apply(update) {
            Ok(verified) => {
                self.awaited.remove(&instrument);
                told.push(verified);
            }
            Err(BookFault::NoSnapshot) => {}
            Err(fault @ (BookFault::Checksum { .. } | BookFault::Crossed { .. })) => {
                self.wrong(&format_args!("{}: {fault}", head.symbol));
                told.push(Upstream::Stale { instrument });
            }
        }
    }

    fn wrong(&mut self, what: &dyn std::fmt::Display) {
        self.faults += 1;
        let (path, line) = (self.path.display(), self.lines.number());
        if self.fault.is_none() {
            warn!(%path, line, fault = %what, "a recording has a frame that is not as it should be");
            self.fault = Some(format!("line {line}: {what}"));
        }
    }
}

fn broken(path: &Path, source: io::Error) -> Error {
    Error::Recording {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
