//! Changes of orders that are there: amends and cancels, alone and in batches.

use super::{Asked, AskedTrigger, Fields, PriceType, VenueError, deadline, required};
use crate::{
    sim::matching::CancelTarget,
    types::{ClOrdId, OrderId, Timestamp},
};

/// A change as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct AmendOrder {
    /// Which order; none if the id cannot be one.
    pub(crate) target: Target,
    /// New total quantity's digits.
    pub(crate) qty: Option<String>,
    /// New limit price, and how it is meant if that is said.
    pub(crate) price: Option<(String, Option<PriceType>)>,
    /// New price to wait for.
    pub(crate) trigger: Option<Asked>,
    /// New most that it shows.
    pub(crate) display: Option<String>,
    /// Refuse if it would take.
    pub(crate) post_only: bool,
    deadline: Option<String>,
}

impl AmendOrder {
    /// The instant after which the change must not take effect.
    ///
    /// # Errors
    ///
    /// As the venue's rules for deadlines.
    pub(crate) fn deadline(&self, now: Timestamp) -> Result<Timestamp, VenueError> {
        deadline(self.deadline.as_deref(), now)
    }
}

/// An order by the id that the client used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// The venue's id.
    Order(String),
    /// The client's id.
    Client(String),
}

impl Target {
    /// The id as the exchange takes it; none if it cannot be one.
    pub(crate) fn find(&self) -> Option<CancelTarget> {
        match self {
            Self::Order(id) => OrderId::new(id).ok().map(CancelTarget::Order),
            Self::Client(id) => ClOrdId::new(id).ok().map(CancelTarget::Client),
        }
    }

    /// Name and value of the id in a reply.
    pub(crate) fn echo(&self) -> (&'static str, &str) {
        match self {
            Self::Order(id) => ("order_id", id),
            Self::Client(id) => ("cl_ord_id", id),
        }
    }
}

/// Reads the members of `amend_order`.
///
/// # Errors
///
/// Members and types that the venue refuses, and what is not simulated.
pub(crate) fn amend_order(fields: &Fields<'_>) -> Result<AmendOrder, VenueError> {
    let allowed = [
        "order_id",
        "cl_ord_id",
        "order_qty",
        "limit_price",
        "limit_price_type",
        "display_qty",
        "trigger_price",
        "trigger_price_type",
        "post_only",
        "deadline",
        "symbol",
        "token",
    ];
    fields.only(&allowed, "amend_order")?;
    required(fields.text("token")?, "token")?;
    let target = match (fields.text("order_id")?, fields.text("cl_ord_id")?) {
        (Some(_), Some(_)) => return Err(VenueError::of("EGeneral:Invalid arguments:cl_ord_id")),
        (Some(id), None) => Target::Order(id),
        (None, Some(id)) => Target::Client(id),
        (None, None) => return Err(VenueError::of("Order_id(s) not found")),
    };
    fields.text("symbol")?;
    let price_type = PriceType::read(fields, "limit_price_type")?;
    let price = fields.number("limit_price")?;
    let trigger_type = PriceType::read(fields, "trigger_price_type")?;
    let trigger = fields.number("trigger_price")?;
    Ok(AmendOrder {
        target,
        qty: fields.number("order_qty")?.map(str::to_owned),
        price: price.map(|price| (price.to_owned(), price_type)),
        trigger: trigger.map(|price| Asked::new(price, trigger_type.unwrap_or(PriceType::Static))),
        display: fields.number("display_qty")?.map(str::to_owned),
        post_only: fields.flag("post_only")?.unwrap_or(false),
        deadline: fields.text("deadline")?,
    })
}

/// A replacement as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct EditOrder {
    /// Which order.
    pub(crate) order_id: String,
    /// What to change.
    pub(crate) change: AmendOrder,
    /// The new order's number.
    pub(crate) userref: Option<i32>,
    /// Check only.
    pub(crate) validate: bool,
}

/// Reads the members of `edit_order`.
///
/// # Errors
///
/// Members and types that the venue refuses, and what is not simulated.
pub(crate) fn edit_order(fields: &Fields<'_>) -> Result<EditOrder, VenueError> {
    let allowed = [
        "order_id",
        "symbol",
        "order_qty",
        "limit_price",
        "display_qty",
        "order_userref",
        "deadline",
        "post_only",
        "reduce_only",
        "fee_preference",
        "triggers",
        "validate",
        "no_mpp",
        "token",
    ];
    fields.only(&allowed, "edit_order")?;
    required(fields.text("token")?, "token")?;
    let order_id = required(fields.text("order_id")?, "order_id")?;
    required(fields.text("symbol")?, "symbol")?;
    if fields.flag("reduce_only")?.unwrap_or(false) {
        return Err(VenueError::of("EOrder:Reduce only:No position exists"));
    }
    fields.text("fee_preference")?;
    Ok(EditOrder {
        userref: super::orders::userref(fields)?,
        validate: fields.flag("validate")?.unwrap_or(false),
        change: AmendOrder {
            target: Target::Order(order_id.clone()),
            qty: fields.number("order_qty")?.map(str::to_owned),
            price: fields
                .number("limit_price")?
                .map(|price| (price.to_owned(), None)),
            trigger: AskedTrigger::price_of(fields)?,
            display: fields.number("display_qty")?.map(str::to_owned),
            post_only: fields.flag("post_only")?.unwrap_or(false),
            deadline: fields.text("deadline")?,
        },
        order_id,
    })
}

