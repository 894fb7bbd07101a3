//! Payloads of the private channels.

use super::object::{Instant, Number, Text, object};

object! {
    /// What happened to an order. Sparse: each kind has its own keys, and follow-ups leave out what is known.
    Execution<'a> {
        /// The venue's id.
        b"order_id" => order_id: Text<'a>,
        /// The client's id.
        b"cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag; 0 when unset.
        b"order_userref" => order_userref: Option<i64>,
        /// Id of the fill.
        b"exec_id" => exec_id: Option<Text<'a>>,
        /// Public number of the trade.
        b"trade_id" => trade_id: Option<u64>,
        /// What happened.
        b"exec_type" => exec_type: Text<'a>,
        /// State of the order afterwards.
        b"order_status" => order_status: Option<Text<'a>>,
        /// Pair.
        b"symbol" => symbol: Option<Text<'a>>,
        /// Direction.
        b"side" => side: Option<Text<'a>>,
        /// Kind of order.
        b"order_type" => order_type: Option<Text<'a>>,
        /// Total quantity.
        b"order_qty" => order_qty: Option<Number>,
        /// Total in quote.
        b"cash_order_qty" => cash_order_qty: Option<Number>,
        /// Shown quantity.
        b"display_qty" => display_qty: Option<Number>,
        /// Rest of the shown quantity.
        b"display_qty_remain" => display_qty_remain: Option<Number>,
        /// Limit price.
        b"limit_price" => limit_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        b"limit_price_type" => limit_price_type: Option<Text<'a>>,
        /// Trigger.
        b"triggers" => triggers: Option<Box<Triggers<'a>>>,
        /// Close template.
        b"contingent" => contingent: Option<Box<Contingent<'a>>>,
        /// Upper case here.
        b"time_in_force" => time_in_force: Option<Text<'a>>,
        /// Scheduled start.
        b"effective_time" => effective_time: Option<Instant>,
        /// Scheduled end.
        b"expire_time" => expire_time: Option<Instant>,
        /// Never takes.
        b"post_only" => post_only: Option<bool>,
        /// Only reduces a position.
        b"reduce_only" => reduce_only: Option<bool>,
        /// On margin.
        b"margin" => margin: Option<bool>,
        /// With borrowed funds.
        b"margin_borrow" => margin_borrow: Option<bool>,
        /// By liquidation.
        b"liquidated" => liquidated: Option<bool>,
        /// Was changed.
        b"amended" => amended: Option<bool>,
        /// Without market price protection.
        b"no_mpp" => no_mpp: Option<bool>,
        /// Quantity of this fill.
        b"last_qty" => last_qty: Option<Number>,
        /// Price of this fill.
        b"last_price" => last_price: Option<Number>,
        /// Cost of this fill.
        b"cost" => cost: Option<Number>,
        /// Filled so far.
        b"cum_qty" => cum_qty: Option<Number>,
        /// Cost so far.
        b"cum_cost" => cum_cost: Option<Number>,
        /// Average price so far.
        b"avg_price" => avg_price: Option<Number>,
        /// Fees of this fill.
        b"fees" => fees: Option<Vec<Fee<'a>>>,
        /// Fees so far, in dollars.
        b"fee_usd_equiv" => fee_usd_equiv: Option<Number>,
        /// Preferred side of the fee.
        b"fee_ccy_pref" => fee_ccy_pref: Option<Text<'a>>,
        /// `m` or `t`.
        b"liquidity_ind" => liquidity_ind: Option<Text<'a>>,
        /// Why.
        b"reason" => reason: Option<Text<'a>>,
        /// Order that spawned this one.
        b"ord_ref_id" => ord_ref_id: Option<Text<'a>>,
        /// State of the position.
        b"position_status" => position_status: Option<Text<'a>>,
        /// Partner's id.
        b"ext_ord_id" => ext_ord_id: Option<Text<'a>>,
        /// Partner's id of the fill.
        b"ext_exec_id" => ext_exec_id: Option<Text<'a>>,
        /// Scope of self-trade prevention.
        b"sender_sub_id" => sender_sub_id: Option<Text<'a>>,
        /// Sub-account.
        b"user" => user: Option<Text<'a>>,
        /// Deprecated copy of the reason.
        b"cancel_reason" => cancel_reason: Option<Text<'a>>,
        /// Deprecated copy of the trigger price.
        b"stop_price" => stop_price: Option<Number>,
        /// Deprecated copy of the trigger reference.
        b"trigger" => trigger: Option<Text<'a>>,
        /// Deprecated copy of the price that triggered.
        b"triggered_price" => triggered_price: Option<Number>,
        /// Trading-rate counter.
        b"ratecount" => ratecount: Option<Number>,
        /// The venue's time.
        b"timestamp" => timestamp: Instant,
    }
}

