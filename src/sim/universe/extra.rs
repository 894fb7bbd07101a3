//! Pairs that do not exist, for universes as large as the venue's.
//!
//! For: names, precisions, minimums and fees as Kraken's small pairs have them. Left out: anyone's real asset; a name that means
//! something is chance. Always true: the same seed gives the same pairs, more of them the same ones and others; every name is new.

use std::collections::BTreeSet;

use rand::RngExt;

use super::{
    draft::{Draft, usual_asset},
    fees, names,
    prices::LEAST_ORDER,
};
use crate::{
    io::rng::{self, Rng},
    sim::matching::Universe,
    types::{AssetCode, Decimal, TradingStatus},
};

/// The stream of randomness that is drawn from.
const PURPOSE: u64 = 0x756E_6976;
/// Lowest price in quote.
const LEAST_PRICE: f64 = 1e-7;
/// One pair in so many has a tick that is coarser than its digits, as the venue has some.
const COARSE: usize = 10;
/// What an asset trades against, how often, what a unit is worth in dollars, and the least cost.
const QUOTES: [(&str, f64, f64, (i128, u8)); 4] = [
    ("USD", 1.0, 1.0, (5, 1)),
    ("EUR", 0.6, 1.05, (45, 2)),
    ("BTC", 0.12, 97_000.0, (2, 5)),
    ("USDT", 0.12, 1.0, (5, 1)),
];

/// Lists so many more pairs, and the assets that they need.
pub(super) fn add(universe: &mut Universe, count: u32, seed: u64) {
    let wanted = universe.pairs.len() + usize::try_from(count).unwrap_or(usize::MAX);
    let mut rng = rng::stream(seed, PURPOSE);
    let mut taken = taken(universe);
    // Every attempt draws a new asset; a universe of a thousand pairs needs some hundred of thousands of names.
    while universe.pairs.len() < wanted {
        let name = name(&mut rng);
        let Some(code) = AssetCode::new(&name)
            .ok()
            .filter(|_| !taken.contains(&name))
        else {
            continue;
        };
        let usd = worth(&mut rng);
        let before = universe.pairs.len();
        for (quote, chance, quote_usd, least) in QUOTES {
            let trades = rng.random::<f64>() < chance;
            let altname = names::of_pair(&name, quote)[1].clone();
            // So cheap in this quote that its digits do not suffice.
            let fine = usd / quote_usd > LEAST_PRICE;
            if !trades || !fine || universe.pairs.len() == wanted || taken.contains(&altname) {
                continue;
            }
            let qty_precision = if usd < 0.01 || rng.random::<f64>() < 0.5 {
                5
            } else {
                8
            };
            let mut draft = draft(&name, quote, usd, usd / quote_usd, least, qty_precision);
            if universe.pairs.len() % COARSE == COARSE - 1 {
                draft = draft.and_then(Draft::coarse);
            }
            if let Some(pair) = draft.and_then(|draft| draft.listed(usd / quote_usd)) {
                taken.insert(altname);
                universe.pairs.push(pair);
            }
        }
        if universe.pairs.len() > before {
            taken.insert(name.clone());
            universe.assets.push(usual_asset(code, name.clone(), name));
        }
    }
    super::complete(universe);
}

/// Names that mean something already.
fn taken(universe: &Universe) -> BTreeSet<String> {
    let assets = universe.assets.iter();
    let assets = assets.flat_map(|asset| {
        [
            asset.code.to_string(),
            asset.altname.clone(),
            asset.rest_id.clone(),
        ]
    });
    let pairs = universe.pairs.iter();
    let pairs = pairs.flat_map(|pair| [pair.altname.clone(), pair.rest_id.clone()]);
    assets.chain(pairs).collect()
}

/// Three to five letters that can be said.
fn name(rng: &mut Rng) -> String {
    const CONSONANTS: &[u8] = b"BCDFGHJKLMNPRSTVWZ";
    const VOWELS: &[u8] = b"AEIOU";
    let length = 3 + rng.random_range(0..3_usize);
    let letter = |at: usize, rng: &mut Rng| {
        let letters = if at.is_multiple_of(2) {
            CONSONANTS
        } else {
            VOWELS
        };
        let picked = letters.get(rng.random_range(0..letters.len()));
        char::from(picked.copied().unwrap_or(b'A'))
    };
    (0..length).map(|at| letter(at, rng)).collect()
}

