//! What to trade by. One flat table a strategy, so that every key has its own place in the file; [`Strategy::plan`] gives it its shape.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::amount::{Amount, Percent};
use crate::types::span;

/// One strategy, as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// Which it is.
    pub kind: StrategyKind,
    /// Unique name; its orders are found again by it after a restart.
    pub name: String,
    /// What it trades: `BTC/USD`.
    pub pair: String,
    /// Size of each order, in base.
    pub qty: Amount,
    /// Quoter: distance of each quote from the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_spread: Option<Percent>,
    /// Quoter: shift of both quotes against a full position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<Percent>,
    /// Quoter: position either way at which it stops to add, in base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_position: Option<Amount>,
    /// Quoter: price moves smaller than so many ticks leave a quote where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_ticks: Option<u32>,
    /// Quoter: least time between two actions on one side.
    #[serde(
        default,
        with = "optional_span",
        skip_serializing_if = "Option::is_none"
    )]
    pub min_interval: Option<Duration>,
    /// Quoter: how long quotes stay while the book is not verified.
    #[serde(
        default,
        with = "optional_span",
        skip_serializing_if = "Option::is_none"
    )]
    pub stale_grace: Option<Duration>,
    /// Grid: orders on each side at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<u16>,
    /// Grid: distance between two lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Percent>,
    /// Grid: price of the line that is free at the start; the middle of the first verified book if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<Amount>,
}

/// Which strategy.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StrategyKind {
    /// Two-sided market maker with inventory skew.
    Quoter,
    /// Ladder of resting orders that turns around at each fill.
    Grid,
}

/// A strategy with all that its kind needs and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Two-sided market maker.
    Quoter(QuoterPlan),
    /// Ladder.
    Grid(GridPlan),
}

/// How a quoter quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct QuoterPlan {
    /// Size of each quote, in base.
    pub qty: Amount,
    /// Distance of each quote from the middle.
    pub half_spread: Percent,
    /// Shift of both quotes against a full position.
    pub skew: Percent,
    /// Position either way at which it stops to add, in base.
    pub max_position: Amount,
    /// Price moves smaller than so many ticks leave a quote where it is.
    pub refresh_ticks: u32,
    /// Least time between two actions on one side.
    pub min_interval: Duration,
    /// How long quotes stay while the book is not verified.
    pub stale_grace: Duration,
}

/// How a grid is laid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridPlan {
    /// Size of each order, in base.
    pub qty: Amount,
    /// Orders on each side at the start.
    pub levels: u16,
    /// Distance between two lines.
    pub step: Percent,
    /// Price of the line that is free at the start.
    pub center: Option<Amount>,
}

/// A key that the kind needs and that is not there.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("missing key `{0}`")]
pub struct MissingKey(pub &'static str);

/// What trades on the simulator when nothing else is named: the strategies of `config/default.toml`.
pub(super) fn examples() -> Vec<Strategy> {
    #[derive(Deserialize)]
    struct Examples {
        strategy: Vec<Strategy>,
    }
    let examples = toml::from_str(super::DEFAULT_TOML);
    examples.map_or_else(|_broken| Vec::new(), |examples: Examples| examples.strategy)
}

impl Strategy {
    /// The strategy in the shape of its kind, with defaults filled in.
    ///
    /// # Errors
    ///
    /// When a key that its kind needs is missing; never in a [`Config`](super::Config) that was loaded.
    pub fn plan(&self) -> Result<Plan, MissingKey> {
        match self.kind {
            StrategyKind::Quoter => Ok(Plan::Quoter(QuoterPlan {
                qty: self.qty,
                half_spread: self.half_spread.ok_or(MissingKey("half_spread"))?,
                skew: self.skew.unwrap_or(Percent::from_ppm(0)),
                max_position: self.max_position.ok_or(MissingKey("max_position"))?,
                refresh_ticks: self.refresh_ticks.unwrap_or(1),
                min_interval: self.min_interval.unwrap_or(Duration::from_millis(250)),
                stale_grace: self.stale_grace.unwrap_or(Duration::from_secs(2)),
            })),
            StrategyKind::Grid => Ok(Plan::Grid(GridPlan {
                qty: self.qty,
                levels: self.levels.ok_or(MissingKey("levels"))?,
                step: self.step.ok_or(MissingKey("step"))?,
                center: self.center,
            })),
        }
    }

    /// Keys that are given and mean nothing to its kind.
    #[must_use]
    pub fn foreign_keys(&self) -> Vec<&'static str> {
        let given = [
            (
                "half_spread",
                StrategyKind::Quoter,
                self.half_spread.is_some(),
            ),
            ("skew", StrategyKind::Quoter, self.skew.is_some()),
            (
                "max_position",
                StrategyKind::Quoter,
                self.max_position.is_some(),
            ),
            (
                "refresh_ticks",
                StrategyKind::Quoter,
                self.refresh_ticks.is_some(),
            ),
            (
                "min_interval",
                StrategyKind::Quoter,
                self.min_interval.is_some(),
            ),
            (
                "stale_grace",
                StrategyKind::Quoter,
                self.stale_grace.is_some(),
            ),
            ("levels", StrategyKind::Grid, self.levels.is_some()),
            ("step", StrategyKind::Grid, self.step.is_some()),
            ("center", StrategyKind::Grid, self.center.is_some()),
        ];
        let foreign = given
            .iter()
            .filter(|(_, kind, given)| *given && *kind != self.kind);
        foreign.map(|(key, _, _)| *key).collect()
    }
}

mod optional_span {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use super::span;

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => span::serialize(value, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        span::deserialize(from).map(Some)
    }
}
