//! What is done when the engine is gone: cancel what carries our tag, over REST, and read back.
//!
//! For: a panicked engine or a broken invariant. Left out: everything that needs the engine.
//! Always true: only orders that carry our tag are touched; it ends within its limit and says what may still rest. One empty
//! list proves nothing: a create may still be under way, and the list may lag. The one that counts was asked for after both.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::{pin, time::sleep};
use tracing::{error, info, warn};

use crate::{
    engine::orders::Orders,
    types::OrderId,
    venue::kraken::{
        error::{self, Class},
        rest::{
            Rest,
            calls::{CancelOrder, OpenOrders},
        },
    },
};

/// For so long the venue's list may lack an order that rests.
const LAG: Duration = Duration::from_secs(3);
/// Pause after a round that left something to do.
const PAUSE: Duration = Duration::from_millis(250);
/// Pause after a list that was empty too early to count. Lists are rationed, and the last one must not have to wait.
const WATCH: Duration = Duration::from_secs(1);

/// How the parking ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parked {
    /// No order of ours is open, as read back, and none can come any more.
    Clean,
    /// The limit ended before that was certain, or the venue refuses the key.
    Unfinished,
}

/// Cancels every open order whose client id is ours, until `limit` ends. Nothing may be sent any more; what was may be accepted for
/// another `ttl`.
///
/// # Cancel safety
///
/// Dropped, what was canceled stays canceled and the rest is not; call it again to go on.
pub async fn park(
    rest: &Rest,
    tag: &str,
    ttl: Duration,
    limit: impl Future<Output = ()>,
) -> Parked {
    tokio::select! {
        biased;
        () = limit => {
            error!("not parked in time: orders may rest");
            Parked::Unfinished
        }
        parked = rounds(rest, tag, ttl + LAG) => parked,
    }
}

/// Reads and cancels until nothing is left. For as long as the `doubt` lasts, more may appear. Where the key is refused it goes on no
/// longer: that would lock it.
///
/// # Cancel safety
///
/// As [`park`]. A cancel that is out then may still take effect.
async fn rounds(rest: &Rest, tag: &str, doubt: Duration) -> Parked {
    let over = sleep(doubt);
    pin!(over);
    let mut certain = false;
    loop {
        let pause = match ours(rest, tag).await {
            Ok(open) if open.is_empty() && certain => {
                info!("parked: no order of ours is open");
                return Parked::Clean;
            }
            Ok(open) if open.is_empty() => WATCH,
            Ok(open) => {
                for order in open {
                    cancel(rest, order).await;
                }
                PAUSE
            }
            Err(error) => {
                warn!(%error, "open orders cannot be read");
                if matches!(error.class(), Some(Class::Denied(_))) {
                    error!("not parked: the venue refuses the key; orders may rest");
                    return Parked::Unfinished;
                }
                PAUSE
            }
        };
        tokio::select! {
            biased;
            () = &mut over, if !certain => certain = true,
            () = sleep(pause) => {}
        }
    }
}

async fn ours(rest: &Rest, tag: &str) -> Result<Vec<OrderId>, error::Error> {
    let answer = rest.read_urgently(&OpenOrders::default()).await?;
    let ours = answer.open.into_iter().filter_map(|(order_id, row)| {
        let id = row.cl_ord_id?.parse().ok()?;
        Orders::is_ours(tag, &id).then_some(order_id.parse().ok()?)
    });
    Ok(ours.collect())
}

async fn cancel(rest: &Rest, order: OrderId) {
    match rest.cancel(&CancelOrder::Id(order)).await {
        Ok(_count) => info!(%order, "canceled"),
        Err(error) => warn!(%order, %error, "not canceled"),
    }
}
