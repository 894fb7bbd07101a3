//! Faults on purpose: which, where, how often; by config, over the control address and, in tests, in process.
//!
//! For: proving that a client survives what the real venue does on bad days. Left out: carrying them out; the servers ask and do.
//! Always true: a fault happens as often as it was armed, in the order in which it was armed; what chance decides, the seed decides;
//! with none armed, asking is one atomic read.

mod armed;
mod kind;
mod part;
mod rule;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::server::Role;
pub use armed::FaultRule;
use armed::{Armed, Rules};
use kind::means;
pub use kind::{
    Delay, Ending, Fault, FrameFault, Garbage, PrivateFault, RequestFault, RestFault, Shape,
    SocketFault, Staleness,
};
pub use part::{InvalidPart, Part};

/// The faults that a simulator starts with.
pub type FaultSettings = Vec<FaultRule>;

/// Arms faults, and tells the servers what to do wrong. Clones share the faults.
#[derive(Clone)]
pub struct FaultHandle(Arc<Inner>);

struct Inner {
    rules: Mutex<Rules>,
    any: AtomicBool,
    changed: watch::Sender<()>,
    /// Private REST calls that were decided while one waits to be overtaken.
    decided: watch::Sender<u64>,
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FaultHandle").field(&*self.lock()).finish()
    }
}

impl FaultHandle {
    /// No faults so far.
    #[must_use]
    pub fn none() -> Self {
        Self::new(FaultSettings::new())
    }

    /// Faults to begin with.
    #[must_use]
    pub fn new(rules: FaultSettings) -> Self {
        Self::seeded(rules, 0)
    }

    /// Faults to begin with, and the seed of what chance decides.
    #[must_use]
    pub fn seeded(rules: FaultSettings, seed: u64) -> Self {
        Self(Arc::new(Inner {
            any: AtomicBool::new(!rules.is_empty()),
            rules: Mutex::new(Rules::new(rules, seed)),
            changed: watch::Sender::new(()),
            decided: watch::Sender::new(0),
        }))
    }

    /// Arms a fault. One on sockets happens at once, to so many sockets of the role.
    pub fn arm(&self, fault: Fault, times: u32) {
        self.arm_rule(FaultRule::new(fault, times));
    }

    /// Arms a fault as a rule has it, and returns the number under which it can be taken back.
    pub fn arm_rule(&self, rule: FaultRule) -> u64 {
        let id = self.lock().arm(rule);
        self.0.any.store(true, Ordering::Release);
        self.0.changed.send_replace(());
        id
    }

    /// Arms a fault of a REST endpoint.
    pub fn arm_rest(&self, endpoint: &str, fault: RestFault, times: u32) {
        self.arm(Fault::Rest(endpoint.to_owned(), fault), times);
    }

    /// Takes back every fault that has not happened yet, and says how many that were.
    pub fn disarm(&self) -> usize {
        let mut rules = self.lock();
        self.0.any.store(false, Ordering::Release);
        rules.clear()
    }

    /// Takes back one fault. False if there is none of that number.
    pub fn disarm_one(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let found = rules.disarm(id);
        self.0.any.store(!rules.is_empty(), Ordering::Release);
        found
    }

    /// How many faults are still to happen.
    #[must_use]
    pub fn armed(&self) -> u32 {
        let rules = self.lock();
        let times = rules.iter().map(|armed| armed.rule.times);
        times.fold(0, u32::saturating_add)
    }

    /// The rules that are armed, oldest first, with their numbers and what is left of them.
    #[must_use]
    pub fn rules(&self) -> Vec<(u64, FaultRule)> {
        let rules = self.lock();
        let each = rules
            .iter()
            .map(|Armed { id, rule, .. }| (*id, rule.clone()));
        each.collect()
    }

    /// What to do with this call instead of answering it properly, with a drawn number; consumes one-shot faults.
    pub(crate) fn rest(&self, endpoint: &str) -> Option<(RestFault, u64)> {
        self.take(|fault| {
            let Fault::Rest(on, fault) = fault else {
                return None;
            };
            means(on, endpoint).then(|| fault.clone())
        })
    }

