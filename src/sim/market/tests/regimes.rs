//! What each regime looks like from outside, in virtual time, from several seeds; and that the market stays sound for days.

use super::*;
use crate::sim::history::History;

const SEEDS: [u64; 3] = [21, 22, 23];

/// What was seen of one pair over some time.
#[derive(Debug, Default)]
struct Seen {
    /// Time, price and taker of each trade.
    trades: Vec<(Duration, f64, Side)>,
    /// The middle between the best prices, once a second.
    middles: Vec<f64>,
    /// Best ask less best bid as a share of the middle, once a second.
    spreads: Vec<f64>,
    /// Dollars within a tenth of a percent of the middle, on both sides, once a second.
    depths: Vec<f64>,
}

impl Seen {
    /// Typical move of the middle in ten seconds, as a share of it.
    fn volatility(&self) -> f64 {
        let every: Vec<f64> = self.middles.iter().copied().step_by(10).collect();
        let moves = every
            .windows(2)
            .map(|pair| (pair[1] / pair[0]).ln().powi(2));
        let (sum, count) = moves.fold((0.0, 0.0), |(sum, count), next| (sum + next, count + 1.0));
        (sum / count).sqrt()
    }

    fn typical_spread(&self) -> f64 {
        median(&self.spreads)
    }

    fn typical_depth(&self) -> f64 {
        median(&self.depths)
    }

    /// From the first to the last middle, as a logarithm.
    fn drift(&self) -> f64 {
        (self.middles.last().unwrap() / self.middles[0]).ln()
    }

