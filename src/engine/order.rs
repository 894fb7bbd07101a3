//! The life of one order: a state that carries its data, and the only moves between states.
//!
//! Left out: where orders are kept ([`orders`](super::orders)), what a move leads to (the engine).
//! Always true: an order moves forward only, but for one taken as never placed, which comes back when the venue shows it;
//! fills only add; one change is in flight at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::CommandId;
use crate::types::{
    ClOrdId, Instrument, InstrumentId, OrderId, Price, Quantity, Side, Timestamp, digits,
};

/// Position of a strategy in the settings.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StrategyId(pub u16);

/// One order of ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// Our id.
    pub cl_ord_id: ClOrdId,
    /// Whose wish it was; `None` for an adopted order.
    pub strategy: Option<StrategyId>,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Direction.
    pub side: Side,
    /// Limit price as the venue last confirmed it (as sent, before).
    pub price: Price,
    /// Total quantity, fills included, likewise.
    pub qty: Quantity,
    /// Sum of the fills seen.
    pub filled: Quantity,
    /// When the create was sent, our clock.
    pub sent: Timestamp,
    /// When it was created or last amended; the age of the rate penalties.
    pub touched: Timestamp,
    /// Where it stands.
    pub state: State,
    /// A cancel that is wanted, from the wish to the terminal report.
    pub cancel: Option<Canceling>,
    /// Look-ups in the venue's records, while something about the order is not known.
    pub look: Option<Looking>,
    /// When the engine wants to look at the order again.
    pub wake: Option<Timestamp>,
}

/// Where an order stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum State {
    /// Sent, not answered.
    Pending {
        /// The create.
        command: CommandId,
        /// The venue does not match it after this instant (our clock).
        deadline: Timestamp,
    },
    /// Sent; whether it is live is not known. Counts as live until the venue's records tell.
    Unknown {
        /// As in `Pending`.
        deadline: Timestamp,
    },
    /// Live.
    Open {
        /// The venue's id.
        order_id: OrderId,
        /// A change under way.
        change: ChangeState,
        /// It is over by a report, but fills are missing; they are being looked up.
        ended: Option<(End, Quantity)>,
    },
    /// Over.
    Done {
        /// The venue's id, if it ever had one.
        order_id: Option<OrderId>,
        /// How it ended.
        end: End,
    },
}

/// A change of a live order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ChangeState {
    /// None.
    None,
    /// Sent, not answered.
    Sent {
        /// The amend.
        command: CommandId,
        /// What the order is to become.
        price: Price,
        /// Likewise.
        qty: Quantity,
        /// As of a create (our clock).
        deadline: Timestamp,
    },
    /// Sent; whether it took effect is not known. Risk counts the worse of old and new.
    Unknown {
        /// The amend; its answer may still come.
        command: CommandId,
        /// What the order may have become.
        price: Price,
        /// Likewise.
        qty: Quantity,
        /// After it the change can no longer take effect (our clock).
        deadline: Timestamp,
    },
}

/// A wanted cancel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Canceling {
    /// The cancel in flight, if one is.
    pub command: Option<CommandId>,
    /// When to send it (again).
    pub again: Timestamp,
    /// How often it was sent.
    pub sent: u32,
}

/// Look-ups of one order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Looking {
    /// A question is out.
    pub asking: bool,
    /// When to ask (again).
    pub next: Timestamp,
    /// Complete look-ups, put after the deadline, that did not settle it.
    pub fruitless: u32,
    /// A record told another price or quantity than the reports did.
    pub differs: bool,
    /// The last look-up was refused: the pair stands still.
    pub refused: bool,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum End {
    /// Completely filled.
    Filled,
    /// Canceled, with whatever was filled before.
    Canceled,
    /// Expired likewise.
    Expired,
    /// The venue refused it.
    Rejected,
    /// It never left us.
    Unsent,
    /// It was sent, not answered, and the venue's records do not know it after its deadline.
    NeverPlaced,
}

