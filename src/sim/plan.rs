//! Statuses to come: what the venue and its pairs will let clients do, and when (§6.2).
//!
//! For: maintenance, restarts and delistings at a time. Left out: carrying them out (`controls`); announcing them (`notices`).
//! Always true: steps happen in the order of their times, and of their planning where the times are equal.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    matching::{PairId, Universe},
    server::names,
    settings::{Length, duration},
};
use crate::{
    io::Clock,
    types::{Timestamp, TradingStatus},
};

/// Length of each phase of a restart, unless it is given.
const PHASE: Duration = Duration::from_secs(5);
/// Most steps that can be planned at once.
const MOST: usize = 1000;

/// A change of a status as the config and the control address have it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRule {
    /// When: after the start, or after now.
    #[serde(default, with = "duration")]
    pub at: Duration,
    /// The pair, by any of its names, or `*`: every one that is not delisted. The whole venue without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// Which.
    pub status: Wanted,
    /// How long, before it is `online` again; of a restart, each of its phases. For good if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// Whether every socket ends when it begins, without a close frame.
    #[serde(default)]
    pub drop_sockets: bool,
    /// Whether every token is void when it begins.
    #[serde(default)]
    pub void_tokens: bool,
    /// Under which title it is announced until it begins; not at all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A status, or the usual sequence of them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Everything.
    Online,
    /// Nothing, cancels included.
    Maintenance,
    /// Cancels only.
    CancelOnly,
    /// Post-only limit orders and cancels; nothing matches.
    PostOnly,
    /// No market orders. Of pairs: the venue's own status has no word for it, so without a pair it is of every one.
    LimitOnly,
    /// Only what makes a position smaller. Of a pair.
    ReduceOnly,
    /// Gone for good: its orders are canceled. Of a pair.
    Delisted,
    /// Not yet tradable. Of a pair.
    WorkInProgress,
    /// `maintenance`, `cancel_only`, `post_only`, `online`, one after the other.
    Restart,
}

impl Wanted {
    /// The statuses in their order, and whether `online` follows by itself.
    const fn phases(self) -> &'static [TradingStatus] {
        match self {
            Self::Online => &[TradingStatus::Online],
            Self::Maintenance => &[TradingStatus::Maintenance],
            Self::CancelOnly => &[TradingStatus::CancelOnly],
            Self::PostOnly => &[TradingStatus::PostOnly],
            Self::LimitOnly => &[TradingStatus::LimitOnly],
            Self::ReduceOnly => &[TradingStatus::ReduceOnly],
            Self::Delisted => &[TradingStatus::Closed],
            Self::WorkInProgress => &[TradingStatus::InProgress],
            Self::Restart => &[
                TradingStatus::Maintenance,
                TradingStatus::CancelOnly,
                TradingStatus::PostOnly,
            ],
        }
    }

    const fn is_of_pairs_only(self) -> bool {
        matches!(
            self,
            Self::ReduceOnly | Self::Delisted | Self::WorkInProgress
        )
    }
}

/// Whose status a change is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The whole venue's.
    Venue,
    /// That of every pair that is not delisted.
    EveryPair,
    /// A pair's.
    Pair(PairId),
}

/// One change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// Whose.
    pub of: Scope,
    /// What it is from now on.
    pub status: TradingStatus,
    /// Whether every socket ends.
    pub drop_sockets: bool,
    /// Whether every token is void.
    pub void_tokens: bool,
}

impl StatusRule {
    /// Its steps, each with the time after which it happens.
    ///
    /// # Errors
    ///
    /// What cannot be followed: a pair that is not listed, a status that only pairs have.
    pub fn steps(&self, universe: &Universe) -> Result<Vec<(Duration, Step)>, String> {
        let of = self.scope(universe)?;
        let restarts = self.status == Wanted::Restart;
        let phase = self.lasts.map(|length| length.0);
        let phase = phase.or(restarts.then_some(PHASE));
        let (mut steps, mut at) = (Vec::new(), self.at);
        for status in self.status.phases() {
            let first = steps.is_empty();
            let step = Step {
                of,
                status: *status,
                drop_sockets: self.drop_sockets && first,
                void_tokens: self.void_tokens && first,
            };
            steps.push((at, step));
            at = at.saturating_add(phase.unwrap_or_default());
        }
        if phase.is_some() {
            let online = Step {
                of,
                status: TradingStatus::Online,
                drop_sockets: false,
                void_tokens: false,
            };
            steps.push((at, online));
        }
        Ok(steps)
    }

