//! New orders, alone and in batches.
//!
//! Two steps, as at the venue: members and types first, then (after the token) names and values.
//! What exists at the venue and not here is refused as `EAPI:Feature disabled`: certainly not placed.

use super::{
    Asked, AskedTrigger, Fields, PriceType, VenueError, deadline, extras::AskedExtras, required,
};
use crate::{
    sim::matching::{NewOrder, Offset, OrderKind, SelfTrade, Size, TimeInForce, Universe},
    sim::server::{
        order_type::{OrderType, Unusable},
        refusal, terms,
    },
    types::{
        ClOrdId, Decimal, Instrument, InvalidDigits, InvalidPrice, Price, Quantity, Side,
        Timestamp, digits,
    },
};

const ADD_ORDER: [&str; 27] = [
    "order_type",
    "side",
    "symbol",
    "order_qty",
    "limit_price",
    "limit_price_type",
    "triggers",
    "time_in_force",
    "post_only",
    "reduce_only",
    "margin",
    "effective_time",
    "expire_time",
    "deadline",
    "cl_ord_id",
    "order_userref",
    "conditional",
    "display_qty",
    "fee_preference",
    "stp_type",
    "cash_order_qty",
    "validate",
    "sender_sub_id",
    "no_mpp",
    "stop_price",
    "trigger",
    "token",
];
const NOT_IN_BATCH: [&str; 4] = ["symbol", "token", "validate", "deadline"];

/// An order as it was asked for; its digits still need the pair's precisions.
#[derive(Clone, Debug)]
pub(crate) struct AddOrder {
    symbol: String,
    side: Side,
    limit: Option<Asked>,
    trigger: Option<AskedTrigger>,
    qty: Amount,
    lifetime: Lifetime,
    post_only: bool,
    self_trade: SelfTrade,
    display: Option<String>,
    /// The client's id, to be echoed.
    pub(crate) cl_ord_id: Option<String>,
    /// The client's number, to be echoed.
    pub(crate) userref: Option<i32>,
    deadline: Option<String>,
    validate: bool,
    margin: bool,
    reduce_only: bool,
    extras: AskedExtras,
}

/// Reads the members of `add_order`.
///
/// # Errors
///
/// Members and types that the venue refuses, and what is not simulated.
pub(crate) fn add_order(fields: &Fields<'_>) -> Result<AddOrder, VenueError> {
    fields.only(&ADD_ORDER, "add_order")?;
    required(fields.text("token")?, "token")?;
    let symbol = fields.text("symbol")?;
    let validate = fields.flag("validate")?.unwrap_or(false);
    let deadline = fields.text("deadline")?;
    order(fields, |_| required(symbol, "symbol"), validate, deadline)
}

