//! What few orders ask for: `conditional`, `effective_time`, `sender_sub_id`, `fee_preference` (§2.4).

use super::{Asked, Fields, PriceType, VenueError, orders::client_id, required};
use crate::{
    sim::{
        matching::{Close, Extras, FeeCurrency, TriggerKind},
        server::{
            order_type::OrderType,
            terms::{self, NO_NAME_WITH_CLOSE},
        },
    },
    types::{Instrument, Timestamp},
};

const START: VenueError = VenueError::of("EGeneral:Invalid arguments:effective_time");
const CONDITIONAL: VenueError = VenueError::of("EGeneral:Invalid arguments:conditional");

/// What was asked for; its digits still need the pair's precision, its start the clock.
#[derive(Clone, Debug)]
pub(super) struct AskedExtras {
    close: Option<AskedClose>,
    start: Option<Timestamp>,
    sub_id: Option<String>,
    fee_in: FeeCurrency,
}

#[derive(Clone, Debug)]
struct AskedClose {
    trigger: Option<(TriggerKind, Asked)>,
    limit: Option<Asked>,
}

impl AskedExtras {
    /// Reads the members.
    ///
    /// # Errors
    ///
    /// Members and types that the venue refuses; a close of an order with a client's id.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, VenueError> {
        if fields.has("conditional") && fields.has("cl_ord_id") {
            return Err(VenueError::of(NO_NAME_WITH_CLOSE));
        }
        let close = fields.object("conditional")?;
        let start = fields.text("effective_time")?;
        Ok(Self {
            close: close.map(|close| AskedClose::read(&close)).transpose()?,
            start: start
                .map(|text| Timestamp::parse(&text).map_err(|_malformed| START))
                .transpose()?,
            sub_id: fields.text("sender_sub_id")?,
            fee_in: match fields.text("fee_preference")?.as_deref() {
                None | Some("quote") => FeeCurrency::Quote,
                Some("base") => FeeCurrency::Base,
                Some(_) => {
                    return Err(VenueError::of("EGeneral:Invalid arguments:fee_preference"));
                }
            },
        })
    }

    /// The same in the pair's units.
    ///
    /// # Errors
    ///
    /// Digits that are no prices of this pair, a start too far ahead, a name of the wrong form.
    pub(super) fn resolve(&self, of: &Instrument, now: Timestamp) -> Result<Extras, VenueError> {
        if self.start.is_some_and(|at| !terms::is_start(at, now)) {
            return Err(START);
        }
        let sub_id = self.sub_id.as_deref();
        let sub_id = sub_id.map(|text| client_id(text, "sender_sub_id"));
        let close = self.close.as_ref();
        Ok(Extras {
            close: close.map(|close| close.resolve(of)).transpose()?,
            start: self.start,
            sub_id: sub_id.transpose()?,
            fee_in: self.fee_in,
        })
    }

    /// Whether an order that expires then would ever work.
    pub(super) fn works_until(&self, expiry: Timestamp, now: Timestamp) -> bool {
        terms::is_expiry(expiry, self.start, now)
    }
}

impl AskedClose {
    fn read(fields: &Fields<'_>) -> Result<Self, VenueError> {
        let members = [
            "order_type",
            "limit_price",
            "limit_price_type",
            "trigger_price",
            "trigger_price_type",
        ];
        fields.only(&members, "add_order")?;
        let name = required(fields.text("order_type")?, "order_type")?;
        let kind = OrderType::read_close(&name).ok_or(CONDITIONAL)?;
        Ok(Self {
            trigger: kind
                .trigger
                .map(|trigger| Self::trigger(fields, trigger))
                .transpose()?,
            limit: Self::limit(fields, kind)?,
        })
    }

    fn trigger(fields: &Fields<'_>, kind: TriggerKind) -> Result<(TriggerKind, Asked), VenueError> {
        let price = required(fields.number("trigger_price")?, "trigger_price")?;
        let price_type = PriceType::read(fields, "trigger_price_type")?;
        let price_type = price_type.unwrap_or(PriceType::Static);
        let distance = price_type != PriceType::Static && !price.starts_with('-');
        if kind == TriggerKind::TrailingStop && !distance {
            return Err(CONDITIONAL);
        }
        Ok((kind, Asked::new(price, price_type)))
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
        Ok(Some(Asked::new(price, price_type)))
    }

    fn resolve(&self, of: &Instrument) -> Result<Close, VenueError> {
        let trigger = self.trigger.as_ref();
        let trigger = trigger.map(|(kind, price)| Ok((*kind, price.resolve(of)?)));
        let limit = self.limit.as_ref();
        Ok(Close {
            trigger: trigger.transpose()?,
            limit: limit.map(|limit| limit.resolve(of)).transpose()?,
            follows: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(members: &str) -> String {
        let json = format!("{{{members}}}");
        let asked = AskedExtras::read(&Fields::parse(&json).unwrap());
        asked.unwrap_err().0.into_owned()
    }

    #[test]
    fn a_close_is_read_as_strictly_as_an_order() {
        for (close, want) in [
            ("5", "Conditional field must be an object"),
            ("{}", "Order_type(s) not found"),
            (
                r#"{"order_type":"market"}"#,
                "EGeneral:Invalid arguments:conditional",
            ),
            (
                r#"{"order_type":"iceberg","limit_price":5}"#,
                "EGeneral:Invalid arguments:conditional",
            ),
            (r#"{"order_type":"limit"}"#, "Limit_price(s) not found"),
            (
                r#"{"order_type":"stop-loss"}"#,
                "Trigger_price(s) not found",
            ),
            (
                r#"{"order_type":"stop-loss","trigger_price":"5"}"#,
                "Trigger_price field must be a number_float",
            ),
            (
                r#"{"order_type":"stop-loss","trigger_price":5,"limit_price":4}"#,
                "EOrder:Invalid limit price",
            ),
            (
                r#"{"order_type":"stop-loss-limit","trigger_price":5}"#,
                "Limit_price(s) not found",
            ),
            (
                r#"{"order_type":"trailing-stop","trigger_price":5}"#,
                "EGeneral:Invalid arguments:conditional",
            ),
            (
                r#"{"order_type":"limit","limit_price":5,"limit_price_type":"far"}"#,
                "EGeneral:Invalid arguments:limit_price_type",
            ),
            (
                r#"{"order_type":"limit","limit_price":5,"order_qty":1}"#,
                "Unsupported field: 'order_qty' for the given msg type: add order",
            ),
        ] {
            assert_eq!(
                refusal(&format!("\"conditional\":{close}")),
                want,
                "{close}"
            );
        }
    }

    #[test]
    fn the_rest_is_read_and_refused_by_name() {
        let conditional = r#""conditional":{},"cl_ord_id":"a""#;
        for (members, want) in [
            (
                conditional,
                "EOrder:cl_ord_id is not supported on conditional close",
            ),
            (
                r#""effective_time":"soon""#,
                "EGeneral:Invalid arguments:effective_time",
            ),
            (
                r#""effective_time":5"#,
                "Effective_time field must be a string",
            ),
            (
                r#""sender_sub_id":5"#,
                "Sender_sub_id field must be a string",
            ),
            (
                r#""fee_preference":"none""#,
                "EGeneral:Invalid arguments:fee_preference",
            ),
        ] {
            assert_eq!(refusal(members), want);
        }
    }
}