    fn scope(&self, universe: &Universe) -> Result<Scope, String> {
        match self.pair.as_deref() {
            None if self.status == Wanted::LimitOnly => Ok(Scope::EveryPair),
            None if self.status.is_of_pairs_only() => Err(
                "status: this one is of a pair; name it with `pair`, or all with \"*\"".to_owned(),
            ),
            None => Ok(Scope::Venue),
            Some("*") => Ok(Scope::EveryPair),
            Some(name) => {
                let unknown = || format!("pair: {name:?} is not listed");
                universe
                    .find_pair(name)
                    .map(Scope::Pair)
                    .ok_or_else(unknown)
            }
        }
    }
}

/// A step that is still to come, for people.
#[derive(Debug, Serialize)]
pub struct Planned {
    #[serde(rename = "in", with = "duration")]
    after: Duration,
    pair: Option<String>,
    status: &'static str,
    drop_sockets: bool,
    void_tokens: bool,
}

/// The steps that are still to come. Clones share them.
#[derive(Clone)]
pub struct Plan(Arc<Inner>);

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    count: u64,
    steps: BTreeMap<(Timestamp, u64), Step>,
    /// Numbers of the announcements of steps.
    announced: Vec<u64>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

impl Plan {
    /// Nothing is planned. Steps go by this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// Plans steps, all of them or none.
    ///
    /// # Errors
    ///
    /// When too many are planned already.
    pub fn add(&self, steps: Vec<(Duration, Step)>) -> Result<(), String> {
        let now = self.0.clock.now();
        let mut state = self.lock();
        if state.steps.len() + steps.len() > MOST {
            return Err(format!("no more than {MOST} changes can be planned"));
        }
        for (after, step) in steps {
            state.count += 1;
            let count = state.count;
            state.steps.insert((now.after(after), count), step);
        }
        drop(state);
        self.0.changed.send_replace(());
        Ok(())
    }

    /// Notes that a step was announced under this number.
    pub fn note_announced(&self, id: u64) {
        self.lock().announced.push(id);
    }

    /// Takes back all steps, and says how many that were and under which numbers they were announced.
    pub fn clear(&self) -> (usize, Vec<u64>) {
        let State {
            steps, announced, ..
        } = std::mem::take(&mut *self.lock());
        (steps.len(), announced)
    }

    /// The next step that is due, which is planned no more.
    #[must_use]
    pub fn take_due(&self) -> Option<Step> {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let first = state.steps.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// How long until the next step.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let now = self.0.clock.now();
        let state = self.lock();
        state.steps.keys().next().map(|(at, _)| at.since(now))
    }

