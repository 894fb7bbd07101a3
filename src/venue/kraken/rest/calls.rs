//! The calls, typed: what goes out and what comes back (§3).
//!
//! Left out: fields that nothing reads. Always true: what kind of call something is, is its type. A [`Read`] may be repeated, an
//! [`Order`] is consumed by its one send, a [`CancelOrder`] goes past every queue.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    form::Form,
    number::{Amount, Seconds, WholeSeconds},
};
use crate::{
    resilience::Idempotent,
    types::{ClOrdId, Decimal, OrderId, Side, TimeInForce, Timestamp, TradingStatus},
    venue::kraken::decode,
};

/// One endpoint and its parameters.
pub trait Call: Send + Sync {
    /// Name in the URL.
    const NAME: &'static str;
    /// What it answers.
    type Answer: DeserializeOwned + Send;

    /// Writes the parameters.
    fn write(&self, _form: &mut Form) {}
}

/// A call without a key. May be repeated.
pub trait Public: Call + Idempotent {}

/// A call with a key that changes nothing. May be repeated.
pub trait Read: Call + Idempotent {
    /// Points on the REST counter (§5.1).
    const COST: u32 = 1;
}

/// A call that makes or changes an order. Consumed by its one send; it is not [`Idempotent`], so nothing makes it again.
///
/// A read may be retried:
///
/// ```
/// use std::{future::ready, time::Duration};
/// use tradingd::{
///     resilience::retry::{Next, Retry},
///     venue::kraken::rest::calls::{AddOrder, Balance},
/// };
///
/// async fn insist(retry: &Retry, call: &Balance) -> Result<(), ()> {
///     let attempt = |_call| ready(Err(()));
///     retry.call(call, attempt, |_error| Next::After(Duration::ZERO)).await
/// }
/// ```
///
/// With a create instead, the same does not compile:
///
/// ```compile_fail,E0277
/// use std::{future::ready, time::Duration};
/// use tradingd::{
///     resilience::retry::{Next, Retry},
///     venue::kraken::rest::calls::{AddOrder, Balance},
/// };
///
/// async fn insist(retry: &Retry, call: &AddOrder) -> Result<(), ()> {
///     let attempt = |_call| ready(Err(()));
///     retry.call(call, attempt, |_error| Next::After(Duration::ZERO)).await
/// }
/// ```
pub trait Order: Call {}

/// The venue's clock.
#[derive(Clone, Copy, Debug)]
pub struct Time;

impl Call for Time {
    const NAME: &'static str = "Time";
    type Answer = VenueTime;
}
impl Idempotent for Time {}
impl Public for Time {}

/// Answer to [`Time`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct VenueTime {
    /// Whole seconds since the epoch.
    pub unixtime: i64,
}

/// What the venue as a whole allows.
#[derive(Clone, Copy, Debug)]
pub struct SystemStatus;

impl Call for SystemStatus {
    const NAME: &'static str = "SystemStatus";
    type Answer = Status;
}
impl Idempotent for SystemStatus {}
impl Public for SystemStatus {}

/// Answer to [`SystemStatus`].
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    status: String,
}

impl Status {
    /// What is allowed; a word that is not known allows nothing.
    #[must_use]
    pub fn status(&self) -> TradingStatus {
        decode::trading_status(&self.status)
    }
}

/// All assets.
#[derive(Clone, Copy, Debug)]
pub struct Assets;

impl Call for Assets {
    const NAME: &'static str = "Assets";
    type Answer = BTreeMap<String, AssetRow>;
}
impl Idempotent for Assets {}
impl Public for Assets {}

/// One asset.
#[derive(Clone, Debug, Deserialize)]
pub struct AssetRow {
    /// Alternative name: `XBT`.
    pub altname: String,
}

/// All pairs.
#[derive(Clone, Copy, Debug)]
pub struct AssetPairs;

impl Call for AssetPairs {
    const NAME: &'static str = "AssetPairs";
    type Answer = BTreeMap<String, PairRow>;
}
impl Idempotent for AssetPairs {}
impl Public for AssetPairs {}

