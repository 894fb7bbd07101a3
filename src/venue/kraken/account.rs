//! What the account looks like by the venue's records: orders, fills, balances, one order's fate, instruments.
//!
//! For: answering the engine's look-ups and reconciliations out of several REST reads; `search` looks for orders whose fate is not known.
//! Left out: judgement; a difference that fills cannot explain is the engine's to notice. Always true: an answer is whole or it is an error. A page that is missing, an
//! endpoint that fails or fills that do not add up yet never look like "there is nothing".

mod search;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    error,
    names::Names,
    rest::{
        Rest,
        calls::{
            Balance as BalanceCall, ClosedOrders, OpenOrders, OrderRow, QueryOrders, Read,
            TradeRow, TradesHistory,
        },
    },
    settings::Settings,
};
use crate::{
    engine::event::{Balance, Fill, OrderRecord, RecordStatus, VenueState},
    io::Clock,
    resilience::Progress,
    types::{
        AssetCode, ClOrdId, Decimal, ExecId, Liquidity, OrderId, Symbol, TextTooLong, Timestamp,
    },
};

/// Most pages of one list. More means that something is wrong with it.
const MOST_PAGES: u32 = 400;
/// Most ids of one [`QueryOrders`].
const MOST_IDS: usize = 50;

/// Reads the account.
#[derive(Clone, Debug)]
pub struct Account {
    rest: Rest,
    names: Arc<Names>,
    clock: Clock,
    passes: u32,
    pause: Duration,
    progress: Progress,
    /// Longest time between two steps.
    step: Duration,
}

/// Why the account could not be read.
#[derive(Debug, Error)]
pub enum AccountError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] error::Error),
    /// A list ended before its own count.
    #[error("{list} ended after {got} of {count} rows")]
    Incomplete {
        /// Which list.
        list: &'static str,
        /// Rows that came.
        got: usize,
        /// Rows there are.
        count: u64,
    },
    /// A row holds a value that this program cannot represent.
    #[error("{what} of {row} cannot be read: {value}")]
    Row {
        /// Which row.
        row: String,
        /// Which value.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// Fills and orders do not add up, yet.
    #[error("order {order} has {filled} filled, its fills add up to {sum}")]
    Unexplained {
        /// Which order.
        order: OrderId,
        /// By the order's record.
        filled: Decimal,
        /// By the fills.
        sum: Decimal,
    },
    /// An order that had a fill is not in the records.
    #[error("order {0} has a fill and no record")]
    NoRecord(String),
}

impl Account {
    /// A reader of the account behind `rest`'s key.
    #[must_use]
    pub fn new(rest: Rest, names: Arc<Names>, clock: Clock, settings: &Settings) -> Self {
        Self {
            rest,
            names,
            clock,
            passes: settings.look_up_passes.max(1),
            pause: settings.look_up_pause,
            progress: Progress::default(),
            step: settings
                .longest_read()
                .saturating_add(settings.look_up_pause),
        }
    }

    /// Counts the steps of what is read. Clones of the account count together.
    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Longest time between two steps.
    pub(super) const fn longest_step(&self) -> Duration {
        self.step
    }

    async fn read<C: Read>(&self, call: &C) -> Result<C::Answer, error::Error> {
        let answer = self.rest.read(call).await;
        self.progress.turn();
        answer
    }

    /// Open orders, orders closed and fills made since an instant, and balances.
    ///
    /// Orders are read before fills and open ones before closed ones: what moves meanwhile is seen in its later state.
    ///
    /// # Errors
    ///
    /// When any part cannot be read whole.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: it only reads.
    pub async fn reconcile(&self, since: Timestamp) -> Result<VenueState, AccountError> {
        let asked = self.clock.now();
        let mut open = self.open_orders(None).await?;
        let closed = self.closed_orders(None, since).await?;
        let fills = self.fills(since).await?;
        let balances = self.balances().await?;
        open.retain(|order| closed.iter().all(|over| over.order_id != order.order_id));
        Ok(VenueState {
            asked,
            open,
            closed,
            fills,
            balances,
        })
    }

    async fn open_orders(
        &self,
        cl_ord_id: Option<ClOrdId>,
    ) -> Result<Vec<OrderRecord>, AccountError> {
        let answer = self.read(&OpenOrders { cl_ord_id }).await?;
        self.records(answer.open)
    }

    async fn closed_orders(
        &self,
        cl_ord_id: Option<ClOrdId>,
        start: Timestamp,
    ) -> Result<Vec<OrderRecord>, AccountError> {
        let mut rows = BTreeMap::new();
        for _ in 0..MOST_PAGES {
            let page = self
                .read(&ClosedOrders {
                    cl_ord_id,
                    start,
                    offset: rows.len() as u64,
                })
                .await?;
            if paged("closed orders", &mut rows, page.closed, page.count)? {
                return self.records(rows);
            }
        }
        Err(incomplete("closed orders", &rows, u64::MAX))
    }

    async fn fills(&self, start: Timestamp) -> Result<Vec<(OrderId, Fill)>, AccountError> {
        let mut rows = BTreeMap::new();
        for _ in 0..MOST_PAGES {
            let page = self
                .read(&TradesHistory {
                    start,
                    offset: rows.len() as u64,
                })
                .await?;
            if paged("fills", &mut rows, page.trades, page.count)? {
                return rows.iter().map(|(id, row)| self.fill(id, row)).collect();
            }
        }
        Err(incomplete("fills", &rows, u64::MAX))
    }

