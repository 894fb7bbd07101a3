//! Requests: from the text of a frame to something that can be done, or to the venue's words of refusal.
//!
//! For: strictness. Unknown members, wrong types and missing values are refused in the texts that Kraken uses
//! (§1.4; client captures of 2023–2026). Where no capture is known, the text follows the known pattern.
//! Left out: tokens, funds, limits; everything that needs the state of the venue.

mod changes;
mod extras;
mod fields;
mod orders;
mod subscribe;
mod triggers;

pub(crate) use changes::{
    AmendOrder, CancelOrder, EditOrder, Target, amend_order, batch_cancel, cancel_order, edit_order,
};
pub(crate) use fields::{Fields, VenueError, required};
pub(crate) use orders::{AddOrder, add_order, batch_add, resolve_price, resolve_quantity};
pub(in crate::sim) use subscribe::BOOK_DEPTHS;
pub(crate) use subscribe::{
    Channel, Executions, Subscription, Trigger, is_private, subscription, unsubscription,
};
pub(crate) use triggers::{Asked, AskedTrigger, PriceType};

use std::time::Duration;

use crate::types::Timestamp;

/// A frame that is a request: its method, its number and its parameters still to be read.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Which method; exists at the venue.
    pub(crate) method: Method,
    /// The client's number as it was written.
    pub(crate) req_id: Option<&'a str>,
    /// The parameters; empty if there were none.
    pub(crate) params: Fields<'a>,
}

/// A frame that is no request, with what is known of it.
#[derive(Debug)]
pub(crate) struct NoCall<'a> {
    /// The method's name, if it can be told.
    pub(crate) method: Option<String>,
    /// The client's number, if it can be told.
    pub(crate) req_id: Option<&'a str>,
    /// Why.
    pub(crate) error: VenueError,
}

/// The venue's methods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    /// `ping`
    Ping,
    /// `subscribe`
    Subscribe,
    /// `unsubscribe`
    Unsubscribe,
    /// `add_order`
    AddOrder,
    /// `amend_order`
    AmendOrder,
    /// `edit_order`
    EditOrder,
    /// `cancel_order`
    CancelOrder,
    /// `cancel_all`
    CancelAll,
    /// `cancel_all_orders_after`
    CancelAfter,
    /// `batch_add`
    BatchAdd,

    /// `batch_cancel`
    BatchCancel,
}

impl Method {
    pub(crate) const ALL: [Self; 11] = [
        Self::Ping,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::AddOrder,
        Self::AmendOrder,
        Self::EditOrder,
        Self::CancelOrder,
        Self::CancelAll,
        Self::CancelAfter,
        Self::BatchAdd,
        Self::BatchCancel,
    ];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::AddOrder => "add_order",
            Self::AmendOrder => "amend_order",
            Self::EditOrder => "edit_order",
            Self::CancelOrder => "cancel_order",
            Self::CancelAll => "cancel_all",
            Self::CancelAfter => "cancel_all_orders_after",
            Self::BatchAdd => "batch_add",
            Self::BatchCancel => "batch_cancel",
        }
    }

    /// Whether it acts on orders and so needs a token.
    pub(crate) const fn is_trading(self) -> bool {
        !matches!(self, Self::Ping | Self::Subscribe | Self::Unsubscribe)
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// Reads a frame's envelope.
pub(crate) fn call(frame: &str) -> Result<Call<'_>, NoCall<'_>> {
    let refuse = |method, req_id, error| NoCall {
        method,
        req_id,
        error,
    };
    let envelope = Fields::parse(frame).map_err(|error| refuse(None, None, error))?;
    let req_id = envelope.raw("req_id");
    let name = match envelope.text("method") {
        Ok(Some(name)) => name,
        Ok(None) => return Err(refuse(None, req_id, VenueError::of("Unsupported event"))),
        Err(error) => return Err(refuse(None, req_id, error)),
    };
    if let Err(error) = envelope.any_integer("req_id") {
        return Err(refuse(Some(name), None, error));
    }
    let Some(method) = Method::find(&name) else {
        let error = VenueError::of("Unsupported event");
        return Err(refuse(Some(name), req_id, error));
    };
    let allowed: &[&str] = if method == Method::Ping {
        &["method", "req_id"]
    } else {
        &["method", "req_id", "params"]
    };
    let params = envelope
        .only(allowed, method.name())
        .and_then(|()| params(&envelope));
    match params {
        Ok(params) => Ok(Call {
            method,
            req_id,
            params,
        }),
        Err(error) => Err(refuse(Some(name), req_id, error)),
    }
}

fn params<'a>(envelope: &Fields<'a>) -> Result<Fields<'a>, VenueError> {
    match envelope.raw("params") {
        None => Fields::parse("{}"),
        Some(raw) if raw.starts_with('{') => Fields::parse(raw),
        Some(_) => Err(VenueError::of("Params field must be an object")),
    }
}

