//! The venue's records against what the engine believes: look-ups of one order, and the whole account.
//!
//! Always true: a record never moves an order backwards, an error is never evidence, a fill is never invented.

use std::time::Duration;

use super::{
    core::{Core, Mode, Touched},
    event::{Fill, Found, Link, LookedUp, OrderRecord, RecordStatus, VenueState},
    note::Note,
    order::{ChangeState, End, Order, State},
    outbox::Outbox,
    reports::{Told, to_price, to_quantity},
    timer::Timer,
};
use crate::types::{ClOrdId, Decimal, OrderId, Price, Quantity, Timestamp};

/// Complete look-ups that leave a contradiction standing before it is an anomaly.
const FRUITLESS: u32 = 10;

/// How long records may still show what an order was before its last change. Kraken's were seen up to 3 s late (September 2026).
const LAG: Duration = Duration::from_secs(5);

/// What a record tells of an order, in the units of its pair; `None` where it tells nothing that fits.
struct Amounts {
    price: Option<Price>,
    qty: Option<Quantity>,
    filled: Quantity,
}

impl Amounts {
    fn differ_from(&self, order: &Order) -> bool {
        self.price.is_some_and(|price| price != order.price)
            || self.qty.is_some_and(|qty| qty != order.qty)
    }
}

impl Core {
    pub(super) fn looked_up(&mut self, answer: &LookedUp, out: &mut Outbox) -> Touched {
        let id = answer.cl_ord_id;
        let next = self.state.now.after(self.settings.orders.look_up_every);
        let Some(order) = self.state.orders.get_mut(&id) else {
            return Touched::None;
        };
        let instrument = order.instrument;
        if let Some(look) = &mut order.look {
            look.asking = false;
            look.next = next;
            look.refused = matches!(answer.found, Found::Failed);
        }
        match &answer.found {
            Found::Failed => {}
            Found::Absent => self.absent(&id, answer.asked, out),
            Found::Order { order, fills } => {
                self.state.orders.note_order_id(order.order_id, id);
                self.record_fills(fills, out);
                self.record(&id, order, answer.asked, out);
            }
        }
        self.tend(&id, out);
        Touched::One(instrument)
    }

    /// Whether a question put at `asked` can still be overtaken by what it asks about.
    fn too_early(&self, id: &ClOrdId, asked: Timestamp) -> bool {
        let grace = self.settings.orders.grace;
        let deadline = self.state.orders.get(id).and_then(Order::deadline);
        deadline.is_some_and(|deadline| asked < deadline.after(grace))
    }

    fn absent(&mut self, id: &ClOrdId, asked: Timestamp, out: &mut Outbox) {
        if self.too_early(id, asked) {
            return self.look_after_the_deadline(id);
        }
        let enough = self.settings.orders.look_ups_absent;
        let fruitless = self.fruitless(id);
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        match order.state {
            State::Unknown { .. } if fruitless >= enough => self.end(id, End::NeverPlaced, out),
            State::Open { .. } if fruitless >= FRUITLESS => {
                let instrument = order.instrument;
                let detail = "an order that was live is in no record";
                self.anomaly(instrument, Some(*id), "vanished", detail, out);
                self.forget_look(id);
            }
            State::Pending { .. }
            | State::Unknown { .. }
            | State::Open { .. }
            | State::Done { .. } => {}
        }
    }

    /// Nothing that is asked before can prove that there is nothing: the calls are better spent later.
    fn look_after_the_deadline(&mut self, id: &ClOrdId) {
        let grace = self.settings.orders.grace;
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let deadline = order.deadline();
        if let (Some(look), Some(deadline)) = (&mut order.look, deadline) {
            look.next = look.next.max(deadline.after(grace));
        }
    }

    fn fruitless(&mut self, id: &ClOrdId) -> u32 {
        let look = self
            .state
            .orders
            .get_mut(id)
            .and_then(|order| order.look.as_mut());
        look.map_or(0, |look| {
            look.fruitless += 1;
            look.fruitless
        })
    }

    fn forget_look(&mut self, id: &ClOrdId) {
        if let Some(order) = self.state.orders.get_mut(id) {
            order.look = None;
        }
    }

    fn record_fills(&mut self, fills: &[(OrderId, Fill)], out: &mut Outbox) {
        for (order_id, fill) in fills {
            if let Some(id) = self.state.orders.by_order_id(order_id) {
                self.fill(&id, fill, out);
                self.tend(&id, out);
            }
        }
    }

