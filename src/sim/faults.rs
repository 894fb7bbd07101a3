//! Faults on purpose: which, where, how often; by config and, in tests, in process.
//!
//! For: proving that a client survives what the real venue does on bad days. Left out: carrying them out; the servers ask and do.
//! Always true: a fault happens as often as it was armed, in the order in which it was armed; with none armed, asking is one atomic read.

mod rule;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::server::Role;
use rule::RawRule;

/// The faults that a simulator starts with.
pub type FaultSettings = Vec<FaultRule>;

/// Something that goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// A socket of this role ends without a close frame.
    Drop(Role),
    /// A socket's sending half ends; it still reads.
    HalfClose(Role),
    /// A socket stays open and says nothing more, heartbeats included.
    Mute(Role),
    /// A frame that is none goes out on a socket.
    Garbage(Role, Garbage),
    /// A subscription to this channel is acknowledged, and nothing follows. Heartbeats go on.
    Silence(String),
    /// A request of this method is carried out and never answered; its reports come.
    NoAnswer(String),
    /// A request of this method is neither carried out nor answered.
    Ignore(String),
    /// A request of this method is answered with an error.
    Error {
        /// The method.
        method: String,
        /// The error's text.
        text: String,
        /// Whether it is carried out all the same.
        execute: bool,
    },
    /// The next checksum of this symbol is wrong.
    Checksum(String),
    /// What comes of a request of this method (`add_order`, `amend_order`) is not reported. Later reports of its order come.
    Unreported(String),
    /// A REST call goes wrong; the endpoint is its last path segment: `AddOrder`.
    Rest(String, RestFault),
}

/// What can be on the wire instead of a frame.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// JSON that ends in the middle.
    Truncated,
    /// A text that is no JSON, as a proxy in front of the venue sends it.
    Text,
    /// Bytes that are no text.
    Binary,
    /// A book frame with numbers that fit nowhere.
    HugeNumbers,
    /// A frame of a channel that does not exist.
    UnknownChannel,
    /// A book frame with wrong types.
    WrongTypes,
}

/// What a REST call gets instead of its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RestFault {
    /// An error in the envelope; the call is not carried out.
    Error(String),
    /// An HTTP status with a page.
    Status(u16, String),
    /// The call is carried out and never answered.
    DoThenSilence,
    /// The call is neither carried out nor answered.
    Silence,
    /// The proper answer, late.
    Delay(Duration),
}

/// What a socket does next, instead of sending on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WireFault {
    Drop,
    HalfClose,
    Mute,
    Garbage(Garbage),
}

/// What a request gets instead of its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum MethodFault {
    NoAnswer,
    Ignore,
    Error { text: String, execute: bool },
}

/// A fault with its number of times. In the config: `kind`, `on`, and what the kind needs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "RawRule", into = "RawRule")]
pub struct FaultRule {
    /// What.
    pub fault: Fault,
    /// So many occasions pass unharmed first.
    pub skip: u32,
    /// How often.
    pub times: u32,
}

/// Arms faults, and tells the servers what to do wrong. Clones share the faults.
#[derive(Clone)]
pub struct FaultHandle(Arc<Inner>);