fn order(
    fields: &Fields<'_>,
    symbol: impl FnOnce(&Fields<'_>) -> Result<String, VenueError>,
    validate: bool,
    deadline: Option<String>,
) -> Result<AddOrder, VenueError> {
    let kind = order_type(fields)?;
    let market = !kind.limit;
    let side = side(fields)?;
    let symbol = symbol(fields)?;
    for name in ["cash_order_qty", "display_qty", "stop_price"] {
        fields.number(name)?;
    }
    // Accepted and ignored, as at the venue.
    fields.flag("no_mpp")?;
    let extras = AskedExtras::read(fields)?;
    let cl_ord_id = fields.text("cl_ord_id")?;
    let userref = userref(fields)?;
    if cl_ord_id.is_some() && userref.is_some() {
        return Err(VenueError::of("EGeneral:Invalid arguments:cl_ord_id"));
    }
    Ok(AddOrder {
        symbol,
        side,
        limit: limit(fields, kind)?,
        trigger: trigger(fields, kind)?,
        qty: amount(fields, kind)?,
        lifetime: lifetime(fields, kind)?,
        post_only: post_only(fields, market)?,
        self_trade: self_trade(fields)?,
        display: display(fields, kind)?,
        cl_ord_id,
        userref,
        deadline,
        validate,
        margin: fields.flag("margin")?.unwrap_or(false),
        reduce_only: fields.flag("reduce_only")?.unwrap_or(false),
        extras,
    })
}

/// What an iceberg shows; nothing else hides anything.
fn display(fields: &Fields<'_>, kind: OrderType) -> Result<Option<String>, VenueError> {
    match (fields.number("display_qty")?, kind.iceberg) {
        (None, false) => Ok(None),
        (display, true) => required(display, "display_qty").map(|digits| Some(digits.to_owned())),
        (Some(_), false) => Err(VenueError::of("EGeneral:Invalid arguments:display_qty")),
    }
}

/// How much, as it was asked for.
#[derive(Clone, Debug)]
enum Amount {
    Base(String),
    Cash(String),
}

/// A quantity of base, or for a market order what it may spend.
fn amount(fields: &Fields<'_>, kind: OrderType) -> Result<Amount, VenueError> {
    let base = fields.number("order_qty")?;
    match fields.number("cash_order_qty")? {
        None => Ok(Amount::Base(required(base, "order_qty")?.to_owned())),
        Some(cash) if base.is_none() && kind == OrderType::MARKET => {
            Ok(Amount::Cash(cash.to_owned()))
        }
        Some(_) => Err(VenueError::of("EGeneral:Invalid arguments:cash_order_qty")),
    }
}

fn order_type(fields: &Fields<'_>) -> Result<OrderType, VenueError> {
    let name = required(fields.text("order_type")?, "order_type")?;
    OrderType::read(&name).map_err(|unusable| match unusable {
        Unusable::NotSimulated => VenueError::DISABLED,
        Unusable::Unknown => VenueError::of("EGeneral:Invalid arguments:order_type"),
    })
}

fn side(fields: &Fields<'_>) -> Result<Side, VenueError> {
    match required(fields.text("side")?, "side")?.as_str() {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(VenueError::of("EGeneral:Invalid arguments:side")),
    }
}

fn limit(fields: &Fields<'_>, kind: OrderType) -> Result<Option<Asked>, VenueError> {
    let price = fields.number("limit_price")?;
    let price_type = PriceType::read(fields, "limit_price_type")?;
    if !kind.limit {
        return match price {
            Some(_) => Err(VenueError::of("EOrder:Invalid limit price")),
            None => Ok(None),
        };
    }
    let price = required(price, "limit_price")?;
    let price_type = price_type.unwrap_or(PriceType::of_limit(kind));
    // A distance is one from a trigger.
    if kind.trigger.is_none() && price_type != PriceType::Static {
        return Err(VenueError::of(
            "EGeneral:Invalid arguments:limit_price_type",
        ));
    }
    Ok(Some(Asked::new(price, price_type)))
}

fn trigger(fields: &Fields<'_>, kind: OrderType) -> Result<Option<AskedTrigger>, VenueError> {
    match kind.trigger {
        Some(kind) => AskedTrigger::read(fields, kind).map(Some),
        None => {
            let misplaced = ["triggers", "stop_price", "trigger"];
            let misplaced = misplaced.into_iter().find(|name| fields.has(name));
            misplaced.map_or(Ok(None), |name| {
                let words = format!("EGeneral:Invalid arguments:{name}");
                Err(VenueError::with(words))
            })
        }
    }
}

/// A time in force whose expiry still has to be held against the clock.
#[derive(Clone, Copy, Debug)]
enum Lifetime {
    Sure(TimeInForce),
    Until(Timestamp),
}

fn lifetime(fields: &Fields<'_>, kind: OrderType) -> Result<Lifetime, VenueError> {
    const EXPIRY: VenueError = VenueError::of("EGeneral:Invalid arguments:expire_time");
    let expiry = fields.text("expire_time")?;
    let expiry = expiry
        .map(|text| Timestamp::parse(&text).map_err(|_malformed| EXPIRY))
        .transpose()?;
    match (fields.text("time_in_force")?.as_deref(), expiry) {
        (Some("gtd"), Some(at)) => Ok(Lifetime::Until(at)),
        (Some("gtd"), None) | (_, Some(_)) => Err(EXPIRY),
        (None | Some("gtc"), None) => Ok(Lifetime::Sure(TimeInForce::Gtc)),
        (Some("ioc"), None) => Ok(Lifetime::Sure(TimeInForce::Ioc)),
        (Some("fok"), None) if kind == OrderType::LIMIT => Ok(Lifetime::Sure(TimeInForce::Fok)),
        (Some(_), None) => Err(VenueError::of("EGeneral:Invalid arguments:time_in_force")),
    }
}

fn post_only(fields: &Fields<'_>, market: bool) -> Result<bool, VenueError> {
    let post_only = fields.flag("post_only")?.unwrap_or(false);
    if post_only && market {
        return Err(VenueError::of("EGeneral:Invalid arguments:post_only"));
    }
    Ok(post_only)
}

fn self_trade(fields: &Fields<'_>) -> Result<SelfTrade, VenueError> {
    match fields.text("stp_type")?.as_deref() {
        None | Some("cancel_newest") => Ok(SelfTrade::CancelNewest),
        Some("cancel_oldest") => Ok(SelfTrade::CancelOldest),
        Some("cancel_both") => Ok(SelfTrade::CancelBoth),
        Some(_) => Err(VenueError::of("EGeneral:Invalid arguments:stp_type")),
    }
}

pub(super) fn userref(fields: &Fields<'_>) -> Result<Option<i32>, VenueError> {
    let Some(userref) = fields.integer("order_userref")? else {
        return Ok(None);
    };
    i32::try_from(userref)
        .map(Some)
        .map_err(|_too_large| VenueError::of("EGeneral:Invalid arguments:order_userref"))
}

impl AddOrder {
    /// The order in the pair's units.
    ///
    /// # Errors
    ///
    /// Unknown symbols, values that are none, options that this account does not have.
    pub(crate) fn resolve(
        &self,
        universe: &Universe,
        now: Timestamp,
    ) -> Result<NewOrder, VenueError> {
        let unknown = || VenueError::with(format!("Currency pair not supported {}", self.symbol));
        let pair = universe.find_symbol(&self.symbol).ok_or_else(unknown)?;
        let spec = universe.pair(pair).ok_or_else(unknown)?;
        let deadline = deadline(self.deadline.as_deref(), now)?;
        let kind = match &self.limit {
            Some(limit) if self.trigger.is_none() => match limit.resolve(&spec.instrument)? {
                Offset::At(price) => OrderKind::Limit(price),
                Offset::Percent(_) | Offset::Quote(_) => {
                    return Err(VenueError::of(
                        "EGeneral:Invalid arguments:limit_price_type",
                    ));
                }
            },
            // The limit of one that waits is its trigger's to say.
            Some(_) | None => OrderKind::Market,
        };
        let trigger = self.trigger.as_ref();
        let trigger = trigger
            .map(|trigger| trigger.resolve(&spec.instrument, self.limit.as_ref()))
            .transpose()?;
        let qty = match &self.qty {
            Amount::Base(digits) => Size::Base(resolve_quantity(&spec.instrument, digits)?),
            Amount::Cash(digits) => {
                let invalid = VenueError::of("EGeneral:Invalid arguments:cash_order_qty");
                let cash: Decimal = digits.parse().map_err(|_malformed| invalid.clone())?;
                if cash.is_negative() || cash.normalized().scale() > spec.instrument.cost_precision
                {
                    return Err(invalid);
                }
                Size::Cash(cash)
            }
        };
        let display = self.display.as_deref();
        let display = display
            .map(|digits| resolve_quantity(&spec.instrument, digits))
            .transpose()?;
        let cl_ord_id = self.cl_ord_id.as_deref();
        let cl_ord_id = cl_ord_id.map(|text| client_id(text, "cl_ord_id"));
        let cl_ord_id = cl_ord_id.transpose()?;
        if self.reduce_only {
            return Err(VenueError::of("EOrder:Reduce only:No position exists"));
        }
        if self.margin {
            return Err(VenueError::of("EOrder:Cannot open position"));
        }
        Ok(NewOrder {
            pair,
            side: self.side,
            kind,
            qty,
            time_in_force: self.time_in_force(now)?,
            post_only: self.post_only,
            trigger,
            self_trade: self.self_trade,
            display,
            cl_ord_id,
            userref: self.userref,
            deadline: Some(deadline),
            validate: self.validate,
            extras: self.extras.resolve(&spec.instrument, now)?,
        })
    }

    fn time_in_force(&self, now: Timestamp) -> Result<TimeInForce, VenueError> {
        match self.lifetime {
            Lifetime::Sure(time_in_force) => Ok(time_in_force),
            Lifetime::Until(at) if self.extras.works_until(at, now) => Ok(TimeInForce::Gtd(at)),
            Lifetime::Until(_) => Err(VenueError::of("EGeneral:Invalid arguments:expire_time")),
        }
    }
}

/// Reads the members of `batch_add`: orders of one pair, in the request's order.
///
/// # Errors
///
/// As for [`add_order`]; the first bad order refuses the batch.
pub(crate) fn batch_add(fields: &Fields<'_>) -> Result<Vec<AddOrder>, VenueError> {
    fields.only(
        &["symbol", "orders", "deadline", "validate", "token"],
        "batch_add",
    )?;
    required(fields.text("token")?, "token")?;
    let symbol = required(fields.text("symbol")?, "symbol")?;
    let validate = fields.flag("validate")?.unwrap_or(false);
    let deadline = fields.text("deadline")?;
    let entries = required(fields.objects("orders")?, "orders")?;
    if !(2..=15).contains(&entries.len()) {
        return Err(VenueError::of("EGeneral:Invalid arguments:orders"));
    }
    let allowed: Vec<&str> = ADD_ORDER
        .into_iter()
        .filter(|name| !NOT_IN_BATCH.contains(name))
        .collect();
    let read = |entry: &Fields<'_>| {
        entry.only(&allowed, "batch_add")?;
        order(entry, |_| Ok(symbol.clone()), validate, deadline.clone())
    };
    entries.iter().map(read).collect()
}

