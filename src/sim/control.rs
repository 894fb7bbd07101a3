//! The control endpoint: steering a running simulator over HTTP, JSON in and JSON out.
//!
//! For: tests and people in any language: faults, statuses, announcements, tokens, the clock. Left out: everything that Kraken has;
//! this has an address of its own. Always true: it listens on the loopback only and answers no browser; bodies and times are bounded;
//! a request that cannot be followed changes nothing, and the answer says what is wrong, where, and what is allowed.

mod answer;
mod calls;
mod state;

use std::time::Duration;

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header::ORIGIN},
    response::Response,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::answer::{Answer, Problem, respond};
use super::{controls::Controls, server::rest};
use crate::io::net::Listener;

/// Largest body that is read, in bytes.
const LARGEST: usize = 64 << 10;
/// Time in which a request must have arrived.
const DEADLINE: Duration = Duration::from_secs(5);

/// Serves until canceled. Open calls may end within a short grace.
///
/// # Cancel safety
///
/// Dropped, it accepts no more and leaves open calls to themselves.
pub(super) async fn serve(listener: Listener, controls: Controls, cancel: CancellationToken) {
    let router = Router::new().fallback(handle).with_state(controls);
    rest::serve_router(listener, router, cancel).await;
}

async fn handle(State(controls): State<Controls>, request: Request) -> Response {
    respond(answer(&controls, request).await)
}

async fn answer(controls: &Controls, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(ORIGIN) {
        let why = "requests of browsers (with an Origin header) are refused";
        return Err(Problem::new(StatusCode::FORBIDDEN, why));
    }
    let body = read(body).await?;
    let path = parts.uri.path().trim_matches('/');
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    calls::carry_out(controls, parts.method.as_str(), &path, &body)
}

async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    let read = timeout(DEADLINE, to_bytes(body, LARGEST)).await;
    let late = || {
        let why = format!("the body did not arrive within {} s", DEADLINE.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, why)
    };
    read.map_err(|_elapsed| late())?.map_err(|_too_large| {
        let why = format!("the body is no more than {LARGEST} bytes long, and whole");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    })
}