/// One pair. Fields that old answers lack are optional.
#[derive(Clone, Debug, Deserialize)]
pub struct PairRow {
    /// Alternative name: `XBTUSD`.
    pub altname: String,
    /// WebSocket v1 name: `XBT/USD`. Dark pools have none.
    pub wsname: Option<String>,
    /// Asset id of the base.
    pub base: String,
    /// Asset id of the quote.
    pub quote: String,
    /// Fraction digits of costs.
    pub cost_decimals: Option<u8>,
    /// Fraction digits of prices.
    pub pair_decimals: u8,
    /// Fraction digits of quantities.
    pub lot_decimals: u8,
    /// Least quantity.
    pub ordermin: Option<Amount>,
    /// Least cost.
    pub costmin: Option<Amount>,
    /// Step of prices.
    pub tick_size: Option<Amount>,
    /// What is allowed. Missing means unknown (§6.2).
    pub status: Option<String>,
    /// Taker fees: 30-day volume and percent.
    #[serde(default)]
    pub fees: Vec<(Amount, Amount)>,
    /// Maker fees: 30-day volume and percent.
    #[serde(default)]
    pub fees_maker: Vec<(Amount, Amount)>,
}

/// All balances, holds included.
#[derive(Clone, Copy, Debug)]
pub struct Balance;

impl Call for Balance {
    const NAME: &'static str = "Balance";
    type Answer = BTreeMap<String, Amount>;
}
impl Idempotent for Balance {}
impl Read for Balance {}

/// All balances and what orders hold of them.
#[derive(Clone, Copy, Debug)]
pub struct BalanceEx;

impl Call for BalanceEx {
    const NAME: &'static str = "BalanceEx";
    type Answer = BTreeMap<String, BalanceRow>;
}
impl Idempotent for BalanceEx {}
impl Read for BalanceEx {}

/// One balance.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct BalanceRow {
    /// Total.
    pub balance: Amount,
    /// Held by open orders.
    pub hold_trade: Amount,
}

/// Open orders: all, or those with a client id.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOrders {
    /// Only this client id.
    pub cl_ord_id: Option<ClOrdId>,
}

impl Call for OpenOrders {
    const NAME: &'static str = "OpenOrders";
    type Answer = Open;

    fn write(&self, form: &mut Form) {
        form.add_some("cl_ord_id", self.cl_ord_id);
    }
}
impl Idempotent for OpenOrders {}
impl Read for OpenOrders {}

/// Answer to [`OpenOrders`].
#[derive(Clone, Debug, Deserialize)]
pub struct Open {
    /// By order id.
    pub open: BTreeMap<String, OrderRow>,
}

/// A page of closed orders, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ClosedOrders {
    /// Only this client id.
    pub cl_ord_id: Option<ClOrdId>,
    /// Closed after this instant.
    pub start: Timestamp,
    /// Rows to pass over.
    pub offset: u64,
}

impl Call for ClosedOrders {
    const NAME: &'static str = "ClosedOrders";
    type Answer = Closed;

    fn write(&self, form: &mut Form) {
        form.add_some("cl_ord_id", self.cl_ord_id);
        write_page(form, self.start, self.offset);
        form.add("closetime", "close");
        form.add("consolidate_taker", false);
    }
}
impl Idempotent for ClosedOrders {}
impl Read for ClosedOrders {}

/// Answer to [`ClosedOrders`].
#[derive(Clone, Debug, Deserialize)]
pub struct Closed {
    /// By order id.
    pub closed: BTreeMap<String, OrderRow>,
    /// All matches, not only those of this page.
    pub count: u64,
}

/// Orders by the venue's ids, at most 50.
#[derive(Clone, Debug)]
pub struct QueryOrders {
    /// Order ids.
    pub order_ids: Vec<String>,
}

impl Call for QueryOrders {
    const NAME: &'static str = "QueryOrders";
    type Answer = BTreeMap<String, OrderRow>;

