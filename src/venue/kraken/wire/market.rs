//! Payloads of the public channels.

use super::object::{Instant, Number, Text, object};

object! {
    /// The engine's state; sent on connect and when it changes.
    Status<'a> {
        /// Protocol version.
        b"api_version" => api_version: Option<Text<'a>>,
        /// Number of this connection; absent during maintenance. Exceeds the signed range.
        b"connection_id" => connection_id: Option<u64>,
        /// `online`, `cancel_only`, `maintenance`, `post_only`.
        b"system" => system: Text<'a>,
        /// Server version.
        b"version" => version: Option<Text<'a>>,
        /// Announced maintenance.
        b"upcoming_maintenance" => upcoming_maintenance: Option<Vec<Maintenance<'a>>>,
        /// Unresolved incidents.
        b"emergency" => emergency: Option<Vec<Emergency<'a>>>,
    }
}

object! {
    /// An announced maintenance window.
    Maintenance<'a> {
        /// Number of the event.
        b"event_id" => event_id: u64,
        /// What for.
        b"title" => title: Option<Text<'a>>,
        /// When it should begin.
        b"expected_start_utc" => expected_start_utc: Option<Instant>,
        /// When it should end.
        b"expected_end_utc" => expected_end_utc: Option<Instant>,
        /// Seconds to its begin.
        b"time_to_start_s" => time_to_start_s: Option<i64>,
        /// `announced` to `final_warning_30s`.
        b"phase" => phase: Option<Text<'a>>,
        /// What is affected.
        b"affected_services" => affected_services: Option<Vec<Text<'a>>>,
        /// `allowed`, `discouraged`, `blocked`.
        b"order_submission" => order_submission: Option<Text<'a>>,
        /// What the venue advises.
        b"recommended_action" => recommended_action: Option<Text<'a>>,
        /// Orders should be gone by then.
        b"cancel_before_utc" => cancel_before_utc: Option<Instant>,
        /// Where to read more.
        b"source_url" => source_url: Option<Text<'a>>,
    }
}

object! {
    /// An unresolved incident.
    Emergency<'a> {
        /// Number of the event.
        b"event_id" => event_id: u64,
        /// What happened.
        b"title" => title: Option<Text<'a>>,
        /// `investigating`, `identified`, `monitoring`.
        b"incident_status" => incident_status: Option<Text<'a>>,
        /// `none` to `critical`.
        b"impact" => impact: Option<Text<'a>>,
        /// What is affected.
        b"affected_services" => affected_services: Option<Vec<Text<'a>>>,
        /// When it began.
        b"started_at_utc" => started_at_utc: Option<Instant>,
        /// What comes next.
        b"next_steps" => next_steps: Option<Vec<NextStep<'a>>>,
        /// Where to read more.
        b"source_url" => source_url: Option<Text<'a>>,
    }
}

object! {
    /// What an incident is followed by.
    NextStep<'a> {
        /// Which service.
        b"applies_to" => applies_to: Option<Text<'a>>,
        /// What is done.
        b"type" => kind: Option<Text<'a>>,
        /// When.
        b"expected_at_utc" => expected_at_utc: Option<Instant>,
    }
}

object! {
    /// Best prices and the last 24 hours.
    Ticker<'a> {
        /// Pair.
        b"symbol" => symbol: Text<'a>,
        /// Best bid.
        b"bid" => bid: Option<Number>,
        /// Its quantity.
        b"bid_qty" => bid_qty: Option<Number>,
        /// Best ask.
        b"ask" => ask: Option<Number>,
        /// Its quantity.
        b"ask_qty" => ask_qty: Option<Number>,
        /// Price of the last trade.
        b"last" => last: Option<Number>,
        /// Base traded.
        b"volume" => volume: Option<Number>,
        /// Volume-weighted average price.
        b"vwap" => vwap: Option<Number>,
        /// Lowest price.
        b"low" => low: Option<Number>,
        /// Highest price.
        b"high" => high: Option<Number>,
        /// Change in quote.
        b"change" => change: Option<Number>,
        /// Change in percent.
        b"change_pct" => change_pct: Option<Number>,
        /// Trades.
        b"trades" => trades: Option<u64>,
        /// The venue's time.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A candle.
    Candle<'a> {
        /// Pair.
        b"symbol" => symbol: Text<'a>,
        /// First price.
        b"open" => open: Number,
        /// Highest price.
        b"high" => high: Number,
        /// Lowest price.
        b"low" => low: Number,
        /// Last price so far.
        b"close" => close: Number,
        /// Trades.
        b"trades" => trades: u64,
        /// Base traded.
        b"volume" => volume: Number,
        /// Volume-weighted average price.
        b"vwap" => vwap: Number,
        /// Begin of the interval.
        b"interval_begin" => interval_begin: Instant,
        /// Minutes.
        b"interval" => interval: u32,
        /// End of the interval; deprecated.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A level-2 book or its changed levels, as the typed reader has it; the scanner reads the same.
    BookRow<'a> {
        /// Pair.
        b"symbol" => symbol: Text<'a>,
        /// Bid levels.
        b"bids" => bids: Option<Vec<LevelRow<'a>>>,
        /// Ask levels.
        b"asks" => asks: Option<Vec<LevelRow<'a>>>,
        /// CRC-32 after this frame.
        b"checksum" => checksum: u32,
        /// The venue's time.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A level.
    LevelRow<'a> {
        /// Price.
        b"price" => price: Number,
        /// Total quantity; zero removes the level.
        b"qty" => qty: Number,
    }
}