/// Dollars for one unit: mostly cents to tens of dollars, some far less, few far more.
fn worth(rng: &mut Rng) -> f64 {
    let four: f64 = (0..4).map(|_| rng.random::<f64>()).sum();
    10_f64.powf((four - 2.0).mul_add(3.0, -0.3))
}

fn draft(
    base: &str,
    quote: &str,
    usd: f64,
    price: f64,
    least: (i128, u8),
    qty_precision: u8,
) -> Option<Draft> {
    let price_precision = digits(price);
    let unit = |scale| Decimal::new(1, scale).ok();
    Some(Draft {
        base: base.to_owned(),
        quote: quote.to_owned(),
        names: names::of_pair(base, quote),
        price_precision,
        tick: unit(price_precision)?,
        qty_precision,
        lot: unit(qty_precision)?,
        qty_min: round(LEAST_ORDER / usd, qty_precision)?,
        cost_precision: (price_precision + 4).clamp(5, 12),
        cost_min: Decimal::new(least.0, least.1).ok()?,
        fees: fees::spot(),
        status: TradingStatus::Online,
    })
}

/// Fraction digits with which a price has five digits in all.
fn digits(price: f64) -> u8 {
    (4.0 - price.log10().floor()).clamp(1.0, 10.0) as u8
}

/// The next larger of 1, 2 and 5 times a power of ten.
fn round(value: f64, precision: u8) -> Option<Decimal> {
    let ten = 10_f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|step| step * ten >= value)?;
    let text = format!("{:.*}", usize::from(precision), step * ten);
    text.parse()
        .ok()
        .filter(|rounded: &Decimal| !rounded.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::matching::PairId;

    fn extended(count: u32, seed: u64) -> Universe {
        let mut universe = Universe::default_universe();
        add(&mut universe, count, seed);
        universe
    }

    #[test]
    fn a_thousand_pairs_have_names_of_their_own_and_plausible_rules() {
        for seed in [1, 2, 3] {
            println!("seed {seed}");
            let universe = extended(984, seed);
            assert_eq!(universe.pairs.len(), 1_000);
            let mut names = BTreeSet::new();
            for (id, pair) in (0..).map(PairId).zip(&universe.pairs) {
                let of = &pair.instrument;
                assert_eq!(universe.find_pair(&of.symbol), Some(id));
                assert_eq!(universe.find_pair(&pair.altname), Some(id));
                assert!(names.insert(&pair.altname), "{}", pair.altname);
                let ticks = of.price_decimal(of.tick).mantissa_at(of.price_precision);
                let coarse = id.0 >= 16 && id.0 % 10 == 9;
                assert_eq!(ticks, Some(if coarse { 5 } else { 1 }), "{}", of.symbol);
                let price: f64 = pair.opening_price.to_string().parse().unwrap();
                let least: f64 = of.quantity_decimal(of.qty_min).to_string().parse().unwrap();
                let quote = match &*of.quote {
                    "BTC" => 97_000.0,
                    _ => 1.0,
                };
                let worth = least * price * quote;
                assert!((0.5..40.0).contains(&worth), "{} {worth}", of.symbol);
                assert!(pair.opening_price.mantissa_at(of.price_precision).unwrap() >= 500);
                assert!(universe.asset(&of.base).is_some() && universe.asset(&of.quote).is_some());
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_pairs_and_more_of_them_the_same_first() {
        let symbols = |count, seed| {
            let universe = extended(count, seed);
            let pairs = universe.pairs.into_iter();
            pairs.map(|pair| pair.instrument.symbol).collect::<Vec<_>>()
        };
        assert_eq!(symbols(50, 4), symbols(50, 4));
        assert_eq!(symbols(50, 4)[..], symbols(90, 4)[..66]);
        assert_ne!(symbols(50, 4), symbols(50, 5));
    }
}
