//! What the venue or chance does to orders, unasked by their owners: fills on demand, dead man's switches before their time, delistings.
//!
//! For: the simulator's operator. Left out: what clients ask for and what time does (`timers`).
//! Always true: whatever happens is told by the same facts, and settled by the same rules, as if the market had done it.

use super::{
    AccountId, CancelReason, CancelTarget, Exchange, Fact, OrderFact, OrderKey, OrderKind,
    OrderState, PairId, TimeInForce, book::Resting, fresh::Bare, orders::rests,
};
use crate::types::{Decimal, Quantity, Timestamp, TradingStatus};

/// Whom orders meet that are filled on demand.
pub(super) const NOBODY: AccountId = AccountId(u32::MAX);

impl Exchange {
    /// Fills a part of what is left of a resting order, at its price, past all that stands before it. Never less than a lot.
    /// False if there is no such order or its market stands still.
    pub fn fill_on_demand(
        &mut self,
        now: Timestamp,
        account: AccountId,
        target: &CancelTarget,
        part: Decimal,
        facts: &mut Vec<Fact>,
    ) -> bool {
        let Some((order, qty)) = self.fillable(account, target, part) else {
            return false;
        };
        let OrderKind::Limit(price) = order.kind else {
            return false;
        };
        self.moves.clear();
        self.open_agent(NOBODY);
        let taker = self.counterpart(now, &order, qty);
        let accepted = OrderFact {
            order: taker.clone(),
            at: now,
        };
        self.commit(now, Fact::Accepted(accepted), facts);
        let maker = Resting {
            key: order.key,
            account: order.account,
            remaining: qty,
            since: order.touched,
        };
        self.execute(now, &taker, price, maker, facts);
        self.follow_up(now, facts);
        self.tell_levels(facts);
        true
    }

    /// The order that is meant, if it rests where trading goes on, and how much of it a part is.
    fn fillable(
        &self,
        account: AccountId,
        target: &CancelTarget,
        part: Decimal,
    ) -> Option<(OrderState, Quantity)> {
        let order = self.find_open(account, target).ok()?;
        let trades = |status| matches!(status, TradingStatus::Online | TradingStatus::LimitOnly);
        let moves = trades(self.system) && trades(self.pair_status(order.pair));
        let instrument = &self.universe.pair(order.pair)?.instrument;
        let left = order.remaining();
        let exact = Decimal::new(i128::from(left.units()), 0).ok()?;
        let units = exact.checked_mul(part).ok()?.rounded_toward_zero(0).ok()?;
        let units = i64::try_from(units.mantissa()).ok()?;
        let qty = Quantity::new(units).ok()?.rounded_down_to(instrument.lot);
        let qty = qty.max(instrument.lot).min(left);
        (moves && rests(order) && !qty.is_zero()).then(|| (order.clone(), qty))
    }

    /// An agent's order that takes so much of another.
    fn counterpart(&self, now: Timestamp, order: &OrderState, qty: Quantity) -> OrderState {
        let bare = Bare {
            account: NOBODY,
            pair: order.pair,
            side: order.side.opposite(),
            kind: order.kind,
            qty,
        };
        OrderState {
            time_in_force: TimeInForce::Ioc,
            ..self.fresh(now, bare)
        }
    }

    /// Lets every dead man's switch that is wound go off, whatever its time, and says how many that were.
    /// None does while nothing can be canceled.
    pub fn fire_switches(&mut self, now: Timestamp, facts: &mut Vec<Fact>) -> usize {
        self.moves.clear();
        if self.is_frozen() {
            return 0;
        }
        let wound: Vec<AccountId> = self.switches.iter().map(|(_, account)| *account).collect();
        for account in &wound {
            self.fire_switch(now, *account, facts);
        }
        self.tell_levels(facts);
        wound.len()
    }

    /// Takes a pair from the market: its orders are canceled, agents' and clients' alike.
    pub fn delist(&mut self, now: Timestamp, pair: PairId, facts: &mut Vec<Fact>) {
        self.moves.clear();
        let open = self.accounts.values().flat_map(|account| &account.open);
        let in_pair = |key: &&OrderKey| {
            let order = self.orders.get(key);
            order.is_some_and(|order| order.state.pair == pair)
        };
        let mut orders: Vec<OrderKey> = open.filter(in_pair).copied().collect();
        orders.sort_unstable();
        self.set_pair_status(pair, TradingStatus::Closed);
        for key in orders {
            self.end(now, key, CancelReason::Delisted, facts);
        }
        self.tell_levels(facts);
    }
}
