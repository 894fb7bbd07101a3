//! What can be traded: the venue's lists of assets and pairs, as names and instruments.
//!
//! For: the start of a run, before any socket is open. Left out: changes while it runs, which come over the `instrument` channel.
//! Always true: a rule that the venue leaves out is the strictest reading, never a guess in our favor.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use super::{
    decode, error,
    names::Names,
    rest::{
        Rest,
        calls::{AssetPairs, Assets, PairRow, TradeVolume, Volume},
        number::Amount,
    },
};
use crate::types::{
    AssetCode, Decimal, Fees, Instrument, Price, Quantity, Symbol, TextTooLong, TradingStatus,
};

/// Names and pairs as the venue lists them.
#[derive(Clone, Debug)]
pub struct Catalog {
    names: Arc<Names>,
    pairs: BTreeMap<Symbol, PairRow>,
}

/// Why instruments could not be made.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] error::Error),
    /// A name is no name.
    #[error("{name}: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: TextTooLong,
    },
    /// The venue does not list a wanted pair.
    #[error("no pair {0}")]
    NoPair(Symbol),
    /// A rule of a pair makes no sense.
    #[error("pair {symbol}: {rule} makes no sense")]
    Rule {
        /// The pair.
        symbol: Symbol,
        /// The rule.
        rule: &'static str,
    },
}

impl Catalog {
    /// Reads the venue's lists.
    ///
    /// # Errors
    ///
    /// When a list cannot be read or an asset has no proper name. Pairs without a slash in their name (dark pools) are passed over.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: it only reads.
    pub async fn load(rest: &Rest) -> Result<Self, CatalogError> {
        let assets = rest.public(&Assets).await?;
        let rows = rest.public(&AssetPairs).await?;
        let (mut names, mut pairs) = (Names::default(), BTreeMap::new());
        for (id, row) in assets {
            let learned = names.learn_asset(&id, &row.altname);
            learned.map_err(|source| CatalogError::Name { name: id, source })?;
        }
        for (id, row) in rows {
            let Some(wsname) = row.wsname.clone().filter(|name| name.contains('/')) else {
                continue;
            };
            // The second venue lists the same pairs once more; its orders are not ours.
            if id.contains(':') {
                continue;
            }
            match names.learn_pair(&id, &row.altname, &wsname) {
                Ok(symbol) => drop(pairs.insert(symbol, row)),
                Err(source) => return Err(CatalogError::Name { name: id, source }),
            }
        }
        Ok(Self {
            names: Arc::new(names),
            pairs,
        })
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    /// The wanted instruments, in that order. Fees are the account's where there is a key, else those of the first tier.
    ///
    /// # Errors
    ///
    /// When a pair is not listed, its rules make no sense, or the account's fees cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: it only reads.
    pub async fn instruments(
        &self,
        rest: &Rest,
        wanted: &[Symbol],
    ) -> Result<Vec<Instrument>, CatalogError> {
        let fees = self.fees(rest, wanted).await?;
        let wanted = wanted.iter();
        wanted
            .map(|symbol| self.instrument(*symbol, fees.as_ref()))
            .collect()
    }

    async fn fees(&self, rest: &Rest, wanted: &[Symbol]) -> Result<Option<Volume>, CatalogError> {
        if !rest.has_key() || wanted.is_empty() {
            return Ok(None);
        }
        let pairs = wanted.iter().filter_map(|symbol| self.names.pair(symbol));
        let call = TradeVolume {
            pairs: pairs.map(|name| name.id.clone()).collect(),
        };
        Ok(Some(rest.read(&call).await?))
    }

    fn instrument(
        &self,
        symbol: Symbol,
        volume: Option<&Volume>,
    ) -> Result<Instrument, CatalogError> {
        let row = self.pairs.get(&symbol);
        let row = row.ok_or(CatalogError::NoPair(symbol))?;
        let rule = |rule| CatalogError::Rule { symbol, rule };
        let asset = |code: &str| -> Result<AssetCode, CatalogError> {
            self.names.asset(code).map_err(|source| CatalogError::Name {
                name: code.to_owned(),
                source,
            })
        };
        let units = |amount: Option<Amount>, precision: u8| -> Option<i64> {
            amount.map_or(Some(1), |Amount(amount)| {
                i64::try_from(amount.mantissa_at(precision)?).ok()
            })
        };
        let tick = units(row.tick_size, row.pair_decimals).and_then(|tick| Price::new(tick).ok());
        let qty_min = units(row.ordermin, row.lot_decimals).and_then(|min| Quantity::new(min).ok());
        Ok(Instrument {
            symbol,
            base: asset(&row.base)?,
            quote: asset(&row.quote)?,
            price_precision: row.pair_decimals,
            tick: tick.ok_or_else(|| rule("tick_size"))?,
            qty_precision: row.lot_decimals,
            lot: Quantity::new(1).map_err(|_out_of_range| rule("lot"))?,
            qty_min: qty_min.ok_or_else(|| rule("ordermin"))?,
            cost_precision: row.cost_decimals.unwrap_or(row.pair_decimals),
            cost_min: row.costmin.map_or(Decimal::ZERO, |Amount(min)| min),
            fees: self
                .fees_of(symbol, row, volume)
                .ok_or_else(|| rule("fees"))?,
            // One that is missing is unknown, and unknown is not open (§6.2).
            status: row
                .status
                .as_deref()
                .map_or(TradingStatus::Closed, decode::trading_status),
        })
    }

    fn fees_of(&self, symbol: Symbol, row: &PairRow, volume: Option<&Volume>) -> Option<Fees> {
        let id = &self.names.pair(&symbol)?.id;
        let account = volume.and_then(|volume| {
            let taker = volume.fees.as_ref()?.get(id)?.fee;
            // Pairs without a maker schedule charge everyone the same.
            let maker = volume.fees_maker.as_ref().and_then(|fees| fees.get(id));
            Some((maker.map_or(taker, |maker| maker.fee), taker))
        });
        let listed = || {
            let taker = row.fees.first()?.1;
            Some((row.fees_maker.first().map_or(taker, |tier| tier.1), taker))
        };
        let (maker, taker) = account.or_else(listed)?;
        Some(Fees {
            maker: from_percent(maker)?,
            taker: from_percent(taker)?,
        })
    }
}

fn from_percent(Amount(percent): Amount) -> Option<Decimal> {
    let percent = percent.normalized();
    Decimal::new(percent.mantissa(), percent.scale() + 2).ok()
}
