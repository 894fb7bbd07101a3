//! The one owner of our orders: ids, indices, fills already seen.
//!
//! For: finding an order by any of its names and moving it. Left out: why it moves.
//! Always true: an id is given once; a fill counts once; every command in flight leads to its order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    command::CommandId,
    order::{End, Order},
};
use crate::types::{ClOrdId, ExecId, InstrumentId, OrderId, Side, Timestamp};

/// Orders that are over and still remembered, for reports that come late.
const REMEMBERED: usize = 4_096;
/// Fills still remembered, for reports that come twice.
const FILLS_REMEMBERED: usize = 65_536;

/// All orders of ours.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Orders {
    live: BTreeMap<ClOrdId, Order>,
    done: BTreeMap<ClOrdId, Order>,
    done_order: VecDeque<ClOrdId>,
    by_order_id: BTreeMap<OrderId, ClOrdId>,
    in_flight: BTreeMap<CommandId, (ClOrdId, What)>,
    fills: BTreeSet<ExecId>,
    fill_order: VecDeque<(Timestamp, ExecId)>,
    fills_forgotten_before: Option<Timestamp>,
    last_id: u64,
    last_command: u64,
}

/// What a command in flight is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum What {
    /// A create.
    Create,
    /// An amend.
    Amend,
    /// A cancel.
    Cancel,
}

impl What {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Amend => "amend",
            Self::Cancel => "cancel",
        }
    }
}