    fn write(&self, form: &mut Form) {
        form.add("txid", self.order_ids.join(","));
    }
}
impl Idempotent for QueryOrders {}
impl Read for QueryOrders {}

/// One order.
#[derive(Clone, Debug, Deserialize)]
pub struct OrderRow {
    /// The client's id.
    pub cl_ord_id: Option<String>,
    /// `pending`, `open`, `closed`, `canceled`, `expired`.
    pub status: String,
    /// When it was opened.
    pub opentm: Seconds,
    /// What it is.
    pub descr: Description,
    /// Total quantity.
    pub vol: Amount,
    /// Filled so far.
    pub vol_exec: Amount,
}

/// What an order is.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// Pair, as alternative name.
    pub pair: String,
    /// `buy` or `sell`.
    #[serde(rename = "type")]
    pub side: WireSide,
    /// `limit`, `market`, …
    pub ordertype: String,
    /// Limit or trigger price. Relative prices are texts of their own.
    #[serde(default)]
    pub price: String,
    /// Limit price of triggered orders.
    #[serde(default)]
    pub price2: String,
}

/// `buy` or `sell`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum WireSide {
    /// Base in.
    Buy,
    /// Base out.
    Sell,
}

impl From<WireSide> for Side {
    fn from(side: WireSide) -> Self {
        match side {
            WireSide::Buy => Self::Buy,
            WireSide::Sell => Self::Sell,
        }
    }
}

/// A page of fills, newest first, each on its own.
#[derive(Clone, Copy, Debug)]
pub struct TradesHistory {
    /// After this instant.
    pub start: Timestamp,
    /// Rows to pass over.
    pub offset: u64,
}

impl Call for TradesHistory {
    const NAME: &'static str = "TradesHistory";
    type Answer = Trades;

    fn write(&self, form: &mut Form) {
        write_page(form, self.start, self.offset);
        form.add("consolidate_taker", false);
    }
}
impl Idempotent for TradesHistory {}
impl Read for TradesHistory {
    const COST: u32 = 2;
}

/// Answer to [`TradesHistory`].
#[derive(Clone, Debug, Deserialize)]
pub struct Trades {
    /// By fill id.
    pub trades: BTreeMap<String, TradeRow>,
    /// All matches, not only those of this page.
    pub count: u64,
}

/// One fill.
#[derive(Clone, Debug, Deserialize)]
pub struct TradeRow {
    /// Its order.
    pub ordertxid: String,
    /// Pair, as id or alternative name.
    pub pair: String,
    /// When.
    pub time: Seconds,
    /// Price.
    pub price: Amount,
    /// What was paid or received, in quote.
    pub cost: Amount,
    /// Fee.
    pub fee: Amount,
    /// Quantity.
    pub vol: Amount,
    /// Whether the order rested.
    pub maker: Option<bool>,
}

/// Volume and fee rates of some pairs.
#[derive(Clone, Debug)]
pub struct TradeVolume {
    /// Pairs in any spelling.
    pub pairs: Vec<String>,
}

impl Call for TradeVolume {
    const NAME: &'static str = "TradeVolume";
    type Answer = Volume;

    fn write(&self, form: &mut Form) {
        form.add("pair", self.pairs.join(","));
    }
}
impl Idempotent for TradeVolume {}
impl Read for TradeVolume {}

/// Answer to [`TradeVolume`].
#[derive(Clone, Debug, Deserialize)]
pub struct Volume {
    /// Taker rates by pair id.
    pub fees: Option<BTreeMap<String, FeeRow>>,
    /// Maker rates by pair id.
    pub fees_maker: Option<BTreeMap<String, FeeRow>>,
}

/// One fee rate.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct FeeRow {
    /// In percent.
    pub fee: Amount,
}

/// A token for the private socket.
#[derive(Clone, Copy, Debug)]
pub struct GetWebSocketsToken;

impl Call for GetWebSocketsToken {
    const NAME: &'static str = "GetWebSocketsToken";
    type Answer = TokenRow;
}
impl Idempotent for GetWebSocketsToken {}
impl Read for GetWebSocketsToken {}

