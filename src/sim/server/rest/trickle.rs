//! Answers that do not arrive as they should: half of one, or at so many bytes a second.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::header::CONTENT_LENGTH,
    response::Response,
};
use futures_util::stream;
use tokio::time::sleep;

/// Pieces a second of a slow answer.
const PIECES: u32 = 20;

/// An answer of which the second half never comes: the connection ends before.
///
/// # Cancel safety
///
/// Nothing is sent yet when the future is dropped.
pub(super) async fn half(answer: Response) -> Response {
    let (head, body) = parts(answer).await;
    let first = body.slice(..body.len() / 2);
    let pieces = stream::unfold(Some(first), |first| async move {
        match first {
            Some(first) => Some((Ok(first), None)),
            None => {
                // So that the first half is sent before the connection ends.
                tokio::task::yield_now().await;
                let broken = std::io::ErrorKind::ConnectionAborted;
                Some((Err(std::io::Error::from(broken)), None))
            }
        }
    });
    Response::from_parts(head, Body::from_stream(pieces))
}

/// An answer at so many bytes a second.
///
/// # Cancel safety
///
/// Nothing is sent yet when the future is dropped.
pub(super) async fn slow(answer: Response, bytes_per_second: u32) -> Response {
    let (head, body) = parts(answer).await;
    let piece = (bytes_per_second / PIECES).max(1);
    let pause = Duration::from_secs(1) * piece / bytes_per_second;
    let size = usize::try_from(piece).unwrap_or(usize::MAX);
    let pieces = stream::unfold(body, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        sleep(pause).await;
        let piece = left.split_to(size.min(left.len()));
        Some((Ok::<_, std::io::Error>(piece), left))
    });
    Response::from_parts(head, Body::from_stream(pieces))
}

/// The head, which says how long the body is, and the body.
async fn parts(answer: Response) -> (axum::http::response::Parts, Bytes) {
    let (mut head, body) = answer.into_parts();
    // It was written in one piece by this server.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    (head, body)
}
