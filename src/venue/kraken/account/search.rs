//! What became of orders that nobody answered for (§8.3, steps 4 to 6).
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

/// How long before the wanted instant records are searched, and how much earlier than it was sent an order may have been opened: clocks
/// differ.
const LATE: Duration = Duration::from_secs(60);

type Fills = Vec<(OrderId, Fill)>;

impl Account {
    /// What became of each of these orders, in their order. To be asked after their deadlines.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: it only reads.
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

    /// What has been found stays found, whatever fails after it.
    async fn search(&self, wanted: &[LookUp]) -> Result<Vec<Found>, AccountError> {
        let Some(since) = wanted.iter().map(|look_up| look_up.since).min() else {
            return Ok(Vec::new());
        };
        let since = since.before(LATE);
        let mut evidence = Evidence {
            orders: self.in_orders(wanted, since).await?,
            fills: Fills::new(),
            since,
            everywhere: false,
        };
        if !evidence.is_whole(wanted)
            && let Err(error) = self.by_fills(wanted, since, &mut evidence).await
        {
            tracing::warn!(%error, "fills could not be searched");
        }
        Ok(evidence.answers(wanted))
    }

    /// Looks in the open orders, then in the closed ones, and again while any is missing.
    async fn in_orders(
        &self,
        wanted: &[LookUp],
        since: Timestamp,
    ) -> Result<BTreeMap<ClOrdId, OrderRecord>, AccountError> {
        // The venue filters by one id or by none.
        let filter = match wanted {
            [one] => Some(one.cl_ord_id),
            _ => None,
        };
        let mut orders = BTreeMap::new();
        for pass in 0..self.passes {
            if pass > 0 {
                sleep(self.pause).await;
            }
            let open = self.open_orders(filter).await?;
            let closed = self.closed_orders(filter, since).await?;
            // An open row can outlive its end by a minute: the closed row is the later truth.
            take(&mut orders, wanted, &[&closed, &open]);
            if orders.len() == wanted.len() {
                break;
            }
        }
        Ok(orders)
    }

    /// Reads the fills, and looks for the orders that are still missing among those that had some.
    async fn by_fills(
        &self,
        wanted: &[LookUp],
        since: Timestamp,
        evidence: &mut Evidence,
    ) -> Result<(), AccountError> {
        evidence.fills = self.fills(since).await?;
        // The list of fills can lag behind the orders.
        if !evidence.is_explained() {
            sleep(self.pause).await;
            evidence.fills = self.fills(since).await?;
        }
        if evidence.orders.len() < wanted.len() {
            let owners = evidence.fills.iter().map(|(order, _)| order.to_string());
            let owners: BTreeSet<_> = owners.collect();
            let orders = self.query(owners.into_iter().collect()).await?;
            take(&mut evidence.orders, wanted, &[&orders]);
        }
        evidence.everywhere = true;
        Ok(())
    }
}

/// What a search has brought to light.
#[derive(Debug)]
struct Evidence {
    orders: BTreeMap<ClOrdId, OrderRecord>,
    fills: Fills,
    /// Fills were searched from here.
    since: Timestamp,
    /// Every place was asked: what is not there is nowhere.
    everywhere: bool,
}

impl Evidence {
    /// Whether all is known without a look at the fills.
    fn is_whole(&self, wanted: &[LookUp]) -> bool {
        let mut orders = self.orders.values();
        self.orders.len() == wanted.len() && orders.all(|order| order.filled.is_zero())
    }

    fn is_explained(&self) -> bool {
        let mut orders = self.orders.values();
        orders.all(|order| self.explains(order))
    }

    /// Whether the fills add up to an order. One that was opened before the search began had fills that are known: whoever knows them
    /// judges it.
    fn explains(&self, order: &OrderRecord) -> bool {
        order.opened < self.since || sum(order, &self.fills) >= order.filled
    }

    /// An order with its fills; a failure while they do not add up to it.
    fn explained(&self, order: &OrderRecord) -> Found {
        if self.explains(order) {
            return Found::Order {
                order: order.clone(),
                fills: own(order, &self.fills).cloned().collect(),
            };
        }
        let error = AccountError::Unexplained {
            order: order.order_id,
            filled: order.filled,
            sum: sum(order, &self.fills),
        };
        tracing::warn!(%error, "look-up failed");
        Found::Failed
    }

    fn answers(&self, wanted: &[LookUp]) -> Vec<Found> {
        let answer = |look_up: &LookUp| match self.orders.get(&look_up.cl_ord_id) {
            Some(order) => self.explained(order),
            None if self.everywhere => Found::Absent,
            None => Found::Failed,
        };
        wanted.iter().map(answer).collect()
    }
}

/// Takes the wanted orders out of lists of records; what an earlier list has wins over a later one.
fn take(orders: &mut BTreeMap<ClOrdId, OrderRecord>, wanted: &[LookUp], lists: &[&[OrderRecord]]) {
    for look_up in wanted {
        if let Some(order) = lists.iter().find_map(|list| latest(list, look_up)) {
            orders.insert(look_up.cl_ord_id, order.clone());
        }
    }
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

/// The order with this id that was opened last and not long before it was sent. Ids may return; ours do not.
fn latest<'a>(orders: &'a [OrderRecord], look_up: &LookUp) -> Option<&'a OrderRecord> {
    let since = look_up.sent.before(LATE);
    let ours = orders.iter().filter(|order| {
        let named = order
            .cl_ord_id
            .is_some_and(|id| same_id(&id, &look_up.cl_ord_id));
        named && order.opened >= since
    });
    ours.max_by_key(|order| order.opened)
}

/// UUIDs may come back in another spelling (§8.1).
fn same_id(left: &ClOrdId, right: &ClOrdId) -> bool {
    let digits = |id: &ClOrdId| id.replace('-', "").to_ascii_lowercase();
    left == right || (digits(left).len() == 32 && digits(left) == digits(right))
}