    /// Works a record of a known order in.
    fn record(&mut self, id: &ClOrdId, record: &OrderRecord, asked: Timestamp, out: &mut Outbox) {
        if record.status == RecordStatus::Open || record.filled > Decimal::ZERO {
            self.turned_up(id, record.order_id, out);
        }
        self.note_open_by_record(id, record, out);
        match record.status {
            RecordStatus::Open => self.record_open(id, record, asked, out),
            RecordStatus::Filled => self.record_over(id, End::Filled, record, out),
            RecordStatus::Canceled => self.record_over(id, End::Canceled, record, out),
            RecordStatus::Expired => self.record_over(id, End::Expired, record, out),
        }
    }

    fn note_open_by_record(&mut self, id: &ClOrdId, record: &OrderRecord, out: &mut Outbox) {
        let look = self.state.orders.get(id).and_then(|order| order.look);
        self.note_open(id, record.order_id, out);
        // A record that shows the order live settles a lost create; what else is asked for goes on.
        if record.status != RecordStatus::Open
            && let Some(order) = self.state.orders.get_mut(id)
            && order.is_live()
        {
            order.look = look;
        }
    }

    /// A record that shows the order live: it settles an amend, or shows that something was missed.
    fn record_open(
        &mut self,
        id: &ClOrdId,
        record: &OrderRecord,
        asked: Timestamp,
        out: &mut Outbox,
    ) {
        let early = self.too_early(id, asked);
        let Some(amounts) = self.amounts(id, record) else {
            return;
        };
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        settle_by_record(order, &amounts, early);
        let State::Open { change, ended, .. } = &order.state else {
            return;
        };
        let settled = matches!(change, ChangeState::None);
        let over = ended.is_some();
        if amounts.filled > order.filled || !settled {
            self.still_contradicted(id, out);
        } else if !over && asked > order.touched.after(LAG) && amounts.differ_from(order) {
            self.differs(id, &amounts, out);
        } else if !over {
            order.look = None;
        }
    }

    /// A record's amounts in the units of the order's pair.
    fn amounts(&self, id: &ClOrdId, record: &OrderRecord) -> Option<Amounts> {
        let (rules, _) = self.market(self.state.orders.get(id)?.instrument)?;
        Some(Amounts {
            price: record
                .limit_price
                .and_then(|price| to_price(rules, price).ok()),
            qty: to_quantity(rules, record.qty).ok(),
            filled: to_quantity(rules, record.filled).unwrap_or_default(),
        })
    }

    /// The records tell another price or quantity than the reports did. Once may be a lag; twice, the order is what they
    /// tell, and nobody knows why.
    fn differs(&mut self, id: &ClOrdId, told: &Amounts, out: &mut Outbox) {
        let next = self.state.now.after(self.settings.orders.look_up_every);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let look = order.look_up(next);
        if !std::mem::replace(&mut look.differs, true) {
            return;
        }
        order.look = None;
        order.confirmed(told.price, told.qty);
        let instrument = order.instrument;
        let detail = "a resting order has another price or quantity than was asked for";
        self.anomaly(instrument, Some(*id), "amounts_differ", detail, out);
    }

    fn record_over(&mut self, id: &ClOrdId, end: End, record: &OrderRecord, out: &mut Outbox) {
        self.ended(id, end, Some(record.filled), out);
        if self.state.orders.get(id).is_some_and(Order::is_live) {
            self.still_contradicted(id, out);
        }
    }

    /// The records say that there are fills which they do not show (yet).
    fn still_contradicted(&mut self, id: &ClOrdId, out: &mut Outbox) {
        let next = self.state.now.after(self.settings.orders.look_up_every);
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        order.look_up(next);
        let instrument = order.instrument;
        if self.fruitless(id) == FRUITLESS {
            let detail = "the records count fills that they do not show";
            self.anomaly(instrument, Some(*id), "fills_missing", detail, out);
        }
    }

    pub(super) fn reconciled(&mut self, venue: &VenueState, out: &mut Outbox) -> Touched {
        self.state.reconcile.asking = false;
        if std::mem::take(&mut self.state.reconcile.again) {
            self.ask_reconcile(out);
            return Touched::None;
        }
        self.state.reconcile.done = true;
        self.know_all(venue, out);
        self.record_fills(&venue.fills, out);
        for record in venue.open.iter().chain(&venue.closed) {
            if let Some(id) = self.ours(record) {
                self.record(&id, record, venue.asked, out);
                self.tend(&id, out);
            }
        }
        self.look_for_the_missing(venue, out);
        if venue.asked > self.state.balances_changed {
            self.state.account.replace(&venue.balances);
        }
        self.state.reconcile.known_until = venue.asked;
        self.conclude(out)
    }

    fn ours(&self, record: &OrderRecord) -> Option<ClOrdId> {
        let id = self
            .state
            .orders
            .by_order_id(&record.order_id)
            .or(record.cl_ord_id)?;
        self.is_ours(&id).then_some(id)
    }