    async fn query(&self, order_ids: Vec<String>) -> Result<Vec<OrderRecord>, AccountError> {
        let mut records = Vec::new();
        for chunk in order_ids.chunks(MOST_IDS) {
            let call = QueryOrders {
                order_ids: chunk.to_vec(),
            };
            let rows = self.read(&call).await?;
            if let Some(missing) = chunk.iter().find(|id| !rows.contains_key(*id)) {
                return Err(AccountError::NoRecord(missing.clone()));
            }
            records.extend(self.records(rows)?);
        }
        Ok(records)
    }

    async fn balances(&self) -> Result<Vec<Balance>, AccountError> {
        let rows = self.read(&BalanceCall).await?;
        let mut totals = BTreeMap::<AssetCode, Decimal>::new();
        for (code, total) in rows {
            let asset = self.names.asset(&code);
            let asset = asset.map_err(|error| unreadable(&code, "asset", error))?;
            totals.insert(asset, total.0);
        }
        let balances = totals.into_iter();
        Ok(balances
            .map(|(asset, total)| Balance { asset, total })
            .collect())
    }

    fn records(&self, rows: BTreeMap<String, OrderRow>) -> Result<Vec<OrderRecord>, AccountError> {
        let rows = rows.iter();
        rows.map(|(id, row)| self.record(id, row)).collect()
    }

    fn record(&self, id: &str, row: &OrderRow) -> Result<OrderRecord, AccountError> {
        let limit = match row.descr.ordertype.as_str() {
            "limit" | "iceberg" => row.descr.price.parse().ok(),
            _ => row.descr.price2.parse().ok(),
        };
        Ok(OrderRecord {
            order_id: OrderId::new(id).map_err(|error| unreadable(id, "id", error))?,
            cl_ord_id: row
                .cl_ord_id
                .as_deref()
                .and_then(|id| ClOrdId::new(id).ok()),
            symbol: self.symbol(id, &row.descr.pair)?,
            side: row.descr.side.into(),
            qty: row.vol.0,
            limit_price: limit.filter(|price: &Decimal| !price.is_zero()),
            filled: row.vol_exec.0,
            status: status(&row.status).ok_or_else(|| AccountError::Row {
                row: id.to_owned(),
                what: "status",
                value: row.status.clone(),
            })?,
            opened: row.opentm.0,
        })
    }

    /// The fee is booked in the pair's quote: rows do not name its asset, and the daemon never asks for another (§7.4).
    fn fill(&self, id: &str, row: &TradeRow) -> Result<(OrderId, Fill), AccountError> {
        let order = OrderId::new(&row.ordertxid);
        let order = order.map_err(|error| unreadable(id, "order id", error))?;
        let symbol = self.symbol(id, &row.pair)?;
        let mut fees = Vec::new();
        if !row.fee.0.is_zero() {
            let quote = self.names.quote(&symbol).ok_or_else(|| AccountError::Row {
                row: id.to_owned(),
                what: "pair",
                value: row.pair.clone(),
            })?;
            fees.push((quote, row.fee.0));
        }
        let fill = Fill {
            exec_id: ExecId::new(id).map_err(|error| unreadable(id, "id", error))?,
            qty: row.vol.0,
            price: row.price.0,
            cost: row.cost.0,
            liquidity: row.maker.map(|maker| match maker {
                true => Liquidity::Maker,
                false => Liquidity::Taker,
            }),
            fees,
            at: row.time.0,
        };
        Ok((order, fill))
    }

    /// The modern spelling; a pair that the lists lack (delisted since) keeps the spelling it came in.
    fn symbol(&self, row: &str, pair: &str) -> Result<Symbol, AccountError> {
        match self.names.pair(pair) {
            Some(name) => Ok(name.symbol),
            None => Symbol::new(pair).map_err(|error| unreadable(row, "pair", error)),
        }
    }
}

/// Takes a page over; true when the list is whole. Rows that shift while pages are read repeat, which is no harm.
fn paged<T>(
    list: &'static str,
    rows: &mut BTreeMap<String, T>,
    page: BTreeMap<String, T>,
    count: u64,
) -> Result<bool, AccountError> {
    let before = rows.len();
    rows.extend(page);
    if rows.len() as u64 >= count {
        return Ok(true);
    }
    if rows.len() == before {
        return Err(incomplete(list, rows, count));
    }
    Ok(false)
}

fn incomplete<T>(list: &'static str, rows: &BTreeMap<String, T>, count: u64) -> AccountError {
    AccountError::Incomplete {
        list,
        got: rows.len(),
        count,
    }
}

fn status(text: &str) -> Option<RecordStatus> {
    match text {
        "pending" | "open" => Some(RecordStatus::Open),
        "closed" => Some(RecordStatus::Filled),
        "canceled" => Some(RecordStatus::Canceled),
        "expired" => Some(RecordStatus::Expired),
        _ => None,
    }
}

fn unreadable(row: &str, what: &'static str, error: TextTooLong) -> AccountError {
    AccountError::Row {
        row: row.to_owned(),
        what,
        value: error.to_string(),
    }
}
