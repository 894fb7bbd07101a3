//! `TradeVolume`: what the caller has traded, and what its fees are for it.
//!
//! Left out: volume of derivatives, assets held, subaccounts; spot volume alone decides here.
//! Always true: the fee told is the one that the next fill is charged.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    call::Call,
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        matching::{FeeTier, PairSpec},
        server::{auth::Permission, names, render::Entries},
    },
    types::Decimal,
};

/// Fraction digits of percentages and volumes.
const DIGITS: u8 = 4;

#[derive(Serialize)]
struct Volume<'a> {
    currency: &'static str,
    volume: String,
    inputs: Inputs,
    fees: Option<Entries<&'a str, Step>>,
    fees_maker: Option<Entries<&'a str, Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedules: Option<Vec<Schedule<'a>>>,
}

/// What decides about the step. Documented since June 2026; typed-kraken reads no answer without it.
#[derive(Serialize)]
struct Inputs {
    domain_spot_volume_30d: String,
    domain_futures_volume_30d: &'static str,
    domain_assets_on_platform: &'static str,
}

/// Where the caller stands in a pair's schedule.
#[derive(Serialize)]
struct Step {
    fee: String,
    minfee: String,
    maxfee: String,
    nextfee: Option<String>,
    nextvolume: Option<String>,
    tiervolume: Option<String>,
}

#[derive(Serialize)]
struct Schedule<'a> {
    pair: &'a str,
    class: &'static str,
    tiers: Vec<ScheduleStep>,
}

#[derive(Serialize)]
struct ScheduleStep {
    maker_fee: String,
    taker_fee: String,
    min_spot_volume: String,
    min_futures_volume: &'static str,
    min_assets_on_platform: &'static str,
    active: bool,
}

/// `TradeVolume`.
pub(super) fn trade_volume(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryFunds)?;
    let names = call.params.list("pair");
    call.state.venue.read(|view| {
        let universe = view.exchange.universe();
        let find = |name| {
            let named = names::pair(universe, name).ok_or(Failure::UNKNOWN_PAIR)?;
            Ok::<_, Failure>(named.spec)
        };
        let mut pairs: Vec<&PairSpec> = names.into_iter().map(find).collect::<Result<_, _>>()?;
        let mut ids = BTreeSet::new();
        pairs.retain(|pair| ids.insert(&pair.rest_id));
        let volume = view.exchange.volume(call.now, call.account());
        let steps = |rate: fn(&FeeTier) -> Decimal| {
            let steps = pairs
                .iter()
                .filter_map(|pair| Some((pair.rest_id.as_str(), step(pair, volume, rate)?)));
            (!pairs.is_empty()).then(|| steps.collect())
        };
        let schedules = call.params.flag("fee_schedule")?;
        let spot = cut(volume).ok_or(Failure::INTERNAL)?;
        result(&Volume {
            currency: "ZUSD",
            volume: spot.clone(),
            inputs: Inputs {
                domain_spot_volume_30d: spot,
                domain_futures_volume_30d: "0",
                domain_assets_on_platform: "0",
            },
            fees: steps(|step| step.taker),
            fees_maker: steps(|step| step.maker),
            schedules: schedules.then(|| pairs.iter().map(|pair| schedule(pair, volume)).collect()),
        })
    })
}

fn step(pair: &PairSpec, volume: Decimal, rate: fn(&FeeTier) -> Decimal) -> Option<Step> {
    let (position, now) = pair.fee_step(volume)?;
    let next = pair.fees.get(position + 1);
    let rates = || pair.fees.iter().map(rate);
    Some(Step {
        fee: percent(rate(now))?,
        minfee: percent(rates().min()?)?,
        maxfee: percent(rates().max()?)?,
        nextfee: next.and_then(|next| percent(rate(next))),
        nextvolume: next.and_then(|next| cut(next.volume)),
        tiervolume: cut(now.volume),
    })
}

fn schedule(pair: &PairSpec, volume: Decimal) -> Schedule<'_> {
    let active = pair.fee_step(volume).map(|(position, _)| position);
    let tier = |(position, step): (usize, &FeeTier)| {
        Some(ScheduleStep {
            maker_fee: percent(step.maker)?,
            taker_fee: percent(step.taker)?,
            min_spot_volume: cut(step.volume)?,
            min_futures_volume: "0",
            min_assets_on_platform: "0",
            active: active == Some(position),
        })
    };
    Schedule {
        pair: &pair.rest_id,
        class: "spot",
        tiers: pair.fees.iter().enumerate().filter_map(tier).collect(),
    }
}

fn percent(rate: Decimal) -> Option<String> {
    let hundred = Decimal::new(100, 0).ok()?;
    cut(rate.checked_mul(hundred).ok()?)
}

fn cut(amount: Decimal) -> Option<String> {
    Some(amount.rounded_toward_zero(DIGITS).ok()?.to_string())
}