    /// Every open order that carries our tag is known afterwards, or named as a stray.
    fn know_all(&mut self, venue: &VenueState, out: &mut Outbox) {
        let before = std::mem::take(&mut self.state.strays);
        for record in venue.open.iter().chain(&venue.closed) {
            self.know(record, &venue.fills, out);
        }
        for _new in self.state.strays.difference(&before) {
            self.state.anomalies += 1;
        }
    }

    fn know(&mut self, record: &OrderRecord, fills: &[(OrderId, Fill)], out: &mut Outbox) {
        let Some(id) = self.ours(record) else { return };
        if self.holds(&id) {
            self.state.orders.note_order_id(record.order_id, id);
            return;
        }
        if record.status != RecordStatus::Open {
            return;
        }
        match self.told_by_record(record, id, fills) {
            Some(told) => self.adopt(&told, out),
            None => self.stray(record, id, out),
        }
    }

    fn stray(&mut self, record: &OrderRecord, cl_ord_id: ClOrdId, out: &mut Outbox) {
        self.state.strays.insert(cl_ord_id);
        out.note(Note::Stray {
            cl_ord_id,
            order_id: record.order_id,
            symbol: record.symbol,
        });
    }

    /// Fills that will not be counted are part of the order, not of the position: the journal began later.
    fn told_by_record(
        &self,
        record: &OrderRecord,
        cl_ord_id: ClOrdId,
        fills: &[(OrderId, Fill)],
    ) -> Option<Told> {
        let instrument = self.symbol_id(&record.symbol)?;
        let (rules, _) = self.market(instrument)?;
        let shown = fills
            .iter()
            .filter(|(order_id, fill)| *order_id == record.order_id && self.counts(fill))
            .try_fold(Decimal::ZERO, |sum, (_, fill)| sum.checked_add(fill.qty))
            .ok()?;
        let before = record.filled.checked_sub(shown).ok()?;
        Some(Told {
            order_id: record.order_id,
            cl_ord_id,
            instrument,
            side: record.side,
            price: to_price(rules, record.limit_price?).ok()?,
            qty: to_quantity(rules, record.qty).ok()?,
            filled: to_quantity(rules, before).unwrap_or(Quantity::ZERO),
            opened: record.opened,
        })
    }

    fn counts(&self, fill: &Fill) -> bool {
        let at = fill.at.shifted_nanos(-self.state.clock_offset);
        self.state.orders.counts(at)
    }

    /// Orders that we hold live and that the records do not name are looked up, one by one.
    fn look_for_the_missing(&mut self, venue: &VenueState, out: &mut Outbox) {
        let now = self.state.now;
        for id in self.state.orders.live_ids() {
            let named = |record: &OrderRecord| self.ours(record) == Some(id);
            if venue.open.iter().chain(&venue.closed).any(named) {
                continue;
            }
            let Some(order) = self.state.orders.get_mut(&id) else {
                continue;
            };
            if matches!(order.state, State::Open { .. }) && order.sent < venue.asked {
                order.look_up(now);
            }
            self.tend(&id, out);
        }
    }

    fn conclude(&mut self, out: &mut Outbox) -> Touched {
        out.note(Note::Reconciled {
            open: self.state.orders.live_count(),
        });
        self.state.timers.clear_reconcile();
        match self.state.mode {
            Mode::Syncing | Mode::Trading => self.conclude_running(),
            Mode::Stopping | Mode::Stopped => self.conclude_stopping(),
        }
    }

    /// An open order that cannot be held counts in no limit: nothing is traded beside it.
    fn conclude_running(&mut self) -> Touched {
        let next = self.state.now.after(self.settings.orders.reconcile_every);
        self.state.timers.set(next, Timer::Reconcile);
        if !self.state.strays.is_empty() {
            self.state.mode = Mode::Syncing;
        } else if self.state.account_link == Link::Up {
            self.state.mode = Mode::Trading;
        }
        Touched::All
    }

    /// A stray is not ours to end blindly: the venue is asked until it is gone, or the time for the stop is over.
    fn conclude_stopping(&mut self) -> Touched {
        let strays = !self.state.strays.is_empty();
        self.state.mode = if strays || self.state.orders.live_count() > 0 {
            Mode::Stopping
        } else {
            Mode::Stopped
        };
        if strays {
            let next = self.state.now.after(self.settings.orders.look_up_every);
            self.state.timers.set(next, Timer::Reconcile);
        }
        Touched::None
    }
}

/// A record of an open order settles an unanswered amend: it shows the new values, or the amend can no longer take effect.
fn settle_by_record(order: &mut Order, told: &Amounts, early: bool) {
    let State::Open {
        change: ChangeState::Unknown { price, qty, .. },
        ..
    } = order.state
    else {
        return;
    };
    let taken = told.price == Some(price) && told.qty == Some(qty);
    if taken || !early {
        order.confirmed(told.price, told.qty);
        order.settle_change();
    }
}
