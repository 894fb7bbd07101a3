//! From the config and what the venue lists to the engine's settings.

use thiserror::Error;

use crate::{
    config::{Config, Plan, Strategy, Tier, Unknown},
    engine::{
        Adopted, OrderSettings, Settings,
        risk::Limits,
        strategy::{self, Kind, grid, quoter},
        throttle,
    },
    types::{Decimal, Instrument, InstrumentId, Price, Quantity, Symbol},
};

/// A config that the venue's rules do not allow.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A name is no pair.
    #[error("{0:?} is not a pair such as \"BTC/USD\"")]
    Pair(String),
    /// An amount does not fit the pair's precision.
    #[error("strategy {strategy}: {key} {amount} does not fit {symbol} ({reason})")]
    Amount {
        /// Which strategy.
        strategy: String,
        /// Which key.
        key: &'static str,
        /// What it says.
        amount: String,
        /// Which pair.
        symbol: String,
        /// Why not.
        reason: &'static str,
    },
    /// A strategy lacks a key; a loaded config never does.
    #[error(transparent)]
    Missing(#[from] crate::config::MissingKey),
}

/// Every pair that the config names: strategies' first, then the feed's, each once.
///
/// # Errors
///
/// A name that is no pair.
pub fn symbols(config: &Config) -> Result<Vec<Symbol>, PlanError> {
    let names = config
        .strategy
        .iter()
        .map(|own| &own.pair)
        .chain(&config.feed.pairs);
    let mut symbols = Vec::new();
    for name in names {
        let symbol = symbol(name)?;
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    Ok(symbols)
}

/// The config's keys that name a pair.
pub(super) fn keys_naming(config: &Config, symbol: &str) -> Vec<String> {
    let strategies = config.strategy.iter().enumerate();
    let own = strategies
        .filter(|(_, own)| own.pair == symbol)
        .map(|(number, own)| format!("strategy.{number}.pair ({})", own.name));
    let fed = config.feed.pairs.iter().any(|pair| pair == symbol);
    own.chain(fed.then(|| "feed.pairs".to_owned())).collect()
}

/// The engine's settings. The epoch is set when the run begins.
///
/// # Errors
///
/// A strategy whose amounts do not fit its pair.
pub fn settings(config: &Config, instruments: Vec<Instrument>) -> Result<Settings, PlanError> {
    let strategies: Result<Vec<_>, _> = config
        .strategy
        .iter()
        .map(|own| strategy(own, &instruments))
        .collect();
    let limits = instruments
        .iter()
        .map(|instrument| limits(config, instrument))
        .collect();
    Ok(Settings {
        tag: config.orders.tag.clone(),
        epoch: 0,
        depth: config.feed.depth,
        orders: orders(config)?,
        limits,
        tier: match config.throttle.tier {
            Tier::Starter => throttle::Tier::Starter,
            Tier::Intermediate => throttle::Tier::Intermediate,
            Tier::Pro => throttle::Tier::Pro,
        },
        strategies: strategies?,
        instruments,
    })
}

fn orders(config: &Config) -> Result<OrderSettings, PlanError> {
    let orders = &config.orders;
    let resume: Result<_, _> = orders.resume.iter().map(|name| symbol(name)).collect();
    Ok(OrderSettings {
        ttl: orders.ttl,
        grace: orders.grace,
        look_up_every: orders.look_up_every,
        look_ups_absent: orders.look_ups_absent,
        cancel_again: orders.cancel_again,
        reconcile_every: orders.reconcile_every,
        adopted: match orders.unknown {
            Unknown::Keep => Adopted::Keep,
            Unknown::Cancel => Adopted::Cancel,
        },
        resume: resume?,
    })
}

fn symbol(name: &str) -> Result<Symbol, PlanError> {
    let parsed = name.parse();
    parsed.map_err(|_bad| PlanError::Pair(name.to_owned()))
}

fn limits(config: &Config, instrument: &Instrument) -> Limits {
    let own = config.risk.of(&instrument.symbol);
    Limits {
        max_order_qty: own.max_order_qty,
        max_order_notional: own.max_order_notional,
        max_position: own.max_position,
        max_open_orders: own.max_open_orders,
        collar_passive_ppm: own.collar_passive_ppm,
        collar_aggressive_ppm: own.collar_aggressive_ppm,
        max_book_age: own.max_book_age,
    }
}

fn strategy(own: &Strategy, instruments: &[Instrument]) -> Result<strategy::Settings, PlanError> {
    let position = instruments
        .iter()
        .position(|listed| *listed.symbol == *own.pair);
    let found = position.and_then(|index| {
        let id = InstrumentId(u32::try_from(index).ok()?);
        Some((id, instruments.get(index)?))
    });
    let (id, instrument) = found.ok_or_else(|| PlanError::Pair(own.pair.clone()))?;
    let amounts = Amounts {
        strategy: &own.name,
        instrument,
    };
    let kind = match own.plan()? {
        Plan::Quoter(plan) => Kind::Quoter(quoter::Params {
            qty: amounts.quantity("qty", plan.qty.get())?,
            half_spread_ppm: plan.half_spread.ppm(),
            skew_ppm: plan.skew.ppm(),
            max_position: amounts.quantity("max_position", plan.max_position.get())?,
            refresh_ticks: plan.refresh_ticks,
            min_interval: plan.min_interval,
            stale_grace: plan.stale_grace,
        }),
        Plan::Grid(plan) => Kind::Grid(grid::Params {
            qty: amounts.quantity("qty", plan.qty.get())?,
            levels: plan.levels,
            step_ppm: plan.step.ppm(),
            center: plan
                .center
                .map(|center| amounts.price("center", center.get()))
                .transpose()?,
        }),
    };
    Ok(strategy::Settings {
        name: own.name.clone(),
        instrument: id,
        kind,
    })
}

/// Reads one strategy's amounts by its pair's precision.
struct Amounts<'a> {
    strategy: &'a str,
    instrument: &'a Instrument,
}

impl Amounts<'_> {
    fn quantity(&self, key: &'static str, amount: Decimal) -> Result<Quantity, PlanError> {
        let quantity = amount
            .mantissa_at(self.instrument.qty_precision)
            .and_then(|units| i64::try_from(units).ok())
            .and_then(|units| Quantity::new(units).ok());
        quantity.ok_or_else(|| self.misfit(key, amount, "too many digits"))
    }

    fn price(&self, key: &'static str, amount: Decimal) -> Result<Price, PlanError> {
        let price = amount
            .mantissa_at(self.instrument.price_precision)
            .and_then(|units| i64::try_from(units).ok())
            .and_then(|units| Price::new(units).ok());
        let price = price.ok_or_else(|| self.misfit(key, amount, "too many digits"))?;
        if price.is_multiple_of(self.instrument.tick) {
            return Ok(price);
        }
        Err(self.misfit(key, amount, "not on the tick"))
    }

    fn misfit(&self, key: &'static str, amount: Decimal, reason: &'static str) -> PlanError {
        let (strategy, symbol) = (self.strategy.to_owned(), self.instrument.symbol.to_string());
        let amount = amount.to_string();
        PlanError::Amount {
            strategy,
            key,
            amount,
            symbol,
            reason,
        }
    }
}
