//! The log lines of orders, books and anomalies.
//!
//! Left out: counting, and what the edges have to say themselves.

use tracing::{debug, error, info, warn};

use crate::{
    engine::{Event, Note, Outbox, event::ReportKind},
    types::{Decimal, InlineText, Instrument, InstrumentId, Price, Quantity, Symbol},
};

/// Tells what the engine did, by the names of its instruments.
#[derive(Clone, Debug)]
pub(super) struct Chronicle {
    instruments: Vec<Instrument>,
}

impl Chronicle {
    /// For an engine with these instruments.
    pub(super) fn new(instruments: &[Instrument]) -> Self {
        Self {
            instruments: instruments.to_vec(),
        }
    }

    /// Tells one turn.
    pub(super) fn turn(&mut self, event: &Event, out: &Outbox) {
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
        for note in out.notes() {
            self.tell(note);
        }
    }

    fn tell(&self, note: &Note) {
        match note {
            Note::Sent {
                cl_ord_id,
                instrument,
                what,
                side,
                price,
                qty,
            } => {
                let (symbol, what) = (self.symbol(*instrument), what.as_str());
                let (price, qty) = self.amounts(*instrument, *price, *qty);
                info!(order = %cl_ord_id, %symbol, what, %side, %price, %qty, "sent");
            }
            Note::Denied {
                instrument,
                refusal,
            } => {
                debug!(symbol = %self.symbol(*instrument), %refusal, "denied");
            }
            Note::Filled {
                cl_ord_id,
                instrument,
                side,
                fill,
                ..
            } => {
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
                warn!(order = %cl_ord_id, what, text = %rejection.text, "refused by the venue");
            }
            Note::Unanswered { cl_ord_id, what } => {
                warn!(order = %cl_ord_id, what, "not answered");
            }
            Note::Adopted {
                cl_ord_id,
                order_id,
            } => {
                warn!(order = %cl_ord_id, %order_id, "an open order of ours is adopted");
            }
            Note::Stray {
                cl_ord_id,
                order_id,
                symbol,
            } => error!(
                order = %cl_ord_id,
                %order_id,
                %symbol,
                "an open order of ours is in no pair of this config: nothing is traded until it is gone or its pair is among feed.pairs"
            ),
            Note::BookStale { instrument, why } => {
                let symbol = self.symbol(*instrument);
                if *why == "feed down" {
                    info!(%symbol, why, "book stale");
                } else {
                    warn!(%symbol, why, "book stale");
                }
            }
            Note::Outdated { instrument } => {
                let symbol = self.symbol(*instrument);
                error!(%symbol, "the precision changed: the pair stands still until the next start");
            }
            Note::BookVerified { instrument } => {
                info!(symbol = %self.symbol(*instrument), "book verified");
            }
            Note::Reconciled { open } => debug!(open, "reconciled"),
            Note::Anomaly(anomaly) => {
                let (code, detail) = (anomaly.code, anomaly.detail);
                let order = anomaly.cl_ord_id.map(|id| id.to_string());
                let symbol = self.symbol(anomaly.instrument);
                error!(code, order, %symbol, %detail, "anomaly: the pair stands still");
            }
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
}
