//! Being told to stop, which is not a failure.
//!
//! For: waits that end when a token is canceled. Left out: who cancels, and what stopping means.
//! Always true: [`Canceled`] is no [`std::error::Error`] and converts into none, so `?` in a function that returns
//! an error does not compile and nobody mistakes a stop for a fault, retries it or counts it against a breaker:
//!
//! ```compile_fail
//! use tradingd::resilience::Canceled;
//!
//! fn fetch() -> Result<u8, Canceled> { Err(Canceled) }
//! fn caller() -> Result<u8, Box<dyn std::error::Error>> { Ok(fetch()?) }
//! ```
//!
//! ```compile_fail
//! use tradingd::resilience::{Canceled, supervisor::TaskError};
//!
//! fn fetch() -> Result<u8, Canceled> { Err(Canceled) }
//! fn task() -> Result<u8, TaskError> { Ok(fetch()?) }
//! ```

use std::{fmt, future::Future};

use tokio_util::sync::CancellationToken;

/// The work was told to stop before it was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
///
/// ```
/// use tradingd::resilience::{Canceled, supervisor::TaskError};
///
/// fn fetch() -> Result<u8, Canceled> { Err(Canceled) }
/// fn caller() -> Result<u8, Canceled> { Ok(fetch()?) }
/// fn task() -> Result<u8, TaskError> { Ok("7".parse::<u8>()?) }
/// # assert_eq!(caller(), Err(Canceled));
/// ```
#[must_use = "a stop is passed on or acted on, never swallowed"]
pub struct Canceled;

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canceled")
    }
}

/// Runs `future` until it is done or `token` is canceled.
///
/// Cancellation wins when both are ready, and a future whose token is canceled beforehand is never polled.
///
/// # Cancel safety
///
/// `future` is dropped on cancellation. It must be one that loses nothing by that.
///
/// # Errors
///
/// When the token was canceled first.
pub async fn or_canceled<F: Future>(
    token: &CancellationToken,
    future: F,
) -> Result<F::Output, Canceled> {
    tokio::select! {
        biased;
        () = token.cancelled() => Err(Canceled),
        output = future => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn work_that_ends_first_gives_its_result() {
        assert_eq!(
            or_canceled(&CancellationToken::new(), ready(7)).await,
            Ok(7)
        );
    }

    #[tokio::test]
    async fn cancellation_ends_a_wait_that_would_not_end() {
        let token = CancellationToken::new();
        let (result, ()) = tokio::join!(or_canceled(&token, pending::<()>()), async {
            token.cancel();
        });
        assert_eq!(result, Err(Canceled));
    }

    #[tokio::test]
    async fn canceled_beforehand_never_polls_the_work() {
        let token = CancellationToken::new();
        token.cancel();
        let mut polled = false;
        let result = or_canceled(&token, async { polled = true }).await;
        assert_eq!((result, polled), (Err(Canceled), false));
    }
}
