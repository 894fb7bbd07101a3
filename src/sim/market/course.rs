//! The way that a regime lets a pair's price go, beside what its assets are worth.
//!
//! Always true: the way aside stays within [`FARTHEST`]; once the regime is over, it leads back in minutes.

use std::time::Duration;

use super::{dice::Dice, regime::Regime};

/// Largest way aside, as a logarithm.
const FARTHEST: f64 = 0.3;
/// Seconds after which a third of a way aside is left, where no regime keeps it.
const RETURN: f64 = 300.0;
/// A trend's speed for bitcoin, as a share of the price in one second: three percent an hour.
const TREND: f64 = 0.03 / 3_600.0;
/// A trend turns when it has come so far, for bitcoin.
const TREND_LENGTH: f64 = 0.1;
/// Before the first crash or gap, in seconds.
const FIRST: f64 = 10.0;
/// Between two of them, in seconds.
const BETWEEN: [f64; 2] = [240.0, 480.0];
/// How deep a crash goes, as a share of the price, and what part of it stays a while.
const CRASH: [f64; 2] = [0.08, 0.12];
const SCAR: [f64; 2] = [0.0, 0.2];
/// Seconds of the fall and of the way back.
const FALL: f64 = 8.0;
const RECOVERY: f64 = 100.0;
/// How far a gap jumps, as a share of the price.
const GAP: [f64; 2] = [0.02, 0.05];
/// A gap beyond this leads back.
const GAP_RANGE: f64 = 0.06;

/// What a course asks of the agents at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// Nothing special: quotes follow the value when they can afford it.
    Follow,
    /// Quotes follow at any cost.
    Hurry,
    /// The same, and sellers take what is there.
    Fall,
    /// The price has jumped: everyone moves at once.
    Jump,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No crash or gap in sight before the end.
    Waiting {
        left: f64,
    },
    Falling {
        passed: f64,
        depth: f64,
    },
    Recovering {
        passed: f64,
        depth: f64,
        scar: f64,
    },
}

/// One pair's way aside.
#[derive(Debug)]
pub(super) struct Course {
    regime: Regime,
    /// The way aside, as a logarithm.
    aside: f64,
    /// The assets' deviation when it was last looked at.
    value: f64,
    /// How much the pair moves; bitcoin in dollars is 1.
    volatility: f64,
    rises: bool,
    phase: Phase,
}

impl Course {
    /// A course of a pair whose assets' deviation is `value`.
    pub(super) fn new(volatility: f64, value: f64) -> Self {
        Self {
            regime: Regime::Normal,
            aside: 0.0,
            value,
            volatility,
            rises: true,
            phase: Phase::Waiting { left: FIRST },
        }
    }

    pub(super) const fn regime(&self) -> Regime {
        self.regime
    }

    /// Whether a trend leads up; none if there is no trend.
    pub(super) fn trend(&self) -> Option<bool> {
        (self.regime == Regime::Trending).then_some(self.rises)
    }

    /// Begins a regime.
    pub(super) fn begin(&mut self, regime: Regime, dice: &mut Dice) {
        self.regime = regime;
        self.rises = dice.chance(0.5);
        let left = dice.between(1.0, FIRST);
        self.phase = Phase::Waiting { left };
    }

    /// Lets time pass: the pair's deviation from its opening, given that of its assets, and what it asks of the agents.
    pub(super) fn pass(&mut self, time: Duration, value: f64, dice: &mut Dice) -> (f64, Ask) {
        let step = value - self.value;
        self.value = value;
        let seconds = time.as_secs_f64();
        let ask = match self.regime {
            Regime::Normal | Regime::Thin => {
                self.fade(seconds);
                Ask::Follow
            }
            Regime::Calm => {
                self.aside += (self.regime.gain() - 1.0) * step;
                Ask::Follow
            }
            Regime::Trending => {
                self.run(seconds);
                Ask::Follow
            }
            Regime::FlashCrash => self.crash(seconds, dice),
            Regime::Gap => self.jump(seconds, dice),
        };
        self.aside = self.aside.clamp(-FARTHEST, FARTHEST);
        (value + self.aside, ask)
    }

    fn fade(&mut self, seconds: f64) {
        self.aside -= self.aside * (seconds / RETURN).min(1.0);
    }

    fn run(&mut self, seconds: f64) {
        let way = if self.rises { 1.0 } else { -1.0 };
        self.aside += way * TREND * self.volatility * seconds;
        if self.aside * way > (TREND_LENGTH * self.volatility).min(FARTHEST * 0.9) {
            self.rises = !self.rises;
        }
    }

