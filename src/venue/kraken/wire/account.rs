//! Payloads of the private channels.

use super::object::{Instant, Number, Text, object};

object! {
    /// What happened to an order. Sparse: each kind has its own keys, and follow-ups leave out what is known.
    Execution<'a> {
        /// The venue's id.
        "order_id" => order_id: Text<'a>,
        /// The client's id.
        "cl_ord_id" => cl_ord_id: Option<Text<'a>>,
        /// The client's tag; 0 when unset.
        "order_userref" => order_userref: Option<i64>,
        /// Id of the fill.
        "exec_id" => exec_id: Option<Text<'a>>,
        /// Public number of the trade.
        "trade_id" => trade_id: Option<u64>,
        /// What happened.
        "exec_type" => exec_type: Text<'a>,
        /// State of the order afterwards.
        "order_status" => order_status: Option<Text<'a>>,
        /// Pair.
        "symbol" => symbol: Option<Text<'a>>,
        /// Direction.
        "side" => side: Option<Text<'a>>,
        /// Kind of order.
        "order_type" => order_type: Option<Text<'a>>,
        /// Total quantity.
        "order_qty" => order_qty: Option<Number>,
        /// Total in quote.
        "cash_order_qty" => cash_order_qty: Option<Number>,
        /// Shown quantity.
        "display_qty" => display_qty: Option<Number>,
        /// Rest of the shown quantity.
        "display_qty_remain" => display_qty_remain: Option<Number>,
        /// Limit price.
        "limit_price" => limit_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        "limit_price_type" => limit_price_type: Option<Text<'a>>,
        /// Trigger.
        "triggers" => triggers: Option<Triggers<'a>>,
        /// Close template.
        "contingent" => contingent: Option<Contingent<'a>>,
        /// Upper case here.
        "time_in_force" => time_in_force: Option<Text<'a>>,
        /// Scheduled start.
        "effective_time" => effective_time: Option<Instant>,
        /// Scheduled end.
        "expire_time" => expire_time: Option<Instant>,
        /// Never takes.
        "post_only" => post_only: Option<bool>,
        /// Only reduces a position.
        "reduce_only" => reduce_only: Option<bool>,
        /// On margin.
        "margin" => margin: Option<bool>,
        /// With borrowed funds.
        "margin_borrow" => margin_borrow: Option<bool>,
        /// By liquidation.
        "liquidated" => liquidated: Option<bool>,
        /// Was changed.
        "amended" => amended: Option<bool>,
        /// Without market price protection.
        "no_mpp" => no_mpp: Option<bool>,
        /// Quantity of this fill.
        "last_qty" => last_qty: Option<Number>,
        /// Price of this fill.
        "last_price" => last_price: Option<Number>,
        /// Cost of this fill.
        "cost" => cost: Option<Number>,
        /// Filled so far.
        "cum_qty" => cum_qty: Option<Number>,
        /// Cost so far.
        "cum_cost" => cum_cost: Option<Number>,
        /// Average price so far.
        "avg_price" => avg_price: Option<Number>,
        /// Fees of this fill.
        "fees" => fees: Option<Vec<Fee<'a>>>,
        /// Fees so far, in dollars.
        "fee_usd_equiv" => fee_usd_equiv: Option<Number>,
        /// Preferred side of the fee.
        "fee_ccy_pref" => fee_ccy_pref: Option<Text<'a>>,
        /// `m` or `t`.
        "liquidity_ind" => liquidity_ind: Option<Text<'a>>,
        /// Why.
        "reason" => reason: Option<Text<'a>>,
        /// Order that spawned this one.
        "ord_ref_id" => ord_ref_id: Option<Text<'a>>,
        /// State of the position.
        "position_status" => position_status: Option<Text<'a>>,
        /// Partner's id.
        "ext_ord_id" => ext_ord_id: Option<Text<'a>>,
        /// Partner's id of the fill.
        "ext_exec_id" => ext_exec_id: Option<Text<'a>>,
        /// Scope of self-trade prevention.
        "sender_sub_id" => sender_sub_id: Option<Text<'a>>,
        /// Sub-account.
        "user" => user: Option<Text<'a>>,
        /// Deprecated copy of the reason.
        "cancel_reason" => cancel_reason: Option<Text<'a>>,
        /// Deprecated copy of the trigger price.
        "stop_price" => stop_price: Option<Number>,
        /// Deprecated copy of the trigger reference.
        "trigger" => trigger: Option<Text<'a>>,
        /// Deprecated copy of the price that triggered.
        "triggered_price" => triggered_price: Option<Number>,
        /// Trading-rate counter.
        "ratecount" => ratecount: Option<Number>,
        /// The venue's time.
        "timestamp" => timestamp: Instant,
    }
}