/// The instant after which an order must not match, from `deadline` or the default of five seconds.
///
/// # Errors
///
/// An instant that is over, or less than half a second or more than a minute away.
fn deadline(text: Option<&str>, now: Timestamp) -> Result<Timestamp, VenueError> {
    let Some(text) = text else {
        return Ok(now.after(Duration::from_secs(5)));
    };
    let invalid = VenueError::of("EGeneral:Invalid arguments:deadline");
    let at = Timestamp::parse(text).map_err(|_no_instant| invalid.clone())?;
    if at <= now {
        return Err(VenueError::of("EService:Deadline elapsed"));
    }
    let ahead = at.since(now);
    let allowed = Duration::from_millis(500)..=Duration::from_secs(60);
    if allowed.contains(&ahead) {
        Ok(at)
    } else {
        Err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(frame: &str) -> String {
        call(frame).unwrap_err().error.0.into_owned()
    }

    #[test]
    fn envelopes_are_refused_in_the_venues_words() {
        for (frame, want) in [
            ("", "Malformed request"),
            ("{\"method\":\"pi", "Malformed request"),
            ("[1,2]", "Malformed request"),
            ("{\"req_id\":1}", "Unsupported event"),
            ("{\"event\":\"ping\"}", "Unsupported event"),
            ("{\"method\":\"dance\"}", "Unsupported event"),
            ("{\"method\":7}", "Method field must be a string"),
            (
                "{\"method\":\"ping\",\"req_id\":\"1\"}",
                "Req_id field must be a number_integer",
            ),
            (
                "{\"method\":\"ping\",\"params\":{}}",
                "Unsupported field: 'params' for the given msg type: ping",
            ),
            (
                "{\"method\":\"add_order\",\"price\":1}",
                "Unsupported field: 'price' for the given msg type: add order",
            ),
            (
                "{\"method\":\"subscribe\",\"params\":[]}",
                "Params field must be an object",
            ),
        ] {
            assert_eq!(refusal(frame), want, "{frame}");
        }
    }

    #[test]
    fn the_clients_number_is_echoed_as_written() {
        let call = call("{\"method\":\"ping\",\"req_id\":0007}");
        assert!(call.is_err(), "no JSON number");
        let call = super::call("{\"req_id\":18014398509481985,\"method\":\"ping\"}").unwrap();
        assert_eq!(call.req_id, Some("18014398509481985"));
        for whole in ["-9223372036854775808", "18446744073709551615"] {
            let frame = format!("{{\"method\":\"ping\",\"req_id\":{whole}}}");
            assert_eq!(super::call(&frame).unwrap().req_id, Some(whole));
        }
        assert_eq!(call.method, Method::Ping);
    }

    #[test]
    fn deadlines_lie_between_half_a_second_and_a_minute_ahead() {
        let now = Timestamp::parse("2026-09-01T08:00:00.000Z").unwrap();
        let with = |at| deadline(Some(at), now);
        assert_eq!(
            deadline(None, now).unwrap(),
            Timestamp::parse("2026-09-01T08:00:05.000Z").unwrap()
        );
        assert!(with("2026-09-01T08:00:00.500Z").is_ok());
        assert!(with("2026-09-01T08:01:00.000Z").is_ok());
        for (at, want) in [
            (
                "2026-09-01T08:00:00.499Z",
                "EGeneral:Invalid arguments:deadline",
            ),
            (
                "2026-09-01T08:01:00.001Z",
                "EGeneral:Invalid arguments:deadline",
            ),
            ("soon", "EGeneral:Invalid arguments:deadline"),
            ("2026-09-01T07:59:59.999Z", "EService:Deadline elapsed"),
        ] {
            assert_eq!(with(at).unwrap_err().0, want, "{at}");
        }
    }
}
