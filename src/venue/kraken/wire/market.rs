//! Payloads of the public channels.

use super::object::{Instant, Number, Text, object};

object! {
    /// The engine's state; sent on connect and when it changes.
    Status<'a> {
        /// Protocol version.
        "api_version" => api_version: Option<Text<'a>>,
        /// Number of this connection; absent during maintenance. Exceeds the signed range.
        "connection_id" => connection_id: Option<u64>,
        /// `online`, `cancel_only`, `maintenance`, `post_only`.
        "system" => system: Text<'a>,
        /// Server version.
        "version" => version: Option<Text<'a>>,
        /// Announced maintenance.
        "upcoming_maintenance" => upcoming_maintenance: Option<Vec<Maintenance<'a>>>,
        /// Unresolved incidents.
        "emergency" => emergency: Option<Vec<Emergency<'a>>>,
    }
}

object! {
    /// An announced maintenance window.
    Maintenance<'a> {
        /// Number of the event.
        "event_id" => event_id: u64,
        /// What for.
        "title" => title: Option<Text<'a>>,
        /// When it should begin.
        "expected_start_utc" => expected_start_utc: Option<Instant>,
        /// When it should end.
        "expected_end_utc" => expected_end_utc: Option<Instant>,
        /// Seconds to its begin.
        "time_to_start_s" => time_to_start_s: Option<i64>,
        /// `announced` to `final_warning_30s`.
        "phase" => phase: Option<Text<'a>>,
        /// What is affected.
        "affected_services" => affected_services: Option<Vec<Text<'a>>>,
        /// `allowed`, `discouraged`, `blocked`.
        "order_submission" => order_submission: Option<Text<'a>>,
        /// What the venue advises.
        "recommended_action" => recommended_action: Option<Text<'a>>,
        /// Orders should be gone by then.
        "cancel_before_utc" => cancel_before_utc: Option<Instant>,
        /// Where to read more.
        "source_url" => source_url: Option<Text<'a>>,
    }
}

object! {
    /// An unresolved incident.
    Emergency<'a> {
        /// Number of the event.
        "event_id" => event_id: u64,
        /// What happened.
        "title" => title: Option<Text<'a>>,
        /// `investigating`, `identified`, `monitoring`.
        "incident_status" => incident_status: Option<Text<'a>>,
        /// `none` to `critical`.
        "impact" => impact: Option<Text<'a>>,
        /// What is affected.
        "affected_services" => affected_services: Option<Vec<Text<'a>>>,
        /// When it began.
        "started_at_utc" => started_at_utc: Option<Instant>,
        /// What comes next.
        "next_steps" => next_steps: Option<Vec<NextStep<'a>>>,
        /// Where to read more.
        "source_url" => source_url: Option<Text<'a>>,
    }
}

object! {
    /// What an incident is followed by.
    NextStep<'a> {
        /// Which service.
        "applies_to" => applies_to: Option<Text<'a>>,
        /// What is done.
        "type" => kind: Option<Text<'a>>,
        /// When.
        "expected_at_utc" => expected_at_utc: Option<Instant>,
    }
}

object! {
    /// Best prices and the last 24 hours.
    Ticker<'a> {
        /// Pair.
        "symbol" => symbol: Text<'a>,
        /// Best bid.
        "bid" => bid: Option<Number>,
        /// Its quantity.
        "bid_qty" => bid_qty: Option<Number>,
        /// Best ask.
        "ask" => ask: Option<Number>,
        /// Its quantity.
        "ask_qty" => ask_qty: Option<Number>,
        /// Price of the last trade.
        "last" => last: Option<Number>,
        /// Base traded.
        "volume" => volume: Option<Number>,
        /// Volume-weighted average price.
        "vwap" => vwap: Option<Number>,
        /// Lowest price.
        "low" => low: Option<Number>,
        /// Highest price.
        "high" => high: Option<Number>,
        /// Change in quote.
        "change" => change: Option<Number>,
        /// Change in percent.
        "change_pct" => change_pct: Option<Number>,
        /// Trades.
        "trades" => trades: Option<u64>,
        /// The venue's time.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A candle.
    Candle<'a> {
        /// Pair.
        "symbol" => symbol: Text<'a>,
        /// First price.
        "open" => open: Number,
        /// Highest price.
        "high" => high: Number,
        /// Lowest price.
        "low" => low: Number,
        /// Last price so far.
        "close" => close: Number,
        /// Trades.
        "trades" => trades: u64,
        /// Base traded.
        "volume" => volume: Number,
        /// Volume-weighted average price.
        "vwap" => vwap: Number,
        /// Begin of the interval.
        "interval_begin" => interval_begin: Instant,
        /// Minutes.
        "interval" => interval: u32,
        /// End of the interval; deprecated.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A level-2 book or its changed levels, as the typed reader has it; the scanner reads the same.
    BookRow<'a> {
        /// Pair.
        "symbol" => symbol: Text<'a>,
        /// Bid levels.
        "bids" => bids: Option<Vec<LevelRow<'a>>>,
        /// Ask levels.
        "asks" => asks: Option<Vec<LevelRow<'a>>>,
        /// CRC-32 after this frame.
        "checksum" => checksum: u32,
        /// The venue's time.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A level.
    LevelRow<'a> {
        /// Price.
        "price" => price: Number,
        /// Total quantity; zero removes the level.
        "qty" => qty: Number,
    }
}

