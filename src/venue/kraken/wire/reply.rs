//! What the venue answers to requests.

use super::object::{MaybeInstant, Text, object};

object! {
    /// A subscription that was made or ended.
    Subscribed<'a> {
        /// Channel.
        "channel" => channel: Text<'a>,
        /// Pair, where the channel has one.
        "symbol" => symbol: Option<Text<'a>>,
        /// Book depth.
        "depth" => depth: Option<u32>,
        /// Candle minutes.
        "interval" => interval: Option<u32>,
        /// Whether a snapshot comes.
        "snapshot" => snapshot: Option<bool>,
        /// What makes a ticker frame.
        "event_trigger" => event_trigger: Option<Text<'a>>,
        /// The account's trading-rate threshold.
        "maxratecount" => maxratecount: Option<u32>,
        /// Open orders come in the snapshot.
        "snap_orders" => snap_orders: Option<bool>,
        /// Fills come in the snapshot.
        "snap_trades" => snap_trades: Option<bool>,
        /// Deprecated name of `snap_trades`.
        "snapshot_trades" => snapshot_trades: Option<bool>,
        /// All transitions are reported.
        "order_status" => order_status: Option<bool>,
        /// The rate counter is reported.
        "ratecounter" => ratecounter: Option<bool>,
        /// Tokenized stocks only.
        "rebased" => rebased: Option<bool>,
        /// Whose reports.
        "users" => users: Option<Text<'a>>,
        /// Tokenized assets are listed.
        "include_tokenized_assets" => include_tokenized_assets: Option<bool>,
        /// Which venue's pairs.
        "execution_venue" => execution_venue: Option<Text<'a>>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order that was taken or changed; each method fills its own keys.
    Placed<'a> {
        /// The venue's id; empty after a validation.
        "order_id" => order_id: Option<Text<'a>>,
        /// The client's id, if one was sent.
        "cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag.
        "order_userref" => order_userref: Option<i64>,
        /// Whether this one of a batch was taken.
        "success" => success: Option<bool>,
        /// Why this one of a batch was not.
        "error" => error: Option<Text<'a>>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order changed in place.
    Amended<'a> {
        /// Id of the change.
        "amend_id" => amend_id: Text<'a>,
        /// The venue's id of the order, if it was addressed by it.
        "order_id" => order_id: Option<Text<'a>>,
        /// The client's id of the order, if it was addressed by it.
        "cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order replaced by another.
    Edited<'a> {
        /// The new order.
        "order_id" => order_id: Text<'a>,
        /// The old order.
        "original_order_id" => original_order_id: Text<'a>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// A cancel that was taken.
    Canceled<'a> {
        /// The venue's id, if the order was addressed by it.
        "order_id" => order_id: Option<Text<'a>>,
        /// The client's id, if the order was addressed by it.
        "cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag, if the order was addressed by it.
        "order_userref" => order_userref: Option<i64>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// How many orders were canceled.
    Count<'a> {
        /// How many.
        "count" => count: u64,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// The dead man's switch as it is set now.
    Timer<'a> {
        /// The venue's time, in whole seconds.
        "currentTime" => current_time: Option<MaybeInstant>,
        /// When it fires; none when disarmed.
        "triggerTime" => trigger_time: Option<MaybeInstant>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// The older shape of a batch's answer.
    Orders<'a> {
        /// One row per order, in the order of the request.
        "orders" => orders: Vec<Placed<'a>>,
        /// Deprecations.
        "warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

impl Count<'_> {
    /// A count that came outside a result.
    #[must_use]
    pub(in super::super) const fn of(count: u64) -> Self {
        Self {
            count,
            warnings: None,
            unknown: Vec::new(),
            lifetime: std::marker::PhantomData,
        }
    }
}
