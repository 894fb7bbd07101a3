//! Everything about a running simulator that can be changed from outside of the market.
//!
//! For: `Simulator`, the control address and what is planned in the config, so that all three do the same.
//! Left out: how it is asked for. Always true: what is changed is told on every socket before the call returns.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Venue,
    faults::FaultHandle,
    market::Regimes,
    matching::{Exchange, PairId, Universe},
    notices::{NewEmergency, NewMaintenance},
    plan::{Plan, Scope, StatusRule, Step, Wanted},
    server::{WsState, names, tokens::Tokens},
    settings::Length,
    skew::Skew,
};
use crate::types::TradingStatus;

/// Longest single wait, so that clocks that jump are noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The hands on a running simulator. Clones are the same hands.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Books, orders, accounts.
    pub venue: Venue,
    /// What goes wrong.
    pub faults: FaultHandle,
    /// The tokens of the private sockets.
    pub tokens: Tokens,
    /// The sockets.
    pub sockets: WsState,
    /// Statuses to come.
    pub plan: Plan,
    /// The venue's clock.
    pub skew: Skew,
    /// How the synthetic market of each pair behaves.
    pub regimes: Regimes,
}

impl Controls {
    /// Changes statuses, now or later.
    ///
    /// # Errors
    ///
    /// What cannot be followed. Nothing is changed then.
    pub fn schedule(&self, rule: &StatusRule) -> Result<(), String> {
        let steps = rule.steps(&self.universe())?;
        let (now, later): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(at, _)| at.is_zero());
        let announced = match announcement(rule) {
            Some(new) => Some(self.announce(new).ok_or("too much is announced already")?),
            None => None,
        };
        if let Err(full) = self.plan.add(later) {
            if let Some(id) = announced {
                let _found = self.withdraw(id);
            }
            return Err(full);
        }
        if let Some(id) = announced {
            self.plan.note_announced(id);
        }
        for (_, step) in now {
            self.take(step);
        }
        Ok(())
    }

    /// Takes back all that is planned and announced of it, and says how many steps that were.
    pub fn cancel_schedule(&self) -> usize {
        let (steps, announced) = self.plan.clear();
        for id in announced {
            let _begun = self.venue.notices().withdraw(id);
        }
        self.sockets.publish_statuses();
        steps
    }

    /// Takes a step of the plan.
    fn take(&self, step: Step) {
        match step.of {
            Scope::Venue => self.set_system_status(step.status),
            Scope::Pair(pair) => self.set_pair_status(pair, step.status),
            Scope::EveryPair => self.set_every_pair_status(step.status),
        }
        if step.void_tokens {
            self.tokens.void_all();
        }
        if step.drop_sockets {
            self.sockets.drop_all();
        }
    }

    /// Changes the status of the whole venue and tells everyone.
    pub fn set_system_status(&self, status: TradingStatus) {
        self.change(|exchange| exchange.set_system_status(status));
        self.sockets.publish_statuses();
    }

    /// Changes the status of a pair and tells everyone. The orders of one that is delisted are canceled.
    pub fn set_pair_status(&self, pair: PairId, status: TradingStatus) {
        self.set_pairs_status(&[pair], status);
    }

    /// Changes the status of every pair that is not delisted and tells everyone.
    pub fn set_every_pair_status(&self, status: TradingStatus) {
        let listed = self.venue.read(|view| {
            let pairs = names::all_pairs(view.exchange.universe()).map(|pair| pair.id);
            let listed = pairs.filter(|id| view.exchange.pair_status(*id) != TradingStatus::Closed);
            listed.collect::<Vec<_>>()
        });
        self.set_pairs_status(&listed, status);
    }

    fn set_pairs_status(&self, pairs: &[PairId], status: TradingStatus) {
        if status == TradingStatus::Closed {
            for pair in pairs {
                self.venue
                    .intervene(|now, exchange, facts| exchange.delist(now, *pair, facts));
            }
        } else {
            self.change(|exchange| {
                for pair in pairs {
                    exchange.set_pair_status(*pair, status);
                }
            });
        }
        self.sockets.publish_statuses();
    }

    /// What came due before a change happens before it, and what the change lets happen happens at once.
    fn change(&self, change: impl FnOnce(&mut Exchange)) {
        self.venue.elapse();
        self.venue.change(change);
        self.venue.elapse();
    }

    /// Announces a maintenance window, tells everyone, and returns its number; none if too much is announced already.
    #[must_use]
    pub fn announce(&self, new: NewMaintenance) -> Option<u64> {
        let id = self.venue.notices().announce(self.venue.clock().now(), new);
        self.sockets.publish_statuses();
        id
    }

    /// Takes an announcement back and tells everyone. False if there is none of that number.
    #[must_use]
    pub fn withdraw(&self, id: u64) -> bool {
        let found = self.venue.notices().withdraw(id);
        self.sockets.publish_statuses();
        found
    }

    /// Tells everyone of an incident and returns its number; none if too much is told already.
    #[must_use]
    pub fn alert(&self, new: NewEmergency) -> Option<u64> {
        let id = self.venue.notices().alert(self.venue.clock().now(), new);
        self.sockets.publish_statuses();
        id
    }

    /// Ends an incident and tells everyone. False if there is none of that number.
    #[must_use]
    pub fn resolve(&self, id: u64) -> bool {
        let found = self.venue.notices().resolve(id);
        self.sockets.publish_statuses();
        found
    }

    /// Makes the venue's clock ahead by so much, or behind.
    pub fn set_skew(&self, ahead: SignedDuration) {
        // Under the venue's lock, so that no act sees time go backwards.
        self.venue.change(|_exchange| self.skew.set(ahead));
    }

    /// What is listed.
    #[must_use]
    pub fn universe(&self) -> Universe {
        self.venue.read(|view| view.exchange.universe().clone())
    }
}

/// What a rule with a title announces.
fn announcement(rule: &StatusRule) -> Option<NewMaintenance> {
    let phases = if rule.status == Wanted::Restart { 3 } else { 1 };
    let lasts = rule.lasts.map(|one| Length(one.0.saturating_mul(phases)));
    Some(NewMaintenance {
        lasts,
        ..NewMaintenance::new(rule.title.clone()?, rule.at)
    })
}

/// Does what is planned, and tells what changes about announcements, until canceled.
///
/// # Cancel safety
///
/// What is due when the future is dropped stays due.
pub(super) async fn run(controls: Controls, cancel: CancellationToken) {
    let mut changes = controls.plan.changes();
    let notices = controls.venue.notices().clone();
    let mut told = controls.venue.clock().now();
    loop {
        while let Some(step) = controls.plan.take_due() {
            controls.take(step);
        }
        let now = controls.venue.clock().now();
        if notices.next_change(told).is_some_and(|at| at <= now) {
            notices.refresh(now);
            controls.sockets.publish_statuses();
        }
        told = now;
        let next_notice = notices.next_change(now).map(|at| at.since(now));
        let waits = controls.plan.wait().into_iter().chain(next_notice);
        let wait = waits.min().unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = sleep(wait) => {}
        }
    }
}