/// Answer to [`GetWebSocketsToken`].
#[derive(Deserialize)]
pub struct TokenRow {
    token: String,
}

impl TokenRow {
    /// The token.
    #[must_use]
    pub fn into_secret(self) -> SecretString {
        self.token.into()
    }
}

impl fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRow(***)")
    }
}

/// Places a limit order. For tools; the daemon places orders over the private socket only.
#[derive(Debug)]
pub struct AddOrder {
    /// Pair in any spelling.
    pub pair: String,
    /// Direction.
    pub side: Side,
    /// Quantity.
    pub volume: Decimal,
    /// Limit price.
    pub price: Decimal,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Never take.
    pub post_only: bool,
    /// The order's own id.
    pub cl_ord_id: ClOrdId,
    /// Not to be matched after this.
    pub deadline: Timestamp,
}

impl Call for AddOrder {
    const NAME: &'static str = "AddOrder";
    type Answer = Added;

    fn write(&self, form: &mut Form) {
        form.add("ordertype", "limit");
        form.add("pair", &self.pair);
        form.add("type", self.side);
        form.add("volume", self.volume);
        form.add("price", self.price);
        let time_in_force = match self.time_in_force {
            TimeInForce::Gtc => "GTC",
            TimeInForce::Ioc => "IOC",
        };
        form.add("timeinforce", time_in_force);
        form.add_some("oflags", self.post_only.then_some("post"));
        form.add("cl_ord_id", self.cl_ord_id);
        form.add("deadline", self.deadline.rfc3339(3));
    }
}
impl Order for AddOrder {}

/// Answer to [`AddOrder`].
#[derive(Clone, Debug, Deserialize)]
pub struct Added {
    /// Order ids; one.
    #[serde(default)]
    pub txid: Vec<OrderId>,
}

/// Changes a resting order in place. For tools.
#[derive(Debug)]
pub struct AmendOrder {
    /// The order's own id.
    pub cl_ord_id: ClOrdId,
    /// New total quantity.
    pub order_qty: Decimal,
    /// New limit price.
    pub limit_price: Decimal,
    /// Refuse if the new price would take.
    pub post_only: bool,
    /// Not to take effect after this.
    pub deadline: Timestamp,
}

impl Call for AmendOrder {
    const NAME: &'static str = "AmendOrder";
    type Answer = Amended;

    fn write(&self, form: &mut Form) {
        form.add("cl_ord_id", self.cl_ord_id);
        form.add("order_qty", self.order_qty);
        form.add("limit_price", self.limit_price);
        form.add("post_only", self.post_only);
        form.add("deadline", self.deadline.rfc3339(3));
    }
}
impl Order for AmendOrder {}

/// Answer to [`AmendOrder`].
#[derive(Clone, Debug, Deserialize)]
pub struct Amended {
    /// Id of the change.
    pub amend_id: String,
}

/// Cancels one order. Goes past every queue and breaker; may be repeated.
#[derive(Clone, Copy, Debug)]
pub enum CancelOrder {
    /// By the venue's id.
    Id(OrderId),
    /// By the order's own id.
    ClOrdId(ClOrdId),
}

impl Call for CancelOrder {
    const NAME: &'static str = "CancelOrder";
    type Answer = CanceledCount;

    fn write(&self, form: &mut Form) {
        match self {
            Self::Id(id) => form.add("txid", id),
            Self::ClOrdId(id) => form.add("cl_ord_id", id),
        }
    }
}

/// Answer to [`CancelOrder`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct CanceledCount {
    /// Orders canceled.
    pub count: u64,
}

/// `start` is exclusive and in seconds: a second earlier loses nothing.
fn write_page(form: &mut Form, start: Timestamp, offset: u64) {
    let start = start.before(std::time::Duration::from_secs(1));
    if start > Timestamp::from_secs(0) {
        form.add("start", WholeSeconds(start));
    }
    form.add("ofs", offset);
}
