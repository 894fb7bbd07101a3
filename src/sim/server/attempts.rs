//! How often an address may try to connect to the sockets: so many attempts in a window, then it is banned.
//!
//! Left out: what a banned client is told. Always true: attempts count for all three sockets together, whether they lead to a
//! connection or not; those of a banned address change nothing, so the ban ends when it was said to.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::types::Timestamp;

/// Addresses kept before those are dropped that have no attempt in the window.
const KEPT: usize = 1024;

/// The attempts of all addresses.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Attempts in a window; 0 is no limit.
    most: u32,
    /// The window that they are counted in.
    window: Duration,
    ban: Duration,
    visitors: Mutex<HashMap<IpAddr, Visitor>>,
}

/// One address.
#[derive(Debug, Default)]
struct Visitor {
    /// Oldest first; no longer than the limit.
    recent: VecDeque<Timestamp>,
    banned_until: Option<Timestamp>,
}

impl Attempts {
    pub(super) fn new(most: u32, window: Duration, ban: Duration) -> Self {
        Self {
            most,
            window,
            ban,
            visitors: Mutex::default(),
        }
    }

    /// Counts an attempt; false if the address is banned, or is from now on.
    pub(super) fn admit(&self, now: Timestamp, address: IpAddr) -> bool {
        if self.most == 0 {
            return true;
        }
        let mut visitors = self.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        if visitors.len() >= KEPT {
            visitors.retain(|_, visitor| !visitor.is_forgotten(now, self.window));
        }
        let visitor = visitors.entry(address.to_canonical()).or_default();
        visitor.admit(now, self)
    }
}

impl Visitor {
    fn admit(&mut self, now: Timestamp, rule: &Attempts) -> bool {
        if self.banned_until.is_some_and(|until| now < until) {
            return false;
        }
        self.banned_until = None;
        let begin = now.before(rule.window);
        while self.recent.front().is_some_and(|at| *at <= begin) {
            self.recent.pop_front();
        }
        if self.recent.len() < usize::try_from(rule.most).unwrap_or(usize::MAX) {
            self.recent.push_back(now);
            return true;
        }
        self.recent.clear();
        self.banned_until = Some(now.after(rule.ban));
        false
    }

    fn is_forgotten(&self, now: Timestamp, window: Duration) -> bool {
        let begin = now.before(window);
        let banned = self.banned_until.is_some_and(|until| now < until);
        !banned && self.recent.back().is_none_or(|at| *at <= begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);
    const BAN: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000).after(Duration::from_secs(seconds))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn one_attempt_too_many_bans_for_ten_minutes_and_then_all_is_new() {
        let attempts = Attempts::new(150, WINDOW, BAN);
        for n in 0..150 {
            assert!(attempts.admit(at(n), address(7)));
        }
        assert!(!attempts.admit(at(200), address(7)));
        assert!(!attempts.admit(at(799), address(7)), "the ban lasts");
        for _ in 0..150 {
            assert!(attempts.admit(at(800), address(7)), "the ban does not grow");
        }
        assert!(!attempts.admit(at(801), address(7)));
    }

    #[test]
    fn the_window_rolls() {
        let attempts = Attempts::new(2, WINDOW, BAN);
        for (second, admitted) in [
            (0, true),
            (300, true),
            (600, true),
            (900, true),
            (1_199, false),
        ] {
            assert_eq!(attempts.admit(at(second), address(7)), admitted, "{second}");
        }
    }

    #[test]
    fn addresses_are_counted_apart_and_zero_is_no_limit() {
        let attempts = Attempts::new(1, WINDOW, BAN);
        assert!(attempts.admit(at(0), address(7)));
        assert!(attempts.admit(at(0), address(8)));
        let mapped = "::ffff:203.0.113.7".parse().unwrap();
        assert!(!attempts.admit(at(0), mapped), "the same address");
        let unlimited = Attempts::new(0, WINDOW, BAN);
        assert!((0..1_000).all(|_| unlimited.admit(at(0), address(7))));
    }

    #[test]
    fn addresses_that_stay_away_are_forgotten() {
        let attempts = Attempts::new(1, WINDOW, BAN);
        for n in 0..KEPT {
            let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
            attempts.admit(at(0), IpAddr::from([10, 0, high, low]));
        }
        attempts.admit(at(601), address(7));
        assert_eq!(attempts.visitors.lock().unwrap().len(), 1);
    }
}