object! {
    /// A fee.
    Fee<'a> {
        /// In which asset.
        "asset" => asset: Text<'a>,
        /// How much.
        "qty" => qty: Number,
    }
}

object! {
    /// The trigger of a triggered order.
    Triggers<'a> {
        /// `index` or `last`.
        "reference" => reference: Option<Text<'a>>,
        /// Where.
        "price" => price: Option<Number>,
        /// `static`, `pct`, `quote`.
        "price_type" => price_type: Option<Text<'a>>,
        /// Where it really is.
        "actual_price" => actual_price: Option<Number>,
        /// Peak of a trailing order.
        "peak_price" => peak_price: Option<Number>,
        /// Price that triggered.
        "last_price" => last_price: Option<Number>,
        /// `triggered` or `untriggered`.
        "status" => status: Option<Text<'a>>,
        /// When.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// The close template of an order.
    Contingent<'a> {
        /// Kind of order.
        "order_type" => order_type: Option<Text<'a>>,
        /// Trigger price.
        "trigger_price" => trigger_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        "trigger_price_type" => trigger_price_type: Option<Text<'a>>,
        /// Limit price.
        "limit_price" => limit_price: Option<Number>,
        /// `static`, `pct`, `quote`.
        "limit_price_type" => limit_price_type: Option<Text<'a>>,
    }
}

object! {
    /// An asset and its total.
    Holding<'a> {
        /// Modern code.
        "asset" => asset: Text<'a>,
        /// `currency` or another class.
        "asset_class" => asset_class: Option<Text<'a>>,
        /// Total over all wallets.
        "balance" => balance: Number,
        /// Where it lies.
        "wallets" => wallets: Option<Vec<Wallet<'a>>>,
        /// Sub-account.
        "user" => user: Option<Text<'a>>,
    }
}

object! {
    /// A wallet.
    Wallet<'a> {
        /// `spot` or `earn`.
        "type" => kind: Text<'a>,
        /// `main`, `flexible` and more.
        "id" => id: Text<'a>,
        /// What it holds.
        "balance" => balance: Number,
    }
}

object! {
    /// One ledger entry.
    Entry<'a> {
        /// Id of the entry.
        "ledger_id" => ledger_id: Text<'a>,
        /// What it belongs to.
        "ref_id" => ref_id: Option<Text<'a>>,
        /// When.
        "timestamp" => timestamp: Instant,
        /// Why.
        "type" => kind: Text<'a>,
        /// Which transfer.
        "subtype" => subtype: Option<Text<'a>>,
        /// Why, in other words.
        "category" => category: Option<Text<'a>>,
        /// Modern code.
        "asset" => asset: Text<'a>,
        /// `currency` or another class.
        "asset_class" => asset_class: Option<Text<'a>>,
        /// `spot` or `earn`.
        "wallet_type" => wallet_type: Option<Text<'a>>,
        /// `main`, `flexible` and more.
        "wallet_id" => wallet_id: Option<Text<'a>>,
        /// Signed amount.
        "amount" => amount: Number,
        /// Charged on top.
        "fee" => fee: Option<Number>,
        /// Total afterwards.
        "balance" => balance: Number,
        /// Sub-account.
        "user" => user: Option<Text<'a>>,
    }
}