    /// What a socket does instead of sending the next frame.
    pub(crate) fn socket(&self, role: Role) -> Option<SocketFault> {
        let taken = self.take(|fault| {
            let Fault::Socket(on, what) = fault else {
                return None;
            };
            (*on == role).then(|| what.clone())
        });
        taken.map(first)
    }

    /// What happens to this frame, with a drawn number. `fits` says whether it can happen to it.
    pub(crate) fn frame(
        &self,
        role: Role,
        channel: impl Fn(&str) -> bool,
        fits: impl Fn(FrameFault) -> bool,
    ) -> Option<(FrameFault, u64)> {
        self.take(|fault| {
            let Fault::Frame(on, only, what) = fault else {
                return None;
            };
            let meant = *on == role && only.as_deref().is_none_or(&channel);
            (meant && fits(*what)).then_some(*what)
        })
    }

    /// The HTTP status that a client gets which connects to a socket.
    pub(crate) fn refuses(&self, role: Role) -> Option<u16> {
        let taken = self.take(|fault| {
            let Fault::Refuse(on, status) = fault else {
                return None;
            };
            (*on == role).then_some(*status)
        });
        taken.map(first)
    }

    /// Whether this subscription stays silent after its acknowledgement.
    pub(crate) fn silences(&self, channel: &str) -> bool {
        self.happens(|fault| matches!(fault, Fault::Silence(on) if means(on, channel)))
    }

    /// Whether this goes wrong with a private channel.
    pub(crate) fn hurts(&self, channel: &str, what: PrivateFault) -> bool {
        self.happens(
            |fault| matches!(fault, Fault::Private(on, is) if means(on, channel) && *is == what),
        )
    }

    /// What a request gets instead of its answer, with a drawn number.
    pub(crate) fn request(&self, method: &str) -> Option<(RequestFault, u64)> {
        self.take(|fault| {
            let Fault::Request(on, what) = fault else {
                return None;
            };
            means(on, method).then(|| what.clone())
        })
    }

    /// Whether every token is void when this request comes.
    pub(crate) fn voids_tokens(&self, method: &str) -> bool {
        self.happens(|fault| matches!(fault, Fault::VoidTokens(on) if means(on, method)))
    }

    /// How much of an order is filled while a request about it is on its way.
    pub(crate) fn fills(&self, method: &str) -> Option<Part> {
        let taken = self.take(|fault| {
            let Fault::Fill(on, part) = fault else {
                return None;
            };
            means(on, method).then_some(*part)
        });
        taken.map(first)
    }

    /// Whether the next checksum of this symbol is wrong.
    pub(crate) fn corrupts(&self, symbol: &str) -> bool {
        self.happens(|fault| matches!(fault, Fault::Checksum(on) if means(on, symbol)))
    }

    /// Whether what came of a request of this method is not reported.
    pub(crate) fn hides(&self, method: &str) -> bool {
        self.happens(|fault| matches!(fault, Fault::Unreported(on) if means(on, method)))
    }

    /// Wakes whoever waits whenever a fault is armed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// A private REST call was decided: one that waits to be overtaken was.
    pub(crate) fn note_decided(&self) {
        if self.0.decided.receiver_count() > 0 {
            self.0.decided.send_modify(|count| *count += 1);
        }
    }

    /// Waits until another private REST call has been decided, at most so long.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn overtaken(&self, at_most: Duration) {
        let mut decided = self.0.decided.subscribe();
        tokio::time::timeout(at_most, decided.changed()).await.ok();
    }

    fn happens(&self, applies: impl Fn(&Fault) -> bool) -> bool {
        self.take(|fault| applies(fault).then_some(())).is_some()
    }

    /// The first fault that applies and happens, with a number drawn for it.
    fn take<T>(&self, applies: impl Fn(&Fault) -> Option<T>) -> Option<(T, u64)> {
        if !self.0.any.load(Ordering::Acquire) {
            return None;
        }
        let mut rules = self.lock();
        let taken = rules.take(applies);
        self.0.any.store(!rules.is_empty(), Ordering::Release);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first<T>((value, _luck): (T, u64)) -> T {
    value
}

#[cfg(test)]
mod tests;