object! {
    /// A public trade, as the typed reader has it; the scanner reads the same.
    TradeRow<'a> {
        /// Pair.
        b"symbol" => symbol: Text<'a>,
        /// Direction of the taker.
        b"side" => side: Text<'a>,
        /// Price.
        b"price" => price: Number,
        /// Quantity.
        b"qty" => qty: Number,
        /// Order type of the taker.
        b"ord_type" => ord_type: Option<Text<'a>>,
        /// Number of the trade in its book.
        b"trade_id" => trade_id: u64,
        /// The venue's time.
        b"timestamp" => timestamp: Instant,
    }
}

object! {
    /// An order-by-order book or its changes.
    Level3<'a> {
        /// Pair.
        b"symbol" => symbol: Text<'a>,
        /// Bid orders.
        b"bids" => bids: Option<Vec<Level3Order<'a>>>,
        /// Ask orders.
        b"asks" => asks: Option<Vec<Level3Order<'a>>>,
        /// CRC-32 after this frame.
        b"checksum" => checksum: u32,
        /// The venue's time.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// A resting order, or what became of it.
    Level3Order<'a> {
        /// `add`, `modify`, `delete`; absent in snapshots.
        b"event" => event: Option<Text<'a>>,
        /// The venue's id.
        b"order_id" => order_id: Text<'a>,
        /// Limit price.
        b"limit_price" => limit_price: Number,
        /// Visible quantity.
        b"order_qty" => order_qty: Number,
        /// When it took its place.
        b"timestamp" => timestamp: Option<Instant>,
    }
}

object! {
    /// All assets and pairs, or those that changed.
    Instruments<'a> {
        /// Assets.
        b"assets" => assets: Option<Vec<Asset<'a>>>,
        /// Pairs.
        b"pairs" => pairs: Option<Vec<Pair<'a>>>,
    }
}

object! {
    /// An asset.
    Asset<'a> {
        /// Modern code.
        b"id" => id: Text<'a>,
        /// `enabled`, `disabled`, `depositonly` and more.
        b"status" => status: Option<Text<'a>>,
        /// Fraction digits of balances.
        b"precision" => precision: u8,
        /// Fraction digits to show.
        b"precision_display" => precision_display: Option<u8>,
        /// Whether it can be borrowed.
        b"borrowable" => borrowable: Option<bool>,
        /// Haircut.
        b"collateral_value" => collateral_value: Option<Number>,
        /// Rate to borrow it.
        b"margin_rate" => margin_rate: Option<Number>,
        /// Tokenized assets only.
        b"multiplier" => multiplier: Option<Number>,
    }
}

object! {
    /// A pair and its rules.
    Pair<'a> {
        /// Modern name.
        b"symbol" => symbol: Text<'a>,
        /// What is bought and sold.
        b"base" => base: Text<'a>,
        /// What is paid with.
        b"quote" => quote: Text<'a>,
        /// `online`, `cancel_only` and more.
        b"status" => status: Text<'a>,
        /// Fraction digits of a price.
        b"price_precision" => price_precision: u8,
        /// Step between two prices.
        b"price_increment" => price_increment: Option<Number>,
        /// Its deprecated alias.
        b"tick_size" => tick_size: Option<Number>,
        /// Fraction digits of a quantity.
        b"qty_precision" => qty_precision: u8,
        /// Step between two quantities.
        b"qty_increment" => qty_increment: Option<Number>,
        /// Least quantity.
        b"qty_min" => qty_min: Option<Number>,
        /// Fraction digits of a cost.
        b"cost_precision" => cost_precision: Option<u8>,
        /// Least cost.
        b"cost_min" => cost_min: Option<Number>,
        /// Whether an index price exists.
        b"has_index" => has_index: Option<bool>,
        /// Whether it trades on margin.
        b"marginable" => marginable: Option<bool>,
        /// Initial margin, a fraction.
        b"margin_initial" => margin_initial: Option<Number>,
        /// Largest long position.
        b"position_limit_long" => position_limit_long: Option<Number>,
        /// Largest short position.
        b"position_limit_short" => position_limit_short: Option<Number>,
    }
}
