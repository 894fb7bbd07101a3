//! What happened so far, in plain numbers.
//!
//! Left out: frames and sockets (they count for themselves), and what is logged.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{
        Event, Note, Outbox,
        event::{Link, RejectReason},
        orders::What,
        risk::Code,
    },
    types::Timestamp,
};

/// Numbers of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// When the run began.
    pub since: Option<Timestamp>,
    /// Book frames whose checksum was found right.
    pub checksums: u64,
    /// Book frames whose checksum was found wrong.
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
    /// Times that the journal failed.
    pub journal_failures: u64,
    /// Longest time from event in hand to its last order in the lane.
    pub worst_latency: Duration,
}

impl Tally {
    /// Wishes refused, whatever the code.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.denied.values().sum()
    }

    /// Counts one turn.
    pub fn note(&mut self, now: Timestamp, event: &Event, out: &Outbox) {
        self.since.get_or_insert(now);
        self.account_losses += u64::from(matches!(event, Event::Account(Link::Down)));
        for note in out.notes() {
            self.count(note);
        }
    }

    /// Counts a book frame, and whether its book is good after it.
    pub fn book(&mut self, verified: bool) {
        self.checksums += u64::from(verified);
    }

    /// Takes the time that a turn took from its event to its last order.
    pub fn latency(&mut self, took: Duration) {
        self.worst_latency = self.worst_latency.max(took);
    }

    fn count(&mut self, note: &Note) {
        match note {
            Note::Sent { what, .. } => self.sent(*what),
            Note::Denied { refusal, .. } => *self.denied.entry(refusal.code).or_default() += 1,
            Note::Filled { .. } => self.fills += 1,
            Note::Rejected { rejection, .. } => {
                self.rejected += 1;
                self.rate_limited += u64::from(rejection.reason == RejectReason::RateLimited);
            }
            Note::Unanswered { .. } => self.unanswered += 1,
            Note::BookStale { why, .. } => {
                self.stale_books += 1;
                self.checksums_failed += u64::from(*why == "checksum");
            }
            Note::Opened { .. }
            | Note::Ended { .. }
            | Note::Adopted { .. }
            | Note::Stray { .. }
            | Note::Outdated { .. }
            | Note::BookVerified { .. }
            | Note::Reconciled { .. }
            | Note::Anomaly(_) => {}
        }
    }

    fn sent(&mut self, what: What) {
        match what {
            What::Create => self.orders += 1,
            What::Amend => self.amends += 1,
            What::Cancel => self.cancels += 1,
        }
    }
}
