//! What an endpoint answers: a result or the venue's error, in one envelope.

use std::borrow::Cow;

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::sim::{matching::Refusal, server::refusal};

/// The venue's error text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::sim::server) struct Failure(pub(super) Cow<'static, str>);

/// A result, ready to be sent.
pub(super) type Answer = Result<Box<RawValue>, Failure>;

impl Failure {
    pub(super) const INTERNAL: Self = Self::text("EGeneral:Internal error");
    pub(super) const PERMISSION: Self = Self::text("EGeneral:Permission denied");
    pub(super) const RATE_LIMIT: Self = Self::text("EAPI:Rate limit exceeded");
    pub(super) const UNKNOWN_METHOD: Self = Self::text("EGeneral:Unknown method");
    pub(super) const UNKNOWN_PAIR: Self = Self::text("EQuery:Unknown asset pair");
    /// The venue can, the simulator cannot. Certainly not carried out.
    pub(super) const FEATURE: Self = Self::text("EAPI:Feature disabled");

    pub(super) const fn text(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// `EGeneral:Invalid arguments:<field>`.
    pub(super) fn argument(field: &str) -> Self {
        Self(Cow::Owned(format!("EGeneral:Invalid arguments:{field}")))
    }
}

impl From<Refusal> for Failure {
    fn from(refused: Refusal) -> Self {
        Self::text(refusal::text(refused))
    }
}

/// Turns a result into JSON.
pub(super) fn result(value: &impl Serialize) -> Answer {
    to_raw_value(value).map_err(|_unwritable| Failure::INTERNAL)
}

#[derive(Serialize)]
struct Good<'a> {
    error: [(); 0],
    result: &'a RawValue,
}

#[derive(Serialize)]
struct Bad<'a> {
    error: [&'a str; 1],
}

/// The answer in its envelope. Application errors come with status 200 and without a `result`.
pub(super) fn response(answer: &Answer) -> Response {
    let body = match answer {
        Ok(result) => serde_json::to_string(&Good { error: [], result }),
        Err(Failure(text)) => serde_json::to_string(&Bad { error: [text] }),
    };
    match body {
        Ok(body) => ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response(),
        Err(_unwritable) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page as the network in front of the venue sends it.
pub(super) fn page(status: u16, html: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    (status, [(CONTENT_TYPE, "text/html; charset=UTF-8")], html).into_response()
}