    /// The largest step from one trade to the next, as a share of the price.
    fn largest_step(&self) -> f64 {
        let steps = self
            .trades
            .windows(2)
            .map(|two| (two[1].1 / two[0].1).ln().abs());
        steps.fold(0.0, f64::max)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Looks at bitcoin for some seconds, after the market has run for a minute. Both sides are there at every moment.
fn watch(stage: &mut Stage, pair: PairId, span: u64) -> Seen {
    let mut seen = Seen::default();
    let begin = stage.now.as_secs();
    for second in 1..=span {
        let told = &mut seen.trades;
        stage.play(seconds(begin + second), |exchange, facts| {
            for side in [Side::Buy, Side::Sell] {
                assert!(exchange.best(pair, side).is_some(), "one side is empty");
            }
            for trade in trades(facts).filter(|trade| trade.pair == pair) {
                let at = trade.at.since(START);
                told.push((at, trade.price.units() as f64, trade.taker_side));
            }
        });
        let (bid, ask) = (stage.best(pair, Side::Buy), stage.best(pair, Side::Sell));
        assert!(0 < bid && bid < ask, "{bid} {ask}");
        let middle = (bid + ask) as f64 / 2.0;
        seen.middles.push(middle);
        seen.spreads.push((ask - bid) as f64 / middle);
        seen.depths.push(depth(stage, pair, middle));
    }
    seen
}

fn depth(stage: &Stage, pair: PairId, middle: f64) -> f64 {
    let near = |price: Price| (price.units() as f64 / middle - 1.0).abs() < 0.001;
    let side = |side| {
        let levels = stage.exchange.levels(pair, side);
        let within = levels.take_while(|(price, _)| near(*price));
        within.map(|(price, qty)| price.units() as f64 * qty.units() as f64)
    };
    side(Side::Buy).chain(side(Side::Sell)).sum()
}

/// Bitcoin alone in a regime, after a minute in it.
fn in_regime(regime: Regime, seed: u64) -> Stage {
    let regimes = Regimes::new(16);
    regimes.set(None, regime);
    let mut stage = ruled(&["BTC/USD"], seed, 30.0, &regimes);
    stage.play(Duration::ZERO, |_, _| {});
    stage
}

fn seen_in(regime: Regime, seed: u64, span: u64) -> Seen {
    let mut stage = in_regime(regime, seed);
    stage.play(seconds(60), |_, _| {});
    watch(&mut stage, BTC, span)
}

#[test]
fn a_calm_market_hardly_moves_and_is_deeper() {
    for seed in SEEDS {
        let (usual, calm) = (
            seen_in(Regime::Normal, seed, 900),
            seen_in(Regime::Calm, seed, 900),
        );
        let moves = calm.volatility() / usual.volatility();
        let traded = calm.trades.len() as f64 / usual.trades.len() as f64;
        let deep = calm.typical_depth() / usual.typical_depth();
        println!("seed {seed}: moves {moves:.2} trades {traded:.2} depth {deep:.2}");
        assert!(moves < 0.6, "seed {seed}: {moves}");
        assert!((0.15..0.7).contains(&traded), "seed {seed}: {traded}");
        assert!(deep > 1.15, "seed {seed}: {deep}");
        assert!(calm.typical_spread() < 0.000_02);
    }
}

#[test]
fn a_trending_market_runs_one_way_and_its_takers_with_it() {
    for seed in SEEDS {
        let seen = seen_in(Regime::Trending, seed, 1_800);
        let usual = seen_in(Regime::Normal, seed, 1_800);
        let drift = seen.drift();
        let way = if drift > 0.0 { Side::Buy } else { Side::Sell };
        let along = seen.trades.iter().filter(|(.., side)| *side == way).count();
        let share = along as f64 / seen.trades.len() as f64;
        println!(
            "seed {seed}: drift {drift:.4}, usually {:.4}; {share:.2} along",
            usual.drift()
        );
        assert!(
            (0.009..0.023).contains(&drift.abs()),
            "seed {seed}: {drift}"
        );
        assert!(share > 0.6, "seed {seed}: {share}");
        assert!(usual.drift().abs() < 0.006 && seen.largest_step() < 0.005);
    }
}

#[test]
fn a_flash_crash_trades_all_the_way_down_and_comes_back() {
    for seed in SEEDS {
        let mut stage = in_regime(Regime::FlashCrash, seed);
        let seen = watch(&mut stage, BTC, 200);
        let before = seen.middles[0];
        let (low_at, low) = (0..)
            .zip(&seen.middles)
            .min_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        let (drop, back) = (1.0 - low / before, seen.middles.last().unwrap() / before);
        let after_low = seen.middles[low_at.min(seen.middles.len() - 1)..].len();
        let falling: Vec<_> = seen
            .trades
            .iter()
            .filter(|(at, ..)| at.as_secs() <= low_at as u64 + 1)
            .collect();
        let lowest = seen
            .trades
            .iter()
            .map(|(_, price, _)| *price)
            .fold(f64::MAX, f64::min);
        println!(
            "seed {seed}: drop {drop:.3} after {low_at} s, back at {back:.3}; {} trades on the way",
            falling.len()
        );
        assert!((0.075..0.13).contains(&drop), "seed {seed}: {drop}");
        assert!(low_at <= 22 && after_low > 100, "seed {seed}: {low_at}");
        assert!(1.0 - lowest / before > 0.07, "seed {seed}: {lowest}");
        assert!((0.97..1.01).contains(&back), "seed {seed}: {back}");
        assert!(
            seen.largest_step() < 0.03,
            "seed {seed}: {}",
            seen.largest_step()
        );
    }
}

#[test]
fn a_side_that_a_crash_has_swept_is_deep_again_within_minutes() {
    for seed in SEEDS {
        let regimes = Regimes::new(16);
        regimes.set(None, Regime::FlashCrash);
        let mut stage = ruled(&["BTC/USD"], seed, 240.0, &regimes);
        let mut least = usize::MAX;
        for second in 1..=60 {
            stage.play(seconds(second), |_, _| {});
            least = least.min(stage.levels(BTC, Side::Buy));
        }
        regimes.set(None, Regime::Normal);
        stage.play(seconds(420), |_, _| {});
        let after = stage.levels(BTC, Side::Buy);
        println!("seed {seed}: {least} levels, {after} six minutes later");
        assert!(least < 900 && after > 1_000, "seed {seed}: {least} {after}");
    }
}

#[test]
fn a_thin_market_is_wide_and_shallow() {
    for seed in SEEDS {
        let (usual, thin) = (
            seen_in(Regime::Normal, seed, 600),
            seen_in(Regime::Thin, seed, 600),
        );
        let wide = thin.typical_spread() / usual.typical_spread();
        let deep = thin.typical_depth() / usual.typical_depth();
        let traded = thin.trades.len() as f64 / usual.trades.len() as f64;
        println!("seed {seed}: spread {wide:.1} depth {deep:.3} trades {traded:.2}");
        assert!(
            wide > 20.0 && thin.typical_spread() < 0.01,
            "seed {seed}: {wide}"
        );
        assert!(deep < 0.15, "seed {seed}: {deep}");
        assert!((0.05..0.5).contains(&traded), "seed {seed}: {traded}");
    }
}

#[test]
fn a_gap_is_a_jump_without_trades_between() {
    for seed in SEEDS {
        let mut stage = in_regime(Regime::Gap, seed);
        let seen = watch(&mut stage, BTC, 60);
        let usual = seen_in(Regime::Normal, seed, 900).largest_step();
        let pairs = seen.trades.windows(2);
        let jump = pairs.max_by(|a, b| step(a).total_cmp(&step(b))).unwrap();
        let (size, middles) = (step(jump), &seen.middles);
        let moved = middles.windows(2).map(|two| (two[1] / two[0]).ln().abs());
        println!("seed {seed}: {size:.4}, usually at most {usual:.5}");
        assert!((0.018..0.055).contains(&size), "seed {seed}: {size}");
        assert!(usual < 0.004, "seed {seed}: {usual}");
        assert!(moved.fold(0.0, f64::max) > 0.018, "seed {seed}");
        assert!(jump[1].0 - jump[0].0 < seconds(15));
        let spread = seen.spreads.last().unwrap();
        assert!(*spread < 0.001, "seed {seed}: {spread}");
    }
}

fn step(two: &[(Duration, f64, Side)]) -> f64 {
    (two[1].1 / two[0].1).ln().abs()
}

#[test]
fn a_regime_can_be_changed_while_the_market_runs_and_for_one_pair_alone() {
    for seed in SEEDS {
        println!("seed {seed}");
        let regimes = Regimes::new(16);
        let mut stage = ruled(&["BTC/USD", "ETH/USD"], seed, 60.0, &regimes);
        stage.play(seconds(30), |_, _| {});
        let usual = watch(&mut stage, BTC, 60).typical_spread();
        regimes.set(Some(BTC), Regime::Thin);
        stage.play(seconds(91), |_, _| {});
        let thin = watch(&mut stage, BTC, 60).typical_spread();
        assert!(thin > 20.0 * usual, "{thin} {usual}");
        assert!(watch(&mut stage, ETH, 30).typical_spread() < 0.000_2);
        regimes.set(None, Regime::Normal);
        stage.play(seconds(200), |_, _| {});
        let again = watch(&mut stage, BTC, 60).typical_spread();
        assert!(again < 3.0 * usual, "{again} {usual}");
        assert!(stage.levels(BTC, Side::Buy) >= 70);
    }
}

/// How long the market runs in [`the_market_stays_sound_for_days`]: hours of market time in each regime.
fn hours() -> u64 {
    let asked = std::env::var("TRADINGD_MARKET_HOURS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn the_market_stays_sound_for_days() {
    let universe = Universe::default_universe();
    for (seed, regime) in (31..).zip(Regime::ALL) {
        println!("seed {seed}: {regime:?} for {} h", hours());
        let regimes = Regimes::new(16);
        regimes.set(None, regime);
        let pairs = ["BTC/USD", "USDT/USD", "SHIB/USD", "ETH/BTC"];
        let mut stage = ruled(&pairs, seed, 12.0, &regimes);
        let mut history = History::new(&universe);
        let ids = pairs.map(|pair| universe.find_symbol(pair).unwrap());
        for minute in 1..=hours() * 60 {
            let now = START.after(seconds(minute * 60));
            stage.play(seconds(minute * 60), |_, facts| {
                history.apply(now, &universe, facts)
            });
            for pair in ids {
                check_soundness(&stage, regime, &history, &universe, pair);
            }
        }
        assert!(
            stage.refusals * 20 < stage.requests,
            "{} of {}",
            stage.refusals,
            stage.requests
        );
    }
}

/// Orders that a side of bitcoin's book never falls below: a crash or a gap takes many with it, which come back.
const fn deep(regime: Regime) -> usize {
    match regime {
        Regime::Normal | Regime::Calm | Regime::Trending => 1_000,
        Regime::FlashCrash | Regime::Gap => 500,
        Regime::Thin => 250,
    }
}

/// Prices near their opening, two sides, a bounded spread, and no more memory than a day needs.
fn check_soundness(
    stage: &Stage,
    regime: Regime,
    history: &History,
    universe: &Universe,
    pair: PairId,
) {
    let spec = universe.pair(pair).unwrap();
    let opening = spec
        .opening_price
        .mantissa_at(spec.instrument.price_precision);
    let opening = opening.unwrap() as f64;
    let (bid, ask) = (stage.best(pair, Side::Buy), stage.best(pair, Side::Sell));
    let (middle, symbol) = ((bid + ask) as f64 / 2.0, spec.instrument.symbol);
    assert!(
        (0.6..1.5).contains(&(middle / opening)),
        "{symbol} at {middle}, {opening} at first"
    );
    let spread = (ask - bid) as f64 / middle;
    assert!(
        bid < ask && (spread < 0.03 || ask - bid <= 2),
        "{symbol}: {spread}"
    );
    for side in [Side::Buy, Side::Sell] {
        let orders = stage.exchange.resting(pair, side).count();
        let sound = if pair == BTC {
            deep(regime)..1_700
        } else {
            5..400
        };
        assert!(sound.contains(&orders), "{symbol}: {orders} orders");
    }
    // 128 MiB of trades, of all pairs together.
    assert!(history.trades(pair).count() <= 1 << 22 && history.spreads(pair).len() <= 200);
    assert!(history.candles(pair, 1, usize::MAX).len() <= 720);
}
