//! The private feed: from the venue's facts to `executions` and `balances`, for every subscribed connection of an account.
//!
//! Always true: one row a frame; each subscription counts its own frames without a gap; rows are written once for all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    encode::Json,
    market_frames::Kind,
    outbox::Outbox,
    report::Scribe,
    validate::{Channel, Executions},
};
use crate::{
    sim::{
        Venue, View,
        faults::{FaultHandle, PrivateFault},
        matching::{AccountId, Change, Fact, FillFact, OrderState, PairId, Universe},
    },
    types::{Decimal, Timestamp},
};

/// Fills in a snapshot.
const TRADES: usize = 50;

/// The private feed. Clones are the same feed.
#[derive(Clone, Debug)]
pub(super) struct Reports(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    universe: Universe,
    faults: FaultHandle,
    accounts: BTreeMap<AccountId, Vec<Subscription>>,
}

#[derive(Debug)]
struct Subscription {
    outbox: Outbox,
    topic: PrivateTopic,
    sequence: u64,
    /// Acknowledged and then never served: a fault.
    silent: bool,
}

/// A private channel with its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PrivateTopic {
    /// `executions`
    Executions(Executions),
    /// `balances`, with the present ones first or not.
    Balances {
        /// With the present ones first.
        snapshot: bool,
    },
}

impl PrivateTopic {
    const fn is_same_channel(self, channel: Channel) -> bool {
        match self {
            Self::Executions(_) => matches!(channel, Channel::Executions(_)),
            Self::Balances { .. } => matches!(channel, Channel::Balances),
        }
    }

    const fn channel(self) -> &'static str {
        match self {
            Self::Executions(_) => "executions",
            Self::Balances { .. } => "balances",
        }
    }
}

/// A row of `executions` with what decides who gets it.
struct Row {
    pair: PairId,
    text: String,
    /// One of the kinds that come with `order_status: false` too.
    decisive: bool,
}

impl Reports {
    /// A feed that hears everything from now on.
    pub(super) fn listen(venue: &Venue, universe: Universe, faults: FaultHandle) -> Self {
        let reports = Self(Arc::new(Mutex::new(State {
            universe,
            faults,
            accounts: BTreeMap::new(),
        })));
        let heard = reports.clone();
        venue.listen(Box::new(move |now, view, facts| {
            heard.lock().publish(now, view, facts);
        }));
        reports
    }