struct Inner {
    rules: Mutex<Vec<FaultRule>>,
    any: AtomicBool,
    changed: watch::Sender<()>,
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
        Self(Arc::new(Inner {
            any: AtomicBool::new(!rules.is_empty()),
            rules: Mutex::new(rules),
            changed: watch::Sender::new(()),
        }))
    }

    /// Arms a fault. One on sockets happens at once, to so many sockets of the role.
    pub fn arm(&self, fault: Fault, times: u32) {
        let rule = FaultRule {
            fault,
            skip: 0,
            times,
        };
        self.lock().push(rule);
        self.0.any.store(true, Ordering::Release);
        self.0.changed.send_replace(());
    }

    /// Arms a fault of a REST endpoint.
    pub fn arm_rest(&self, endpoint: &str, fault: RestFault, times: u32) {
        self.arm(Fault::Rest(endpoint.to_owned(), fault), times);
    }

    /// Takes back every fault that has not happened yet.
    pub fn disarm(&self) {
        self.lock().clear();
        self.0.any.store(false, Ordering::Release);
    }

    /// How many faults are still to happen.
    #[must_use]
    pub fn armed(&self) -> u32 {
        let rules = self.lock();
        rules.iter().map(|rule| rule.times).sum()
    }

    /// What to do with this call instead of answering it properly; consumes one-shot faults.
    #[must_use]
    pub fn rest(&self, endpoint: &str) -> Option<RestFault> {
        self.take(|fault| {
            let Fault::Rest(on, fault) = fault else {
                return None;
            };
            (on == endpoint).then(|| fault.clone())
        })
    }

    /// What a socket does instead of sending the next frame.
    pub(crate) fn wire(&self, role: Role) -> Option<WireFault> {
        self.take(|fault| {
            let (on, wire) = fault.on_wire()?;
            (on == role).then_some(wire)
        })
    }

    /// Whether this subscription stays silent after its acknowledgement.
    pub(crate) fn silences(&self, channel: &str) -> bool {
        let silenced = |fault: &Fault| matches!(fault, Fault::Silence(on) if on == channel);
        self.take(|fault| silenced(fault).then_some(())).is_some()
    }

    /// What a request gets instead of its answer.
    pub(crate) fn method(&self, method: &str) -> Option<MethodFault> {
        self.take(|fault| {
            let (on, fault) = fault.on_method()?;
            (on == method).then_some(fault)
        })
    }

    /// Whether the next checksum of this symbol is wrong.
    pub(crate) fn corrupts(&self, symbol: &str) -> bool {
        let corrupted = |fault: &Fault| matches!(fault, Fault::Checksum(on) if on == symbol);
        self.take(|fault| corrupted(fault).then_some(())).is_some()
    }

    /// Whether what came of a request of this method is not reported.
    pub(crate) fn hides(&self, method: &str) -> bool {
        let hidden = |fault: &Fault| matches!(fault, Fault::Unreported(on) if on == method);
        self.take(|fault| hidden(fault).then_some(())).is_some()
    }

    /// Wakes whoever waits whenever a fault is armed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    fn take<T>(&self, applies: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        if !self.0.any.load(Ordering::Acquire) {
            return None;
        }
        let mut rules = self.lock();
        for (position, rule) in rules.iter_mut().enumerate() {
            let Some(taken) = applies(&rule.fault) else {
                continue;
            };
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.saturating_sub(1);
            if rule.times == 0 {
                rules.remove(position);
                self.0.any.store(!rules.is_empty(), Ordering::Release);
            }
            return Some(taken);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    const fn on_wire(&self) -> Option<(Role, WireFault)> {
        match self {
            Self::Drop(role) => Some((*role, WireFault::Drop)),
            Self::HalfClose(role) => Some((*role, WireFault::HalfClose)),
            Self::Mute(role) => Some((*role, WireFault::Mute)),
            Self::Garbage(role, garbage) => Some((*role, WireFault::Garbage(*garbage))),
            Self::Silence(_)
            | Self::NoAnswer(_)
            | Self::Ignore(_)
            | Self::Error { .. }
            | Self::Checksum(_)
            | Self::Unreported(_)
            | Self::Rest(..) => None,
        }
    }

    fn on_method(&self) -> Option<(&str, MethodFault)> {
        match self {
            Self::NoAnswer(method) => Some((method, MethodFault::NoAnswer)),
            Self::Ignore(method) => Some((method, MethodFault::Ignore)),
            Self::Error {
                method,
                text,
                execute,
            } => {
                let (text, execute) = (text.clone(), *execute);
                Some((method, MethodFault::Error { text, execute }))
            }
            Self::Drop(_)
            | Self::HalfClose(_)
            | Self::Mute(_)
            | Self::Garbage(..)
            | Self::Silence(_)
            | Self::Checksum(_)
            | Self::Unreported(_)
            | Self::Rest(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_happens_after_its_skips_and_as_often_as_armed() {
        let handle = FaultHandle::new(vec![FaultRule {
            fault: Fault::Checksum("BTC/USD".to_owned()),
            skip: 2,
            times: 2,
        }]);
        assert!(!handle.corrupts("ETH/USD"));
        let seen: Vec<bool> = (0..6).map(|_| handle.corrupts("BTC/USD")).collect();
        assert_eq!(seen, [false, false, true, true, false, false]);
        assert_eq!(handle.armed(), 0);
    }

    #[test]
    fn faults_apply_only_where_they_were_armed() {
        let handle = FaultHandle::none();
        handle.arm(Fault::NoAnswer("add_order".to_owned()), 1);
        handle.arm_rest("AddOrder", RestFault::Status(520, "<html>".to_owned()), 1);
        assert_eq!(handle.method("amend_order"), None);
        assert_eq!(handle.method("add_order"), Some(MethodFault::NoAnswer));
        assert_eq!(handle.method("add_order"), None);
        assert_eq!(handle.rest("OpenOrders"), None);
        assert!(handle.rest("AddOrder").is_some());
        handle.arm(Fault::Drop(Role::Public), 1);
        assert_eq!(handle.wire(Role::Private), None);
        handle.disarm();
        assert_eq!(handle.wire(Role::Public), None);
    }
}