impl Orders {
    /// No orders; fills from before `now` are not ours to count, give or take what the venue's clock may differ unnoticed.
    pub(super) fn beginning(now: Timestamp) -> Self {
        Self {
            fills_forgotten_before: Some(now.before(Duration::from_secs(2))),
            ..Self::default()
        }
    }

    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut Order)) {
        self.in_flight.clear();
        self.live
            .values_mut()
            .chain(self.done.values_mut())
            .for_each(change);
    }

    /// The next order id: tag, epoch and counter in base 36, never used before.
    pub(super) fn next_id(&mut self, tag: &str, epoch: u32) -> ClOrdId {
        self.last_id += 1;
        let mut text = [0_u8; 36];
        let (tag_part, rest) = text.split_at_mut(tag.len().min(4));
        tag_part.copy_from_slice(tag.as_bytes().get(..tag_part.len()).unwrap_or_default());
        let (epoch_part, rest) = rest.split_at_mut(5);
        base36(u64::from(epoch), epoch_part);
        let (counter_part, _) = rest.split_at_mut(8);
        base36(self.last_id, counter_part);
        let length = tag_part.len() + 13;
        let text = text
            .get(..length)
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        ClOrdId::lossy(text.unwrap_or_default())
    }

    /// The number of the next command.
    pub(super) const fn next_command(&mut self) -> CommandId {
        self.last_command += 1;
        CommandId(self.last_command)
    }

    /// Starts to count order ids from one again: the epoch is new.
    pub(super) const fn new_epoch(&mut self) {
        self.last_id = 0;
    }

    pub(super) fn insert(&mut self, order: Order) {
        if let Some(order_id) = order.order_id() {
            self.by_order_id.insert(order_id, order.cl_ord_id);
        }
        if self.done.remove(&order.cl_ord_id).is_some() {
            self.done_order.retain(|id| *id != order.cl_ord_id);
        }
        self.live.insert(order.cl_ord_id, order);
    }

    pub(super) fn note_order_id(&mut self, order_id: OrderId, id: ClOrdId) {
        self.by_order_id.insert(order_id, id);
    }

    pub(super) fn fly(&mut self, command: CommandId, id: ClOrdId, what: What) {
        self.in_flight.insert(command, (id, what));
    }

    /// What a command in flight is about. It stays in flight: a late answer after none is still an answer.
    pub(super) fn flying(&self, command: CommandId) -> Option<(ClOrdId, What)> {
        self.in_flight.get(&command).copied()
    }

    pub(super) fn land(&mut self, command: CommandId) {
        self.in_flight.remove(&command);
    }

    /// Moves an order that is over out of the live ones.
    pub(super) fn retire(&mut self, id: &ClOrdId) {
        let Some(order) = self.live.remove(id) else {
            return;
        };
        self.in_flight.retain(|_, (flying, _)| flying != id);
        self.done.insert(*id, order);
        self.done_order.push_back(*id);
        if self.done_order.len() > REMEMBERED
            && let Some(oldest) = self.done_order.pop_front()
            && let Some(order) = self.done.remove(&oldest)
            && let Some(order_id) = order.order_id()
        {
            self.by_order_id.remove(&order_id);
        }
    }

    /// Moves an order that was over back to the live ones.
    pub(super) fn revive(&mut self, id: &ClOrdId) {
        if let Some(order) = self.done.get(id).cloned() {
            self.insert(order);
        }
    }

    /// An order, live or over.
    #[must_use]
    pub fn get(&self, id: &ClOrdId) -> Option<&Order> {
        self.live.get(id).or_else(|| self.done.get(id))
    }

    pub(super) fn get_mut(&mut self, id: &ClOrdId) -> Option<&mut Order> {
        self.live.get_mut(id).or_else(|| self.done.get_mut(id))
    }

    /// Our id of an order that the venue names.
    #[must_use]
    pub fn by_order_id(&self, order_id: &OrderId) -> Option<ClOrdId> {
        self.by_order_id.get(order_id).copied()
    }

    /// Orders that may still trade, by id.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.values()
    }

    /// Orders of one instrument that may still trade, by id.
    pub fn live_of(&self, instrument: InstrumentId) -> impl Iterator<Item = &Order> {
        self.live
            .values()
            .filter(move |order| order.instrument == instrument)
    }

    pub(super) fn live_of_mut(&mut self, id: InstrumentId) -> impl Iterator<Item = &mut Order> {
        self.live
            .values_mut()
            .filter(move |order| order.instrument == id)
    }

    /// What may still be bought or sold of an instrument, at its worst, in quantity units.
    #[must_use]
    pub fn open_units(&self, instrument: InstrumentId, side: Side) -> i128 {
        self.live_of(instrument)
            .filter(|order| order.side == side)
            .map(|order| i128::from(order.open_qty().units()))
            .sum()
    }

    /// How many orders may still trade.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    pub(super) fn live_ids(&self) -> Vec<ClOrdId> {
        self.live.keys().copied().collect()
    }

    /// Whether a fill of this instant is counted, if it is new.
    pub(super) fn counts(&self, at: Timestamp) -> bool {
        self.fills_forgotten_before
            .is_none_or(|horizon| at >= horizon)
    }

    /// Whether a fill is new; remembers it. A fill older than everything remembered is not.
    pub(super) fn first_sight(&mut self, exec_id: ExecId, at: Timestamp) -> bool {
        if !self.counts(at) {
            return false;
        }
        if !self.fills.insert(exec_id) {
            return false;
        }
        self.fill_order.push_back((at, exec_id));
        if self.fill_order.len() > FILLS_REMEMBERED
            && let Some((at, oldest)) = self.fill_order.pop_front()
        {
            self.fills.remove(&oldest);
            let horizon = self
                .fills_forgotten_before
                .unwrap_or(Timestamp::MIN)
                .max(at);
            self.fills_forgotten_before = Some(horizon);
        }
        true
    }

    /// Whether this client id is one that a daemon with this tag gives.
    #[must_use]
    pub fn is_ours(tag: &str, id: &ClOrdId) -> bool {
        id.len() == tag.len() + 13
            && id.starts_with(tag)
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    }

    /// How an order ended, if it is remembered and over.
    #[must_use]
    pub fn end_of(&self, id: &ClOrdId) -> Option<End> {
        match self.done.get(id)?.state {
            super::order::State::Done { end, .. } => Some(end),
            super::order::State::Pending { .. }
            | super::order::State::Unknown { .. }
            | super::order::State::Open { .. } => None,
        }
    }
}

fn base36(mut value: u64, into: &mut [u8]) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    for slot in into.iter_mut().rev() {
        let digit = usize::try_from(value % 36).unwrap_or(0);
        *slot = DIGITS.get(digit).copied().unwrap_or(b'0');
        value /= 36;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_lower_case_and_never_repeat() {
        let mut orders = Orders::default();
        let mut seen = BTreeSet::new();
        for epoch in [1, 2, u32::MAX] {
            orders.new_epoch();
            for _ in 0..100 {
                let id = orders.next_id("td01", epoch);
                assert!(id.len() <= 18 && Orders::is_ours("td01", &id), "{id}");
                assert!(seen.insert(id), "{id} twice");
            }
        }
        assert!(!Orders::is_ours(
            "td01",
            &ClOrdId::new("td01-manual-order").unwrap()
        ));
        assert!(!Orders::is_ours("td02", seen.first().unwrap()));
    }

    #[test]
    fn a_fill_counts_once() {
        let mut orders = Orders::default();
        let exec = ExecId::new("TAAAAA-AAAAA-AAAAAA").unwrap();
        assert!(orders.first_sight(exec, Timestamp::from_secs(1)));
        assert!(!orders.first_sight(exec, Timestamp::from_secs(1)));
    }
}