    /// Subscribes a connection: the acknowledgement, then snapshots, then every report after them. False if it is already.
    pub(super) fn subscribe(
        &self,
        venue: &Venue,
        outbox: &Outbox,
        account: AccountId,
        (topic, channel, silent): (PrivateTopic, Channel, bool),
        acknowledge: impl FnOnce(Timestamp, View<'_>) -> String,
    ) -> bool {
        venue.read(|view| {
            let mut state = self.lock();
            if state.has(outbox.id, channel) {
                return false;
            }
            let now = venue.clock().now();
            outbox.reply(acknowledge(now, view));
            let mut subscription = Subscription {
                outbox: outbox.clone(),
                topic,
                sequence: 0,
                silent,
            };
            let scribe = Scribe {
                view,
                universe: &state.universe,
                now,
            };
            subscription.send_snapshots(scribe, account, &state.faults);
            state
                .accounts
                .entry(account)
                .or_default()
                .push(subscription);
            true
        })
    }

    /// Ends a connection's subscription of a channel. False if there was none.
    pub(super) fn unsubscribe(&self, id: u64, channel: Channel) -> bool {
        let keep = |subscription: &Subscription| {
            subscription.outbox.id != id || !subscription.topic.is_same_channel(channel)
        };
        self.lock().retain(keep)
    }

    /// Forgets a connection.
    pub(super) fn leave(&self, id: u64) {
        self.lock()
            .retain(|subscription| subscription.outbox.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has(&self, id: u64, channel: Channel) -> bool {
        self.accounts.values().flatten().any(|subscription| {
            subscription.outbox.id == id && subscription.topic.is_same_channel(channel)
        })
    }

    /// Keeps what is to be kept; true if something went.
    fn retain(&mut self, keep: impl Fn(&Subscription) -> bool) -> bool {
        let mut removed = false;
        for subscriptions in self.accounts.values_mut() {
            let before = subscriptions.len();
            subscriptions.retain(&keep);
            removed |= subscriptions.len() < before;
        }
        self.accounts
            .retain(|_, subscriptions| !subscriptions.is_empty());
        removed
    }

    fn publish(&mut self, now: Timestamp, view: View<'_>, facts: &[Fact]) {
        if self.accounts.is_empty() {
            return;
        }
        let scribe = Scribe {
            view,
            universe: &self.universe,
            now,
        };
        for fact in facts {
            let Some(account) = account(fact) else {
                continue;
            };
            let Some(subscriptions) = self.accounts.get_mut(&account) else {
                continue;
            };
            if hidden(&self.faults, fact) {
                continue;
            }
            if let Fact::Ledger(entry) = fact {
                let row = scribe.ledger(entry);
                for subscription in subscriptions {
                    subscription.skip_number(&self.faults);
                    subscription.send_balance(&row);
                }
                continue;
            }
            for row in rows(scribe, fact) {
                let counter = view.exchange.counter(now, account, row.pair);
                for subscription in subscriptions.iter_mut() {
                    subscription.skip_number(&self.faults);
                    subscription.send_report(&row, counter);
                }
            }
        }
    }
}

impl Subscription {
    fn send_snapshots(&mut self, scribe: Scribe<'_>, account: AccountId, faults: &FaultHandle) {
        let exchange = scribe.view.exchange;
        match self.topic {
            PrivateTopic::Executions(wanted) => {
                if wanted.snap_orders {
                    let orders = exchange.open_orders(account);
                    let rows: Vec<_> = orders
                        .filter_map(|order| scribe.open(&order.state))
                        .collect();
                    self.send_split(Kind::Snapshot, &rows, faults);
                }
                // Two frames: clients judge a whole frame by the kind of its first row.
                let fills: Vec<&FillFact> = exchange.fills(account).rev().take(TRADES).collect();
                if wanted.snap_trades && !(fills.is_empty() && wanted.snap_orders) {
                    let rows: Vec<_> = fills
                        .into_iter()
                        .filter_map(|fill| scribe.past_trade(fill))
                        .collect();
                    self.send_split(Kind::Snapshot, &rows, faults);
                }
            }
            PrivateTopic::Balances { snapshot: true } => {
                let balances = exchange.balances(account);
                let rows: Vec<_> = balances
                    .map(|(asset, balance)| scribe.balance(&asset, balance.total))
                    .collect();
                self.send_split(Kind::Snapshot, &rows, faults);
            }
            PrivateTopic::Balances { snapshot: false } => {}
        }
    }

    fn send_balance(&mut self, row: &String) {
        if matches!(self.topic, PrivateTopic::Balances { .. }) {
            self.send(Kind::Update, std::slice::from_ref(row));
        }
    }

    fn send_report(&mut self, row: &Row, counter: Decimal) {
        let PrivateTopic::Executions(wanted) = self.topic else {
            return;
        };
        if !(wanted.order_status || row.decisive) {
            return;
        }
        if !wanted.ratecounter {
            self.send(Kind::Update, std::slice::from_ref(&row.text));
            return;
        }
        let counter = counter.rounded_away_from_zero(0).unwrap_or(counter);
        let open = row.text.strip_suffix('}').unwrap_or(&row.text);
        self.send(Kind::Update, &[format!("{open},\"ratecount\":{counter}}}")]);
    }

    /// Sends a snapshot, in two frames if that is armed.
    fn send_split(&mut self, kind: Kind, rows: &[String], faults: &FaultHandle) {
        let splits =
            rows.len() > 1 && faults.hurts(self.topic.channel(), PrivateFault::SplitSnapshot);
        let (first, second) = rows.split_at(if splits { rows.len() / 2 } else { rows.len() });
        self.send(kind, first);
        if splits {
            self.send(kind, second);
        }
    }

    /// Leaves a number out, if that is armed.
    fn skip_number(&mut self, faults: &FaultHandle) {
        if faults.hurts(self.topic.channel(), PrivateFault::SequenceGap) {
            self.sequence += 1;
        }
    }

    fn send(&mut self, kind: Kind, rows: &[String]) {
        if self.silent {
            return;
        }
        self.sequence += 1;
        let mut json = Json::object();
        json.text("channel", self.topic.channel())
            .text("type", kind.name())
            .open_array("data");
        for row in rows {
            json.element(row);
        }
        json.close_array().plain("sequence", self.sequence);
        self.outbox.channel(json.finish().into());
    }
}

/// Whom a fact concerns, if one account.
const fn account(fact: &Fact) -> Option<AccountId> {
    match fact {
        Fact::Accepted(accepted) => Some(accepted.order.account),
        Fact::Fill(fill) => Some(fill.order.account),
        Fact::Filled { order } | Fact::Canceled { order, .. } => Some(order.account),
        Fact::Amended(amended) => Some(amended.order.account),
        Fact::Changed(changed) => Some(changed.order.account),
        Fact::Ledger(entry) => Some(entry.account),
        Fact::Trade(_) | Fact::Level(_) | Fact::Switch { .. } => None,
    }
}

/// Whether a fault keeps this from being reported.
fn hidden(faults: &FaultHandle, fact: &Fact) -> bool {
    match fact {
        Fact::Accepted(_) => faults.hides("add_order"),
        Fact::Amended(_) => faults.hides("amend_order"),
        Fact::Fill(_)
        | Fact::Changed(_)
        | Fact::Filled { .. }
        | Fact::Canceled { .. }
        | Fact::Ledger(_)
        | Fact::Trade(_)
        | Fact::Switch { .. }
        | Fact::Level(_) => false,
    }
}

/// The reports of a fact, in the order in which the venue sends them.
fn rows(scribe: Scribe<'_>, fact: &Fact) -> Vec<Row> {
    let row = |order: &OrderState, text: Option<String>, decisive| {
        text.map(|text| Row {
            pair: order.pair,
            text,
            decisive,
        })
    };
    let rows = match fact {
        Fact::Accepted(accepted) => {
            let (order, at) = (&accepted.order, accepted.at);
            // One with a start in the future is not live before that.
            let new = (!order.is_pending()).then(|| Scribe::live(order, at));
            let pending = row(order, scribe.pending_new(order, at), false);
            [pending, row(order, new, true)]
        }
        Fact::Fill(fill) => [row(&fill.order, scribe.trade(fill), true), None],
        Fact::Filled { order } => [row(order, scribe.filled(order), true), None],
        Fact::Amended(amended) => [row(&amended.order, scribe.amended(amended), false), None],
        Fact::Changed(changed) => {
            let started = changed.change == Change::Started;
            [row(&changed.order, scribe.changed(changed), started), None]
        }
        Fact::Canceled { order, reason } => {
            [row(order, scribe.canceled(order, *reason), true), None]
        }
        Fact::Trade(_) | Fact::Ledger(_) | Fact::Level(_) | Fact::Switch { .. } => [None, None],
    };
    rows.into_iter().flatten().collect()
}
