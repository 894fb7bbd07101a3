//! What the venue reports of our orders. Reports come late, twice and out of order: they move an order forward or not at all.

use super::{
    core::{Core, Mode, Touched},
    event::{Fill, Report, ReportKind},
    note::Note,
    order::{End, Order, State},
    orders::Orders,
    outbox::Outbox,
    settings::Adopted,
};
use crate::types::{
    ClOrdId, Decimal, Instrument, InstrumentId, OrderId, OutOfRange, Price, Quantity, Side,
    Timestamp,
};

/// An order as a report or a record tells it, in the instrument's units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) order_id: OrderId,
    pub(super) cl_ord_id: ClOrdId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) qty: Quantity,
    pub(super) filled: Quantity,
    pub(super) opened: Timestamp,
}

impl Core {
    pub(super) fn report(&mut self, report: &Report, out: &mut Outbox) -> Touched {
        let known = self
            .state
            .orders
            .by_order_id(&report.order_id)
            .or(report.cl_ord_id);
        let Some(id) = known.filter(|id| self.is_ours(id)) else {
            return Touched::None;
        };
        if !self.holds(&id) {
            let Some(told) = self.told(report, id) else {
                self.unknown_until_reconciled(out);
                return Touched::None;
            };
            self.adopt(&told, out);
        }
        let Some(instrument) = self.state.orders.get(&id).map(|order| order.instrument) else {
            return Touched::None;
        };
        if shows_it_placed(report) {
            self.turned_up(&id, report.order_id, out);
        }
        self.note_open(&id, report.order_id, out);
        self.report_kind(&id, report, out);
        self.tend(&id, out);
        Touched::One(instrument)
    }

    pub(super) fn is_ours(&self, id: &ClOrdId) -> bool {
        Orders::is_ours(&self.settings.tag, id)
    }

    /// Whether the order is known and in a pair that is.
    pub(super) fn holds(&self, id: &ClOrdId) -> bool {
        let order = self.state.orders.get(id);
        order.is_some_and(|order| self.market(order.instrument).is_some())
    }

    fn report_kind(&mut self, id: &ClOrdId, report: &Report, out: &mut Outbox) {
        match &report.kind {
            ReportKind::Trade(fill) => {
                self.fill(id, fill, out);
                self.check_cum(id, report.cum_qty, out);
            }
            ReportKind::Filled => self.ended(id, End::Filled, report.cum_qty, out),
            ReportKind::Canceled { .. } => self.ended(id, End::Canceled, report.cum_qty, out),
            ReportKind::Expired => self.ended(id, End::Expired, report.cum_qty, out),
            ReportKind::Amended => self.amended(id, report, out),
            ReportKind::Pending | ReportKind::New | ReportKind::Other => {
                self.check_cum(id, report.cum_qty, out);
            }
        }
    }

    fn amended(&mut self, id: &ClOrdId, report: &Report, out: &mut Outbox) {
        let now = self.state.now;
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        let Some((instrument, _)) = self.market(order.instrument) else {
            return;
        };
        let price = report
            .limit_price
            .and_then(|price| to_price(instrument, price).ok());
        let qty = report
            .order_qty
            .and_then(|qty| to_quantity(instrument, qty).ok());
        let settles = order.pending_change().is_some_and(|(to_price, to_qty)| {
            price.is_none_or(|price| price == to_price) && qty.is_none_or(|qty| qty == to_qty)
        });
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if settles {
            order.settle_change();
            order.look = None;
            order.touched = now;
        }
        order.confirmed(price, qty);
        if order.filled >= order.qty && order.pending_change().is_none() {
            self.end(id, End::Filled, out);
        }
    }

    /// Counts a fill once, on whatever order it belongs to, over or not.
    pub(super) fn fill(&mut self, id: &ClOrdId, fill: &Fill, out: &mut Outbox) {
        let at = fill.at.shifted_nanos(-self.state.clock_offset);
        if !self.state.orders.first_sight(fill.exec_id, at) {
            return;
        }
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        let (instrument_id, side) = (order.instrument, order.side);
        let Some((instrument, _)) = self.market(instrument_id) else {
            return;
        };
        let amounts = to_quantity(instrument, fill.qty)
            .and_then(|qty| Ok((qty, to_price(instrument, fill.price)?)));
        let Ok((qty, price)) = amounts else {
            let detail = "a fill does not fit the pair's precision";
            return self.anomaly(instrument_id, Some(*id), "fill_amount", detail, out);
        };
        let counted = self
            .market_mut(instrument_id)
            .is_some_and(|(_, market)| market.position.apply(side, qty, fill).is_ok());
        let grown = self
            .state
            .orders
            .get_mut(id)
            .is_some_and(|order| order.add_fill(qty));
        if !counted || !grown {
            let detail = "a fill makes more than the order holds";
            self.anomaly(instrument_id, Some(*id), "overfill", detail, out);
        }
        let fill = fill.clone();
        let instrument = instrument_id;
        out.note(Note::Filled {
            cl_ord_id: *id,
            instrument,
            side,
            price,
            qty,
            fill,
        });
        self.end_if_complete(id, out);
    }

    fn end_if_complete(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        let State::Open { ended, .. } = &order.state else {
            return;
        };
        match *ended {
            Some((end, cum)) if order.filled >= cum => self.end(id, end, out),
            Some(_) => {}
            None if order.filled >= order.qty && order.pending_change().is_none() => {
                self.end(id, End::Filled, out);
            }
            None => {}
        }
    }

