//! Regimes: how the synthetic market of a pair behaves, chosen by the operator and changeable while it runs.
//!
//! For: calm, trending, crashing, thin and jumping markets, each with a property that can be seen from outside.
//! Left out: pairs that play a tape; their prices are recorded. Always true: whatever the regime, a pair's value stays within a third of where its
//! assets put it, so that a market that runs for days stays near its opening; the default regime changes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::sim::matching::PairId;

/// How the market of a pair behaves.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Busy and liquid; prices follow what the assets are worth.
    #[default]
    Normal,
    /// Prices hardly move and little is traded; books are deeper.
    Calm,
    /// Prices run one way for hours, at three percent an hour for bitcoin, then the other way.
    Trending,
    /// Within ten seconds, and then every few minutes, the price falls by a tenth in some seconds, trading all the way, and comes back in minutes.
    FlashCrash,
    /// Few and small quotes, wide spreads, little trade.
    Thin,
    /// Within ten seconds, and then every few minutes, the price jumps by some percent without a trade on the way.
    Gap,
}

impl Regime {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Normal,
        Self::Calm,
        Self::Trending,
        Self::FlashCrash,
        Self::Thin,
        Self::Gap,
    ];

    /// Its name in configs and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Calm => "calm",
            Self::Trending => "trending",
            Self::FlashCrash => "flash_crash",
            Self::Thin => "thin",
            Self::Gap => "gap",
        }
    }

    /// A regime by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|regime| regime.name() == name)
    }

    /// What a pair's market is like under it.
    pub(super) fn over(self, usual: Profile) -> Profile {
        match self {
            Self::Normal | Self::Trending | Self::FlashCrash | Self::Gap => usual,
            Self::Calm => Profile {
                touch_usd: usual.touch_usd * 1.5,
                ..usual
            },
            Self::Thin => Profile {
                touch_usd: usual.touch_usd * 0.12,
                spread_bp: usual.spread_bp.mul_add(6.0, 12.0),
                rungs: (usual.rungs / 4).max(3),
                crowd: usual.crowd / 4,
                sleepers: usual.sleepers / 4,
                ..usual
            },
        }
    }

    /// Flow of updates and trades, as a share of the usual one.
    pub(super) const fn activity(self) -> f64 {
        match self {
            Self::Normal | Self::Trending | Self::FlashCrash | Self::Gap => 1.0,
            Self::Calm => 0.4,
            Self::Thin => 0.25,
        }
    }

    /// Share of the assets' moves that the pair follows.
    pub(super) const fn gain(self) -> f64 {
        match self {
            Self::Normal | Self::Trending | Self::FlashCrash | Self::Thin | Self::Gap => 1.0,
            Self::Calm => 0.1,
        }
    }
}

/// The regime of every pair, shared by who sets and who follows them. Clones are the same.
#[derive(Clone, Debug)]
pub struct Regimes(Arc<Mutex<Vec<Regime>>>);

impl Regimes {
    /// So many pairs in their default regime.
    #[must_use]
    pub fn new(pairs: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![Regime::default(); pairs])))
    }

    /// Changes the regime of one pair, or of all. It is followed within a quarter of a second of market time.
    pub fn set(&self, pair: Option<PairId>, regime: Regime) {
        let mut all = self.lock();
        match pair {
            None => all.fill(regime),
            Some(pair) => {
                let one = usize::try_from(pair.0).ok();
                if let Some(one) = one.and_then(|index| all.get_mut(index)) {
                    *one = regime;
                }
            }
        }
    }

    /// The regime of a pair.
    #[must_use]
    pub fn of(&self, pair: PairId) -> Regime {
        let index = usize::try_from(pair.0).ok();
        let regime = index.and_then(|index| self.lock().get(index).copied());
        regime.unwrap_or_default()
    }

    /// All of them, by pair.
    pub(super) fn all(&self) -> Vec<Regime> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Regime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