    /// Wakes whoever waits whenever something is planned.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// All steps, the next one first.
    #[must_use]
    pub fn planned(&self, universe: &Universe) -> Vec<Planned> {
        let now = self.0.clock.now();
        let named = |of| match of {
            Scope::Venue => None,
            Scope::EveryPair => Some("*".to_owned()),
            Scope::Pair(pair) => {
                let spec = universe.pair(pair)?;
                Some(spec.instrument.symbol.to_string())
            }
        };
        let state = self.lock();
        let steps = state.steps.iter().map(|((at, _), step)| Planned {
            after: whole_millis(at.since(now)),
            pair: named(step.of),
            status: names::status(step.status),
            drop_sockets: step.drop_sockets,
            void_tokens: step.void_tokens,
        });
        steps.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_millis(exactly: Duration) -> Duration {
    Duration::from_millis(u64::try_from(exactly.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(json: &str) -> Result<Vec<(u64, TradingStatus)>, String> {
        let rule: StatusRule = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let steps = rule.steps(&Universe::default_universe())?;
        let seconds = steps.iter().map(|(at, step)| (at.as_secs(), step.status));
        Ok(seconds.collect())
    }

    #[test]
    fn a_restart_is_the_usual_sequence_and_a_status_that_lasts_ends() {
        assert_eq!(
            steps(r#"{"at":"10s","status":"restart","lasts":"2s"}"#).unwrap(),
            [
                (10, TradingStatus::Maintenance),
                (12, TradingStatus::CancelOnly),
                (14, TradingStatus::PostOnly),
                (16, TradingStatus::Online),
            ]
        );
        assert_eq!(
            steps(r#"{"pair":"XBTUSD","status":"limit_only","lasts":"1m"}"#).unwrap(),
            [(0, TradingStatus::LimitOnly), (60, TradingStatus::Online)]
        );
        assert_eq!(
            steps(r#"{"status":"cancel_only"}"#).unwrap(),
            [(0, TradingStatus::CancelOnly)]
        );
    }

    #[test]
    fn limit_only_is_of_pairs_even_without_one() {
        let of = |json: &str| {
            let rule: StatusRule = serde_json::from_str(json).unwrap();
            let steps = rule.steps(&Universe::default_universe()).unwrap();
            steps[0].1.of
        };
        assert_eq!(of(r#"{"status":"limit_only"}"#), Scope::EveryPair);
        assert_eq!(of(r#"{"status":"online","pair":"*"}"#), Scope::EveryPair);
        assert_eq!(of(r#"{"status":"online"}"#), Scope::Venue);
        let pair = of(r#"{"status":"limit_only","pair":"BTC/USD"}"#);
        assert_eq!(pair, Scope::Pair(PairId(0)));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_what_would_be_right() {
        for (json, told) in [
            (r#"{"status":"closed"}"#, "`work_in_progress`"),
            (r#"{"status":"online","for":"1s"}"#, "`drop_sockets`"),
            (r#"{"status":"delisted"}"#, "name it with `pair`"),
            (r#"{"status":"online","pair":"ABC/DEF"}"#, "ABC/DEF"),
            (r#"{"status":"online","at":"soon"}"#, "250ms"),
        ] {
            let error = steps(json).unwrap_err();
            assert!(error.contains(told), "{json}: {error}");
        }
    }

    #[test]
    fn steps_are_planned_all_or_none() {
        let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
        let plan = Plan::new(clock);
        let step = Step {
            of: Scope::Venue,
            status: TradingStatus::Online,
            drop_sockets: false,
            void_tokens: false,
        };
        let steps = |count| vec![(Duration::from_secs(1), step); count];
        plan.add(steps(MOST - 1)).unwrap();
        assert!(plan.add(steps(2)).is_err());
        plan.add(steps(1)).unwrap();
        assert_eq!(plan.clear().0, MOST);
    }

    #[test]
    fn one_word_is_enough_for_all_that_was_planned() {
        let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000));
        let plan = Plan::new(clock);
        let mut changes = plan.changes();
        for _ in 0..3 {
            plan.add(Vec::new()).unwrap();
        }
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(!changes.has_changed().unwrap());
        plan.add(Vec::new()).unwrap();
        assert!(changes.has_changed().unwrap(), "the next one is a new word");
    }

    #[test]
    fn steps_come_due_in_the_order_of_their_times() {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_000));
        let plan = Plan::new(clock);
        let step = |status| Step {
            of: Scope::Venue,
            status,
            drop_sockets: false,
            void_tokens: false,
        };
        let (late, soon) = (Duration::from_secs(9), Duration::from_secs(3));
        plan.add(vec![(late, step(TradingStatus::Online))]).unwrap();
        plan.add(vec![(soon, step(TradingStatus::CancelOnly))])
            .unwrap();
        assert_eq!((plan.take_due(), plan.wait()), (None, Some(soon)));
        hand.advance(late);
        let taken: Vec<_> = std::iter::from_fn(|| plan.take_due()).collect();
        assert_eq!(
            taken,
            [step(TradingStatus::CancelOnly), step(TradingStatus::Online)]
        );
        plan.add(vec![(late, step(TradingStatus::Online))]).unwrap();
        assert_eq!((plan.clear(), plan.wait()), ((1, Vec::new()), None));
    }
}
