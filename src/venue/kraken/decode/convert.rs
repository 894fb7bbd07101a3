//! Wire rows to the engine's words.

use thiserror::Error;

use crate::{
    engine::event::{Balance, Fill, Report, ReportKind},
    types::{
        AssetCode, Decimal, Fees, InlineText, Instrument, Liquidity, OutOfRange, Price, Quantity,
        Side, Symbol, TextTooLong, TradingStatus,
    },
    venue::kraken::wire::{
        Number,
        account::{Entry, Execution, Holding},
        market::Pair,
    },
};

/// Most fraction digits that a price or quantity can have: its unit must fit 64 bits.
const FINEST: u8 = 18;

/// A row that does not hold what its kind must hold.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ConvertError {
    /// A key is absent.
    #[error("no `{0}`")]
    Missing(&'static str),
    /// A name does not fit.
    #[error("{0}")]
    Name(#[from] TextTooLong),
    /// A value that is none of those known.
    #[error("`{0}` is none of those known")]
    Value(&'static str),
    /// An amount is no multiple of its unit, or out of range.
    #[error("`{0}` does not fit its precision")]
    Amount(&'static str),
}

/// Turns a row of `executions` into a report.
///
/// # Errors
///
/// When an id does not fit, or a fill lacks its id, quantity or price.
pub fn report(row: &Execution<'_>) -> Result<Report, ConvertError> {
    Ok(Report {
        order_id: InlineText::new(row.order_id.as_str())?,
        cl_ord_id: row
            .cl_ord_id
            .as_ref()
            .map(|id| InlineText::new(id.as_str()))
            .transpose()?,
        symbol: row
            .symbol
            .as_ref()
            .map(|symbol| InlineText::new(symbol.as_str()))
            .transpose()?,
        side: row
            .side
            .as_ref()
            .map(|side| self::side(side.as_str()))
            .transpose()?,
        order_qty: decimal(row.order_qty),
        limit_price: decimal(row.limit_price),
        cum_qty: decimal(row.cum_qty),
        kind: report_kind(row)?,
        at: row.timestamp.0,
    })
}

fn report_kind(row: &Execution<'_>) -> Result<ReportKind, ConvertError> {
    Ok(match row.exec_type.as_str() {
        "pending_new" => ReportKind::Pending,
        "new" => ReportKind::New,
        "trade" => ReportKind::Trade(fill(row)?),
        "filled" => ReportKind::Filled,
        "canceled" => ReportKind::Canceled {
            reason: InlineText::lossy(
                row.reason
                    .as_ref()
                    .or(row.cancel_reason.as_ref())
                    .map_or("", |reason| reason.as_str()),
            ),
        },
        "expired" => ReportKind::Expired,
        "amended" | "restated" => ReportKind::Amended,
        _ => ReportKind::Other,
    })
}

fn fill(row: &Execution<'_>) -> Result<Fill, ConvertError> {
    let exec_id = row
        .exec_id
        .as_ref()
        .ok_or(ConvertError::Missing("exec_id"))?;
    let qty = decimal(row.last_qty).ok_or(ConvertError::Missing("last_qty"))?;
    let price = decimal(row.last_price).ok_or(ConvertError::Missing("last_price"))?;
    let cost = match row.cost {
        Some(cost) => cost.decimal(),
        None => price
            .checked_mul(qty)
            .map_err(|_overflow| ConvertError::Amount("cost"))?,
    };
    let fees = row.fees.iter().flatten();
    Ok(Fill {
        exec_id: InlineText::new(exec_id.as_str())?,
        qty,
        price,
        cost,
        liquidity: row
            .liquidity_ind
            .as_ref()
            .and_then(|letter| match letter.as_str() {
                "m" => Some(Liquidity::Maker),
                "t" => Some(Liquidity::Taker),
                _ => None,
            }),
        fees: fees
            .map(|fee| Ok((AssetCode::new(fee.asset.as_str())?, fee.qty.decimal())))
            .collect::<Result<_, TextTooLong>>()?,
        at: row.timestamp.0,
    })
}

fn side(text: &str) -> Result<Side, ConvertError> {
    match text {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(ConvertError::Value("side")),
    }
}

fn decimal(number: Option<Number>) -> Option<Decimal> {
    number.map(Number::decimal)
}

/// The tradable total of an asset in a snapshot: the wallet `spot`/`main` where wallets are told apart.
///
/// # Errors
///
/// When the asset's code does not fit.
pub fn balance_of_holding(row: &Holding<'_>) -> Result<Balance, ConvertError> {
    let main = row
        .wallets
        .iter()
        .flatten()
        .find(|wallet| is_main(Some(wallet.kind.as_str()), Some(wallet.id.as_str())));
    Ok(Balance {
        asset: AssetCode::new(row.asset.as_str())?,
        total: main.map_or(row.balance, |wallet| wallet.balance).decimal(),
    })
}

/// The tradable total after a ledger entry; none when the entry is of another wallet.
///
/// # Errors
///
/// When the asset's code does not fit.
pub fn balance_of_entry(row: &Entry<'_>) -> Result<Option<Balance>, ConvertError> {
    let kind = row.wallet_type.as_ref().map(|kind| kind.as_str());
    let id = row.wallet_id.as_ref().map(|id| id.as_str());
    if !is_main(kind, id) {
        return Ok(None);
    }
    Ok(Some(Balance {
        asset: AssetCode::new(row.asset.as_str())?,
        total: row.balance.decimal(),
    }))
}

fn is_main(kind: Option<&str>, id: Option<&str>) -> bool {
    kind.is_none_or(|kind| kind == "spot") && id.is_none_or(|id| id == "main")
}

/// Turns a pair of `instrument` into an instrument. Fees are not part of that channel.
///
/// # Errors
///
/// When a name does not fit, or an increment is no multiple of its own precision.
pub fn instrument(pair: &Pair<'_>, fees: Fees) -> Result<Instrument, ConvertError> {
    if pair.price_precision.max(pair.qty_precision) > FINEST {
        return Err(ConvertError::Amount("precision"));
    }
    let tick = pair
        .price_increment
        .or(pair.tick_size)
        .ok_or(ConvertError::Missing("price_increment"))?;
    let lot = match pair.qty_increment {
        Some(lot) => units(lot, pair.qty_precision, "qty_increment")?,
        None => 1,
    };
    let qty_min = match pair.qty_min {
        Some(least) => units(least, pair.qty_precision, "qty_min")?,
        None => 0,
    };
    let tick = units(tick, pair.price_precision, "price_increment")?;
    let quantity =
        |units, key| Quantity::new(units).map_err(|OutOfRange| ConvertError::Amount(key));
    Ok(Instrument {
        symbol: Symbol::new(pair.symbol.as_str())?,
        base: AssetCode::new(pair.base.as_str())?,
        quote: AssetCode::new(pair.quote.as_str())?,
        price_precision: pair.price_precision,
        tick: Price::new(tick).map_err(|OutOfRange| ConvertError::Amount("price_increment"))?,
        qty_precision: pair.qty_precision,
        lot: quantity(lot, "qty_increment")?,
        qty_min: quantity(qty_min, "qty_min")?,
        cost_precision: pair.cost_precision.unwrap_or(pair.price_precision),
        cost_min: decimal(pair.cost_min).unwrap_or(Decimal::ZERO),
        fees,
        status: trading_status(pair.status.as_str()),
    })
}

fn units(number: Number, precision: u8, key: &'static str) -> Result<i64, ConvertError> {
    let mantissa = number
        .decimal()
        .mantissa_at(precision)
        .ok_or(ConvertError::Amount(key))?;
    i64::try_from(mantissa).map_err(|_too_large| ConvertError::Amount(key))
}

/// What a status word allows; an unknown word allows nothing.
#[must_use]
pub fn trading_status(word: &str) -> TradingStatus {
    match word {
        "online" => TradingStatus::Online,
        "cancel_only" => TradingStatus::CancelOnly,
        "post_only" => TradingStatus::PostOnly,
        "limit_only" => TradingStatus::LimitOnly,
        "reduce_only" => TradingStatus::ReduceOnly,
        "maintenance" => TradingStatus::Maintenance,
        "work_in_progress" => TradingStatus::InProgress,
        _ => TradingStatus::Closed,
    }
}
