//! From a strategy's wish to a command: risk, then the order store, then the outbox.

use super::{
    command::{Amend, Change, Command, NewOrder, Submit},
    core::{Core, Mode},
    event::{Link, OrderEntry},
    note::Note,
    order::{ChangeState, Order, State, StrategyId},
    orders::What,
    outbox::Outbox,
    risk::{self, Approved, Code, Refusal},
    strategy::Intent,
    throttle::Action,
};
use crate::types::{ClOrdId, InstrumentId};

impl Core {
    /// Whether strategies are asked at all.
    pub(super) fn is_trading(&self) -> bool {
        self.state.mode == Mode::Trading
            && self.state.account_link == Link::Up
            && !self.state.journal_failed
    }

    pub(super) fn risk_view(&self, id: InstrumentId) -> Option<risk::View<'_>> {
        let (instrument, market) = self.market(id)?;
        let refused =
            |order: &Order| order.look.is_some_and(|look| look.refused) && order.is_unknown();
        Some(risk::View {
            now: self.state.now,
            trading: self.is_trading(),
            order_entry_open: self.state.order_entry == OrderEntry::Open,
            venue: self.state.venue,
            halted: market.stands_still() || self.state.orders.live_of(id).any(refused),
            id,
            instrument,
            instruments: &self.state.instruments,
            limits: self.settings.limits.get(id.index())?,
            book: &market.book,
            book_changed: market.changed,
            orders: &self.state.orders,
            position: &market.position,
            account: &self.state.account,
            counter: &market.counter,
            tier: self.state.tier,
        })
    }

    /// Does what a strategy wishes, or notes why not. Gives the id of an order that was placed.
    ///
    /// # Errors
    ///
    /// The gate's refusal.
    pub(super) fn grant(
        &mut self,
        strategy: StrategyId,
        instrument: InstrumentId,
        intent: &Intent,
        out: &mut Outbox,
    ) -> Result<Option<ClOrdId>, Refusal> {
        let granted = match *intent {
            Intent::Place {
                side,
                price,
                qty,
                time_in_force,
                post_only,
            } => {
                let order = NewOrder {
                    instrument,
                    side,
                    price,
                    qty,
                    time_in_force,
                    post_only,
                };
                self.place(strategy, order, out).map(Some)
            }
            Intent::Amend { order, price, qty } => {
                let change = Change {
                    cl_ord_id: order,
                    instrument,
                    price,
                    qty,
                    post_only: true,
                };
                self.amend(strategy, change, out).map(|()| None)
            }
            Intent::Cancel { order } => {
                if self.belongs_to(strategy, &order) {
                    self.want_cancel(&order, out);
                }
                Ok(None)
            }
        };
        if let Err(refusal) = &granted {
            out.note(Note::Denied {
                instrument,
                refusal: *refusal,
            });
        }
        granted
    }

    fn belongs_to(&self, strategy: StrategyId, id: &ClOrdId) -> bool {
        self.state
            .orders
            .get(id)
            .is_some_and(|order| order.strategy == Some(strategy))
    }

    fn place(
        &mut self,
        strategy: StrategyId,
        order: NewOrder,
        out: &mut Outbox,
    ) -> Result<ClOrdId, Refusal> {
        let view = self
            .risk_view(order.instrument)
            .ok_or(Refusal::plain(Code::NotTrading))?;
        let approved = risk::check_new(&view, order)?;
        self.charge(order.instrument, Action::Add);
        Ok(self.submit(strategy, approved, out))
    }

    fn submit(
        &mut self,
        strategy: StrategyId,
        approved: Approved<NewOrder>,
        out: &mut Outbox,
    ) -> ClOrdId {
        let (now, order) = (self.state.now, *approved.get());
        let cl_ord_id = self
            .state
            .orders
            .next_id(&self.settings.tag, self.settings.epoch);
        let command = self.state.orders.next_command();
        let deadline = now.after(self.settings.orders.ttl);
        self.state.orders.insert(Order {
            cl_ord_id,
            strategy: Some(strategy),
            instrument: order.instrument,
            side: order.side,
            price: order.price,
            qty: order.qty,
            filled: crate::types::Quantity::ZERO,
            sent: now,
            touched: now,
            state: State::Pending { command, deadline },
            cancel: None,
            look: None,
            wake: None,
        });
        self.state.orders.fly(command, cl_ord_id, What::Create);
        out.note(Note::Sent {
            cl_ord_id,
            instrument: order.instrument,
            what: What::Create,
            side: order.side,
            price: order.price,
            qty: order.qty,
        });
        let deadline = self.venue_time(deadline);
        out.command(Command::Submit(Submit {
            id: command,
            cl_ord_id,
            order: approved,
            deadline,
        }));
        self.tend(&cl_ord_id, out);
        cl_ord_id
    }

    fn amend(
        &mut self,
        strategy: StrategyId,
        change: Change,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let refused = Refusal::plain(Code::NotChangeable);
        if !self.belongs_to(strategy, &change.cl_ord_id) {
            return Err(refused);
        }
        let view = self.risk_view(change.instrument).ok_or(refused)?;
        let order = view.orders.get(&change.cl_ord_id).ok_or(refused)?;
        let age = self.state.now.since(order.touched);
        let approved = risk::check_change(&view, order, change)?;
        self.charge(change.instrument, Action::Amend(age));
        self.send_amend(approved, out);
        Ok(())
    }

    fn send_amend(&mut self, approved: Approved<Change>, out: &mut Outbox) {
        let (now, change) = (self.state.now, *approved.get());
        let command = self.state.orders.next_command();
        let deadline = now.after(self.settings.orders.ttl);
        if let Some(order) = self.state.orders.get_mut(&change.cl_ord_id) {
            let (price, qty) = (change.price, change.qty);
            order.change_sent(ChangeState::Sent {
                command,
                price,
                qty,
                deadline,
            });
            out.note(Note::Sent {
                cl_ord_id: change.cl_ord_id,
                instrument: change.instrument,
                what: What::Amend,
                side: order.side,
                price,
                qty,
            });
        }
        self.state
            .orders
            .fly(command, change.cl_ord_id, What::Amend);
        let deadline = self.venue_time(deadline);
        out.command(Command::Amend(Amend {
            id: command,
            change: approved,
            deadline,
        }));
        self.tend(&change.cl_ord_id, out);
    }

    fn charge(&mut self, id: InstrumentId, action: Action) {
        let (now, tier) = (self.state.now, self.state.tier);
        if let Some((_, market)) = self.market_mut(id) {
            market.counter.charge(now, tier, action);
        }
    }
}
