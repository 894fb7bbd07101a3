//! What the control endpoint answers.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

/// JSON, or why not.
pub(super) type Answer = Result<String, Problem>;

/// Why a request was not followed.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            allowed: Vec::new(),
        }
    }

    /// A body that cannot be followed.
    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Something that is not there.
    pub(super) fn missing(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// With what would have been right.
    pub(super) fn allowing(self, allowed: impl IntoIterator<Item = String>) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
            ..self
        }
    }
}

/// Turns a value into JSON.
pub(super) fn json(value: &impl Serialize) -> Answer {
    serde_json::to_string(value)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

pub(super) fn respond(answer: Answer) -> Response {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(problem) => {
            let body = serde_json::to_string(&problem).unwrap_or_default();
            (problem.status, body)
        }
    };
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, body + "\n").into_response()
}