/// Orders to be canceled, by whichever ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct CancelOrder {
    /// By id.
    pub(crate) targets: Vec<Target>,
    /// By the client's number; each may stand for several.
    pub(crate) userrefs: Vec<i64>,
}

/// Reads the members of `cancel_order`.
///
/// # Errors
///
/// Members and types that the venue refuses; no id at all.
pub(crate) fn cancel_order(fields: &Fields<'_>) -> Result<CancelOrder, VenueError> {
    let allowed = ["order_id", "cl_ord_id", "order_userref", "token"];
    fields.only(&allowed, "cancel_order")?;
    required(fields.text("token")?, "token")?;
    let by_order = fields.texts("order_id")?.unwrap_or_default();
    let by_client = fields.texts("cl_ord_id")?.unwrap_or_default();
    let userrefs = fields.integers("order_userref")?.unwrap_or_default();
    if by_order.is_empty() && by_client.is_empty() && userrefs.is_empty() {
        return Err(VenueError::of("Order_id(s) not found"));
    }
    let by_order = by_order.into_iter().map(Target::Order);
    let by_client = by_client.into_iter().map(Target::Client);
    Ok(CancelOrder {
        targets: by_order.chain(by_client).collect(),
        userrefs,
    })
}

/// Reads the members of `batch_cancel`: ids, or the client's numbers written as texts.
///
/// # Errors
///
/// Members and types that the venue refuses; fewer than two ids, or more than fifty.
pub(crate) fn batch_cancel(fields: &Fields<'_>) -> Result<CancelOrder, VenueError> {
    fields.only(&["orders", "cl_ord_id", "token"], "batch_cancel")?;
    required(fields.text("token")?, "token")?;
    let orders = fields.texts("orders")?.unwrap_or_default();
    let by_client = fields.texts("cl_ord_id")?.unwrap_or_default();
    if orders.is_empty() && by_client.is_empty() {
        return Err(VenueError::of("Orders(s) not found"));
    }
    if !(2..=50).contains(&(orders.len() + by_client.len())) {
        return Err(VenueError::of("EGeneral:Invalid arguments:orders"));
    }
    let mut cancel = CancelOrder::default();
    for id in orders {
        match id.parse() {
            Ok(userref) => cancel.userrefs.push(userref),
            Err(_no_number) => cancel.targets.push(Target::Order(id)),
        }
    }
    cancel
        .targets
        .extend(by_client.into_iter().map(Target::Client));
    Ok(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancels_name_at_least_one_order() {
        let cancel = |json: &str| cancel_order(&Fields::parse(json).unwrap());
        assert_eq!(
            cancel(r#"{"token":"T"}"#).unwrap_err().0,
            "Order_id(s) not found"
        );
        assert_eq!(
            cancel(r#"{"order_id":"O","token":"T"}"#).unwrap_err().0,
            "Order_id field must be an array"
        );
        let both = cancel(r#"{"order_id":["O"],"cl_ord_id":["a","b"],"token":"T"}"#).unwrap();
        assert_eq!(both.targets.len(), 3);
    }

    #[test]
    fn batches_of_cancels_have_two_to_fifty_orders() {
        let batch = |orders: usize, names: usize| {
            let (orders, names) = (vec!["\"7\""; orders], vec!["\"a\""; names]);
            let (orders, names) = (orders.join(","), names.join(","));
            let json = format!(r#"{{"orders":[{orders}],"cl_ord_id":[{names}],"token":"T"}}"#);
            let read = batch_cancel(&Fields::parse(&json).unwrap());
            read.map_err(|error| error.0.into_owned())
        };
        assert_eq!(batch(0, 0).unwrap_err(), "Orders(s) not found");
        for (orders, names) in [(1, 0), (0, 1), (51, 0), (26, 25)] {
            let refused = batch(orders, names).unwrap_err();
            assert_eq!(refused, "EGeneral:Invalid arguments:orders");
        }
        for (orders, names) in [(2, 0), (1, 1), (50, 0), (25, 25)] {
            assert!(batch(orders, names).is_ok());
        }
    }
}
