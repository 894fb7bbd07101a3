//! Drives the sources: waits until one is due, lets it act, and takes its requests to the venue.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use super::Source;
use crate::{
    io::Clock,
    sim::{
        Venue,
        matching::{AccountId, Request},
    },
    types::Timestamp,
};

/// Actions after which others get a turn on this thread.
const TURN: usize = 32;
/// A market that is later than this goes on from where it stood and does not hurry after the clock.
const LATE: Duration = Duration::from_secs(1);
/// Longest single wait, so that clocks that jump are noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Opens the agents' accounts and performs what is due at the start, so that every book has two sides. Meant to run before anyone connects; [`run`] does it otherwise.
pub fn warm_up(venue: &Venue, sources: &mut [Box<dyn Source>]) {
    let mut requests = Vec::new();
    for source in sources {
        venue.change(|exchange| {
            for account in source.accounts() {
                exchange.open_agent(account);
            }
        });
        while source.next() == Some(Duration::ZERO) {
            act(venue, source.as_mut(), &mut requests);
        }
    }
}

/// Runs the market until it is canceled. `speed` divides the gaps between actions and changes nothing else; it must be above zero.
///
/// # Cancel safety
///
/// Nothing is lost but market time when the future is dropped: every action is finished before the next await.
pub async fn run(
    venue: Venue,
    mut sources: Vec<Box<dyn Source>>,
    speed: f64,
    cancel: CancellationToken,
) {
    warm_up(&venue, &mut sources);
    let clock = venue.clock().clone();
    let mut start = clock.now();
    let mut requests = Vec::new();
    let mut turns = 0;
    while let Some((due, source)) = next(&mut sources) {
        let at = start.after(slowed(due, speed));
        if !wait_until(at, &clock, &cancel).await {
            return;
        }
        let late = clock.now().since(at);
        if late > LATE {
            debug!(?late, "market fell behind and goes on from there");
            start = start.after(late);
        }
        act(&venue, source.as_mut(), &mut requests);
        turns += 1;
        if turns % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    cancel.cancelled().await;
}

/// The source that acts next. Of several at once, the first.
fn next(sources: &mut [Box<dyn Source>]) -> Option<(Duration, &mut Box<dyn Source>)> {
    let due = sources
        .iter_mut()
        .filter_map(|source| Some((source.next()?, source)));
    due.min_by_key(|(due, _)| *due)
}

/// False when canceled.
async fn wait_until(at: Timestamp, clock: &Clock, cancel: &CancellationToken) -> bool {
    loop {
        if cancel.is_cancelled() {
            return false;
        }
        let left = at.since(clock.now());
        if left.is_zero() {
            return true;
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => return false,
            () = tokio::time::sleep(left.min(LONGEST_WAIT)) => {}
        }
    }
}

fn act(venue: &Venue, source: &mut dyn Source, requests: &mut Vec<(AccountId, Request)>) {
    requests.clear();
    let now = venue.clock().now();
    venue.read(|view| source.act(now, view.exchange, requests));
    for (account, request) in requests.drain(..) {
        // An agent's order may be gone by the time it cancels it: agents look again and need no answer.
        if let Err(refusal) = venue.act(account, request) {
            trace!(account = account.0, ?refusal, "agent refused");
        }
    }
}

/// Wall time of a market time; the longest duration if it does not fit.
fn slowed(market: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(market.as_secs_f64() / speed).unwrap_or(Duration::MAX)
}
