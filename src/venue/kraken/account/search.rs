//! What became of orders that nobody answered for (`kraken-api.md` §8.3, steps 4 to 6).
//!
//! For: all that are in doubt at once. After an outage they come together, and the venue's rate limit has room for one search, not for
//! one each. Always true: an order is absent only if every place was asked, more than once, and none knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::sleep;

use super::{Account, AccountError};
use crate::{
    engine::{
        command::LookUp,
        event::{Fill, Found, OrderRecord},
    },
    types::{ClOrdId, Decimal, OrderId, Timestamp},
};

/// Closed orders and fills are searched from this long before an order was sent.
const BEFORE_SENT: Duration = Duration::from_secs(60);

type Records = BTreeMap<ClOrdId, OrderRecord>;
type Fills = Vec<(OrderId, Fill)>;

impl Account {
    /// What became of each of these orders, in their order. To be asked after their deadlines.
    pub async fn look_up(&self, wanted: &[LookUp]) -> Vec<Found> {
        match self.search(wanted).await {
            Ok(found) => found,
            Err(error) => {
                for LookUp { cl_ord_id, .. } in wanted {
                    tracing::warn!(%error, order = %cl_ord_id, "look-up failed");
                }
                vec![Found::Failed; wanted.len()]
            }
        }
    }

    async fn search(&self, wanted: &[LookUp]) -> Result<Vec<Found>, AccountError> {
        let Some(since) = wanted.iter().map(searched_from).min() else {
            return Ok(Vec::new());
        };
        let mut found = self.in_orders(wanted, since).await?;
        let all = found.len() == wanted.len();
        if all && found.values().all(|order| order.filled.is_zero()) {
            return Ok(answers(wanted, &found, &Vec::new()));
        }
        let mut fills = self.fills(since).await?;
        if !all {
            self.by_fills(wanted, &fills, &mut found).await?;
        }
        // The list of fills can lag behind the orders.
        if !found.values().all(|order| is_explained(order, &fills)) {
            sleep(self.pause).await;
            fills = self.fills(since).await?;
        }
        Ok(answers(wanted, &found, &fills))
    }

    /// Looks in the open orders, then in the closed ones, and again while any is missing.
    async fn in_orders(
        &self,
        wanted: &[LookUp],
        since: Timestamp,
    ) -> Result<Records, AccountError> {
        // The venue filters by one id or by none.
        let filter = match wanted {
            [one] => Some(one.cl_ord_id),
            _ => None,
        };
        let mut found = Records::new();
        for pass in 0..self.passes {
            if pass > 0 {
                sleep(self.pause).await;
            }
            let open = self.open_orders(filter).await?;
            let closed = self.closed_orders(filter, since).await?;
            for look_up in wanted {
                // An open row can outlive its end by a minute: the closed row is the later truth.
                if let Some(order) = latest(&closed, look_up).or_else(|| latest(&open, look_up)) {
                    found.insert(look_up.cl_ord_id, order.clone());
                }
            }
            if found.len() == wanted.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Looks for those that are still missing among the orders that had fills.
    async fn by_fills(
        &self,
        wanted: &[LookUp],
        fills: &Fills,
        found: &mut Records,
    ) -> Result<(), AccountError> {
        let owners: BTreeSet<_> = fills.iter().map(|(order, _)| order.to_string()).collect();
        let orders = self.query(owners.into_iter().collect()).await?;
        for look_up in wanted {
            if !found.contains_key(&look_up.cl_ord_id)
                && let Some(order) = latest(&orders, look_up)
            {
                found.insert(look_up.cl_ord_id, order.clone());
            }
        }
        Ok(())
    }
}

fn answers(wanted: &[LookUp], found: &Records, fills: &Fills) -> Vec<Found> {
    let answer = |look_up: &LookUp| match found.get(&look_up.cl_ord_id) {
        None => Found::Absent,
        Some(order) => explained(order, fills),
    };
    wanted.iter().map(answer).collect()
}

/// An order with its fills; a failure while they do not add up to it.
fn explained(order: &OrderRecord, fills: &Fills) -> Found {
    if is_explained(order, fills) {
        return Found::Order {
            order: order.clone(),
            fills: own(order, fills).cloned().collect(),
        };
    }
    let error = AccountError::Unexplained {
        order: order.order_id,
        filled: order.filled,
        sum: sum(order, fills),
    };
    tracing::warn!(%error, "look-up failed");
    Found::Failed
}

fn is_explained(order: &OrderRecord, fills: &Fills) -> bool {
    sum(order, fills) >= order.filled
}

fn own<'a>(order: &OrderRecord, fills: &'a Fills) -> impl Iterator<Item = &'a (OrderId, Fill)> {
    let id = order.order_id;
    fills.iter().filter(move |(owner, _)| *owner == id)
}

fn sum(order: &OrderRecord, fills: &Fills) -> Decimal {
    own(order, fills).fold(Decimal::ZERO, |sum, (_, fill)| {
        sum.checked_add(fill.qty).unwrap_or(sum)
    })
}

fn searched_from(look_up: &LookUp) -> Timestamp {
    look_up.sent.before(BEFORE_SENT)
}

/// The order with this id that was opened last and not long before it was sent. Ids may return; ours do not.
fn latest<'a>(orders: &'a [OrderRecord], look_up: &LookUp) -> Option<&'a OrderRecord> {
    let since = searched_from(look_up);
    let ours = orders.iter().filter(|order| {
        let named = order
            .cl_ord_id
            .is_some_and(|id| same_id(&id, &look_up.cl_ord_id));
        named && order.opened >= since
    });
    ours.max_by_key(|order| order.opened)
}

/// UUIDs may come back in another spelling (`kraken-api.md` §8.1).
fn same_id(left: &ClOrdId, right: &ClOrdId) -> bool {
    let digits = |id: &ClOrdId| id.replace('-', "").to_ascii_lowercase();
    left == right || (digits(left).len() == 32 && digits(left) == digits(right))
}