object! {
    /// A public trade, as the typed reader has it; the scanner reads the same.
    TradeRow<'a> {
        /// Pair.
        "symbol" => symbol: Text<'a>,
        /// Direction of the taker.
        "side" => side: Text<'a>,
        /// Price.
        "price" => price: Number,
        /// Quantity.
        "qty" => qty: Number,
        /// Order type of the taker.
        "ord_type" => ord_type: Option<Text<'a>>,
        /// Number of the trade in its book.
        "trade_id" => trade_id: u64,
        /// The venue's time.
        "timestamp" => timestamp: Instant,
    }
}

object! {
    /// An order-by-order book or its changes.
    Level3<'a> {
        /// Pair.
        "symbol" => symbol: Text<'a>,
        /// Bid orders.
        "bids" => bids: Option<Vec<Level3Order<'a>>>,
        /// Ask orders.
        "asks" => asks: Option<Vec<Level3Order<'a>>>,
        /// CRC-32 after this frame.
        "checksum" => checksum: u32,
        /// The venue's time.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A resting order, or what became of it.
    Level3Order<'a> {
        /// `add`, `modify`, `delete`; absent in snapshots.
        "event" => event: Option<Text<'a>>,
        /// The venue's id.
        "order_id" => order_id: Text<'a>,
        /// Limit price.
        "limit_price" => limit_price: Number,
        /// Visible quantity.
        "order_qty" => order_qty: Number,
        /// When it took its place.
        "timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// All assets and pairs, or those that changed.
    Instruments<'a> {
        /// Assets.
        "assets" => assets: Option<Vec<Asset<'a>>>,
        /// Pairs.
        "pairs" => pairs: Option<Vec<Pair<'a>>>,
    }
}

object! {
    /// An asset.
    Asset<'a> {
        /// Modern code.
        "id" => id: Text<'a>,
        /// `enabled`, `disabled`, `depositonly` and more.
        "status" => status: Option<Text<'a>>,
        /// Fraction digits of balances.
        "precision" => precision: u8,
        /// Fraction digits to show.
        "precision_display" => precision_display: Option<u8>,
        /// Whether it can be borrowed.
        "borrowable" => borrowable: Option<bool>,
        /// Haircut.
        "collateral_value" => collateral_value: Option<Number>,
        /// Rate to borrow it.
        "margin_rate" => margin_rate: Option<Number>,
        /// Tokenized assets only.
        "multiplier" => multiplier: Option<Number>,
    }
}

object! {
    /// A pair and its rules.
    Pair<'a> {
        /// Modern name.
        "symbol" => symbol: Text<'a>,
        /// What is bought and sold.
        "base" => base: Text<'a>,
        /// What is paid with.
        "quote" => quote: Text<'a>,
        /// `online`, `cancel_only` and more.
        "status" => status: Text<'a>,
        /// Fraction digits of a price.
        "price_precision" => price_precision: u8,
        /// Step between two prices.
        "price_increment" => price_increment: Option<Number>,
        /// Its deprecated alias.
        "tick_size" => tick_size: Option<Number>,
        /// Fraction digits of a quantity.
        "qty_precision" => qty_precision: u8,
        /// Step between two quantities.
        "qty_increment" => qty_increment: Option<Number>,
        /// Least quantity.
        "qty_min" => qty_min: Option<Number>,
        /// Fraction digits of a cost.
        "cost_precision" => cost_precision: Option<u8>,
        /// Least cost.
        "cost_min" => cost_min: Option<Number>,
        /// Whether an index price exists.
        "has_index" => has_index: Option<bool>,
        /// Whether it trades on margin.
        "marginable" => marginable: Option<bool>,
        /// Initial margin, a fraction.
        "margin_initial" => margin_initial: Option<Number>,
        /// Largest long position.
        "position_limit_long" => position_limit_long: Option<Number>,
        /// Largest short position.
        "position_limit_short" => position_limit_short: Option<Number>,
    }
}
