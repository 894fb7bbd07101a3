//! What happened so far, in plain numbers, and the log lines of orders.
//!
//! Left out: prices of levels, frames, sockets (they count for themselves).

use std::{collections::BTreeMap, time::Duration};

use tracing::{debug, error, info, warn};

use crate::{
    engine::{
        Event, Note, Outbox, Settings,
        event::{Link, RejectReason, ReportKind},
        orders::What,
        risk::Code,
    },
    types::{Decimal, InlineText, Instrument, InstrumentId, Price, Quantity, Symbol, Timestamp},
};

/// Numbers of one run.
#[derive(Clone, Debug)]
pub struct Tally {
    /// When the run began.
    pub since: Option<Timestamp>,
    /// Book frames whose checksum was compared.
    pub checksums: u64,
    /// Of those, how many differed.
    pub checksums_failed: u64,
    /// Books that went bad.
    pub stale_books: u64,
    /// Times that the private feed went down.
    pub account_losses: u64,
    /// Creates handed to the edge.
    pub orders: u64,
    /// Amends handed to the edge.
    pub amends: u64,
    /// Cancels handed to the edge.
    pub cancels: u64,
    /// Fills of ours.
    pub fills: u64,
    /// Wishes that the gate refused, by code.
    pub denied: BTreeMap<Code, u64>,
    /// Commands that the venue refused.
    pub rejected: u64,
    /// Of those, for going too fast.
    pub rate_limited: u64,
    /// Commands that were not answered.
    pub unanswered: u64,
    /// Longest time from event in hand to its last order in the lane.
    pub worst_latency: Duration,
    instruments: Vec<Instrument>,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            since: None,
            checksums: 0,
            checksums_failed: 0,
            stale_books: 0,
            account_losses: 0,
            orders: 0,
            amends: 0,
            cancels: 0,
            fills: 0,
            denied: BTreeMap::new(),
            rejected: 0,
            rate_limited: 0,
            unanswered: 0,
            worst_latency: Duration::ZERO,
            instruments: settings.instruments.clone(),
        }
    }

    /// Wishes refused, whatever the code.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.denied.values().sum()
    }

    /// Counts one turn.
    pub fn note(&mut self, now: Timestamp, event: &Event, out: &Outbox) {
        self.since.get_or_insert(now);
        if matches!(event, Event::Book(_)) {
            self.checksums += 1;
        }
        if let Event::Instrument(id, new) = event
            && let Some(known) = self.instruments.get_mut(id.index())
        {
            known.clone_from(new);
        }
        if let Event::Report(report) = event
            && let ReportKind::Canceled { reason } = &report.kind
        {
            debug!(order = %report.order_id, %reason, "canceled");
        }
        self.account_losses += u64::from(matches!(event, Event::Account(Link::Down)));
        for note in out.notes() {
            self.tell(note);
        }
    }

    /// Takes the time that a turn took from its event to its last order.
    pub fn latency(&mut self, took: Duration) {
        self.worst_latency = self.worst_latency.max(took);
    }

    fn sent(&mut self, what: What) {
        match what {
            What::Create => self.orders += 1,
            What::Amend => self.amends += 1,
            What::Cancel => self.cancels += 1,
        }
    }

    fn symbol(&self, id: InstrumentId) -> Symbol {
        let instrument = self.instruments.get(id.index());
        instrument.map_or_else(|| InlineText::lossy("?"), |instrument| instrument.symbol)
    }

    fn amounts(&self, id: InstrumentId, price: Price, qty: Quantity) -> (Decimal, Decimal) {
        self.instruments
            .get(id.index())
            .map_or((Decimal::ZERO, Decimal::ZERO), |instrument| {
                (
                    instrument.price_decimal(price),
                    instrument.quantity_decimal(qty),
                )
            })
    }

    fn tell(&mut self, note: &Note) {
        match note {
            Note::Sent {
                cl_ord_id,
                instrument,
                what,
                side,
                price,
                qty,
            } => {
                self.sent(*what);
                let (symbol, what) = (self.symbol(*instrument), what.as_str());
                let (price, qty) = self.amounts(*instrument, *price, *qty);
                info!(order = %cl_ord_id, %symbol, what, %side, %price, %qty, "sent");
            }
            Note::Denied {
                instrument,
                refusal,
            } => {
                *self.denied.entry(refusal.code).or_default() += 1;
                debug!(symbol = %self.symbol(*instrument), %refusal, "denied");
            }
            Note::Filled {
                cl_ord_id,
                instrument,
                side,
                fill,
                ..
            } => {
                self.fills += 1;
                let symbol = self.symbol(*instrument);
                let (qty, price) = (fill.qty, fill.price);
                info!(order = %cl_ord_id, %symbol, %side, %qty, %price, "fill");
            }
            Note::Opened {
                cl_ord_id,
                order_id,
            } => debug!(order = %cl_ord_id, %order_id, "open"),
            Note::Ended { cl_ord_id, end } => info!(order = %cl_ord_id, ?end, "ended"),
            Note::Rejected {
                cl_ord_id,
                what,
                rejection,
            } => {
                self.rejected += 1;
                self.rate_limited += u64::from(rejection.reason == RejectReason::RateLimited);
                warn!(order = %cl_ord_id, what, text = %rejection.text, "refused by the venue");
            }
            Note::Unanswered { cl_ord_id, what } => {
                self.unanswered += 1;
                warn!(order = %cl_ord_id, what, "not answered");
            }
            Note::Adopted {
                cl_ord_id,
                order_id,
            } => {
                warn!(order = %cl_ord_id, %order_id, "an open order of ours is adopted");
            }
            Note::BookStale { instrument, why } => {
                self.stale_books += 1;
                self.checksums_failed += u64::from(*why == "checksum");
                let symbol = self.symbol(*instrument);
                if *why == "feed down" {
                    info!(%symbol, why, "book stale");
                } else {
                    warn!(%symbol, why, "book stale");
                }
            }
            Note::BookVerified { instrument } => {
                info!(symbol = %self.symbol(*instrument), "book verified");
            }
            Note::Reconciled { open } => debug!(open, "reconciled"),
            Note::Anomaly(anomaly) => {
                let (code, detail) = (anomaly.code, anomaly.detail);
                let order = anomaly.cl_ord_id.map(|id| id.to_string());
                let symbol = anomaly.instrument.map(|id| self.symbol(id).to_string());
                error!(code, order, symbol, %detail, "anomaly: the pair stands still");
            }
        }
    }
}