    /// Ends an order by the venue's word, once all the fills that the word counts have been seen.
    pub(super) fn ended(
        &mut self,
        id: &ClOrdId,
        end: End,
        cum_qty: Option<Decimal>,
        out: &mut Outbox,
    ) {
        let now = self.state.now;
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        let Some((instrument, _)) = self.market(order.instrument) else {
            return;
        };
        let told = cum_qty.and_then(|qty| to_quantity(instrument, qty).ok());
        let cum = match (told, end) {
            (Some(cum), _) => cum,
            (None, End::Filled) => order.qty,
            (None, _) => order.filled,
        };
        if order.filled >= cum {
            return self.end(id, end, out);
        }
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if let State::Open { ended, change, .. } = &mut order.state {
            *ended = Some((end, cum));
            *change = super::order::ChangeState::None;
            order.look_up(now);
        }
    }

    /// A total above the fills that were seen means that a fill was missed: it is looked up.
    fn check_cum(&mut self, id: &ClOrdId, cum_qty: Option<Decimal>, out: &mut Outbox) {
        let now = self.state.now;
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        let Some((instrument, _)) = self.market(order.instrument) else {
            return;
        };
        let Some(Ok(cum)) = cum_qty.map(|qty| to_quantity(instrument, qty)) else {
            return;
        };
        if order.filled >= cum {
            return;
        }
        if let Some(order) = self.state.orders.get_mut(id) {
            order.look_up(now);
        }
        self.tend(id, out);
    }

    /// A report of an order of ours that it does not tell in full: until the records do, no limit counts it.
    fn unknown_until_reconciled(&mut self, out: &mut Outbox) {
        if self.state.mode == Mode::Trading {
            self.state.mode = Mode::Syncing;
        }
        self.state.reconcile.again = self.state.reconcile.asking;
        self.ask_reconcile(out);
    }

    /// An order by a report alone. Not one that has fills: only the records tell which of them are still to be counted.
    fn told(&self, report: &Report, cl_ord_id: ClOrdId) -> Option<Told> {
        let untraded = report.cum_qty.is_none_or(|cum| cum.is_zero());
        if !untraded || matches!(report.kind, ReportKind::Trade(_)) {
            return None;
        }
        let instrument = self.symbol_id(report.symbol.as_deref()?)?;
        let (rules, _) = self.market(instrument)?;
        Some(Told {
            order_id: report.order_id,
            cl_ord_id,
            instrument,
            side: report.side?,
            price: to_price(rules, report.limit_price?).ok()?,
            qty: to_quantity(rules, report.order_qty?).ok()?,
            filled: Quantity::ZERO,
            opened: report.at,
        })
    }

    /// Takes in an order that carries our tag and is not known: it counts in every limit from now on.
    pub(super) fn adopt(&mut self, told: &Told, out: &mut Outbox) {
        let opened = told.opened.shifted_nanos(-self.state.clock_offset);
        self.state.orders.insert(Order {
            cl_ord_id: told.cl_ord_id,
            strategy: None,
            instrument: told.instrument,
            side: told.side,
            price: told.price,
            qty: told.qty,
            filled: told.filled,
            sent: opened,
            touched: opened,
            state: State::Open {
                order_id: told.order_id,
                change: super::order::ChangeState::None,
                ended: None,
            },
            cancel: None,
            look: None,
            wake: None,
        });
        out.note(Note::Adopted {
            cl_ord_id: told.cl_ord_id,
            order_id: told.order_id,
        });
        if self.settings.orders.adopted == Adopted::Cancel {
            self.want_cancel(&told.cl_ord_id, out);
        }
        self.stop_too(&told.cl_ord_id, out);
    }

    /// An order that was taken as never placed is there after all: it counts again, and a person must look.
    pub(super) fn turned_up(&mut self, id: &ClOrdId, order_id: OrderId, out: &mut Outbox) {
        let now = self.state.now;
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        if !order.turned_up(order_id) {
            return;
        }
        order.touched = now;
        let instrument = order.instrument;
        self.state.orders.revive(id);
        out.note(Note::Opened {
            cl_ord_id: *id,
            order_id,
        });
        let detail = "the venue shows an order that was taken as never placed";
        self.anomaly(instrument, Some(*id), "turned_up", detail, out);
        self.stop_too(id, out);
    }

    /// What turns up during a stop is to go as well; a stop that was over is not.
    fn stop_too(&mut self, id: &ClOrdId, out: &mut Outbox) {
        match self.state.mode {
            Mode::Syncing | Mode::Trading => {}
            Mode::Stopping | Mode::Stopped => {
                self.state.mode = Mode::Stopping;
                self.want_cancel(id, out);
            }
        }
    }
}

/// Whether a report says that an order rests or traded; one that only ends it says nothing of the kind.
fn shows_it_placed(report: &Report) -> bool {
    match report.kind {
        ReportKind::New | ReportKind::Amended | ReportKind::Trade(_) | ReportKind::Filled => true,
        ReportKind::Pending
        | ReportKind::Canceled { .. }
        | ReportKind::Expired
        | ReportKind::Other => report.cum_qty.is_some_and(|cum| cum > Decimal::ZERO),
    }
}

pub(super) fn to_quantity(
    instrument: &Instrument,
    amount: Decimal,
) -> Result<Quantity, OutOfRange> {
    let units = amount
        .mantissa_at(instrument.qty_precision)
        .ok_or(OutOfRange)?;
    Quantity::new(i64::try_from(units).map_err(|_too_large| OutOfRange)?)
}

pub(super) fn to_price(instrument: &Instrument, price: Decimal) -> Result<Price, OutOfRange> {
    let units = price
        .mantissa_at(instrument.price_precision)
        .ok_or(OutOfRange)?;
    Price::new(i64::try_from(units).map_err(|_too_large| OutOfRange)?)
}