/// A price in the pair's units.
///
/// # Errors
///
/// Digits that are no price of this pair.
pub(crate) fn resolve_price(of: &Instrument, digits: &str) -> Result<Price, VenueError> {
    of.price(digits).map_err(|error| match error {
        InvalidPrice::Digits(InvalidDigits::TooPrecise(_)) => {
            VenueError::with(refusal::too_many_decimals(of))
        }
        InvalidPrice::Digits(
            InvalidDigits::Malformed | InvalidDigits::Negative | InvalidDigits::TooLarge,
        )
        | InvalidPrice::Zero => VenueError::of("EOrder:Invalid price:Invalid price argument"),
    })
}

/// A quantity in the pair's units.
///
/// # Errors
///
/// Digits that are no quantity of this pair.
pub(crate) fn resolve_quantity(of: &Instrument, text: &str) -> Result<Quantity, VenueError> {
    digits::fixed(text.as_bytes(), of.qty_precision)
        .ok()
        .and_then(|units| Quantity::new(units).ok())
        .ok_or(VenueError::of("EGeneral:Invalid arguments:volume"))
}

/// Reads a client's id under the name of its member.
pub(super) fn client_id(text: &str, name: &str) -> Result<ClOrdId, VenueError> {
    terms::client_id(text)
        .ok_or_else(|| VenueError::with(format!("EGeneral:Invalid arguments:{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#""order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":1,"limit_price":5.5,"token":"T""#;

    fn refusal(members: &str) -> String {
        let json = format!("{{{members}}}");
        let fields = Fields::parse(&json).unwrap();
        add_order(&fields).unwrap_err().0.into_owned()
    }

    fn accepted(members: &str) -> AddOrder {
        let json = format!("{{{members}}}");
        add_order(&Fields::parse(&json).unwrap()).unwrap()
    }

    #[test]
    fn orders_of_wrong_shape_are_refused_in_the_venues_words() {
        for (change, want) in [
            (
                ("\"token\":\"T\"", "\"x\":1"),
                "Unsupported field: 'x' for the given msg type: add order",
            ),
            ((",\"token\":\"T\"", ""), "Token(s) not found"),
            (("\"symbol\":\"BTC/USD\",", ""), "Symbol(s) not found"),
            (("\"order_qty\":1,", ""), "Order_qty(s) not found"),
            (("\"limit_price\":5.5,", ""), "Limit_price(s) not found"),
            (("\"order_type\":\"limit\",", ""), "Order_type(s) not found"),
            (
                ("5.5", "\"5.5\""),
                "Limit_price field must be a number_float",
            ),
            (
                ("\"order_qty\":1", "\"order_qty\":null"),
                "Order_qty field must be a number_float",
            ),
            (
                ("1,", "1,\"cash_order_qty\":\"5\","),
                "Cash_order_qty field must be a number_float",
            ),
            (
                ("\"side\":\"buy\"", "\"side\":1"),
                "Side field must be a string",
            ),
            (("\"buy\"", "\"hold\""), "EGeneral:Invalid arguments:side"),
            (
                ("\"limit\"", "\"hunch\""),
                "EGeneral:Invalid arguments:order_type",
            ),
            (
                ("\"limit\"", "\"settle-position\""),
                "EAPI:Feature disabled",
            ),
            (("\"limit\"", "\"iceberg\""), "Display_qty(s) not found"),
            (
                ("1,", "1,\"display_qty\":1,"),
                "EGeneral:Invalid arguments:display_qty",
            ),
            (
                ("\"limit\"", "\"stop-loss-limit\""),
                "Triggers(s) not found",
            ),
            (
                ("1,", "1,\"triggers\":{\"price\":5},"),
                "EGeneral:Invalid arguments:triggers",
            ),
            (("\"limit\"", "\"market\""), "EOrder:Invalid limit price"),
            (
                ("1,", "1,\"time_in_force\":\"gtd\","),
                "EGeneral:Invalid arguments:expire_time",
            ),
            (
                ("1,", "1,\"leverage\":2,"),
                "Unsupported field: 'leverage' for the given msg type: add order",
            ),
            (
                ("1,", "1,\"post_only\":\"yes\","),
                "Post_only field must be a boolean",
            ),
            (
                ("1,", "1,\"conditional\":{},\"cl_ord_id\":\"a\","),
                "EOrder:cl_ord_id is not supported on conditional close",
            ),
        ] {
            let members = GOOD.replacen(change.0, change.1, 1);
            assert_ne!(members, GOOD, "{change:?}");
            assert_eq!(refusal(&members), want, "{members}");
        }
    }

    #[test]
    fn what_the_official_sdk_adds_is_accepted() {
        let members = format!(
            "{GOOD},\"fee_preference\":\"quote\",\"no_mpp\":false,\"stp_type\":\"cancel_newest\",\"limit_price_type\":\"static\""
        );
        let order = accepted(&members);
        assert!(order.limit.is_some());
        assert!(matches!(order.qty, Amount::Base(digits) if digits == "1"));
    }
}