    fn crash(&mut self, seconds: f64, dice: &mut Dice) -> Ask {
        match self.phase {
            Phase::Waiting { left } if left > seconds => {
                self.fade(seconds);
                self.phase = Phase::Waiting {
                    left: left - seconds,
                };
                Ask::Follow
            }
            Phase::Waiting { .. } => {
                let depth = dice.between(CRASH[0], CRASH[1]) * self.size();
                let depth = -(1.0 - depth).ln();
                self.phase = Phase::Falling { passed: 0.0, depth };
                Ask::Fall
            }
            Phase::Falling { passed, depth } => {
                let now = (passed + seconds).min(FALL);
                // Slowly at first, then all at once.
                self.aside -= depth * ((now / FALL).powi(2) - (passed / FALL).powi(2));
                self.phase = if now < FALL {
                    Phase::Falling { passed: now, depth }
                } else {
                    let scar = dice.between(SCAR[0], SCAR[1]);
                    Phase::Recovering {
                        passed: 0.0,
                        depth,
                        scar,
                    }
                };
                Ask::Fall
            }
            Phase::Recovering {
                passed,
                depth,
                scar,
            } => {
                let now = (passed + seconds).min(RECOVERY);
                let back = |at: f64| 1.0 - (1.0 - at / RECOVERY).powi(3);
                self.aside += depth * (1.0 - scar) * (back(now) - back(passed));
                self.phase = if now < RECOVERY {
                    Phase::Recovering {
                        passed: now,
                        depth,
                        scar,
                    }
                } else {
                    let left = dice.between(BETWEEN[0], BETWEEN[1]);
                    Phase::Waiting { left }
                };
                Ask::Hurry
            }
        }
    }

    fn jump(&mut self, seconds: f64, dice: &mut Dice) -> Ask {
        let left = match self.phase {
            Phase::Waiting { left } => left - seconds,
            Phase::Falling { .. } | Phase::Recovering { .. } => FIRST,
        };
        if left > 0.0 {
            self.phase = Phase::Waiting { left };
            return Ask::Follow;
        }
        let size = dice.between(GAP[0], GAP[1]) * self.size();
        let up = if self.aside.abs() > GAP_RANGE * self.size() {
            self.aside < 0.0
        } else {
            dice.chance(0.5)
        };
        self.aside += if up { size } else { -size };
        self.phase = Phase::Waiting {
            left: dice.between(BETWEEN[0], BETWEEN[1]),
        };
        Ask::Jump
    }

    /// Crashes and gaps of pairs that hardly move are smaller.
    fn size(&self) -> f64 {
        self.volatility.clamp(0.02, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(250);

    /// The way of a pair whose assets stand still, by the second.
    fn way(regime: Regime, seed: u64, seconds: usize) -> Vec<f64> {
        let mut dice = Dice::new(seed, 3);
        let mut course = Course::new(1.0, 0.0);
        course.begin(regime, &mut dice);
        let beat = |_| course.pass(BEAT, 0.0, &mut dice).0;
        let all: Vec<f64> = (0..seconds * 4).map(beat).collect();
        all.into_iter().step_by(4).collect()
    }

    #[test]
    fn every_regime_stays_within_its_bounds_for_weeks() {
        for regime in Regime::ALL {
            for seed in [1, 2, 3] {
                let all = way(regime, seed, 20 * 86_400);
                let farthest = all.iter().fold(0.0_f64, |most, at| most.max(at.abs()));
                assert!(farthest <= 0.15, "{regime:?} seed {seed}: {farthest}");
            }
        }
    }

    #[test]
    fn a_regime_that_is_over_leads_back() {
        let mut dice = Dice::new(4, 3);
        let mut course = Course::new(1.0, 0.0);
        course.begin(Regime::Trending, &mut dice);
        for _ in 0..4 * 7_200 {
            course.pass(BEAT, 0.0, &mut dice);
        }
        assert!(course.aside.abs() > 0.04);
        course.begin(Regime::Normal, &mut dice);
        for _ in 0..4 * 3_600 {
            course.pass(BEAT, 0.0, &mut dice);
        }
        assert!(course.aside.abs() < 0.000_01);
    }

    #[test]
    fn a_calm_pair_follows_a_tenth_of_its_assets_moves() {
        let mut dice = Dice::new(5, 3);
        let mut course = Course::new(1.0, 0.02);
        course.begin(Regime::Calm, &mut dice);
        let (value, _) = course.pass(BEAT, 0.05, &mut dice);
        assert!((value - 0.023).abs() < 1e-9, "{value}");
    }
}
