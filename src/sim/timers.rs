//! The task that lets the venue's own time pass: expiries and dead man's switches, when they are due.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Venue;

/// Longest single wait, so that clocks that jump are noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Runs until canceled.
///
/// # Cancel safety
///
/// What is due when the future is dropped stays due.
pub(super) async fn run(venue: Venue, cancel: CancellationToken) {
    let mut due = venue.due();
    loop {
        let next = *due.borrow_and_update();
        let elapsing = async {
            match next {
                None => std::future::pending().await,
                Some(at) => sleep(at.since(venue.clock().now()).min(LONGEST_WAIT)).await,
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            changed = due.changed() => if changed.is_err() { return },
            () = elapsing => venue.elapse(),
        }
    }
}
