//! The small sections.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::types::span;

/// Where to keep what must survive.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The directory; `$XDG_STATE_HOME/tradingd` if not given. systemd's `$STATE_DIRECTORY` wins over both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

impl State {
    /// The directory to use in this process's environment.
    #[must_use]
    pub fn here(&self) -> Option<PathBuf> {
        self.directory(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// The directory to use, given the environment. `None` when nothing names one, not even a home.
    #[must_use]
    pub fn directory(&self, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let under = |name: &str, tail: &str| {
            let base = variable(name).filter(|base| base.is_absolute())?;
            Some(base.join(tail))
        };
        // systemd lists several directories with colons; the first is ours.
        let systemd = variable("STATE_DIRECTORY").and_then(|list| {
            let first = list.to_str()?.split(':').next()?.to_owned();
            (!first.is_empty()).then(|| PathBuf::from(first))
        });
        systemd
            .or_else(|| self.dir.clone())
            .or_else(|| under("XDG_STATE_HOME", "tradingd"))
            .or_else(|| under("HOME", ".local/state/tradingd"))
    }
}

/// What to tell.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Least level, or directives such as `info,tradingd::venue=debug`.
    pub level: String,
    /// Form of a line.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Colors on a terminal, none elsewhere.
    #[default]
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to listen to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Levels of each book: 10, 25, 100, 500 or 1000.
    pub depth: u16,
    /// Pairs whose books are kept, beside those of the strategies.
    pub pairs: Vec<String>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            depth: 10,
            pairs: ["BTC/USD", "ETH/USD", "SOL/USD"].map(str::to_owned).into(),
        }
    }
}

/// How the venue is reached.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Longest time that the venue is asked before a run begins. A lockout of the key is waited out beside it.
    #[serde(with = "span")]
    pub start: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(30),
        }
    }
}

/// How orders are treated.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orders {
    /// First characters of every order id: a lower-case letter, then up to three letters or digits.
    pub tag: String,
    /// Time from sending to the venue's deadline of a create or amend.
    #[serde(with = "span")]
    pub ttl: Duration,
    /// Time after the deadline in which a late answer is still waited for.
    #[serde(with = "span")]
    pub grace: Duration,
    /// Pause between two look-ups of one order.
    #[serde(with = "span")]
    pub look_up_every: Duration,
    /// Complete look-ups that must find nothing before an order counts as never placed.
    pub look_ups_absent: u32,
    /// Pause before a cancel is repeated.
    #[serde(with = "span")]
    pub cancel_again: Duration,
    /// Pause between two reconciliations while all is well.
    #[serde(with = "span")]
    pub reconcile_every: Duration,
    /// What becomes of orders that carry our tag but belong to no strategy.
    pub unknown: Unknown,
    /// Pairs that stand still since an anomaly and trade again from this start on.
    pub resume: Vec<String>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            tag: "td".to_owned(),
            ttl: Duration::from_secs(5),
            grace: Duration::from_secs(2),
            look_up_every: Duration::from_secs(2),
            look_ups_absent: 2,
            cancel_again: Duration::from_millis(500),
            reconcile_every: Duration::from_secs(60),
            unknown: Unknown::Keep,
            resume: Vec::new(),
        }
    }
}

/// What becomes of orders that carry our tag but belong to no strategy.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// They stay, count in every limit, and are canceled at the stop.
    #[default]
    Keep,
    /// They are canceled once known.
    Cancel,
}

/// How fast to trade.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// The account's verification tier, until the venue states its threshold.
    pub tier: Tier,
}

/// The account's verification tier at Kraken.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The lowest, and the safe guess.
    #[default]
    Starter,
    /// The usual one of a person.
    Intermediate,
    /// The highest.
    Pro,
}

/// Longest time of each phase of an orderly end. A second signal leaves each a second. How long a task may take that was told to stop is
/// `deadlines.join`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Commands in flight get their answers, and our orders are canceled and seen canceled. Without the engine that is certain only
    /// `orders.ttl` and three seconds later.
    #[serde(with = "span")]
    pub park: Duration,
    /// Queues are emptied and the journal is sealed.
    #[serde(with = "span")]
    pub drain: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            park: Duration::from_secs(20),
            drain: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_is_systemds_then_ours_then_the_users() {
        let state = State {
            dir: Some(PathBuf::from("/own")),
        };
        let all = |name: &str| Some(PathBuf::from(format!("/{name}:/second")));
        let user = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/u"));
        assert_eq!(
            state.directory(all),
            Some(PathBuf::from("/STATE_DIRECTORY"))
        );
        assert_eq!(state.directory(user), Some(PathBuf::from("/own")));
        assert_eq!(
            State::default().directory(user),
            Some(PathBuf::from("/home/u/.local/state/tradingd"))
        );
        assert_eq!(State::default().directory(|_| None), None);
    }
}