object! {
    /// A fee.
    Fee<'a> {
        /// In which asset.
        b"asset" => asset: Text<'a>,
        /// How much.
        b"qty" => qty: Number,
    }
}

object! {
    /// The trigger of a triggered order.
    Triggers<'a> {
        /// `index` or `last`.
        b"reference" => reference: Option<Text<'a>>,
        /// Where.
        b"price" => price: Option<Number>,
        /// `static`, `pct`, `quote`.
        b"price_type" => price_type: Option<Text<'a>>,
        /// Where it really is.
        b"actual_price" => actual_price: Option<Number>,
        /// Peak of a trailing order.
        b"peak_price" => peak_price: Option<Number>,
        /// Price that triggered.
        b"last_price" => last_price: Option<Number>,
        /// `triggered` or `untriggered`.
        b"status" => status: Option<Text<'a>>,
        /// When.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// The close template of an order.
    Contingent<'a> {
        /// Kind of order.
        b"order_type" => order_type: Option<Text<'a>>,
        /// Trigger price.
        b"trigger_price" => trigger_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        b"trigger_price_type" => trigger_price_type: Option<Text<'a>>,
        /// Limit price.
        b"limit_price" => limit_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        b"limit_price_type" => limit_price_type: Option<Text<'a>>,
    }
}

object! {
    /// An asset and its total.
    Holding<'a> {
        /// Modern code.
        b"asset" => asset: Text<'a>,
        /// `currency` or another class.
        b"asset_class" => asset_class: Option<Text<'a>>,
        /// Total over all wallets.
        b"balance" => balance: Number,
        /// Where it lies.
        b"wallets" => wallets: Option<Vec<Wallet<'a>>>,
        /// Sub-account.
        b"user" => user: Option<Text<'a>>,
    }
}

object! {
    /// A wallet.
    Wallet<'a> {
        /// `spot` or `earn`.
        b"type" => kind: Text<'a>,
        /// `main`, `flexible` and more.
        b"id" => id: Text<'a>,
        /// What it holds.
        b"balance" => balance: Number,
    }
}

object! {
    /// One ledger entry.
    Entry<'a> {
        /// Id of the entry.
        b"ledger_id" => ledger_id: Text<'a>,
        /// What it belongs to.
        b"ref_id" => ref_id: Option<Text<'a>>,
        /// When.
        b"timestamp" => timestamp: Instant,
        /// Why.
        b"type" => kind: Text<'a>,
        /// Which transfer.
        b"subtype" => subtype: Option<Text<'a>>,
        /// Why, in other words.
        b"category" => category: Option<Text<'a>>,
        /// Modern code.
        b"asset" => asset: Text<'a>,
        /// `currency` or another class.
        b"asset_class" => asset_class: Option<Text<'a>>,
        /// `spot` or `earn`.
        b"wallet_type" => wallet_type: Option<Text<'a>>,
        /// `main`, `flexible` and more.
        b"wallet_id" => wallet_id: Option<Text<'a>>,
        /// Signed amount.
        b"amount" => amount: Number,
        /// Charged on top.
        b"fee" => fee: Option<Number>,
        /// Total afterwards.
        b"balance" => balance: Number,
        /// Sub-account.
        b"user" => user: Option<Text<'a>>,
    }
}
