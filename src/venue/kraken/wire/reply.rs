//! What the venue answers to requests.

use super::object::{MaybeInstant, Text, object};

object! {
    /// A subscription that was made or ended.
    Subscribed<'a> {
        /// Channel.
        b"channel" => channel: Text<'a>,
        /// Pair, where the channel has one.
        b"symbol" => symbol: Option<Text<'a>>,
        /// Book depth.
        b"depth" => depth: Option<u32>,
        /// Candle minutes.
        b"interval" => interval: Option<u32>,
        /// Whether a snapshot comes.
        b"snapshot" => snapshot: Option<bool>,
        /// What makes a ticker frame.
        b"event_trigger" => event_trigger: Option<Text<'a>>,
        /// The account's trading-rate threshold.
        b"maxratecount" => maxratecount: Option<u32>,
        /// Open orders come in the snapshot.
        b"snap_orders" => snap_orders: Option<bool>,
        /// Fills come in the snapshot.
        b"snap_trades" => snap_trades: Option<bool>,
        /// Deprecated name of `snap_trades`.
        b"snapshot_trades" => snapshot_trades: Option<bool>,
        /// All transitions are reported.
        b"order_status" => order_status: Option<bool>,
        /// The rate counter is reported.
        b"ratecounter" => ratecounter: Option<bool>,
        /// Tokenized stocks only.
        b"rebased" => rebased: Option<bool>,
        /// Whose reports.
        b"users" => users: Option<Text<'a>>,
        /// Tokenized assets are listed.
        b"include_tokenized_assets" => include_tokenized_assets: Option<bool>,
        /// Which venue's pairs.
        b"execution_venue" => execution_venue: Option<Text<'a>>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order that was taken or changed; each method fills its own keys.
    Placed<'a> {
        /// The venue's id; empty after a validation.
        b"order_id" => order_id: Option<Text<'a>>,
        /// The client's id, if one was sent.
        b"cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag.
        b"order_userref" => order_userref: Option<i64>,
        /// Whether this one of a batch was taken.
        b"success" => success: Option<bool>,
        /// Why this one of a batch was not.
        b"error" => error: Option<Text<'a>>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order changed in place.
    Amended<'a> {
        /// Id of the change.
        b"amend_id" => amend_id: Text<'a>,
        /// The venue's id of the order, if it was addressed by it.
        b"order_id" => order_id: Option<Text<'a>>,
        /// The client's id of the order, if it was addressed by it.
        b"cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// An order replaced by another.
    Edited<'a> {
        /// The new order.
        b"order_id" => order_id: Text<'a>,
        /// The old order.
        b"original_order_id" => original_order_id: Text<'a>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// A cancel that was taken.
    Canceled<'a> {
        /// The venue's id, if the order was addressed by it.
        b"order_id" => order_id: Option<Text<'a>>,
        /// The client's id, if the order was addressed by it.
        b"cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag, if the order was addressed by it.
        b"order_userref" => order_userref: Option<i64>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// How many orders were canceled.
    Count<'a> {
        /// How many.
        b"count" => count: u64,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// The dead man's switch as it is set now.
    Timer<'a> {
        /// The venue's time, in whole seconds.
        b"currentTime" => current_time: Option<MaybeInstant>,
        /// When it fires; none when disarmed.
        b"triggerTime" => trigger_time: Option<MaybeInstant>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
    }
}

object! {
    /// The older shape of a batch's answer.
    Orders<'a> {
        /// One row per order, in the order of the request.
        b"orders" => orders: Vec<Placed<'a>>,
        /// Deprecations.
        b"warnings" => warnings: Option<Vec<Text<'a>>>,
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
