//! What is done when the engine is gone: cancel what carries our tag, over REST, and read back.
//!
//! For: a panicked engine or a broken invariant. Left out: everything that needs the engine.
//! Always true: only orders that carry our tag are touched; it ends within its deadline and says what may still rest.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::{
    engine::orders::Orders,
    types::OrderId,
    venue::kraken::rest::{
        Rest,
        calls::{CancelOrder, OpenOrders},
    },
};

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// How the parking ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parked {
    /// No order of ours is open, as read back.
    Clean,
    /// The deadline passed first.
    Unfinished,
}

/// Cancels every open order whose client id is ours.
pub async fn park(rest: &Rest, tag: &str, deadline: Duration) -> Parked {
    match timeout(deadline, rounds(rest, tag)).await {
        Ok(()) => {
            info!("parked: no order of ours is open");
            Parked::Clean
        }
        Err(_elapsed) => {
            error!("not parked in time: orders may rest");
            Parked::Unfinished
        }
    }
}

async fn rounds(rest: &Rest, tag: &str) {
    loop {
        match ours(rest, tag).await {
            Some(open) if open.is_empty() => return,
            Some(open) => {
                for order in open {
                    cancel(rest, order).await;
                }
            }
            None => {}
        }
        sleep(PAUSE).await;
    }
}

async fn ours(rest: &Rest, tag: &str) -> Option<Vec<OrderId>> {
    match rest.read_urgently(&OpenOrders::default()).await {
        Ok(answer) => {
            let ours = answer.open.into_iter().filter_map(|(order_id, row)| {
                let id = row.cl_ord_id?.parse().ok()?;
                Orders::is_ours(tag, &id).then_some(order_id.parse().ok()?)
            });
            Some(ours.collect())
        }
        Err(error) => {
            warn!(%error, "open orders cannot be read");
            None
        }
    }
}

async fn cancel(rest: &Rest, order: OrderId) {
    match rest.cancel(&CancelOrder::Id(order)).await {
        Ok(_count) => info!(%order, "canceled"),
        Err(error) => warn!(%order, %error, "not canceled"),
    }
}