impl End {
    /// Whether the venue had the order. Where it had not, only the venue's own word can be wrong or late.
    #[must_use]
    pub const fn was_placed(self) -> bool {
        match self {
            Self::Filled | Self::Canceled | Self::Expired => true,
            Self::Rejected | Self::Unsent | Self::NeverPlaced => false,
        }
    }
}

impl Order {
    /// Whether the order may still trade.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self.state, State::Done { .. })
    }

    /// The venue's id, if known.
    #[must_use]
    pub const fn order_id(&self) -> Option<OrderId> {
        match &self.state {
            State::Open { order_id, .. } => Some(*order_id),
            State::Done { order_id, .. } => *order_id,
            State::Pending { .. } | State::Unknown { .. } => None,
        }
    }

    /// What may still trade, at its worst: the larger of the old and the new total while a change is not settled.
    #[must_use]
    pub fn open_qty(&self) -> Quantity {
        let total = match self.pending_change() {
            Some((_, qty)) => self.qty.max(qty),
            None => self.qty,
        };
        if self.is_live() {
            total.saturating_sub(self.filled)
        } else {
            Quantity::ZERO
        }
    }

    /// The price that costs or risks most: the higher for a buy, the lower for a sell, while a change is not settled.
    #[must_use]
    pub fn worst_price(&self) -> Price {
        match (self.pending_change(), self.side) {
            (Some((price, _)), Side::Buy) => self.price.max(price),
            (Some((price, _)), Side::Sell) => self.price.min(price),
            (None, _) => self.price,
        }
    }

    /// A change that is sent and not settled.
    #[must_use]
    pub const fn pending_change(&self) -> Option<(Price, Quantity)> {
        let State::Open { change, .. } = &self.state else {
            return None;
        };
        match change {
            ChangeState::None => None,
            ChangeState::Sent { price, qty, .. } | ChangeState::Unknown { price, qty, .. } => {
                Some((*price, *qty))
            }
        }
    }

    /// Whether this amend is the one that is not settled.
    pub(super) fn is_changed_by(&self, amend: CommandId) -> bool {
        let State::Open { change, .. } = &self.state else {
            return false;
        };
        match change {
            ChangeState::None => false,
            ChangeState::Sent { command, .. } | ChangeState::Unknown { command, .. } => {
                *command == amend
            }
        }
    }

    /// Whether a strategy may change the order now: live, known, nothing under way.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.cancel.is_none()
            && matches!(
                self.state,
                State::Open {
                    change: ChangeState::None,
                    ended: None,
                    ..
                }
            )
    }

    /// Whether the engine does not know what the order is.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(
            self.state,
            State::Unknown { .. }
                | State::Open {
                    change: ChangeState::Unknown { .. },
                    ..
                }
        )
    }

    /// Notes that the venue has the order under this id. True if that is news.
    pub(super) fn opened(&mut self, id: OrderId) -> bool {
        match &self.state {
            State::Pending { .. } | State::Unknown { .. } => {
                self.state = State::Open {
                    order_id: id,
                    change: ChangeState::None,
                    ended: None,
                };
                true
            }
            State::Open { .. } | State::Done { .. } => false,
        }
    }

    /// Brings an order back that was taken as never placed: the venue has it under this id. True if that is news.
    pub(super) const fn turned_up(&mut self, id: OrderId) -> bool {
        let State::Done { end, .. } = &self.state else {
            return false;
        };
        if end.was_placed() {
            return false;
        }
        self.state = State::Open {
            order_id: id,
            change: ChangeState::None,
            ended: None,
        };
        true
    }

    /// Notes the values that the venue confirmed.
    pub(super) fn confirmed(&mut self, price: Option<Price>, qty: Option<Quantity>) {
        self.price = price.unwrap_or(self.price);
        self.qty = qty.unwrap_or(self.qty);
    }

    /// Notes a change that is about to be sent.
    pub(super) fn change_sent(&mut self, sent: ChangeState) {
        if let State::Open { change, .. } = &mut self.state {
            *change = sent;
        }
    }

    /// The change under way took effect.
    pub(super) fn change_taken(&mut self, now: Timestamp) {
        let Some((price, qty)) = self.pending_change() else {
            return;
        };
        self.confirmed(Some(price), Some(qty));
        self.settle_change();
        self.touched = now;
        self.look = None;
    }

    /// Ends whatever change is under way.
    pub(super) fn settle_change(&mut self) {
        if let State::Open { change, .. } = &mut self.state {
            *change = ChangeState::None;
        }
    }

    /// Adds a fill. False if the fills are now more than the order holds at its largest.
    pub(super) fn add_fill(&mut self, qty: Quantity) -> bool {
        let total = self
            .pending_change()
            .map_or(self.qty, |(_, qty)| self.qty.max(qty));
        let Ok(filled) = self.filled.checked_add(qty) else {
            return false;
        };
        self.filled = filled;
        filled <= total
    }

    /// The create was not answered.
    pub(super) fn create_unanswered(&mut self) -> bool {
        let State::Pending { deadline, .. } = self.state else {
            return false;
        };
        self.state = State::Unknown { deadline };
        true
    }

    /// The amend under way was not answered.
    pub(super) fn amend_unanswered(&mut self) -> bool {
        let State::Open { change, .. } = &mut self.state else {
            return false;
        };
        let ChangeState::Sent {
            command: sent,
            price,
            qty,
            deadline,
        } = *change
        else {
            return false;
        };
        *change = ChangeState::Unknown {
            command: sent,
            price,
            qty,
            deadline,
        };
        true
    }

    /// Asks for a look-up, not before `next`, if none is under way.
    pub(super) fn look_up(&mut self, next: Timestamp) -> &mut Looking {
        self.look.get_or_insert(Looking {
            asking: false,
            next,
            fruitless: 0,
            differs: false,
            refused: false,
        })
    }

    /// Asks for a look-up once what was not answered can no longer take effect: before that no answer proves anything, and the
    /// venue's limit has room for few.
    pub(super) fn look_up_when_over(&mut self, now: Timestamp, grace: Duration) {
        let over = self.deadline().map(|deadline| deadline.after(grace));
        self.look_up(over.map_or(now, |over| over.max(now)));
    }

    /// When a create or change that is not settled can no longer take effect (our clock).
    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Pending { deadline, .. } | State::Unknown { deadline } => Some(*deadline),
            State::Open { change, .. } => match change {
                ChangeState::None => None,
                ChangeState::Sent { deadline, .. } | ChangeState::Unknown { deadline, .. } => {
                    Some(*deadline)
                }
            },
            State::Done { .. } => None,
        }
    }

    /// Moves the amounts to the units of a new precision. `None` if that is not exact; the order is then as it was.
    pub(super) fn rescale(&mut self, old: &Instrument, new: &Instrument) -> Option<()> {
        let price = |price: Price| {
            let units = rescaled(price.units(), old.price_precision, new.price_precision)?;
            Price::new(units).ok()
        };
        let qty = |qty: Quantity| {
            let units = rescaled(qty.units(), old.qty_precision, new.qty_precision)?;
            Quantity::new(units).ok()
        };
        let mut moved = self.clone();
        moved.price = price(self.price)?;
        moved.qty = qty(self.qty)?;
        moved.filled = qty(self.filled)?;
        if let State::Open { change, ended, .. } = &mut moved.state {
            if let ChangeState::Sent {
                price: to,
                qty: size,
                ..
            }
            | ChangeState::Unknown {
                price: to,
                qty: size,
                ..
            } = change
            {
                *to = price(*to)?;
                *size = qty(*size)?;
            }
            if let Some((_, cum)) = ended {
                *cum = qty(*cum)?;
            }
        }
        *self = moved;
        Some(())
    }

    /// Ends the order. True if it was live.
    pub(super) fn end(&mut self, end: End) -> bool {
        if !self.is_live() {
            return false;
        }
        self.state = State::Done {
            order_id: self.order_id(),
            end,
        };
        self.cancel = None;
        self.look = None;
        true
    }
}

fn rescaled(units: i64, from: u8, to: u8) -> Option<i64> {
    let units = digits::rescale_exact(i128::from(units), i32::from(from), i32::from(to)).ok()?;
    i64::try_from(units).ok()
}
